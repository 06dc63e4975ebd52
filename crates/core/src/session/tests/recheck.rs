//! The fresh read before a verdict stands.

use std::collections::VecDeque;

use super::*;
use crate::testing::{db, db_pod, listed_for, stateful_set};
use crate::workload::WorkloadKind;

fn found(workload: DeploymentBuilder) -> FreshRead {
    FreshRead::Found {
        object: Box::new(workload.build()),
    }
}

fn disconnected() -> FreshRead {
    let why = Blindness::Disconnected {
        message: "connection reset".to_owned(),
    };
    FreshRead::Blind { why }
}

fn not_allowed() -> FreshRead {
    FreshRead::Blind { why: forbidden() }
}

/// The result of a recheck.
#[derive(Debug, PartialEq)]
struct Came {
    verdict: &'static str,
    reads: usize,
    /// Seconds since the verdict was reached.
    after: u64,
}

fn came(verdict: &'static str, reads: usize, after: u64) -> Came {
    Came {
        verdict,
        reads,
        after,
    }
}

/// Rechecks a verdict that was reached at `decided`; each read ends at once with the next of `reads`,
/// and the last one is given again and again.
fn rechecked(session: &mut Session, verdict: Verdict, decided: u64, reads: Vec<FreshRead>) -> Came {
    let mut recheck = Recheck::new(session, verdict, at(decided));
    let mut results = VecDeque::from(reads);
    let mut waiting = VecDeque::new();
    let (mut count, mut now) = (0, at(decided));
    let mut ended = None;
    loop {
        let step = recheck.step(session, ended.take(), now);
        if let Some(verdict) = step.verdict {
            assert!(waiting.is_empty(), "a read is still under way");
            return came(
                verdict.word(),
                count,
                crate::duration::elapsed(at(decided), now).as_secs(),
            );
        }
        waiting.extend(step.reads);
        if let Some(workload) = waiting.pop_front() {
            count += 1;
            let last = results.len() == 1;
            let read = if last {
                results.front().cloned()
            } else {
                results.pop_front()
            };
            ended = read.map(|read| EndedRead { workload, read });
        } else {
            assert!(step.wake_at > now, "the same step again and again");
            now = step.wake_at;
        }
    }
}

