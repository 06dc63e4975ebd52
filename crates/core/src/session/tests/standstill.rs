//! Whatever a rollout waits for, its step is named.

use serde_json::json;

use super::*;
use crate::report::Report;
use crate::testing::{
    agent, agent_pod, daemon_set, db, db_pod, event_about, listed_for, pod_of, stateful_set,
};
use crate::verdict::RolloutStep;
use crate::workload::WorkloadKind;

const UIDS: [&str; 18] = [
    "d-1",
    "s-1",
    "ds-1",
    "rs-v1",
    "rs-v2",
    "cr-db-v1",
    "cr-db-v2",
    "cr-agent-v1",
    "cr-agent-v2",
    "pod-a",
    "pod-b",
    "pod-old",
    "pod-db-0",
    "pod-db-1",
    "pod-db-2",
    "pod-agent-one-v1",
    "pod-agent-one-v2",
    "pod-agent-two-v1",
];

/// A Deployment with both ReplicaSets and some pods.
fn of_web(workload: DeploymentBuilder, pods: &[PodBuilder]) -> Vec<Observation> {
    let sets = [
        seen_set(0, replica_set("v1", 1, (1, 1))),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    let pods = pods.iter().flat_map(|pod| pod.seen(0));
    let all = listed(0, &UIDS).into_iter().chain([seen(0, workload)]);
    all.chain(sets).chain(pods).collect()
}

/// The same before the new ReplicaSet exists.
fn before(workload: DeploymentBuilder, pods: &[PodBuilder]) -> Vec<Observation> {
    let pods = pods.iter().flat_map(|pod| pod.seen(0));
    let set = seen_set(0, replica_set("v1", 1, (0, 0)));
    let all = listed(0, &UIDS).into_iter().chain([seen(0, workload), set]);
    all.chain(pods).collect()
}

fn of_set(kind: WorkloadKind, first: Vec<Observation>, pods: &[PodBuilder]) -> Vec<Observation> {
    let pods = pods.iter().flat_map(|pod| pod.seen(0));
    let all = listed_for(kind, 0, &UIDS).into_iter().chain(first);
    all.chain(pods).collect()
}

/// A StatefulSet whose controller has created no ControllerRevision for the present template, and has
/// not observed it: the counts are those of the former revision.
fn without_revision() -> Vec<Observation> {
    let set = stateful_set().generation(2, 1).counts(2, 2, 2);
    let revision = set.revision_json("v1", 1);
    let seen = [
        Seen::ControllerRevision {
            object: Box::new(serde_json::from_value(revision).unwrap()),
        },
        Seen::Workload {
            object: set.build(),
        },
    ];
    let first = seen.map(|it| Observation::new(at(0), it)).to_vec();
    let pods = [db_pod(0, "v1").ready(0), db_pod(1, "v1").ready(0)];
    of_set(WorkloadKind::StatefulSet, first, &pods)
}

fn going(pod: PodBuilder, ends: u64) -> PodBuilder {
    pod.with("/metadata/deletionTimestamp", json!(at(ends)))
        .with("/metadata/deletionGracePeriodSeconds", json!(30))
        .with("/spec/nodeName", json!("node-1"))
}

fn updating() -> DeploymentBuilder {
    deployment("web").counts(2, 2, 1, 1)
}

fn recreate() -> DeploymentBuilder {
    deployment("web")
        .counts(1, 0, 0, 0)
        .spec("strategy", json!({"type": "Recreate"}))
}

fn on_node(name: &str) -> PodBuilder {
    pod(name).with("/spec/nodeName", json!("node-1"))
}

/// Returns the report of a session that ends after 60 s without a cause that decides.
fn told(workload: &WorkloadRef, observations: &[Observation]) -> (String, String) {
    let (session, verdict, _) = session_of(workload, 60, observations);
    let report = Report::new(&session, &verdict, at(60));
    let tracked = session.workloads().first().unwrap();
    let Some(it) = tracked.standstill(session.snapshot()) else {
        return (report.sentence, String::new());
    };
    let helps = if report.offers_rollback {
        "a rollback is offered"
    } else {
        "no rollback is offered"
    };
    let step = format!(
        "{} | {} | {} | {helps}",
        it.step.words(),
        it.owner,
        it.message
    );
    (report.sentence, step)
}

#[test]
fn every_step_names_its_object_its_owner_and_the_last_word() {
    let sandbox = json!([{"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": at(0)}]);
    let gate = json!([{"conditionType": "example.com/gate"}]);
    let init = json!({"name": "migrate", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"running": {"startedAt": at(1)}}});
    let denied = event_about(
        30,
        ("ReplicaSet", "rs-v1"),
        "FailedDelete",
        "Error deleting: pods \"old\" is forbidden: ValidatingAdmissionPolicy 'keep' denied request: not today",
    );
    let with = |mut observations: Vec<Observation>, more: Observation| {
        observations.push(more);
        observations
    };
    let slow = || {
        deployment("web")
            .counts(2, 2, 1, 1)
            .spec("minReadySeconds", json!(120))
    };
    let set = |first: crate::testing::SetBuilder, pods: &[PodBuilder]| {
        of_set(WorkloadKind::StatefulSet, first.seen(0), pods)
    };
    let rows: Vec<(&str, WorkloadRef, Vec<Observation>)> = vec![
        (
            "the spec is not observed",
            web(),
            of_web(deployment("web").generation(2, 1), &[]),
        ),
        (
            "no ReplicaSet of the new template",
            web(),
            before(deployment("web").counts(2, 2, 0, 2), &[]),
        ),
        (
            "Recreate: the old pod ends",
            web(),
            before(recreate(), &[going(pod_of("old", "v1").ready(0), 600)]),
        ),
        (
            "Recreate: the old pod is kept by a finalizer",
            web(),
            before(
                recreate(),
                &[going(pod_of("old", "v1").ready(0), 10)
                    .with("/status/phase", json!("Succeeded"))
                    .with("/metadata/finalizers", json!(["example.com/drain"]))],
            ),
        ),
        (
            "no pod of the new ReplicaSet",
            web(),
            of_web(
                deployment("web").counts(2, 2, 0, 2),
                &[pod_of("old", "v1").ready(0)],
            ),
        ),
        (
            "no scheduler reports",
            web(),
            of_web(
                updating(),
                &[pod("a")
                    .unreported()
                    .with("/spec/schedulerName", json!("my-scheduler"))],
            ),
        ),
        (
            "no sandbox",
            web(),
            of_web(
                updating(),
                &[on_node("a").with("/status/conditions", sandbox)],
            ),
        ),
        (
            "an init container runs",
            web(),
            of_web(
                updating(),
                &[on_node("a")
                    .waiting("PodInitializing", "")
                    .event("Created", "Created container migrate", 1)
                    .with(
                        "/spec/initContainers",
                        json!([{"name": "migrate", "image": "m"}]),
                    )
                    .with("/status/initContainerStatuses", json!([init]))],
            ),
        ),
        (
            "a postStart hook runs, and the kubelet has reported nothing since the sandbox",
            web(),
            of_web(
                updating(),
                &[on_node("a")
                    .with(
                        "/status/conditions",
                        json!([{"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": at(0)}]),
                    )
                    .with(
                        "/spec/containers/0/lifecycle",
                        json!({"postStart": {"exec": {"command": ["/wait"]}}}),
                    )
                    .later_event(1, "Started", "Started container app")
                    .about_container("app")],
            ),
        ),
        (
            "a container waits",
            web(),
            of_web(
                updating(),
                &[on_node("a").event("Pulling", "Pulling image \"registry.test/app:v2\"", 1)],
            ),
        ),
        (
            "not ready, and no probe says why",
            web(),
            of_web(
                updating(),
                &[on_node("a")
                    .running(1, 0)
                    .with("/spec/containers/0/readinessProbe", json!(null))],
            ),
        ),
        (
            "a readiness gate is closed",
            web(),
            of_web(
                updating(),
                &[on_node("a")
                    .ready(1)
                    .with(
                        "/status/conditions",
                        json!([{"type": "Ready", "status": "False", "lastTransitionTime": at(1)}]),
                    )
                    .with("/spec/readinessGates", gate)],
            ),
        ),
        (
            "ready for minReadySeconds",
            web(),
            of_web(slow(), &[pod("a").ready(10)]),
        ),
        (
            "the last pod is ready for minReadySeconds",
            web(),
            of_web(
                deployment("web")
                    .counts(1, 1, 1, 0)
                    .spec("minReadySeconds", json!(120)),
                &[pod("a").ready(10)],
            ),
        ),
        (
            "an old pod may not be deleted",
            web(),
            with(
                of_web(
                    deployment("web").counts(1, 2, 1, 2),
                    &[pod("a").ready(1), pod_of("old", "v1").ready(0)],
                ),
                denied,
            ),
        ),
        (
            "an old pod is left",
            web(),
            of_web(
                deployment("web").counts(1, 2, 1, 2),
                &[pod("a").ready(1), pod_of("old", "v1").ready(0)],
            ),
        ),
        (
            "the status is behind the pods",
            web(),
            of_web(deployment("web").counts(1, 1, 1, 0), &[pod("a").ready(1)]),
        ),
        (
            "the pods cannot be seen",
            web(),
            with(
                of_web(deployment("web").counts(1, 1, 1, 0), &[]),
                blind(1, ResourceKind::Pod, forbidden()),
            ),
        ),
        (
            "a former pod blocks a StatefulSet midway",
            db(),
            set(
                stateful_set().counts(3, 1, 2),
                &[
                    db_pod(0, "v1").running(0, 0),
                    db_pod(1, "v1").ready(0),
                    db_pod(2, "v2").ready(6),
                ],
            ),
        ),
        (
            "a StatefulSet's former pods must be ready for minReadySeconds before one is replaced",
            db(),
            set(
                stateful_set()
                    .counts(2, 0, 2)
                    .available(0)
                    .spec("minReadySeconds", json!(120)),
                &[db_pod(0, "v1").ready(10), db_pod(1, "v1").ready(20)],
            ),
        ),
        (
            "the ControllerRevision of a StatefulSet is not created",
            db(),
            without_revision(),
        ),
        (
            "a StatefulSet waits for a pod to end",
            db(),
            set(
                stateful_set().counts(2, 0, 1),
                &[db_pod(0, "v1").ready(0), going(db_pod(1, "v1"), 600)],
            ),
        ),
        (
            "a StatefulSet's pods wait for a person",
            db(),
            set(
                stateful_set().on_delete().counts(1, 0, 1),
                &[db_pod(0, "v1").ready(0)],
            ),
        ),
        (
            "a DaemonSet's old pod ends",
            agent(),
            of_set(
                WorkloadKind::DaemonSet,
                daemon_set().counts(1, 0, 0).seen(0),
                &[going(agent_pod("one", "v1").ready(0), 600)],
            ),
        ),
    ];
    let all: Vec<(&str, (String, String))> = rows
        .into_iter()
        .map(|(says, workload, observations)| (says, told(&workload, &observations)))
        .collect();
    insta::assert_debug_snapshot!(all);
}

