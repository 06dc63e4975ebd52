//! A rollback's execution that observes anything in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollguard_agent::neutralise_line;
use rollguard_core::annotation::RollbackRecord;
use rollguard_core::report::execution_lines;
use rollguard_core::rollback::execution::{
    ClusterRequest, Conclusion, DeleteResult, Execution, FORMAT, FailedCall, FailureKind, Look,
    Observation, PatchResult, Recording, Seen, Settings, Start, Step, Verification,
};
use rollguard_core::rollback::{
    Already, MemberPod, PreparedRollback, RestoredSet, RollbackBatch, RollbackHealth, RollbackPlan,
    StuckPod,
};
use rollguard_core::trace;
use rollguard_core::verdict::VerdictKind;
use rollguard_core::workload::{Revision, RevisionId, WorkloadKind, WorkloadRef};
use serde_json::json;

use crate::agent::harmless;

/// The most observations of one input.
const LIMIT: usize = 200;
/// More answers than any execution needs to come to its end.
const ANSWERS: usize = 100;
/// A foreign text.
const HOSTILE: &str = "no ##vso[task.complete]\n";

struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn flag(&mut self, bit: u8) -> bool {
        self.byte() >> bit & 1 == 1
    }
}

/// The facts about a workload that the promises need.
#[derive(Default)]
struct Known {
    patches: u32,
    superseded: bool,
    /// The last look, until it led to a deletion.
    look: Option<RestoredSet>,
}

struct Run {
    execution: Execution,
    recorded: String,
    steps: Vec<Step>,
    now: Timestamp,
    under_way: Vec<ClusterRequest>,
    known: BTreeMap<WorkloadRef, Known>,
    verified: u32,
    conclusion: Option<Conclusion>,
}

/// The first bytes choose the batch, each further one an observation with its operands.
pub(crate) fn execution(data: &[u8]) {
    let mut bytes = Bytes(data.iter());
    let mut run = Run::new(&start(&mut bytes));
    run.observe(Seen::Tick);
    while bytes.0.len() > 0 && run.steps.len() < LIMIT {
        run.turn(&mut bytes);
    }
    run.comes_to_its_end();
    let recording = Recording::parse(&run.recorded).unwrap();
    assert_eq!(recording.replay(), run.steps, "a replay differs");
}

