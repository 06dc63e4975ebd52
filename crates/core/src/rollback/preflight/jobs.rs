//! Jobs that have run since the target was good.

use jiff::Timestamp;
use serde_json::Value;

use super::finding::{PreflightCode, PreflightFinding};
use super::{Lookup, since};
use crate::rollback::RollbackPlan;

/// The most Jobs that are named.
const JOBS: usize = 3;

/// A Job that has run, or runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRun {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: JobState,
    /// When it came to that.
    pub at: Timestamp,
    /// Whether a `CronJob` created it, so that it is not part of a release.
    pub scheduled: bool,
    /// The release that it is part of, by its label `app.kubernetes.io/instance`.
    pub instance: Option<String>,
}

/// How far a Job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It has completed.
    Completed,
    /// It has failed: its work may be half done.
    Failed,
    /// It runs, or is to run.
    Running,
}

impl JobRun {
    fn told(&self, plan: &RollbackPlan) -> String {
        let Self { name, at, .. } = self;
        let release = if self.is_of_release(plan) {
            " of the same release"
        } else {
            ""
        };
        match self.state {
            JobState::Completed => format!("`{name}`{release} completed at {at}"),
            JobState::Failed => format!("`{name}`{release} failed at {at}"),
            JobState::Running => format!("`{name}`{release} runs since {at}"),
        }
    }

    /// Returns whether it carries the name of the release that the target is part of.
    fn is_of_release(&self, plan: &RollbackPlan) -> bool {
        let own = plan.target_template().pointer(INSTANCE);
        let own = own.and_then(Value::as_str);
        own.is_some() && self.instance.as_deref() == own
    }
}

/// The label of a pod template that names its release.
const INSTANCE: &str = "/metadata/labels/app.kubernetes.io~1instance";

/// Reports Jobs that have run since the target was good: a migration is not undone, and one that failed or still runs
/// may be half done. Those of the same release come first.
pub(super) fn of_jobs(plan: &RollbackPlan, jobs: &Lookup<Vec<JobRun>>) -> Option<PreflightFinding> {
    let (since, then) = since(plan)?;
    let mut recent: Vec<&JobRun> = match jobs {
        Lookup::Seen(jobs) => jobs
            .iter()
            .filter(|job| !job.scheduled && job.at > since)
            .collect(),
        Lookup::Missing => return None,
        Lookup::Unseen(why) => {
            let message = format!("cannot tell whether a migration Job ran: {why}");
            return Some(PreflightFinding::note(PreflightCode::NotLooked, message));
        }
    };
    recent.sort_by_key(|job| std::cmp::Reverse((job.is_of_release(plan), job.at)));
    let named: Vec<String> = recent.iter().take(JOBS).map(|job| job.told(plan)).collect();
    if named.is_empty() {
        return None;
    }
    let more = match recent.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let half = recent.iter().any(|it| it.state != JobState::Completed);
    let half = if half {
        ", and this one may be half done"
    } else {
        ""
    };
    let message = format!(
        "Jobs have run since {then}: {}{more}; a migration is not undone{half}",
        named.join(", ")
    );
    Some(PreflightFinding::warning(
        PreflightCode::MigrationRan,
        message,
    ))
}
