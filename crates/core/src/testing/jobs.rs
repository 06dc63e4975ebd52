//! Builders of Jobs and their pods.

use serde_json::{Value, json};

use super::sets::pod_in;
use super::{PodBuilder, at, start, template, typed};
use crate::observation::{Observation, Seen};
use crate::workload::{Workload, WorkloadKind, WorkloadRef};

/// `job/migrate` in namespace `shop`.
#[must_use]
pub fn migrate() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Job,
        namespace: "shop".into(),
        name: "migrate".into(),
    }
}

/// Builds a Job.
#[derive(Debug, Clone)]
pub struct JobBuilder(Value);

/// Job `migrate` of version `v1`: one completion, `backoffLimit` 2, created at [`start`], nothing has run yet.
#[must_use]
pub fn job() -> JobBuilder {
    let mut template = template("v1");
    template["spec"]["restartPolicy"] = json!("Never");
    JobBuilder(json!({
        "kind": "Job", "apiVersion": "batch/v1",
        "metadata": {"name": "migrate", "namespace": "shop", "uid": "j-1", "creationTimestamp": start()},
        "spec": {"completions": 1, "parallelism": 1, "backoffLimit": 2, "template": template,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "j-1"}}},
        "status": {"conditions": []},
    }))
}

impl JobBuilder {
    fn set(mut self, pointer: &str, field: &str, value: Value) -> Self {
        if let Some(object) = self.0.pointer_mut(pointer).and_then(Value::as_object_mut) {
            object.insert(field.to_owned(), value);
        }
        self
    }

    /// Active, succeeded and failed pods.
    #[must_use]
    pub fn counts(self, active: i32, succeeded: i32, failed: i32) -> Self {
        self.set("/status", "active", json!(active))
            .set("/status", "succeeded", json!(succeeded))
            .set("/status", "failed", json!(failed))
    }

    /// A field of its spec.
    #[must_use]
    pub fn spec(self, field: &str, value: impl Into<Value>) -> Self {
        self.set("/spec", field, value.into())
    }

    /// A field of its status.
    #[must_use]
    pub fn status(self, field: &str, value: impl Into<Value>) -> Self {
        self.set("/status", field, value.into())
    }

    /// A field of its metadata.
    #[must_use]
    pub fn metadata(self, field: &str, value: impl Into<Value>) -> Self {
        self.set("/metadata", field, value.into())
    }

    /// Without a field of its spec.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        if let Some(spec) = self.0["spec"].as_object_mut() {
            spec.remove(field);
        }
        self
    }

    /// A condition, set at [`start`].
    #[must_use]
    pub fn condition(mut self, kind: &str, because: (&str, &str)) -> Self {
        let (reason, message) = because;
        let condition = json!({"type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": start(), "lastProbeTime": start()});
        if let Some(all) = self.0["status"]["conditions"].as_array_mut() {
            all.push(condition);
        }
        self
    }

    /// It is complete since [`start`].
    #[must_use]
    pub fn complete(self) -> Self {
        self.condition("SuccessCriteriaMet", ("CompletionsReached", ""))
            .condition("Complete", ("CompletionsReached", ""))
            .status("completionTime", json!(start()))
    }

    /// It has failed.
    #[must_use]
    pub fn failed(self, reason: &str, message: &str) -> Self {
        self.condition("FailureTarget", (reason, message))
            .condition("Failed", (reason, message))
    }

    /// It is suspended since [`start`].
    #[must_use]
    pub fn suspended(self) -> Self {
        self.spec("suspend", true)
            .condition("Suspended", ("JobSuspended", "Job suspended"))
    }

    /// Builds the workload.
    ///
    /// # Panics
    /// When it is no Job.
    #[must_use]
    pub fn build(self) -> Workload {
        typed(self.0)
    }

    /// The Job as seen at a second.
    #[must_use]
    pub fn seen(self, seconds: u64) -> Observation {
        let object = self.build();
        Observation::new(at(seconds), Seen::Workload { object })
    }
}

/// A pod of Job `migrate`, just scheduled.
#[must_use]
pub fn job_pod(name: &str) -> PodBuilder {
    pod_in(name, ("Job", "migrate", "j-1"), "v1").with("/spec/restartPolicy", json!("Never"))
}

impl PodBuilder {
    /// Its container has ended at a second, and the pod with it.
    #[must_use]
    pub fn ended(self, second: u64, end: (&str, i32, &str)) -> Self {
        let (reason, exit_code, message) = end;
        let phase = if exit_code == 0 {
            "Succeeded"
        } else {
            "Failed"
        };
        let state = json!({"terminated": {"exitCode": exit_code, "reason": reason, "message": message,
            "startedAt": start(), "finishedAt": at(second)}});
        let ended = self.container(json!({"restartCount": 0, "state": state}));
        ended.with("/status/phase", json!(phase))
    }
}
