//! Pods that the API server refuses to create, read from the new ReplicaSet's `ReplicaFailure`
//! condition (`replica_set_utils.go`) and from the Deployment's `ReplicaSetCreateError`
//! (`deployment/sync.go`). The Deployment's own `ReplicaFailure` is not used: it may stem from an
//! old ReplicaSet.

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::refusal::{classify, quota_grace};
use super::{Candidate, Case};
use crate::duration::elapsed;
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
    let quota = code == FindingCode::QuotaExceeded;
    let first = failure.last_transition_time.as_ref().map(|time| time.0);
    let freed = first
        .zip(case.snapshot.pod_gone_at())
        .map(|(first, gone)| elapsed(first, gone));
    let grace = case.policy.rule(code).map(|rule| rule.grace);
    Some(Candidate {
        finding,
        grace: grace
            .filter(|_| quota)
            .map(|grace| quota_grace(grace, freed)),
        held: quota && rollout_frees_quota(case, set),
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
