//! Nodes that hold up a DaemonSet: each that it selects has to take its pod.

use k8s_openapi::api::core::v1::Node;

use super::fits::{Fits, Obstacle, is_selected};
use super::resources_of;
use crate::finding::FindingCode;
use crate::prediction::certainty::{Certainty, Prediction};
use crate::prediction::planned::Planned;
use crate::prediction::strategy::fences;
use crate::snapshot::{not_ready_since, tolerates};
use crate::workload::WorkloadKind;

/// Finds nodes that are down and hold up a DaemonSet's rollout.
pub(super) fn lost(plan: &Planned<'_>, fits: &Fits<'_>, nodes: &[Node]) -> Option<Prediction> {
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
pub(super) fn too_small(plan: &Planned<'_>, fits: &Fits<'_>, nodes: &[Node]) -> Option<Prediction> {
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
