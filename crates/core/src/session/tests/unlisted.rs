//! Kinds that a selector could not list.

use super::*;
use crate::workload::WorkloadKind;

#[test]
fn a_kind_that_could_not_be_listed_prevents_a_success_and_nothing_else() {
    let complete = || first_look(complete(), &[pod("a").ready(0)]);
    let kinds = || vec![WorkloadKind::DaemonSet];
    let rows = [
        ("all kinds were listed", complete(), vec![], "succeeded"),
        ("one was not", complete(), kinds(), "undetermined"),
        (
            "a failure stands, whatever was not listed",
            first_look(rolling(), &[pod("a").waiting("InvalidImageName", "")]),
            kinds(),
            "failed",
        ),
    ];
    for (says, observations, unlisted, expected) in rows {
        let session = Session::new([web()], policy(60), start()).with_unlisted_kinds(unlisted);
        let (_, verdict, _) = run(session, &observations);
        assert_eq!(verdict.word(), expected, "{says}");
    }
}

#[test]
fn the_session_itself_decides_that_a_kind_was_not_listed() {
    let unlisted = vec![WorkloadKind::DaemonSet];
    let mut session = Session::new([web()], policy(60), start()).with_unlisted_kinds(unlisted);
    for observation in first_look(complete(), &[pod("a").ready(0)]) {
        let _ = session.observe(observation);
    }
    let step = session.observe(Session::tick(at(10)));
    let decided = SessionEvent::Decided {
        at: at(10),
        verdict: step.verdict.clone(),
    };
    assert_eq!(step.events.last(), Some(&decided));
    assert_eq!(step.verdict.word(), "undetermined");
    let mut recheck = Recheck::new(&session, step.verdict.clone(), at(10));
    let rechecked = recheck.step(&mut session, None, at(10));
    assert_eq!(rechecked.reads, [], "a fresh read shows no other kind");
    assert_eq!(rechecked.verdict, Some(step.verdict));
}
