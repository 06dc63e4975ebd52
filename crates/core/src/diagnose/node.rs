//! Finds pods that failed as a whole (evicted, refused by the kubelet, preempted, shut down), and
//! pods on a lost node.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodCondition;

use super::scheduling::makes_room;
use super::{Candidate, Case, Cause, before_session, between, clipped};
use crate::duration::{Human, after, elapsed};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{BACK_OFF_MEMORY, PodView, event_start, event_time};
use crate::workload::WorkloadKind;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let mut found = ended(case);
    found.extend(case.pods.iter().filter_map(|pod| disrupted(case, pod)));
    found.extend(case.pods.iter().filter_map(|pod| node_lost(case, pod)));
    let stuck = case.rollout.terminating_pods();
    found.extend(stuck.iter().filter_map(|pod| not_ending(case, pod)));
    found
}

/// How many pods a node turns away before it is no race that is lost once or twice: a controller creates
/// the next one at once, hundreds in a minute.
const STORM: usize = 20;
/// How long a storm must last where a scheduler places the pods: it goes by what the kubelet reports of
/// its node every 10 s (`nodeStatusUpdateFrequency`), so that it may send pods to a full node until then.
const STORM_LASTS: Duration = Duration::from_secs(25);
/// A pod that no kubelet has taken counts as one that is not turned away once it is this old.
const STANDS: Duration = Duration::from_secs(5);

/// How the sentence about pods that a node turns away goes on after the node's name.
const REJECTED: &str = " rejected the pods ";

/// A pod that failed as a whole.
struct End<'a> {
    pod: &'a PodView<'a>,
    cause: Cause,
}

/// Finds failed pods, and counts all that share a cause: each attempt is a new pod.
fn ended(case: &Case<'_>) -> Vec<Candidate> {
    let all: Vec<End<'_>> = case
        .ended
        .iter()
        .filter_map(|pod| {
            Some(End {
                pod,
                cause: cause_of_end(pod)?,
            })
        })
        .collect();
    let own = all
        .iter()
        .filter(|it| it.cause.code == FindingCode::EvictedForOwnLimit);
    let goes_on = goes_on(case, &own.map(|it| it.pod).collect::<Vec<_>>());
    let lasts = |code| code == FindingCode::EvictedForOwnLimit && goes_on;
    let ends: Vec<_> = all
        .into_iter()
        .filter(|it| lasts(it.cause.code) || !replaced_well(case, it.pod, it.cause.code))
        .collect();
    let first = |code| {
        let times = ends.iter().filter(|it| it.cause.code == code);
        times.filter_map(|it| it.pod.created()).min()
    };
    let newest = |code| {
        let times = ends.iter().filter(|it| it.cause.code == code);
        times
            .filter_map(|it| evicted_at(it.pod).max(it.pod.created()))
            .max()
    };
    let count = |code| ends.iter().filter(|it| it.cause.code == code).count();
    // A race between kubelet and scheduler is lost once or twice, never that often; and one node that
    // is full or shuts down turns away each pod of a large workload once.
    let desired = usize::try_from(case.workload.counts().desired).unwrap_or_default();
    let many = STORM.max(desired.saturating_mul(2));
    // Pods that ended before the session are of another time.
    let seen = |pod: &PodView<'_>| {
        let at = evicted_at(pod).max(pod.created());
        at.is_some_and(|at| at.as_second() >= case.started.as_second())
    };
    let is_storm = |code| {
        let repeated = ends
            .iter()
            .filter(|it| it.cause.code == code && seen(it.pod) && repeats(it.pod));
        is_of_node(code) && repeated.count() >= many
    };
    let storms: Vec<FindingCode> = [FindingCode::NodeTurnsPodAway, FindingCode::EvictedByNode]
        .into_iter()
        .filter(|code| is_storm(*code))
        .collect();
    let is_storm = |code| storms.contains(&code);
    let storm_lasts = if names_node(case) {
        Duration::ZERO
    } else {
        STORM_LASTS
    };
    ends.iter()
        .map(|End { pod, cause }| {
            let code = cause.code;
            let since = first(code).unwrap_or(case.now).max(case.started);
            let finding = Finding::new(code, Subject::new("Pod", pod.name()), since)
                .attempts(u32::try_from(count(code)).unwrap_or(u32::MAX))
                .message(counted(&cause.what, count(code)))
                .remedy(cause.remedy.clone());
            let said = pod.message().unwrap_or_default();
            let said = format!("{}: {said}", pod.reason().unwrap_or("Failed"));
            let candidate = Candidate {
                finding: finding.evidence(EvidenceKind::ContainerStatus, said),
                grace: is_storm(code).then_some(storm_lasts),
                blocked: !lasts(code) && may_be_over(case, pod, code),
                despite_ready: lasts(code) || is_storm(code),
            };
            candidate.unless_stale(before_session(case, code, newest(code)))
        })
        .collect()
}

