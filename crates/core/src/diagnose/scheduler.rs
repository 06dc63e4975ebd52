//! Finds pods that no scheduler reports on: none serves their `schedulerName`.

use super::{Candidate, Case};
use crate::finding::{EvidenceKind, Finding, FindingCode, RollbackHelps, Subject};
use crate::snapshot::{DEFAULT_SCHEDULER, PodView};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods.iter().filter_map(|pod| one(case, pod)).collect()
}

fn one(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let spec = pod.object().spec.as_ref()?;
    let gated = spec
        .scheduling_gates
        .as_ref()
        .is_some_and(|it| !it.is_empty());
    let reported = pod.condition("PodScheduled").is_some() || pod.events().next().is_some();
    if pod.has_node() || gated || reported {
        return None;
    }
    let scheduler = pod.scheduler();
    let default = scheduler == DEFAULT_SCHEDULER;
    // The default scheduler says nothing while it waits for a volume to be created.
    if default && !pod.claims().is_empty() {
        return None;
    }
    let created = pod.created()?;
    let shown_after = if default {
        case.policy.shown_after.default_scheduler
    } else {
        case.policy.shown_after.scheduler
    };
    if !case.has_lasted(created, shown_after) {
        return None;
    }
    let mut finding = Finding::new(
        FindingCode::SchedulerMissing,
        Subject::new("Pod", pod.name()),
        created,
    )
    .message(format!(
        "no scheduler has reported on the pods: none seems to serve schedulerName `{scheduler}`"
    ))
    .remedy(if default {
        "look at the control plane: the kube-scheduler does not schedule"
    } else {
        "deploy that scheduler, or correct schedulerName: `kubectl get pods -A` shows whether its pods run"
    })
    .evidence(
        EvidenceKind::ContainerStatus,
        "Pending, without condition PodScheduled and without any event",
    );
    let former = case.rollout.old_pods();
    let mut former = former.iter().filter(|it| it.has_node()).peekable();
    if former.peek().is_some() && former.all(|it| it.scheduler() != scheduler) {
        finding.rollback_helps = RollbackHelps::Yes;
        "the former revision's pods name another scheduler".clone_into(&mut finding.rollback_why);
    }
    Some(finding.into())
}