#[test]
fn a_rollback_is_not_offered_once_only_old_pods_are_left() {
    let old = || pod_of("old", "v1");
    let rows = [
        ("the old pod is ready", old().ready(0), false),
        ("the old pod is not ready", old().running(0, 0), false),
        ("the old pod is not scheduled", old().unreported(), false),
    ];
    for (says, old, offered) in rows {
        let all = of_web(
            deployment("web").counts(1, 2, 1, 1),
            &[pod("a").ready(1), old],
        );
        let (session, verdict, _) = session(60, &all);
        let report = Report::new(&session, &verdict, at(60));
        assert_eq!(verdict.word(), "timedOut", "{says}");
        assert_eq!(
            report.offers_rollback, offered,
            "{says}: {}",
            report.sentence
        );
        assert!(
            !report.sentence.contains("no cause"),
            "{says}: {}",
            report.sentence
        );
    }
    // The near miss: the new pod is not available.
    let all = of_web(
        deployment("web").counts(1, 2, 1, 1),
        &[pod("a").running(1, 0), old().ready(0)],
    );
    let (_, verdict, _) = session(60, &all);
    assert!(verdict.offers_rollback(), "{verdict:?}");
}

#[test]
fn of_several_timeouts_one_that_a_rollback_may_help_with_counts() {
    let pods = [pod("a").ready(1), pod_of("old", "v1").ready(0)];
    let left = of_web(deployment("web").counts(1, 2, 1, 2), &pods);
    let (_, left, _) = session(60, &left);
    let unready = of_web(
        deployment("web").counts(1, 1, 1, 0),
        &[pod("a").running(1, 0)],
    );
    let (_, unready, _) = session(60, &unready);
    for both in [[&left, &unready], [&unready, &left]] {
        assert!(Verdict::of_all(both.into_iter()).offers_rollback());
    }
    assert!(!Verdict::of_all([&left, &Verdict::Succeeded].into_iter()).offers_rollback());
}

