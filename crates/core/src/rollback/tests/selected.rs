//! Workloads that a selector found: only what shows a failure goes back.

use serde_json::json;

use super::past::{Past, complete, of_agent, of_db, of_set, of_web};
use crate::rollback::{
    BatchOutcome, PreparedRollback, PreparedWorkload, Request, RollbackBatch, RollbackDecision,
};
use crate::testing::{agent_pod, at, daemon_set, db, db_pod, pod_of, stateful_set};

const CRASHED: (&str, i32, &str) = ("Error", 1, "no database");

fn selected() -> Request {
    Request {
        selected: true,
        now: at(600),
        ..Request::default()
    }
}

fn updating() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0)
}

fn crashing() -> Past {
    updating().pod(pod_of("a", "v2").crash_loop(5, CRASHED))
}

/// A batch of these, all found by a selector.
fn prepared(pasts: &[Past]) -> PreparedRollback {
    let mut all = PreparedRollback::default();
    for past in pasts {
        all.add(PreparedWorkload::new(&past.history(), &selected()));
    }
    all.or_refused()
}

#[test]
fn what_a_selector_found_goes_back_only_if_it_shows_a_failure() {
    let healthy = "its rollout is complete, and nothing shows that it fails";
    let unclear = "its rollout is not complete, and nothing shows yet that it fails";
    let rows = [
        (
            "its new pods crash",
            crashing(),
            "2 → 1, its pods are still serving",
        ),
        (
            "its new image does not exist",
            updating()
                .pod(pod_of("a", "v2").waiting("ErrImagePull", "manifest unknown: not found")),
            "2 → 1, its pods are still serving",
        ),
        (
            "its new image does not exist, seen for the first time a moment after the volumes were mounted",
            updating().pod(
                pod_of("a", "v2")
                    .waiting("ErrImagePull", "manifest unknown: not found")
                    .with("/status/conditions/0/lastTransitionTime", json!(at(595))),
            ),
            unclear,
        ),
        (
            "a healthy one, although a revision before it was marked as good",
            complete().marked("v1", 1),
            healthy,
        ),
        ("a rollout that is under way", updating(), unclear),
        (
            "new pods that are just starting",
            updating().pod(pod_of("a", "v2").running(500, 0)),
            unclear,
        ),
        (
            "only the former pods crash",
            updating().pod(pod_of("a", "v1").crash_loop(5, CRASHED)),
            unclear,
        ),
        (
            "the controller has not read the template whose pods crash",
            crashing().with("/metadata/generation", 9.into()),
            unclear,
        ),
        (
            "what an earlier rollback restored is in place",
            of_web()
                .at_version("v1")
                .had("v1", 3, 0)
                .had("v2", 2, 0)
                .restored("v1", "v2"),
            "already at 3",
        ),
        (
            "a first revision that crashes",
            of_web()
                .had("v2", 1, 0)
                .pod(pod_of("a", "v2").crash_loop(5, CRASHED)),
            "there is nothing to roll back to: only one revision is known; revisions: 1 \
             (registry.test/app:v2)",
        ),
    ];
    for (says, past, expected) in rows {
        assert_eq!(past.words(&selected()), expected, "{says}");
        let named = Request {
            selected: false,
            ..selected()
        };
        let by_name = past.words(&named);
        assert!(
            by_name != healthy && by_name != unclear,
            "{says}: {by_name}"
        );
    }
}

const DAY: u64 = 24 * 60 * 60;
const REGISTRY_DOWN: (&str, &str) = (
    "ErrImagePull",
    "dial tcp 10.0.0.1:443: connect: connection refused",
);

/// A Deployment whose `v2` was complete at the start, and none of whose pods is available now.
fn was_complete() -> Past {
    of_web()
        .complete()
        .with("/status/availableReplicas", 0.into())
        .had("v1", 1, 0)
        .had("v2", 2, 0)
        .marked("v1", 1)
}

/// The same Deployment without a progress deadline, and with so many pods of the newest template.
fn without_condition(updated: i32) -> Past {
    was_complete()
        .with("/spec/progressDeadlineSeconds", i32::MAX.into())
        .with("/status/conditions", json!([]))
        .with("/status/updatedReplicas", updated.into())
}

/// A StatefulSet that keeps a revision as the one that was complete.
fn db_at(complete: &str) -> Past {
    of_set(db(), stateful_set().counts(3, 3, 2))
        .with("/status/currentRevision", json!(format!("db-{complete}")))
        .pod(db_pod(0, "v2").crash_loop(5, CRASHED))
}

/// A DaemonSet with so many pods of `v2` on its three nodes.
fn agent_on(nodes: i32) -> Past {
    let updated = daemon_set().counts(3, nodes, 2).json();
    of_agent()
        .with("/status", updated["status"].clone())
        .pod(agent_pod("node-1", "v2").crash_loop(5, CRASHED))
        .pod(agent_pod("node-3", "v1").ready(100))
}

