//! Finds pods that a virtual node does not start (virtual-kubelet, `node/pod.go`): its provider writes
//! reason and message into the status of a pod that stays Pending.

use super::{Candidate, Case, clipped};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::PodView;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods.iter().filter_map(|pod| one(case, pod)).collect()
}

fn one(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let reason = pod.pending_reason()?;
    let message = pod.message().unwrap_or_default();
    let node = pod.node().unwrap_or("unknown");
    let why = if message.trim().is_empty() {
        String::new()
    } else {
        format!(": {}", clipped(message, 200))
    };
    let scheduled = pod.condition("PodScheduled");
    let scheduled = scheduled.and_then(|it| it.last_transition_time.as_ref());
    let since = scheduled.map(|time| time.0).or_else(|| pod.created());
    let finding = Finding::new(
        FindingCode::NodeProviderFailing,
        Subject::new("Pod", pod.name()),
        since.unwrap_or(case.now).max(case.started),
    )
    .message(format!("node `{node}` does not start the pods ({reason}){why}"))
    .remedy("read the provider's message: on virtual nodes (Azure Container Instances) it names the quota, region, image or subnet")
    .evidence(EvidenceKind::ContainerStatus, format!("{reason}: {message}"));
    Some(finding.into())
}
