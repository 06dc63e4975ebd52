//! The lookups that a session needs, and when.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::asked::{Asked, Waits};
use crate::finding::Lookup;
use crate::observation::{Observation, Seen};
use crate::policy::Policy;

/// The lookups that were asked for, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookups(Asked<Lookup>);

impl Lookups {
    /// Takes note of an answer.
    pub(super) fn answered(&mut self, observation: &Observation) {
        let at = observation.at;
        if let Seen::LookedUp { lookup, .. } = &observation.seen
            && self.0.contains(lookup)
        {
            self.0.answered(lookup.clone(), at);
        }
        if matches!(observation.seen, Seen::Traffic { .. }) {
            let traffic =
                |it: &Lookup| matches!(it, Lookup::Traffic | Lookup::TrafficAndPorts { .. });
            self.0.answered_where(traffic, at);
        }
    }

    /// Those of the wanted lookups whose time has come; they count as asked from now on.
    pub(super) fn due(
        &mut self,
        wanted: BTreeSet<Lookup>,
        now: Timestamp,
        policy: &Policy,
    ) -> Vec<Lookup> {
        let due = self.0.due(wanted, now, waits(policy));
        due.into_iter().collect()
    }

    /// When the next lookup is due.
    pub(super) fn next(&self, now: Timestamp, policy: &Policy) -> Timestamp {
        self.0.next(now, waits(policy))
    }
}

const fn waits(policy: &Policy) -> Waits {
    Waits {
        answered: policy.patience.lookup_again,
        unanswered: policy.patience.http_lost,
    }
}
