//! Which revision is chosen, and when none is.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use serde_json::json;

use super::past::{Past, of, of_agent, of_db, of_web};
use crate::approval::HealthCriteria;
use crate::rollback::{Request, RollbackDecision, decide};
use crate::testing::{
    PodBuilder, agent_pod, at, daemon_set, deployment, pod_of, replica_set_json, web,
};
use crate::workload::Revision;

/// v1 serves with two pods, v2 does not come up.
fn failing() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0)
}

fn approved() -> Request {
    Request {
        approval: Some(failing().plan().approval()),
        ..Request::default()
    }
}

fn to(revision: u64) -> Request {
    Request {
        to_revision: Some(Revision(revision)),
        ..Request::default()
    }
}

fn served(uid: &str) -> Request {
    Request {
        served: Some(uid.into()),
        ..Request::default()
    }
}

fn judged(uid: &str) -> Request {
    Request {
        judged: Some(uid.to_owned()),
        ..Request::default()
    }
}

fn any() -> Request {
    Request::default()
}

const KNOWN: &str = "revisions: 2 (registry.test/app:v2), 1 (registry.test/app:v1)";

#[test]
fn the_target_is_chosen_by_evidence() {
    let rows = [
        (
            "a bad release after a good one",
            failing(),
            any(),
            "2 → 1, its pods are still serving",
        ),
        (
            "two bad releases after a good one: not to the second-highest",
            of_web()
                .at_version("v3")
                .had("v1", 1, 2)
                .had("v2", 2, 0)
                .had("v3", 3, 0),
            any(),
            "3 → 1, its pods are still serving",
        ),
        (
            "two bad releases after a good one that a check has marked, and nothing of it serves",
            of_web()
                .at_version("v3")
                .had("v1", 1, 0)
                .had("v2", 2, 2)
                .had("v3", 3, 0)
                .marked("v1", 60),
            any(),
            "3 → 1, a check found it healthy",
        ),
        (
            "two were found healthy: the one found so last, whatever its number",
            of_web()
                .at_version("v3")
                .had("v1", 2, 0)
                .had("v2", 1, 0)
                .had("v3", 3, 0)
                .marked("v1", 60)
                .marked("v2", 90),
            any(),
            "3 → 1, a check found it healthy",
        ),
        (
            "after a rollback the good revision has the highest number",
            of_web()
                .at_version("v3")
                .had("v1", 3, 2)
                .had("v2", 2, 0)
                .had("v3", 4, 0),
            any(),
            "4 → 3, its pods are still serving",
        ),
        (
            "no former pod serves any more, and no check marked one",
            of_web().had("v1", 1, 0).had("v2", 2, 2),
            any(),
            &format!("no former revision is known to be good; {KNOWN}"),
        ),
        (
            "a person names the revision",
            of_web().had("v1", 1, 0).had("v2", 2, 2),
            to(1),
            "2 → 1, named by you",
        ),
        (
            "a person names another than the marked one",
            of_web()
                .at_version("v3")
                .had("v1", 1, 0)
                .had("v2", 2, 0)
                .had("v3", 3, 2)
                .marked("v1", 60),
            to(2),
            "3 → 2, named by you",
        ),
        (
            "no former pod serves any more, but the check saw it serve",
            of_web().had("v0", 1, 0).had("v1", 2, 0).had("v2", 3, 0),
            served("rs-v0"),
            "3 → 1, its pods were serving when the check began",
        ),
        (
            "a revision that does not exist",
            failing(),
            to(9),
            &format!("revision 9 does not exist; {KNOWN}"),
        ),
        (
            "the present revision is named",
            failing(),
            to(2),
            "already at 2",
        ),
        (
            "only one revision is kept",
            of_web().had("v2", 1, 0),
            any(),
            "there is nothing to roll back to: only one revision is known; revisions: 1 (registry.test/app:v2)",
        ),
        (
            "paused",
            of(web(), deployment("web").paused().json())
                .had("v1", 1, 2)
                .had("v2", 2, 0),
            any(),
            "the Deployment is paused; the controller would not act on a rollback",
        ),
        (
            "being deleted",
            failing().with("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")),
            any(),
            "the workload is being deleted",
        ),
        (
            "the API server refuses the new ReplicaSet: the former one exists all the same",
            of_web()
                .at_version("v3")
                .with("/metadata/generation", json!(3))
                .had("v1", 1, 2)
                .had("v2", 2, 0),
            any(),
            "3 → 1, its pods are still serving",
        ),
    ];
    for (says, past, request, expected) in rows {
        assert_eq!(past.words(&request), expected, "{says}");
    }
}

