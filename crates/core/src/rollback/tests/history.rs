//! Histories of objects in which typed structs and raw JSON differ.

use serde_json::json;

use super::past::{Past, of_agent, of_db, of_web};
use crate::testing::{agent_pod, db_pod};

fn two() -> Past {
    of_web().had("v1", 1, 1).had("v2", 2, 1)
}

/// The ReplicaSet of `v1` with the template of `v2`.
fn twins() -> Past {
    let mut past = two();
    let template = past.revision_object("v2")["spec"]["template"].clone();
    past.revision_object("v1")["spec"]["template"] = template;
    past
}

fn current(past: &Past) -> Option<String> {
    past.history().current().map(|it| it.uid().to_owned())
}

#[test]
fn the_present_revision_holds_the_template_to_the_last_field() {
    let unknown = "/spec/template/spec/fieldOfAnotherVersion";
    let paused = |past: Past| past.with("/spec/paused", json!(true));
    let without_number = |past: Past| past.with("/metadata/annotations", json!({}));
    let rows = [
        ("equal", two(), Some("rs-v2")),
        (
            "a field that this build does not know, and the controller has made no revision of it",
            paused(two()).with(unknown, json!(true)),
            None,
        ),
        (
            "the same, and what the controller wrote decides",
            two().with(unknown, json!(true)),
            Some("rs-v2"),
        ),
        (
            "of two equal ones the one whose number the Deployment's annotation has",
            twins(),
            Some("rs-v2"),
        ),
        (
            "and where it has none the oldest",
            without_number(twins()),
            Some("rs-v1"),
        ),
    ];
    for (says, past, expected) in rows {
        assert_eq!(current(&past).as_deref(), expected, "{says}");
    }
}

#[test]
fn a_template_tells_before_the_controller_has_read_it() {
    for past in [of_db(), of_agent()] {
        let back = past.at_version("v1").with("/metadata/generation", json!(9));
        let history = back.history();
        assert!(!history.observed());
        let current = history.current().unwrap();
        assert!(current.name().ends_with("-v1"), "{}", current.name());
        assert_eq!(history.rollout().unwrap().new_uid(), None);
    }
}

#[test]
fn a_revision_has_the_pods_that_the_workload_controls() {
    let foreign = json!("s-9");
    let owner = "/metadata/ownerReferences/0/uid";
    let rows = [
        ("a set", of_db().pod(db_pod(0, "v1").ready(0)), 1),
        ("a daemon", of_agent().pod(agent_pod("a", "v1").ready(0)), 1),
        (
            "the label alone",
            of_db().pod(db_pod(0, "v1").ready(0).with(owner, foreign.clone())),
            0,
        ),
        (
            "the label alone, of a daemon",
            of_agent().pod(agent_pod("a", "v1").ready(0).with(owner, foreign)),
            0,
        ),
    ];
    for (says, past, expected) in rows {
        let history = past.history();
        let first = history.entries().last().unwrap();
        assert_eq!(first.pods().count(), expected, "{says}");
        assert_eq!(
            first.available(),
            u64::try_from(expected).unwrap(),
            "{says}"
        );
    }
}

#[test]
fn what_cannot_be_read_as_its_type_is_not_there() {
    let mut odd = two();
    odd.revision_object("v1")["status"]["availableReplicas"] = json!("two");
    let history = odd.history();
    assert_eq!(history.entries().count(), 1);
    assert_eq!(history.former().count(), 0);
    let unread = two().with("/spec/replicas", json!("two")).history();
    assert!(unread.typed().is_none() && unread.current().is_none() && !unread.complete());
}

#[test]
fn the_history_shows_what_serves_what_is_known_to_be_good_and_the_last_rollback() {
    let shown = |past: Past| {
        let lines = crate::report::history_lines(&past.history(), crate::testing::at(3600));
        let lines: Vec<String> = lines.iter().map(crate::report::Line::text).collect();
        lines.join("\n")
    };
    insta::assert_snapshot!("history_deployment", shown(two().marked("v1", 60)));
    insta::assert_snapshot!("history_rolled_back", shown(two().restored("v1", "v2")));
    assert_eq!(shown(of_web()), "deployment/web has no revision");
}
