//! The Job controller (kubernetes `pkg/controller/job`), for Jobs that are not Indexed and have no policy.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::condition;
use super::readiness::{Pods, controller_reference};
use super::retry::Retries;
use crate::clock::{later, seconds};
use crate::cluster::{Cluster, Deletion};
use crate::event::{NewEvent, Source};
use crate::object::{being_deleted, controller_uid, int, int_or, items, name, text, time, uid};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;

/// The pause after a failed pod, doubled for each further one (`DefaultJobPodFailureBackOff`), and its longest.
const BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(600);

/// Brings a Job on, and reports. Returns when to look again.
pub(super) fn sync(cluster: &mut Cluster, key: &Key, retries: &mut Retries) -> Option<Timestamp> {
    let job = cluster.store.get(key).cloned();
    let job = job.filter(|it| !being_deleted(it) && !is_finished(it));
    let Some(job) = job else {
        retries.forget(key);
        return None;
    };
    let pods = pods(cluster, &job);
    let state = State::of(&job, &pods, cluster.now());
    let now = cluster.now();
    let end = state.end(&job, now);
    let mut again = state.deadline;
    let mut failed = None;
    if end.is_some() || is_suspended(&job) {
        for (pod, _) in &state.active {
            let _ = cluster.delete(pod, &Deletion::default());
        }
    } else if let Some(at) = state.next_pod_at.filter(|at| *at > now) {
        again = again.into_iter().chain([at]).min();
    } else {
        for _ in 0..state.missing(&job) {
            if let Err(failure) = create(cluster, key, &job) {
                failed = Some(failure);
                break;
            }
        }
    }
    write_status(cluster, key, &state, end.as_ref());
    if failed.is_some() {
        return Some(retries.failed(key, now));
    }
    retries.forget(key);
    again.filter(|at| *at > now)
}

fn is_finished(job: &Value) -> bool {
    ["Complete", "Failed"]
        .iter()
        .any(|kind| condition::find(job, kind).is_some_and(|it| it["status"] == "True"))
}

fn is_suspended(job: &Value) -> bool {
    job["spec"]["suspend"] == true
}

fn pods(cluster: &Cluster, job: &Value) -> Pods {
    let namespace = text(job, "/metadata/namespace");
    let mut owned = cluster.store.list(Resource::Pods, Some(namespace));
    owned.retain(|(_, pod)| controller_uid(pod) == Some(uid(job)));
    owned
}

/// How the Job's pods are.
struct State {
    /// Those that run or wait, and are not being deleted.
    active: Pods,
    /// Those that are on their way out.
    terminating: usize,
    succeeded: i64,
    failed: i64,
    /// The restarts of the active ones.
    restarts: i64,
    /// When the next pod may be created.
    next_pod_at: Option<Timestamp>,
    /// When its time is over.
    deadline: Option<Timestamp>,
}

/// The end of a Job: the condition, and its reason and message.
struct End {
    kind: &'static str,
    target: &'static str,
    reason: &'static str,
    message: &'static str,
}

impl State {
    fn of(job: &Value, pods: &Pods, now: Timestamp) -> Self {
        let phase = |pod: &Value| text(pod, "/status/phase").to_owned();
        let in_phase = |wanted: &str| pods.iter().filter(|(_, pod)| phase(pod) == wanted).count();
        let lasting: Pods = pods
            .iter()
            .filter(|(_, pod)| !matches!(phase(pod).as_str(), "Succeeded" | "Failed"))
            .cloned()
            .collect();
        let (terminating, active): (Pods, Pods) =
            lasting.into_iter().partition(|(_, pod)| being_deleted(pod));
        let restarts = active
            .iter()
            .flat_map(|(_, pod)| items(pod, "/status/containerStatuses"));
        let restarts = restarts.map(|it| int(it, "/restartCount")).sum();
        let (failed, succeeded) = (count(in_phase("Failed")), count(in_phase("Succeeded")));
        // A pod that failed before the Job was resumed counts as well.
        let ends = pods.iter().filter(|(_, pod)| phase(pod) == "Failed");
        let last = ends.filter_map(|(_, pod)| finished(pod)).max();
        let times = u32::try_from(failed.saturating_sub(1)).unwrap_or_default();
        let pause = BACK_OFF
            .saturating_mul(2_u32.saturating_pow(times))
            .min(LONGEST_BACK_OFF);
        let limit = job
            .pointer("/spec/activeDeadlineSeconds")
            .and_then(Value::as_u64);
        let began = time(job, "/status/startTime").unwrap_or(now);
        Self {
            active,
            terminating: terminating.len(),
            succeeded,
            failed,
            restarts,
            next_pod_at: last.map(|at| later(at, pause)),
            deadline: limit.map(|it| later(began, Duration::from_secs(it))),
        }
    }

