//! Readiness and availability of pods, as all controllers count them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::condition;
use crate::clock::later;
use crate::object::{int, name, text, time, uid};
use crate::store::Key;

pub(super) type Pods = Vec<(Key, Arc<Value>)>;

/// Since when a pod is ready, if it is.
pub(super) fn ready_since(pod: &Value) -> Option<Timestamp> {
    let ready = condition::find(pod, "Ready")?;
    if ready["status"] != "True" {
        return None;
    }
    time(ready, "/lastTransitionTime")
}

/// From when on a pod of this workload counts as available, if nothing happens to it.
pub(super) fn available_at(workload: &Value, pod: &Value) -> Option<Timestamp> {
    let settle = u64::try_from(int(workload, "/spec/minReadySeconds")).unwrap_or_default();
    Some(later(ready_since(pod)?, Duration::from_secs(settle)))
}

pub(super) fn is_available(workload: &Value, pod: &Value, now: Timestamp) -> bool {
    available_at(workload, pod).is_some_and(|at| at <= now)
}

/// When the next pod that is ready becomes available.
pub(super) fn next_available<'a>(
    workload: &Value,
    pods: impl IntoIterator<Item = &'a Arc<Value>>,
    now: Timestamp,
) -> Option<Timestamp> {
    pods.into_iter()
        .filter_map(|pod| available_at(workload, pod))
        .filter(|at| *at > now)
        .min()
}

/// Returns whether a pod ran to its end.
pub(super) fn has_ended(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
}

/// The reference with which a workload controls what it made.
pub(super) fn controller_reference(workload: &Value) -> Value {
    json!([{
        "apiVersion": workload["apiVersion"], "kind": workload["kind"], "name": name(workload),
        "uid": uid(workload), "controller": true, "blockOwnerDeletion": true,
    }])
}
