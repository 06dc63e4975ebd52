//! The replay of a recorded session, with the recheck of its verdict.

use std::iter::Peekable;

use jiff::Timestamp;

use super::{Recheck, Session, Step};
use crate::observation::{Observation, Seen};
use crate::verdict::Verdict;

/// A verdict that a session reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The verdict.
    pub verdict: Verdict,
    /// When it was reached.
    pub at: Timestamp,
}

/// Replays what was recorded, up to a verdict that its recheck leaves standing.
///
/// The ticks of the live session were not recorded: where the record has nothing in time, time passes. A
/// verdict stands without a recheck if none was recorded, because the run was killed, because an older
/// version recorded it, or because another policy reaches its verdict at another time.
pub fn replay(
    session: &mut Session,
    recorded: impl IntoIterator<Item = Observation>,
    mut on_step: impl FnMut(&Step),
) -> Decided {
    let mut recorded = recorded.into_iter().peekable();
    let mut wake_at = session.started();
    loop {
        let observation = match recorded.peek() {
            // The live session had its verdict by then, if only from the time.
            Some(next) if is_read(next) => Session::tick(next.at.min(wake_at)),
            _ => {
                let next = recorded.next_if(|next| next.at <= wake_at);
                next.unwrap_or_else(|| Session::tick(wake_at))
            }
        };
        let at = observation.at;
        let step = session.observe(observation);
        on_step(&step);
        wake_at = step.wake_at.max(at);
        if step.verdict.is_terminal() {
            let decided = Decided {
                verdict: step.verdict,
                at,
            };
            let rechecked = recheck(session, decided, &mut recorded);
            if rechecked.verdict.is_terminal() {
                let verdict = rechecked.verdict;
                return Decided { verdict, at };
            }
            wake_at = rechecked.at;
        } else {
            let _ = recorded.next_if(|next| is_read(next) && next.at <= at);
        }
    }
}

const fn is_read(observation: &Observation) -> bool {
    matches!(observation.seen, Seen::Reread(_))
}

/// Returns the verdict after the recorded reads, and when the last one ended.
fn recheck(
    session: &mut Session,
    decided: Decided,
    recorded: &mut Peekable<impl Iterator<Item = Observation>>,
) -> Decided {
    let Decided { verdict, mut at } = decided;
    let mut recheck = Recheck::new(session, verdict.clone(), at);
    let mut step = recheck.step(session, None, at);
    while step.verdict.is_none() {
        let read = recorded.next_if(is_read);
        let Some(Observation {
            at: ended_at,
            seen: Seen::Reread(read),
        }) = read
        else {
            break;
        };
        at = at.max(ended_at);
        step = recheck.step(session, Some(read), at);
    }
    Decided {
        verdict: step.verdict.unwrap_or(verdict),
        at,
    }
}