    fn end(&self, job: &Value, now: Timestamp) -> Option<End> {
        let failed = |reason, message| End {
            kind: "Failed",
            target: "FailureTarget",
            reason,
            message,
        };
        if let Some(target) = condition::find(job, "FailureTarget") {
            return Some(match text(target, "/reason") {
                "DeadlineExceeded" => failed("DeadlineExceeded", TOO_LONG),
                _ => failed("BackoffLimitExceeded", TOO_OFTEN),
            });
        }
        let limit = int_or(job, "/spec/backoffLimit", 6);
        if self.failed > limit || (self.restarts > 0 && self.restarts >= limit) {
            return Some(failed("BackoffLimitExceeded", TOO_OFTEN));
        }
        if self.deadline.is_some_and(|at| at <= now) && !is_suspended(job) {
            return Some(failed("DeadlineExceeded", TOO_LONG));
        }
        let wanted = job.pointer("/spec/completions").and_then(Value::as_i64);
        let complete = match wanted {
            Some(wanted) => self.succeeded >= wanted,
            None => self.succeeded > 0 && self.active.is_empty(),
        };
        complete.then_some(End {
            kind: "Complete",
            target: "SuccessCriteriaMet",
            reason: "CompletionsReached",
            message: "Reached expected number of succeeded pods",
        })
    }

    fn missing(&self, job: &Value) -> i64 {
        let parallelism = int_or(job, "/spec/parallelism", 1);
        let wanted = job.pointer("/spec/completions").and_then(Value::as_i64);
        let open = wanted.map_or(parallelism, |it| it - self.succeeded);
        // A pod that is being deleted keeps its place.
        let present = count(self.active.len()) + count(self.terminating);
        parallelism.min(open) - present
    }
}

const TOO_OFTEN: &str = "Job has reached the specified backoff limit";
const TOO_LONG: &str = "Job was active longer than specified deadline";

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// When the last container of a pod ended.
fn finished(pod: &Value) -> Option<Timestamp> {
    let statuses = items(pod, "/status/containerStatuses");
    statuses
        .iter()
        .filter_map(|it| time(it, "/state/terminated/finishedAt"))
        .max()
}

fn create(cluster: &mut Cluster, key: &Key, job: &Value) -> Result<(), ApiFailure> {
    let template = &job["spec"]["template"];
    let mut metadata = template["metadata"].clone();
    metadata["generateName"] = json!(format!("{}-", key.name));
    metadata["ownerReferences"] = controller_reference(job);
    let pod = json!({"metadata": metadata, "spec": template["spec"]});
    let source = Source::JobController;
    match cluster.create(Resource::Pods, &key.namespace, pod) {
        Ok(pod) => {
            let message = format!("Created pod: {}", name(&pod));
            cluster.record(key, &NewEvent::normal(source, "SuccessfulCreate", message));
            Ok(())
        }
        Err(failure) => {
            let message = format!("Error creating: {}", failure.message());
            cluster.record(key, &NewEvent::warning(source, "FailedCreate", message));
            Err(failure)
        }
    }
}

fn write_status(cluster: &mut Cluster, key: &Key, state: &State, end: Option<&End>) {
    let now = seconds(cluster.now());
    let ends = end.is_some() && state.active.is_empty() && state.terminating == 0;
    cluster.modify(key, |job| {
        let suspended = is_suspended(job);
        let mut conditions = items(job, "/status/conditions").to_vec();
        let mut add = |kind: &str, reason: &str, message: &str| {
            if conditions.iter().all(|it| it["type"] != kind) {
                conditions.push(
                    json!({"type": kind, "status": "True", "reason": reason, "message": message,
                    "lastProbeTime": now, "lastTransitionTime": now}),
                );
            }
        };
        if let Some(end) = end {
            add(end.target, end.reason, end.message);
            if ends {
                add(end.kind, end.reason, end.message);
            }
        }
        if suspended {
            add("Suspended", "JobSuspended", "Job suspended");
        } else {
            conditions.retain(|it| it["type"] != "Suspended");
        }
        let started = job["status"]["startTime"].clone();
        // The counts of a suspended Job stay.
        if suspended {
            job["status"]["conditions"] = json!(conditions);
            return;
        }
        let mut status = json!({"conditions": conditions, "uncountedTerminatedPods": {}});
        status["startTime"] = if started.is_null() {
            json!(now)
        } else {
            started
        };
        let active = if ends { 0 } else { count(state.active.len()) };
        let counts = [
            ("active", active),
            ("succeeded", state.succeeded),
            ("failed", state.failed),
        ];
        for (field, count) in counts {
            if count > 0 {
                status[field] = json!(count);
            }
        }
        if ends && end.is_some_and(|it| it.kind == "Complete") {
            status["completionTime"] = json!(now);
        }
        job["status"] = status;
    });
}
