//! A pod that looks for a node, and what keeps a node from taking it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, NodeSpec, Pod, PodSpec, Taint,
};
use serde_json::json;

use crate::label_selector::Requirement;
use crate::prediction::pod::{Amounts, read};
use crate::snapshot::{not_ready_since, tolerates};

/// The state of a node, which passes.
pub(super) const PASSING: &str = "node.kubernetes.io/";

/// The reason why a node does not take a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// The pod's nodeSelector or node affinity.
    Selector,
    /// A taint, by its key.
    Taint(String),
    /// Cordoned, not ready, or under pressure.
    Passing(String),
    /// Too little of a resource, even if the node were empty.
    TooSmall(String),
    /// Too few devices of a plugin, which may still register more.
    Device(String),
    /// Not initialised yet, and without the labels that the pod asks for.
    Unlabelled,
}

/// A pod that looks for a node.
pub(super) struct Fits<'p> {
    pub(super) pod: &'p Pod,
    pub(super) spec: &'p PodSpec,
    pub(super) requests: Amounts,
    pub(super) priority: i64,
    /// Whether the scheduler evicts pods of a lower priority for it.
    pub(super) evicts: bool,
}

impl<'p> Fits<'p> {
    pub(super) fn of(pod: &'p Pod, spec: &'p PodSpec, requests: Amounts) -> Self {
        // The number of a class stands in the stored pod alone.
        let of_class = spec.priority_class_name.as_deref().map(|_| i64::MAX);
        let own = spec.priority.map(i64::from);
        Self {
            pod,
            spec,
            requests,
            priority: own.or(of_class).unwrap_or_default(),
            evicts: spec.preemption_policy.as_deref() != Some("Never"),
        }
    }
}

impl Fits<'_> {
    /// Returns the first reason why a node does not take it. A node that is not ready may have more than it says, and one
    /// that is too small stays so without its taint.
    pub(super) fn obstacle(&self, node: &Node) -> Option<Obstacle> {
        if !is_selected(self.spec, node) {
            return Some(if is_initialised(node) {
                Obstacle::Selector
            } else {
                Obstacle::Unlabelled
            });
        }
        let (passing, taints): (Vec<&Taint>, Vec<&Taint>) = self
            .repelling(node)
            .into_iter()
            .partition(|it| it.key.starts_with(PASSING));
        let passing = passing.first().map(|it| it.key.clone());
        let passing = passing.or_else(|| self.state_of(node));
        let small = self.too_small(node);
        let size = match &small {
            Some(resource) if passing.is_none() && !is_device(resource) => small.clone(),
            Some(_) | None => None,
        };
        let taint = taints.first().map(|it| it.key.clone());
        size.map(Obstacle::TooSmall)
            .or_else(|| taint.map(Obstacle::Taint))
            .or_else(|| passing.map(Obstacle::Passing))
            .or_else(|| small.map(Obstacle::Device))
    }

    /// Returns the taints that repel it.
    fn repelling<'n>(&self, node: &'n Node) -> Vec<&'n Taint> {
        let taints = node.spec.as_ref().and_then(|it| it.taints.as_ref());
        let taints = taints.into_iter().flatten();
        taints
            .filter(|it| !tolerates(self.pod, &tainted((*it).clone())))
            .collect()
    }

    /// Returns a resource that the node does not have enough of, one of its own before that of a device.
    fn too_small(&self, node: &Node) -> Option<String> {
        let status = node.status.as_ref()?;
        let has = status.allocatable.as_ref()?;
        let has = read(&json!(has));
        let lacking = self.requests.iter().filter(|(name, wanted)| {
            let amount = has.get(*name).copied().unwrap_or_default();
            **wanted > amount
        });
        let lacking = lacking.map(|(name, _)| name);
        lacking.min_by_key(|it| is_device(it)).cloned()
    }

    /// Returns a present state of a node that keeps pods away and passes.
    fn state_of(&self, node: &Node) -> Option<String> {
        let is_cordoned = node.spec.as_ref().and_then(|it| it.unschedulable) == Some(true);
        // A DaemonSet's pods come to a cordoned node as well (`node_unschedulable.go`).
        let cordon = tainted(Taint {
            key: "node.kubernetes.io/unschedulable".to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        });
        if is_cordoned && !tolerates(self.pod, &cordon) {
            return Some("cordoned".to_owned());
        }
        not_ready_since(node).map(|_| "not ready".to_owned())
    }
}

/// Returns whether a node has its labels: those of its zone come from the cloud provider, after the node has registered
/// (cloud-provider `node_controller.go`).
pub(super) fn is_initialised(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|it| it.taints.as_ref());
    let mut taints = taints.into_iter().flatten();
    not_ready_since(node).is_none()
        && !taints.any(|it| it.key == "node.cloudprovider.kubernetes.io/uninitialized")
}

/// Returns whether a resource comes from a device plugin: its name has a domain.
fn is_device(resource: &str) -> bool {
    resource.contains('/')
}

/// Returns a node with this taint and nothing else.
fn tainted(taint: Taint) -> Node {
    let taints = Some(vec![taint]);
    Node {
        spec: Some(NodeSpec {
            taints,
            ..NodeSpec::default()
        }),
        ..Node::default()
    }
}

/// Returns whether nodeSelector and required node affinity select a node (component-helpers
/// `scheduling/corev1/nodeaffinity`).
pub(super) fn is_selected(spec: &PodSpec, node: &Node) -> bool {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&NONE);
    let mut selector = spec.node_selector.iter().flatten();
    if !selector.all(|(key, value)| labels.get(key) == Some(value)) {
        return false;
    }
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|it| it.node_affinity.as_ref());
    let required = affinity.and_then(|it| {
        it.required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    let Some(required) = required else {
        return true;
    };
    let mut terms = required.node_selector_terms.iter();
    terms.any(|term| meets(term, node, labels))
}

fn meets(term: &NodeSelectorTerm, node: &Node, labels: &BTreeMap<String, String>) -> bool {
    let name = node.metadata.name.clone().unwrap_or_default();
    let fields = BTreeMap::from([("metadata.name".to_owned(), name)]);
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let by_field = term.match_fields.as_deref().unwrap_or_default();
    let holds = |rule: &NodeSelectorRequirement, of: &BTreeMap<String, String>| {
        requirement(rule).is_some_and(|it| it.matches(of))
    };
    // A term without a rule selects nothing.
    !(expressions.is_empty() && by_field.is_empty())
        && expressions.iter().all(|it| holds(it, labels))
        && by_field.iter().all(|it| holds(it, &fields))
}

pub(super) fn requirement(rule: &NodeSelectorRequirement) -> Option<Requirement> {
    let values = rule.values.iter().flatten().cloned().collect();
    Requirement::of(&rule.key, &rule.operator, values)
}
