//! Laws of every execution, however its calls, the controllers, newer deployments and its own
//! end interleave.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::model::{Fate, ModelCluster};
use crate::duration::after;
use crate::rollback::BatchOutcome;
use crate::rollback::execution::{
    ClusterRequest, Conclusion, Execution, Look, Observation, PatchResult, Seen, Settings, Step,
};
use crate::testing::at;
use crate::workload::WorkloadRef;

/// More turns than any run takes.
const MOST: usize = 600;
/// From this turn on a check times out.
const LATE: usize = 200;

/// The events to come, one byte a turn; nothing out of the ordinary at its end.
struct Schedule {
    bytes: std::vec::IntoIter<u8>,
    /// Whether someone deploys in between.
    deploys: bool,
    wait: bool,
}

impl Schedule {
    fn fair(wait: bool) -> Self {
        Self {
            bytes: Vec::new().into_iter(),
            deploys: false,
            wait,
        }
    }
}

/// A workload as a run has shown it, for the laws.
#[derive(Default)]
struct Known {
    patches: u32,
    taken_in: bool,
    superseded: bool,
}

/// One run against the cluster.
struct Run<'a> {
    cluster: &'a mut ModelCluster,
    execution: Execution,
    under_way: Vec<ClusterRequest>,
    now: Timestamp,
    wake_at: Timestamp,
    known: BTreeMap<WorkloadRef, Known>,
    conclusion: Option<Conclusion>,
}

impl<'a> Run<'a> {
    fn new(cluster: &'a mut ModelCluster, wait: bool) -> Self {
        let settings = Settings {
            wait,
            timeout: Duration::from_secs(60),
        };
        Self {
            execution: Execution::new(cluster.prepared(), settings),
            cluster,
            under_way: Vec::new(),
            now: at(100),
            wake_at: at(100),
            known: BTreeMap::new(),
            conclusion: None,
        }
    }

    fn observe(&mut self, seen: Seen) {
        self.note(&seen);
        let Step {
            requests,
            wake_at,
            conclusion,
            ..
        } = self.execution.observe(Observation { at: self.now, seen });
        self.wake_at = wake_at;
        self.conclusion = conclusion;
        for request in &requests {
            self.is_lawful(request);
        }
        self.under_way.extend(requests);
    }

    /// Hands an observation to the execution.
    fn note(&mut self, seen: &Seen) {
        match seen {
            Seen::Patched {
                workload,
                result: PatchResult::Superseded,
            } => self.known.entry(workload.clone()).or_default().superseded = true,
            Seen::Looked { workload, look } => {
                let known = self.known.entry(workload.clone()).or_default();
                // A look that failed shows nothing: a deletion now would be blind.
                known.taken_in = false;
                if let Look::Set(set) = look {
                    known.superseded |= set
                        .current_uid
                        .as_ref()
                        .is_some_and(|it| *it != set.target_uid);
                    known.taken_in =
                        set.observed && set.update_revision.as_ref() == Some(&set.target);
                }
            }
            Seen::Tick
            | Seen::StopRequested
            | Seen::Patched { .. }
            | Seen::MarkWithdrawn { .. }
            | Seen::Deleted { .. }
            | Seen::Verified { .. } => {}
        }
    }

    fn is_lawful(&mut self, request: &ClusterRequest) {
        let known = match request {
            ClusterRequest::Patch(plan) => self.known.entry(plan.workload.clone()).or_default(),
            ClusterRequest::WithdrawMark { workload, .. }
            | ClusterRequest::Look { workload, .. }
            | ClusterRequest::DeletePod { workload, .. } => {
                self.known.entry(workload.clone()).or_default()
            }
            ClusterRequest::Verify { .. } => return,
        };
        assert!(!known.superseded, "after a newer rollout: {request:?}");
        if let ClusterRequest::Patch(_) = request {
            known.patches += 1;
            assert_eq!(known.patches, 1, "sent again: {request:?}");
        }
        if let ClusterRequest::DeletePod { .. } = request {
            assert!(known.taken_in, "the controller does not know: {request:?}");
            // Once for each look.
            known.taken_in = false;
        }
    }

    fn answer(&mut self, index: usize, fate: Fate) {
        if self.under_way.is_empty() {
            return;
        }
        let index = index % self.under_way.len();
        let request = self.under_way.remove(index);
        let before: Vec<(u32, bool)> = self.patches();
        let seen = self.cluster.carry(&request, fate);
        for (before, after) in before.into_iter().zip(self.patches()) {
            assert!(!before.1 || before.0 == after.0, "a newer rollout is gone");
            assert!(after.0 <= 1, "two patches");
        }
        self.observe(seen);
    }

    fn patches(&self) -> Vec<(u32, bool)> {
        let all = self.cluster.workloads.iter();
        all.map(|it| (it.patches, it.superseded)).collect()
    }

    fn tick(&mut self) {
        self.now = if self.wake_at < Timestamp::MAX {
            self.wake_at.max(self.now)
        } else {
            after(self.now, Duration::from_secs(1))
        };
        self.observe(Seen::Tick);
    }

