//! Pods that the API server refuses to create. A Deployment's are read from the new ReplicaSet's
//! `ReplicaFailure` condition (`replica_set_utils.go`) and from its own `ReplicaSetCreateError`
//! (`deployment/sync.go`); its own `ReplicaFailure` is not used: it may stem from an old ReplicaSet.
//! StatefulSets and DaemonSets set no condition; only their events tell (`stateful_pod_control.go`,
//! `daemon_controller.go`).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::refusal::{classify, quota_grace};
use super::{Candidate, Case};
use crate::duration::elapsed;
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{created, event_start, event_time, name_of};
use crate::workload::Workload;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let found = match case.workload {
        Workload::Deployment(_) => of_condition(case).or_else(|| of_replica_set(case)),
        Workload::StatefulSet(_) | Workload::DaemonSet(_) => of_events(case),
    };
    found.into_iter().collect()
}

fn of_condition(case: &Case<'_>) -> Option<Candidate> {
    let set = case.rollout.new_replica_set()?;
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
    let subject = Subject::new("ReplicaSet", name_of(&set.metadata));
    let created = set.status.as_ref().map_or(0, |status| status.replicas);
    Some(refused(
        case,
        (subject, since),
        (EvidenceKind::Condition, message),
        created,
    ))
}

/// While pods are missing: what the controller said of the newest attempt, unless one went well
/// after it. Events of a former revision are not of this rollout.
fn of_events(case: &Case<'_>) -> Option<Candidate> {
    let counts = case.workload.counts();
    if counts.current >= counts.desired {
        return None;
    }
    let newest = |reason: &str| {
        let about = case.snapshot.events_about(case.workload.uid());
        about
            .filter(|event| event.reason.as_deref() == Some(reason))
            .max_by_key(|event| event_time(event))
    };
    let failure: &Event = newest("FailedCreate")?;
    let failed = event_time(failure)?;
    let went_well = newest("SuccessfulCreate").and_then(event_time);
    let revision = case.rollout.new_revision()?;
    let begun = created(&revision.metadata)?;
    if went_well.is_some_and(|at| at >= failed) || failed < begun {
        return None;
    }
    let message = failure.message.as_deref().unwrap_or_default();
    let since: Timestamp = event_start(failure)
        .unwrap_or(failed)
        .max(begun)
        .max(case.started);
    let subject = Subject::new(case.workload.kind().as_str(), case.workload.name());
    Some(refused(
        case,
        (subject, since),
        (EvidenceKind::Event, message),
        0,
    ))
}

fn refused(
    case: &Case<'_>,
    (subject, since): (Subject, Timestamp),
    (kind, message): (EvidenceKind, &str),
    created: i32,
) -> Candidate {
    let (code, what, remedy) = classify(message);
    let finding = Finding::new(code, subject, since)
        .message(what)
        .remedy(remedy)
        .evidence(kind, message);
    let quota = code == FindingCode::QuotaExceeded;
    let gone = case.snapshot.pod_gone_at();
    let freed = gone.map(|gone| elapsed(since, gone));
    let grace = case.policy.rule(code).filter(|_| quota);
    Candidate {
        finding,
        grace: grace.map(|rule| quota_grace(rule.grace, freed)),
        held: quota && rollout_frees_quota(case, created),
    }
}

fn of_replica_set(case: &Case<'_>) -> Option<Candidate> {
    let Workload::Deployment(deployment) = case.workload else {
        return None;
    };
    if case.rollout.new_replica_set().is_some() {
        return None;
    }
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let refused = conditions.iter().find(|it| {
        it.type_ == "Progressing" && it.reason.as_deref() == Some("ReplicaSetCreateError")
    })?;
    let message = refused.message.as_deref().unwrap_or_default();
    let since = refused
        .last_update_time
        .as_ref()
        .map_or(case.now, |time| time.0)
        .max(case.started);
    let subject = Subject::new("Deployment", case.workload.name());
    let finding = Finding::new(FindingCode::ReplicaSetNotCreated, subject, since)
        .message("the ReplicaSet of the new revision cannot be created")
        .remedy("read the message: a quota on ReplicaSets or an admission policy refuses it")
        .evidence(EvidenceKind::Condition, message);
    Some(finding.into())
}

/// Whether this rollout itself may still free quota: pods on their way out, old replicas that it
/// may take down, or new pods that were created in spite of the refusal.
fn rollout_frees_quota(case: &Case<'_>, created: i32) -> bool {
    let new = case.rollout.new_uid();
    let shrinking = case.rollout.replica_sets().any(|other| {
        let wanted = other
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or_default();
        let is = other.status.as_ref().map_or(0, |status| status.replicas);
        other.metadata.uid.as_deref() != new && is > wanted
    });
    created > 0 || shrinking || !case.rollout.terminating_pods().is_empty()
}