/// Returns whether the cause of a failed pod may be gone: if a later pod stays ready, it is; if one is not
/// turned away, it may be; and an old pod that ends makes room.
fn may_be_over(case: &Case<'_>, ended: &PodView<'_>, code: FindingCode) -> bool {
    let ready = |it: &PodView<'_>| it.ready_since().is_some();
    successors(case, ended).any(|it| ready(it) || (is_of_node(code) && stands(case, it)))
        || (code == FindingCode::NodeTurnsPodAway && makes_room(case))
        || (code == FindingCode::NodeForbidsPod && others_accept(case, ended))
}

/// Returns whether other nodes accept the pods that this one forbids, so that the next may be placed
/// there. A DaemonSet needs every node.
fn others_accept(case: &Case<'_>, forbidden: &PodView<'_>) -> bool {
    let needs_all = case.workload.kind() == WorkloadKind::DaemonSet;
    let other = |it: &PodView<'_>| it.node().is_some() && it.node() != forbidden.node();
    !needs_all && case.pods.iter().any(|it| other(it) && is_taken(it))
}

/// Returns whether a kubelet has taken a pod: only then are its containers reported.
fn is_taken(pod: &PodView<'_>) -> bool {
    pod.containers().any(|it| it.status.is_some())
}

/// Returns whether the cause is the state of a node, which another node or another time does not share.
const fn is_of_node(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::NodeTurnsPodAway | FindingCode::EvictedByNode
    )
}

/// Returns whether a kubelet says of so many pods in a row that its node is full. A device plugin that is
/// about to register, labels that are about to come and a node that shuts down turn away as many pods, and
/// heal.
fn repeats(pod: &PodView<'_>) -> bool {
    pod.reason().is_none_or(|reason| {
        reason.starts_with("OutOf") || matches!(reason, "NodePorts" | "Evicted")
    })
}

/// Returns whether the pod template names its node, so that no scheduler looks for room.
fn names_node(case: &Case<'_>) -> bool {
    let template = case.workload.template();
    let spec = template.and_then(|it| it.spec.as_ref());
    spec.is_some_and(|it| it.node_name.is_some())
}

/// Returns whether a pod was not turned away: a kubelet has taken it, or it has waited for longer than
/// that takes.
fn stands(case: &Case<'_>, pod: &PodView<'_>) -> bool {
    let waits = |created| after(created, STANDS) <= case.now;
    is_taken(pod) || pod.created().is_some_and(waits)
}

/// Says how many pods it is, where a sentence begins with a node that rejected them.
fn counted(what: &str, pods: usize) -> String {
    match pods {
        0 | 1 => what.to_owned(),
        pods => what.replacen(REJECTED, &format!(" rejected {pods} pods "), 1),
    }
}

/// Returns whether pods are evicted one after another: one was evicted in this session, and another
/// that was created after that.
///
/// A pod may exceed its limit at any time, so that a ready successor proves nothing.
fn goes_on(case: &Case<'_>, evicted: &[&PodView<'_>]) -> bool {
    let times = evicted.iter().filter_map(|pod| evicted_at(pod));
    let first = times.filter(|at| *at >= case.started).min();
    first.is_some() && evicted.iter().any(|pod| pod.created() > first)
}

