//! The node controller: taints nodes by their state, and marks the pods of lost nodes as not ready
//! (kubernetes `pkg/controller/nodelifecycle`).

use serde_json::{Value, json};

use crate::clock::seconds;
use crate::cluster::Cluster;
use crate::event::{NewEvent, Source};
use crate::node::{NOT_READY, UNREACHABLE, UNSCHEDULABLE, readiness};
use crate::object::{items, set, text};
use crate::resource::Resource;
use crate::store::Key;

/// Keeps the taints that follow from a node's state; pods on a lost node are no longer ready.
pub(super) fn sync(cluster: &mut Cluster, key: &Key) {
    let Some(node) = cluster.store.get(key).cloned() else {
        return;
    };
    let now = seconds(cluster.now());
    let ours =
        |taint: &Value| matches!(text(taint, "/key"), NOT_READY | UNREACHABLE | UNSCHEDULABLE);
    let mut taints: Vec<Value> = items(&node, "/spec/taints")
        .iter()
        .filter(|taint| !ours(taint))
        .cloned()
        .collect();
    let mut add = |key: &str, effect: &str| {
        let present = items(&node, "/spec/taints")
            .iter()
            .find(|it| it["key"] == key && it["effect"] == effect);
        let fresh = json!({"key": key, "effect": effect, "timeAdded": now});
        taints.push(present.cloned().unwrap_or(fresh));
    };
    if node["spec"]["unschedulable"] == true {
        add(UNSCHEDULABLE, "NoSchedule");
    }
    let lost = match readiness(&node) {
        "True" => None,
        "False" => Some(NOT_READY),
        _ => Some(UNREACHABLE),
    };
    if let Some(taint) = lost {
        add(taint, "NoSchedule");
        add(taint, "NoExecute");
    }
    cluster.modify(key, |node| {
        let taints = if taints.is_empty() {
            Value::Null
        } else {
            json!(taints)
        };
        set(node, &["spec", "taints"], taints);
    });
    if lost.is_some() {
        mark_pods_not_ready(cluster, &key.name);
    }
}

/// Marks the pods of a lost node as not ready: their kubelet no longer reports
/// (kubernetes `pkg/controller/util/node/controller_utils.go`, `MarkPodsNotReady`).
fn mark_pods_not_ready(cluster: &mut Cluster, node: &str) {
    let now = seconds(cluster.now());
    for (key, pod) in cluster.store.list(Resource::Pods, None) {
        if text(&pod, "/spec/nodeName") != node {
            continue;
        }
        let changed = cluster.modify(&key, |pod| {
            let conditions = pod.pointer_mut("/status/conditions");
            let ready = conditions
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
                .find(|it| it["type"] == "Ready" && it["status"] == "True");
            if let Some(ready) = ready {
                ready["status"] = json!("False");
                ready["lastTransitionTime"] = json!(now);
            }
        });
        if changed {
            let source = Source::NodeController;
            let event = NewEvent::warning(source, "NodeNotReady", "Node is not ready");
            cluster.record(&key, &event);
        }
    }
}
