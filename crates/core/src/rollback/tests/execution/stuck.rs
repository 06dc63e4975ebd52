//! Stuck pods: when a StatefulSet is looked at, what is deleted, what is shown, and when it is given up.

use super::words::{Story, batch, failure, in_words, judged};
use crate::rollback::execution::{
    Conclusion, DeleteResult, FailureKind, Look, PatchResult, Seen, Verification,
};
use crate::rollback::{MemberPod, PreparedRollback, RestoredSet, RollbackHealth, StuckPod};
use crate::testing::{at, db};
use crate::verdict::VerdictKind;

/// `statefulset/db` is to be restored.
fn sets() -> PreparedRollback {
    let mut all = batch(&["db"]);
    all.batch.plans[0].workload = db();
    all.approved[0].workload = db();
    all
}

fn story(wait: bool) -> Story {
    let mut story = Story::new(sets(), wait);
    let _ = story.step(Seen::Tick);
    let restored = Seen::Patched {
        workload: db(),
        result: PatchResult::Applied,
    };
    let _ = story.step(restored);
    if wait {
        let _ = story.step(Seen::Tick);
    }
    story
}

/// Pods of the bad revision with these ordinals are not ready; three are of the good one.
fn set(stuck: &[i32]) -> RestoredSet {
    let pod = |ordinal: i32| {
        let is_stuck = stuck.contains(&ordinal);
        MemberPod {
            ordinal,
            pod: StuckPod {
                name: format!("db-{ordinal}"),
                uid: format!("pod-{ordinal}"),
                resource_version: "7".to_owned(),
            },
            revision: Some(if is_stuck { "db-v2" } else { "db-v1" }.to_owned()),
            ready: !is_stuck,
            ended: false,
            deleting: false,
        }
    };
    RestoredSet {
        target_uid: "v1".to_owned(),
        target: "db-v1".to_owned(),
        current_uid: Some("v1".to_owned()),
        observed: true,
        update_revision: Some("db-v1".to_owned()),
        start: 0,
        first_updated: 0,
        pods: (0..3).map(pod).collect(),
    }
}

fn looked(look: Look) -> Seen {
    Seen::Looked {
        workload: db(),
        look,
    }
}

fn sees(stuck: &[i32]) -> Seen {
    looked(Look::Set(set(stuck)))
}

fn deleted(result: DeleteResult) -> Seen {
    Seen::Deleted {
        workload: db(),
        result,
    }
}

fn no(kind: FailureKind) -> DeleteResult {
    DeleteResult::Failed(failure(kind, "failed to delete"))
}

const STAYS: &str = "statefulset/db: the template is restored, but not all pods are: Pod db-1 of revision 2 is \
                     stuck; run the rollback again to continue with them";

#[test]
fn pods_are_deleted_by_a_fresh_look_only() {
    let not_taken_in = RestoredSet {
        update_revision: Some("db-v2".to_owned()),
        ..set(&[1])
    };
    let not_observed = RestoredSet {
        observed: false,
        ..set(&[1])
    };
    let not_made = RestoredSet {
        current_uid: None,
        ..set(&[1])
    };
    let newer = RestoredSet {
        current_uid: Some("v3".to_owned()),
        ..set(&[1])
    };
    let end = "end: rolledBack, unknown";
    let rows = [
        ("one is stuck", sees(&[1]), vec!["delete db-1"]),
        ("the lowest comes first", sees(&[2, 1]), vec!["delete db-1"]),
        ("none is stuck", sees(&[]), vec![end]),
        (
            "the controller rolls out the bad one still",
            looked(Look::Set(not_taken_in)),
            vec![],
        ),
        (
            "the controller has not read the template",
            looked(Look::Set(not_observed)),
            vec![],
        ),
        (
            "the revision is not made yet",
            looked(Look::Set(not_made)),
            vec![],
        ),
        (
            "a newer rollout is no matter of ours",
            looked(Look::Set(newer)),
            vec![end],
        ),
        (
            "the revision is gone",
            looked(Look::NothingToDelete),
            vec![end],
        ),
    ];
    for (says, seen, expected) in rows {
        assert_eq!(story(false).sees(seen), expected, "{says}");
    }
}

#[test]
fn looks_are_two_seconds_apart() {
    let mut story = story(false);
    let not_yet = RestoredSet {
        observed: false,
        ..set(&[1])
    };
    let step = story.later(1).step(looked(Look::Set(not_yet)));
    assert_eq!(step.wake_at, at(102));
    assert!(in_words(&step).is_empty());
    assert_eq!(story.later(1).sees(Seen::Tick), ["look at db"]);
    let under_way = story.later(5).sees(Seen::Tick);
    assert!(under_way.is_empty(), "{under_way:?}");
}

#[test]
fn what_happens_to_a_deletion_is_told_once() {
    let told = "\"deleted Pod db-1 of revision 2, which would have stayed stuck\"";
    let warned = "\"warning: failed to delete\"";
    let rows = [
        (
            "it is deleted",
            DeleteResult::Deleted,
            vec![told],
            vec!["look at db"],
        ),
        (
            "it has changed in the meantime",
            DeleteResult::ChangedMeanwhile,
            vec![],
            vec!["look at db"],
        ),
        (
            "nobody answers",
            no(FailureKind::Unreachable),
            vec![warned],
            vec!["look at db"],
        ),
        (
            "it is refused",
            no(FailureKind::Other),
            vec![warned],
            vec!["look at db"],
        ),
        (
            "it is forbidden: not tried again",
            no(FailureKind::Forbidden),
            vec![warned, "end: partlyRolledBack, unknown"],
            vec!["end: partlyRolledBack, unknown"],
        ),
    ];
    for (says, result, first, later) in rows {
        let mut story = story(false);
        assert_eq!(story.sees(sees(&[1])), ["delete db-1"], "{says}");
        let words = story.sees(deleted(result.clone()));
        assert_eq!(words, first, "{says}");
        let next = story.later(2).sees(Seen::Tick);
        assert_eq!(next, later, "{says}");
        if later == ["look at db"] && matches!(result, DeleteResult::Failed(_)) {
            let _ = story.step(sees(&[1]));
            let again = story.sees(deleted(result));
            assert!(again.is_empty(), "{says}: {again:?}");
        }
    }
}