    /// One turn as the schedule has it.
    fn turn(&mut self, byte: u8, deploys: bool) {
        let index = usize::from(byte >> 4);
        match byte % 12 {
            0 | 1 => self.answer(index, Fate::Answered),
            2 => self.answer(index, Fate::AnswerLost),
            3 => self.answer(index, Fate::Lost),
            4..=6 => {
                let many = self.cluster.workloads.len();
                self.cluster.workloads[index % many].controller();
            }
            7 => self.now = after(self.now, Duration::from_secs(u64::from(byte))),
            8 if deploys => {
                let many = self.cluster.workloads.len();
                self.cluster.workloads[index % many].deploy();
            }
            9 if index == 0 => self.observe(Seen::StopRequested),
            _ => self.tick(),
        }
    }

    /// One turn without surprises: everybody does their work, and the check ends last.
    fn fair_turn(&mut self, turn: usize) {
        self.cluster.controllers();
        let late = turn > LATE;
        let is_ready = |it: &ClusterRequest| {
            late || !matches!(it, ClusterRequest::Verify { .. }) || self.cluster.is_complete(it)
        };
        let ready = self.under_way.iter().position(is_ready);
        match ready {
            Some(index) => self.answer(index, Fate::Answered),
            None => self.tick(),
        }
    }
}

/// Runs until its end, or for so many turns.
fn run(cluster: &mut ModelCluster, mut schedule: Schedule, turns: usize) -> Option<Conclusion> {
    let mut run = Run::new(cluster, schedule.wait);
    run.observe(Seen::Tick);
    for turn in 0..turns.min(MOST) {
        if run.conclusion.is_some() {
            return run.conclusion;
        }
        match schedule.bytes.next() {
            Some(byte) => run.turn(byte, schedule.deploys),
            None => run.fair_turn(turn),
        }
    }
    assert!(turns < MOST || run.conclusion.is_some(), "no end");
    // What was sent when it was killed may arrive all the same.
    for request in std::mem::take(&mut run.under_way) {
        if let Some(byte) = schedule.bytes.next()
            && byte % 2 == 0
            && !matches!(request, ClusterRequest::Verify { .. })
        {
            let _ = run.cluster.carry(&request, Fate::AnswerLost);
        }
    }
    run.conclusion
}

/// The controllers come to rest.
fn settle(cluster: &mut ModelCluster) {
    for _ in 0..20 {
        cluster.controllers();
    }
}

fn stuck() -> impl Strategy<Value = Vec<u32>> {
    prop::sample::subsequence(vec![0, 1, 2], 0..=3)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// One patch at most, no deletion before the controller has taken the template in, and nothing after
    /// a newer rollout: [`Run`] looks at every request.
    #[test]
    fn every_request_is_lawful(
        (stuck, bytes, deploys, wait) in (stuck(), bytes(), any::<bool>(), any::<bool>()),
    ) {
        let mut cluster = ModelCluster::new(&stuck);
        for _ in 0..2 {
            let bytes = bytes.clone().into_iter();
            let _ = run(&mut cluster, Schedule { bytes, deploys, wait }, MOST);
        }
    }

    #[test]
    fn a_kill_between_any_two_steps_and_a_run_again_end_in_the_same_state(
        (stuck, bytes, wait) in (stuck(), bytes(), any::<bool>()),
        turns in 0..100_usize,
    ) {
        let mut whole = ModelCluster::new(&stuck);
        let ended = run(&mut whole, Schedule::fair(wait), MOST).unwrap();
        prop_assert_eq!(ended.outcome, BatchOutcome::RolledBack);
        settle(&mut whole);

        let mut killed = ModelCluster::new(&stuck);
        let schedule = Schedule { bytes: bytes.into_iter(), deploys: false, wait };
        run(&mut killed, schedule, turns);
        let again = run(&mut killed, Schedule::fair(wait), MOST).unwrap();
        let done = [BatchOutcome::RolledBack, BatchOutcome::AlreadyRolledBack];
        prop_assert!(done.contains(&again.outcome), "{:?}", again);
        settle(&mut killed);
        prop_assert_eq!(killed.summary(), whole.summary());

        let before = killed.clone();
        let last = run(&mut killed, Schedule::fair(wait), MOST).unwrap();
        prop_assert_eq!(last.outcome, BatchOutcome::AlreadyRolledBack);
        prop_assert_eq!(killed, before);
    }
}

#[test]
fn the_cluster_of_these_laws_has_work_to_do() {
    let mut cluster = ModelCluster::new(&[1, 2]);
    let before = cluster.summary();
    assert_eq!(
        before,
        [
            "deployment/web at v2, 0 patches, marked [\"web-v2\"], pods []",
            "statefulset/db at v2, 0 patches, marked [], pods [\"v1\", \"v2\", \"v2\"]",
        ]
    );
    let ended = run(&mut cluster, Schedule::fair(true), MOST).unwrap();
    assert_eq!(ended.errors, Vec::<String>::new());
    assert_eq!(
        cluster.summary(),
        [
            "deployment/web at v1, 1 patches, marked [], pods []",
            "statefulset/db at v1, 1 patches, marked [], pods [\"v1\", \"v1\", \"v1\"]",
        ]
    );
}
