//! StatefulSets and DaemonSets: the same questions, other objects.

use serde_json::json;

use super::past::{of_agent, of_db, of_set};
use crate::rollback::{Allowed, Request};
use crate::testing::{agent_pod, daemon_set, db, db_pod, stateful_set};
use crate::workload::Revision;

#[test]
fn the_target_of_a_set_is_chosen_by_evidence() {
    let any = Request::default;
    let named = || Request {
        to_revision: Some(Revision(1)),
        ..any()
    };
    let complete = || of_db().with("/status/currentRevision", json!("db-v2"));
    let agent_serves = || {
        of_agent()
            .pod(agent_pod("a", "v1").ready(0))
            .pod(agent_pod("b", "v2").running(0, 0))
    };
    let known = "no former revision is known to be good; revisions: 2 (registry.test/app:v2), 1 (registry.test/app:v1)";
    let rows = [
        (
            "a StatefulSet names the revision that it had rolled out before",
            of_db(),
            any(),
            "2 → 1, its rollout was the last to complete",
        ),
        (
            "a StatefulSet that calls the new one complete, and nothing else is known",
            complete(),
            any(),
            known,
        ),
        (
            "a StatefulSet of which a former pod still serves",
            complete().pod(db_pod(0, "v1").ready(0)),
            any(),
            "2 → 1, its pods are still serving",
        ),
        (
            "with OnDelete the controller leaves the name of its first revision there",
            of_set(db(), stateful_set().on_delete()).pod(db_pod(0, "v1").ready(0)),
            Request {
                allowed: Allowed {
                    on_delete: true,
                    ..Allowed::default()
                },
                ..any()
            },
            "2 → 1, its pods are still serving",
        ),
        (
            "a mark is more than what was rolled out last",
            of_db().marked("v1", 60),
            any(),
            "2 → 1, a check found it healthy",
        ),
        (
            "a DaemonSet of which a former pod still serves",
            agent_serves(),
            any(),
            "2 → 1, its pods are still serving",
        ),
        (
            "a DaemonSet without any evidence",
            of_agent().pod(agent_pod("b", "v2").running(0, 0)),
            any(),
            known,
        ),
        ("named", of_agent(), named(), "2 → 1, named by you"),
        (
            "already in place",
            of_agent().at_version("v1"),
            named(),
            "already at 1",
        ),
    ];
    for (says, past, request, expected) in rows {
        assert_eq!(past.words(&request), expected, "{says}");
    }
}

#[test]
fn of_two_revisions_with_one_template_the_controller_takes_the_newer() {
    let twice = of_set(db(), stateful_set().version("v3"));
    let mut twice = twice.revision("v3", 4).revision("v3-twin", 3);
    twice.revision_objects.remove(1);
    for object in &mut twice.revision_objects {
        if object["metadata"]["name"] == "db-v3-twin" {
            object["data"] = stateful_set().revision_json("v1", 1)["data"].take();
        }
    }
    let named = Request {
        to_revision: Some(Revision(1)),
        ..Request::default()
    };
    assert_eq!(twice.plan_for(&named).to.revision, Revision(3));
}

#[test]
fn a_template_is_restored_without_what_makes_it_a_patch() {
    for past in [of_db(), of_agent().marked("v1", 60)] {
        let plan = past.plan();
        assert_eq!(plan.target_template(), &crate::testing::template("v1"));
    }
}

#[test]
fn a_template_that_the_controller_alone_knows_is_told_by_what_it_wrote() {
    let memory = "/spec/template/spec/containers/0/resources/limits/memory";
    let spelled = of_db().with(memory, json!("65536Ki"));
    assert!(spelled.words(&Request::default()).starts_with("2 → 1"));
    // What the controller has not read yet may be another template: it gets a number of its own.
    let behind = spelled.with("/metadata/generation", json!(9));
    assert!(behind.words(&Request::default()).starts_with("3 → 1"));
}

#[test]
fn a_set_that_has_healed_is_left_alone() {
    let approved = Request {
        approval: Some(of_db().plan().approval()),
        ..Request::default()
    };
    let healed = stateful_set().counts(3, 3, 3);
    let healed = of_set(db(), healed).with("/status/currentRevision", json!("db-v2"));
    assert!(healed.words(&approved).contains("has become healthy"));
    assert!(of_db().words(&approved).starts_with("2 → 1"));
    let daemon = daemon_set().counts(3, 3, 3);
    assert!(of_set(crate::testing::agent(), daemon).history().complete());
}