/// A pod in one of the states in which a pod can be.
fn any_pod(name: String) -> impl Strategy<Value = PodBuilder> {
    let states = (0_u8..18, any::<bool>(), any::<bool>(), 0_u64..90);
    states.prop_map(move |(state, new, deleted, second)| {
        let pod = pod_of(&name, if new { "v2" } else { "v1" });
        let placed = || pod.clone().with("/spec/nodeName", json!("node-1"));
        let pod = match state {
            0 => pod.clone().unreported(),
            1 => pod
                .clone()
                .unschedulable("0/1 nodes are available: 1 Insufficient cpu."),
            2 => pod
                .clone()
                .unreported()
                .with("/spec/schedulingGates", json!([{"name": "gate"}])),
            3 => placed().unreported(),
            4 => placed(),
            5 => placed().event("Pulling", "Pulling image", 1),
            6 => placed().waiting("ImagePullBackOff", "Back-off pulling image"),
            7 => placed().crash_loop(2, ("Error", 1, "")),
            8 => placed().running(second, 0),
            9 => placed()
                .running(second, 0)
                .with("/status/containerStatuses/0/started", json!(false)),
            10 => placed().ready(second),
            11 => placed()
                .ready(second)
                .with("/metadata/deletionGracePeriodSeconds", json!(30)),
            12 => placed().ready_once(second),
            13 => placed().failed("Evicted", "The node was low on resource: memory."),
            14 => placed()
                .unreported()
                .with("/status/reason", json!("ProviderFailed")),
            15 => placed()
                .waiting("PodInitializing", "")
                .with("/spec/initContainers", json!([{"name": "i", "image": "i"}])),
            16 => pod.clone().with("/status", json!({})),
            _ => placed().ready(second).with("/status/conditions", json!([])),
        };
        if deleted && state % 3 == 0 {
            pod.with("/metadata/deletionTimestamp", json!(at(second)))
        } else {
            pod
        }
    })
}

