//! Requests of a session outside the watches, and when each is due again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::duration::after;

/// How long to wait before the same is asked again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    /// After its answer.
    pub(super) answered: Duration,
    /// Without an answer.
    pub(super) unanswered: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    at: Timestamp,
    answered: bool,
}

impl Last {
    fn again(self, waits: Waits) -> Timestamp {
        let wait = if self.answered {
            waits.answered
        } else {
            waits.unanswered
        };
        after(self.at, wait)
    }
}

/// The requests, by key, and when each was asked or answered last.
#[derive(Debug, Clone)]
pub(super) struct Asked<K>(BTreeMap<K, Last>);

impl<K> Default for Asked<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Asked<K> {
    /// Returns whether this was asked for and is still wanted.
    pub(super) fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Takes note of an answer.
    pub(super) fn answered(&mut self, key: K, at: Timestamp) {
        self.0.insert(key, Last { at, answered: true });
    }

    /// Takes note of an answer to whatever was asked of a kind.
    pub(super) fn answered_where(&mut self, of_kind: impl Fn(&K) -> bool, at: Timestamp) {
        let asked = self.0.iter_mut().filter(|(key, _)| of_kind(key));
        for (_, last) in asked {
            *last = Last { at, answered: true };
        }
    }

    /// Takes note of an answer that holds for all that is open.
    pub(super) fn all_answered(&mut self, at: Timestamp) {
        for open in self.0.values_mut().filter(|it| !it.answered) {
            *open = Last { at, answered: true };
        }
    }

    /// Those of the wanted whose time has come; they count as asked from now on. What is not wanted any
    /// more is forgotten.
    pub(super) fn due(&mut self, wanted: BTreeSet<K>, now: Timestamp, waits: Waits) -> BTreeSet<K> {
        self.0.retain(|key, _| wanted.contains(key));
        let is_due = |key: &K| {
            let last = self.0.get(key);
            last.is_none_or(|last| now >= last.again(waits))
        };
        let due: BTreeSet<K> = wanted.into_iter().filter(is_due).collect();
        let asked = Last {
            at: now,
            answered: false,
        };
        self.0.extend(due.iter().map(|key| (key.clone(), asked)));
        due
    }

    /// When the next is due.
    pub(super) fn next(&self, now: Timestamp, waits: Waits) -> Timestamp {
        let times = self.0.values().map(|last| last.again(waits));
        times.filter(|at| *at > now).min().unwrap_or(Timestamp::MAX)
    }
}
