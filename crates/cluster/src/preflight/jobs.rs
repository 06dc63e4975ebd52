//! The Jobs of a namespace that completed.

use jiff::Timestamp;
use kube::Client;
use kube::core::Request;
use rollguard_core::rollback::preflight::{JobRun, Lookup};
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
    let mut conditions = items("/status/conditions").into_iter().flatten();
    let complete = conditions.any(|it| is(it, "type", "Complete") && is(it, "status", "True"));
    let at = job.pointer("/status/completionTime")?.as_str()?;
    let completed: Timestamp = at.parse().ok().filter(|_| complete)?;
    let mut owners = items("/metadata/ownerReferences").into_iter().flatten();
    Some(JobRun {
        name: job.pointer("/metadata/name")?.as_str()?.to_owned(),
        completed,
        scheduled: owners.any(|it| is(it, "kind", "CronJob")),
    })
}

fn is(object: &Value, field: &str, value: &str) -> bool {
    object.get(field).and_then(Value::as_str) == Some(value)
}