#[test]
fn what_is_known_to_be_good_is_not_left_without_a_word() {
    let good = || {
        of_web()
            .had("v1", 1, 0)
            .had("v2", 2, 2)
            .marked("v1", 60)
            .marked("v2", 90)
    };
    let refused = "the present revision 2 was found healthy by a check and is complete";
    let rows = [
        (
            "healthy, and nobody said why",
            good().complete(),
            any(),
            refused,
        ),
        (
            "healthy then, and not complete now",
            good(),
            any(),
            "2 → 1, a check",
        ),
        (
            "a check has just found it bad",
            good().complete(),
            judged_with_served(),
            "2 → 1, a check",
        ),
        (
            "a person names the revision",
            good().complete(),
            to(1),
            "2 → 1, named by you",
        ),
    ];
    for (says, past, request, expected) in rows {
        let said = past.words(&request);
        assert!(said.starts_with(expected), "{says}: {said}");
    }
}

#[test]
fn run_again_a_rollback_leaves_what_was_deployed_since() {
    let by = |run: &str| Request {
        run: run.into(),
        ..any()
    };
    let named = |run: &str| Request {
        to_revision: Some(Revision(3)),
        ..by(run)
    };
    // Run 5 went from v2 back to v1, and v3 was deployed.
    let since = of_web()
        .at_version("v3")
        .had("v1", 3, 0)
        .had("v2", 2, 0)
        .had("v3", 4, 1)
        .marked("v1", 60)
        .restored("v1", "v2");
    let again = of_web()
        .at_version("v2")
        .had("v1", 3, 2)
        .had("v2", 4, 0)
        .marked("v1", 60)
        .restored("v1", "v2");
    let newer = "this run has rolled back before, and another revision was deployed since";
    let rows = [
        ("the same run", since.clone(), by("run 5"), newer),
        (
            "the same run, to a named revision",
            since.clone(),
            named("run 5"),
            "4 → 3, named by you",
        ),
        (
            "another run",
            since.clone(),
            by("run 6"),
            "4 → 3, a check found it healthy",
        ),
        (
            "another run, to a named one",
            since,
            named("run 6"),
            "4 → 3, named by you",
        ),
        (
            "the same run, which has deployed the bad one again",
            again,
            by("run 5"),
            "4 → 3, a check found it healthy",
        ),
    ];
    for (says, past, request, expected) in rows {
        let said = past.words(&request);
        assert!(said.starts_with(expected), "{says}: {said}");
    }
}

#[test]
fn a_mark_that_a_killed_run_left_on_the_bad_revision_is_taken_away_by_the_next() {
    // Rolled back at second 70.
    let back = of_web()
        .at_version("v1")
        .had("v1", 3, 2)
        .had("v2", 2, 0)
        .restored("v1", "v2");
    let rows = [
        ("marked before", back.clone().marked("v2", 60), true),
        ("found healthy since", back.clone().marked("v2", 80), false),
        ("never marked", back, false),
    ];
    for (says, past, expected) in rows {
        let RollbackDecision::Already(already) = past.decide(&any()) else {
            panic!("{says}: not in place");
        };
        let found = already.unmark.map(|it| it.uid);
        assert_eq!(found.as_deref(), expected.then_some("rs-v2"), "{says}");
    }
}

