//! The rehearsal of the shipped stage: what each of its steps answered, and whether that is what a rehearsal is to show.

use std::collections::BTreeMap;
use std::time::Duration;

use rollguard_agent::TaskResult;
use serde::Serialize;

use crate::report::StageReport;

/// The version of the document; it rises when a reader would have to change.
pub const REHEARSAL_SCHEMA_VERSION: u32 = 1;

const CHECK: &str = "AksDeploymentHealthCheck";
const APPROVAL: &str = "ManualApprovalOfRollBack";
const ROLLBACK: &str = "Rollback";
const RECHECK: &str = "AksRollbackHealthCheck";

/// A rehearsal that came to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RehearsalReport {
    /// The version of this form; it rises when a reader would have to change.
    pub schema_version: u32,
    /// Whether everything went as a rehearsal should.
    pub as_expected: bool,
    /// The exit code of the process, which says the same.
    pub exit_code: u8,
    /// The outcome in one sentence.
    pub sentence: String,
    /// Where it took place.
    pub place: String,
    /// The namespace, which is removed at the end.
    pub namespace: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Its steps, in the order in which they ended.
    pub steps: Vec<RehearsedStep>,
}

/// A step of a rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RehearsedStep {
    /// Its name; that of a job is the one in the template.
    pub name: String,
    /// What a person reads.
    pub title: String,
    /// Its result, as Azure Pipelines shows it. The check of the broken version fails, as it should.
    pub result: TaskResult,
    /// Whether that is the result that a rehearsal is to show.
    pub as_expected: bool,
    /// What was answered: a verdict, the outcome of the rollback, `approved` or `rejected`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub answer: String,
    /// Why it did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl RehearsedStep {
    /// A step before the stage, which succeeded.
    #[must_use]
    pub fn prepared(name: &str, title: &str, took: Duration) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            result: TaskResult::Succeeded,
            as_expected: true,
            answer: String::new(),
            skipped: None,
            seconds: seconds(took),
        }
    }
}

/// The judgement on a rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsed {
    /// Whether everything went as a rehearsal should.
    pub as_expected: bool,
    /// In one sentence.
    pub sentence: &'static str,
    /// The steps of the stage.
    pub steps: Vec<RehearsedStep>,
}

impl Rehearsed {
    /// Judges the run of a stage whose jobs took this long.
    #[must_use]
    pub fn of(report: &StageReport, took: &BTreeMap<String, Duration>) -> Self {
        let output = |job: &str, name: &str| {
            let outputs = report.job(job).map(|it| &it.outputs);
            outputs.and_then(|it| it.get(name)).map(String::as_str)
        };
        let found = output(CHECK, "check.verdict") == Some("failed");
        let approval = report.job(APPROVAL).map(|it| it.result);
        let approved = approval.is_some_and(TaskResult::is_success);
        let healthy = output(RECHECK, "recheck.verdict") == Some("succeeded");
        let (as_expected, sentence) = match (found, approved, healthy) {
            (true, true, true) => (
                true,
                "v2 was found broken early, you approved, v1 is restored and healthy; in a pipeline the run stays failed, because the deployment it made did not work",
            ),
            (true, false, _) if approval == Some(TaskResult::Failed) => (
                true,
                "v2 was found broken early, you rejected the rollback, nothing was changed",
            ),
            _ => (
                false,
                "the rehearsal did not end as expected; see the jobs above",
            ),
        };
        let steps = report.jobs.iter().map(|job| {
            let answer = [
                "check.verdict",
                "rollback.rollbackOutcome",
                "recheck.verdict",
            ];
            let answer = answer.iter().find_map(|name| job.outputs.get(*name));
            let answer = match (job.name.as_str(), job.result) {
                (APPROVAL, TaskResult::Succeeded) => "approved".to_owned(),
                (APPROVAL, TaskResult::Failed) => "rejected".to_owned(),
                _ => answer.cloned().unwrap_or_default(),
            };
            let wanted = match (job.name.as_str(), approved) {
                (CHECK, _) => TaskResult::Failed,
                (APPROVAL, _) => approval.unwrap_or(TaskResult::Succeeded),
                (ROLLBACK | RECHECK, false) => TaskResult::Skipped,
                _ => TaskResult::Succeeded,
            };
            RehearsedStep {
                name: job.name.clone(),
                title: job.display_name.clone(),
                result: job.result,
                as_expected: job.result == wanted && (job.name != CHECK || found),
                answer,
                skipped: job.reason.as_ref().map(ToString::to_string),
                seconds: seconds(took.get(&job.name).copied().unwrap_or_default()),
            }
        });
        Self {
            as_expected,
            sentence,
            steps: steps.collect(),
        }
    }
}

/// In milliseconds, which is all that a reader may want.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::JobReport;

    fn job(name: &str, result: TaskResult, output: &str) -> JobReport {
        let output = output.split_once('=');
        let outputs = output.map(|(name, value)| (name.to_owned(), value.to_owned()));
        JobReport {
            name: name.to_owned(),
            display_name: name.to_owned(),
            result,
            reason: None,
            outputs: outputs.into_iter().collect(),
        }
    }

    #[test]
    fn a_rehearsal_is_judged_by_what_its_jobs_answered() {
        use TaskResult::{Canceled, Failed, Skipped, Succeeded};
        let rows = [
            ("approved", Failed, Succeeded, Succeeded, "succeeded", true),
            ("rejected", Failed, Failed, Skipped, "", true),
            (
                "v1 is not healthy again",
                Failed,
                Succeeded,
                Failed,
                "failed",
                false,
            ),
            (
                "v2 was not found broken",
                Succeeded,
                Skipped,
                Skipped,
                "",
                false,
            ),
            (
                "canceled at the approval",
                Failed,
                Canceled,
                Skipped,
                "",
                false,
            ),
        ];
        for (says, check, approval, recheck, verdict, as_expected) in rows {
            let found = if check == Failed {
                "failed"
            } else {
                "succeeded"
            };
            let rollback = if approval == Succeeded {
                Succeeded
            } else {
                Skipped
            };
            let report = StageReport {
                name: "Drill".to_owned(),
                jobs: vec![
                    job(CHECK, check, &format!("check.verdict={found}")),
                    job(APPROVAL, approval, ""),
                    job(ROLLBACK, rollback, "rollback.rollbackOutcome=rolledBack"),
                    job(RECHECK, recheck, &format!("recheck.verdict={verdict}")),
                ],
                result: check,
            };
            let took = [(CHECK.to_owned(), Duration::from_millis(37_200))].into();
            let rehearsed = Rehearsed::of(&report, &took);
            assert_eq!(rehearsed.as_expected, as_expected, "{says}");
            let all = rehearsed.steps.iter().all(|it| it.as_expected);
            assert!(all || !as_expected, "{says}: {rehearsed:#?}");
            let first = rehearsed.steps.first().unwrap();
            assert!((first.seconds - 37.2).abs() < 1e-9, "{says}");
            assert_eq!(first.answer, found, "{says}");
        }
    }
}
