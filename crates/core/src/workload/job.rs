//! The run of a Job: how it ends, and how far it is.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus};

/// The label by which Kueue admits a Job that it has suspended (`kueue.x-k8s.io`,
/// `pkg/controller/constants`).
const QUEUE_LABEL: &str = "kueue.x-k8s.io/queue-name";
/// The default of `spec.backoffLimit`.
const BACKOFF_LIMIT: i32 = 6;
/// The controller of `batch/v1` itself; another value of `spec.managedBy` names another one.
const OWN_CONTROLLER: &str = "kubernetes.io/job-controller";

/// A Job, as a run that ends.
#[derive(Debug, Clone, Copy)]
pub struct JobView<'a> {
    job: &'a Job,
}

/// The end of a Job, which never changes once its condition says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd<'a> {
    /// `Complete`, or `SuccessCriteriaMet`: only its pods have yet to end.
    Succeeded,
    /// `Failed`, or `FailureTarget`: only its pods have yet to end.
    Failed {
        /// The condition's reason.
        reason: &'a str,
        /// The condition's message.
        message: &'a str,
        /// When the condition was set.
        at: Option<Timestamp>,
    },
}

impl<'a> JobView<'a> {
    /// Returns the view of a Job.
    #[must_use]
    pub const fn of(job: &'a Job) -> Self {
        Self { job }
    }

    const fn spec(self) -> Option<&'a JobSpec> {
        self.job.spec.as_ref()
    }

    const fn status(self) -> Option<&'a JobStatus> {
        self.job.status.as_ref()
    }

    fn condition(self, type_: &str) -> Option<&'a JobCondition> {
        let conditions = self.status()?.conditions.as_ref()?;
        let mut of_type = conditions.iter().filter(|it| it.type_ == type_);
        of_type.find(|it| it.status == "True")
    }

    /// Returns how it ended; `None` while it may still go either way. `FailureTarget` and
    /// `SuccessCriteriaMet` come first, and the controller never takes them back (`job_controller.go`,
    /// `delayTerminalCondition`).
    #[must_use]
    pub fn end(self) -> Option<JobEnd<'a>> {
        if let Some(failed) = self
            .condition("Failed")
            .or_else(|| self.condition("FailureTarget"))
        {
            return Some(JobEnd::Failed {
                reason: failed.reason.as_deref().unwrap_or_default(),
                message: failed.message.as_deref().unwrap_or_default(),
                at: failed.last_transition_time.as_ref().map(|it| it.0),
            });
        }
        let met = self.condition("Complete");
        met.or_else(|| self.condition("SuccessCriteriaMet"))
            .map(|_| JobEnd::Succeeded)
    }

    /// Returns whether it has succeeded.
    #[must_use]
    pub fn has_succeeded(self) -> bool {
        self.end() == Some(JobEnd::Succeeded)
    }

    /// Returns whether it is suspended: its controller creates no pod.
    #[must_use]
    pub fn is_suspended(self) -> bool {
        self.end().is_none() && self.spec().and_then(|it| it.suspend) == Some(true)
    }

    /// Returns whether `successPolicy` may make it succeed although an index has failed.
    #[must_use]
    pub fn has_success_policy(self) -> bool {
        self.spec().is_some_and(|it| it.success_policy.is_some())
    }

    /// Returns since when it is suspended, by its condition.
    #[must_use]
    pub fn suspended_since(self) -> Option<Timestamp> {
        let condition = self.condition("Suspended")?;
        condition.last_transition_time.as_ref().map(|it| it.0)
    }

    /// Returns what will resume it: a queue that has suspended it until there is room, or the controller of
    /// another project.
    #[must_use]
    pub fn resumed_by(self) -> Option<String> {
        let labels = self.job.metadata.labels.as_ref();
        let queue = labels.and_then(|it| it.get(QUEUE_LABEL));
        let queue = queue.map(|it| format!("Kueue, once queue `{it}` admits it"));
        let manager = self.spec().and_then(|it| it.managed_by.as_deref());
        let manager = manager.filter(|it| *it != OWN_CONTROLLER);
        queue.or_else(|| manager.map(|it| format!("its controller `{it}`")))
    }

    /// Returns how many pods must succeed; `None` for a work queue, which ends when one of its pods has
    /// succeeded and none is left.
    #[must_use]
    pub fn completions(self) -> Option<i32> {
        self.spec().and_then(|it| it.completions)
    }

    /// Returns how many pods may run at a time.
    #[must_use]
    pub fn parallelism(self) -> i32 {
        self.spec().and_then(|it| it.parallelism).unwrap_or(1)
    }

    /// Returns how many pods have succeeded.
    #[must_use]
    pub fn succeeded(self) -> i32 {
        self.status()
            .and_then(|it| it.succeeded)
            .unwrap_or_default()
    }

    /// Returns how many pods have failed.
    #[must_use]
    pub fn failed(self) -> i32 {
        self.status().and_then(|it| it.failed).unwrap_or_default()
    }

    /// Returns how many pods run, or wait to.
    #[must_use]
    pub fn active(self) -> i32 {
        self.status().and_then(|it| it.active).unwrap_or_default()
    }

    /// Returns how many failures the Job survives: of the whole Job, or of each index.
    #[must_use]
    pub fn backoff_limit(self) -> i32 {
        let spec = self.spec();
        let per_index = spec.and_then(|it| it.backoff_limit_per_index);
        let limit = per_index.or_else(|| spec.and_then(|it| it.backoff_limit));
        limit.unwrap_or(BACKOFF_LIMIT)
    }

    /// Returns `spec.activeDeadlineSeconds`.
    #[must_use]
    pub fn active_deadline(self) -> Option<i64> {
        self.spec().and_then(|it| it.active_deadline_seconds)
    }

    /// Returns whether the failures are counted for each index.
    #[must_use]
    pub fn is_per_index(self) -> bool {
        self.spec()
            .is_some_and(|it| it.backoff_limit_per_index.is_some())
    }

    /// Returns the indexes that have failed for the last time, such as `1,3-5`.
    #[must_use]
    pub fn failed_indexes(self) -> Option<&'a str> {
        let indexes = self.status()?.failed_indexes.as_deref();
        indexes.filter(|it| !it.is_empty())
    }

    /// Returns when it was created.
    #[must_use]
    pub fn created(self) -> Option<Timestamp> {
        let at = self.job.metadata.creation_timestamp.as_ref();
        at.map(|it| it.0)
    }

    /// Returns when it ended, by its completion or by the condition of its failure.
    #[must_use]
    pub fn ended_at(self) -> Option<Timestamp> {
        match self.end()? {
            JobEnd::Succeeded => {
                let status = self.status()?;
                let at = status.completion_time.as_ref();
                at.map(|it| it.0)
            }
            JobEnd::Failed { at, .. } => at,
        }
    }

    /// Returns whether a `CronJob` has created it.
    #[must_use]
    pub fn is_scheduled(self) -> bool {
        let owners = self.job.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|it| it.kind == "CronJob")
    }
}
