//! Predicts whether a node can take the pods: selector, affinity, taints, requests, host ports, spread.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Toleration,
};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::autoscaler::{Growth, growth};
use super::certainty::{Certainty, Prediction};
use super::items;
use super::planned::Planned;
use super::pod::{Amounts, amounts, read};
use super::question::Collection;
use super::strategy::fences;
use super::view::{Found, View};
use crate::finding::FindingCode;
use crate::label_selector::Requirement;
use crate::snapshot::{not_ready_since, tolerates};
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

/// The taints that a DaemonSet's pods tolerate by themselves (`daemon/util/daemonset_util.go`,
/// `AddOrUpdateDaemonPodTolerations`).
const OF_DAEMONS: [&str; 6] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
];

/// The state of a node, which passes.
const PASSING: &str = "node.kubernetes.io/";

/// Why a node does not take a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    /// The pod's nodeSelector or node affinity.
    Selector,
    /// A taint, by its key.
    Taint(String),
    /// Cordoned, not ready, or under pressure.
    Passing(String),
    /// Too little of a resource, even if the node were empty.
    TooSmall(String),
}

/// Finds pods that no node can take.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let collection = Collection {
        api: "v1",
        plural: "nodes",
        namespace: None,
    };
    let Found::There(raw) = view.list(collection, "whether a node can take the pods") else {
        return Vec::new();
    };
    let nodes: Vec<Node> = raw
        .iter()
        .filter_map(|it| Node::deserialize(it).ok())
        .collect();
    let Some(pod) = pod_of(plan) else {
        return Vec::new();
    };
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    if nodes.is_empty() {
        return Vec::new();
    }
    let fits = Fits {
        requests: amounts(plan.spec(), "requests"),
        pod: &pod,
        spec,
    };
    let mut found = Vec::new();
    if let Some(name) = spec.node_name.as_deref() {
        found.extend(pinned(plan, name, &nodes));
        return found;
    }
    let open: Vec<&Node> = nodes
        .iter()
        .filter(|it| fits.obstacle(it).is_none())
        .collect();
    if open.is_empty() && plan.workload.kind != WorkloadKind::DaemonSet {
        found.extend(nowhere(view, plan, &fits, &nodes));
    }
    found.extend(topology(view, plan, spec, &nodes));
    found.extend(lost(plan, &fits, &nodes));
    found.extend(too_small_for_daemon(plan, &fits, &nodes));
    found.extend(never_pulled(plan, spec, &open));
    if !open.is_empty() {
        found.extend(one_per_node(plan, spec, open.len()));
        found.extend(ports(view, plan, &open));
    }
    found
}

/// Returns a pod of the template, with the tolerations that its controller adds.
fn pod_of(plan: &Planned<'_>) -> Option<Pod> {
    let mut spec = PodSpec::deserialize(plan.spec()).ok()?;
    if plan.workload.kind == WorkloadKind::DaemonSet {
        let own = OF_DAEMONS.iter().map(|key| Toleration {
            key: Some((*key).to_owned()),
            operator: Some("Exists".to_owned()),
            ..Toleration::default()
        });
        spec.tolerations.get_or_insert_default().extend(own);
    }
    Some(Pod {
        spec: Some(spec),
        ..Pod::default()
    })
}

/// A pod that looks for a node.
struct Fits<'p> {
    pod: &'p Pod,
    spec: &'p PodSpec,
    requests: Amounts,
}

