//! Pods that ended as a whole, and nodes that are lost.

use serde_json::json;

use super::*;
use crate::observation::{ResourceKind, Seen};

fn later(name: &str, since: u64) -> PodBuilder {
    pod(name)
        .ready(since)
        .with("/metadata/creationTimestamp", json!(at(since)))
}

fn disrupted(reason: &str) -> serde_json::Value {
    json!([
        {"type": "Ready", "status": "False", "lastTransitionTime": at(0)},
        {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "as it is said",
         "lastTransitionTime": at(3)}
    ])
}

/// Pods that a node turned away, one after another.
fn storm(count: u32) -> Vec<PodBuilder> {
    let pods = (0..count).map(|it| pod(&format!("p{it}")));
    let why =
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    pods.map(|it| it.failed("NodePorts", why)).collect()
}

#[test]
fn a_storm_of_pods_decides_in_seconds_and_a_lost_race_does_not() {
    let rows = [
        (20, 25, Prognosis::Terminal),
        (20, 24, Prognosis::Transient),
        (3, 25, Prognosis::Transient),
    ];
    for (count, second, expected) in rows {
        let found = findings(&row("", &storm(count), second, Absent(Paused)));
        let found = found.iter().find(|it| it.code == NodeTurnsPodAway).unwrap();
        assert_eq!(found.prognosis, expected, "{count} after {second} s");
        assert!(found.remedy.contains("maxSurge 0"), "{}", found.remedy);
    }
}

pub(super) fn rows() -> Vec<Row> {
    [evictions(), rejections(), disruptions(), stuck()].concat()
}

fn evictions() -> Vec<Row> {
    let storage = |name| {
        pod(name).failed(
            "Evicted",
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
        )
    };
    let container = |name| {
        pod(name).failed(
            "Evicted",
            "Container app exceeded its local ephemeral storage limit \"1Gi\". ",
        )
    };
    let empty_dir = |name| {
        pod(name).failed(
            "Evicted",
            "Usage of EmptyDir volume \"tmp\" exceeds the limit \"64Mi\". ",
        )
    };
    let written = |name, created: u64, evicted: u64| {
        empty_dir(name)
            .with("/metadata/creationTimestamp", json!(at(created)))
            .later_event(
                evicted,
                "Evicted",
                "Usage of EmptyDir volume \"tmp\" exceeds the limit \"64Mi\". ",
            )
    };
    let pressure = |name| {
        pod(name).failed(
            "Evicted",
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. Container app was using 1Gi, request is 64Mi, has larger consumption of memory. ",
        )
    };
    vec![
        row(
            "two pods wrote more than the sum of their limits",
            &[storage("a"), storage("b")],
            30,
            Terminal(EvictedForOwnLimit),
        )
        .healed_by(60, later("c", 40).seen(60)),
        row(
            "two pods wrote more than their container may",
            &[container("a"), container("b")],
            30,
            Terminal(EvictedForOwnLimit),
        ),
        row(
            "two pods wrote more than their emptyDir may hold",
            &[empty_dir("a"), empty_dir("b")],
            30,
            Terminal(EvictedForOwnLimit),
        ),
        row(
            "two pods wrote too much and ended well when they were stopped: only events show it",
            &["a", "b"].map(|name| {
                pod(name)
                    .with("/spec/nodeName", json!("node-1"))
                    .with("/status/phase", json!("Succeeded"))
                    .event(
                        "Evicted",
                        "Usage of EmptyDir volume \"tmp\" exceeds the limit \"64Mi\". ",
                        1,
                    )
            }),
            30,
            Terminal(EvictedForOwnLimit),
        ),
        row(
            "one pod wrote too much",
            &[storage("a")],
            30,
            Transient(EvictedForOwnLimit),
        ),
        row(
            "two pods wrote too much, but another is ready",
            &[storage("a"), storage("b"), later("c", 25)],
            30,
            Transient(EvictedForOwnLimit),
        ),
        row(
            "a pod wrote too much, and so did the one that replaced it: others are ready for a while",
            &[written("a", 0, 8), written("b", 10, 18), later("c", 20), later("d", 12)],
            30,
            Terminal(EvictedForOwnLimit),
        ),
        row(
            "two pods wrote too much, both made before the first was evicted: their successors are ready",
            &[written("a", 0, 8), written("b", 1, 9), later("c", 20), later("d", 12)],
            21,
            Transient(EvictedForOwnLimit),
        )
        .healed_by(40, later("c", 20).seen(40)),
        row(
            "an old pod wrote too much: not the new revision's fault",
            &[
                pod_of("old", "v1").failed(
                    "Evicted",
                    "Container app exceeded its local ephemeral storage limit \"1Gi\". ",
                ),
                pod_of("older", "v1").failed(
                    "Evicted",
                    "Container app exceeded its local ephemeral storage limit \"1Gi\". ",
                ),
            ],
            30,
            Absent(EvictedForOwnLimit),
        ),
        row(
            "three pods evicted for want of memory, 2 min",
            &[pressure("a"), pressure("b"), pressure("c")],
            120,
            Terminal(EvictedByNode),
        )
        .healed_by(150, later("d", 130).seen(150)),
        row(
            "three pods were evicted before one that was ready and is not for a second",
            &[
                pressure("a"),
                pressure("b"),
                pressure("c"),
                pod("d").running(0, 0).ready_once(599),
            ],
            600,
            Absent(EvictedByNode),
        ),
        row(
            "one pod evicted for want of memory",
            &[pressure("a")],
            120,
            Transient(EvictedByNode),
        ),
    ]
}

