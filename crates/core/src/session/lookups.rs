//! The lookups that a session needs, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::asked::{Asked, Waits};
use crate::duration::after;
use crate::finding::{Lookup, PodPort};
use crate::observation::{Observation, Seen};
use crate::policy::Policy;

/// So many workloads that get ready one after the other are read about as rarely as one whose answer is
/// repeated.
const MANY: u32 = 100;

/// The ways to pods that are to be read now.
#[derive(Debug, Clone, Copy)]
pub(super) struct WantedTraffic<'a> {
    /// Rises whenever a port is added.
    pub(super) version: u64,
    /// How many workloads are followed.
    pub(super) workloads: usize,
    pub(super) ports: &'a BTreeSet<PodPort>,
}

impl WantedTraffic<'_> {
    fn lookup(self) -> Lookup {
        if self.ports.is_empty() {
            Lookup::Traffic
        } else {
            Lookup::TrafficAndPorts {
                ports: self.ports.clone(),
            }
        }
    }
}

/// The lookups that were asked for, and when.
#[derive(Debug, Clone)]
pub(super) struct Lookups {
    asked: Asked<Lookup>,
    traffic: Option<AskedTraffic>,
    waits: Waits,
}

/// The newest request about the ways to the pods.
#[derive(Debug, Clone, Copy)]
struct AskedTraffic {
    /// What was asked for then.
    version: u64,
    asked_at: Timestamp,
    answered_at: Option<Timestamp>,
}

impl Lookups {
    pub(super) const fn new(policy: &Policy) -> Self {
        let waits = Waits {
            answered: policy.patience.lookup_again,
            unanswered: policy.patience.http_lost,
        };
        Self {
            asked: Asked::new(waits),
            traffic: None,
            waits,
        }
    }

    /// Takes note of an answer.
    pub(super) fn answered(&mut self, observation: &Observation) {
        let at = observation.at;
        if let Seen::LookedUp { lookup, .. } = &observation.seen {
            self.asked.answered(lookup, at);
        }
        if let (Seen::Traffic { .. }, Some(traffic)) = (&observation.seen, &mut self.traffic) {
            traffic.answered_at = Some(at);
        }
    }

    /// Wants an answer from now on.
    pub(super) fn want(&mut self, lookup: Lookup) {
        self.asked.want(lookup);
    }

    /// Forgets what is not wanted any more.
    pub(super) fn forget(&mut self, lookup: &Lookup) {
        self.asked.forget(lookup);
    }

    /// The wanted lookups whose time has come; they count as asked from now on.
    pub(super) fn take_due(
        &mut self,
        traffic: Option<WantedTraffic<'_>>,
        now: Timestamp,
    ) -> Vec<Lookup> {
        let due = self.asked.take_due(now).into_iter();
        let traffic_at = self.traffic_at(traffic, now);
        self.traffic = self.traffic.filter(|_| traffic.is_some());
        let traffic = traffic.filter(|_| traffic_at <= now).map(|wanted| {
            self.traffic = Some(AskedTraffic {
                version: wanted.version,
                asked_at: now,
                answered_at: None,
            });
            wanted.lookup()
        });
        due.chain(traffic).collect()
    }

    /// When the next lookup is due.
    pub(super) fn next(&self, traffic: Option<WantedTraffic<'_>>, now: Timestamp) -> Timestamp {
        let traffic_at = self.traffic_at(traffic, now);
        let traffic_at = Some(traffic_at).filter(|at| *at > now);
        let others = self.asked.next(now);
        traffic_at.map_or(others, |at| at.min(others))
    }

    /// When the ways to the pods are to be read again. More ports than those of the last answer are tried
    /// at once, but not for each of many workloads that complete within seconds.
    fn traffic_at(&self, wanted: Option<WantedTraffic<'_>>, now: Timestamp) -> Timestamp {
        let Some(wanted) = wanted else {
            return Timestamp::MAX;
        };
        let Some(last) = self.traffic else {
            return now;
        };
        if last.version != wanted.version {
            return after(last.asked_at, self.between(wanted.workloads));
        }
        match last.answered_at {
            Some(at) => after(at, self.waits.answered),
            None => after(last.asked_at, self.waits.unanswered),
        }
    }

    fn between(&self, workloads: usize) -> Duration {
        let others = u32::try_from(workloads.saturating_sub(1)).unwrap_or(MANY);
        self.waits.answered * others.min(MANY) / MANY
    }
}
