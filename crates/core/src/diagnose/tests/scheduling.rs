//! Pods that find no node.

use serde_json::json;

use super::*;
use crate::observation::{Blindness, ResourceKind, Seen};

const NO_CPU: &str = "0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate, preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.";
const NO_LABEL: &str = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";
const CORDONED: &str = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: not helpful.";
const NO_ZONE: &str = "0/3 nodes are available: 3 node(s) had volume node affinity conflict. preemption: not helpful.";
const UNBOUND: &str = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: not helpful.";
const NO_CLAIM: &str =
    "0/3 nodes are available: persistentvolumeclaim \"data\" not found. preemption: not helpful.";

fn unschedulable(message: &str) -> PodBuilder {
    pod("a").unschedulable(message)
}

/// The scheduler has placed it.
fn placed(second: u64) -> Vec<Observation> {
    pod("a")
        .with("/spec/nodeName", json!("node-1"))
        .seen(second)
}

fn with_claim(pod: PodBuilder) -> PodBuilder {
    pod.with(
        "/spec/volumes",
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]),
    )
}

pub(super) fn rows() -> Vec<Row> {
    [room(), nodes(), claims(), others(), volumes(), pinned()].concat()
}

/// Returns what the scheduler says of a pod with claim `data`.
fn excluded(why: &str) -> PodBuilder {
    let message = format!("0/2 nodes are available: {why}. preemption: no.");
    with_claim(unschedulable(&message))
}