impl Fits<'_> {
    /// Returns the first reason why a node does not take it.
    fn obstacle(&self, node: &Node) -> Option<Obstacle> {
        if !is_selected(self.spec, node) {
            return Some(Obstacle::Selector);
        }
        let state = state_of(node);
        if !tolerates(self.pod, node) {
            let key = repelling(self.pod, node);
            return Some(if key.starts_with(PASSING) {
                Obstacle::Passing(key)
            } else {
                Obstacle::Taint(key)
            });
        }
        let small = self.too_small(node).map(Obstacle::TooSmall);
        small.or_else(|| state.map(Obstacle::Passing))
    }

    /// Returns a resource that the node does not have enough of.
    fn too_small(&self, node: &Node) -> Option<String> {
        let status = node.status.as_ref()?;
        let has = status.allocatable.as_ref()?;
        let has = read(&json!(has));
        let mut lacking = self.requests.iter().filter(|(name, wanted)| {
            let amount = has.get(*name).copied().unwrap_or_default();
            **wanted > amount
        });
        lacking.next().map(|(name, _)| name.clone())
    }
}

/// Returns the key of the first taint that repels the pod.
fn repelling(pod: &Pod, node: &Node) -> String {
    let taints = node.spec.as_ref().and_then(|it| it.taints.as_ref());
    let mut taints = taints.into_iter().flatten().filter(|taint| {
        let mut alone = node.clone();
        if let Some(spec) = &mut alone.spec {
            spec.taints = Some(vec![(*taint).clone()]);
        }
        !tolerates(pod, &alone)
    });
    taints.next().map(|it| it.key.clone()).unwrap_or_default()
}

/// Returns a present state of a node that keeps pods away and passes.
fn state_of(node: &Node) -> Option<String> {
    let is_cordoned = node.spec.as_ref().and_then(|it| it.unschedulable) == Some(true);
    if is_cordoned {
        return Some("cordoned".to_owned());
    }
    not_ready_since(node).map(|_| "not ready".to_owned())
}

