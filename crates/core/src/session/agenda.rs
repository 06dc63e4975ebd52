//! The next needs of all workloads of a session, in one place: an observation then costs what it touches, and
//! not a walk over all workloads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::http_requests::{self, SentRequests};
use super::lookups::{Lookups, WantedTraffic};
use super::tracked::TrackedWorkload;
use crate::duration::after;
use crate::finding::{FindingCode, Lookup, PodPort, Prognosis};
use crate::policy::Policy;
use crate::snapshot::{Snapshot, Touched};
use crate::verdict::VerdictKind;
use crate::workload::WorkloadRef;

/// A workload with fewer pods is judged with every observation that concerns it.
const FEW_PODS: u32 = 200;
/// How long a larger one rests after a look, for each of its pods: a look takes a fifth of that, so that thousands of
/// pods that change at once are looked at together.
const REST_FOR_A_POD: Duration = Duration::from_micros(10);

fn rest(pods: usize) -> Option<Duration> {
    let pods = u32::try_from(pods).unwrap_or(u32::MAX);
    (pods >= FEW_PODS).then(|| REST_FOR_A_POD.saturating_mul(pods))
}

/// The view of a session at a time.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
}

/// The needs of one workload, as its last look left them.
#[derive(Debug, Clone, PartialEq, Default)]
struct Needs {
    wake_at: Option<Timestamp>,
    /// Until when an observation alone does not have it judged again.
    rests_until: Option<Timestamp>,
    kind: Option<VerdictKind>,
    /// Whether each pod of the namespace that ends may concern it.
    quota: bool,
    /// Whether its counts are complete, so that an answer about the ways to its pods concerns it.
    complete: bool,
    /// From when on the ways to its pods are to be read.
    traffic_from: Option<Timestamp>,
    ports: BTreeSet<PodPort>,
    lookups: BTreeSet<Lookup>,
    requests: BTreeSet<http_requests::Key>,
}

impl Needs {
    fn of(tracked: &TrackedWorkload, seen: Seen<'_>) -> Self {
        let Seen {
            snapshot,
            policy,
            now,
        } = seen;
        let findings = tracked.findings();
        let needs = Self {
            wake_at: Some(tracked.wake_at()),
            rests_until: rest(tracked.pods()).map(|it| after(now, it)),
            kind: Some(tracked.verdict().kind()),
            quota: findings
                .iter()
                .any(|it| it.code == FindingCode::QuotaExceeded),
            complete: tracked.is_complete(),
            ..Self::default()
        };
        if tracked.verdict().is_terminal() {
            return needs;
        }
        let may_heal = findings
            .iter()
            .filter(|it| it.prognosis == Prognosis::Transient);
        let requests = || {
            let rollout = snapshot.rollout(tracked.workload())?;
            Some(http_requests::wanted(&rollout, policy))
        };
        Self {
            traffic_from: tracked.wants_traffic_from(policy),
            ports: tracked.ports_to_try(policy, now).cloned().collect(),
            lookups: may_heal.filter_map(|it| it.lookup.clone()).collect(),
            requests: if policy.http.is_empty() {
                BTreeSet::new()
            } else {
                requests().unwrap_or_default()
            },
            ..needs
        }
    }
}

/// The needs of all workloads, by their positions in the session.
#[derive(Debug, Clone)]
pub(super) struct Agenda {
    positions: BTreeMap<WorkloadRef, Vec<usize>>,
    needs: Vec<Needs>,
    wakes: BTreeSet<(Timestamp, usize)>,
    progressing: BTreeSet<usize>,
    failed: BTreeSet<usize>,
    waiting_for_quota: BTreeSet<usize>,
    complete: BTreeSet<usize>,
    traffic: BTreeSet<(Timestamp, usize)>,
    ports: BTreeSet<PodPort>,
    ports_version: u64,
    by_lookup: BTreeMap<Lookup, BTreeSet<usize>>,
    pub(super) requests: SentRequests,
    pub(super) lookups: Lookups,
}

impl Agenda {
    pub(super) fn new(workloads: &[TrackedWorkload], policy: &Policy, now: Timestamp) -> Self {
        let mut positions: BTreeMap<WorkloadRef, Vec<usize>> = BTreeMap::new();
        for (at, tracked) in workloads.iter().enumerate() {
            let same = positions.entry(tracked.workload().clone());
            same.or_default().push(at);
        }
        let mut agenda = Self {
            positions,
            needs: vec![Needs::default(); workloads.len()],
            wakes: BTreeSet::new(),
            progressing: BTreeSet::new(),
            failed: BTreeSet::new(),
            waiting_for_quota: BTreeSet::new(),
            complete: BTreeSet::new(),
            traffic: BTreeSet::new(),
            ports: BTreeSet::new(),
            ports_version: 0,
            by_lookup: BTreeMap::new(),
            requests: SentRequests::new(policy),
            lookups: Lookups::new(policy),
        };
        let nothing = Seen {
            snapshot: &Snapshot::default(),
            policy,
            now,
        };
        for (at, tracked) in workloads.iter().enumerate() {
            agenda.update(at, tracked, nothing);
        }
        agenda
    }

