//! An execution that is driven by hand, and its steps in few words.

use std::time::Duration;

use crate::report::execution_lines;
use crate::rollback::execution::{
    ClusterRequest, Conclusion, Execution, FailedCall, FailureKind, Observation, PatchResult, Seen,
    Settings, Step, Verification,
};
use crate::rollback::tests::past::of_web;
use crate::rollback::{PreparedRollback, PreparedWorkload, Request, RollbackHealth};
use crate::testing::{at, web};
use crate::verdict::VerdictKind;
use crate::workload::WorkloadRef;

/// The timeout of every row.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// `deployment/<name>` in namespace `shop`.
pub(super) fn named(name: &str) -> WorkloadRef {
    WorkloadRef {
        name: name.to_owned(),
        ..web()
    }
}

/// One plan for each of these Deployments, from revision 2 to revision 1.
pub(super) fn batch(names: &[&str]) -> PreparedRollback {
    let past = of_web().had("v1", 1, 1).had("v2", 2, 1);
    let mut all = PreparedRollback::default();
    for name in names {
        all.add(PreparedWorkload::new(&past.history(), &Request::default()));
        let plan = all.batch.plans.last_mut().unwrap();
        plan.workload = named(name);
        all.approved.last_mut().unwrap().workload = named(name);
    }
    all
}

/// Why a call fails.
pub(super) fn failure(kind: FailureKind, message: &str) -> FailedCall {
    FailedCall {
        kind,
        messages: vec![message.to_owned()],
        hint: None,
    }
}

pub(super) fn patched(name: &str, result: PatchResult) -> Seen {
    Seen::Patched {
        workload: named(name),
        result,
    }
}

pub(super) fn not_patched(name: &str) -> Seen {
    patched(
        name,
        PatchResult::Failed(failure(FailureKind::Other, "failed to patch")),
    )
}

/// A check that ended with a verdict.
pub(super) fn judged(verdict: VerdictKind, health: RollbackHealth) -> Seen {
    Seen::Verified {
        verification: Verification::Judged {
            verdict,
            health: Some(health),
            sentence: format!("it is {verdict}"),
        },
    }
}

/// An execution at a time.
pub(super) struct Story {
    execution: Execution,
    second: u64,
}

impl Story {
    pub(super) fn new(prepared: PreparedRollback, wait: bool) -> Self {
        let settings = Settings {
            wait,
            timeout: TIMEOUT,
        };
        Self {
            execution: Execution::new(prepared, settings),
            second: 100,
        }
    }

    /// Time passes.
    pub(super) fn later(&mut self, seconds: u64) -> &mut Self {
        self.second += seconds;
        self
    }

    pub(super) fn step(&mut self, seen: Seen) -> Step {
        self.execution.observe(Observation {
            at: at(self.second),
            seen,
        })
    }

    /// The step in few words.
    pub(super) fn sees(&mut self, seen: Seen) -> Vec<String> {
        in_words(&self.step(seen))
    }

    /// Everything that a sequence leads to, after a first tick.
    pub(super) fn all(&mut self, seen: Vec<Seen>) -> Vec<String> {
        let mut all = self.sees(Seen::Tick);
        for seen in seen {
            all.extend(self.sees(seen));
        }
        all
    }

    /// How it ends after this sequence.
    pub(super) fn end(&mut self, seen: Vec<Seen>) -> Conclusion {
        let mut last = self.step(Seen::Tick);
        for seen in seen {
            last = self.step(seen);
        }
        last.conclusion.expect("it has not ended")
    }
}

/// Lines in quotation marks, then requests, then the end.
pub(super) fn in_words(step: &Step) -> Vec<String> {
    let lines = step.events.iter().flat_map(execution_lines);
    let mut words: Vec<String> = lines.map(|it| format!("\"{}\"", it.text())).collect();
    words.extend(step.requests.iter().map(request));
    words.extend(step.conclusion.as_ref().map(ended));
    words
}

fn request(request: &ClusterRequest) -> String {
    match request {
        ClusterRequest::Patch(plan) => format!("patch {}", plan.workload.name),
        ClusterRequest::WithdrawMark { workload, bad } => {
            format!("unmark {} of {}", bad.name, workload.name)
        }
        ClusterRequest::Look { workload, .. } => format!("look at {}", workload.name),
        ClusterRequest::DeletePod { pod, .. } => format!("delete {}", pod.name),
        ClusterRequest::Verify { restored, timeout } => {
            let names: Vec<&str> = restored
                .iter()
                .map(|it| it.workload.name.as_str())
                .collect();
            format!("verify {} for {}s", names.join(", "), timeout.as_secs())
        }
    }
}

fn ended(conclusion: &Conclusion) -> String {
    let cancelled = if conclusion.cancelled {
        ", cancelled"
    } else {
        ""
    };
    let health = conclusion.health.map_or("unknown", RollbackHealth::as_str);
    format!("end: {}, {health}{cancelled}", conclusion.outcome.as_str())
}