#[test]
fn healed_is_no_less_than_what_the_check_wanted() {
    let healed = "the rollout has become healthy since the check; there is nothing to undo";
    let goes = "2 → 1, named in the check's evidence";
    let unproven = "the rollout has become complete since the check, but its HTTP checks have not been repeated";
    let both = of_web().complete().had("v1", 1, 0).had("v2", 2, 2);
    let pods = |pod: PodBuilder| both.clone().pod(pod).pod(pod_of("b", "v2").ready(100));
    let up = || pods(pod_of("a", "v2").ready(100));
    let wanted = |http, stable_for_seconds| {
        let mut request = approved_at(150);
        let approval = request.approval.as_mut().unwrap();
        approval.standard = HealthCriteria {
            http,
            stable_for_seconds,
        };
        request
    };
    let long_ago = json!({"terminated":
        {"exitCode": 137, "startedAt": at(0), "finishedAt": at(11 * 60)}});
    let restarted = pod_of("a", "v2")
        .ready(12 * 60)
        .with("/status/containerStatuses/0/restartCount", json!(1))
        .with("/status/containerStatuses/0/lastState", long_ago);
    let evicted = |life| {
        let ended = json!({"terminated": {"exitCode": 137, "finishedAt": at(life)}});
        let pod = pod_of("evicted", "v2")
            .ready(0)
            .with("/status/phase", json!("Failed"));
        let evicted = pod.with("/status/containerStatuses/0/state", ended);
        let [a, b] = ["a", "b"].map(|name| pod_of(name, "v2").made(100).ready(110));
        both.clone().pod(a).pod(b).pod(evicted)
    };
    let hours_later = Request {
        now: at(60 * 60),
        ..wanted(false, 10)
    };
    let rows = [
        (
            "up for as long as it wanted",
            up(),
            wanted(false, 50),
            healed,
        ),
        ("up, but not for as long", up(), wanted(false, 51), goes),
        (
            "up, and nobody has asked over HTTP",
            up(),
            wanted(true, 10),
            unproven,
        ),
        (
            "one pod ended after a long run, long ago",
            pods(restarted),
            hours_later,
            healed,
        ),
        (
            "its pods live longer than the one that was evicted",
            evicted(40),
            wanted(false, 10),
            healed,
        ),
        (
            "its pods may be evicted as the one before them",
            evicted(41),
            wanted(false, 10),
            goes,
        ),
        (
            "fewer pods than there should be",
            both.clone().pod(pod_of("b", "v2").ready(100)),
            wanted(false, 10),
            goes,
        ),
    ];
    for (says, past, request, expected) in rows {
        assert_eq!(past.words(&request), expected, "{says}");
    }
}

#[test]
fn run_again_a_rollback_stays_where_it_is() {
    let back = || of_web().at_version("v1").had("v1", 3, 2).had("v2", 2, 0);
    let rows = [
        (
            "after a rollback",
            back().restored("v1", "v2"),
            any(),
            "already at 3",
        ),
        (
            "after a rollback of marked revisions",
            back()
                .had("v0", 1, 0)
                .marked("v0", 10)
                .marked("v1", 60)
                .restored("v1", "v2"),
            any(),
            "already at 3",
        ),
        (
            "a newer release failed since: what it says of the last rollback is about another",
            back().at_version("v3").had("v3", 4, 0).restored("v1", "v2"),
            any(),
            "4 → 3, its pods are still serving",
        ),
        (
            "what was restored is found bad in its turn: not back to what it replaced",
            of_web()
                .at_version("v1")
                .had("v1", 3, 0)
                .had("v2", 2, 1)
                .marked("v2", 60)
                .restored("v1", "v2"),
            judged("rs-v1"),
            "the present revision was restored by a rollback, and the revision that it replaced had failed; revisions: 3 (registry.test/app:v1), 2 (registry.test/app:v2)",
        ),
        (
            "what was restored is found bad, and an older one is known to be good",
            of_web()
                .at_version("v1")
                .had("v0", 1, 0)
                .had("v1", 3, 0)
                .had("v2", 2, 1)
                .marked("v0", 10)
                .restored("v1", "v2"),
            judged("rs-v1"),
            "3 → 1, a check found it healthy",
        ),
        (
            "the annotation came with another Deployment's manifest",
            failing().restored("v9", "v8"),
            any(),
            "2 → 1, its pods are still serving",
        ),
    ];
    for (says, past, request, expected) in rows {
        assert_eq!(past.words(&request), expected, "{says}");
    }
}