fn rejections() -> Vec<Row> {
    let sysctl = |name| {
        pod(name).failed(
            "SysctlForbidden",
            "forbidden sysctl: \"kernel.msgmax\" not allowlisted",
        )
    };
    let before = at(0) - jiff::SignedDuration::from_secs(60);
    let full = |name| {
        pod(name).failed(
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 2000, used: 7000, capacity: 8000",
        )
    };
    let mut deleted = row(
        "a StatefulSet's pod was refused, deleted and refused again",
        &[sysctl("a")],
        5,
        Terminal(NodeForbidsPod),
    );
    deleted.observations.push(Observation::new(
        at(2),
        Seen::Gone {
            resource: ResourceKind::Pod,
            uid: "pod-a".into(),
        },
    ));
    deleted.observations.extend(sysctl("b").seen(3));
    vec![
        row(
            "two pods with a sysctl that the kubelet forbids",
            &[sysctl("a"), sysctl("b")],
            1,
            Terminal(NodeForbidsPod),
        )
        .healed_by(30, later("c", 15).seen(30)),
        row(
            "one node forbids the sysctl twice, and another node starts a pod with it",
            &[
                sysctl("a"),
                sysctl("b"),
                pod("c")
                    .running(0, 0)
                    .with("/spec/nodeName", json!("node-2"))
                    .with("/metadata/creationTimestamp", json!(before)),
            ],
            1,
            Transient(NodeForbidsPod),
        )
        .healed_by(30, later("d", 15).seen(30)),
        row(
            "a pod of before runs on the node that forbids the sysctl now",
            &[
                sysctl("a"),
                sysctl("b"),
                pod("c")
                    .running(0, 0)
                    .with("/spec/nodeName", json!("node-1"))
                    .with("/metadata/creationTimestamp", json!(before)),
            ],
            1,
            Terminal(NodeForbidsPod),
        ),
        row(
            "one pod with a sysctl that the kubelet forbids",
            &[sysctl("a")],
            1,
            Transient(NodeForbidsPod),
        ),
        deleted,
        row(
            "two pods with a forbidden sysctl, and a later one has just become ready",
            &[sysctl("a"), sysctl("b"), later("c", 25)],
            30,
            Transient(NodeForbidsPod),
        ),
        row(
            "three pods turned away by a full node, 1 min",
            &[full("a"), full("b"), full("c")],
            60,
            Terminal(NodeTurnsPodAway),
        )
        .healed_by(90, later("d", 70).seen(90)),
        row(
            "two pods lost the race for the last room",
            &[full("a"), full("b")],
            60,
            Transient(NodeTurnsPodAway),
        ),
        row(
            "a pod shut down with its node is no pod turned away",
            &[pod("a")
                .failed(
                    "Terminated",
                    "Pod was terminated in response to imminent node shutdown.",
                )
                .with("/status/conditions", disrupted("TerminationByKubelet"))],
            60,
            Absent(NodeTurnsPodAway),
        ),
    ]
}

fn disruptions() -> Vec<Row> {
    let drained = pod("a").with("/status/conditions", disrupted("EvictionByEvictionAPI"));
    let shut_down = pod("a")
        .failed(
            "Terminated",
            "Pod was terminated in response to imminent node shutdown.",
        )
        .with("/status/conditions", disrupted("TerminationByKubelet"));
    let lost = |unready: u64| {
        pod("a")
            .running(0, 0)
            .ready_once(unready)
            .with("/spec/nodeName", json!("node-1"))
            .event_until(50, ("NodeNotReady", "Node is not ready"), 1)
    };
    vec![
        row(
            "a pod is drained from its node",
            std::slice::from_ref(&drained),
            10,
            Noted(PodDisrupted),
        )
        .healed_by(20, pod("a").ready(15).seen(20)),
        row(
            "a pod was shut down with its node",
            &[shut_down],
            10,
            Noted(PodDisrupted),
        )
        .healed_by(60, later("b", 40).seen(60)),
        row(
            "an old pod is drained",
            &[pod_of("old", "v1").with("/status/conditions", disrupted("EvictionByEvictionAPI"))],
            10,
            Absent(PodDisrupted),
        ),
        row(
            "a pod's node was lost",
            &[lost(50)],
            60,
            Noted(NodeNotReady),
        )
        .healed_by(70, pod("a").ready(65).seen(70)),
        row(
            "a pod turned unready long after its node had been lost and came back",
            &[lost(3000)],
            3001,
            Absent(NodeNotReady),
        ),
    ]
}

fn stuck() -> Vec<Row> {
    let going = |ends: u64| {
        pod_of("old", "v1")
            .ready(0)
            .with("/metadata/deletionTimestamp", json!(at(ends)))
            .with("/spec/nodeName", json!("node-1"))
    };
    let gone = Observation::new(
        at(120),
        Seen::Gone {
            resource: ResourceKind::Pod,
            uid: "pod-old".into(),
        },
    );
    vec![
        row(
            "an old pod should have ended 1 min ago",
            &[going(30)],
            90,
            Noted(OldPodsNotEnding),
        )
        .healed_by(120, vec![gone]),
        row(
            "an old pod is held by a finalizer",
            &[going(30).with("/metadata/finalizers", json!(["example.com/drain"]))],
            90,
            Noted(OldPodsNotEnding),
        ),
        row(
            "an old pod uses the grace period that it asked for",
            &[going(300)],
            120,
            Absent(OldPodsNotEnding),
        ),
    ]
}