/// Looks until nothing more is done; each look shows these pods stuck, and no deletion comes about.
fn given_up(wait: bool) -> Conclusion {
    let mut story = story(wait);
    let mut step = story.step(sees(&[1]));
    for _ in 0..100 {
        if let Some(ended) = step.conclusion {
            return ended;
        }
        let deleting = in_words(&step).contains(&"delete db-1".to_owned());
        let looking = in_words(&step).contains(&"look at db".to_owned());
        step = if deleting {
            story.step(deleted(DeleteResult::ChangedMeanwhile))
        } else if looking {
            story.step(sees(&[1]))
        } else {
            story.later(2).step(Seen::Tick)
        };
    }
    panic!("no end");
}

#[test]
fn what_stays_stuck_is_given_up_and_told_with_what_to_do() {
    let ended = given_up(false);
    assert_eq!(ended.outcome.as_str(), "partlyRolledBack");
    assert_eq!(ended.errors, [STAYS]);
    assert_eq!(ended.untold, [STAYS]);
}

#[test]
fn each_pod_that_is_deleted_renews_the_time_once() {
    let mut story = story(false);
    let _ = story.step(sees(&[1, 2]));
    let step = story.later(50).step(deleted(DeleteResult::Deleted));
    assert_eq!(step.conclusion, None);
    // Without the first deletion this would be the end.
    let _ = story.later(20).step(Seen::Tick);
    let _ = story.step(sees(&[1]));
    let step = story.step(deleted(DeleteResult::Deleted));
    assert_eq!(step.conclusion, None);
    // The same pod once more is no progress.
    let _ = story.later(39).step(Seen::Tick);
    let _ = story.step(sees(&[]));
    assert!(story.later(1).step(Seen::Tick).conclusion.is_some());
}

#[test]
fn the_wish_to_stop_ends_the_looks_and_tells_what_is_left() {
    let mut story = story(false);
    let _ = story.step(sees(&[1]));
    let ended = story.step(Seen::StopRequested).conclusion.unwrap();
    assert!(ended.cancelled);
    assert_eq!(ended.errors, [STAYS]);
}

#[test]
fn what_is_stuck_is_told_after_a_check_unless_it_is_no_reason() {
    let health = RollbackHealth::Unhealthy;
    let cancelled = Seen::Verified {
        verification: Verification::Cancelled,
    };
    let rows = [
        (
            "it ran out of time",
            judged(VerdictKind::TimedOut, health),
            true,
        ),
        (
            "it fails by itself",
            judged(VerdictKind::Failed, health),
            false,
        ),
        ("it was stopped", cancelled, true),
    ];
    for (says, verified, told) in rows {
        let mut story = story(true);
        assert_eq!(story.sees(sees(&[1])), ["delete db-1"], "{says}");
        let ended = story.step(verified).conclusion.unwrap();
        assert_eq!(ended.errors.contains(&STAYS.to_owned()), told, "{says}");
        let word = if told {
            "partlyRolledBack"
        } else {
            "rolledBack"
        };
        assert_eq!(ended.outcome.as_str(), word, "{says}");
    }
}

#[test]
fn a_deletion_that_fails_ends_the_same_with_and_without_a_check() {
    for kind in [
        FailureKind::Forbidden,
        FailureKind::Unreachable,
        FailureKind::Other,
    ] {
        let unhealthy = |verdict| Some(judged(verdict, RollbackHealth::Unhealthy));
        let healthy = judged(VerdictKind::Succeeded, RollbackHealth::Healthy);
        for (says, verified, expected) in [
            ("no check", None, "partlyRolledBack"),
            (
                "it ran out of time",
                unhealthy(VerdictKind::TimedOut),
                "partlyRolledBack",
            ),
            (
                "it found the pod stuck",
                unhealthy(VerdictKind::Failed),
                "partlyRolledBack",
            ),
            (
                "the pod became ready by itself",
                Some(healthy),
                "rolledBack",
            ),
        ] {
            let mut story = story(verified.is_some());
            let _ = story.step(sees(&[1]));
            let mut ended = story.step(deleted(no(kind))).conclusion;
            if let Some(verified) = verified {
                assert_eq!(ended, None, "{kind:?}, {says}");
                ended = story.step(verified).conclusion;
            } else if ended.is_none() {
                let _ = story.later(61).step(Seen::Tick);
                let _ = story.step(sees(&[1]));
                ended = story.step(deleted(no(kind))).conclusion;
            }
            let word = ended.unwrap().outcome.as_str();
            assert_eq!(word, expected, "{kind:?}, {says}");
        }
    }
}

#[test]
fn beside_a_check_the_looks_go_on_for_as_long_as_it_does() {
    let mut story = story(true);
    let not_yet = || {
        looked(Look::Set(RestoredSet {
            observed: false,
            ..set(&[1])
        }))
    };
    let _ = story.step(not_yet());
    for _ in 0..100 {
        assert_eq!(story.later(30).sees(Seen::Tick), ["look at db"]);
        let _ = story.step(not_yet());
    }
    let _ = story.later(2).step(Seen::Tick);
    let free = story.step(sees(&[]));
    assert_eq!(free.conclusion, None);
    assert_eq!(free.wake_at, jiff::Timestamp::MAX);
}
