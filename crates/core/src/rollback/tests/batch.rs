//! One plan for all, or none.

use serde_json::json;

use super::past::{Past, of_db, of_web};
use crate::rollback::{PreflightCode, PreflightFinding, Request, RollbackBatch, RollbackDecision};
use crate::testing::{at, db, web};

fn failing() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0)
}

fn batch(all: Vec<(crate::workload::WorkloadRef, RollbackDecision)>) -> RollbackBatch {
    let mut batch = RollbackBatch::default();
    for (workload, decision) in all {
        batch.add(&workload, decision);
    }
    batch
}

fn decision(past: &Past) -> RollbackDecision {
    past.decide(&Request::default())
}

#[test]
fn one_that_may_not_go_back_holds_the_others() {
    let both = batch(vec![
        (web(), decision(&failing())),
        (db(), decision(&of_db())),
    ]);
    assert!(!both.is_refused());
    assert_eq!(both.plans.len(), 2);
    let paused = of_db().with("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z"));
    let one = batch(vec![
        (web(), decision(&failing())),
        (db(), decision(&paused)),
    ]);
    assert!(one.is_refused());
    assert_eq!(
        one.why_not(),
        "statefulset/db: the workload is being deleted; deployment/web could be rolled back, but is held up"
    );
}

#[test]
fn a_finding_of_weight_is_an_objection_and_a_warning_is_none() {
    let with = |finding| {
        let mut plan = failing().plan();
        plan.add_findings([finding]);
        batch(vec![(web(), RollbackDecision::Apply(Box::new(plan)))])
    };
    let refused =
        with(PreflightFinding::refusal(PreflightCode::MissingSecret, "gone").hint("make it"));
    assert_eq!(refused.why_not(), "gone (MissingSecret)");
    assert_eq!(refused.objections[0].1.hint(), Some("make it"));
    assert!(!with(PreflightFinding::warning(PreflightCode::QuotaFull, "full")).is_refused());
}

#[test]
fn what_heals_soon_is_waited_for() {
    let heals = |seconds: &[Option<u64>]| {
        let plan = |second: &Option<u64>| {
            let mut plan = failing().plan();
            plan.healed_at = second.map(at);
            (web(), RollbackDecision::Apply(Box::new(plan)))
        };
        let batch = batch(seconds.iter().map(plan).collect());
        batch.heals_by(at(30)).map(|(_, at)| at)
    };
    assert_eq!(heals(&[None]), None);
    assert_eq!(heals(&[Some(10), Some(20), None]), Some(at(20)));
    assert_eq!(heals(&[Some(31)]), None, "too long");
}

#[test]
fn a_job_that_runs_again_finds_some_of_them_done() {
    let done = of_web()
        .at_version("v1")
        .had("v1", 3, 2)
        .had("v2", 2, 0)
        .restored("v1", "v2");
    let half = batch(vec![(web(), decision(&done)), (db(), decision(&of_db()))]);
    assert!(!half.is_refused());
    assert_eq!((half.plans.len(), half.already.len()), (1, 1));
    assert_eq!(half.already[0].run.as_deref(), Some("run 5"));
}

#[test]
fn what_a_person_saw_is_what_is_done() {
    let shown = batch(vec![(web(), decision(&failing()))]);
    assert!(batch(vec![(web(), decision(&failing()))]).is_as(&shown));
    let newer = of_web()
        .at_version("v3")
        .had("v1", 1, 2)
        .had("v2", 2, 0)
        .had("v3", 3, 0);
    assert!(!batch(vec![(web(), decision(&newer))]).is_as(&shown));
    assert!(!RollbackBatch::default().is_as(&shown));
}

#[test]
fn the_word_for_a_refusal_is_that_of_all_of_them() {
    let approved = Request {
        approval: Some(failing().plan().approval()),
        ..Request::default()
    };
    let newer = of_web()
        .at_version("v3")
        .had("v1", 1, 2)
        .had("v2", 2, 0)
        .had("v3", 3, 0);
    let superseded = batch(vec![(web(), newer.decide(&approved))]);
    assert!(superseded.is_superseded() && !superseded.has_healed());
    let healed = of_web().complete().had("v1", 1, 0).had("v2", 2, 2);
    let healed = batch(vec![(web(), healed.decide(&approved))]);
    assert!(healed.has_healed() && !healed.is_superseded());
    // Beside one that is still bad neither word is true of both.
    let complete = of_web().complete().had("v1", 1, 0).had("v2", 2, 2);
    for past in [&complete, &newer] {
        let half = batch(vec![
            (web(), past.decide(&approved)),
            (db(), decision(&of_db())),
        ]);
        assert!(half.is_refused() && !half.has_healed() && !half.is_superseded());
        let held_up = "statefulset/db could be rolled back, but is held up";
        assert!(half.why_not().ends_with(held_up), "{}", half.why_not());
    }
    let mixed = batch(vec![
        (web(), newer.decide(&approved)),
        (
            db(),
            of_db()
                .with("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z"))
                .decide(&Request::default()),
        ),
    ]);
    assert!(!mixed.is_superseded());
    assert!(!batch(vec![(web(), decision(&failing()))]).is_superseded());
}
