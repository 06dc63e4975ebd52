//! A rollback as a suite of tests: each workload is one. What was restored passes if the check afterwards found it
//! healthy, or if there was to be none.

use super::{TestCase, TestProblem, TestResult, TestSuite, check};
use crate::duration::elapsed;
use crate::report::{Decision, Report, RollbackResult, RollbackWord, WorkloadRollback};
use crate::rollback::{RollbackHealth, WorkloadOutcome};

/// Returns a rollback as XML of `JUnit`.
#[must_use]
pub fn rollback_junit(done: &RollbackResult<'_>) -> String {
    let took = elapsed(done.started, done.page.at);
    let case = |it: &WorkloadRollback| TestCase {
        class: it.workload.namespace.clone(),
        name: it.workload.to_string(),
        took,
        result: result(done, it),
        output: done.headline().join("\n"),
    };
    let suite = TestSuite {
        name: "rollguard rollback".to_owned(),
        began: Some(done.started),
        cases: done.workloads().iter().map(case).collect(),
    };
    suite.to_xml()
}

fn result(done: &RollbackResult<'_>, it: &WorkloadRollback) -> TestResult {
    match it.outcome {
        Some(WorkloadOutcome::RolledBack | WorkloadOutcome::InPlace) => healthy(done, it),
        Some(WorkloadOutcome::HeldUp) => failed(
            "PodsStuck",
            done,
            "rolled back, but pods of the bad revision are stuck",
        ),
        Some(WorkloadOutcome::Superseded) => {
            TestResult::Skipped("left alone: a newer rollout began".to_owned())
        }
        Some(WorkloadOutcome::Failed) => {
            let error = done.page.errors.first();
            let error = error.map_or("the change did not take effect", String::as_str);
            failed("RollbackFailed", done, error)
        }
        Some(WorkloadOutcome::NotTried) => {
            TestResult::Skipped("not attempted, because the run was cancelled".to_owned())
        }
        None => not_tried(done, it),
    }
}

/// Returns what the check afterwards says of a workload that was restored.
fn healthy(done: &RollbackResult<'_>, it: &WorkloadRollback) -> TestResult {
    let health = it.health.or(done.health);
    let of_check = done.report.and_then(|report| checked(report, it));
    match health {
        None | Some(RollbackHealth::Healthy) => TestResult::Passed,
        Some(RollbackHealth::Unhealthy | RollbackHealth::NotRolledBack) => {
            of_check.unwrap_or_else(|| {
                failed(
                    "Unhealthy",
                    done,
                    "rolled back, but the restored revision is not healthy",
                )
            })
        }
        Some(RollbackHealth::Undetermined) => TestResult::Error(problem(
            if done.cancelled {
                "Cancelled"
            } else {
                "NotVerified"
            },
            done,
            if done.cancelled {
                "cancelled: the rollback was done, but its result was not checked"
            } else {
                "rolled back, but it could not be seen whether the restored revision is healthy"
            },
        )),
    }
}

/// Returns what the check found of a workload, if it failed there.
fn checked(report: &Report, it: &WorkloadRollback) -> Option<TestResult> {
    let mut workloads = report.workloads.iter();
    let found = workloads.find(|known| known.workload == it.workload)?;
    let result = check::result(report, found);
    matches!(result, TestResult::Failed(_)).then_some(result)
}

fn not_tried(done: &RollbackResult<'_>, it: &WorkloadRollback) -> TestResult {
    match (it.decision, done.word()) {
        (
            Decision::Refused | Decision::RollBack,
            RollbackWord::Superseded | RollbackWord::Healed,
        ) => TestResult::Skipped(done.headline().swap_remove(0)),
        (Decision::Refused, _) => {
            let first = it.refusals.first();
            let (code, message) = first.map_or(("Refused", "refused"), |it| {
                (it.code.as_str(), it.message.as_str())
            });
            TestResult::Failed(TestProblem {
                text: refusals(it),
                ..problem(code, done, message)
            })
        }
        (Decision::HeldUp, _) => TestResult::Skipped(
            "could be rolled back, but another workload of the release may not".to_owned(),
        ),
        (Decision::RollBack, RollbackWord::Refused | RollbackWord::Failed) => {
            failed("Refused", done, "not rolled back; nothing was changed")
        }
        // A dry run, or what was in place before.
        (Decision::RollBack | Decision::InPlace, _) => TestResult::Passed,
    }
}

fn failed(code: &str, done: &RollbackResult<'_>, message: &str) -> TestResult {
    TestResult::Failed(problem(code, done, message))
}

fn problem(code: &str, done: &RollbackResult<'_>, message: &str) -> TestProblem {
    TestProblem {
        code: code.to_owned(),
        message: message.to_owned(),
        text: done.page.errors.join("\n"),
    }
}

fn refusals(it: &WorkloadRollback) -> String {
    let each = it.refusals.iter().flat_map(|it| {
        let hint = it.remedy.as_ref().map(|it| format!("hint: {it}"));
        [format!("{} ({})", it.message, it.code)]
            .into_iter()
            .chain(hint)
    });
    each.collect::<Vec<_>>().join("\n")
}
