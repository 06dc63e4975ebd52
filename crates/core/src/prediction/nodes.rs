//! Predicts whether a node can take the pods: selector, affinity, taints, requests, host ports, spread.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec, Toleration};
use serde::Deserialize as _;
use serde_json::Value;

use super::admission::stored_spec;
use super::autoscaler::{Growth, growth};
use super::certainty::{Certainty, PredictedCode, Prediction};
use super::planned::Planned;
use super::pod::amounts;
use super::question::Collection;
use super::stored;
use super::view::View;
use crate::finding::FindingCode;
use crate::snapshot::tolerates;
use crate::workload::WorkloadKind;

mod daemon;
mod fits;
mod images;
mod ports;
mod room;
mod spread;

use fits::{Fits, Obstacle, PASSING, is_selected};

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
    let fits = Fits::of(&pod, spec, amounts(stored, "requests"));
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
pub(super) fn selected(view: &View<'_>, plan: &Planned<'_>) -> Option<i64> {
    if plan.workload.kind != WorkloadKind::DaemonSet {
        return None;
    }
    let nodes = nodes(view)?;
    let pod = pod_of(plan, plan.spec())?;
    let spec = pod.spec.as_ref()?;
    let takes = |it: &&Node| is_selected(spec, it) && tolerates(&pod, it);
    i64::try_from(nodes.iter().filter(takes).count()).ok()
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
    found.extend(spread::label(view, plan, spec, nodes));
    found.extend(daemon::lost(plan, fits, nodes));
    found.extend(daemon::too_small(plan, fits, nodes));
    found.extend(images::never_pulled(plan, spec, &open));
    if !open.is_empty() {
        found.extend(ports::one_per_node(plan, spec, open.len()));
        found.extend(ports::taken(view, plan, &open));
        found.extend(without_room(view, plan, fits, (nodes, &open)));
    }
    found
}

/// Finds pods that no node has room for, or that a topology spread keeps away from those that have.
fn without_room(
    view: &View<'_>,
    plan: &Planned<'_>,
    fits: &Fits<'_>,
    (nodes, open): (&[Node], &[&Node]),
) -> Option<Prediction> {
    let occupants = room::occupants(view, plan, fits)?;
    let found = room::judge(plan, fits, open, &occupants);
    let found = found.or_else(|| spread::skew(plan, fits, (nodes, open), &occupants))?;
    // A DaemonSet needs each node, and others may become one that takes the pods.
    let is_daemon = plan.workload.kind == WorkloadKind::DaemonSet;
    let passes = |it: &Node| matches!(fits.obstacle(it), Some(Obstacle::Passing(_)));
    if is_daemon {
        return Some(found);
    }
    let may_pass = nodes.iter().any(passes);
    let most = if may_pass {
        Certainty::Possible
    } else {
        Certainty::Likely
    };
    grown(found.at_most(most), growth(view, nodes))
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
