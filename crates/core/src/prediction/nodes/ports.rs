//! Nodes that take one pod only: by a host port, or by anti-affinity to itself.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, PodSpec};
use serde::Deserialize as _;
use serde_json::Value;

use crate::finding::FindingCode;
use crate::prediction::certainty::Prediction;
use crate::prediction::items;
use crate::prediction::planned::Planned;
use crate::prediction::pod::has_ended;
use crate::prediction::question::Collection;
use crate::prediction::strategy::fences;
use crate::prediction::view::{Found, View};
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

/// Finds a surge pod that finds no node, because each node takes one pod only and all have one: by a host port, or by
/// anti-affinity to itself.
pub(super) fn one_per_node(plan: &Planned<'_>, spec: &PodSpec, open: usize) -> Option<Prediction> {
    let fences = fences(plan);
    let is_deployment = plan.workload.kind == WorkloadKind::Deployment;
    let open = i64::try_from(open).unwrap_or(i64::MAX);
    if !is_deployment || plan.manifest.stands || fences.unavailable > 0 || plan.present() < open {
        return None;
    }
    let former = plan.former_template()?;
    let former = former.get("spec").unwrap_or(&Value::Null);
    let before = host_ports(former);
    let shared = host_ports(plan.spec())
        .into_iter()
        .find(|it| before.iter().any(|old| it.excludes(old)));
    let (why, at) = if let Some(HostPort { port, .. }) = shared {
        (
            format!("host port {port} can be used once per node"),
            Planned::in_spec("/containers"),
        )
    } else if is_alone(plan, spec) {
        (
            "anti-affinity allows one pod per node".to_owned(),
            Planned::in_spec("/affinity"),
        )
    } else {
        return None;
    };
    let message = format!(
        "{why}, every node that can take the pods has one, and {} may not miss any (maxUnavailable 0): the first new pod finds no node",
        plan.title()
    );
    Some(
        Prediction::finding(FindingCode::Unschedulable, plan.index, message)
            .about(plan.title())
            .at(at)
            .remedy("set maxSurge 0 and maxUnavailable 1"),
    )
}

/// Returns whether the pods keep away from one another by node.
fn is_alone(plan: &Planned<'_>, spec: &PodSpec) -> bool {
    let labels = |of: &Value| {
        let labels = of.pointer("/metadata/labels").cloned();
        BTreeMap::<String, String>::deserialize(labels.unwrap_or_default()).unwrap_or_default()
    };
    // The old pods keep the new one away, and have their own labels.
    let Some(former) = plan.former_template() else {
        return false;
    };
    let all = [labels(plan.template()), labels(former)];
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|it| it.pod_anti_affinity.as_ref());
    let terms = affinity.and_then(|it| {
        it.required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    terms.into_iter().flatten().any(|term| {
        let selector = term.label_selector.as_ref();
        let by_labels = selector.and_then(|it| it.match_labels.as_ref());
        let has_rules = selector.is_some_and(|it| {
            it.match_expressions
                .as_ref()
                .is_some_and(|it| !it.is_empty())
        });
        let own = by_labels.is_some_and(|it| {
            let has = |labels: &BTreeMap<String, String>| {
                it.iter().all(|(key, value)| labels.get(key) == Some(value))
            };
            !it.is_empty() && all.iter().all(has)
        });
        // Such a key, mostly `pod-template-hash`, tells the revisions apart.
        let by_keys = [&term.match_label_keys, &term.mismatch_label_keys];
        let by_keys = by_keys.into_iter().flatten().any(|it| !it.is_empty());
        let others = term.namespaces.is_some() || term.namespace_selector.is_some() || by_keys;
        term.topology_key == "kubernetes.io/hostname" && own && !has_rules && !others
    })
}

/// A port of a node that a pod takes.
struct HostPort {
    port: i64,
    protocol: String,
    /// The address that it is taken at; empty for all.
    address: String,
}

impl HostPort {
    /// Returns whether one node cannot have both (kubernetes `framework/types.go`, `CheckConflict`).
    fn excludes(&self, other: &Self) -> bool {
        let same = self.address == other.address;
        let is_at_all = self.address.is_empty() || other.address.is_empty();
        self.port == other.port && self.protocol == other.protocol && (same || is_at_all)
    }
}

/// Returns the ports of a node that a pod takes.
fn host_ports(spec: &Value) -> Vec<HostPort> {
    let containers = ["/initContainers", "/containers"]
        .into_iter()
        .flat_map(|it| items(spec, it));
    let ports = containers.flat_map(|it| items(it, "/ports"));
    ports
        .filter_map(|it| {
            let port = it.get("hostPort")?.as_i64().filter(|it| *it > 0)?;
            let protocol = it.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
            let address = Some(text(it, "/hostIP")).filter(|it| *it != "0.0.0.0");
            Some(HostPort {
                port,
                protocol: protocol.to_owned(),
                address: address.unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

/// Finds host ports that pods of others hold on every node that could take a pod; of a DaemonSet, on any.
pub(super) fn taken(view: &View<'_>, plan: &Planned<'_>, open: &[&Node]) -> Option<Prediction> {
    let wanted = host_ports(plan.spec());
    if wanted.is_empty() {
        return None;
    }
    let collection = Collection {
        api: "v1",
        plural: "pods",
        namespace: Some(plan.namespace().to_owned()),
    };
    let Found::There(pods) = view.list(collection, "whether other pods hold the host ports") else {
        return None;
    };
    let selector = plan.object.pointer("/spec/selector/matchLabels");
    let by_rules = plan.object.pointer("/spec/selector/matchExpressions");
    // Without labels to compare, every pod may be one of its own.
    let by_rules = selector.is_none() && by_rules.is_some();
    let is_own = |pod: &Value| {
        let labels = pod.pointer("/metadata/labels");
        let has_labels = selector.and_then(Value::as_object).is_some_and(|all| {
            all.iter()
                .all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value))
        });
        by_rules || has_labels
    };
    let holds = |pod: &&Value, node: &str| {
        let at = text(pod, "/spec/nodeName") == node;
        at && !has_ended(pod)
            && !is_own(pod)
            && host_ports(pod.pointer("/spec").unwrap_or(&Value::Null))
                .iter()
                .any(|it| wanted.iter().any(|own| own.excludes(it)))
    };
    let holders = open.iter().filter_map(|node| {
        let node = node.metadata.name.as_deref()?;
        let holder = pods.iter().find(|pod| holds(pod, node))?;
        Some((node, text(holder, "/metadata/name")))
    });
    let holders: Vec<(&str, &str)> = holders.collect();
    let enough = match plan.workload.kind {
        WorkloadKind::DaemonSet => !holders.is_empty(),
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::Job => {
            holders.len() == open.len()
        }
    };
    let (node, holder) = holders.first().filter(|_| enough)?;
    let message = format!(
        "pod `{holder}` holds host port {} on node `{node}`, which {} needs",
        wanted
            .iter()
            .map(|it| it.port.to_string())
            .collect::<Vec<_>>()
            .join(", "),
        plan.title()
    );
    Some(
        Prediction::finding(FindingCode::Unschedulable, plan.index, message)
            .about(plan.title())
            .at(Planned::in_spec("/containers"))
            .remedy(format!("choose another hostPort, or end pod `{holder}`")),
    )
}
