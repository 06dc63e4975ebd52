//! Finds pods that fit on no node.
//!
//! kube-scheduler's `framework/types.go` writes the message, the plugins under `framework/plugins`
//! its parts; the cluster autoscaler and Karpenter add events.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, PodCondition};

use super::{Candidate, Case, Cause, between, claim, clipped};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::observation::ResourceKind;
use crate::snapshot::{PodView, event_time};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods.iter().filter_map(|pod| one(case, pod)).collect()
}

fn one(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let condition = pod
        .condition("PodScheduled")
        .filter(|it| it.status == "False");
    let Some(condition) = condition else {
        return pinned(case, pod);
    };
    match condition.reason.as_deref()? {
        "Unschedulable" => Some(unschedulable(case, pod, condition)),
        "SchedulingGated" => Some(gated(case, pod, condition)),
        "SchedulerError" => Some(scheduler_error(case, pod, condition)),
        _ => None,
    }
}

/// Finds a pod that the template binds to a node (`spec.nodeName`) whose kubelet does not take it.
///
/// No scheduler looks at such a pod and no event tells of it. If the node does not exist, the garbage
/// collector deletes the pod after a while (`podgc`), and the next one begins: the cause is as old as
/// the revision.
fn pinned(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let node = case
        .workload
        .template()?
        .spec
        .as_ref()?
        .node_name
        .as_deref()?;
    let status = pod.object().status.as_ref();
    let taken = status.is_some_and(|it| it.start_time.is_some() || it.container_statuses.is_some());
    let created = pod.created()?;
    if taken
        || pod.node() != Some(node)
        || !case.has_lasted(created, case.policy.patience.template_alone)
    {
        return None;
    }
    let begun = case.rollout.newest().and_then(|it| it.created());
    let since = begun.unwrap_or(created).max(case.started);
    let finding = Finding::new(
        FindingCode::NoNodeMatches,
        Subject::new("Pod", pod.name()),
        since,
    )
    .message(format!(
        "the pod template names node `{node}` (spec.nodeName), which does not take the pods: it does not exist, or its kubelet is down"
    ))
    .remedy(format!(
        "remove nodeName from the pod template, so that the scheduler chooses a node, or use nodeSelector; `kubectl get node {node}` shows whether the node exists"
    ));
    Some(finding.into())
}

fn begins(case: &Case<'_>, pod: &PodView<'_>, condition: &PodCondition) -> Timestamp {
    let since = condition.last_transition_time.as_ref().map(|time| time.0);
    since.or_else(|| pod.created()).unwrap_or(case.now)
}

fn unschedulable(case: &Case<'_>, pod: &PodView<'_>, condition: &PodCondition) -> Candidate {
    let message = condition.message.as_deref().unwrap_or_default();
    let reasons = Reasons::read(message);
    let Cause { code, what, remedy } = classify(case, pod, &reasons);
    let since = begins(case, pod, condition);
    let finding = Finding::new(code, Subject::new("Pod", pod.name()), since)
        .message(what)
        .remedy(remedy)
        .evidence(EvidenceKind::Condition, message);
    let about_nodes = matches!(
        code,
        FindingCode::Unschedulable | FindingCode::NoNodeMatches | FindingCode::VolumeExcludesNodes
    );
    if !about_nodes {
        return Candidate {
            blocked: code == FindingCode::VolumeHeldElsewhere && makes_room(case),
            ..Candidate::from(finding)
        };
    }
    let rule = case.policy.rule(code).map(|rule| rule.grace);
    let (grace, said) = patience(case, &reasons, rule.unwrap_or_default());
    let finding = match said {
        Some(said) => finding.evidence(EvidenceKind::Event, said),
        None => finding,
    };
    Candidate {
        finding,
        grace: Some(grace),
        blocked: code != FindingCode::NoNodeMatches && makes_room(case),
        despite_ready: false,
    }
}

