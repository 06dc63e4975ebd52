//! Finds PersistentVolumeClaims that keep pods from being scheduled, in the scheduler's message
//! (`volumebinding/volume_binding.go`) and in the events of the claims (`pv_controller.go`,
//! external-provisioner).

use super::{Candidate, Case, Cause, between, clipped, core_of};
use crate::duration::elapsed;
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{PodView, event_count, event_start, event_time};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .filter_map(|pod| unprovisioned(case, pod).or_else(|| awaited(case, pod)))
        .collect()
}

/// Classifies what the scheduler says of a claim: the code, the sentence, the remedy.
pub(super) fn classify(pod: &PodView<'_>, message: &str) -> Option<Cause> {
    if let Some(claim) = between(message, "persistentvolumeclaim \"", "\" not found") {
        return Some(Cause::new(
            FindingCode::ClaimMissing,
            format!("PersistentVolumeClaim `{claim}` does not exist, so no node can take the pods"),
            format!(
                "create PersistentVolumeClaim `{claim}` in this namespace, or correct claimName"
            ),
        ));
    }
    let (what, remedy) = unbound(pod, message)?;
    Some(Cause::new(FindingCode::ClaimNotBound, what, remedy))
}

/// Returns the names of the pod's claims.
pub(super) fn names(pod: &PodView<'_>) -> String {
    let claims: Vec<String> = pod.claims().iter().map(|it| format!("`{it}`")).collect();
    if claims.is_empty() {
        "of the pods".to_owned()
    } else {
        claims.join(", ")
    }
}

/// Describes claims that are not bound to a volume.
fn unbound(pod: &PodView<'_>, message: &str) -> Option<(String, String)> {
    if message.contains("unbound immediate PersistentVolumeClaims") {
        if let Some((claim, event)) = pod.awaited_claim() {
            return Some(words_of_awaited(&claim, pod.provisioner(event)));
        }
        let claims = names(pod);
        return Some((
            format!("PersistentVolumeClaim {claims} is not bound to a volume"),
            "look at `kubectl describe pvc`: the StorageClass is missing, cannot provision, or no volume fits".to_owned(),
        ));
    }
    if let Some(volume) = between(message, "bound to non-existent persistentvolume \"", "\"") {
        return Some((
            format!("the PersistentVolume `{volume}` of the pods' claim does not exist any more"),
            "delete the claim and create it again, or restore the volume from a backup".to_owned(),
        ));
    }
    let claim = between(message, "persistentvolumeclaim \"", "\" is being deleted")?;
    Some((
        format!("PersistentVolumeClaim `{claim}` is being deleted, so no new pod may use it"),
        format!(
            "wait until the pods that still use claim `{claim}` have ended, then create it again"
        ),
    ))
}

fn words_of_awaited(claim: &str, provisioner: &str) -> (String, String) {
    (
        format!(
            "PersistentVolumeClaim `{claim}` waits for provisioner `{provisioner}`, which has not created a volume"
        ),
        format!(
            "look at `kubectl describe pvc {claim}` and at the pods of provisioner `{provisioner}`; if that provisioner is not running, correct storageClassName (AKS provides managed-csi and azurefile-csi)"
        ),
    )
}

/// Finds a claim for which a provisioner has to create a volume, and has said nothing yet. The
/// scheduler says nothing either while it waits for a volume of class `WaitForFirstConsumer`
/// (`volumebinding/binder.go`, `BindPodVolumes`).
fn awaited(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let told = pod
        .condition("PodScheduled")
        .is_some_and(|it| it.status == "False");
    let (claim, event) = pod.awaited_claim().filter(|_| !told)?;
    let (what, remedy) = words_of_awaited(&claim, pod.provisioner(event));
    let created = pod.created().unwrap_or(case.now);
    let since = event_start(event).unwrap_or(created).max(created);
    let subject = Subject::new("Pod", pod.name());
    let finding = Finding::new(FindingCode::ClaimNotBound, subject, since)
        .message(what)
        .remedy(remedy);
    let message = event.message.as_deref().unwrap_or_default();
    Some(finding.evidence(EvidenceKind::Event, message).into())
}

/// Finds a claim for which the storage driver cannot provision a volume: the pod waits, and only
/// the claim's events show why.
fn unprovisioned(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    if pod.node().is_some() {
        return None;
    }
    let newest = |reason: &str| {
        pod.claims().into_iter().find_map(|claim| {
            let events = pod.claim_events(&claim);
            let events = events.filter(|event| event.reason.as_deref() == Some(reason));
            let newest = events.max_by_key(|event| event_time(event))?;
            Some((claim, newest))
        })
    };
    let (claim, failed) = newest("ProvisioningFailed")?;
    let made = newest("ProvisioningSucceeded");
    if made.is_some_and(|(_, made)| event_time(made) >= event_time(failed)) {
        return None;
    }
    let message = failed.message.as_deref().unwrap_or_default();
    let since = event_start(failed).or_else(|| pod.created());
    let since = since
        .unwrap_or(case.now)
        .max(pod.created().unwrap_or(case.now));
    let class = between(message, "storageclass.storage.k8s.io \"", "\" not found");
    let (what, remedy) = match class {
        Some(class) => (
            format!("StorageClass `{class}` of PersistentVolumeClaim `{claim}` does not exist"),
            format!("create StorageClass `{class}`, or correct storageClassName (`kubectl get storageclass`; AKS provides managed-csi and azurefile-csi)"),
        ),
        None => (
            format!(
                "no volume can be provisioned for PersistentVolumeClaim `{claim}`: {}",
                clipped(core_of(message), 200)
            ),
            "read the message; on AKS the disk or file driver names the quota, zone or permission that is missing".to_owned(),
        ),
    };
    let finding = Finding::new(
        FindingCode::ClaimNotProvisioned,
        Subject::new("Pod", pod.name()),
        since,
    )
    .attempts(event_count(failed))
    .message(what)
    .remedy(remedy);
    // The provisioner backs off, so that the newest failure counts, not the time that has passed.
    let rule = case.policy.rule(FindingCode::ClaimNotProvisioned);
    let newest = event_time(failed).unwrap_or(since);
    Some(Candidate {
        blocked: rule.is_some_and(|rule| elapsed(since, newest) < rule.grace),
        ..Candidate::from(finding.evidence(EvidenceKind::Event, message))
    })
}
