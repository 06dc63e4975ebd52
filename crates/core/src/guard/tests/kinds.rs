//! Sessions of StatefulSets and DaemonSets.

use super::*;
use crate::testing::{
    SetBuilder, agent, agent_pod, daemon_set, db, db_pod, listed_for, node, stateful_set, subject,
    tainted,
};
use crate::workload::{WorkloadKind, WorkloadRef};

const UIDS: [&str; 12] = [
    "s-1",
    "ds-1",
    "cr-db-v1",
    "cr-db-v2",
    "cr-agent-v1",
    "cr-agent-v2",
    "pod-db-0",
    "pod-db-1",
    "pod-agent-one-v1",
    "pod-agent-one-v2",
    "pod-agent-two-v1",
    "pod-agent-two-v2",
];

struct Case {
    says: &'static str,
    workload: WorkloadRef,
    seen: Vec<Observation>,
    verdict: &'static str,
    second: u64,
    sentence: &'static str,
}

fn case(
    says: &'static str,
    set: SetBuilder,
    more: impl IntoIterator<Item = Observation>,
    expected: (&'static str, u64, &'static str),
) -> Case {
    let mut seen = set.seen(0);
    let workload = seen.iter().find_map(subject).unwrap();
    let more: Vec<Observation> = more.into_iter().collect();
    let (now, later): (Vec<_>, Vec<_>) = more.into_iter().partition(|it| it.at == start());
    seen.extend(now);
    let mut known: Vec<&str> = UIDS.to_vec();
    known.extend(["node-one", "node-two", "node-three", "pod-agent-three-v1"]);
    seen.extend(listed_for(workload.kind, 0, &known));
    seen.extend(later);
    Case {
        says,
        workload,
        seen,
        verdict: expected.0,
        second: expected.1,
        sentence: expected.2,
    }
}

fn pods<'a>(pods: impl IntoIterator<Item = &'a PodBuilder>) -> Vec<Observation> {
    pods.into_iter().flat_map(|pod| pod.seen(0)).collect()
}