/// Returns whether an old pod is about to terminate and to free its resources; a stuck one frees
/// none.
pub(super) fn makes_room(case: &Case<'_>) -> bool {
    let pods = case.rollout.terminating_pods();
    let leaving = pods.iter().filter(|pod| {
        let ends = pod.object().metadata.deletion_timestamp.as_ref();
        ends.is_some_and(|ends| !case.has_lasted(ends.0, case.policy.patience.ending))
    });
    // Each is asked: the first one that is over changes the judgement.
    leaving.count() > 0
}

/// Returns how long to wait for a node, and the event that the time is based on.
fn patience<'a>(
    case: &Case<'a>,
    reasons: &Reasons<'_>,
    rule: Duration,
) -> (Duration, Option<&'a str>) {
    // A new node may fit several pods, and only one of them gets the event.
    let newest = |wanted: &[&str]| -> Option<&'a Event> {
        case.pods
            .iter()
            .flat_map(PodView::events)
            .filter(|event| {
                let reason = event.reason.as_deref();
                reason.is_some_and(|it| wanted.contains(&it))
            })
            .max_by_key(|event| event_time(event))
    };
    let times = &case.policy.patience;
    let grows = newest(&["TriggeredScaleUp", "Nominated"]);
    let refuses = newest(&["NotTriggerScaleUp"]);
    let said = |event: Option<&'a Event>| event.and_then(|it| it.message.as_deref());
    if grows.is_some() && grows.and_then(event_time) >= refuses.and_then(event_time) {
        return (times.scale_up, said(grows));
    }
    // The autoscaler may have announced a node in an event that cannot be read.
    if case.snapshot.blindness(ResourceKind::Event).is_some() {
        return (times.scale_up, None);
    }
    if reasons.any(Reason::Cordoned) {
        return (rule.max(times.cordoned), None);
    }
    // Kubernetes 1.35 does not name the taint: that of a node that is just joining goes away.
    let rule = if reasons.any(Reason::Taint) {
        rule.max(times.tainted)
    } else {
        rule
    };
    match said(refuses) {
        // "in backoff after failed scale-up": it will try again.
        Some(text) if text.contains("backoff") => (times.scale_up, Some(text)),
        Some(text) => (rule.min(times.no_scale_up), Some(text)),
        None => (rule, None),
    }
}

/// The most labels that a sentence names.
const MOST_LABELS: usize = 4;

/// Why nodes are excluded, as far as the remedy depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// Too little of a resource (`noderesources/fit.go`).
    Insufficient,
    /// The pod's nodeSelector or node affinity (`nodeaffinity`, `nodename`).
    Selector,
    /// A taint (`tainttoleration`).
    Taint,
    /// Pod affinity or anti-affinity (`interpodaffinity`).
    PodAffinity,
    /// Topology spread (`podtopologyspread`).
    Spread,
    /// Host ports (`nodeports`).
    Ports,
    /// Cordoned (`nodeunschedulable`), or tainted for its present state.
    Cordoned,
    /// A node without the label that a topology spread constraint names as its `topologyKey`.
    NoTopologyLabel,
    /// The zone or the node of the pod's volumes (`volumebinding`, `volumezone`).
    VolumePlace,
    /// The disk limit of a node (`nodevolumelimits`).
    VolumeLimit,
    /// No `PersistentVolume` for a claim (`volumebinding`).
    NoVolume,
    /// A claim for one pod that another pod uses (`volumerestrictions`).
    ClaimInUse,
    /// Anything else about volumes.
    Volume,
    /// Anything else.
    Other,
}

impl Reason {
    fn of(text: &str) -> Self {
        let has = |patterns: &[&str]| patterns.iter().any(|it| text.contains(it));
        if text.contains("Insufficient ") || text.contains("Too many pods") {
            Self::Insufficient
        } else if text.contains("persistent volumes to bind") {
            Self::NoVolume
        } else if text.contains("ReadWriteOncePod") {
            Self::ClaimInUse
        } else if has(&[
            "volume node affinity",
            "PersistentVolume's node affinity",
            "available volume zone",
        ]) {
            Self::VolumePlace
        } else if text.contains("max volume count") {
            Self::VolumeLimit
        } else if has(&[
            "volume",
            "available disk",
            "free storage",
            "PersistentVolume",
            "pvc(",
        ]) {
            Self::Volume
        } else if has(&["anti-affinity rules", "pod affinity rules"]) {
            Self::PodAffinity
        } else if has(&["node affinity", "requested node name", "node selector"]) {
            Self::Selector
        } else if text.contains("taint {node.kubernetes.io/") {
            // `not-ready`, `unreachable`, `unschedulable`, pressure: the node's present state.
            Self::Cordoned
        } else if text.contains("taint") {
            Self::Taint
        } else if text.contains("missing required label") {
            Self::NoTopologyLabel
        } else if text.contains("topology spread") {
            Self::Spread
        } else if text.contains("free ports") {
            Self::Ports
        } else if text.contains("were unschedulable") {
            Self::Cordoned
        } else {
            Self::Other
        }
    }
}

