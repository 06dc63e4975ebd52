//! How an execution ends: its word, its health, its errors, and what is shown at the end.

use super::words::{Story, batch, failure, judged, not_patched, patched};
use crate::report::conclusion_lines;
use crate::rollback::execution::{
    Conclusion, Execution, FailureKind, Observation, PatchResult, Seen, Settings, Verification,
};
use crate::rollback::{
    BatchOutcome, Objection, PreparedRollback, Refusal, RollbackBatch, RollbackHealth,
};
use crate::testing::{at, web};
use crate::verdict::VerdictKind;

fn done(name: &str) -> Seen {
    patched(name, PatchResult::Applied)
}

fn in_place(name: &str) -> Seen {
    patched(name, PatchResult::AlreadyInPlace)
}

fn not_verified() -> Seen {
    Seen::Verified {
        verification: Verification::Failed(failure(FailureKind::Other, "gone")),
    }
}

fn stopped() -> Seen {
    Seen::Verified {
        verification: Verification::Cancelled,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_was_done_and_found_decides_how_it_ends() {
    use RollbackHealth::{Healthy, NotRolledBack, Undetermined, Unhealthy};
    type Row = (
        &'static str,
        bool,
        Vec<Seen>,
        (&'static str, Option<RollbackHealth>, bool),
        Vec<&'static str>,
    );
    let superseded =
        "deployment/a: not rolled back: a newer rollout began after the check; it is left alone";
    let rows: Vec<Row> = vec![
        (
            "nobody looks again",
            false,
            vec![done("a")],
            ("rolledBack", None, false),
            vec![],
        ),
        (
            "the second look finds it healthy",
            true,
            vec![done("a"), judged(VerdictKind::Succeeded, Healthy)],
            ("rolledBack", Some(Healthy), false),
            vec![],
        ),
        (
            "the second look finds it unhealthy",
            true,
            vec![done("a"), judged(VerdictKind::Failed, Unhealthy)],
            ("rolledBack", Some(Unhealthy), false),
            vec!["it is failed"],
        ),
        (
            "the second look cannot tell",
            true,
            vec![done("a"), judged(VerdictKind::Undetermined, Undetermined)],
            ("rolledBack", Some(Undetermined), false),
            vec!["it is undetermined"],
        ),
        (
            "the second look fails",
            true,
            vec![done("a"), not_verified()],
            ("rolledBack", Some(Undetermined), false),
            vec!["gone"],
        ),
        (
            "in place before, and the second look fails",
            true,
            vec![in_place("a"), not_verified()],
            ("alreadyRolledBack", Some(Undetermined), false),
            vec!["gone"],
        ),
        (
            "the second look is stopped",
            true,
            vec![done("a"), stopped()],
            ("rolledBack", Some(Undetermined), true),
            vec![],
        ),
        (
            "a newer rollout",
            true,
            vec![patched("a", PatchResult::Superseded)],
            ("superseded", Some(NotRolledBack), false),
            vec![superseded],
        ),
        (
            "the patch fails",
            true,
            vec![not_patched("a")],
            ("failed", Some(Undetermined), false),
            vec!["failed to patch"],
        ),
    ];
    for (says, wait, seen, (word, health, cancelled), errors) in rows {
        let ended = Story::new(batch(&["a"]), wait).end(seen);
        assert_eq!(ended.outcome.as_str(), word, "{says}");
        assert_eq!(ended.health, health, "{says}");
        assert_eq!(ended.cancelled, cancelled, "{says}");
        assert_eq!(ended.errors, errors, "{says}");
    }
}

#[test]
fn of_a_part_the_worst_is_told_whatever_the_second_look_brings() {
    for look in [
        judged(VerdictKind::Succeeded, RollbackHealth::Healthy),
        judged(VerdictKind::Failed, RollbackHealth::Unhealthy),
        not_verified(),
    ] {
        let seen = vec![done("a"), not_patched("b"), look];
        let ended = Story::new(batch(&["a", "b"]), true).end(seen);
        assert_eq!(ended.outcome, BatchOutcome::PartlyRolledBack);
        assert_eq!(ended.health, Some(RollbackHealth::NotRolledBack));
    }
}

#[test]
fn the_check_is_bound_to_what_is_back_and_to_nothing_else() {
    let seen = vec![done("a"), not_patched("b"), in_place("c")];
    let words = Story::new(batch(&["a", "b", "c"]), true).all(seen);
    assert_eq!(words.last().unwrap(), "verify a, c for 60s");
}

#[test]
fn the_check_may_take_longer_where_pods_are_replaced_one_after_the_other() {
    let told = |stuck_pods| {
        let prepared = PreparedRollback {
            stuck_pods,
            ..batch(&["a"])
        };
        let mut words = Story::new(prepared, true).all(vec![done("a")]);
        words.split_off(2)
    };
    assert_eq!(told(1), ["verify a for 60s"]);
    let longer = |pods: u32, takes: &str| {
        format!(
            "\"{pods} pods are stuck and are replaced one after the other: the check may take {takes}\""
        )
    };
    assert_eq!(told(2), [longer(2, "2m"), "verify a for 120s".to_owned()]);
    assert_eq!(told(9), [longer(9, "4m"), "verify a for 240s".to_owned()]);
}

#[test]
fn what_is_refused_ends_at_once_and_says_what_to_do() {
    let refused = |refusal| RollbackBatch {
        objections: vec![(web(), Objection::Refusal(refusal))],
        ..RollbackBatch::default()
    };
    let rows = [
        (Refusal::Superseded, BatchOutcome::Superseded),
        (Refusal::Healed, BatchOutcome::Healed),
        (Refusal::Paused, BatchOutcome::Refused),
    ];
    for (refusal, outcome) in rows {
        let batch = refused(refusal);
        let prepared = PreparedRollback {
            batch: batch.clone(),
            ..PreparedRollback::default()
        };
        let settings = Settings {
            wait: true,
            timeout: super::words::TIMEOUT,
        };
        let step = Execution::new(prepared, settings).observe(Observation {
            at: at(1),
            seen: Seen::Tick,
        });
        assert!(step.requests.is_empty(), "{outcome:?}");
        let ended = step.conclusion.unwrap();
        assert_eq!(ended.outcome, outcome);
        assert_eq!(ended.health, Some(RollbackHealth::NotRolledBack));
        let lines = conclusion_lines(&ended, &batch);
        let last = lines.last().unwrap().text();
        assert_eq!(last, "refused; nothing was changed");
    }
    let paused = Conclusion::refused(&refused(Refusal::Paused)).unwrap();
    assert_eq!(
        paused.errors,
        [
            "not rolled back: the Deployment is paused; the controller would not act on a rollback; \
             hint: resume it first: kubectl rollout resume; nothing was changed"
        ]
    );
    assert_eq!(Conclusion::refused(&batch(&["a"]).batch), None);
}
