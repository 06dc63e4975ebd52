//! Every decision as a named row.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use serde_json::{Value, json};

use super::*;
use crate::testing::{deployment, replica_set_json, web};

fn history(deployment: Value, sets: &[(&str, u64, i32)]) -> History {
    let sets = sets
        .iter()
        .map(|(version, revision, ready)| replica_set_json(version, *revision, (*ready, *ready)));
    History::new(deployment, sets.collect())
}

/// v1 serves with two pods, v2 does not come up.
fn failing() -> History {
    history(
        deployment("web").counts(2, 3, 1, 2).json(),
        &[("v1", 1, 2), ("v2", 2, 0)],
    )
}

fn handover() -> Handover {
    match decide(&web(), &failing(), &Request::default()) {
        RollbackDecision::Apply(plan) => plan.handover(),
        other @ (RollbackDecision::Already(_) | RollbackDecision::Refuse(_)) => {
            panic!("no plan: {other:?}")
        }
    }
}

fn approved() -> Request {
    Request {
        handover: Some(handover()),
        ..Request::default()
    }
}

fn to(revision: u64) -> Request {
    Request {
        to_revision: Some(Revision(revision)),
        ..Request::default()
    }
}

/// The decision in few words.
fn words(history: &History, request: &Request) -> String {
    match decide(&web(), history, request) {
        RollbackDecision::Apply(plan) => format!(
            "{} → {}, {}",
            plan.from.revision, plan.to.revision, plan.chosen_by
        ),
        RollbackDecision::Already(id) => format!("already at {}", id.revision),
        RollbackDecision::Refuse(refusal) => refusal.to_string(),
    }
}

#[test]
fn the_target_is_chosen_by_evidence() {
    let v3 = || deployment("web").version("v3").counts(2, 3, 1, 2);
    let rows = [
        (
            "a bad release after a good one",
            failing(),
            Request::default(),
            "2 → 1, its pods are still serving",
        ),
        (
            "two bad releases after a good one: not to the second-highest",
            history(v3().json(), &[("v1", 1, 2), ("v2", 2, 0), ("v3", 3, 0)]),
            Request::default(),
            "3 → 1, its pods are still serving",
        ),
        (
            "after a rollback the good revision bears the highest number",
            history(v3().json(), &[("v1", 3, 2), ("v2", 2, 0), ("v3", 4, 0)]),
            Request::default(),
            "4 → 3, its pods are still serving",
        ),
        (
            "no former pod serves any more",
            history(
                deployment("web").counts(2, 2, 2, 2).json(),
                &[("v1", 1, 0), ("v2", 2, 2)],
            ),
            Request::default(),
            "no former revision is known to be good; revisions: 2 (registry.test/app:v2), 1 (registry.test/app:v1)",
        ),
        (
            "a person names the revision",
            history(
                deployment("web").counts(2, 2, 2, 2).json(),
                &[("v1", 1, 0), ("v2", 2, 2)],
            ),
            to(1),
            "2 → 1, named by you",
        ),
        (
            "no former pod serves any more, but the check saw it serve",
            history(
                deployment("web").counts(2, 2, 2, 0).json(),
                &[("v0", 1, 0), ("v1", 2, 0), ("v2", 3, 0)],
            ),
            Request {
                served: Some("rs-v0".into()),
                ..Request::default()
            },
            "3 → 1, its pods were serving when the check began",
        ),
        (
            "a revision that does not exist",
            failing(),
            to(9),
            "revision 9 does not exist; revisions: 2 (registry.test/app:v2), 1 (registry.test/app:v1)",
        ),
        (
            "the present revision is named",
            failing(),
            to(2),
            "already at 2",
        ),
        (
            "only one revision",
            history(deployment("web").json(), &[("v2", 1, 0)]),
            Request::default(),
            "there is nothing to roll back to: the Deployment has only one revision",
        ),
        (
            "paused",
            history(
                deployment("web").paused().json(),
                &[("v1", 1, 2), ("v2", 2, 0)],
            ),
            Request::default(),
            "the Deployment is paused; the controller would not act on a rollback",
        ),
        (
            "the controller is behind",
            history(v3().generation(3, 2).json(), &[("v1", 1, 2), ("v2", 2, 0)]),
            Request::default(),
            "the controller has not created the ReplicaSet of the present template yet",
        ),
    ];
    for (says, history, request, expected) in rows {
        assert_eq!(words(&history, &request), expected, "{says}");
    }
}

