//! Laws of every rollback, whatever the past was.

use proptest::prelude::*;

use super::past::Past;
use crate::annotation::ROLLBACK_RECORD;
use crate::rollback::{Request, RollbackDecision};
use crate::testing::{at, deployment, web};
use crate::workload::Revision;

/// One former release: how many of its pods are available, and when a check found it healthy.
type RollbackBatch = (i32, Option<u64>);

/// Releases `v1`, `v2` and so on, of which the one with index `current` is in place: what is in place
/// has the highest number.
fn past(releases: &[RollbackBatch], current: usize) -> Past {
    let version = |index: usize| format!("v{}", index + 1);
    let start = super::past::of(web(), deployment("web").version(&version(current)).json());
    releases
        .iter()
        .enumerate()
        .fold(start, |past, (index, (available, marked))| {
            let version = version(index);
            let number = number(index, (releases.len(), current));
            let past = past.had(&version, number, *available);
            marked.map_or_else(|| past.clone(), |at| past.clone().marked(&version, at))
        })
}

fn number(index: usize, (all, current): (usize, usize)) -> u64 {
    let place = if index == current { all } else { index };
    u64::try_from(place).unwrap() + 1
}

fn releases() -> impl Strategy<Value = (Vec<RollbackBatch>, usize)> {
    let batch = (0..3_i32, prop::option::of(1..100_u64));
    prop::collection::vec(batch, 1..6).prop_flat_map(|all| {
        let last = all.len();
        (Just(all), 0..last)
    })
}

fn judged(current: usize) -> Request {
    Request {
        judged: Some(format!("rs-v{}", current + 1)),
        // After every mark of these releases.
        now: at(1000),
        run: "run 9".into(),
        ..Request::default()
    }
}

/// The past after the plan was carried out, as the API server and the controller leave it.
fn after(before: &Past, plan: &crate::rollback::RollbackPlan) -> Past {
    let mut past = before.clone();
    past.object["spec"]["template"] = plan.target_template().clone();
    past = past.annotated(ROLLBACK_RECORD, &plan.template_change.record.to_text());
    let newest = past.revision_objects.len() + 2;
    for object in &mut past.revision_objects {
        if object["metadata"]["uid"] == plan.to.uid.as_str() {
            object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] =
                newest.to_string().into();
        }
    }
    past
}

proptest! {
    #[test]
    fn no_rollback_stays_where_it_is_or_goes_where_nothing_was_good(
        (all, current) in releases()
    ) {
        let past = past(&all, current);
        if let RollbackDecision::Apply(plan) = past.decide(&judged(current)) {
            prop_assert_ne!(&plan.from.uid, &plan.to.uid);
            let target = plan.to.uid.trim_start_matches("rs-v").parse::<usize>().unwrap() - 1;
            let (available, marked) = all[target];
            prop_assert!(available > 0 || marked.is_some());
        }
    }

    #[test]
    fn what_was_approved_is_done_once_and_a_newer_release_never_undone(
        (all, current) in releases(),
    ) {
        let past = past(&all, current);
        let RollbackDecision::Apply(plan) = past.decide(&judged(current)) else {
            return Ok(());
        };
        let approved = Request {
            approval: Some(plan.approval()),
            ..Request::default()
        };
        let back = after(&past, &plan);
        // The job again, and a person without the evidence.
        for request in [approved.clone(), Request::default()] {
            let again = back.decide(&request);
            prop_assert!(matches!(again, RollbackDecision::Already(_)), "{:?}", again);
        }
        let newer = past.clone().at_version("v9").had("v9", 99, 1);
        let refused = newer.decide(&approved);
        prop_assert!(matches!(refused, RollbackDecision::Refuse(_)), "{:?}", refused);
    }

    #[test]
    fn what_was_restored_never_goes_back_to_what_it_replaced(
        (all, current) in releases(),
    ) {
        let past = past(&all, current);
        let RollbackDecision::Apply(plan) = past.decide(&judged(current)) else {
            return Ok(());
        };
        let back = after(&past, &plan);
        let judged = Request {
            judged: Some(plan.to.uid.clone()),
            ..Request::default()
        };
        if let RollbackDecision::Apply(next) = back.decide(&judged) {
            prop_assert_ne!(next.to.uid, plan.from.uid);
        }
    }

    #[test]
    fn the_number_that_a_person_names_is_restored_or_refused(
        (all, current) in releases(),
        wanted in 1..9_u64,
    ) {
        let named = Request {
            to_revision: Some(Revision(wanted)),
            ..Request::default()
        };
        match past(&all, current).decide(&named) {
            RollbackDecision::Apply(plan) => prop_assert_eq!(plan.to.revision, Revision(wanted)),
            RollbackDecision::Already(already) => {
                prop_assert_eq!(already.to.revision, Revision(wanted));
            }
            RollbackDecision::Refuse(refusal) => {
                let mut known = (0..all.len()).map(|it| number(it, (all.len(), current)));
                prop_assert!(known.all(|it| it != wanted), "{}", refusal);
            }
        }
    }
}

#[test]
fn the_past_of_these_laws_has_rollbacks_in_it() {
    let plain = past(&[(2, None), (0, None)], 1);
    assert!(matches!(
        plain.decide(&judged(1)),
        RollbackDecision::Apply(_)
    ));
}
