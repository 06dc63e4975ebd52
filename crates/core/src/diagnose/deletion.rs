//! Finds old pods whose deletion the API server refuses (`controller_utils.go`,
//! `stateful_pod_control.go`: event `FailedDelete`).

use super::{Candidate, Case, between, clipped};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{PodView, event_start};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    one(case).map(Candidate::from).into_iter().collect()
}

fn one(case: &Case<'_>) -> Option<Finding> {
    let old = case.rollout.old_pods();
    let old: Vec<&str> = old
        .iter()
        .filter(|pod| !case.rollout.keeps(pod))
        .map(PodView::name)
        .collect();
    let first = *old.first()?;
    let event = case.rollout.refused_deletion()?;
    let message = event.message.as_deref().unwrap_or_default();
    let named =
        between(message, "pods \"", "\"").or_else(|| between(message, "delete Pod ", " in"));
    let pod = named.filter(|it| old.contains(it)).unwrap_or(first);
    let why = message.split_once("\" is forbidden: ").map(|(_, why)| why);
    let why = why.or_else(|| message.split_once("failed error: ").map(|(_, why)| why));
    let since = event_start(event).unwrap_or(case.now).max(case.started);
    Some(
        Finding::new(FindingCode::DeletionRefused, Subject::new("Pod", pod), since)
            .message(format!(
                "the API server refuses to delete pod `{pod}` of the former revision: {}",
                clipped(why.unwrap_or(message), 200)
            ))
            .remedy("correct the policy or the webhook that denies the deletion, or exempt the controller's ServiceAccount in kube-system; the controller tries again by itself")
            .evidence(EvidenceKind::Event, message),
    )
}