/// Rechecks the verdict of these observations at once, once for each row with its read.
fn assert_rechecked(
    observations: &[Observation],
    rows: impl IntoIterator<Item = (&'static str, FreshRead, Came)>,
) {
    for (says, read, expected) in rows {
        let (mut session, verdict, second) = session(60, observations);
        let came = rechecked(&mut session, verdict, second, vec![read]);
        assert_eq!(came, expected, "{says}");
    }
}

#[test]
fn a_success_stands_if_a_fresh_read_confirms_it() {
    let incomplete = || found(deployment("web").counts(1, 1, 1, 0));
    let newer = || found(complete().version("v3"));
    let rows = [
        (
            "it is still complete",
            10,
            vec![found(complete())],
            came("succeeded", 1, 0),
        ),
        (
            "it was listed just now: that is the fresh read",
            0,
            vec![],
            came("succeeded", 0, 0),
        ),
        (
            "its counts move and come to rest",
            10,
            vec![incomplete(), incomplete(), found(complete())],
            came("succeeded", 3, 2),
        ),
        (
            "its counts do not come to rest: the check goes on",
            10,
            vec![incomplete()],
            came("progressing", 10, 9),
        ),
        (
            "one connection is reset",
            10,
            vec![disconnected(), found(complete())],
            came("succeeded", 2, 1),
        ),
        (
            "the API server fails over for 29 s",
            10,
            [vec![disconnected(); 29], vec![found(complete())]].concat(),
            came("succeeded", 30, 29),
        ),
        (
            "it stays out of reach for longer than the blind limit",
            10,
            vec![disconnected()],
            came("undetermined", 31, 30),
        ),
        (
            "a newer rollout began",
            10,
            vec![newer()],
            came("superseded", 1, 0),
        ),
        (
            "it was deleted",
            10,
            vec![FreshRead::NotFound],
            came("undetermined", 1, 0),
        ),
        (
            "it must not be read",
            10,
            vec![not_allowed()],
            came("undetermined", 1, 0),
        ),
    ];
    for (says, decided, reads, expected) in rows {
        let (mut session, verdict, _) = session(60, &first_look(complete(), &[pod("a").ready(0)]));
        let came = rechecked(&mut session, verdict, decided, reads);
        assert_eq!(came, expected, "{says}");
    }
}

#[test]
fn a_failure_stands_unless_it_is_about_another_rollout() {
    let failing = || found(rolling());
    let rows = [
        ("it still fails", failing(), came("failed", 1, 0)),
        (
            "it is out of reach: it was seen to fail",
            disconnected(),
            came("failed", 31, 30),
        ),
        (
            "it must not be read: it was seen to fail",
            not_allowed(),
            came("failed", 1, 0),
        ),
        (
            "it was deleted",
            FreshRead::NotFound,
            came("undetermined", 1, 0),
        ),
        (
            "a newer rollout began",
            found(rolling().version("v3")),
            came("superseded", 1, 0),
        ),
    ];
    let invalid = pod("a").waiting("InvalidImageName", "");
    assert_rechecked(&first_look(rolling(), &[invalid]), rows);
}

#[test]
fn a_failure_of_pods_does_not_stand_beside_a_rollout_that_has_completed() {
    let complete = || found(complete());
    let rows = [
        (
            "it stays complete: the watch of the pods lags",
            rolling(),
            vec![complete()],
            came("undetermined", 10, 9),
        ),
        (
            "it is complete for a moment, between two crashes",
            rolling(),
            vec![complete(), complete(), found(rolling())],
            came("failed", 3, 2),
        ),
        (
            "its counts were complete as well when it failed",
            deployment("web").counts(1, 1, 1, 1),
            vec![complete()],
            came("failed", 1, 0),
        ),
        (
            "it is scaled to zero: nothing runs any more",
            rolling(),
            vec![found(deployment("web").counts(0, 0, 0, 0))],
            came("failed", 1, 0),
        ),
    ];
    for (says, failing, reads, expected) in rows {
        let invalid = pod("a").waiting("InvalidImageName", "");
        let (mut session, verdict, second) = session(60, &first_look(failing, &[invalid]));
        assert_eq!(verdict.word(), "failed", "{says}");
        let came = rechecked(&mut session, verdict, second, reads);
        assert_eq!(came, expected, "{says}");
    }
}

#[test]
fn what_is_read_otherwise_again_and_again_is_not_seen() {
    let first = first_look(complete(), &[pod("a").ready(0)]);
    let (mut session, mut verdict, mut second) = session(60, &first);
    let mut words = Vec::new();
    for round in 0.. {
        assert_eq!(verdict.word(), "succeeded", "round {round}");
        let read = found(deployment("web").counts(1, 1, 1, 0));
        let came = rechecked(&mut session, verdict, second, vec![read]);
        words.push(came.verdict);
        if came.verdict != "progressing" {
            break;
        }
        // Its watch says that it is complete, and always has.
        second += came.after + 1;
        verdict = session.observe(seen(second, complete())).verdict;
    }
    assert_eq!(
        words,
        ["progressing", "progressing", "progressing", "undetermined"]
    );
}

#[test]
fn a_pause_that_was_lifted_unseen_is_no_failure() {
    let rows = [
        ("it is still paused", found(rolling().paused()), "failed"),
        (
            "it was resumed, and the watch lags",
            found(rolling()),
            "progressing",
        ),
        (
            "it was resumed with another template",
            found(rolling().version("v3")),
            "superseded",
        ),
    ];
    for (says, read, expected) in rows {
        let (mut session, verdict, second) = session(60, &first_look(rolling().paused(), &[]));
        assert_eq!(verdict.word(), "failed", "{says}");
        let came = rechecked(&mut session, verdict, second, vec![read]);
        assert_eq!(came.verdict, expected, "{says}");
        let next = session.observe(Session::tick(at(second + 1)));
        assert_eq!(next.verdict.word(), expected, "{says}: a second later");
    }
}

#[test]
fn a_rollout_that_timed_out_must_not_have_completed() {
    let rows = [
        (
            "it is still incomplete",
            found(rolling()),
            came("timedOut", 1, 0),
        ),
        (
            "it is complete, and the watches lag",
            found(complete()),
            came("undetermined", 10, 9),
        ),
        (
            "it must not be read",
            not_allowed(),
            came("undetermined", 1, 0),
        ),
    ];
    assert_rechecked(&first_look(rolling(), &[]), rows);
}

#[test]
fn only_the_workloads_that_a_verdict_rests_on_are_read() {
    let uids = [
        "d-1", "rs-v1", "rs-v2", "s-1", "cr-db-v1", "cr-db-v2", "pod-a", "pod-db-0",
    ];
    let invalid = pod("a").waiting("InvalidImageName", "");
    let mut all = vec![
        seen(0, rolling()),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    all.extend(stateful_set().counts(1, 1, 1).seen(0));
    all.extend(invalid.seen(0));
    all.extend(db_pod(0, "v2").ready(0).seen(0));
    all.extend(listed_for(WorkloadKind::Deployment, 0, &uids));
    all.extend(listed_for(WorkloadKind::StatefulSet, 0, &uids));
    let (mut session, verdict, second) = session_of_all(vec![web(), db()], 60, &all);
    let mut recheck = Recheck::new(&session, verdict, at(second));
    let step = recheck.step(&mut session, None, at(second));
    assert_eq!(step.reads, [web()]);
}