    /// Returns the workloads that may be judged otherwise than before, in the order of the session.
    pub(super) fn due(&mut self, touched: &Touched, now: Timestamp) -> BTreeSet<usize> {
        if touched.concerns_all() {
            return (0..self.needs.len()).collect();
        }
        let woken = self.wakes.iter().take_while(|(at, _)| *at <= now);
        let mut due: BTreeSet<usize> = woken.map(|(_, position)| *position).collect();
        for workload in touched.workloads() {
            for at in self.positions_of(workload).to_vec() {
                if self.is_rested_or_postponed(at, now) {
                    due.insert(at);
                }
            }
        }
        if touched.frees_quota() {
            due.extend(&self.waiting_for_quota);
        }
        if touched.tells_traffic() {
            due.extend(&self.complete);
        }
        if let Some(lookup) = touched.lookup() {
            match self.by_lookup.get(lookup) {
                Some(those) => due.extend(those),
                // It was asked for a finding that another one stands for by now.
                None => due.extend(0..self.needs.len()),
            }
        }
        due
    }

    /// Returns whether a workload may be judged again; one that may not is judged as soon as it may.
    fn is_rested_or_postponed(&mut self, at: usize, now: Timestamp) -> bool {
        let Some(needs) = self.needs.get_mut(at) else {
            return false;
        };
        let Some(until) = needs.rests_until.filter(|until| now < *until) else {
            return true;
        };
        let wake_at = needs.wake_at.map_or(until, |at| at.min(until));
        let former = needs.wake_at.replace(wake_at);
        replace(&mut self.wakes, at, former, Some(wake_at));
        false
    }

    /// Has every workload judged at the next observation, whether or not that concerns it.
    #[cfg(test)]
    pub(super) fn wake_all(&mut self, now: Timestamp) {
        for (at, needs) in self.needs.iter_mut().enumerate() {
            let former = needs.wake_at.replace(now);
            replace(&mut self.wakes, at, former, Some(now));
        }
    }

    pub(super) fn positions_of(&self, workload: &WorkloadRef) -> &[usize] {
        self.positions.get(workload).map_or(&[], Vec::as_slice)
    }

    /// Takes in what a workload needs after a look.
    pub(super) fn update(&mut self, at: usize, tracked: &TrackedWorkload, seen: Seen<'_>) {
        self.keep(at, Needs::of(tracked, seen));
    }

    fn keep(&mut self, at: usize, needs: Needs) {
        let Some(known) = self.needs.get_mut(at) else {
            return;
        };
        if *known == needs {
            return;
        }
        let former = std::mem::replace(known, needs.clone());
        replace(&mut self.wakes, at, former.wake_at, needs.wake_at);
        replace(
            &mut self.traffic,
            at,
            former.traffic_from,
            needs.traffic_from,
        );
        let kind = needs.kind;
        mark(
            &mut self.progressing,
            at,
            kind == Some(VerdictKind::Progressing),
        );
        mark(&mut self.failed, at, kind == Some(VerdictKind::Failed));
        mark(&mut self.waiting_for_quota, at, needs.quota);
        mark(&mut self.complete, at, needs.complete);
        if former.ports != needs.ports {
            if !needs.ports.is_subset(&former.ports) {
                self.ports_version += 1;
            }
            for gone in former.ports.difference(&needs.ports) {
                self.ports.remove(gone);
            }
            self.ports.extend(needs.ports);
        }
        for gone in former.lookups.difference(&needs.lookups) {
            self.leave_lookup(gone, at);
        }
        for lookup in needs.lookups {
            self.lookups.want(lookup.clone());
            self.by_lookup.entry(lookup).or_default().insert(at);
        }
        self.requests.replace(&former.requests, &needs.requests);
    }

    fn leave_lookup(&mut self, lookup: &Lookup, at: usize) {
        if let Some(those) = self.by_lookup.get_mut(lookup) {
            those.remove(&at);
            if those.is_empty() {
                self.by_lookup.remove(lookup);
                self.lookups.forget(lookup);
            }
        }
    }

    /// Returns the lookups to send now; they count as asked.
    pub(super) fn take_due_lookups(&mut self, now: Timestamp) -> Vec<Lookup> {
        let (lookups, traffic) = self.lookups_and_traffic(now);
        lookups.take_due(traffic, now)
    }

    /// When a workload is to be judged again, or something to be asked, if nothing is seen.
    pub(super) fn wake_at(&mut self, now: Timestamp) -> Timestamp {
        let first = self.wakes.first().map_or(Timestamp::MAX, |(at, _)| *at);
        let requests = self.requests.next(now);
        let (lookups, traffic) = self.lookups_and_traffic(now);
        first.min(requests).min(lookups.next(traffic, now))
    }

    /// Returns the first workload that has no verdict, while that decides about the verdict over all.
    pub(super) fn first_progressing(&self) -> Option<usize> {
        let first = self.progressing.first().copied();
        first.filter(|_| self.failed.is_empty())
    }

    /// Returns the lookups, and what is to be read of the ways to pods at this time.
    fn lookups_and_traffic(&mut self, now: Timestamp) -> (&mut Lookups, Option<WantedTraffic<'_>>) {
        let first = self.traffic.first().filter(|(from, _)| *from <= now);
        let traffic = first.map(|_| WantedTraffic {
            version: self.ports_version,
            workloads: self.needs.len(),
            ports: &self.ports,
        });
        (&mut self.lookups, traffic)
    }
}

fn replace(
    times: &mut BTreeSet<(Timestamp, usize)>,
    at: usize,
    former: Option<Timestamp>,
    now: Option<Timestamp>,
) {
    if let Some(former) = former {
        times.remove(&(former, at));
    }
    times.extend(now.map(|now| (now, at)));
}

fn mark(those: &mut BTreeSet<usize>, at: usize, is_one: bool) {
    if is_one {
        those.insert(at);
    } else {
        those.remove(&at);
    }
}
