//! The revisions with which the ways to the pods are compared.

use serde_json::json;

use super::*;
use crate::annotation::LastKnownGood;
use crate::observation::{Observation, Seen};
use crate::testing::{Ways, service, slice, ways};

/// The Service selects what the revision before the former one had, and neither the former nor the new one has.
fn worker() -> Ways {
    ways()
        .checked_before()
        .both_have("/metadata/labels/tier", json!("back"))
        .with(
            "services",
            json!([service("web", json!({"tier": "front"}))]),
        )
        .with("endpointSlices", json!([slice("web", &[])]))
}

/// The ReplicaSet of a version has a mark as well.
fn marked(mut observations: Vec<Observation>, version: &str, second: u64) -> Vec<Observation> {
    let uid = format!("rs-{version}");
    for observation in &mut observations {
        if let Seen::ReplicaSet { object: set } = &mut observation.seen
            && set.metadata.uid.as_deref() == Some(&uid)
        {
            let mark = LastKnownGood::new(&uid, at(second), "run 2", [].into()).to_text();
            let annotations = set.metadata.annotations.get_or_insert_default();
            annotations.insert(LastKnownGood::annotation(&uid), mark);
        }
    }
    observations
}

#[test]
fn a_release_is_compared_with_no_revision_before_the_newest_that_a_check_found_healthy() {
    let rollout = || worker().rollout();
    let rows = [
        (
            "the former revision was found healthy without a Service",
            marked(rollout(), "v1", 1),
            true,
        ),
        (
            "a near miss: no check found the former revision healthy",
            rollout(),
            false,
        ),
        (
            "a near miss: the mark is older than that of the revision that was served",
            marked(marked(rollout(), "v1", 1), "v0", 2),
            false,
        ),
        (
            "a near miss: the newest mark is that of the new revision itself",
            marked(rollout(), "v2", 1),
            false,
        ),
    ];
    for (says, mut observations, healthy) in rows {
        observations.extend(listed(
            0,
            &["d-1", "rs-v0", "rs-v1", "rs-v2", "pod-a", "pod-b"],
        ));
        observations.extend((1..=60).map(|second| worker().answer(second)));
        let policy = Policy {
            traffic: true,
            ..policy(300)
        };
        let session = Session::new([web()], policy, start());
        let (_, verdict, _) = run(session, &observations);
        assert_eq!(
            verdict == Verdict::Succeeded,
            healthy,
            "{says}: {verdict:?}"
        );
    }
}
