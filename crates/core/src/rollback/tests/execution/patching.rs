//! The order of patches and marks, and their events.

use super::words::{Story, batch, failure, named, not_patched, patched};
use crate::rollback::execution::{FailureKind, PatchResult, Seen};
use crate::rollback::{Already, PreparedRollback};
use crate::workload::RevisionId;

/// As [`batch`], and the bad revisions are marked.
fn marked(names: &[&str]) -> PreparedRollback {
    let mut all = batch(names);
    for plan in &mut all.batch.plans {
        plan.withdraws_mark = true;
    }
    all
}

/// One that an earlier run restored; its bad revision is still marked.
fn restored_and_marked(name: &str) -> PreparedRollback {
    let mut all = batch(&[name]);
    let plan = all.batch.plans.remove(0);
    all.batch.already.push(Already {
        workload: plan.workload,
        uid: plan.uid,
        present: plan.to.revision,
        to: plan.to,
        run: None,
        unmark: Some(RevisionId { ..plan.from }),
    });
    all
}

fn withdrawn(name: &str) -> Seen {
    Seen::MarkWithdrawn {
        workload: named(name),
        failure: None,
    }
}

fn kept(name: &str) -> Seen {
    Seen::MarkWithdrawn {
        workload: named(name),
        failure: Some(failure(FailureKind::Forbidden, "failed to withdraw")),
    }
}

const BACK: &str = "\"deployment/a: rolled back to the template of revision 1\"";
const BACK_B: &str = "\"deployment/b: rolled back to the template of revision 1\"";

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn patches_are_sent_one_after_the_other() {
    let applied = |name: &str| patched(name, PatchResult::Applied);
    let rows: Vec<(&str, PreparedRollback, Vec<Seen>, Vec<&str>)> = vec![
        (
            "nothing happens before the answer",
            batch(&["a", "b"]),
            vec![Seen::Tick],
            vec!["patch a"],
        ),
        (
            "an answer that nobody asked for is not heard",
            batch(&["a", "b"]),
            vec![applied("b"), withdrawn("a")],
            vec!["patch a"],
        ),
        (
            "the second is sent once the first is back",
            batch(&["a", "b"]),
            vec![applied("a")],
            vec!["patch a", BACK, "patch b"],
        ),
        (
            "one that fails does not hold up the other",
            batch(&["a", "b"]),
            vec![not_patched("a"), applied("b")],
            vec![
                "patch a",
                "\"error: failed to patch\"",
                "\"deployment/a: not rolled back\"",
                "patch b",
                BACK_B,
                "end: partlyRolledBack, unknown",
            ],
        ),
        (
            "one that was superseded does not either",
            batch(&["a", "b"]),
            vec![patched("a", PatchResult::Superseded), applied("b")],
            vec![
                "patch a",
                "\"deployment/a: not rolled back: a newer rollout began after the check; it is left alone\"",
                "patch b",
                BACK_B,
                "end: partlyRolledBack, unknown",
            ],
        ),
        (
            "the wish to stop between two leaves no half of a release",
            batch(&["a", "b"]),
            vec![Seen::StopRequested, applied("a"), applied("b")],
            vec![
                "patch a",
                BACK,
                "patch b",
                BACK_B,
                "end: rolledBack, unknown, cancelled",
            ],
        ),
        (
            "the wish to stop is heard where the first has changed nothing",
            batch(&["a", "b"]),
            vec![Seen::StopRequested, not_patched("a")],
            vec![
                "patch a",
                "\"error: failed to patch\"",
                "\"deployment/a: not rolled back\"",
                "\"deployment/b: not attempted, because the run was cancelled\"",
                "end: failed, undetermined, cancelled",
            ],
        ),
        (
            "the mark goes once the bad revision is gone",
            marked(&["a", "b"]),
            vec![applied("a"), withdrawn("a")],
            vec!["patch a", BACK, "unmark web-v2 of a", "patch b"],
        ),
        (
            "a mark that stays is reported, and the next is patched",
            marked(&["a", "b"]),
            vec![applied("a"), kept("a")],
            vec![
                "patch a",
                BACK,
                "unmark web-v2 of a",
                "\"warning: revision 2 still has its known-good mark: failed to withdraw\"",
                "patch b",
            ],
        ),
        (
            "a mark stays where the patch failed",
            marked(&["a"]),
            vec![not_patched("a")],
            vec![
                "patch a",
                "\"error: failed to patch\"",
                "\"deployment/a: not rolled back\"",
                "end: failed, undetermined",
            ],
        ),
        (
            "a mark that an ended run left behind goes, even if somebody wishes to stop",
            restored_and_marked("a"),
            vec![Seen::StopRequested, withdrawn("a")],
            vec![
                "unmark web-v2 of a",
                "end: alreadyRolledBack, unknown, cancelled",
            ],
        ),
    ];
    for (says, prepared, seen, expected) in rows {
        let words = Story::new(prepared, false).all(seen);
        assert_eq!(words, expected, "{says}");
    }
}

#[test]
fn the_wish_to_stop_before_the_first_changes_nothing() {
    let mut story = Story::new(batch(&["a", "b"]), true);
    assert_eq!(
        story.sees(Seen::StopRequested),
        [
            "\"deployment/a: not attempted, because the run was cancelled\"",
            "\"deployment/b: not attempted, because the run was cancelled\"",
            "end: failed, notRolledBack, cancelled",
        ]
    );
    let late = story.sees(patched("a", PatchResult::Applied));
    assert_eq!(late, ["end: failed, notRolledBack, cancelled"]);
}
