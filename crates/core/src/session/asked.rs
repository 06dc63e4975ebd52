//! Requests of a session outside the watches, and when each is due again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
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
    /// When it was asked or answered last; `None` before it was asked.
    at: Option<Timestamp>,
    answered: bool,
}

impl Last {
    fn again(self, waits: Waits) -> Timestamp {
        let wait = if self.answered {
            waits.answered
        } else {
            waits.unanswered
        };
        self.at.map_or(Timestamp::MIN, |at| after(at, wait))
    }
}

/// The requests that are wanted, by key, and when each was asked or answered last. Those that are due are
/// found without a look at the others.
#[derive(Debug, Clone)]
pub(super) struct Asked<K> {
    waits: Waits,
    last: BTreeMap<K, Last>,
    due: BTreeMap<Timestamp, BTreeSet<K>>,
}

impl<K: Ord + Clone> Asked<K> {
    pub(super) const fn new(waits: Waits) -> Self {
        Self {
            waits,
            last: BTreeMap::new(),
            due: BTreeMap::new(),
        }
    }

    /// Wants something from now on; asks for it at once, unless it was wanted before.
    pub(super) fn want(&mut self, key: K) {
        if !self.last.contains_key(&key) {
            let (at, answered) = (None, false);
            self.keep(key, Last { at, answered });
        }
    }

    /// Forgets what is not wanted any more.
    pub(super) fn forget(&mut self, key: &K) {
        if let Some(last) = self.last.remove(key) {
            self.leave(last.again(self.waits), key);
        }
    }

    /// Takes note of an answer to what is wanted.
    pub(super) fn answered(&mut self, key: &K, at: Timestamp) {
        if self.last.contains_key(key) {
            let (at, answered) = (Some(at), true);
            self.keep(key.clone(), Last { at, answered });
        }
    }

    /// Takes note of an answer that holds for all that is open.
    pub(super) fn all_answered(&mut self, at: Timestamp) {
        let is_open = |last: &Last| last.at.is_some() && !last.answered;
        let open = self.last.iter().filter(|(_, last)| is_open(last));
        let open: Vec<K> = open.map(|(key, _)| key.clone()).collect();
        for key in open {
            self.answered(&key, at);
        }
    }

    /// Returns what is due; it counts as asked from now on.
    pub(super) fn take_due(&mut self, now: Timestamp) -> BTreeSet<K> {
        let mut due = BTreeSet::new();
        while let Some(first) = self.due.first_entry().filter(|it| *it.key() <= now) {
            due.append(&mut first.remove());
        }
        for key in &due {
            let (at, answered) = (Some(now), false);
            self.keep(key.clone(), Last { at, answered });
        }
        due
    }

    /// When the next is due.
    pub(super) fn next(&self, now: Timestamp) -> Timestamp {
        let later = (Bound::Excluded(now), Bound::Unbounded);
        let mut later = self.due.range(later);
        later.next().map_or(Timestamp::MAX, |(at, _)| *at)
    }

    fn keep(&mut self, key: K, last: Last) {
        let at = last.again(self.waits);
        if let Some(former) = self.last.insert(key.clone(), last) {
            self.leave(former.again(self.waits), &key);
        }
        self.due.entry(at).or_default().insert(key);
    }

    fn leave(&mut self, at: Timestamp, key: &K) {
        if let Some(keys) = self.due.get_mut(&at) {
            keys.remove(key);
            if keys.is_empty() {
                self.due.remove(&at);
            }
        }
    }
}
