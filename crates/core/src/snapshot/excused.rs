//! The nodes for which the rollout of a DaemonSet does not wait.

use k8s_openapi::api::core::v1::{Node, Pod};

use super::node::{node_of, not_ready_since, tolerates};
use super::rollout::Rollout;
use super::{PodView, created, is_active, name_of};
use crate::workload::Workload;

/// Nodes that are not ready for reasons of their own, with what the counts of a DaemonSet hold of
/// them: a rollout does not wait for a node that was down before its pod came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExcusedNodes<'a> {
    /// The names of all such nodes that have a pod of the DaemonSet.
    pub nodes: Vec<&'a str>,
    /// How many of them `desiredNumberScheduled` counts: only those whose taints its pods tolerate.
    pub desired: i32,
    /// How many of the pods on them are of the newest template.
    pub updated: i32,
    /// How many of the pods on them still count as available.
    pub available: i32,
}

impl<'a> Rollout<'a> {
    /// Returns whether the template's nodeSelector takes a node: labels change, and the counts with them.
    fn selects(&self, node: &Node) -> bool {
        let spec = self.workload().template().and_then(|it| it.spec.as_ref());
        let wanted = spec.and_then(|it| it.node_selector.as_ref());
        let labels = node.metadata.labels.as_ref();
        wanted
            .into_iter()
            .flatten()
            .all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value))
    }

    /// The pods of former revisions that count, but for those that a partition keeps, and those on nodes that
    /// no one waits for.
    #[must_use]
    pub fn left_over(&self, excused: &ExcusedNodes<'_>) -> Vec<PodView<'a>> {
        let mut old = self.old_pods();
        old.retain(|pod| {
            let node = pod.node();
            !self.keeps(pod) && !node.is_some_and(|it| excused.nodes.contains(&it))
        });
        old
    }

    /// The nodes for which a DaemonSet's rollout need not wait: not ready since before their new
    /// pod was made. One that went down under its new pod is not excused: the pod may be why.
    #[must_use]
    pub fn excused(&self) -> ExcusedNodes<'a> {
        let mut excused = ExcusedNodes::default();
        if !matches!(self.workload(), Workload::DaemonSet(_)) {
            return excused;
        }
        let ended = self.ended_pods();
        for node in self.snapshot().nodes() {
            let Some(since) = not_ready_since(node) else {
                continue;
            };
            let name = name_of(&node.metadata);
            let on_it: Vec<&Pod> = self
                .pods()
                .filter(|pod| node_of(pod) == Some(name))
                .collect();
            let new: Vec<&&Pod> = on_it.iter().filter(|pod| self.is_new(pod)).collect();
            // One that was evicted from it in the meantime counts as well.
            let ended = ended.iter().map(PodView::object);
            let ended = ended.filter(|pod| node_of(pod) == Some(name));
            let fell_under_it = new
                .iter()
                .copied()
                .copied()
                .chain(ended)
                .any(|pod| created(&pod.metadata).is_none_or(|made| made <= since));
            if on_it.is_empty() || fell_under_it {
                continue;
            }
            excused.nodes.push(name);
            // The counts leave out a node that its pods may not be placed on any more, and what is
            // on it (`daemon_controller.go`, `updateDaemonSetStatus`).
            if !on_it.iter().all(|pod| tolerates(pod, node)) || !self.selects(node) {
                continue;
            }
            let one = |any: bool| i32::from(any);
            excused.desired += 1;
            excused.updated += one(new.iter().any(|pod| is_active(pod)));
            let ready = |pod: &&Pod| self.view(pod).ready_since().is_some();
            excused.available += one(on_it.iter().any(ready));
        }
        // Where every node is down nothing would be verified at all.
        if excused.desired < self.workload().counts().desired {
            excused
        } else {
            ExcusedNodes {
                nodes: excused.nodes,
                ..ExcusedNodes::default()
            }
        }
    }
}