#[test]
fn an_approval_holds_for_exactly_what_was_checked() {
    let mut recreated = failing().with("/metadata/uid", json!("d-2"));
    for object in &mut recreated.revision_objects {
        object["metadata"]["ownerReferences"][0]["uid"] = json!("d-2");
    }
    let mut cleaned = of_web().had("v2", 2, 0);
    let mut foreign = replica_set_json("v1", 1, (2, 2));
    foreign["metadata"]["ownerReferences"][0]["uid"] = json!("d-2");
    cleaned.revision_objects.push(foreign);
    let superseded = "a newer rollout began after the check; it is left alone";
    let rows = [
        (
            "still as it was",
            failing(),
            "2 → 1, named in the check's evidence",
        ),
        (
            "the job runs again after its success",
            of_web().at_version("v1").had("v1", 3, 2).had("v2", 2, 0),
            "already at 3",
        ),
        (
            "somebody deployed v3 meanwhile",
            of_web()
                .at_version("v3")
                .had("v1", 1, 2)
                .had("v2", 2, 0)
                .had("v3", 3, 0),
            superseded,
        ),
        (
            "v3 was applied this very moment",
            of_web()
                .at_version("v3")
                .with("/metadata/generation", json!(3))
                .had("v1", 1, 2)
                .had("v2", 2, 0),
            superseded,
        ),
        ("deleted and created again", recreated, superseded),
        (
            "the bad rollout healed meanwhile",
            of_web().complete().had("v1", 1, 0).had("v2", 2, 2),
            "the rollout has become healthy since the check; there is nothing to undo",
        ),
        (
            "the target was cleaned up, and another Deployment's lies there",
            cleaned,
            "the approved revision 1 is gone from the history; revisions: 2 (registry.test/app:v2)",
        ),
    ];
    for (says, past, expected) in rows {
        assert_eq!(past.words(&approved()), expected, "{says}");
    }
}

#[test]
fn evidence_of_another_workload_is_refused() {
    let mut request = approved();
    if let Some(approval) = &mut request.approval {
        approval.workload.name = "api".into();
    }
    let says = "the evidence is about deployment/api in namespace shop, not about this workload";
    assert_eq!(failing().words(&request), says);
}

#[test]
fn a_proposal_is_about_the_revision_that_was_judged() {
    assert_eq!(
        failing().words(&judged("rs-v2")),
        "2 → 1, its pods are still serving"
    );
    for other in ["rs-v9", ""] {
        assert_eq!(
            failing().words(&judged(other)),
            "a newer rollout began after the check; it is left alone"
        );
    }
}

/// A ReplicaSet of v2 was never created: the API server refuses it.
fn without_object() -> Past {
    of_web()
        .with("/metadata/generation", json!(2))
        .had("v1", 1, 2)
}

/// A check has judged the template of which no revision object exists.
fn judged_template(past: &Past) -> Request {
    let fingerprint = past.history().typed().unwrap().template_fingerprint();
    judged(&fingerprint.unwrap())
}

