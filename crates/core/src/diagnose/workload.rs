//! Finds causes in the workload object itself.

use jiff::Timestamp;

use super::{Candidate, Case, creation};
use crate::finding::{EvidenceKind, Finding, FindingCode, Lookup, RollbackHelps, Subject};
use crate::observation::ResourceKind;
use crate::progress;
use crate::snapshot::{PodView, created, name_of, not_ready_since};
use crate::workload::{Workload, WorkloadKind, partition};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let found = [
        paused(case),
        on_delete(case),
        lagging(case),
        deadline(case),
        nothing(case),
    ];
    let found = found.into_iter().flatten().map(Candidate::from);
    found.chain(stuck(case)).chain(nodes(case)).collect()
}

fn subject(case: &Case<'_>) -> Subject {
    Subject::new(case.workload.kind().as_str(), case.workload.name())
}

pub(super) fn is_complete(case: &Case<'_>) -> bool {
    progress::complete(case.workload, &case.rollout.excused()).is_ok()
}

/// Finds a paused Deployment; one that was paused after its last pod is complete.
fn paused(case: &Case<'_>) -> Option<Finding> {
    let Workload::Deployment(deployment) = case.workload else {
        return None;
    };
    let paused = deployment.spec.as_ref().and_then(|spec| spec.paused);
    if paused != Some(true) || is_complete(case) {
        return None;
    }
    let since = condition_time(case, "DeploymentPaused")
        .or_else(|| created(&deployment.metadata))
        .unwrap_or(case.now);
    let name = case.workload.name();
    Some(
        Finding::new(FindingCode::Paused, subject(case), since)
            .message("the Deployment is paused, so its new revision is not rolled out")
            .remedy(format!("kubectl rollout resume deployment/{name}")),
    )
}

/// Returns when the Deployment's condition with this reason was last updated.
fn condition_time(case: &Case<'_>, reason: &str) -> Option<Timestamp> {
    let Workload::Deployment(deployment) = case.workload else {
        return None;
    };
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let found = conditions
        .iter()
        .find(|it| it.reason.as_deref() == Some(reason))?;
    found.last_update_time.as_ref().map(|time| time.0)
}

/// Finds a workload with update strategy OnDelete, whose old pods stay until they are deleted
/// (`stateful_set_control.go`, `daemon_controller.go`).
fn on_delete(case: &Case<'_>) -> Option<Finding> {
    let old = case.rollout.old_pods();
    let (true, Some(first)) = (case.workload.is_on_delete(), old.first()) else {
        return None;
    };
    let since = case
        .rollout
        .new_revision()
        .and_then(|it| created(&it.metadata));
    let since = since.unwrap_or(case.now).max(case.started);
    let count = old.len();
    Some(
        Finding::new(FindingCode::WaitsForDeletion, subject(case), since)
            .message(format!(
                "the update strategy is OnDelete: {count} pods keep the former revision until somebody deletes them"
            ))
            .remedy(format!(
                "delete the pods one by one (the first is {}), or set updateStrategy RollingUpdate",
                first.name()
            )),
    )
}

/// Finds an ordered StatefulSet that waits for a broken pod of the former revision
/// (kubernetes/kubernetes#67250).
///
/// Its controller waits for every pod to be ready before it replaces any, so that it never replaces
/// the broken one. It does so in the middle of the update, too.
fn stuck(case: &Case<'_>) -> Option<Candidate> {
    let workload = case.workload;
    if !workload.is_ordered() || workload.is_on_delete() || is_complete(case) {
        return None;
    }
    // The controller waits for terminating pods before anything else.
    if !case.rollout.terminating_pods().is_empty() {
        return None;
    }
    let old = case.rollout.old_pods();
    let broken: &PodView<'_> = old.iter().find(|pod| pod.ready_since().is_none())?;
    // Until the controller has read the newest spec, which a scaling changes as well, it is not known which revision
    // is the newest, and so which pods are of a former one.
    let newest = case.rollout.new_revision()?;
    let since = created(&newest.metadata)
        .max(broken.unready_since())
        .unwrap_or(case.now)
        .max(case.started);
    let name = broken.name();
    let next = if case.pods.is_empty() {
        "any"
    } else {
        "the next"
    };
    let finding = Finding::new(FindingCode::StatefulSetStuck, subject(case), since)
        .message(format!(
            "pod `{name}` of the former revision is not ready, and the controller waits for it before it replaces {next}"
        ))
        .remedy(format!(
            "kubectl delete pod {name}; it comes back with the new template"
        ));
    Some(Candidate {
        // Once there are new pods, the former one may wait for them, as in a cluster that lacks its
        // quorum; and that it broke is not the new revision's failure.
        blocked: !case.pods.is_empty(),
        ..Candidate::from(finding)
    })
}

fn lagging(case: &Case<'_>) -> Option<Finding> {
    let since = case.started;
    let lag = case.policy.patience.controller_lag;
    if case.workload.is_observed() || creation::replica_set_refused(case) {
        return None;
    }
    if let Some(found) = no_revision(case) {
        return Some(found);
    }
    if !case.has_lasted(since, lag) {
        return None;
    }
    let kind = case.workload.kind();
    Some(
        Finding::new(FindingCode::ControllerLagging, subject(case), since)
            .message(format!("the {kind} controller has not observed the newest spec"))
            .remedy("look at the control plane: in AKS, the cluster's activity log and the kube-controller-manager's log"),
    )
}

