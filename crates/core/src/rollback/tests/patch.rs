//! The change, and reading back what became of it.

use serde_json::Value;

use super::past::{Past, of_agent, of_web};
use crate::rollback::{ReadBack, Request, is_own, read_back};
use crate::testing::at;

fn failing() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0)
}

fn by(run: &str) -> Request {
    Request {
        run: run.into(),
        ..Request::default()
    }
}

#[test]
fn the_change_leads_from_what_was_judged_to_the_target() {
    insta::assert_json_snapshot!(failing().plan_for(&by("run 7")));
}

#[test]
fn a_workload_without_annotations_gets_the_map_first() {
    let mut bare = of_agent().marked("v1", 60);
    bare.object["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("annotations");
    let change = bare.plan().template_change;
    assert!(change.creates_annotations);
    assert_eq!(change.removed_annotation, None);
    assert_eq!(change.added_annotation().0, "rollguard.dev/restored");
    assert_eq!(change.cleared_annotation(), "kubernetes.io/change-cause");
}

#[test]
fn after_an_unknown_outcome_the_cluster_is_read_back() {
    let plan = failing().plan();
    let with = |version| {
        of_web()
            .at_version(version)
            .had("v1", 1, 2)
            .had("v2", 2, 0)
            .had("v3", 3, 0)
    };
    let memory = "/spec/template/spec/containers/0/resources/limits/memory";
    let rows = [
        ("the patch went through", with("v1"), ReadBack::Applied),
        (
            "it went through, and the server spells it otherwise",
            with("v1")
                .with(memory, Value::from("65536Ki"))
                .annotated("deployment.kubernetes.io/revision", "1"),
            ReadBack::Applied,
        ),
        ("the patch never arrived", with("v2"), ReadBack::Untouched),
        ("somebody was faster", with("v3"), ReadBack::Superseded),
        (
            "created again",
            with("v2").with("/metadata/uid", Value::from("d-2")),
            ReadBack::Superseded,
        ),
    ];
    for (says, past, expected) in rows {
        assert_eq!(read_back(&plan, &past.history()), expected, "{says}");
    }
}

#[test]
fn whose_rollback_it_was_is_written() {
    let at_second = |run: &str, second| Request {
        now: at(second),
        ..by(run)
    };
    let long = "x".repeat(1000);
    let rows = [
        ("this run", at_second("run 5", 70), true),
        ("another", at_second("run 6", 70), false),
        (
            "one that calls itself the same",
            at_second("run 5", 71),
            false,
        ),
        ("with a name that was cut", at_second(&long, 70), true),
    ];
    for (says, request, own) in rows {
        let written = if own {
            &request
        } else {
            &at_second("run 5", 70)
        };
        let back = of_web()
            .at_version("v1")
            .had("v1", 3, 2)
            .had("v2", 2, 0)
            .restored_by("v1", "v2", written);
        let plan = failing().plan_for(&request);
        assert_eq!(is_own(&plan, &back.history()), own, "{says}");
    }
}
