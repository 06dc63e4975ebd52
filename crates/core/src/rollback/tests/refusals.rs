//! Every refusal ends: what the hint says to do makes it go away.
#![expect(clippy::too_many_lines, reason = "a table of named rows")]

use std::collections::BTreeSet;

use serde_json::json;

use super::past::{Past, complete, of, of_web};
use crate::rollback::{Refusal, Request, RollbackDecision};
use crate::testing::{at, job, migrate, pod_of};
use crate::workload::Revision;

/// A refusal, and the same after the user did what its words and its hint ask for.
struct Ends {
    reason: &'static str,
    refused: (Past, Request),
    /// What makes it go away.
    by: &'static str,
    then: (Past, Request),
    /// The decision after that.
    decision: &'static str,
}

/// Names a refusal. Without a wildcard: a new one must get a row.
const fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoRevisions => "NoRevisions",
        Refusal::OneRevision { .. } => "OneRevision",
        Refusal::NoCandidate { .. } => "NoCandidate",
        Refusal::Restored { .. } => "Restored",
        Refusal::KnownGood { .. } => "KnownGood",
        Refusal::UnknownRevision { .. } => "UnknownRevision",
        Refusal::TargetGone { .. } => "TargetGone",
        Refusal::OtherWorkload { .. } => "OtherWorkload",
        Refusal::Healthy => "Healthy",
        Refusal::NotFailing => "NotFailing",
        Refusal::LongComplete => "LongComplete",
        Refusal::Superseded => "Superseded",
        Refusal::Healed => "Healed",
        Refusal::Unproven => "Unproven",
        Refusal::Done => "Done",
        Refusal::Paused => "Paused",
        Refusal::Deleting => "Deleting",
    }
}

const ALL: [&str; 17] = [
    "NoRevisions",
    "OneRevision",
    "NoCandidate",
    "Restored",
    "KnownGood",
    "UnknownRevision",
    "TargetGone",
    "OtherWorkload",
    "Healthy",
    "NotFailing",
    "LongComplete",
    "Superseded",
    "Healed",
    "Unproven",
    "Done",
    "Paused",
    "Deleting",
];

fn any() -> Request {
    Request::default()
}

fn to(revision: u64) -> Request {
    Request {
        to_revision: Some(Revision(revision)),
        ..any()
    }
}

fn judged(uid: &str) -> Request {
    Request {
        judged: Some(uid.to_owned()),
        ..any()
    }
}

/// Found by a selector.
fn selected() -> Request {
    Request {
        selected: true,
        now: at(200),
        ..any()
    }
}

fn failing() -> Past {
    of_web().had("v1", 1, 2).had("v2", 2, 0)
}

/// `v3` is deployed over the failing `v2`.
fn newer() -> Past {
    of_web()
        .at_version("v3")
        .had("v1", 1, 2)
        .had("v2", 2, 0)
        .had("v3", 3, 0)
}

/// Returns what the check of the failing `v2` hands over.
fn approved() -> Request {
    Request {
        approval: Some(failing().plan().approval()),
        evidence_at: Some(at(90)),
        now: at(200),
        ..any()
    }
}

/// Rolled back to `v1`, after `v2` had failed.
fn restored() -> Past {
    of_web()
        .at_version("v1")
        .had("v1", 3, 0)
        .had("v2", 2, 0)
        .restored("v1", "v2")
}

/// `v2` has become healthy since its check.
fn healed() -> Past {
    complete()
}

/// `v2` was complete, and its pods crash since.
fn outage() -> Past {
    of_web()
        .complete()
        .with("/status/availableReplicas", 0.into())
        .had("v1", 1, 0)
        .had("v2", 2, 0)
        .pod(pod_of("a", "v2").crash_loop(5, ("Error", 1, "no database")))
}

fn weeks_later() -> Request {
    Request {
        now: at(21 * 24 * 60 * 60),
        ..selected()
    }
}

fn own_run() -> Request {
    Request {
        run: "run 5".to_owned(),
        ..any()
    }
}

