//! The nodes as a DaemonSet sees them: where it should run, and where it does.

use std::sync::Arc;

use serde_json::{Value, json};

use super::HASH;
use crate::cluster::Cluster;
use crate::node::Fit;
use crate::object::{being_deleted, controller_uid, items, name, set, text, uid};
use crate::resource::Resource;
use crate::store::Key;

/// One pod of a set.
pub(super) struct Daemon {
    pub(super) key: Key,
    pub(super) pod: Arc<Value>,
}

impl Daemon {
    pub(super) fn hash(&self) -> &str {
        self.pod["metadata"]["labels"][HASH]
            .as_str()
            .unwrap_or_default()
    }

    pub(super) fn phase(&self) -> &str {
        text(&self.pod, "/status/phase")
    }

    pub(super) fn is_terminating(&self) -> bool {
        being_deleted(&self.pod)
    }
}

/// One node, and the set's pods that are on it or meant for it, oldest first.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) should_run: bool,
    pub(super) may_stay: bool,
    pub(super) daemons: Vec<Daemon>,
}

/// All nodes.
pub(super) struct Nodes {
    nodes: Vec<Node>,
    lost: Vec<Daemon>,
}

impl Nodes {
    pub(super) fn load(cluster: &Cluster, set: &Value) -> Self {
        let mut spec = set["spec"]["template"]["spec"].clone();
        tolerate(&mut spec);
        let mut nodes: Vec<Node> = cluster
            .store
            .list(Resource::Nodes, None)
            .iter()
            .map(|(_, node)| {
                let fit = Fit::of(&spec, node);
                Node {
                    name: name(node).to_owned(),
                    should_run: fit.selected && fit.tolerates,
                    may_stay: fit.selected && fit.may_stay,
                    daemons: Vec::new(),
                }
            })
            .collect();
        let mut lost = Vec::new();
        let namespace = text(set, "/metadata/namespace");
        for (key, pod) in cluster.store.list(Resource::Pods, Some(namespace)) {
            if controller_uid(&pod) != Some(uid(set)) {
                continue;
            }
            let target = target(&pod).to_owned();
            let daemon = Daemon { key, pod };
            match nodes.iter_mut().find(|it| it.name == target) {
                Some(node) => node.daemons.push(daemon),
                None => lost.push(daemon),
            }
        }
        for node in &mut nodes {
            node.daemons.sort_by_cached_key(|it| {
                (
                    text(&it.pod, "/spec/nodeName").is_empty(),
                    text(&it.pod, "/metadata/creationTimestamp").to_owned(),
                    it.key.name.clone(),
                )
            });
        }
        Self { nodes, lost }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// Pods for nodes that do not exist and that no one has bound: only this controller can
    /// delete them.
    pub(super) fn lost(&self) -> impl Iterator<Item = &Daemon> {
        self.lost
            .iter()
            .filter(|it| text(&it.pod, "/spec/nodeName").is_empty() && !it.is_terminating())
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.nodes
            .iter()
            .flat_map(|node| &node.daemons)
            .chain(&self.lost)
            .map(|it| &it.pod)
    }
}

/// The node that has a pod, or that its affinity names.
fn target(pod: &Value) -> &str {
    let bound = text(pod, "/spec/nodeName");
    if !bound.is_empty() {
        return bound;
    }
    text(
        pod,
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
         /nodeSelectorTerms/0/matchFields/0/values/0",
    )
}

/// Adds what every daemon pod tolerates (`AddOrUpdateDaemonPodTolerations`). A lost node's `NoSchedule`
/// taint is not among it: the set does not count that node any more, unless its template
/// tolerates everything.
pub(super) fn tolerate(spec: &mut Value) {
    let mut tolerations = items(spec, "/tolerations").to_vec();
    let mut add = |name: &str, effect: &str| {
        let key = format!("node.kubernetes.io/{name}");
        let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    };
    add("not-ready", "NoExecute");
    add("unreachable", "NoExecute");
    for pressed in [
        "disk-pressure",
        "memory-pressure",
        "pid-pressure",
        "unschedulable",
    ] {
        add(pressed, "NoSchedule");
    }
    if spec["hostNetwork"] == true {
        add("network-unavailable", "NoSchedule");
    }
    set(spec, &["tolerations"], json!(tolerations));
}