/// A parsed message such as `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were
/// unschedulable. …`.
#[derive(Debug)]
struct Reasons<'a> {
    nodes: u32,
    counted: Vec<(u32, Reason)>,
    /// The message up to the part about preemption.
    text: &'a str,
    /// The message.
    whole: &'a str,
}

impl<'a> Reasons<'a> {
    fn read(message: &'a str) -> Self {
        let text = message.split_once(". ").map_or(message, |(first, _)| first);
        let text = text
            .split_once(" preemption:")
            .map_or(text, |(first, _)| first)
            .trim_end_matches('.');
        let nodes = between(text, "0/", " nodes are available");
        let list = text.split_once("are available: ").map_or("", |(_, it)| it);
        let counted = list.split(", ").filter_map(|part| {
            let (count, reason) = part.trim().split_once(' ')?;
            Some((count.parse().ok()?, Reason::of(reason)))
        });
        Self {
            nodes: nodes.and_then(|it| it.parse().ok()).unwrap_or_default(),
            counted: counted.collect(),
            text,
            whole: message,
        }
    }

    fn any(&self, wanted: Reason) -> bool {
        self.counted.iter().any(|(_, reason)| *reason == wanted)
    }

    /// Returns whether a device is missing: an extended resource has a domain, as `nvidia.com/gpu`.
    fn lacks_device(&self) -> bool {
        let mut lacking = self.text.split("Insufficient ").skip(1);
        lacking.any(|rest| {
            let name = rest.split([',', ' ']).next();
            name.is_some_and(|it| it.contains('/'))
        })
    }

    /// Returns whether the wanted reasons alone exclude all nodes.
    fn only(&self, wanted: &[Reason]) -> bool {
        let counts = self.counted.iter().map(|(count, _)| *count);
        let sum = counts.fold(0, u32::saturating_add);
        let all = self.counted.iter().all(|(_, it)| wanted.contains(it));
        self.nodes > 0 && all && sum >= self.nodes
    }
}

fn classify(case: &Case<'_>, pod: &PodView<'_>, reasons: &Reasons<'_>) -> Cause {
    let message = reasons.whole;
    if let Some(claim) = claim::classify(pod, message) {
        return claim;
    }
    let text = clipped(reasons.text, 300);
    if reasons.only(&[Reason::Selector, Reason::Taint, Reason::NoTopologyLabel]) {
        let asked = asked_for(pod);
        return if reasons.any(Reason::NoTopologyLabel) {
            let keys = topology_keys(pod);
            Cause::new(
                FindingCode::NoNodeMatches,
                format!(
                    "no node has the label that the pods' topologySpreadConstraints require (topologyKey {keys}){asked}: {text}"
                ),
                format!(
                    "correct topologyKey {keys} (usual: topology.kubernetes.io/zone, kubernetes.io/hostname), label the nodes, or set whenUnsatisfiable: ScheduleAnyway"
                ),
            )
        } else {
            Cause::new(
                FindingCode::NoNodeMatches,
                format!("no node matches what the pods require{asked}: {text}"),
                "correct nodeSelector, node affinity or tolerations, or label a node pool accordingly (`az aks nodepool update --labels` / `--node-taints`)",
            )
        };
    }
    if let Some(found) = of_volumes(case, pod, reasons) {
        return found;
    }
    Cause::new(
        FindingCode::Unschedulable,
        format!("no node can take the new pods: {text}"),
        remedy(reasons),
    )
}

