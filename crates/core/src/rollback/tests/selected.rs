//! Workloads that a selector found: only what shows a failure goes back.

use serde_json::json;

use super::past::{Past, complete, of_db, of_web};
use crate::rollback::{
    BatchOutcome, PreparedRollback, PreparedWorkload, Request, RollbackBatch, RollbackDecision,
};
use crate::testing::{at, pod_of};

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