fn workload(kind: WorkloadKind, name: &str) -> WorkloadRef {
    WorkloadRef {
        kind,
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

fn revision(name: &str, revision: u64) -> RevisionId {
    RevisionId {
        revision: Revision(revision),
        name: format!("{name}-v{revision}"),
        uid: format!("{name}-uid-{revision}"),
    }
}

fn plan(workload: &WorkloadRef, withdraws_mark: bool) -> RollbackPlan {
    let name = &workload.name;
    let at = Timestamp::UNIX_EPOCH;
    let record = RollbackRecord::new(&revision(name, 1), &revision(name, 2), at, HOSTILE);
    let plan = json!({
        "workload": workload, "uid": format!("{name}-uid"),
        "from": revision(name, 2), "to": revision(name, 1), "chosenBy": "knownGood",
        "goodAt": null, "targetCreated": null, "badSince": null, "changes": [], "concerns": [],
        "images": {}, "stuck": [], "withdrawsMark": withdraws_mark, "proposed": false,
        "complete": false, "run": HOSTILE,
        "patch": {
            "judged": {}, "target": {}, "createsAnnotations": true, "removedAnnotation": null,
            "changeCause": HOSTILE, "record": record,
        },
    });
    serde_json::from_value(plan).unwrap()
}

/// Up to three workloads, of which some are restored already.
fn start(bytes: &mut Bytes<'_>) -> Start {
    let all = [
        workload(WorkloadKind::Deployment, "web"),
        workload(WorkloadKind::StatefulSet, "db"),
        workload(WorkloadKind::StatefulSet, "cache"),
    ];
    let many = usize::from(bytes.byte()) % all.len() + 1;
    let mut prepared = PreparedRollback {
        stuck_pods: usize::from(bytes.byte()),
        ..PreparedRollback::default()
    };
    for workload in all.into_iter().take(many) {
        let options = bytes.byte();
        let plan = plan(&workload, options & 1 == 1);
        prepared.approved.push(plan.approval());
        let RollbackBatch { plans, already, .. } = &mut prepared.batch;
        if options & 2 == 0 {
            plans.push(plan);
        } else {
            already.push(Already {
                workload: plan.workload,
                uid: plan.uid,
                present: plan.to.revision,
                to: plan.to,
                run: None,
                unmark: (options & 1 == 1).then_some(plan.from),
            });
        }
    }
    Start {
        rollguard_execution: FORMAT,
        settings: Settings {
            wait: bytes.flag(0),
            timeout: Duration::from_secs(u64::from(bytes.byte())),
        },
        prepared,
    }
}

impl Run {
    fn new(start: &Start) -> Self {
        let Start {
            settings, prepared, ..
        } = start.clone();
        Self {
            execution: Execution::new(prepared, settings),
            recorded: trace::line(start).unwrap(),
            steps: Vec::new(),
            now: Timestamp::UNIX_EPOCH,
            under_way: Vec::new(),
            known: BTreeMap::new(),
            verified: 0,
            conclusion: None,
        }
    }

    /// One observation, most often an answer to what is under way.
    fn turn(&mut self, bytes: &mut Bytes<'_>) {
        let code = bytes.byte();
        match code % 8 {
            0..=3 if !self.under_way.is_empty() => {
                let index = usize::from(code / 8) % self.under_way.len();
                let request = self.under_way.remove(index);
                let seen = answer(&request, bytes);
                self.observe(seen);
            }
            // No one asked for this: it changes nothing.
            4 => {
                let wrong = workload(WorkloadKind::StatefulSet, "other");
                self.observe(Seen::Looked {
                    workload: wrong,
                    look: look("other", bytes),
                });
            }
            5 => self.passes(i64::from(bytes.byte())),
            6 if code == 6 => self.observe(Seen::StopRequested),
            7 if code == 7 => self.passes(i64::from(bytes.byte()) * 60),
            _ => self.observe(Seen::Tick),
        }
    }

    fn passes(&mut self, seconds: i64) {
        let later = self.now.checked_add(SignedDuration::from_secs(seconds));
        self.now = later.unwrap_or(self.now);
        self.observe(Seen::Tick);
    }

    fn observe(&mut self, seen: Seen) {
        self.note(&seen);
        let observation = Observation { at: self.now, seen };
        self.recorded.push_str(&trace::line(&observation).unwrap());
        let step = self.execution.observe(observation);
        for line in step.events.iter().flat_map(execution_lines) {
            harmless(&neutralise_line(&line.text()));
        }
        if let Some(ended) = &self.conclusion {
            assert_eq!(step.conclusion.as_ref(), Some(ended), "the end changed");
            let silent = step.events.is_empty() && step.requests.is_empty();
            assert!(silent, "after the end: {step:?}");
        }
        for request in &step.requests {
            self.is_lawful(request);
        }
        self.under_way.extend(step.requests.iter().cloned());
        self.conclusion.clone_from(&step.conclusion);
        let ended = self.conclusion.is_some();
        let waits = !self.under_way.is_empty() || step.wake_at < Timestamp::MAX;
        assert!(ended || waits, "nothing will happen any more");
        assert!(
            step.wake_at > self.now,
            "wakes at {} and it is {}",
            step.wake_at,
            self.now
        );
        self.steps.push(step);
    }

    fn note(&mut self, seen: &Seen) {
        match seen {
            Seen::Patched {
                workload,
                result: PatchResult::Superseded,
            } => self.known.entry(workload.clone()).or_default().superseded = true,
            Seen::Looked { workload, look } => {
                let known = self.known.entry(workload.clone()).or_default();
                known.look = match look {
                    Look::Set(set) => Some(set.clone()),
                    Look::NothingToDelete | Look::Failed(_) => None,
                };
                let newer = |it: &RestoredSet| {
                    let current = it.current_uid.as_ref();
                    current.is_some_and(|current| *current != it.target_uid)
                };
                known.superseded |= known.look.as_ref().is_some_and(newer);
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
        let workload = match request {
            ClusterRequest::Patch(plan) => &plan.workload,
            ClusterRequest::WithdrawMark { workload, .. }
            | ClusterRequest::Look { workload, .. }
            | ClusterRequest::DeletePod { workload, .. } => workload,
            ClusterRequest::Verify { .. } => {
                self.verified += 1;
                assert_eq!(self.verified, 1, "two checks");
                return;
            }
        };
        let known = self.known.entry(workload.clone()).or_default();
        assert!(!known.superseded, "after a newer rollout: {request:?}");
        if let ClusterRequest::Patch(_) = request {
            known.patches += 1;
            assert_eq!(known.patches, 1, "sent again: {request:?}");
        }
        if let ClusterRequest::DeletePod { pod, .. } = request {
            let look = known.look.take().unwrap();
            let taken_in = look.observed && look.update_revision.as_ref() == Some(&look.target);
            assert!(taken_in, "the controller does not know: {request:?}");
            let mut bad = look.pods.iter().filter(|it| {
                !it.ready && !it.deleting && it.revision.as_ref() != Some(&look.target)
            });
            assert!(bad.any(|it| it.pod == *pod), "not stuck: {request:?}");
        }
    }

    /// Everything that is asked is answered well from here on.
    fn comes_to_its_end(&mut self) {
        for _ in 0..ANSWERS {
            if self.conclusion.is_some() {
                return;
            }
            match self.under_way.pop() {
                Some(request) => {
                    let seen = answer(&request, &mut Bytes([].iter()));
                    self.observe(seen);
                }
                None => self.passes(2),
            }
        }
        panic!("no end");
    }
}

/// Without bytes the best one.
fn answer(request: &ClusterRequest, bytes: &mut Bytes<'_>) -> Seen {
    match request {
        ClusterRequest::Patch(plan) => Seen::Patched {
            workload: plan.workload.clone(),
            result: match bytes.byte() % 8 {
                0..=3 => PatchResult::Applied,
                4 => PatchResult::AlreadyInPlace,
                5 => PatchResult::Superseded,
                _ => PatchResult::Failed(failed(bytes)),
            },
        },
        ClusterRequest::WithdrawMark { workload, .. } => Seen::MarkWithdrawn {
            workload: workload.clone(),
            failure: bytes.flag(0).then(|| failed(bytes)),
        },
        ClusterRequest::Look { workload, .. } => Seen::Looked {
            workload: workload.clone(),
            look: look(&workload.name, bytes),
        },
        ClusterRequest::DeletePod { workload, .. } => Seen::Deleted {
            workload: workload.clone(),
            result: match bytes.byte() % 4 {
                0 | 1 => DeleteResult::Deleted,
                2 => DeleteResult::ChangedMeanwhile,
                _ => DeleteResult::Failed(failed(bytes)),
            },
        },
        ClusterRequest::Verify { .. } => Seen::Verified {
            verification: verification(bytes),
        },
    }
}

fn failed(bytes: &mut Bytes<'_>) -> FailedCall {
    let code = bytes.byte();
    FailedCall {
        kind: match code % 4 {
            0 => FailureKind::Unreachable,
            1 => FailureKind::Forbidden,
            2 => FailureKind::NotFound,
            _ => FailureKind::Other,
        },
        messages: vec![HOSTILE.to_owned(); usize::from(code / 4 % 3)],
        hint: (code >= 128).then(|| HOSTILE.to_owned()),
    }
}

fn verification(bytes: &mut Bytes<'_>) -> Verification {
    let code = bytes.byte();
    match code % 8 {
        6 => Verification::Failed(failed(bytes)),
        7 => Verification::Cancelled,
        verdict => Verification::Judged {
            verdict: [
                VerdictKind::Succeeded,
                VerdictKind::Failed,
                VerdictKind::TimedOut,
                VerdictKind::Undetermined,
                VerdictKind::Superseded,
                VerdictKind::Progressing,
            ][usize::from(verdict)],
            health: RollbackHealth::ALL.get(usize::from(code / 8) % 5).copied(),
            sentence: HOSTILE.to_owned(),
        },
    }
}

fn look(name: &str, bytes: &mut Bytes<'_>) -> Look {
    match bytes.byte() % 8 {
        0 => Look::NothingToDelete,
        1 => Look::Failed(failed(bytes)),
        _ => Look::Set(set(name, bytes)),
    }
}

fn set(name: &str, bytes: &mut Bytes<'_>) -> RestoredSet {
    let (good, bad) = (revision(name, 1), revision(name, 2));
    let state = bytes.byte();
    let current = match state % 8 {
        0 => None,
        1 => Some(bad.uid),
        _ => Some(good.uid.clone()),
    };
    let update_revision = match state / 8 % 4 {
        0 => None,
        1 => Some(bad.name.clone()),
        _ => Some(good.name.clone()),
    };
    let ends = [0, 1, i32::MIN, i32::MAX];
    let start = ends[usize::from(bytes.byte() % 16 / 4 % 4)];
    let partition = ends[usize::from(bytes.byte() % 4)];
    let many = i32::from(bytes.byte() % 4);
    let pod = |ordinal: i32| {
        let code = bytes.byte();
        MemberPod {
            ordinal: start.saturating_add(ordinal),
            pod: StuckPod {
                name: format!("{name}-{ordinal}"),
                uid: format!("{name}-pod-{}", code / 64),
                resource_version: ordinal.to_string(),
            },
            revision: match code % 4 {
                0 => None,
                1 => Some(good.name.clone()),
                _ => Some(bad.name.clone()),
            },
            ready: code & 4 == 4,
            ended: code & 0x18 == 0x18,
            deleting: code & 0x30 == 0x30,
        }
    };
    RestoredSet {
        target_uid: good.uid,
        target: good.name.clone(),
        current_uid: current,
        observed: state < 192,
        update_revision,
        start,
        first_updated: start.saturating_add(partition),
        pods: (0..many).map(pod).collect(),
    }
}
