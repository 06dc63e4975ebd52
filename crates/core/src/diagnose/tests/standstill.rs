//! Rollouts that stand still although nothing fails.

use super::*;
use crate::testing::{db_pod, event_about, stateful_set, workload_event};

const DENIED: &str = "Error deleting: pods \"old\" is forbidden: ValidatingAdmissionPolicy 'keep' with binding 'keep' denied request: pods of this namespace must not be deleted";
const WAITS: &str = "Waiting for a volume to be created either by the external provisioner 'disk.csi.example.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.";

pub(super) fn rows() -> Vec<Row> {
    [
        schedulers(),
        providers(),
        hooks(),
        provisioners(),
        deletions(),
        times(),
        finalizers(),
        former_pods(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn with(mut row: Row, more: impl IntoIterator<Item = Observation>) -> Row {
    row.observations.extend(more);
    row
}

fn schedulers() -> Vec<Row> {
    let unserved = || {
        pod("a")
            .unreported()
            .with("/spec/schedulerName", json!("my-scheduler"))
    };
    vec![
        row(
            "nobody serves the pod's scheduler for five minutes",
            &[unserved()],
            300,
            Terminal(SchedulerMissing),
        )
        .healed_by(320, well(310)),
        row(
            "nobody serves the pod's scheduler for 5 s: it may come with the same release",
            &[unserved()],
            5,
            Transient(SchedulerMissing),
        )
        .healed_by(20, well(10)),
        row(
            "the pod's scheduler had 4 s so far",
            &[unserved()],
            4,
            Absent(SchedulerMissing),
        ),
        row(
            "the pod's scheduler has said that no node fits",
            &[pod("a")
                .unschedulable("0/1 nodes are available: 1 Insufficient cpu.")
                .with("/spec/schedulerName", json!("my-scheduler"))],
            300,
            Absent(SchedulerMissing),
        ),
        row(
            "the pod's scheduler has said why in an event only",
            &[unserved().event("FailedScheduling", "no queue has room", 1)],
            300,
            Absent(SchedulerMissing),
        ),
        row(
            "the default scheduler has said nothing for 10 s",
            &[pod("a").unreported()],
            10,
            Absent(SchedulerMissing),
        ),
        row(
            "the default scheduler has said nothing for half a minute",
            &[pod("a").unreported()],
            30,
            Transient(SchedulerMissing),
        ),
        row(
            "the default scheduler says nothing while it waits for a volume",
            &[claimed()],
            60,
            Absent(SchedulerMissing),
        ),
        row(
            "the pod waits for its gate, and no scheduler is to look at it",
            &[unserved().with("/spec/schedulingGates", json!([{"name": "kueue"}]))],
            300,
            Absent(SchedulerMissing),
        ),
    ]
}

fn providers() -> Vec<Row> {
    let refused = || {
        pod("a")
            .with("/spec/nodeName", json!("virtual-node-aci"))
            .with(
                "/status",
                json!({"phase": "Pending", "reason": "ProviderFailed",
                    "message": "The requested resource is not available in the location 'westeurope'"}),
            )
    };
    vec![
        row(
            "a virtual node has not started the pod for five minutes",
            &[refused()],
            300,
            Terminal(NodeProviderFailing),
        )
        .healed_by(320, well(310)),
        row(
            "a virtual node refuses the pod at first",
            &[refused()],
            10,
            Transient(NodeProviderFailing),
        ),
        row(
            "a pod on a real node has no reason while it is created",
            &[pod("a").with("/spec/nodeName", json!("node-1"))],
            300,
            Absent(NodeProviderFailing),
        ),
    ]
}

/// The container `proxy` with a postStart hook, and `app` after it; the kubelet has started `proxy`.
fn hooked() -> PodBuilder {
    let waiting = |name: &str| {
        json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}}})
    };
    pod("a")
        .with(
            "/spec/containers",
            json!([
                {"name": "proxy", "image": "p", "lifecycle": {"postStart": {"exec": {"command": ["/wait", "15021"]}}}},
                {"name": "app", "image": "a"},
            ]),
        )
        .with("/status/containerStatuses", json!([waiting("proxy"), waiting("app")]))
        .later_event(1, "Started", "Started container proxy")
        .about_container("proxy")
}