/// Returns when a pod was evicted: the kubelet sends the event before it terminates the pod.
fn evicted_at(pod: &PodView<'_>) -> Option<Timestamp> {
    let told = pod
        .events()
        .find(|event| event.reason.as_deref() == Some("Evicted"));
    told.and_then(event_start).or_else(|| pod.unready_since())
}

/// Returns whether a later pod has been ready for as long as a rollout must stay complete, or was
/// ready before.
///
/// An eviction of last week says nothing about today. After an eviction for its own limit, the
/// later pod must also run longer than the evicted pod did.
fn replaced_well(case: &Case<'_>, ended: &PodView<'_>, code: FindingCode) -> bool {
    let stable_for = case.policy.stable_for;
    let own = code == FindingCode::EvictedForOwnLimit;
    let life = evicted_life(case).filter(|_| own);
    successors(case, ended).any(|pod| {
        let stable = |since| after(since, stable_for) <= case.now;
        let outlived = life.is_none_or(|life| {
            let created = pod.created();
            created.is_some_and(|created| stable(after(created, life)))
        });
        let well = pod.ready_since().is_some_and(stable) || pod.was_ready();
        outlived && well
    })
}

/// Returns the longest lifetime of the pods that were evicted for their own limit in this session,
/// from their creation to the termination of their last container.
///
/// A lifetime beyond the kubelet's memory of crashes is ignored: it would be too long to wait for.
pub(super) fn evicted_life(case: &Case<'_>) -> Option<Duration> {
    let own = case.ended.iter().filter(|pod| {
        cause_of_end(pod).is_some_and(|it| it.code == FindingCode::EvictedForOwnLimit)
    });
    let lives = own.filter_map(|pod| {
        let ends = pod
            .containers()
            .filter_map(|it| it.last_end()?.finished_at.as_ref());
        let ended = ends.map(|time| time.0).max().or_else(|| evicted_at(pod))?;
        let life = elapsed(pod.created()?, ended);
        (ended >= case.started && life <= BACK_OFF_MEMORY).then_some(life)
    });
    lives.max()
}

/// Returns the pods that were created after one that failed.
fn successors<'a>(
    case: &'a Case<'_>,
    ended: &PodView<'a>,
) -> impl Iterator<Item = &'a PodView<'a>> {
    let created = ended.created();
    case.pods.iter().filter(move |pod| pod.created() >= created)
}

/// Classifies a failed pod by its `status.reason` (kubelet `eviction/helpers.go`,
/// `lifecycle/predicate.go`, `lifecycle/handlers.go`, `sysctl/allowlist.go`,
/// `nodeshutdown_manager.go`).
fn cause_of_end(pod: &PodView<'_>) -> Option<Cause> {
    // An application that exits with 0 when it is evicted leaves a pod in phase `Succeeded` without
    // a reason: only the event shows the eviction.
    let told = pod
        .events()
        .find(|event| event.reason.as_deref() == Some("Evicted"));
    let reason = pod.reason().or(told.map(|_| "Evicted")).unwrap_or_default();
    let message = pod.message().or(told.and_then(|it| it.message.as_deref()));
    let message = message.unwrap_or_default();
    let node = pod.node().unwrap_or("unknown");
    match reason {
        "Evicted" => Some(eviction(message, node)),
        "SysctlForbidden"
        | "AppArmor"
        | "PodOSNotSupported"
        | "PodOSSelectorNodeLabelDoesNotMatch"
        | "InitContainerRestartPolicyForbidden"
        | "SupplementalGroupsPolicyNotSupported"
        | "PodLevelResourcesNotSupported" => Some(Cause::new(
            FindingCode::NodeForbidsPod,
            format!(
                "node `{node}` does not accept the pods ({reason}): {}",
                clipped(message, 200)
            ),
            forbidden_remedy(reason),
        )),
        "NodeAffinity"
        | "NodePorts"
        | "UnexpectedAdmissionError"
        | "InvalidNodeInfo"
        | "NodeShutdown"
        | "UnknownReason"
        | "UnexpectedPredicateFailureType" => Some(turned_away(reason, message, node)),
        _ if reason.starts_with("OutOf") => Some(turned_away(reason, message, node)),
        _ => {
            let target = disruption(pod)?;
            Some(disruption_words(target, node))
        }
    }
}