fn rows() -> Vec<Ends> {
    let mut wrong = approved();
    if let Some(approval) = &mut wrong.approval {
        approval.workload.name = "api".into();
    }
    let mut http = approved();
    if let Some(approval) = &mut http.approval {
        approval.standard.http = true;
    }
    let good = || {
        of_web()
            .complete()
            .had("v1", 1, 0)
            .had("v2", 2, 2)
            .marked("v2", 60)
    };
    let row = |reason, refused, by, then, decision| Ends {
        reason,
        refused,
        by,
        then,
        decision,
    };
    vec![
        row(
            "OneRevision",
            (of_web().had("v2", 1, 0), any()),
            "a corrected version is deployed, and fails as well: there is still nothing good; it is named",
            (
                of_web().at_version("v3").had("v2", 1, 0).had("v3", 2, 0),
                to(1),
            ),
            "2 → 1, named by you",
        ),
        row(
            "NoCandidate",
            (of_web().had("v1", 1, 0).had("v2", 2, 2), any()),
            "the revision is named",
            (of_web().had("v1", 1, 0).had("v2", 2, 2), to(1)),
            "2 → 1, named by you",
        ),
        row(
            "Restored",
            (restored(), judged("rs-v1")),
            "the revision is named",
            (
                restored(),
                Request {
                    to_revision: Some(Revision(2)),
                    ..judged("rs-v1")
                },
            ),
            "3 → 2, named by you",
        ),
        row(
            "KnownGood",
            (good(), any()),
            "the revision is named",
            (good(), to(1)),
            "2 → 1, named by you",
        ),
        row(
            "UnknownRevision",
            (failing(), to(9)),
            "one of the listed revisions is named",
            (failing(), to(1)),
            "2 → 1, named by you",
        ),
        row(
            "TargetGone",
            (of_web().had("v2", 2, 0).had("v0", 0, 2), approved()),
            "another revision is named",
            (of_web().had("v2", 2, 0).had("v0", 0, 2), to(0)),
            "2 → 0, named by you",
        ),
        row(
            "OtherWorkload",
            (failing(), wrong),
            "the evidence of this workload's own check is passed",
            (failing(), approved()),
            "2 → 1, named in the check's evidence",
        ),
        row(
            "Healthy",
            (healed(), selected()),
            "the workload is named",
            (healed(), to(1)),
            "2 → 1, named by you",
        ),
        row(
            "NotFailing",
            (failing(), selected()),
            "it is checked, and found bad",
            (failing(), approved()),
            "2 → 1, named in the check's evidence",
        ),
        row(
            "LongComplete",
            (outage(), weeks_later()),
            "the workload is named",
            (outage(), to(1)),
            "2 → 1, named by you",
        ),
        row(
            "Superseded",
            (newer(), approved()),
            "the newer rollout is checked, and found bad",
            (newer(), judged("rs-v3")),
            "3 → 1, its pods are still serving",
        ),
        row(
            "Healed",
            (healed(), approved()),
            "it fails again, and there is something to undo",
            (failing(), approved()),
            "2 → 1, named in the check's evidence",
        ),
        row(
            "Unproven",
            (healed(), http),
            "it is checked again, which finds the complete rollout bad",
            (
                healed(),
                Request {
                    judged_complete: true,
                    served: Some("rs-v1".into()),
                    ..judged("rs-v2")
                },
            ),
            "2 → 1, its pods were serving when the check began",
        ),
        row(
            "Done",
            (newer().restored("v1", "v2"), own_run()),
            "the revision is named",
            (
                newer().restored("v1", "v2"),
                Request {
                    to_revision: Some(Revision(1)),
                    ..own_run()
                },
            ),
            "3 → 1, named by you",
        ),
        row(
            "NoRevisions",
            (
                of(migrate(), serde_json::to_value(job().build()).unwrap()),
                any(),
            ),
            "the workload beside it is named",
            (failing(), any()),
            "2 → 1, its pods are still serving",
        ),
        row(
            "Paused",
            (failing().with("/spec/paused", json!(true)), any()),
            "kubectl rollout resume",
            (failing().with("/spec/paused", json!(false)), any()),
            "2 → 1, its pods are still serving",
        ),
        row(
            "Deleting",
            (
                failing().with("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")),
                any(),
            ),
            "it is gone, and created again: only its own revisions count",
            (
                of_web().with("/metadata/uid", json!("d-2")).had("v2", 1, 0),
                any(),
            ),
            "there is nothing to roll back to: only one revision is known; revisions: none",
        ),
    ]
}

#[test]
fn every_refusal_ends_by_what_its_words_ask_for() {
    for it in rows() {
        let (past, request) = &it.refused;
        let RollbackDecision::Refuse(refusal) = past.decide(request) else {
            panic!("{}: not refused: {}", it.reason, past.words(request));
        };
        assert_eq!(reason(&refusal), it.reason, "{refusal}");
        let (past, request) = &it.then;
        assert_eq!(past.words(request), it.decision, "{}: {}", it.reason, it.by);
    }
}

#[test]
fn every_refusal_has_a_row() {
    let rows = rows();
    let walked: BTreeSet<&str> = rows.iter().map(|it| it.reason).collect();
    assert_eq!(walked, ALL.into());
}

/// A refusal of the new revision by the API server is no reason to refuse the former one.
#[test]
fn no_state_of_the_new_revision_object_refuses_every_way_back() {
    let unobserved = |past: Past| past.with("/metadata/generation", json!(9));
    let rows = [
        (
            "a ReplicaSet that is refused",
            unobserved(of_web().had("v1", 1, 2)),
        ),
        (
            "a ReplicaSet that is refused with all old pods gone, as with Recreate",
            unobserved(of_web().had("v1", 1, 0).marked("v1", 60)),
        ),
        (
            "a refused one after a failed one",
            unobserved(newer()).at_version("v4"),
        ),
    ];
    for (says, past) in rows {
        for request in [any(), to(1), own_run()] {
            let words = past.words(&request);
            assert!(words.contains(" → 1, "), "{says}: {words}");
        }
    }
}