fn cases() -> Vec<Case> {
    let down = |since| vec![node("one", true, 0), node("two", false, since)];
    let both = |version: &str| {
        pods([
            &agent_pod("one", version).ready(0),
            &agent_pod("two", version).ready(0),
        ])
    };
    let image = db_pod(1, "v2").waiting("InvalidImageName", "");
    vec![
        case(
            "an ordered update that is complete and stable",
            stateful_set().counts(2, 2, 2),
            pods([&db_pod(0, "v2").ready(0), &db_pod(1, "v2").ready(0)]),
            (
                "succeeded",
                10,
                "StatefulSet \"db\" is healthy: the rollout is complete and stable",
            ),
        ),
        case(
            "only the pod at or above the partition is updated",
            stateful_set().counts(2, 1, 2).partition(1),
            pods([&db_pod(0, "v1").ready(0), &db_pod(1, "v2").ready(0)]),
            (
                "succeeded",
                10,
                "StatefulSet \"db\" is healthy: the rollout is complete and stable",
            ),
        ),
        case(
            "the counts are complete, but the pod of the new revision cannot be seen ready",
            stateful_set().counts(2, 1, 2).partition(1),
            pods([&db_pod(0, "v1").ready(0)]),
            ("timedOut", 60, ""),
        ),
        case(
            "the first pod that is updated has a bad image",
            stateful_set().counts(2, 1, 1),
            pods([&db_pod(0, "v1").ready(0), &image]),
            (
                "failed",
                5,
                "StatefulSet \"db\" fails: container `app`: image name `registry.test/app:v2` is malformed (InvalidImageName)",
            ),
        ),
        case(
            "a pod of the former revision crashes: not the new one's failure",
            stateful_set().counts(2, 1, 1),
            pods([
                &db_pod(1, "v2").ready(0),
                &db_pod(0, "v1").crash_loop(9, ("Error", 1, "")),
            ]),
            ("timedOut", 60, ""),
        ),
        case(
            "all nodes have the new pod",
            daemon_set().counts(2, 2, 2),
            [both("v2"), vec![node("one", true, 0), node("two", true, 0)]].concat(),
            (
                "succeeded",
                10,
                "DaemonSet \"agent\" is healthy: the rollout is complete and stable",
            ),
        ),
        case(
            "one node has been down since before: the others are verified, and it is said",
            daemon_set().counts(2, 1, 1),
            [
                pods([&agent_pod("one", "v2").ready(0), &agent_pod("two", "v1")]),
                down(0),
            ]
            .concat(),
            (
                "succeeded",
                10,
                "DaemonSet \"agent\" is healthy: the rollout is complete and stable, but node two is not ready, so its pod is not updated",
            ),
        ),
        case(
            "the new pod took its node down: not excused",
            daemon_set().counts(2, 2, 1),
            [
                pods([&agent_pod("one", "v2").ready(0), &agent_pod("two", "v2")]),
                vec![
                    node("one", true, 0),
                    node("two", true, 0),
                    node("two", false, 30),
                ],
            ]
            .concat(),
            ("timedOut", 60, ""),
        ),
        case(
            "a node that is down and not counted as desired does not stand for one that is not updated",
            daemon_set().counts(2, 1, 2),
            [
                pods([
                    &agent_pod("one", "v2").ready(0),
                    &agent_pod("two", "v1").ready(0),
                    &agent_pod("three", "v1"),
                ]),
                vec![
                    node("one", true, 0),
                    node("two", true, 0),
                    tainted(node("three", false, 0)),
                ],
            ]
            .concat(),
            ("timedOut", 60, ""),
        ),
        case(
            "every node is down: nothing can be verified",
            daemon_set().counts(2, 0, 0),
            [
                pods([&agent_pod("one", "v1"), &agent_pod("two", "v1")]),
                vec![node("one", false, 0), node("two", false, 0)],
            ]
            .concat(),
            ("timedOut", 60, ""),
        ),
        case(
            "wanted on no node",
            daemon_set().counts(0, 0, 0),
            [],
            (
                "succeeded",
                0,
                "DaemonSet \"agent\" is wanted on no node: the rollout is complete, but nothing was verified",
            ),
        ),
        case(
            "revisions cannot be seen: the older label tells which pods are new",
            daemon_set().counts(1, 1, 1),
            [
                vec![
                    Observation::new(
                        start(),
                        Seen::Gone {
                            resource: ResourceKind::ControllerRevision,
                            uid: "cr-agent-v1".into(),
                        },
                    ),
                    Observation::new(
                        start(),
                        Seen::Gone {
                            resource: ResourceKind::ControllerRevision,
                            uid: "cr-agent-v2".into(),
                        },
                    ),
                    blind(0, ResourceKind::ControllerRevision, forbidden()),
                ],
                agent_pod("one", "v2")
                    .labelled("pod-template-generation", "2")
                    .crash_loop(9, ("Error", 1, ""))
                    .seen(0),
            ]
            .concat(),
            (
                "failed",
                30,
                "DaemonSet \"agent\" fails: container `app` ended 10 times with exit code 1 and was never ready (CrashAtStart)",
            ),
        ),
    ]
}

#[test]
fn every_kind_ends_as_its_row_says() {
    for case in cases() {
        let (guard, verdict, second) = session_of(&case.workload, 60, &case.seen);
        assert_eq!(
            (verdict.word(), second),
            (case.verdict, case.second),
            "{}: {verdict:?}",
            case.says
        );
        if !case.sentence.is_empty() {
            let report = crate::report::Report::new(&guard, &verdict, at(second));
            assert_eq!(report.sentence, case.sentence, "{}", case.says);
        }
    }
}

#[test]
fn what_must_be_listed_depends_on_the_kind() {
    assert!(ResourceKind::needed_for(WorkloadKind::DaemonSet).contains(&ResourceKind::Node));
    assert!(!ResourceKind::needed_for(db().kind).contains(&ResourceKind::ReplicaSet));
    assert_eq!(agent().to_string(), "daemonset/agent");
}