/// Returns whether nodeSelector and required node affinity select a node (component-helpers
/// `scheduling/corev1/nodeaffinity`).
fn is_selected(spec: &PodSpec, node: &Node) -> bool {
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

fn requirement(rule: &NodeSelectorRequirement) -> Option<Requirement> {
    let key = rule.key.clone();
    let values: BTreeSet<String> = rule.values.iter().flatten().cloned().collect();
    let number = || values.first()?.parse::<i64>().ok();
    Some(match rule.operator.as_str() {
        "In" => Requirement::In(key, values),
        // A node without the label is not selected by `In`, and is by `NotIn`.
        "NotIn" => Requirement::NotIn(key, values),
        "Exists" => Requirement::Exists(key),
        "DoesNotExist" => Requirement::DoesNotExist(key),
        "Gt" => Requirement::GreaterThan(key, number()?),
        "Lt" => Requirement::LessThan(key, number()?),
        _ => return None,
    })
}

/// Finds a pod that the template binds to a node that does not exist.
fn pinned(plan: &Planned<'_>, name: &str, nodes: &[Node]) -> Option<Prediction> {
    let exists = nodes
        .iter()
        .any(|it| it.metadata.name.as_deref() == Some(name));
    (!exists).then(|| {
        let message = format!("the pod template names node `{name}` (spec.nodeName), which does not exist");
        Prediction::finding(FindingCode::NoNodeMatches, plan.index, message)
            .about(plan.title())
            .at(plan.named(&["nodeName"], name))
            .remedy("remove nodeName from the pod template, so that the scheduler chooses a node, or use nodeSelector")
    })
}

/// Explains why no node takes the pods.
fn nowhere(
    view: &View<'_>,
    plan: &Planned<'_>,
    fits: &Fits<'_>,
    nodes: &[Node],
) -> Option<Prediction> {
    let obstacles: Vec<Obstacle> = nodes.iter().filter_map(|it| fits.obstacle(it)).collect();
    let any = |wanted: fn(&Obstacle) -> bool| obstacles.iter().any(wanted);
    let counted = counted(&obstacles);
    let growth = growth(view);
    // A node whose state passes would take them.
    if any(|it| matches!(it, Obstacle::Passing(_))) {
        let message = format!(
            "no node takes the pods of {} at present: {counted}",
            plan.title()
        );
        return Some(
            Prediction::finding(FindingCode::Unschedulable, plan.index, message)
                .surely(Certainty::Possible)
                .about(plan.title())
                .at("/spec/template/spec")
                .remedy(
                    "wait until the nodes are ready again, or uncordon them (`kubectl uncordon`)",
                ),
        );
    }
    let is_tainted = any(|it| matches!(it, Obstacle::Taint(_)));
    let is_small = any(|it| matches!(it, Obstacle::TooSmall(_)));
    let (code, at) = if is_small {
        (FindingCode::Unschedulable, resources_of(plan))
    } else {
        (FindingCode::NoNodeMatches, placement_of(plan))
    };
    let message = format!("no node can take the pods of {}: {counted}", plan.title());
    let prediction = Prediction::finding(code, plan.index, message)
        .about(plan.title())
        .at(at);
    // A taint may be taken away; a label or a size stays.
    let own = if is_tainted && !is_small {
        Certainty::Likely
    } else {
        Certainty::Certain
    };
    grown(prediction.surely(own), growth)
}

/// Lowers the certainty where a node may be added; `None` while that is not known.
fn grown(prediction: Prediction, growth: Growth) -> Option<Prediction> {
    Some(match growth {
        Growth::Pending => return None,
        Growth::None => prediction,
        Growth::Unknown => {
            let certainty = prediction.certainty.min(Certainty::Likely);
            prediction.surely(certainty)
        }
        Growth::Pools(pools) => {
            let message = format!(
                "{}; the autoscaler may add a node to pool {}",
                prediction.message,
                pools.join(", ")
            );
            Prediction {
                message,
                ..prediction.surely(Certainty::Possible)
            }
        }
    })
}

/// Counts the nodes by reason.
fn counted(obstacles: &[Obstacle]) -> String {
    let mut counts: BTreeMap<&Obstacle, usize> = BTreeMap::new();
    for it in obstacles {
        *counts.entry(it).or_default() += 1;
    }
    let each = counts.iter().map(|(obstacle, count)| {
        let nodes = if *count == 1 {
            "1 node"
        } else {
            &format!("{count} nodes")
        };
        match obstacle {
            Obstacle::Selector => {
                format!("{nodes} without the labels that nodeSelector or node affinity asks for")
            }
            Obstacle::Taint(key) => {
                format!("{nodes} with taint `{key}`, which the pods do not tolerate")
            }
            Obstacle::Passing(state) => format!("{nodes} {}", passing(state)),
            Obstacle::TooSmall(resource) => {
                format!("{nodes} with less {resource} than a pod requests")
            }
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

fn passing(state: &str) -> String {
    match state.strip_prefix(PASSING) {
        Some(taint) => format!("with taint `{PASSING}{taint}`"),
        None => format!("{state} at present"),
    }
}

fn resources_of(plan: &Planned<'_>) -> String {
    let mut all = plan.containers().into_iter();
    let with = all.find(|(_, it)| it.pointer("/resources").is_some());
    with.map_or_else(|| Planned::in_spec(""), |(at, _)| format!("{at}/resources"))
}

fn placement_of(plan: &Planned<'_>) -> String {
    let fields = ["/nodeSelector", "/affinity", "/tolerations"];
    let mut set = fields.iter().map(|it| Planned::in_spec(it));
    let set = set.find(|at| plan.manifest.object.pointer(at).is_some());
    set.unwrap_or_else(|| Planned::in_spec(""))
}

/// Finds a required topology spread whose label no node has.
fn topology(
    view: &View<'_>,
    plan: &Planned<'_>,
    spec: &PodSpec,
    nodes: &[Node],
) -> Option<Prediction> {
    let constraints = spec.topology_spread_constraints.iter().flatten();
    let mut required = constraints.filter(|it| it.when_unsatisfiable == "DoNotSchedule");
    let key = required.find_map(|it| {
        let has = |node: &Node| {
            let labels = node.metadata.labels.as_ref();
            labels.is_some_and(|labels| labels.contains_key(&it.topology_key))
        };
        (!nodes.iter().any(has)).then_some(it.topology_key.as_str())
    })?;
    let message = format!(
        "no node has label `{key}`, which a topologySpreadConstraint of {} requires (topologyKey)",
        plan.title()
    );
    let prediction = Prediction::finding(FindingCode::NoNodeMatches, plan.index, message)
        .surely(Certainty::Certain)
        .about(plan.title())
        .at(plan.named(&["topologyKey"], key))
        .remedy(format!(
            "correct topologyKey `{key}` (usual: topology.kubernetes.io/zone, kubernetes.io/hostname), label the nodes, or set whenUnsatisfiable: ScheduleAnyway"
        ));
    grown(prediction, growth(view))
}

/// Finds nodes that are down and hold up a DaemonSet's rollout.
fn lost(plan: &Planned<'_>, fits: &Fits<'_>, nodes: &[Node]) -> Option<Prediction> {
    if plan.workload.kind != WorkloadKind::DaemonSet || plan.manifest.stands {
        return None;
    }
    let down = nodes.iter().filter(|it| {
        is_selected(fits.spec, it) && tolerates(fits.pod, it) && not_ready_since(it).is_some()
    });
    let names: Vec<&str> = down.filter_map(|it| it.metadata.name.as_deref()).collect();
    let unavailable = usize::try_from(fences(plan).unavailable).unwrap_or_default();
    (!names.is_empty() && names.len() >= unavailable).then(|| {
        let message = format!(
            "node `{}` is not ready, and the rollout of {} may miss only {unavailable} pods at a time: it waits for the node",
            names.join("`, `"),
            plan.title()
        );
        Prediction::finding(FindingCode::NodeNotUpdated, plan.index, message)
            .about(plan.title())
            .at("/spec/updateStrategy")
            .remedy("bring the node back or delete it, or raise maxUnavailable of the DaemonSet")
    })
}

/// Finds nodes that a DaemonSet selects and that are too small for its pod.
fn too_small_for_daemon(plan: &Planned<'_>, fits: &Fits<'_>, nodes: &[Node]) -> Option<Prediction> {
    if plan.workload.kind != WorkloadKind::DaemonSet {
        return None;
    }
    let mut small = nodes.iter().filter_map(|it| match fits.obstacle(it)? {
        Obstacle::TooSmall(resource) => Some((it.metadata.name.clone()?, resource)),
        Obstacle::Selector | Obstacle::Taint(_) | Obstacle::Passing(_) => None,
    });
    let (node, resource) = small.next()?;
    let message = format!(
        "node `{node}` has less {resource} than a pod of {} requests, and the DaemonSet needs one there",
        plan.title()
    );
    Some(
        Prediction::finding(FindingCode::Unschedulable, plan.index, message)
            .surely(Certainty::Certain)
            .about(plan.title())
            .at(resources_of(plan))
            .remedy("lower the requests, or keep the DaemonSet off small nodes by nodeSelector or affinity"),
    )
}

/// Finds an image that must not be pulled and that no node lists.
fn never_pulled(plan: &Planned<'_>, spec: &PodSpec, open: &[&Node]) -> Vec<Prediction> {
    let init = spec.init_containers.iter().flatten();
    let containers = init.chain(&spec.containers);
    let never = containers.filter(|it| it.image_pull_policy.as_deref() == Some("Never"));
    let missing = never.filter(|it| {
        let image = it.image.as_deref().unwrap_or_default();
        !open.is_empty() && !open.iter().any(|node| lists(node, image))
    });
    missing
        .map(|it| {
            let image = it.image.as_deref().unwrap_or_default();
            let message = format!(
                "container `{}` must not pull its image (imagePullPolicy Never), and no node lists `{image}`",
                it.name
            );
            // A kubelet lists no more than its 50 largest images (`nodeStatusMaxImages`).
            Prediction::finding(FindingCode::ImageNeverPulled, plan.index, message)
                .surely(Certainty::Likely)
                .about(format!("container `{}`", it.name))
                .at(plan.named(&["image"], image))
        })
        .collect()
}

fn lists(node: &Node, image: &str) -> bool {
    let images = node.status.as_ref().and_then(|it| it.images.as_ref());
    let mut names = images
        .into_iter()
        .flatten()
        .flat_map(|it| it.names.iter().flatten());
    let wanted = [
        image.to_owned(),
        format!("{image}:latest"),
        format!("docker.io/{image}"),
        format!("docker.io/library/{image}"),
        format!("docker.io/library/{image}:latest"),
    ];
    names.any(|name| wanted.contains(name))
}

/// Finds a surge pod that finds no node, because each node takes one pod only and all have one: by a host port, or by
/// anti-affinity to itself.
fn one_per_node(plan: &Planned<'_>, spec: &PodSpec, open: usize) -> Option<Prediction> {
    let fences = fences(plan);
    let is_deployment = plan.workload.kind == WorkloadKind::Deployment;
    let open = i64::try_from(open).unwrap_or(i64::MAX);
    if !is_deployment || plan.manifest.stands || fences.unavailable > 0 || plan.present() < open {
        return None;
    }
    let former = plan.former_template()?;
    let former = former.get("spec").unwrap_or(&Value::Null);
    let shared = host_ports(plan.spec())
        .into_iter()
        .find(|it| host_ports(former).contains(it));
    let (why, at) = if let Some((port, _)) = shared {
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
    let labels = plan.template().pointer("/metadata/labels");
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
            !it.is_empty()
                && it.iter().all(|(key, value)| {
                    labels.and_then(|all| all.get(key)?.as_str()) == Some(value)
                })
        });
        let others = term.namespaces.is_some() || term.namespace_selector.is_some();
        term.topology_key == "kubernetes.io/hostname" && own && !has_rules && !others
    })
}

/// The ports of a node that a pod takes, with their protocols.
fn host_ports(spec: &Value) -> Vec<(i64, String)> {
    let containers = ["/initContainers", "/containers"]
        .into_iter()
        .flat_map(|it| items(spec, it));
    let ports = containers.flat_map(|it| items(it, "/ports"));
    ports
        .filter_map(|it| {
            let port = it.get("hostPort")?.as_i64().filter(|it| *it > 0)?;
            let protocol = it.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
            Some((port, protocol.to_owned()))
        })
        .collect()
}

/// Finds host ports that pods of others hold on every node that could take a pod; of a DaemonSet, on any.
fn ports(view: &View<'_>, plan: &Planned<'_>, open: &[&Node]) -> Option<Prediction> {
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
    let is_own = |pod: &Value| {
        let labels = pod.pointer("/metadata/labels");
        selector.and_then(Value::as_object).is_some_and(|all| {
            all.iter()
                .all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value))
        })
    };
    let holds = |pod: &&Value, node: &str| {
        let ended = ["Succeeded", "Failed"].contains(&text(pod, "/status/phase"));
        let at = text(pod, "/spec/nodeName") == node;
        at && !ended
            && !is_own(pod)
            && host_ports(pod.pointer("/spec").unwrap_or(&Value::Null))
                .iter()
                .any(|it| wanted.contains(it))
    };
    let holders = open.iter().filter_map(|node| {
        let node = node.metadata.name.as_deref()?;
        let holder = pods.iter().find(|pod| holds(pod, node))?;
        Some((node, text(holder, "/metadata/name")))
    });
    let holders: Vec<(&str, &str)> = holders.collect();
    let enough = match plan.workload.kind {
        WorkloadKind::DaemonSet => !holders.is_empty(),
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => holders.len() == open.len(),
    };
    let (node, holder) = holders.first().filter(|_| enough)?;
    let message = format!(
        "pod `{holder}` holds host port {} on node `{node}`, which {} needs",
        wanted
            .iter()
            .map(|(it, _)| it.to_string())
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