fn turned_away(reason: &str, message: &str, node: &str) -> Cause {
    let remedy = match reason {
        "UnexpectedAdmissionError" => {
            "look at the device plugin's pods on that node: the kubelet could not give the pods the devices they request"
        }
        "NodeAffinity" => {
            "the node's labels changed after the pods were placed: correct the labels, or nodeSelector and affinity"
        }
        "NodeShutdown" => "wait for the node to come back, or drain it",
        "NodePorts" => {
            "the old pods use the host port: set maxSurge 0 and maxUnavailable 1, so that an old pod ends before a new one starts, or remove hostPort"
        }
        _ => {
            "set maxSurge 0 and maxUnavailable 1, so that an old pod frees its resources first; remove spec.nodeName, because it bypasses the scheduler; compare the node's allocatable resources with all pods on it (`kubectl describe node`), including those that no scheduler placed (static pods, spec.nodeName)"
        }
    };
    Cause::new(
        FindingCode::NodeTurnsPodAway,
        format!(
            "node `{node}`{REJECTED}after they were scheduled to it ({reason}): {}",
            clipped(message, 200)
        ),
        remedy,
    )
}

fn forbidden_remedy(reason: &str) -> &'static str {
    match reason {
        "SysctlForbidden" => {
            "remove the sysctl from securityContext, or use a node pool that allows it (AKS: `az aks nodepool add --kubelet-config` with allowedUnsafeSysctls)"
        }
        "AppArmor" => "load the AppArmor profile on the nodes, or use RuntimeDefault",
        "PodOSNotSupported" | "PodOSSelectorNodeLabelDoesNotMatch" => {
            "set nodeSelector kubernetes.io/os to the value of spec.os.name"
        }
        _ => "use a node pool of a version that knows this field, or remove it from the template",
    }
}

fn eviction(message: &str, node: &str) -> Cause {
    let own = if let Some(container) = between(message, "Container ", " exceeded its local") {
        let limit = between(message, "ephemeral storage limit \"", "\"").unwrap_or("unknown");
        Some((
            format!(
                "container `{container}` was evicted for writing more than its ephemeral-storage limit {limit}"
            ),
            format!(
                "raise limits.ephemeral-storage of container `{container}`, write less to its file system and logs, or use a volume"
            ),
        ))
    } else if let Some(volume) = between(message, "Usage of EmptyDir volume \"", "\"") {
        let limit = between(message, "exceeds the limit \"", "\"").unwrap_or("unknown");
        Some((
            format!(
                "the pods were evicted for writing more than sizeLimit {limit} of emptyDir `{volume}`"
            ),
            format!("raise sizeLimit of emptyDir `{volume}`, or write less to it"),
        ))
    } else {
        between(message, "usage exceeds the total limit of containers ", ".").map(|limit| {
            (
                format!("the pods were evicted for writing more than {limit}, the sum of their containers' ephemeral-storage limits"),
                "raise limits.ephemeral-storage, or write less".to_owned(),
            )
        })
    };
    if let Some((what, remedy)) = own {
        return Cause::new(FindingCode::EvictedForOwnLimit, what, remedy);
    }
    let resource = between(message, "low on resource: ", ".")
        .or_else(|| between(message, "had condition: ", "."))
        .unwrap_or("resources");
    Cause::new(
        FindingCode::EvictedByNode,
        format!("node `{node}` was low on {resource} and evicted the pods"),
        format!(
            "set the pods' requests to what they really use, so that the scheduler reserves it, or use nodes with more {resource}"
        ),
    )
}

fn disruption<'a>(pod: &PodView<'a>) -> Option<&'a PodCondition> {
    pod.condition("DisruptionTarget")
        .filter(|it| it.status == "True")
}

