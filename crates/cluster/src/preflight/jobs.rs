//! The Jobs of a namespace, and how far they are.

use jiff::Timestamp;
use kube::Client;
use kube::core::Request;
use rollguard_core::rollback::preflight::{JobRun, JobState, Lookup};
use serde_json::Value;

use crate::list::list;

pub(super) async fn jobs(client: &Client, namespace: &str) -> Lookup<Vec<JobRun>> {
    let collection = Request::new(format!("/apis/batch/v1/namespaces/{namespace}/jobs"));
    match list(client, &collection, "").await {
        Ok(jobs) => Lookup::Seen(jobs.iter().filter_map(run).collect()),
        Err(cause) => Lookup::Unseen(super::unseen(&cause.into(), "list", "jobs")),
    }
}

fn run(job: &Value) -> Option<JobRun> {
    let items = |pointer| job.pointer(pointer).and_then(Value::as_array);
    let condition = |kind: &str| {
        let mut conditions = items("/status/conditions").into_iter().flatten();
        conditions.find(|it| is(it, "type", kind) && is(it, "status", "True"))
    };
    let (state, at) = if condition("Complete").is_some() {
        (JobState::Completed, job.pointer("/status/completionTime"))
    } else if let Some(failed) = condition("Failed").or_else(|| condition("FailureTarget")) {
        (JobState::Failed, failed.get("lastTransitionTime"))
    } else {
        let began = job.pointer("/status/startTime");
        // One that has not begun has changed nothing.
        (JobState::Running, began)
    };
    let at: Timestamp = at?.as_str()?.parse().ok()?;
    let instance = job.pointer("/metadata/labels/app.kubernetes.io~1instance");
    let mut owners = items("/metadata/ownerReferences").into_iter().flatten();
    Some(JobRun {
        name: job.pointer("/metadata/name")?.as_str()?.to_owned(),
        state,
        at,
        scheduled: owners.any(|it| is(it, "kind", "CronJob")),
        instance: instance.and_then(Value::as_str).map(str::to_owned),
    })
}

fn is(object: &Value, field: &str, value: &str) -> bool {
    object.get(field).and_then(Value::as_str) == Some(value)
}