/// Finds a StatefulSet or DaemonSet whose controller creates no ControllerRevision.
///
/// A refusal by a quota or a policy leaves no event and no condition: `getStatefulSetRevisions` and
/// `constructHistory` return before the status is written.
fn no_revision(case: &Case<'_>) -> Option<Finding> {
    let kind = case.workload.kind();
    // A controller takes well under a second; one that fails over is seen by `lagging`.
    let unlikely = case.policy.patience.controller_lag / 6;
    let seen = case
        .snapshot
        .blindness(ResourceKind::ControllerRevision)
        .is_none();
    if kind == WorkloadKind::Deployment
        || !seen
        || case.rollout.holds_template()
        || !case.has_lasted(case.started, unlikely)
    {
        return None;
    }
    let resource = format!("{}.apps", ResourceKind::ControllerRevision.plural());
    let lookup = Lookup::RevisionQuota;
    let quotas = case.snapshot.promises(&lookup);
    let known = match (quotas.iter().find(|it| it.read), quotas.first()) {
        (Some(quota), _) => format!("; {}", quota.by),
        (None, Some(unread)) => format!("; {} cannot be read", unread.by),
        (None, None) => String::new(),
    };
    // A controller that is behind reads a rollback no sooner than the release that it would undo.
    let (helps, why) = if case.snapshot.found_nothing(&lookup) {
        (
            RollbackHelps::Partly,
            "only if an admission policy refuses the ControllerRevision; a controller that is behind would not read a rollback either",
        )
    } else {
        (
            RollbackHelps::Yes,
            "the former revision's ControllerRevision already exists",
        )
    };
    Some(
        Finding::new(FindingCode::ControllerLagging, subject(case), case.started)
            .message(format!(
                "the {kind} controller has created no ControllerRevision for the new template: the API server refuses it, which no event reports, or the controller is behind{known}"
            ))
            .remedy(format!(
                "look at `kubectl describe quota` for count/{resource} and at the admission policies that match {resource}; the kube-controller-manager's log has the refusal"
            ))
            .rollback(helps, why)
            .lookup(Some(lookup)),
    )
}

/// Finds an exceeded progress deadline, if it was reported in this session and of the new
/// ReplicaSet: the condition is latched.
fn deadline(case: &Case<'_>) -> Option<Finding> {
    let since = condition_time(case, "ProgressDeadlineExceeded")?;
    let name = name_of(&case.rollout.new_replica_set()?.metadata);
    let Workload::Deployment(deployment) = case.workload else {
        return None;
    };
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let message = conditions
        .iter()
        .find(|it| it.reason.as_deref() == Some("ProgressDeadlineExceeded"))
        .and_then(|it| it.message.as_deref())?;
    let ours = message.contains(&format!("\"{name}\""));
    if since < case.started || !ours || is_complete(case) {
        return None;
    }
    Some(
        Finding::new(FindingCode::ProgressDeadlineExceeded, subject(case), since)
            .message("the Deployment's progressDeadlineSeconds passed without progress")
            .remedy("read the other findings: this one only says that time has passed")
            .evidence(EvidenceKind::Condition, message),
    )
}

fn nothing(case: &Case<'_>) -> Option<Finding> {
    let wanted = progress::desired(case.workload, &case.rollout.excused());
    // A Job without completions has done all that it was told to.
    let runs = case.workload.job().is_none();
    if !case.workload.is_observed() || wanted > 0 || !runs {
        return None;
    }
    let title = case.workload.title();
    let empty =
        |what: &str| format!("{title} {what}: the rollout is complete, but nothing was verified");
    let (what, remedy) = match case.workload {
        Workload::StatefulSet(set) if case.workload.counts().desired > 0 => (
            format!(
                "partition {} of {title} excludes every pod: nothing was verified",
                partition(set)
            ),
            "lower the partition and check again: only pods at or above it get the new template",
        ),
        Workload::Deployment(_) | Workload::StatefulSet(_) | Workload::Job(_) => {
            (empty("has 0 replicas"), "scale it up and check again")
        }
        Workload::DaemonSet(_) => (
            empty("is scheduled to no node"),
            "correct its nodeSelector or tolerations if it should run somewhere",
        ),
    };
    let finding = Finding::new(FindingCode::NothingToVerify, subject(case), case.now);
    Some(finding.message(what).remedy(remedy))
}

/// Finds nodes that are down, so that their pods cannot be updated.
///
/// Reported with a success as well, since nothing was verified there.
fn nodes(case: &Case<'_>) -> Option<Candidate> {
    let excused = case.rollout.excused();
    let first = excused.nodes.first()?;
    let node = case
        .snapshot
        .nodes()
        .find(|it| name_of(&it.metadata) == *first);
    let since = node.and_then(not_ready_since).unwrap_or(case.started);
    let count = excused.nodes.len();
    let list = excused
        .nodes
        .iter()
        .take(3)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    let finding = Finding::new(FindingCode::NodeNotUpdated, Subject::new("Node", first), since)
        .message(match count {
            1 => format!("node {list} is not ready, so its pod is not updated"),
            count => format!("{count} nodes are not ready, so their pods are not updated: {list}"),
        })
        .remedy("repair or remove the node; its pod is updated once the node is back. A node that is down counts against maxUnavailable");
    Some(finding.into())
}
