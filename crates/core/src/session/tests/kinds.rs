//! Sessions of StatefulSets and DaemonSets.

use super::*;
use crate::testing::{
    SetBuilder, agent, agent_pod, daemon_set, db, db_pod, listed_for, node, stateful_set, subject,
    tainted, template,
};
use crate::workload::{WorkloadKind, WorkloadRef};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::json;

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
                "StatefulSet \"db\" is healthy: the rollout is complete and stable for 10s (no restart, no failed probe)",
            ),
        ),
        case(
            "only the pod at or above the partition is updated",
            stateful_set().counts(2, 1, 2).partition(1),
            pods([&db_pod(0, "v1").ready(0), &db_pod(1, "v2").ready(0)]),
            (
                "succeeded",
                10,
                "StatefulSet \"db\" is healthy: the rollout is complete and stable for 10s (no restart, no failed probe)",
            ),
        ),
        case(
            "the counts are complete, but the pod of the new revision cannot be seen ready",
            stateful_set().counts(2, 1, 2).partition(1),
            pods([&db_pod(0, "v1").ready(0)]),
            ("timedOut", 60, ""),
        ),
        case(
            "a partition above every pod: complete, and it is said that nothing was looked at",
            stateful_set().counts(2, 0, 2).partition(2),
            pods([&db_pod(0, "v1").ready(0), &db_pod(1, "v1").ready(0)]),
            (
                "succeeded",
                0,
                "partition 2 of StatefulSet \"db\" excludes every pod: nothing was verified",
            ),
        ),
        case(
            "the first pod that is updated has a bad image",
            stateful_set().counts(2, 1, 1),
            pods([&db_pod(0, "v1").ready(0), &image]),
            (
                "failed",
                4,
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
                "DaemonSet \"agent\" is healthy: the rollout is complete and stable for 10s (no restart, no failed probe)",
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
                "DaemonSet \"agent\" is healthy: the rollout is complete and stable for 10s (no restart, no failed probe), but node two is not ready, so its pod is not updated",
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
                "DaemonSet \"agent\" is scheduled to no node: the rollout is complete, but \
                 nothing was verified",
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
                    .waiting("InvalidImageName", "")
                    .seen(0),
            ]
            .concat(),
            (
                "failed",
                4,
                "DaemonSet \"agent\" fails: container `app`: image name `registry.test/app:v2` is malformed (InvalidImageName)",
            ),
        ),
    ]
}

#[test]
fn every_kind_ends_as_its_row_says() {
    for case in cases() {
        let (session, verdict, second) = session_of(&case.workload, 60, &case.seen);
        assert_eq!(
            (verdict.word(), second),
            (case.verdict, case.second),
            "{}: {verdict:?}",
            case.says
        );
        if !case.sentence.is_empty() {
            let report = crate::report::Report::new(&session, &verdict, at(second));
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

/// A revision holds the template that it was made of.
fn holding(mut all: Vec<Observation>, versions: &[&str]) -> Vec<Observation> {
    for observation in &mut all {
        let Seen::ControllerRevision { object } = &mut observation.seen else {
            continue;
        };
        let name = object.metadata.name.clone().unwrap_or_default();
        let version = versions.iter().find(|it| name.ends_with(**it));
        let data = version.map(|version| json!({"spec": {"template": template(version)}}));
        object.data = data.map(RawExtension);
    }
    all
}

#[test]
fn a_revision_that_is_not_in_sight_yet_is_not_the_former_one() {
    let malformed = || pods([&agent_pod("one", "v1").waiting("InvalidImageName", "")]);
    let race = |held: &[&str]| {
        let set = daemon_set().counts(1, 0, 0);
        let mut seen = case("", set, malformed(), ("", 0, "")).seen;
        seen.retain(|it| !matches!(&it.seen, Seen::ControllerRevision { object } if object.metadata.name.as_deref() == Some("agent-v2")));
        holding(seen, held)
    };
    let rows = [
        ("its data tells", race(&["v1"]), "timedOut"),
        ("without data only the number does", race(&[]), "failed"),
    ];
    for (says, seen, word) in rows {
        let (_, verdict, _) = session_of(&agent(), 60, &seen);
        assert_eq!(verdict.word(), word, "{says}");
    }
    let set = daemon_set().counts(1, 1, 1);
    let ready = pods([&agent_pod("one", "v2").ready(0)]);
    let both = holding(case("", set, ready, ("", 0, "")).seen, &["v1", "v2"]);
    let (session, verdict, _) = session_of(&agent(), 60, &both);
    assert_eq!(verdict, Verdict::Succeeded);
    assert_eq!(session.workloads()[0].judged(), Some("cr-agent-v2"));
}

#[test]
fn a_node_is_excused_only_for_what_is_not_the_new_pod_s_doing() {
    let evicted = agent_pod("two", "v2")
        .made(10)
        .failed("Evicted", "The node was low on resource: memory. ")
        .with("/spec/nodeName", json!("two"));
    let again = agent_pod("two", "v2")
        .made(33)
        .with("/metadata/uid", json!("pod-agent-two-v2b"));
    let relabelled = |it: Observation, known: &str| {
        let Seen::Node { mut object } = it.seen else {
            return it;
        };
        if object.metadata.name.as_deref() != Some(known) {
            object.metadata.labels = Some([("pool".to_owned(), "blue".to_owned())].into());
        }
        Observation::new(it.at, Seen::Node { object })
    };
    let set = daemon_set().counts(2, 2, 1);
    let fell = [
        pods([&agent_pod("one", "v2").ready(0)]),
        vec![node("one", true, 0), node("two", true, 0)],
        evicted.seen(30),
        vec![Observation::new(
            at(31),
            Seen::Gone {
                resource: ResourceKind::Pod,
                uid: "pod-agent-two-v2".into(),
            },
        )],
        vec![node("two", false, 32)],
        again.seen(33),
    ];
    let fell = case("", set, fell.concat(), ("", 0, "")).seen;
    let leaving = json!(at(30));
    let moved = [
        pods([
            &agent_pod("one", "v2").ready(0),
            &agent_pod("two", "v1").ready(0),
            &agent_pod("three", "v1").with("/metadata/deletionTimestamp", leaving),
        ]),
        vec![
            node("one", true, 0),
            node("two", true, 0),
            node("three", false, 0),
        ],
    ];
    let mut moved = case(
        "",
        daemon_set().counts(2, 1, 2),
        moved.concat(),
        ("", 0, ""),
    )
    .seen;
    moved = moved
        .into_iter()
        .map(|it| relabelled(it, "three"))
        .collect();
    for observation in &mut moved {
        if let Seen::Workload {
            object: Workload::DaemonSet(set),
        } = &mut observation.seen
        {
            let spec = set.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
            spec.node_selector = Some([("pool".to_owned(), "blue".to_owned())].into());
        }
    }
    for (says, seen) in [
        ("the new pod took it down and was evicted", fell),
        (
            "the template does not select it any more, so that no count has it",
            moved,
        ),
    ] {
        let (_, verdict, second) = session_of(&agent(), 60, &seen);
        assert_eq!(
            (verdict.word(), second),
            ("timedOut", 60),
            "{says}: {verdict:?}"
        );
    }
}