fn hooks() -> Vec<Row> {
    vec![
        row(
            "a postStart hook has been running for 5 s",
            &[hooked()],
            6,
            Noted(PostStartHookRunning),
        )
        .healed_by(30, well(20)),
        row(
            "a postStart hook has been running for 2 s",
            &[hooked()],
            3,
            Absent(PostStartHookRunning),
        ),
        row(
            "a postStart hook has failed: that is another cause",
            &[hooked()
                .later_event(9, "FailedPostStartHook", "PostStartHook failed")
                .about_container("proxy")],
            20,
            Absent(PostStartHookRunning),
        ),
        row(
            "another container was started, and the hook's own was not",
            &[hooked().about_container("app")],
            60,
            Absent(PostStartHookRunning),
        ),
        row(
            "the container with the hook runs, so the hook has ended",
            &[hooked().with(
                "/status/containerStatuses/0/state",
                json!({"running": {"startedAt": at(1)}}),
            )],
            60,
            Absent(PostStartHookRunning),
        ),
    ]
}

/// A pod with the claim `data`, on no node.
fn claimed() -> PodBuilder {
    pod("a").unreported().with(
        "/spec/volumes",
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]),
    )
}

fn provisioners() -> Vec<Row> {
    let waits = || {
        claimed()
            .event("ExternalProvisioning", WAITS, 3)
            .about_claim("data")
    };
    vec![
        row(
            "a provisioner has made no volume for four minutes",
            &[waits()],
            240,
            Terminal(ClaimNotBound),
        )
        .healed_by(260, well(250)),
        row(
            "a provisioner has been asked a moment ago",
            &[waits()],
            2,
            Transient(ClaimNotBound),
        ),
        row(
            "the provisioner has made the volume since",
            &[waits()
                .later_event(
                    20,
                    "ProvisioningSucceeded",
                    "Successfully provisioned volume pv-1",
                )
                .about_claim("data")],
            60,
            Absent(ClaimNotBound),
        ),
        row(
            "the provisioner waits for another claim of the namespace",
            &[claimed()
                .event("ExternalProvisioning", WAITS, 3)
                .about_claim("other")],
            60,
            Absent(ClaimNotBound),
        ),
    ]
}

fn deletions() -> Vec<Row> {
    let stays = || {
        rollout(
            "a policy refuses the deletion of an old pod",
            deployment("web").counts(1, 2, 1, 2),
            &[pod("a").ready(5), pod_of("old", "v1").ready(0)],
            (20, Transient(DeletionRefused)),
        )
    };
    let refused = |owner: &str| event_about(10, ("ReplicaSet", owner), "FailedDelete", DENIED);
    vec![
        with(stays(), [refused("rs-v1")]).healed_by(40, gone(30, "pod-old")),
        Row {
            says: "the deletion went well at the next try",
            expect: Absent(DeletionRefused),
            ..with(
                stays(),
                [
                    refused("rs-v1"),
                    event_about(
                        15,
                        ("ReplicaSet", "rs-v1"),
                        "SuccessfulDelete",
                        "Deleted pod: older",
                    ),
                ],
            )
        },
        Row {
            says: "another workload's pod must not be deleted",
            expect: Absent(DeletionRefused),
            ..with(stays(), [refused("rs-other")])
        },
        Row {
            says: "the deletion was refused before this rollout",
            expect: Absent(DeletionRefused),
            ..with(
                stays(),
                [event_about(
                    1,
                    ("ReplicaSet", "rs-v1"),
                    "FailedDelete",
                    DENIED,
                )],
            )
        },
        with(
            set(
                "a policy refuses the deletion of a StatefulSet's old pod",
                &[db_pod(0, "v1").ready(0)],
                Transient(DeletionRefused),
            ),
            [workload_event(
                10,
                "s-1",
                "FailedDelete",
                "delete Pod db-0 in StatefulSet db failed error: admission webhook \"keep.example.com\" denied the request: not today",
            )],
        ),
    ]
}