/// Classifies what the pod's volumes exclude: a claim without a volume, a claim that another pod uses,
/// the place of a volume, and the disks that a node takes are four causes.
fn of_volumes(case: &Case<'_>, pod: &PodView<'_>, reasons: &Reasons<'_>) -> Option<Cause> {
    let text = clipped(reasons.text, 300);
    let claims = claim::names(pod);
    if reasons.any(Reason::NoVolume) {
        return Some(Cause::new(
            FindingCode::ClaimNotBound,
            format!("no available PersistentVolume fits PersistentVolumeClaim {claims}: {text}"),
            format!(
                "create a PersistentVolume that fits {claims} (storage class, size, access mode, node), or use a StorageClass that provisions volumes (`kubectl get storageclass`)"
            ),
        ));
    }
    let holder = reasons
        .any(Reason::ClaimInUse)
        .then(|| holder_of(case, pod));
    if let Some(holder) = holder.flatten() {
        return Some(Cause::new(
            FindingCode::VolumeHeldElsewhere,
            format!(
                "PersistentVolumeClaim {claims} is ReadWriteOncePod, and pod `{holder}` of the former revision uses it: {text}"
            ),
            "use strategy Recreate (or maxSurge 0 and maxUnavailable 1), or a claim that many pods can use (ReadWriteMany, Azure Files)",
        ));
    }
    if reasons.any(Reason::Insufficient) {
        return None;
    }
    let (what, remedy) = if reasons.any(Reason::VolumeLimit) && !reasons.any(Reason::VolumePlace) {
        (
            "no node can attach another disk",
            "add nodes, or use a VM size that allows more disks; a pod that ends frees its disk slots",
        )
    } else if reasons.any(Reason::VolumePlace) {
        (
            "no node can reach the pods' volumes",
            "a volume stays in its zone or on its node (an Azure disk in its zone, a local volume on its node): add a node there, or use zone-redundant storage (ZRS) or Azure Files",
        )
    } else if reasons.any(Reason::ClaimInUse) {
        (
            "another pod uses the pods' claim, which is ReadWriteOncePod",
            "end the pod that uses the claim, or use a claim that many pods can use (ReadWriteMany, Azure Files)",
        )
    } else if reasons.any(Reason::Volume) {
        (
            "the pods' volumes exclude every node",
            "read the message: it names what the volumes need; `kubectl describe pvc` shows the claims",
        )
    } else {
        return None;
    };
    Some(Cause::new(
        FindingCode::VolumeExcludesNodes,
        format!("{what} (PersistentVolumeClaim {claims}): {text}"),
        remedy,
    ))
}

/// Returns the pod of a former revision that uses one of the pod's claims.
fn holder_of(case: &Case<'_>, pod: &PodView<'_>) -> Option<String> {
    let claims = pod.claims();
    let uses = |it: &PodView<'_>| it.claims().iter().any(|claim| claims.contains(claim));
    let old = case.rollout.old_pods();
    old.iter()
        .find(|it| uses(it))
        .map(|it| it.name().to_owned())
}

/// Returns the labels that the pod's required topology spread constraints name.
fn topology_keys(pod: &PodView<'_>) -> String {
    let spec = pod.object().spec.as_ref();
    let constraints = spec.and_then(|spec| spec.topology_spread_constraints.as_ref());
    let required = constraints.into_iter().flatten();
    let keys: Vec<String> = required
        .filter(|it| it.when_unsatisfiable == "DoNotSchedule")
        .map(|it| format!("`{}`", it.topology_key))
        .collect();
    if keys.is_empty() {
        "unknown".to_owned()
    } else {
        keys.join(", ")
    }
}