#[test]
fn a_revision_without_an_object_is_rolled_back_and_told_from_others() {
    let refused = without_object();
    let goes = "2 → 1, its pods are still serving";
    let request = judged_template(&refused);
    assert_eq!(refused.words(&request), goes);
    assert_eq!(refused.words(&any()), goes);
    assert_eq!(refused.words(&to(1)), "2 → 1, named by you");
    let plan = refused.plan_for(&request);
    assert_eq!(plan.from.title(), "2 (not created)");
    let approved = Request {
        approval: Some(plan.approval()),
        ..any()
    };
    let approved_words = "2 → 1, named in the check's evidence";
    let rows = [
        ("still refused", refused.clone(), approved_words),
        (
            "scaled meanwhile",
            refused.clone().with("/spec/replicas", json!(5)),
            approved_words,
        ),
        (
            "created meanwhile, and not yet up",
            failing(),
            approved_words,
        ),
        (
            "another template meanwhile",
            refused.clone().at_version("v3"),
            "a newer rollout began after the check; it is left alone",
        ),
    ];
    for (says, past, expected) in rows {
        assert_eq!(past.words(&approved), expected, "{says}");
    }
    let other = refused.at_version("v3");
    assert_eq!(
        other.words(&request),
        "a newer rollout began after the check; it is left alone"
    );
}

#[test]
fn the_record_of_a_revision_without_an_object_is_void_after_another_deployment() {
    let plan = without_object().plan();
    let record = plan.template_change.record.to_text();
    let annotation = crate::annotation::ROLLBACK_RECORD;
    let back = of_web()
        .at_version("v1")
        .had("v1", 1, 2)
        .annotated(annotation, &record);
    assert_eq!(back.words(&any()), "already at 1");
    assert!(back.history().restored().is_some());
    let undone_by_hand = of_web()
        .at_version("v1")
        .had("v1", 3, 2)
        .had("v3", 2, 0)
        .annotated(annotation, &record);
    assert!(undone_by_hand.history().restored().is_none());
}

#[test]
fn a_quantity_in_another_spelling_is_the_same_revision() {
    let memory = "/spec/template/spec/containers/0/resources/limits/memory";
    let spelled = failing().with(memory, json!("65536Ki"));
    assert_eq!(spelled.words(&any()), "2 → 1, its pods are still serving");
    assert_eq!(spelled.words(&to(2)), "already at 2");
}

#[test]
fn what_was_bad_although_complete_is_not_called_healed() {
    let complete = of_web().complete().had("v1", 1, 0).had("v2", 2, 2);
    let plan = complete.plan_for(&served("rs-v1"));
    let approved_then = Request {
        approval: Some(plan.approval()),
        ..any()
    };
    assert_eq!(
        complete.words(&approved_then),
        "2 → 1, named in the check's evidence"
    );
    // Bad by its counts, and complete by now: nothing to undo.
    assert!(complete.words(&approved()).contains("healthy"));
}

/// A pod of v2 that became ready at a second, after a run of 20 s that ended.
fn up_again(ready: u64) -> PodBuilder {
    let ended = json!({"exitCode": 1, "startedAt": at(100), "finishedAt": at(120)});
    pod_of("a", "v2")
        .ready(ready)
        .with("/status/containerStatuses/0/restartCount", json!(4))
        .with(
            "/status/containerStatuses/0/lastState",
            json!({"terminated": ended}),
        )
}

fn approved_at(second: u64) -> Request {
    Request {
        evidence_at: Some(at(90)),
        now: at(second),
        ..approved()
    }
}