/// Four causes in sentences about volumes, and a missing label.
fn volumes() -> Vec<Row> {
    let in_use = "2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";
    let held = || excluded(in_use);
    let holder = || with_claim(pod_of("old", "v1").ready(0));
    let spread = |key: &str| json!([{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule"}]);
    let unlabelled =
        "2 node(s) didn't match pod topology spread constraints (missing required label)";
    vec![
        row(
            "no PersistentVolume for the claim, 4 min",
            &[excluded(
                "2 node(s) didn't find available persistent volumes to bind",
            )],
            240,
            Terminal(ClaimNotBound),
        ),
        row(
            "a claim for one pod is used by the old pod, 2 min",
            &[held(), holder()],
            120,
            Terminal(VolumeHeldElsewhere),
        ),
        row(
            "a claim for one pod is used by a pod of another workload",
            &[held()],
            120,
            Absent(VolumeHeldElsewhere),
        ),
        row(
            "every node has its most disks, 2 min",
            &[excluded("2 node(s) exceed max volume count")],
            120,
            Terminal(VolumeExcludesNodes),
        ),
        row(
            "no node has the label of the topologyKey, 45 s",
            &[
                unschedulable(&format!("0/2 nodes are available: {unlabelled}."))
                    .with("/spec/topologySpreadConstraints", spread("rack")),
            ],
            45,
            Terminal(NoNodeMatches),
        )
        .healed_by(46, placed(46)),
        row(
            "the nodes have the label, and the pods are spread otherwise",
            &[unschedulable(
                "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.",
            )
            .with("/spec/topologySpreadConstraints", spread("zone"))],
            60,
            Absent(NoNodeMatches),
        ),
        row(
            "a GPU that no node has, 2 min",
            &[unschedulable(
                "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. preemption: no.",
            )],
            120,
            Terminal(Unschedulable),
        ),
    ]
}

/// Pods of a template that names a node which no kubelet serves.
fn pinned() -> Vec<Row> {
    let rows = [
        (
            "the node of spec.nodeName is gone for 45 s, since the ReplicaSet was created",
            47,
            Terminal(NoNodeMatches),
        ),
        (
            "the node of spec.nodeName does not answer at once",
            10,
            Transient(NoNodeMatches),
        ),
        (
            "the kubelet has not had time to take the pod",
            3,
            Absent(NoNodeMatches),
        ),
    ];
    let bare = |name: &str| {
        pod(name)
            .with("/spec/nodeName", json!("vmss000007"))
            .with("/status", json!({"phase": "Pending"}))
    };
    let of_node = |(says, seconds, expect)| {
        let mut row = row(says, &[bare("a")], seconds, expect);
        let mut object = deployment("web").counts(3, 3, 1, 2).json();
        object["spec"]["template"]["spec"]["nodeName"] = json!("vmss000007");
        let object = crate::workload::Workload::Deployment(serde_json::from_value(object).unwrap());
        row.observations
            .insert(1, Observation::new(at(0), Seen::Workload { object }));
        row
    };
    let mut rows: Vec<Row> = rows.into_iter().map(of_node).collect();
    if let Some(first) = rows.first_mut() {
        let taken = bare("a").with("/status/startTime", json!(at(48)));
        first.healing = Some((50, taken.seen(48)));
    }
    rows
}

#[test]
fn each_cause_names_what_it_is_about() {
    let rows = [
        ("the claim", excluded("2 node(s) didn't find available persistent volumes to bind"), "no available PersistentVolume fits PersistentVolumeClaim `data`"),
        ("the disks", excluded("2 node(s) exceed max volume count"), "no node can attach another disk"),
        ("the place", excluded("2 node(s) didn't match PersistentVolume's node affinity"), "no node can reach the pods' volumes"),
        (
            "the label",
            unschedulable("0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints (missing required label).")
                .with("/spec/topologySpreadConstraints", json!([{"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}])),
            "(topologyKey `rack`)",
        ),
    ];
    for (says, pod, words) in rows {
        let found = findings(&row("", &[pod], 20, Absent(Paused)));
        let first = found
            .first()
            .map(|it| it.message.clone())
            .unwrap_or_default();
        assert!(first.contains(words), "{says}: {first}");
    }
}

fn room() -> Vec<Row> {
    let growing = unschedulable(NO_CPU).event(
        "TriggeredScaleUp",
        "pod triggered scale-up: [{pool 3->4 (max: 5)}]",
        1,
    );
    let refused = |why: &str| {
        let text = format!("pod didn't trigger scale-up: {why}");
        unschedulable(NO_CPU).event("NotTriggerScaleUp", &text, 3)
    };
    let mut blind = row(
        "no node for 5 min, and events are forbidden: one may be on its way",
        &[unschedulable(NO_CPU)],
        300,
        Transient(Unschedulable),
    );
    blind.observations.push(Observation::new(
        at(0),
        Seen::Blind {
            resource: ResourceKind::Event,
            why: Blindness::Forbidden {
                message: "may not list events".into(),
            },
        },
    ));
    let going = pod_of("old", "v1").with("/metadata/deletionTimestamp", json!(at(240)));
    let stuck = going.clone();
    vec![
        row(
            "no node for 2 min",
            &[unschedulable(NO_CPU)],
            120,
            Terminal(Unschedulable),
        )
        .healed_by(121, placed(121)),
        row(
            "no node for 1 min",
            &[unschedulable(NO_CPU)],
            60,
            Transient(Unschedulable),
        ),
        row(
            "no node for 5 min, but one is on its way",
            &[growing],
            300,
            Transient(Unschedulable),
        ),
        row(
            "no node for 1 min, and the autoscaler adds none",
            &[refused("1 max node group size reached")],
            60,
            Terminal(Unschedulable),
        ),
        row(
            "no node for 30 s, and the autoscaler adds none: an old pod may make room",
            &[refused("1 max node group size reached")],
            30,
            Transient(Unschedulable),
        ),
        row(
            "the autoscaler backs off and will try again",
            &[refused("1 in backoff after failed scale-up")],
            300,
            Transient(Unschedulable),
        ),
        blind,
        row(
            "no node for 3 min while an old pod ends slowly",
            &[unschedulable(NO_CPU), going],
            180,
            Transient(Unschedulable),
        ),
        row(
            "no node for 6 min, and the old pod is stuck",
            &[unschedulable(NO_CPU), stuck],
            360,
            Terminal(Unschedulable),
        ),
        row(
            "nodes cordoned for 3 min, as an upgrade does",
            &[unschedulable(CORDONED)],
            180,
            Transient(Unschedulable),
        ),
        row(
            "nodes cordoned for 5 min",
            &[unschedulable(CORDONED)],
            300,
            Terminal(Unschedulable),
        ),
    ]
}

fn nodes() -> Vec<Row> {
    let anti_affinity =
        "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules. preemption: no.";
    let ports = "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports. preemption: no.";
    let mixed = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector.";
    let tainted = "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. preemption: no.";
    let not_ready = "0/3 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 2 node(s) didn't match Pod's node affinity/selector. preemption: no.";
    vec![
        row(
            "no node has the labels, 45 s",
            &[unschedulable(NO_LABEL).with("/spec/nodeSelector", json!({"pool": "gpu"}))],
            45,
            Terminal(NoNodeMatches),
        )
        .healed_by(61, placed(61)),
        row(
            "no node has the labels of the required node affinity, 45 s",
            &[unschedulable(NO_LABEL).with(
                "/spec/affinity",
                json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [
                        {"key": "rack", "operator": "In", "values": ["a"]},
                        {"key": "disk", "operator": "NotIn", "values": ["hdd", "tape"]},
                        {"key": "gpu", "operator": "Exists"},
                    ]}],
                }}}),
            )],
            45,
            Terminal(NoNodeMatches),
        ),
        row(
            "labels and taints exclude all nodes for 1 min: one may just be joining",
            &[unschedulable(tainted)],
            60,
            Transient(NoNodeMatches),
        ),
        row(
            "labels and taints exclude all nodes for 2 min",
            &[unschedulable(tainted)],
            120,
            Terminal(NoNodeMatches),
        ),
        row(
            "the node with the labels is not ready for 3 min",
            &[unschedulable(not_ready)],
            180,
            Transient(Unschedulable),
        ),
        row(
            "no node has the labels, 30 s",
            &[unschedulable(NO_LABEL)],
            30,
            Transient(NoNodeMatches),
        ),
        row(
            "no node has the labels, and a pool grows from zero",
            &[unschedulable(NO_LABEL).event("TriggeredScaleUp", "pod triggered scale-up", 1)],
            300,
            Transient(NoNodeMatches),
        ),
        row(
            "a node has the labels and no room",
            &[unschedulable(mixed)],
            60,
            Absent(NoNodeMatches),
        ),
        row(
            "anti-affinity leaves no node to the surge pod, 2 min",
            &[unschedulable(anti_affinity)],
            120,
            Terminal(Unschedulable),
        ),
        row(
            "a host port is taken on every node, 2 min",
            &[unschedulable(ports)],
            120,
            Terminal(Unschedulable),
        ),
        row(
            "the disk is in another zone, 2 min",
            &[unschedulable(NO_ZONE)],
            120,
            Terminal(VolumeExcludesNodes),
        )
        .healed_by(121, placed(121)),
        row(
            "the disk is in another zone, 1 min",
            &[unschedulable(NO_ZONE)],
            60,
            Transient(VolumeExcludesNodes),
        ),
    ]
}

fn claims() -> Vec<Row> {
    let provisioning = |count, text: &str| {
        with_claim(pod("a"))
            .event_until(60, ("ProvisioningFailed", text), count)
            .about_claim("data")
    };
    let denied = "failed to provision volume with StorageClass \"managed-csi\": rpc error: code = Internal desc = OperationNotAllowed: quota of disks";
    let no_class = "storageclass.storage.k8s.io \"fast\" not found";
    vec![
        row(
            "the claim is missing for 25 s",
            &[unschedulable(NO_CLAIM)],
            25,
            Terminal(ClaimMissing),
        )
        .healed_by(26, placed(26)),
        row(
            "the claim is missing for 10 s: it may be created next",
            &[unschedulable(NO_CLAIM)],
            10,
            Transient(ClaimMissing),
        ),
        row(
            "the claim is unbound for 4 min",
            &[with_claim(unschedulable(UNBOUND))],
            240,
            Terminal(ClaimNotBound),
        )
        .healed_by(241, placed(241)),
        row(
            "the claim is unbound for 1 min: its disk is being made",
            &[with_claim(unschedulable(UNBOUND))],
            60,
            Transient(ClaimNotBound),
        ),
        row(
            "no volume can be made, tried three times in 1 min",
            &[provisioning(3, denied)],
            60,
            Terminal(ClaimNotProvisioned),
        )
        .healed_by(61, placed(61)),
        row(
            "the claim's StorageClass does not exist",
            &[provisioning(5, no_class)],
            60,
            Terminal(ClaimNotProvisioned),
        ),
        row(
            "no volume could be made at 31 s, and a minute has passed: the next try may do",
            &[with_claim(pod("a"))
                .event_until(31, ("ProvisioningFailed", denied), 6)
                .about_claim("data")],
            62,
            Transient(ClaimNotProvisioned),
        ),
        row(
            "no volume could be made once",
            &[provisioning(1, denied)],
            60,
            Transient(ClaimNotProvisioned),
        ),
        row(
            "the volume was made after all",
            &[provisioning(3, denied)
                .later_event(
                    70,
                    "ProvisioningSucceeded",
                    "Successfully provisioned volume",
                )
                .about_claim("data")],
            80,
            Absent(ClaimNotProvisioned),
        ),
        row(
            "another workload's claim fails",
            &[pod("a")
                .event_until(60, ("ProvisioningFailed", denied), 9)
                .about_claim("other")],
            60,
            Absent(ClaimNotProvisioned),
        ),
    ]
}

fn others() -> Vec<Row> {
    let condition = |reason: &str, message: &str| {
        pod("a").with(
            "/status/conditions",
            json!([{"type": "PodScheduled", "status": "False", "reason": reason, "message": message,
                    "lastTransitionTime": at(0)}]),
        )
    };
    let gated = condition(
        "SchedulingGated",
        "Scheduling is blocked due to non-empty scheduling gates",
    )
    .with(
        "/spec/schedulingGates",
        json!([{"name": "kueue.x-k8s.io/admission"}]),
    );
    let failing = condition(
        "SchedulerError",
        "running PreBind plugin \"VolumeBinding\": binding volumes: context deadline exceeded",
    );
    vec![
        row(
            "the pods wait for a scheduling gate",
            &[gated],
            600,
            Noted(SchedulingGated),
        )
        .healed_by(601, placed(601)),
        row(
            "no gate, and no node either",
            &[unschedulable(NO_CPU)],
            60,
            Absent(SchedulingGated),
        ),
        row(
            "the scheduler fails for 5 min",
            std::slice::from_ref(&failing),
            300,
            Terminal(SchedulerFailing),
        )
        .healed_by(301, placed(301)),
        row(
            "the scheduler fails for 1 min",
            &[failing],
            60,
            Transient(SchedulerFailing),
        ),
    ]
}
