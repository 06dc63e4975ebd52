//! Collects a pod's answers to one HTTP check.

use jiff::Timestamp;

use crate::observation::Answer;

/// The newest answer, with what the ones before it were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answers {
    newest: Option<(Timestamp, Answer)>,
    first: Option<Timestamp>,
    times: u32,
    ready_since: Option<Timestamp>,
    reached: bool,
}

impl Answers {
    /// Records an answer; `ready_since` is that of the pod when the answer came.
    ///
    /// A pod that becomes ready again is checked again.
    pub(super) fn take(&mut self, answer: Answer, at: Timestamp, ready_since: Option<Timestamp>) {
        if self.ready_since != ready_since {
            self.restart();
            self.ready_since = ready_since;
        }
        self.reached |= answer.reached();
        let newest = Some((at, answer));
        // An answer that is observed twice counts once.
        if self.newest == newest {
            return;
        }
        self.first.get_or_insert(at);
        self.times += 1;
        self.newest = newest;
    }

    /// Starts again: what came before counts no more, except that the way to the pod was open.
    pub(super) fn restart(&mut self) {
        *self = Self {
            reached: self.reached,
            ..Self::default()
        };
    }

    /// Returns the newest answer, and when it came.
    #[must_use]
    pub const fn newest(&self) -> Option<&(Timestamp, Answer)> {
        self.newest.as_ref()
    }

    /// When the first answer came. The session stops asking once one is as expected, so that all
    /// before the newest were not.
    #[must_use]
    pub const fn first(&self) -> Option<Timestamp> {
        self.first
    }

    /// Returns how many answers came.
    #[must_use]
    pub const fn times(&self) -> u32 {
        self.times
    }

    /// Returns whether any of its answers, since it was made, shows that the way to it is open.
    #[must_use]
    pub const fn reached(&self) -> bool {
        self.reached
    }

    /// Since when the pod was ready as it answered.
    #[must_use]
    pub const fn ready_since(&self) -> Option<Timestamp> {
        self.ready_since
    }
}