#[test]
fn healed_is_what_has_stayed_up() {
    let both = of_web().complete().had("v1", 1, 0).had("v2", 2, 2);
    let complete = || both.clone().pod(pod_of("b", "v2").ready(100));
    let zero = complete()
        .with("/spec/replicas", json!(0))
        .with("/status/replicas", json!(0))
        .with("/status/updatedReplicas", json!(0))
        .with("/status/availableReplicas", json!(0));
    let goes = "2 → 1, named in the check's evidence";
    let healed = "the rollout has become healthy since the check; there is nothing to undo";
    let rows = [
        (
            "ready between two crashes",
            complete().pod(up_again(130)),
            140,
            goes,
            Some(160),
        ),
        (
            "ready for longer than it ran before",
            complete().pod(up_again(130)),
            161,
            healed,
            None,
        ),
        (
            "ready since the first",
            complete().pod(pod_of("a", "v2").ready(100)),
            120,
            healed,
            None,
        ),
        (
            "just ready",
            complete().pod(pod_of("a", "v2").ready(100)),
            105,
            goes,
            Some(110),
        ),
        (
            "not ready",
            complete().pod(pod_of("a", "v2").running(100, 0)),
            200,
            goes,
            None,
        ),
        (
            "scaled to zero, so that it harms nobody",
            zero,
            200,
            goes,
            None,
        ),
    ];
    // And from when it would count as healed, should it stay as it is.
    for (says, past, now, expected, from) in rows {
        let approved = approved_at(now);
        assert_eq!(past.words(&approved), expected, "{says}");
        if let RollbackDecision::Apply(plan) = past.decide(&approved) {
            assert_eq!(plan.healed_at, from.map(at), "{says}");
        }
    }
}

#[test]
fn what_a_later_check_found_healthy_is_not_undone() {
    let bad_then = of_web().complete().had("v1", 1, 0).had("v2", 2, 2);
    let plan = bad_then.plan_for(&judged_with_served());
    let approved = |past: &Past| {
        past.words(&Request {
            approval: Some(plan.approval()),
            evidence_at: Some(at(90)),
            now: at(120),
            ..any()
        })
    };
    assert_eq!(approved(&bad_then), "2 → 1, named in the check's evidence");
    let before = bad_then.clone().marked("v2", 80);
    assert_eq!(approved(&before), "2 → 1, named in the check's evidence");
    let since = bad_then.marked("v2", 100);
    assert!(approved(&since).contains("has become healthy"));
}

/// A check found v2 bad although its counts were complete, and saw v1 serve before.
fn judged_with_served() -> Request {
    Request {
        served: Some("rs-v1".into()),
        judged_complete: true,
        ..judged("rs-v2")
    }
}

#[test]
fn what_completed_while_the_check_explained_itself_is_not_proposed() {
    let complete = of_web()
        .complete()
        .had("v1", 1, 0)
        .had("v2", 2, 2)
        .pod(pod_of("a", "v2").ready(100))
        .pod(pod_of("b", "v2").ready(100));
    let request = |judged_complete, now| Request {
        judged_complete,
        now: at(now),
        ..judged_with_served()
    };
    assert!(
        complete
            .words(&request(false, 120))
            .contains("has become healthy")
    );
    assert!(complete.words(&request(true, 120)).starts_with("2 → 1"));
    assert!(complete.words(&request(false, 105)).starts_with("2 → 1"));
    assert!(
        !complete.plan_for(&request(false, 105)).complete,
        "as it was judged"
    );
}

#[test]
fn the_same_revision_deployed_again_is_another_rollout() {
    let again = of_web().had("v1", 3, 2).had("v2", 4, 0);
    let says = "a newer rollout began after the check; it is left alone";
    assert_eq!(again.words(&approved()), says);
}

#[test]
fn of_two_that_were_good_the_one_that_people_went_back_to_is_chosen() {
    let undone_by_hand = |serving: i32| {
        of_web()
            .at_version("v3")
            .had("v1", 3, serving)
            .had("v2", 2, 0)
            .had("v3", 4, 0)
            .marked("v1", 60)
            .marked("v2", 90)
    };
    assert_eq!(undone_by_hand(2).plan().to.name, "web-v1");
    assert_eq!(undone_by_hand(0).plan().to.name, "web-v2");
}