/// Finds a pod that something other than this rollout removes (`DisruptionTarget`,
/// `pkg/apis/core`).
fn disrupted(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let target = disruption(pod)?;
    let since = target.last_transition_time.as_ref().map(|time| time.0);
    let Cause { code, what, remedy } = disruption_words(target, pod.node().unwrap_or("unknown"));
    let finding = Finding::new(
        code,
        Subject::new("Pod", pod.name()),
        since.unwrap_or(case.now),
    );
    let said = target.message.as_deref().unwrap_or_default();
    let finding = finding.message(what).remedy(remedy);
    Some(finding.evidence(EvidenceKind::Condition, said).into())
}

fn disruption_words(target: &PodCondition, node: &str) -> Cause {
    let reason = target.reason.as_deref().unwrap_or("unknown");
    let who = match reason {
        "PreemptionByScheduler" => "a pod of higher priority took its place",
        "DeletionByTaintManager" => "its node was tainted",
        "EvictionByEvictionAPI" => "it was evicted, as when a node is drained",
        "DeletionByPodGC" => "its node is gone",
        "TerminationByKubelet" => "its node shut down or ran low on resources",
        _ => "something else removed it",
    };
    Cause::new(
        FindingCode::PodDisrupted,
        format!(
            "a pod on node `{node}` is being removed, but not by this rollout: {who} ({reason})"
        ),
        "wait for its replacement; a PodDisruptionBudget keeps enough pods available during node upgrades",
    )
}

/// Finds a pod whose node no longer reports (`controller/util/node/controller_utils.go`).
fn node_lost(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let unready = pod.unready_since()?;
    let event = pod
        .events()
        .filter(|event| event.reason.as_deref() == Some("NodeNotReady"))
        .max_by_key(|event| event_time(event))?;
    let since = event_time(event)?;
    // The pod became unready because of it, hence at about the same time.
    let skew = case.policy.patience.clock_skew;
    let same = elapsed(since, unready) <= skew && elapsed(unready, since) <= skew;
    let node = pod.node().unwrap_or("unknown");
    let heard = pod
        .containers()
        .filter_map(|it| it.running_since())
        .any(|started| started > since);
    (same && !heard).then(|| {
        let subject = Subject::new("Pod", pod.name());
        let said = event.message.as_deref().unwrap_or_default();
        Finding::new(FindingCode::NodeNotReady, subject, since.min(case.now))
            .message(format!("node `{node}` no longer reports, so the pods on it count as not ready"))
            .remedy(format!("look at `kubectl describe node {node}`; its pods are replaced on other nodes after 5 minutes unless their tolerations say otherwise; pods of a DaemonSet wait for the node"))
            .evidence(EvidenceKind::Event, said)
            .into()
    })
}

/// Finds a pod that does not terminate: its `deletionTimestamp`, the end of its grace period, is
/// long past.
fn not_ending(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let metadata = &pod.object().metadata;
    let ends: Timestamp = metadata.deletion_timestamp.as_ref()?.0;
    let finalizers = metadata.finalizers.clone().unwrap_or_default();
    // The kubelet has done its part: what keeps the pod is known.
    let patience = if pod.containers_ended() && !finalizers.is_empty() {
        case.policy.shown_after.finalizers
    } else {
        case.policy.patience.ending
    };
    if !case.has_lasted(ends, patience) {
        return None;
    }
    let node = pod.node().unwrap_or("unknown");
    let late = Human(elapsed(ends, case.now));
    let (why, remedy) = if finalizers.is_empty() {
        (
            format!("node `{node}` has not confirmed that the pod has ended"),
            format!(
                "look at node `{node}`: the node may be lost, or an unmount may hang; use `kubectl delete pod {} --force` only if the node is certainly off",
                pod.name()
            ),
        )
    } else {
        (
            format!("finalizers hold it: {}", finalizers.join(", ")),
            "look at the controller that owns the finalizer".to_owned(),
        )
    };
    let finding = Finding::new(
        FindingCode::OldPodsNotEnding,
        Subject::new("Pod", pod.name()),
        ends,
    )
    .message(format!(
        "pod `{}` is being deleted and should have ended {late} ago: {why}",
        pod.name()
    ))
    .remedy(remedy);
    Some(finding.into())
}
