//! What people read of a verdict, in every form.

use std::time::Duration;

use super::*;
use crate::approval::Approval;
use crate::finding::{EvidenceKind, FindingCode};
use crate::history::History;
use crate::observation::Observation;
use crate::policy::Policy;
use crate::rollback::{Request, RollbackBatch, decide};
use crate::testing::{
    at, deployment, listed, pod, replica_set, replica_set_json, seen, seen_set, start, web,
};
use crate::verdict::VerdictKind;
use crate::workload::WorkloadRef;

mod proposed;
mod rollback_health;

const HOSTILE: &str = "panic: `x`\n```\n##vso[task.complete result=Succeeded;]\u{1b}[31m\u{202e}";

/// A failed check of v2 beside a serving v1, with a log.
fn failed() -> Report {
    let policy = Policy {
        graces: [(FindingCode::CrashAtStart, Duration::from_secs(30))].into(),
        ..Policy::default()
    };
    let mut session = Session::new([web()], policy, start());
    let mut observations: Vec<Observation> = vec![
        seen(0, deployment("web").counts(2, 3, 1, 2)),
        seen_set(0, replica_set("v1", 1, (2, 2))),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    observations.extend(pod("a").crash_loop(3, ("Error", 1, "")).seen(0));
    observations.extend(listed(33, &["d-1", "rs-v1", "rs-v2", "pod-a"]));
    let mut verdict = Verdict::Progressing {
        pending: Pending::NotSeen,
    };
    for observation in observations {
        verdict = session.observe(observation).verdict;
    }
    let mut report = Report::new(&session, &verdict, at(33));
    report.add_evidence(0, vec![Evidence::new(EvidenceKind::PreviousLog, HOSTILE)]);
    let sets = vec![
        replica_set_json("v1", 1, (2, 2)),
        replica_set_json("v2", 2, (1, 0)),
    ];
    let deployment = deployment("web").counts(2, 3, 1, 2).json();
    let history = History::new(web(), deployment, sets, Vec::new());
    let mut release = RollbackBatch::default();
    release.add(&web(), decide(&history, &Request::default()));
    report.rollback = proposal(&release, Vec::new());
    report
}

fn proposal(release: &RollbackBatch, left_alone: Vec<WorkloadRef>) -> Proposal {
    let evidence = |workloads| Approval::new(VerdictKind::Failed, at(33), [], workloads);
    Proposal::of(release, left_alone, evidence)
}

fn text_of(report: &Report) -> String {
    let lines: Vec<String> = report_lines(report).iter().map(Line::text).collect();
    lines.join("\n")
}

/// What people read, in every form.
fn told(report: &Report) -> String {
    format!(
        "{}\n=== Markdown ===\n{}\n=== summary ===\n{}",
        text_of(report),
        markdown(report),
        summary(report, 1800)
    )
}

fn succeeded(replicas: i32) -> Report {
    let mut session = Session::new([web()], Policy::default(), at(60));
    let workload = deployment("web").counts(replicas, replicas, replicas, replicas);
    let mut observations = vec![
        seen(60, workload),
        seen_set(60, replica_set("v2", 2, (1, 1))),
    ];
    observations.extend(pod("a").ready(0).seen(60));
    observations.extend(listed(60, &["d-1", "rs-v2", "pod-a"]));
    let mut verdict = Verdict::Progressing {
        pending: Pending::NotSeen,
    };
    for observation in observations {
        verdict = session.observe(observation).verdict;
    }
    Report::new(&session, &verdict, at(60))
}

#[test]
fn a_failed_check_in_every_form() {
    let report = failed();
    insta::assert_json_snapshot!("failed", report);
    insta::assert_snapshot!("failed_text", text_of(&report));
    insta::assert_snapshot!("failed_markdown", markdown(&report));
    insta::assert_snapshot!("failed_summary", summary(&report, 1800));
}

#[test]
fn the_json_report_holds_no_command_and_reads_back_the_same() {
    let report = failed();
    let json = to_json(&report).unwrap();
    assert!(!json.contains("##"), "{json}");
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn a_success_of_nothing_is_not_called_healthy() {
    assert_eq!(
        succeeded(1).sentence,
        "Deployment \"web\" is healthy: the rollout is complete and stable for 1m (no restart, no failed probe)"
    );
    let nothing = succeeded(0);
    assert_eq!(nothing.verdict, VerdictKind::Succeeded);
    assert_eq!(
        nothing.sentence,
        "Deployment \"web\" has 0 replicas: the rollout is complete, but nothing was verified"
    );
    assert!(markdown(&nothing).starts_with("## ⚠️ Nothing was verified"));
}

/// Of 40 workloads one that fails stands last, and the approver reads of it first.
#[test]
fn of_many_workloads_the_summary_names_the_failed_first() {
    let mut report = failed();
    let bad = report.workloads.remove(0);
    report.workloads = (0..39)
        .map(|n| {
            let mut other = bad.clone();
            other.workload.name = format!("other-{n}");
            other.verdict = VerdictKind::Succeeded;
            other
        })
        .chain([bad.clone()])
        .collect();
    let said = summary(&report, 1800);
    let standings: Vec<&str> = said.lines().skip(1).take(6).collect();
    assert!(
        standings[0].starts_with("deployment/web in namespace shop: failed, 2 of 2"),
        "{said}"
    );
    assert!(standings[4].starts_with("deployment/other-3 in"), "{said}");
    assert_eq!(standings[5], "… and 35 more");
    assert!(said.contains("Remedy: "), "{said}");
}

#[test]
fn evidence_without_words_is_not_told() {
    let mut report = failed();
    let before = told(&report);
    let empty = Evidence::new(EvidenceKind::ContainerStatus, " ");
    report.add_evidence(0, vec![empty]);
    assert_eq!(told(&report), before);
}