#[test]
fn an_outage_rolls_no_rollout_back_that_was_complete_long_ago() {
    let unclear = "its rollout is not complete, and nothing shows yet that it fails";
    let long_complete = "its rollout was complete more than a day ago; what fails now began later, and may affect \
                         every revision";
    let no_node = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.";
    let crashes = |past: Past| past.pod(pod_of("a", "v2").crash_loop(5, CRASHED));
    let (image, refused) = REGISTRY_DOWN;
    let rows = [
        (
            "the database is gone",
            crashes(was_complete()),
            21 * DAY,
            long_complete,
        ),
        (
            "the node pool is gone",
            was_complete().pod(pod_of("a", "v2").unschedulable(no_node)),
            21 * DAY,
            long_complete,
        ),
        (
            "the registry is down",
            was_complete().pod(pod_of("a", "v2").waiting(image, refused)),
            21 * DAY,
            unclear,
        ),
        ("a day is over", crashes(was_complete()), DAY, long_complete),
        (
            "a near miss: a day is not yet over",
            crashes(was_complete()),
            DAY - 1,
            "2 → 1, a check found it healthy",
        ),
        (
            "a near miss: the rollout was never complete",
            crashes(updating()),
            21 * DAY,
            "2 → 1, its pods are still serving",
        ),
        ("of a StatefulSet", db_at("v2"), 21 * DAY, long_complete),
        (
            "a near miss: the StatefulSet was complete with the former revision",
            db_at("v1"),
            21 * DAY,
            "2 → 1, its rollout was the last to complete",
        ),
        ("of a DaemonSet", agent_on(3), 21 * DAY, long_complete),
        (
            "a near miss: the DaemonSet stopped before the last node",
            agent_on(2),
            21 * DAY,
            "2 → 1, its pods are still serving",
        ),
        (
            "incomplete for more than a year, and no cause",
            updating(),
            400 * DAY,
            unclear,
        ),
        (
            "a near miss: a new pod that is not ready for more than a year",
            updating().pod(pod_of("a", "v2").running(500, 0)),
            400 * DAY,
            "2 → 1, its pods are still serving",
        ),
    ];
    for (says, past, now, expected) in rows {
        let request = Request {
            now: at(now),
            ..selected()
        };
        assert_eq!(past.words(&request), expected, "{says}");
    }
}

#[test]
fn without_a_progress_deadline_the_age_of_the_revision_tells_that_it_was_complete_long_ago() {
    let back = "2 → 1, a check found it healthy";
    let long_complete = "its rollout was complete more than a day ago; what fails now began later, and may affect \
                         every revision";
    let rows = [
        ("every pod is of it", 2, 21 * DAY, long_complete),
        ("a near miss: a day is not yet over", 2, DAY - 1, back),
        ("a near miss: a pod is not of it", 1, 21 * DAY, back),
    ];
    for (says, updated, now, expected) in rows {
        let past = without_condition(updated).pod(pod_of("a", "v2").crash_loop(5, CRASHED));
        let request = Request {
            now: at(now),
            ..selected()
        };
        assert_eq!(past.words(&request), expected, "{says}");
    }
}

#[test]
fn a_cause_that_no_rollback_helps_with_rolls_nothing_back() {
    let unclear = "its rollout is not complete, and nothing shows yet that it fails";
    let waits = |(reason, message): (&str, &str)| {
        updating().pod(pod_of("a", "v2").waiting(reason, message))
    };
    let rows = [
        ("the registry is down", waits(REGISTRY_DOWN), unclear),
        (
            "the node's disk is full",
            waits((
                "CreateContainerError",
                "write /var/lib/x: no space left on device",
            )),
            unclear,
        ),
        (
            "a near miss: the registry lacks the image",
            waits(("ErrImagePull", "manifest unknown: not found")),
            "2 → 1, its pods are still serving",
        ),
        (
            "a near miss: another pod crashes as well",
            waits(REGISTRY_DOWN).pod(pod_of("b", "v2").crash_loop(5, CRASHED)),
            "2 → 1, its pods are still serving",
        ),
    ];
    for (says, past, expected) in rows {
        assert_eq!(past.words(&selected()), expected, "{says}");
    }
}

#[test]
fn a_shared_outage_holds_the_whole_batch() {
    let late = Request {
        now: at(21 * DAY),
        ..selected()
    };
    let mut all = PreparedRollback::default();
    for past in [
        was_complete().pod(pod_of("a", "v2").crash_loop(5, CRASHED)),
        db_at("v2"),
    ] {
        all.add(PreparedWorkload::new(&past.history(), &late));
    }
    let batch = all.or_refused().batch;
    assert!(batch.plans.is_empty());
    assert_eq!(batch.objections.len(), 2, "{batch:?}");
}

#[test]
fn a_healthy_workload_is_left_out_and_an_unclear_one_holds_the_others() {
    let workloads = |batch: &RollbackBatch| -> Vec<String> {
        batch
            .plans
            .iter()
            .map(|it| it.workload.to_string())
            .collect()
    };
    let healthy = prepared(&[complete(), crashing()]);
    assert_eq!(healthy.left_alone.len(), 1);
    assert_eq!(workloads(&healthy.batch), ["deployment/web"]);
    assert!(!healthy.batch.is_refused());
    let unclear = prepared(&[crashing(), of_db()]);
    assert!(unclear.batch.is_refused(), "{:?}", unclear.batch);
    assert!(unclear.left_alone.is_empty());
}

#[test]
fn where_every_workload_is_healthy_nothing_is_rolled_back_and_that_is_no_success() {
    let all = prepared(&[complete()]);
    assert_eq!(all.batch.refusal(), Some(BatchOutcome::Refused));
    assert_eq!(
        all.batch.why_not(),
        "its rollout is complete, and nothing shows that it fails"
    );
    assert!(all.left_alone.is_empty());
    assert!(matches!(
        complete().decide(&selected()),
        RollbackDecision::Refuse(_)
    ));
}
