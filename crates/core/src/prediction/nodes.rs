//! Predicts whether a node can take the pods: selector, affinity, taints, requests, host ports, spread.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, NodeSpec, Pod, PodSpec, Taint, Toleration,
};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::admission::stored_spec;
use super::autoscaler::{Growth, growth};
use super::certainty::{Certainty, PredictedCode, Prediction};
use super::planned::Planned;
use super::pod::{Amounts, amounts, read};
use super::question::Collection;
use super::stored;
use super::strategy::fences;
use super::view::View;
use crate::finding::FindingCode;
use crate::label_selector::Requirement;
use crate::snapshot::{not_ready_since, tolerates};
use crate::workload::WorkloadKind;

mod ports;

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

/// The reason why a node does not take a pod.
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
    /// Too few devices of a plugin, which may still register more.
    Device(String),
    /// Not initialised yet, and without the labels that the pod asks for.
    Unlabelled,
}

/// Finds pods that no node can take.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let Some(nodes) = nodes(view).filter(|it| !it.is_empty()) else {
        return Vec::new();
    };
    let stored = stored_spec(view, plan);
    let Some(pod) = pod_of(plan, stored) else {
        return Vec::new();
    };
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let fits = Fits {
        requests: amounts(stored, "requests"),
        pod: &pod,
        spec,
    };
    let most = most(view, spec);
    let of_pod = stored::most(view, plan);
    let of_resources = stored::most_of_resources(view, plan, false);
    let found = of_nodes(view, plan, &fits, &nodes).into_iter();
    let found = found.map(|it| {
        // A node that is too small may be big enough for other requests.
        let by_size = it.code == PredictedCode::Finding(FindingCode::Unschedulable);
        it.at_most(most)
            .at_most(if by_size { of_resources } else { of_pod })
    });
    found.collect()
}

/// Returns the nodes; `None` where they are not seen.
fn nodes(view: &View<'_>) -> Option<Vec<Node>> {
    let collection = Collection {
        api: "v1",
        plural: "nodes",
        namespace: None,
    };
    let raw = view.list(collection, "whether a node can take the pods");
    let nodes = raw.there()?.iter();
    Some(nodes.filter_map(|it| Node::deserialize(it).ok()).collect())
}

/// Returns on how many nodes a DaemonSet creates a pod (`daemon_controller.go`, `NodeShouldRunDaemonPod`); `None` where
/// that is not seen.
pub(super) fn selected(view: &View<'_>, plan: &Planned<'_>) -> Option<usize> {
    let nodes = nodes(view)?;
    let pod = pod_of(plan, plan.spec())?;
    let spec = pod.spec.as_ref()?;
    let takes = |it: &&Node| is_selected(spec, it) && tolerates(&pod, it);
    Some(nodes.iter().filter(takes).count())
}

/// Returns how sure a prediction about nodes can be.
fn most(view: &View<'_>, spec: &PodSpec) -> Certainty {
    let scheduler = spec.scheduler_name.as_deref().unwrap_or_default();
    let gates = spec.scheduling_gates.as_deref().unwrap_or_default();
    if !["", "default-scheduler"].contains(&scheduler) || !gates.is_empty() {
        // Another scheduler has rules of its own, and who removes a gate may place the pod.
        return Certainty::Possible;
    }
    let mut manifests = view.manifests.all().iter();
    if manifests.any(|it| it.group().is_empty() && it.kind() == "Node") {
        return Certainty::Likely;
    }
    Certainty::Certain
}

fn of_nodes(
    view: &View<'_>,
    plan: &Planned<'_>,
    fits: &Fits<'_>,
    nodes: &[Node],
) -> Vec<Prediction> {
    let spec = fits.spec;
    let mut found = Vec::new();
    if let Some(name) = spec.node_name.as_deref() {
        found.extend(pinned(plan, name, nodes));
        return found;
    }
    let open: Vec<&Node> = nodes
        .iter()
        .filter(|it| fits.obstacle(it).is_none())
        .collect();
    if open.is_empty() && plan.workload.kind != WorkloadKind::DaemonSet {
        found.extend(nowhere(view, plan, fits, nodes));
    }
    found.extend(topology(view, plan, spec, nodes));
    found.extend(lost(plan, fits, nodes));
    found.extend(too_small_for_daemon(plan, fits, nodes));
    found.extend(never_pulled(plan, spec, &open));
    if !open.is_empty() {
        found.extend(ports::one_per_node(plan, spec, open.len()));
        found.extend(ports::taken(view, plan, &open));
    }
    found
}

/// Returns a pod with this spec, and with the tolerations that its controller adds.
fn pod_of(plan: &Planned<'_>, spec: &Value) -> Option<Pod> {
    let mut spec = PodSpec::deserialize(spec).ok()?;
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
    /// Returns the first reason why a node does not take it. A node that is not ready may have more than it says, and one
    /// that is too small stays so without its taint.
    fn obstacle(&self, node: &Node) -> Option<Obstacle> {
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
fn is_initialised(node: &Node) -> bool {
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
    let growth = growth(view, nodes);
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
    let is_device = any(|it| matches!(it, Obstacle::Device(_)));
    let is_small = is_device || any(|it| matches!(it, Obstacle::TooSmall(_)));
    let (code, at) = if is_small {
        (FindingCode::Unschedulable, resources_of(plan))
    } else {
        (FindingCode::NoNodeMatches, placement_of(plan))
    };
    let message = format!("no node can take the pods of {}: {counted}", plan.title());
    let prediction = Prediction::finding(code, plan.index, message)
        .about(plan.title())
        .at(at);
    // A taint may be taken away, a device registered, a new node labelled; another label or a size stays.
    let is_new = any(|it| matches!(it, Obstacle::Unlabelled));
    let own = if is_tainted || is_device || is_new {
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
            Obstacle::Unlabelled => {
                format!("{nodes} not ready, or not initialised yet, without the labels that nodeSelector or node affinity asks for")
            }
            Obstacle::Taint(key) => {
                format!("{nodes} with taint `{key}`, which the pods do not tolerate")
            }
            Obstacle::Passing(state) => format!("{nodes} {}", passing(state)),
            Obstacle::TooSmall(resource) | Obstacle::Device(resource) => {
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
        .surely(if nodes.iter().all(is_initialised) {
            Certainty::Certain
        } else {
            Certainty::Likely
        })
        .about(plan.title())
        .at(plan.named(&["topologyKey"], key))
        .remedy(format!(
            "correct topologyKey `{key}` (usual: topology.kubernetes.io/zone, kubernetes.io/hostname), label the nodes, or set whenUnsatisfiable: ScheduleAnyway"
        ));
    grown(prediction, growth(view, nodes))
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
    // A taint keeps the DaemonSet away, whatever the size.
    let nodes = nodes.iter().filter(|it| tolerates(fits.pod, it));
    let small = nodes.filter_map(|it| {
        let name = it.metadata.name.clone()?;
        match fits.obstacle(it)? {
            Obstacle::TooSmall(resource) => Some((Certainty::Certain, name, resource)),
            Obstacle::Device(resource) => Some((Certainty::Likely, name, resource)),
            Obstacle::Selector
            | Obstacle::Unlabelled
            | Obstacle::Taint(_)
            | Obstacle::Passing(_) => None,
        }
    });
    let (certainty, node, resource) = small.max_by_key(|(certainty, ..)| *certainty)?;
    let message = format!(
        "node `{node}` has less {resource} than a pod of {} requests, and the DaemonSet needs one there",
        plan.title()
    );
    Some(
        Prediction::finding(FindingCode::Unschedulable, plan.index, message)
            .surely(certainty)
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
