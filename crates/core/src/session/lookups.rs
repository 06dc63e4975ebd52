//! What is to be looked up in the cluster, and when.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::duration::after;
use crate::finding::Lookup;
use crate::observation::{Observation, Seen};
use crate::policy::Policy;

/// The lookups that were asked for, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookups(BTreeMap<Lookup, Asked>);

#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Timestamp,
    answered: bool,
}

impl Lookups {
    /// Takes note of an answer.
    pub(super) fn answered(&mut self, observation: &Observation) {
        if let Seen::LookedUp { lookup, .. } = &observation.seen
            && let Some(asked) = self.0.get_mut(lookup)
        {
            *asked = Asked {
                at: observation.at,
                answered: true,
            };
        }
    }

    /// Those of the wanted lookups whose time has come; they count as asked from now on.
    pub(super) fn due(
        &mut self,
        wanted: Vec<Lookup>,
        now: Timestamp,
        policy: &Policy,
    ) -> Vec<Lookup> {
        self.0.retain(|lookup, _| wanted.contains(lookup));
        let mut due = Vec::new();
        for lookup in wanted {
            let known = self.0.get(&lookup);
            if known.is_none_or(|asked| now >= asked.again(policy)) {
                let asked = Asked {
                    at: now,
                    answered: false,
                };
                self.0.insert(lookup.clone(), asked);
                due.push(lookup);
            }
        }
        due
    }

    /// When the next lookup is due.
    pub(super) fn next(&self, now: Timestamp, policy: &Policy) -> Timestamp {
        let times = self.0.values().map(|asked| asked.again(policy));
        times.filter(|at| *at > now).min().unwrap_or(Timestamp::MAX)
    }
}

impl Asked {
    fn again(self, policy: &Policy) -> Timestamp {
        let wait = if self.answered {
            policy.patience.lookup_again
        } else {
            policy.patience.http_lost
        };
        after(self.at, wait)
    }
}
