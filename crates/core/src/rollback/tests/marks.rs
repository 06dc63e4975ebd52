//! The mark of a revision that was found healthy.

use serde_json::json;

use super::past::of_web;
use crate::annotation::LastKnownGood;
use crate::policy::Policy;
use crate::rollback::{Request, last_known_good_updates};
use crate::session::{Session, Target};
use crate::testing::{at, deployment, listed, pod_of, replica_set, seen, seen_set, web};
use crate::workload::Images;

#[test]
fn a_mark_counts_on_the_revision_object_it_was_written_for() {
    let two = || of_web().had("v1", 1, 0).had("v2", 2, 2);
    let good = two().marked("v1", 60);
    assert_eq!(
        good.words(&Request::default()),
        "2 → 1, a check found it healthy"
    );
    // `kubectl rollout undo` and the controller carry annotations from one object to another.
    let mut copied = good.clone();
    let own = LastKnownGood::annotation("rs-v1");
    let annotations = &mut copied.revision_object("v1")["metadata"]["annotations"];
    let text = annotations.as_object_mut().unwrap().remove(&own).unwrap();
    copied.revision_object("v2")["metadata"]["annotations"][&own] = text.clone();
    assert!(
        copied
            .words(&Request::default())
            .starts_with("no former revision")
    );
    for wrong in [
        "",
        "true",
        "{}",
        &text
            .as_str()
            .unwrap()
            .replace("\"version\":1", "\"version\":9"),
    ] {
        let mut past = two();
        past.revision_object("v1")["metadata"]["annotations"][LastKnownGood::annotation("rs-v1")] =
            json!(wrong);
        let said = past.words(&Request::default());
        assert!(said.starts_with("no former revision"), "{wrong}: {said}");
    }
}

#[test]
fn a_mark_survives_its_journey_and_stays_small() {
    let images: Images = [("app".to_owned(), ["sha256:1".to_owned()].into())].into();
    let mark = LastKnownGood::new("rs-v1", at(60), "run 7", images);
    assert_eq!(
        LastKnownGood::parse(&mark.to_text(), "rs-v1"),
        Some(mark.clone())
    );
    assert_eq!(LastKnownGood::parse(&mark.to_text(), "rs-v2"), None);
    let many: Images = (0..200)
        .map(|it| (format!("c{it}"), [format!("sha256:{it}")].into()))
        .collect();
    let large = LastKnownGood::new("rs-v1", at(60), &"x".repeat(10_000), many);
    assert!(large.to_text().len() < 1000);
}

#[test]
fn a_plan_knows_when_the_target_was_good_and_what_it_ran() {
    let past = of_web().had("v1", 1, 0).had("v2", 2, 2);
    let plan = past.clone().marked("v1", 60).plan();
    assert_eq!(plan.good_at, Some(at(60)));
    assert!(plan.images["app"].contains("sha256:v1"));
    assert!(!plan.withdraws_mark);
    let bad_was_good = past.marked("v1", 60).marked("v2", 50).plan();
    assert!(bad_was_good.withdraws_mark, "it was found bad since");
}

/// A session over `web` whose pods are all of v2 and ready.
fn healthy(replicas: i32, old: bool) -> Session {
    let policy = Policy {
        stable_for: std::time::Duration::from_secs(1),
        ..Policy::default()
    };
    let mut session = Session::new([Target::from(web())], policy, at(0));
    let mut all = vec![seen(
        1,
        deployment("web").counts(replicas, replicas, replicas, replicas),
    )];
    all.push(seen_set(1, replica_set("v2", 2, (replicas, replicas))));
    all.push(seen_set(1, replica_set("v1", 1, (0, 0))));
    let mut uids = vec!["d-1", "rs-v1", "rs-v2"];
    for name in ["a", "b"].iter().take(usize::try_from(replicas).unwrap()) {
        all.extend(pod_of(name, "v2").ready(0).seen(1));
    }
    if old {
        all.extend(pod_of("old", "v1").ready(0).seen(1));
    }
    uids.extend(["pod-a", "pod-b", "pod-old"]);
    all.extend(listed(1, &uids));
    for observation in all {
        let _ = session.observe(observation);
    }
    let _ = session.observe(Session::tick(at(30)));
    session
}

#[test]
fn a_success_with_all_its_pods_is_marked() {
    let marks = last_known_good_updates(&healthy(2, false), at(31), "run 7");
    assert_eq!(marks.len(), 1, "healthy");
    assert_eq!(marks[0].name, "web-v2");
    assert_eq!(marks[0].mark.uid, "rs-v2");
    assert_eq!(marks[0].mark.verified_at, at(31));
    assert_eq!(
        last_known_good_updates(&healthy(0, false), at(31), "run 7"),
        [],
        "of no pods nothing is known"
    );
    assert_eq!(
        last_known_good_updates(&healthy(2, true), at(31), "run 7"),
        [],
        "an old pod is left"
    );
    let fresh = Session::new([Target::from(web())], Policy::default(), at(0));
    assert_eq!(
        last_known_good_updates(&fresh, at(31), "run 7"),
        [],
        "nothing was decided"
    );
}
