//! PersistentVolumeClaims of the pods, each with its StorageClass.

use k8s_openapi::api::core::v1::Volume;
use serde_json::Value;

use super::certainty::{Certainty, Prediction};
use super::items;
use super::planned::Planned;
use super::question::Place;
use super::strategy::fences;
use super::view::{Found, View};
use crate::finding::FindingCode;
use crate::history::History;
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

/// Finds claims that do not exist, that no driver can fulfil, or that another pod keeps.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let needed = plan.needed();
    let mut found = Vec::new();
    for volume in items(&needed, "/spec/volumes") {
        let name = text(volume, "/persistentVolumeClaim/claimName");
        if !name.is_empty() {
            found.extend(of_claim(view, plan, name));
        }
    }
    for template in items(&plan.object, "/spec/volumeClaimTemplates") {
        found.extend(of_template(view, plan, template));
    }
    found
}

fn of_claim(view: &View<'_>, plan: &Planned<'_>, name: &str) -> Option<Prediction> {
    let namespace = plan.namespace();
    let title = format!("PersistentVolumeClaim `{name}`");
    let at = plan.named(&["claimName"], name);
    if let Some(brought) = view
        .manifests
        .find("PersistentVolumeClaim", namespace, name)
    {
        return unfulfilled(view, plan, &brought.object, &title).map(|it| it.at(at));
    }
    let place = Place {
        api: "v1",
        plural: "persistentvolumeclaims",
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    };
    match view.object(place, &format!("whether {title} exists")) {
        Found::There(claim) => {
            let found = match text(claim, "/status/phase") {
                "Bound" => held(plan, claim, &title),
                _ => unfulfilled(view, plan, claim, &title),
            };
            found.map(|it| it.at(at))
        }
        Found::Missing => {
            let message = format!("{title}, which the pods mount, does not exist");
            let found = Prediction::finding(FindingCode::ClaimMissing, plan.index, message);
            Some(found.about(title).at(at).remedy(format!(
                "create PersistentVolumeClaim `{name}` before the rollout, apply its manifest in the same call, or correct claimName"
            )))
        }
        Found::Unseen | Found::Pending => None,
    }
}

fn of_template(view: &View<'_>, plan: &Planned<'_>, template: &Value) -> Option<Prediction> {
    let grows = plan.current.is_none() || plan.desired() > plan.present();
    if !grows {
        return None;
    }
    let title = format!("claim template `{}`", text(template, "/metadata/name"));
    unfulfilled(view, plan, template, &title).map(|it| it.at("/spec/volumeClaimTemplates"))
}

/// Finds a claim without a volume whose StorageClass does not exist.
fn unfulfilled(
    view: &View<'_>,
    plan: &Planned<'_>,
    claim: &Value,
    title: &str,
) -> Option<Prediction> {
    let class = text(claim, "/spec/storageClassName");
    let is_bound = !text(claim, "/spec/volumeName").is_empty();
    if class.is_empty() || is_bound || view.manifests.brings("StorageClass", class) {
        return None;
    }
    let place = Place {
        api: "storage.k8s.io/v1",
        plural: "storageclasses",
        namespace: None,
        name: class.to_owned(),
    };
    let missing = view.object(place, &format!("whether StorageClass `{class}` exists"));
    (missing == Found::Missing).then(|| {
        let message = format!(
            "{title} names StorageClass `{class}`, which does not exist, so that no volume is created for it"
        );
        // A volume that somebody created by hand may have the class's name.
        Prediction::finding(FindingCode::ClaimNotProvisioned, plan.index, message)
            .about(title)
            .remedy(format!(
                "name a StorageClass that exists (`kubectl get storageclass`), or create `{class}`"
            ))
    })
}

/// Finds a claim that a pod of the present revision keeps while the new pod waits for it.
fn held(plan: &Planned<'_>, claim: &Value, title: &str) -> Option<Prediction> {
    let has_old_pods = plan.workload.kind == WorkloadKind::Deployment && plan.present() > 0;
    let former = plan.former_template()?;
    let name = text(claim, "/metadata/name");
    let was_used = items(former, "/spec/volumes")
        .any(|it| text(it, "/persistentVolumeClaim/claimName") == name);
    let fences = fences(plan);
    if !has_old_pods || !was_used || fences.surge == 0 || plan.manifest.stands {
        return None;
    }
    let has_mode = |mode: &str| items(claim, "/spec/accessModes").any(|it| it == mode);
    let remedy = "use strategy Recreate (or maxSurge 0 and maxUnavailable 1), or a claim that many pods can use (ReadWriteMany, Azure Files)";
    let found = |message: String, certainty| {
        Prediction::finding(FindingCode::VolumeHeldElsewhere, plan.index, message)
            .surely(certainty)
            .about(title)
            .remedy(remedy)
    };
    if has_mode("ReadWriteOncePod") {
        let message = format!(
            "{title} is ReadWriteOncePod, and the rollout starts a new pod while an old one uses it"
        );
        let certainty = if fences.unavailable > 0 {
            Certainty::Possible
        } else if is_in_use(plan, name) && !may_preempt(plan, former) {
            Certainty::Certain
        } else {
            Certainty::Likely
        };
        return Some(found(message, certainty));
    }
    has_mode("ReadWriteOnce").then(|| {
        let message = format!(
            "{title} is ReadWriteOnce, and the rollout starts a new pod while an old one uses it: on another node the new pod does not get the disk"
        );
        found(message, Certainty::Possible)
    })
}

/// Returns whether an old pod that uses a claim is on a node: only there the scheduler counts it
/// (`volume_restrictions.go`).
fn is_in_use(plan: &Planned<'_>, claim: &str) -> bool {
    let mut pods = plan.history.into_iter().flat_map(History::pods);
    pods.any(|pod| {
        let is_going = pod.metadata.deletion_timestamp.is_some();
        let spec = pod.spec.as_ref().filter(|it| it.node_name.is_some());
        let mut volumes = spec.into_iter().flat_map(|it| it.volumes.iter().flatten());
        let is_claim = |it: &Volume| {
            let source = it.persistent_volume_claim.as_ref();
            source.is_some_and(|it| it.claim_name == claim)
        };
        !is_going && volumes.any(is_claim)
    })
}

/// Returns whether the new pod has another priority: a higher one removes the old pod.
fn may_preempt(plan: &Planned<'_>, former: &Value) -> bool {
    let at = "/spec/priorityClassName";
    text(plan.template(), at) != text(former, at)
}
