//! Pods that the API server refuses to create, read from the new ReplicaSet's `ReplicaFailure`
//! condition (`replica_set_utils.go`) and from the Deployment's `ReplicaSetCreateError`
//! (`deployment/sync.go`). The Deployment's own `ReplicaFailure` is not used: it may stem from an
//! old ReplicaSet.

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::{Candidate, Case, between, has_any};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::name_of;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    of_pods(case)
        .into_iter()
        .chain(of_replica_set(case))
        .collect()
}

fn of_pods(case: &Case<'_>) -> Option<Candidate> {
    let set = case.set?;
    let conditions = set.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|it| it.type_ == "ReplicaFailure" && it.status == "True")
        .filter(|it| it.reason.as_deref() == Some("FailedCreate"))?;
    let message = failure.message.as_deref().unwrap_or_default();
    let since = failure
        .last_transition_time
        .as_ref()
        .map_or(case.now, |time| time.0)
        .max(case.started);
    let (code, what, remedy) = classify(message);
    let finding = Finding::new(
        code,
        Subject::new("ReplicaSet", name_of(&set.metadata)),
        since,
    )
    .message(what)
    .remedy(remedy)
    .evidence(EvidenceKind::Condition, message);
    let held = code == FindingCode::QuotaExceeded && rollout_frees_quota(case, set);
    Some(Candidate {
        finding,
        grace: None,
        held,
    })
}

fn of_replica_set(case: &Case<'_>) -> Option<Candidate> {
    if case.set.is_some() {
        return None;
    }
    let conditions = case.workload.status.as_ref()?.conditions.as_ref()?;
    let refused = conditions.iter().find(|it| {
        it.type_ == "Progressing" && it.reason.as_deref() == Some("ReplicaSetCreateError")
    })?;
    let message = refused.message.as_deref().unwrap_or_default();
    let since = refused
        .last_update_time
        .as_ref()
        .map_or(case.now, |time| time.0)
        .max(case.started);
    let subject = Subject::new("Deployment", name_of(&case.workload.metadata));
    let finding = Finding::new(FindingCode::ReplicaSetNotCreated, subject, since)
        .message("the ReplicaSet of the new revision cannot be created")
        .remedy("read the message: a quota on ReplicaSets or an admission policy refuses it")
        .evidence(EvidenceKind::Condition, message);
    Some(finding.into())
}

/// Whether this rollout itself may still free quota: pods on their way out, old replicas that it
/// may take down, or new pods that were created in spite of the refusal.
fn rollout_frees_quota(case: &Case<'_>, set: &ReplicaSet) -> bool {
    let created = set.status.as_ref().map_or(0, |status| status.replicas);
    let shrinking = case.snapshot.replica_sets().any(|other| {
        let wanted = other
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or_default();
        let is = other.status.as_ref().map_or(0, |status| status.replicas);
        other.metadata.uid != set.metadata.uid && is > wanted
    });
    created > 0 || shrinking || case.snapshot.has_terminating_pods()
}

/// What the API server's words mean: (code, sentence, remedy).
fn classify(message: &str) -> (FindingCode, String, String) {
    of_quota(message)
        .or_else(|| of_admission(message))
        .or_else(|| of_service_account(message))
        .unwrap_or_else(|| {
            (
                FindingCode::PodCreationRefused,
                "the API server refuses to create the new pods".to_owned(),
                "read the message: it names what refuses them".to_owned(),
            )
        })
}

fn of_quota(message: &str) -> Option<(FindingCode, String, String)> {
    if let Some(quota) = between(message, "exceeded quota: ", ",") {
        let used = message
            .split_once("exceeded quota: ")
            .map_or("", |(_, rest)| rest);
        let numbers = used.split_once(", ").map_or("", |(_, numbers)| numbers);
        return Some((
            FindingCode::QuotaExceeded,
            format!("quota `{quota}` leaves no room for the new pods ({numbers})"),
            format!(
                "raise quota `{quota}`, lower the pods' resources, or set maxSurge 0 and maxUnavailable 1"
            ),
        ));
    }
    if let Some(quota) = between(message, "failed quota: ", ": must specify") {
        let missing = message
            .split_once("must specify ")
            .map_or("", |(_, rest)| rest);
        return Some((
            FindingCode::QuotaNeedsResources,
            format!("quota `{quota}` demands resources that the pods do not set: {missing}"),
            format!("set {missing} in the pod template, or add a LimitRange with defaults"),
        ));
    }
    None
}

fn of_admission(message: &str) -> Option<(FindingCode, String, String)> {
    // limitranger/admission.go
    const LIMIT_RANGE: &[&str] = &[" usage per ", "max limit to request ratio per "];
    if message.contains("violates PodSecurity") {
        let level = between(message, "violates PodSecurity \"", "\"").unwrap_or("of the namespace");
        return Some((
            FindingCode::PodSecurityViolated,
            format!("pod security level `{level}` refuses the pods"),
            "set the securityContext fields that the message lists".to_owned(),
        ));
    }
    if has_any(message, &["failed calling webhook"]) {
        let name = between(message, "failed calling webhook \"", "\"").unwrap_or("unknown");
        return Some((
            FindingCode::WebhookUnavailable,
            format!("admission webhook `{name}` does not answer, so no pod can be created"),
            format!("look at the Service and pods behind webhook `{name}`"),
        ));
    }
    if message.contains("denied the request") || message.contains("denied request") {
        let name = between(message, "admission webhook \"", "\"")
            .or_else(|| between(message, "ValidatingAdmissionPolicy '", "'"))
            .unwrap_or("unknown");
        return Some((
            FindingCode::AdmissionDenied,
            format!("admission policy `{name}` refuses the pods"),
            format!("change the pod template as policy `{name}` asks, or have the policy changed"),
        ));
    }
    if message.contains("forbidden") && has_any(message, LIMIT_RANGE) {
        let rule = message
            .rsplit_once("is forbidden: ")
            .map_or(message, |(_, rule)| rule);
        return Some((
            FindingCode::LimitRangeViolated,
            format!("a LimitRange refuses the pods: {rule}"),
            "set requests and limits inside the namespace's LimitRange".to_owned(),
        ));
    }
    None
}

fn of_service_account(message: &str) -> Option<(FindingCode, String, String)> {
    let name = between(message, "serviceaccount \"", "\" not found")?;
    Some((
        FindingCode::ServiceAccountMissing,
        format!("ServiceAccount `{name}` does not exist, so no pod can be created"),
        format!("create ServiceAccount `{name}` in this namespace, or correct serviceAccountName"),
    ))
}