fn set(says: &'static str, pods: &[PodBuilder], expect: Expect) -> Row {
    let mut observations = stateful_set().counts(1, 0, 1).seen(0);
    observations.extend(pods.iter().flat_map(|pod| pod.seen(0)));
    Row {
        says,
        observations,
        seconds: 20,
        expect,
        healing: None,
    }
}

fn times() -> Vec<Row> {
    let slow = |seconds: i32| {
        deployment("web")
            .counts(2, 2, 0, 2)
            .spec("minReadySeconds", json!(seconds))
    };
    let going = |ends: u64| {
        pod_of("old", "v1")
            .ready(0)
            .with("/metadata/deletionTimestamp", json!(at(ends)))
            .with("/metadata/deletionGracePeriodSeconds", json!(600))
            .with("/spec/nodeName", json!("node-1"))
    };
    let recreate = || {
        deployment("web")
            .counts(1, 0, 0, 0)
            .spec("strategy", json!({"type": "Recreate"}))
    };
    vec![
        rollout(
            "two pods have to be ready for 3 min each, one after the other, and the timeout is 5 min",
            slow(180),
            &[],
            (0, Noted(TimeoutTooShort)),
        )
        .healed_by(
            9,
            vec![seen(9, deployment("web").counts(2, 2, 2, 2).spec("minReadySeconds", json!(180)))],
        ),
        rollout(
            "two pods have to be ready for 2 min each, and the timeout is 5 min",
            slow(120),
            &[],
            (0, Absent(TimeoutTooShort)),
        ),
        rollout(
            "both pods may be replaced at a time",
            slow(180).spec(
                "strategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}}),
            ),
            &[],
            (0, Absent(TimeoutTooShort)),
        ),
        rollout(
            "Recreate waits for an old pod whose grace period ends after the timeout",
            recreate(),
            &[going(600)],
            (5, Noted(TimeoutTooShort)),
        )
        .healed_by(20, gone(10, "pod-old")),
        rollout(
            "Recreate waits for an old pod whose grace period ends within the timeout",
            recreate(),
            &[going(200)],
            (5, Absent(TimeoutTooShort)),
        ),
        rollout(
            "a rolling update does not wait for a pod that takes long to leave",
            deployment("web").counts(1, 1, 0, 1),
            &[going(600), pod("a")],
            (5, Absent(TimeoutTooShort)),
        ),
    ]
}

fn finalizers() -> Vec<Row> {
    let kept = || {
        pod_of("old", "v1")
            .with("/metadata/deletionTimestamp", json!(at(30)))
            .with("/metadata/finalizers", json!(["example.com/drain"]))
            .with("/spec/nodeName", json!("node-1"))
            .with("/status/phase", json!("Succeeded"))
    };
    vec![
        row(
            "only a finalizer keeps an old pod that has ended",
            &[kept()],
            35,
            Noted(OldPodsNotEnding),
        ),
        row(
            "an old pod has just ended, and its finalizer goes at once in most cases",
            &[kept()],
            33,
            Absent(OldPodsNotEnding),
        ),
    ]
}

fn former_pods() -> Vec<Row> {
    let broken = || db_pod(0, "v1").running(0, 0);
    let midway = |seconds, expect| Row {
        seconds,
        ..set(
            "an ordered StatefulSet waits for a former pod in the middle of its update",
            &[db_pod(1, "v2").ready(6), broken()],
            expect,
        )
    };
    vec![
        midway(20, Transient(StatefulSetStuck)).healed_by(80, db_pod(0, "v1").ready(70).seen(80)),
        Row {
            says: "the new revision is not failed for a former pod that breaks in the middle",
            ..midway(300, Transient(StatefulSetStuck))
        },
    ]
}