#[test]
fn an_approval_holds_for_exactly_what_was_checked() {
    let healed = deployment("web").counts(2, 2, 2, 2).condition(
        "Progressing",
        "True",
        ("NewReplicaSetAvailable", ""),
    );
    let mut replaced = failing().deployment().clone();
    replaced["metadata"]["uid"] = json!("d-2");
    let mut foreign = replica_set_json("v1", 1, (2, 2));
    foreign["metadata"]["ownerReferences"][0]["uid"] = json!("d-2");
    let superseded = "a newer rollout began since the check; it is left alone";
    let rows = [
        (
            "still as it was",
            failing(),
            "2 → 1, handed over by the check",
        ),
        (
            "the job runs again after its success",
            history(
                deployment("web").version("v1").json(),
                &[("v1", 3, 2), ("v2", 2, 0)],
            ),
            "already at 3",
        ),
        (
            "somebody deployed v3 meanwhile",
            history(
                deployment("web").version("v3").json(),
                &[("v1", 1, 2), ("v2", 2, 0), ("v3", 3, 0)],
            ),
            superseded,
        ),
        (
            "v3 was applied this very moment",
            history(
                deployment("web").version("v3").generation(3, 2).json(),
                &[("v1", 1, 2), ("v2", 2, 0)],
            ),
            superseded,
        ),
        (
            "deleted and made anew",
            History::new(replaced, vec![foreign]),
            superseded,
        ),
        (
            "the bad rollout healed meanwhile",
            history(healed.json(), &[("v1", 1, 0), ("v2", 2, 2)]),
            "the rollout has become healthy since the check; there is nothing to undo",
        ),
        (
            "the target was cleaned up",
            history(deployment("web").json(), &[("v2", 2, 0)]),
            "the approved revision 1 is gone from the history; revisions: 2 (registry.test/app:v2)",
        ),
    ];
    for (says, history, expected) in rows {
        assert_eq!(words(&history, &approved()), expected, "{says}");
    }
}

