//! Finds pods whose sandbox, network or devices the node cannot prepare.
//!
//! Only events show why (kubelet `kuberuntime_manager.go`, `pod_workers.go`); the containers stay
//! in `ContainerCreating`.

use k8s_openapi::api::core::v1::Event;

use super::volume::{is_creating, went_on_since};
use super::{Candidate, Case, Cause, between, clipped, core_of, has_any, runtime};
use crate::duration::{Human, elapsed};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::observation::ResourceKind;
use crate::snapshot::{PodView, event_count, event_start, event_time};

const REASONS: [&str; 3] = [
    "FailedCreatePodSandBox",
    "NetworkNotReady",
    "FailedPrepareDynamicResources",
];

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .filter(|pod| is_creating(pod))
        .filter_map(|pod| one(case, pod).or_else(|| silent(case, pod)))
        .collect()
}

/// Finds a scheduled pod without any event since.
fn silent(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let node = pod.node()?;
    let scheduled = pod.condition("PodScheduled")?;
    let since = scheduled.last_transition_time.as_ref()?.0;
    let told = |event: &Event| event.reason.as_deref() != Some("Scheduled");
    if pod.events().any(told) || !case.has_lasted(since, case.policy.shown_after.silence) {
        return None;
    }
    let late = Human(elapsed(since, case.now));
    let (why, remedy) = if case.snapshot.blindness(ResourceKind::Event).is_some() {
        (
            "the events that would say why may not be read",
            "grant `list` and `watch` on events in this namespace, or look at `kubectl describe pod`",
        )
    } else {
        (
            "no event says why",
            "look at the node (`kubectl describe node`) and its kubelet",
        )
    };
    let finding = Finding::new(
        FindingCode::StillCreating,
        Subject::new("Pod", pod.name()),
        since,
    )
    .message(format!(
        "a pod has been on node `{node}` for {late}, but its containers are not created: {why}"
    ))
    .remedy(remedy);
    Some(finding.into())
}

fn one(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let events: Vec<&Event> = pod
        .events()
        .filter(|event| {
            let reason = event.reason.as_deref();
            reason.is_some_and(|it| REASONS.contains(&it))
        })
        .collect();
    let newest = events.iter().max_by_key(|event| event_time(event))?;
    if went_on_since(pod, newest) {
        return None;
    }
    let message = newest.message.as_deref().unwrap_or_default();
    let first = events.iter().filter_map(|it| event_start(it)).min();
    let since = first.unwrap_or(case.now);
    let counts = events.iter().map(|it| event_count(it));
    let attempts = counts.fold(0, u32::saturating_add);
    let Cause { code, what, remedy } = classify(pod, newest.reason.as_deref(), message);
    let finding = Finding::new(code, Subject::new("Pod", pod.name()), since)
        .attempts(attempts)
        .message(what)
        .remedy(remedy)
        .evidence(EvidenceKind::Event, message);
    // As with volumes, the newest failure counts: an early cause may be fixed since. The kubelet's
    // spam filter (25 events, then one in 5 minutes) may hide the last failure, hence half the
    // grace.
    let grace = case.policy.rule(code).map(|rule| rule.grace);
    let newest = event_time(newest).unwrap_or(since);
    Some(Candidate {
        finding,
        grace: None,
        blocked: elapsed(since, newest) < grace.unwrap_or_default() / 2,
        despite_ready: false,
    })
}

fn classify(pod: &PodView<'_>, reason: Option<&str>, message: &str) -> Cause {
    // Azure CNI (azure-vnet, azure-ipam, cilium with delegated IPAM) and the reference plugins.
    const NO_ADDRESS: &[&str] = &[
        "no available ip",
        "no ip addresses available",
        "no available addresses",
        "no more addresses",
        "failed to allocate address",
        "failed to allocate pool",
        "insufficient ip",
        "subnetfull",
        "ipam pool is exhausted",
    ];
    let node = pod.node().map_or_else(String::new, |it| format!(" `{it}`"));
    if reason == Some("FailedPrepareDynamicResources") {
        return Cause::new(
            FindingCode::DeviceNotPrepared,
            format!(
                "node{node} cannot prepare the devices that the pods claim: {}",
                clipped(core_of(message), 200)
            ),
            "look at the ResourceClaims (`kubectl get resourceclaims`) and at the device driver's pods on that node",
        );
    }
    if let Some(handler) = between(message, "no runtime for \"", "\" is configured") {
        return Cause::new(
            FindingCode::RuntimeHandlerMissing,
            format!(
                "node{node} has no runtime handler `{handler}`, which the pods' runtimeClassName asks for"
            ),
            format!(
                "use a node pool that has handler `{handler}`: give the RuntimeClass a scheduling.nodeSelector for it, or correct runtimeClassName"
            ),
        );
    }
    if has_any(message, NO_ADDRESS) {
        return Cause::new(
            FindingCode::SubnetExhausted,
            format!(
                "node{node} has no IP address left for the pods: {}",
                clipped(core_of(message), 200)
            ),
            "enlarge the pods' subnet, add a node pool with its own, or move to Azure CNI Overlay; until then, lower maxSurge or replicas",
        );
    }
    let spec = pod.object().spec.as_ref();
    if let Some(refused) = spec.and_then(|it| runtime::tiny_pod(&it.containers, message)) {
        return refused;
    }
    Cause::new(
        FindingCode::SandboxNotCreated,
        format!(
            "node{node} cannot create the pods' sandbox: {}",
            clipped(core_of(message), 200)
        ),
        "look at the network plugin's pods on that node (`kubectl get pods -n kube-system -o wide`); if only one node is affected, cordon and drain it",
    )
}