#[test]
fn the_note_of_a_rollback_is_void_once_something_else_was_deployed() {
    let later = of_web()
        .at_version("v1")
        .had("v1", 5, 0)
        .had("v2", 2, 0)
        .had("v3", 4, 2)
        .restored("v1", "v2");
    assert_eq!(later.words(&any()), "5 → 4, its pods are still serving");
    let used_again = of_web()
        .at_version("v1")
        .had("v1", 5, 0)
        .had("v2", 4, 2)
        .restored("v1", "v2");
    assert_eq!(
        used_again.words(&judged("rs-v1")),
        "5 → 4, its pods are still serving"
    );
    // What it replaced is no candidate, also under a release that came after it.
    let after_it = of_web()
        .at_version("v3")
        .had("v1", 3, 1)
        .had("v2", 2, 2)
        .had("v3", 4, 0)
        .restored("v1", "v2");
    assert_eq!(after_it.plan().to.name, "web-v1");
}

#[test]
fn a_number_that_a_person_named_is_known_again_after_it_rose() {
    let back = |asked| {
        let request = Request {
            to_revision: asked,
            ..any()
        };
        of_web()
            .at_version("v1")
            .had("v1", 3, 2)
            .had("v2", 2, 0)
            .restored_by("v1", "v2", &request)
    };
    assert_eq!(back(Some(Revision(1))).words(&to(1)), "already at 3");
    let RollbackDecision::Already(already) = decide(&back(None).history(), &any()) else {
        panic!("not in place");
    };
    let numbers = (already.to.revision, already.present);
    assert_eq!(numbers, (Revision(1), Revision(3)), "as the first run said");
    assert!(
        back(None)
            .words(&to(1))
            .starts_with("revision 1 does not exist")
    );
}

/// The revision whose pods a check sees serving when it begins, and the one that a rollback takes
/// without any other evidence, are the same by one rule.
#[test]
fn a_check_and_a_rollback_agree_on_the_revision_that_serves() {
    let third = |past: Past| past.at_version("v3").had("v3", 3, 0);
    let not_available = {
        let mut past = failing();
        past.revision_object("v1")["status"]["availableReplicas"] = json!(0);
        past
    };
    let used_again = {
        let mut past = of_agent().at_version("v3");
        past.revision_objects
            .push(daemon_set().revision_json("v3", 4));
        past.revision_object("v1")["revision"] = json!(3);
        let old = |node, version| agent_pod(node, version).ready(0);
        past.pod(old("a", "v1")).pod(old("b", "v2"))
    };
    let rows = [
        ("one serves", failing(), Some("rs-v1")),
        (
            "two serve, one with more pods",
            third(of_web().had("v1", 1, 2).had("v2", 2, 1)),
            Some("rs-v1"),
        ),
        (
            "two serve alike: the younger",
            third(of_web().had("v1", 1, 1).had("v2", 2, 1)),
            Some("rs-v2"),
        ),
        (
            "ready, but not yet for `minReadySeconds`",
            not_available,
            None,
        ),
        (
            "an older one that was used again has the higher number",
            used_again,
            Some("cr-agent-v1"),
        ),
        (
            "of a StatefulSet, the one that was rolled out to the end",
            of_db(),
            Some("cr-db-v1"),
        ),
        (
            "none serves",
            of_web().had("v1", 1, 0).had("v2", 2, 0),
            None,
        ),
    ];
    for (says, past, expected) in rows {
        let history = past.history();
        let seen = history.rollout().and_then(|it| it.serving_before());
        assert_eq!(seen.map(|it| it.uid()), expected, "{says}: a check");
        let taken = match past.decide(&any()) {
            RollbackDecision::Apply(plan) => Some(plan.to.uid),
            RollbackDecision::Already(_) | RollbackDecision::Refuse(_) => None,
        };
        assert_eq!(taken.as_deref(), expected, "{says}: a rollback");
    }
}