/// Returns the labels that the pods' nodeSelector and required node affinity ask for.
fn asked_for(pod: &PodView<'_>) -> String {
    let spec = pod.object().spec.as_ref();
    let selector = spec.and_then(|spec| spec.node_selector.as_ref());
    let labels = selector
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("`{name}={value}`"));
    let terms = spec
        .and_then(|spec| spec.affinity.as_ref()?.node_affinity.as_ref())
        .and_then(|it| {
            it.required_during_scheduling_ignored_during_execution
                .as_ref()
        });
    let rules = terms
        .into_iter()
        .flat_map(|it| &it.node_selector_terms)
        .flat_map(|it| it.match_expressions.iter().flatten())
        .map(
            |rule| match rule.values.iter().flatten().collect::<Vec<_>>().as_slice() {
                [] => format!("`{} {}`", rule.key, rule.operator),
                [only] if rule.operator == "In" => format!("`{}={only}`", rule.key),
                [first, rest @ ..] => {
                    let values = rest
                        .iter()
                        .fold((*first).clone(), |all, it| all + ", " + it);
                    format!("`{} {} ({values})`", rule.key, rule.operator)
                }
            },
        );
    let asked: Vec<String> = labels.chain(rules).take(MOST_LABELS).collect();
    if asked.is_empty() {
        String::new()
    } else {
        format!(" ({})", clipped(&asked.join(", "), 200))
    }
}

fn remedy(reasons: &Reasons<'_>) -> &'static str {
    if reasons.any(Reason::Cordoned) {
        "nodes are cordoned or not ready, as during an upgrade: wait for the upgrade to end, or find them with `kubectl get nodes` and uncordon them (`kubectl uncordon`)"
    } else if reasons.any(Reason::PodAffinity) {
        "if anti-affinity allows one pod per node, a surge pod finds no node: set maxSurge 0 and maxUnavailable 1, or use preferredDuringScheduling"
    } else if reasons.any(Reason::Ports) {
        "a host port can be used only once per node: set maxSurge 0 and maxUnavailable 1, or drop hostPort"
    } else if reasons.any(Reason::Spread) {
        "set whenUnsatisfiable: ScheduleAnyway, or matchLabelKeys: [pod-template-hash] so that old pods do not count"
    } else if reasons.any(Reason::NoTopologyLabel) {
        "some nodes lack the label that topologyKey names: label them, correct topologyKey, or set whenUnsatisfiable: ScheduleAnyway"
    } else if reasons.lacks_device() {
        "no node has a free device of the kind that the pods request (such as a GPU): add a node pool with such devices and their device plugin, or remove the request"
    } else if reasons.text.contains("Too many pods") {
        "the nodes accept no more pods: add nodes, or a node pool with a larger --max-pods"
    } else if reasons.any(Reason::Insufficient) {
        "lower the pods' requests, lower maxSurge, or add nodes (AKS: raise the autoscaler's --max-count)"
    } else {
        "read the message: it counts the nodes that each reason excludes"
    }
}

fn gated(case: &Case<'_>, pod: &PodView<'_>, condition: &PodCondition) -> Candidate {
    let spec = pod.object().spec.as_ref();
    let gates = spec.and_then(|spec| spec.scheduling_gates.as_ref());
    let gates: Vec<String> = gates
        .into_iter()
        .flatten()
        .map(|gate| format!("`{}`", gate.name))
        .collect();
    let message = condition.message.as_deref().unwrap_or_default();
    Finding::new(
        FindingCode::SchedulingGated,
        Subject::new("Pod", pod.name()),
        begins(case, pod, condition),
    )
    .message(format!(
        "the pods wait for scheduling gate {} to be lifted",
        gates.join(", ")
    ))
    .remedy("look at the controller that sets and lifts the gate (for example Kueue)")
    .evidence(EvidenceKind::Condition, message)
    .into()
}

fn scheduler_error(case: &Case<'_>, pod: &PodView<'_>, condition: &PodCondition) -> Candidate {
    let message = condition.message.as_deref().unwrap_or_default();
    Finding::new(
        FindingCode::SchedulerFailing,
        Subject::new("Pod", pod.name()),
        begins(case, pod, condition),
    )
    .message(format!(
        "the scheduler cannot place the pods: {}",
        clipped(message, 200)
    ))
    .remedy("if the message names volumes, look at `kubectl describe pvc` and the storage driver; the scheduler retries by itself")
    .evidence(EvidenceKind::Condition, message)
    .into()
}