#[test]
fn what_a_rollback_restored_is_not_given_up_for_what_had_failed() {
    let mut restored = replica_set_json("v1", 3, (1, 1));
    restored["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = json!("1");
    restored["metadata"]["annotations"]["kubernetes.io/change-cause"] =
        json!("rollguard: rolled back by x");
    let sets = vec![restored, replica_set_json("v2", 2, (2, 2))];
    let history = History::new(deployment("web").version("v1").json(), sets);
    let said = words(&history, &Request::default());
    assert!(
        said.starts_with("the present revision was restored by a rollback"),
        "{said}"
    );
}

#[test]
fn a_proposal_is_about_the_revision_that_was_judged() {
    let judged = |uid: &str| Request {
        judged: Some(uid.to_owned()),
        ..Request::default()
    };
    assert_eq!(
        words(&failing(), &judged("rs-v2")),
        "2 → 1, its pods are still serving"
    );
    for other in ["rs-v9", ""] {
        let said = words(&failing(), &judged(other));
        assert_eq!(
            said,
            "a newer rollout began since the check; it is left alone"
        );
    }
}

#[test]
fn a_quantity_in_another_spelling_is_the_same_revision() {
    let mut spelled = deployment("web").json();
    spelled["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] =
        json!("65536Ki");
    assert_eq!(
        words(
            &history(spelled, &[("v1", 1, 2), ("v2", 2, 0)]),
            &Request::default()
        ),
        "2 → 1, its pods are still serving"
    );
}

#[test]
fn evidence_of_another_workload_is_refused() {
    let mut other = handover();
    other.workload.name = "api".into();
    let request = Request {
        handover: Some(other),
        ..Request::default()
    };
    let says = "the evidence is about deployment/api in namespace shop, not about this workload";
    assert_eq!(words(&failing(), &request), says);
}

#[test]
fn the_patch_tests_before_it_replaces() {
    let RollbackDecision::Apply(plan) = decide(
        &web(),
        &failing(),
        &Request {
            cause: "run 7".into(),
            ..Request::default()
        },
    ) else {
        panic!("no plan")
    };
    insta::assert_json_snapshot!(plan);
}

#[test]
fn a_deployment_without_annotations_gets_the_map_first() {
    let mut bare = deployment("web").json();
    bare["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("annotations");
    let history = history(bare, &[("v1", 1, 2), ("v2", 2, 0)]);
    let RollbackDecision::Apply(plan) = decide(&web(), &history, &Request::default()) else {
        panic!("no plan")
    };
    let paths: Vec<&str> = plan
        .patch
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["path"].as_str())
        .collect();
    assert_eq!(
        paths[3..],
        [
            "/metadata/annotations",
            "/metadata/annotations/kubernetes.io~1change-cause"
        ]
    );
}

#[test]
fn after_an_unknown_outcome_the_cluster_is_read_back() {
    let RollbackDecision::Apply(plan) = decide(&web(), &failing(), &Request::default()) else {
        panic!("no plan")
    };
    let with = |version| {
        history(
            deployment("web").version(version).json(),
            &[("v1", 1, 2), ("v2", 2, 0)],
        )
    };
    let rows = [
        ("the patch went through", with("v1"), ReadBack::Applied),
        ("the patch never arrived", with("v2"), ReadBack::Untouched),
        ("somebody was faster", with("v3"), ReadBack::Superseded),
    ];
    for (says, history, expected) in rows {
        assert_eq!(read_back(&plan, &history), expected, "{says}");
    }
}

#[test]
fn changes_name_what_a_person_wants_to_see_and_no_values() {
    let from = json!({"metadata": {}, "spec": {"serviceAccountName": "a", "containers": [
        {"name": "app", "image": "app:2", "env": [{"name": "TOKEN", "value": "hunter2"}, {"name": "NEW", "value": "x"}], "args": ["-v"]},
        {"name": "gone", "image": "x"}]}});
    let to = json!({"metadata": {}, "spec": {"containers": [
        {"name": "app", "image": "app:1", "env": [{"name": "TOKEN", "value": "hunter1"}]}]}});
    let said: Vec<String> = changes(&from, &to)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "container `app`: image: app:2 → app:1",
            "container `app`: environment variable `NEW` goes",
            "container `app`: environment variable `TOKEN` changes",
            "container `app`: args changes",
            "container `gone` goes",
            "pod: `serviceAccountName` changes",
        ]
    );
    assert!(!said.join(" ").contains("hunter"));
}

#[test]
fn a_handover_survives_its_journey_and_refuses_others() {
    let handover = handover();
    assert_eq!(
        Handover::parse(&handover.to_json().unwrap()).unwrap(),
        handover
    );
    let newer = handover
        .to_json()
        .unwrap()
        .replace("\"version\":1", "\"version\":2");
    for wrong in ["", "{}", "$(evidence)", newer.as_str()] {
        assert!(Handover::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_was_bad_although_complete_is_not_called_healed() {
    let complete = || {
        let workload = deployment("web").counts(2, 2, 2, 2);
        let workload = workload.condition("Progressing", "True", ("NewReplicaSetAvailable", ""));
        history(workload.json(), &[("v1", 1, 0), ("v2", 2, 2)])
    };
    let served = Request {
        served: Some("rs-v1".into()),
        ..Request::default()
    };
    let RollbackDecision::Apply(plan) = decide(&web(), &complete(), &served) else {
        panic!("a pod that answers 500 can be rolled back");
    };
    let approved_then = Request {
        handover: Some(plan.handover()),
        ..Request::default()
    };
    assert_eq!(
        words(&complete(), &approved_then),
        "2 → 1, handed over by the check"
    );
    // Bad by its counts, and complete by now: nothing to undo.
    assert!(words(&complete(), &approved()).contains("healthy"));
}
