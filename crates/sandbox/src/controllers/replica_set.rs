//! The ReplicaSet controller (kubernetes `pkg/controller/replicaset`).

use jiff::Timestamp;
use serde_json::{Value, json};
use std::cmp::Reverse;

use super::condition;
use super::readiness::{Pods, available_at, controller_reference, has_ended, ready_since};
use super::retry::Retries;
use crate::clock::seconds;
use crate::cluster::{Cluster, Deletion};
use crate::event::{NewEvent, Source};
use crate::object::{
    being_deleted, controller_uid, int, int_or, items, labels, name, text, time, uid,
};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;

/// Most pods created or deleted in one go (`BurstReplicas`).
const BURST: usize = 500;

/// Brings a ReplicaSet to its size and reports. Returns when to look again.
pub(super) fn sync(cluster: &mut Cluster, key: &Key, retries: &mut Retries) -> Option<Timestamp> {
    let Some(set) = cluster.store.get(key).cloned() else {
        retries.forget(key);
        return None;
    };
    // Counted before pods are created or deleted: those changes bring the next sync.
    let (active, terminating) = pods(cluster, &set);
    let managed = if being_deleted(&set) {
        Ok(())
    } else {
        manage(cluster, key, &set, &active)
    };
    let counts = Counts::of(&set, &active, terminating, cluster.now());
    write_status(cluster, key, &counts, managed.as_ref().err());
    if managed.is_err() {
        return Some(retries.failed(key, cluster.now()));
    }
    retries.forget(key);
    counts.next_available
}

/// The pods of a set that count, and the number of those that are on their way out.
fn pods(cluster: &Cluster, set: &Value) -> (Pods, usize) {
    let namespace = text(set, "/metadata/namespace");
    let mut owned = cluster.store.list(Resource::Pods, Some(namespace));
    owned.retain(|(_, pod)| controller_uid(pod) == Some(uid(set)) && !has_ended(pod));
    let all = owned.len();
    owned.retain(|(_, pod)| !being_deleted(pod));
    let terminating = all - owned.len();
    (owned, terminating)
}

/// Creates missing pods, deletes surplus ones.
fn manage(cluster: &mut Cluster, key: &Key, set: &Value, active: &Pods) -> Result<(), ApiFailure> {
    let desired = usize::try_from(int(set, "/spec/replicas")).unwrap_or_default();
    if active.len() < desired {
        let missing = (desired - active.len()).min(BURST);
        // The real one starts slowly, so that a set that cannot create any fails once, not often.
        for _ in 0..missing {
            create(cluster, key, set)?;
        }
        return Ok(());
    }
    let surplus = (active.len() - desired).min(BURST);
    let mut ranked: Vec<_> = active.iter().collect();
    ranked.sort_by_cached_key(|(_, pod)| rank(pod));
    for (pod, _) in ranked.into_iter().take(surplus) {
        if cluster.delete(pod, &Deletion::default()).is_ok() {
            let message = format!("Deleted pod: {}", pod.name);
            report(cluster, key, "SuccessfulDelete", message);
        }
    }
    Ok(())
}

fn create(cluster: &mut Cluster, key: &Key, set: &Value) -> Result<(), ApiFailure> {
    let template = &set["spec"]["template"];
    let mut metadata = template["metadata"].clone();
    metadata["generateName"] = json!(format!("{}-", key.name));
    metadata["ownerReferences"] = controller_reference(set);
    let pod = json!({"metadata": metadata, "spec": template["spec"]});
    match cluster.create(Resource::Pods, &key.namespace, pod) {
        Ok(pod) => {
            let message = format!("Created pod: {}", name(&pod));
            report(cluster, key, "SuccessfulCreate", message);
            Ok(())
        }
        Err(failure) => {
            let message = format!("Error creating: {}", failure.message());
            let source = Source::ReplicaSetController;
            cluster.record(key, &NewEvent::warning(source, "FailedCreate", message));
            Err(failure)
        }
    }
}

fn report(cluster: &mut Cluster, key: &Key, reason: &str, message: String) {
    let source = Source::ReplicaSetController;
    cluster.record(key, &NewEvent::normal(source, reason, message));
}

/// Which pods go first: unassigned, pending, not ready, ready for the shortest time, restarted
/// most often, youngest (`pkg/controller/controller_utils.go`, `ActivePodsWithRanks`).
fn rank(pod: &Value) -> impl Ord + use<> {
    let phase = match text(pod, "/status/phase") {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let restarts = items(pod, "/status/containerStatuses")
        .iter()
        .map(|it| int(it, "/restartCount"))
        .max();
    (
        !text(pod, "/spec/nodeName").is_empty(),
        phase,
        ready_since(pod).is_some(),
        Reverse(ready_since(pod)),
        Reverse(restarts),
        Reverse(time(pod, "/metadata/creationTimestamp")),
        name(pod).to_owned(),
    )
}

/// The counts of a ReplicaSet's status.
struct Counts {
    current: usize,
    labeled: usize,
    ready: usize,
    available: usize,
    terminating: usize,
    next_available: Option<Timestamp>,
}

impl Counts {
    fn of(set: &Value, active: &Pods, terminating: usize, now: Timestamp) -> Self {
        let template = labels(&set["spec"]["template"]);
        let labeled = |pod: &Value| {
            let labels = labels(pod);
            template
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
        };
        let available_at: Vec<Timestamp> = active
            .iter()
            .filter_map(|(_, pod)| available_at(set, pod))
            .collect();
        Self {
            current: active.len(),
            labeled: active.iter().filter(|(_, pod)| labeled(pod)).count(),
            ready: available_at.len(),
            available: available_at.iter().filter(|at| **at <= now).count(),
            terminating,
            next_available: available_at.into_iter().filter(|at| *at > now).min(),
        }
    }
}

fn write_status(cluster: &mut Cluster, key: &Key, counts: &Counts, failure: Option<&ApiFailure>) {
    let now = seconds(cluster.now());
    cluster.modify(key, |set| {
        let mut status = json!({
            "observedGeneration": int_or(set, "/metadata/generation", 1),
            "replicas": counts.current,
            "terminatingReplicas": counts.terminating,
        });
        for (field, count) in [
            ("fullyLabeledReplicas", counts.labeled),
            ("readyReplicas", counts.ready),
            ("availableReplicas", counts.available),
        ] {
            if count > 0 {
                status[field] = json!(count);
            }
        }
        // Set only when absent, so the message stays that of the first failure.
        let present = condition::find(set, "ReplicaFailure").cloned();
        let shown = match (failure, present) {
            (Some(_), Some(present)) => Some(present),
            (Some(failure), None) => Some(json!({
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": failure.message(), "lastTransitionTime": now,
            })),
            (None, _) => None,
        };
        if let Some(condition) = shown {
            status["conditions"] = json!([condition]);
        }
        set["status"] = status;
    });
}
