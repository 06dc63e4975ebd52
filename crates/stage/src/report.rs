//! How a stage and its jobs ended.

use std::collections::BTreeMap;
use std::fmt;

use rollguard_agent::TaskResult;
use serde::Serialize;

/// The result of a job.
pub type JobResult = TaskResult;

/// Why a job or step did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkipReason {
    /// The condition as written.
    pub condition: String,
    /// The part of it that was false, with the values it saw. They may hold foreign text.
    pub because: String,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.because)
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobReport {
    /// Its name.
    pub name: String,
    /// What a person reads.
    pub display_name: String,
    /// Its result.
    pub result: JobResult,
    /// Why it did not run; `None` for a job that ran.
    pub reason: Option<SkipReason>,
    /// Its output variables as `step.variable`.
    pub outputs: BTreeMap<String, String>,
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageReport {
    /// The stage's name.
    pub name: String,
    /// Its jobs, in the order in which they ended.
    pub jobs: Vec<JobReport>,
    /// Canceled if the run was, else the worst result of its jobs; skipped only when all jobs were.
    pub result: TaskResult,
}

impl StageReport {
    /// The report of the job of this name, ignoring case.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&JobReport> {
        self.jobs
            .iter()
            .find(|job| crate::expression::same(&job.name, name))
    }
}