/// A Deployment, StatefulSet or DaemonSet in any state, with some of its objects and pods.
fn any_rollout() -> impl Strategy<Value = (WorkloadRef, Vec<Observation>)> {
    let pods = (0..4_u8)
        .map(|it| any_pod(format!("p-{it}")))
        .collect::<Vec<_>>();
    let counts = (0_i32..4, 0_i32..4, 0_i32..4, 0_i32..4);
    let flags = (any::<bool>(), any::<bool>(), 0_u8..4, 0_u8..8);
    (0_u8..3, counts, flags, pods, 0_usize..5).prop_map(
        |(kind, counts, (observed, waits, strategy, sight), pods, many)| {
            let (desired, current, updated, available) = counts;
            let observed = if observed { 2 } else { 1 };
            let min_ready = json!(if waits { 45 } else { 0 });
            let ordered = |set: crate::testing::SetBuilder| {
                let set = set.counts(desired, updated, available).existing(current);
                let set = set.generation(2, observed).spec("minReadySeconds", min_ready.clone());
                match strategy {
                    0 => set.on_delete(),
                    1 => set.parallel(),
                    2 => set.partition(1),
                    _ => set,
                }
            };
            let (workload, first, owner) = match kind {
                0 => {
                    let it = deployment("web").generation(2, observed);
                    let it = it.counts(desired, current, updated, available);
                    let it = it.spec("minReadySeconds", min_ready.clone());
                    let it = match strategy {
                        0 => it.spec("strategy", json!({"type": "Recreate"})),
                        1 => it.paused(),
                        _ => it,
                    };
                    let old = seen_set(0, replica_set("v1", 1, (1, 1)));
                    let new = (sight != 1).then(|| seen_set(0, replica_set("v2", 2, (1, 0))));
                    let all = [seen(0, it), old].into_iter().chain(new).collect();
                    (web(), all, None)
                }
                1 => (db(), ordered(stateful_set()).seen(0), Some(("StatefulSet", "db", "s-1", "db-"))),
                _ => (agent(), ordered(daemon_set()).seen(0), Some(("DaemonSet", "agent", "ds-1", ""))),
            };
            let pods = pods.into_iter().take(many).enumerate().flat_map(|(index, pod)| {
                let pod = match owner {
                    Some((kind, name, uid, prefix)) => {
                        let version = if index % 2 == 0 { "v1" } else { "v2" };
                        pod.with("/metadata/ownerReferences", json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}]))
                            .labelled("controller-revision-hash", &format!("{prefix}{version}"))
                    }
                    None => pod,
                };
                pod.seen(0)
            });
            let uids: Vec<String> = (0..4).map(|it| format!("pod-p-{it}")).collect();
            let uids: Vec<&str> = uids.iter().map(String::as_str).chain(UIDS).collect();
            let refused = event_about(5, ("ReplicaSet", "rs-v1"), "FailedDelete", "not today");
            let seen = match sight {
                2 => vec![blind(1, ResourceKind::Pod, forbidden())],
                3 => vec![blind(1, ResourceKind::Event, forbidden())],
                4 => vec![blind(1, ResourceKind::ReplicaSet, forbidden()), blind(1, ResourceKind::ControllerRevision, forbidden())],
                5 => vec![refused],
                _ => Vec::new(),
            };
            let listed = listed_for(workload.kind, 0, &uids);
            let all = listed.into_iter().chain(first).chain(pods).chain(seen);
            (workload, all.collect())
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_pending_names_its_step((workload, observations) in any_rollout()) {
        let mut session = Session::new([workload], policy(60), start());
        let mut ticks = [5, 20, 45, 61].map(|it| Session::tick(at(it))).into_iter();
        for observation in observations.into_iter().chain(ticks.by_ref()) {
            let now = observation.at;
            let step = session.observe(observation);
            let tracked = session.workloads().first().unwrap();
            let Some(pending) = tracked.verdict().pending() else { continue };
            if *pending == Pending::NotSeen {
                continue;
            }
            let it = tracked.standstill(session.snapshot());
            prop_assert!(it.is_some(), "{:?}", tracked.verdict());
            let it = it.unwrap();
            prop_assert!(RolloutStep::ALL.contains(&it.step));
            prop_assert!(it.message.contains(' ') && !it.object.name.is_empty(), "{:?}", it);
            prop_assert!(!it.message.contains("``") && !it.message.contains("unknown"), "{}", it.message);
            let report = Report::new(&session, &step.verdict, now);
            prop_assert!(!report.sentence.contains("no cause"), "{}", report.sentence);
            if step.verdict.word() == "timedOut" && it.step >= RolloutStep::PodAvailable && it.step <= RolloutStep::OldPodEnded {
                let blind = session.snapshot().blindness(ResourceKind::Pod).is_some();
                let rollout = session.snapshot().rollout(tracked.workload()).unwrap();
                let gone = rollout.new_pods().is_empty() && it.step == RolloutStep::PodAvailable;
                prop_assert!(!report.offers_rollback || blind || gone, "{:?}", it);
            }
        }
    }
}
