//! Pods of a StatefulSet that only a deletion gets going.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use serde_json::json;

use super::past::{Past, of_agent, of_db, of_set, of_web};
use crate::rollback::{StuckPodStep, stuck_now, stuck_pod_step};
use crate::testing::{PodBuilder, db, db_pod, stateful_set};

/// Back at v1, as the controller has seen.
fn back() -> Past {
    let mut past = of_db()
        .at_version("v1")
        .with("/status/updateRevision", json!("db-v1"));
    past.revision_object("v1")["revision"] = json!(3);
    past
}

fn bad(ordinal: u32) -> PodBuilder {
    db_pod(ordinal, "v2").running(0, 0)
}

fn good(ordinal: u32) -> PodBuilder {
    db_pod(ordinal, "v1").ready(0)
}

fn leaving(pod: PodBuilder) -> PodBuilder {
    pod.with("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z"))
}

fn done(past: &Past) -> String {
    let history = past.history();
    let target = history.with_uid("cr-db-v1").unwrap();
    match stuck_pod_step(&history, &target) {
        StuckPodStep::Free => "free".to_owned(),
        StuckPodStep::Wait => "wait".to_owned(),
        StuckPodStep::Superseded => "superseded".to_owned(),
        StuckPodStep::Delete(pod) => format!("delete {}", pod.name),
    }
}

#[test]
fn the_lowest_stuck_pod_is_deleted_and_one_at_a_time() {
    let parallel = {
        let mut past = of_set(db(), stateful_set().parallel())
            .at_version("v1")
            .with("/status/updateRevision", json!("db-v1"));
        past.revision_object("v1")["revision"] = json!(3);
        past
    };
    let partition = back().with("/spec/updateStrategy/rollingUpdate/partition", json!(1));
    let on_delete = back().with("/spec/updateStrategy", json!({"type": "OnDelete"}));
    let rows = [
        (
            "the last one is stuck",
            back().pod(good(0)).pod(good(1)).pod(bad(2)),
            "delete db-2",
        ),
        (
            "all are stuck",
            back().pod(bad(2)).pod(bad(0)).pod(bad(1)),
            "delete db-0",
        ),
        (
            "the first is created again",
            back().pod(db_pod(0, "v1").running(0, 0)).pod(bad(1)),
            "wait",
        ),
        (
            "the first is gone and not made yet",
            back().pod(bad(1)),
            "wait",
        ),
        (
            "the first is created again and ready",
            back().pod(good(0)).pod(bad(1)),
            "delete db-1",
        ),
        (
            "one is on its way out",
            back().pod(leaving(bad(0))).pod(bad(1)),
            "wait",
        ),
        (
            "a bad one that is ready may not be the next moment",
            back().pod(good(0)).pod(db_pod(1, "v2").ready(0)),
            "wait",
        ),
        (
            "one that ended is the controller's",
            back().pod(good(0)).pod(bad(1).failed("Evicted", "")),
            "wait",
        ),
        (
            "a new one that is not ready is no matter of ours",
            back().pod(db_pod(0, "v1").running(0, 0)),
            "free",
        ),
        ("below the partition", partition.clone().pod(bad(0)), "free"),
        (
            "from the partition on",
            partition.pod(good(0)).pod(bad(1)),
            "delete db-1",
        ),
        (
            "pods that are replaced by hand",
            on_delete.pod(bad(0)),
            "free",
        ),
        (
            "in parallel",
            parallel.pod(bad(0)).pod(bad(1)),
            "delete db-0",
        ),
        ("nothing is there", back(), "free"),
        (
            "the controller is behind",
            back().with("/metadata/generation", json!(9)).pod(bad(0)),
            "wait",
        ),
        (
            "its status still names the bad revision",
            back()
                .with("/status/updateRevision", json!("db-v2"))
                .pod(bad(0)),
            "wait",
        ),
        ("somebody deployed again", of_db().pod(bad(0)), "superseded"),
        (
            "somebody deployed again this very moment",
            back()
                .at_version("v3")
                .with("/metadata/generation", json!(9))
                .pod(bad(0)),
            "wait",
        ),
    ];
    for (says, past, expected) in rows {
        assert_eq!(done(&past), expected, "{says}");
    }
}

#[test]
fn a_pod_is_named_for_good() {
    let pod = bad(0).with("/metadata/resourceVersion", json!("77"));
    let past = back().pod(pod);
    let history = past.history();
    let target = history.with_uid("cr-db-v1").unwrap();
    let StuckPodStep::Delete(stuck) = stuck_pod_step(&history, &target) else {
        panic!("nothing to delete")
    };
    assert_eq!(
        (stuck.uid.as_str(), stuck.resource_version.as_str()),
        ("pod-db-0", "77")
    );
}

#[test]
fn another_sets_pod_is_no_member() {
    let foreign = bad(0).with("/metadata/ownerReferences/0/uid", json!("s-9"));
    assert_eq!(done(&back().pod(foreign)), "free");
}

#[test]
fn only_stateful_sets_get_stuck() {
    for past in [
        of_web().had("v1", 1, 2).had("v2", 2, 0),
        of_agent().marked("v1", 60),
    ] {
        let history = past.history();
        let target = history.entries().next().unwrap();
        assert_eq!(stuck_pod_step(&history, &target), StuckPodStep::Free);
        assert_eq!(past.plan().stuck, Vec::<String>::new());
    }
}

fn stuck(past: &Past) -> Vec<String> {
    let history = past.history();
    stuck_now(&history, &history.with_uid("cr-db-v1").unwrap())
}

#[test]
fn the_plan_names_what_would_have_to_be_deleted() {
    let failing = of_db().pod(good(0)).pod(good(1)).pod(bad(2));
    assert_eq!(stuck(&failing), ["db-2"]);
    assert_eq!(failing.plan().stuck, ["db-2"]);
    let healthy = of_db().pod(good(0)).pod(db_pod(1, "v2").ready(0));
    assert_eq!(stuck(&healthy), Vec::<String>::new());
    // A release that came on top of the one that got stuck: its pods are not there yet.
    let fixed = of_db()
        .at_version("v3")
        .pod(good(0))
        .pod(good(1))
        .pod(bad(2));
    assert_eq!(stuck(&fixed), ["db-2"]);
}
