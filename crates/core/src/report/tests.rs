//! A verdict as people read it, in every form.

use std::time::Duration;

use super::*;
use crate::approval::Approval;
use crate::finding::{EvidenceKind, FindingCode};
use crate::history::History;
use crate::observation::{Blindness, Observation, ResourceKind, Seen};
use crate::policy::Policy;
use crate::rollback::{Request, RollbackBatch, decide};
use crate::testing::{
    at, deployment, listed, pod, replica_set, replica_set_json, seen, seen_set, start, web,
};
use crate::verdict::VerdictKind;
use crate::workload::{ClusterName, WorkloadRef};

mod many;
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
    report.add_logs(0, &[Evidence::new(EvidenceKind::PreviousLog, HOSTILE)]);
    let sets = vec![
        replica_set_json("v1", 1, (2, 2)),
        replica_set_json("v2", 2, (1, 0)),
    ];
    let deployment = deployment("web").counts(2, 3, 1, 2).json();
    let history = History::new(web(), deployment, sets, Vec::new());
    let mut batch = RollbackBatch::default();
    batch.add(&web(), decide(&history, &Request::default()));
    report.rollback = proposal(&batch, Vec::new());
    report
}

fn proposal(batch: &RollbackBatch, left_alone: Vec<WorkloadRef>) -> Proposal {
    let evidence = |workloads| Approval::new(VerdictKind::Failed, at(33), [], workloads);
    Proposal::of(batch, left_alone, evidence)
}

fn text_of(report: &Report) -> String {
    let lines: Vec<String> = report_lines(report).iter().map(Line::text).collect();
    lines.join("\n")
}

/// Returns what people read, in every form.
fn told(report: &Report) -> String {
    format!(
        "{}\n=== Markdown ===\n{}\n=== summary ===\n{}",
        text_of(report),
        markdown(report),
        summary(report, 2400)
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
    insta::assert_snapshot!("failed_summary", summary(&report, 2400));
}

#[test]
fn the_json_report_holds_no_command_and_reads_back_the_same_but_for_what_cannot_be_seen() {
    let report = failed();
    let json = to_json(&report).unwrap();
    assert!(!json.contains("##"), "{json}");
    assert!(!json.contains('\u{202e}'), "{json}");
    let hostile = serde_json::to_string(&report).unwrap();
    assert!(hostile.contains('\u{202e}'));
    let visible: Report = serde_json::from_str(&hostile.replace('\u{202e}', "")).unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(read.headline, headline(&visible));
    assert!(read.headline.len() <= 6, "{:?}", read.headline);
    let headline = read.headline.clone();
    assert_eq!(
        read,
        Report {
            headline,
            ..visible
        }
    );
}

#[test]
fn the_deciding_line_is_in_the_sentence_of_a_crash_and_only_an_error_in_others() {
    let said = |code: FindingCode, log: &str| {
        let mut report = failed();
        let message = "container `app` is not well";
        report.findings[0].code = code;
        report.findings[0].message = message.to_owned();
        report.sentence = format!("web fails: {message} ({code})");
        report.add_logs(0, &[Evidence::new(EvidenceKind::PreviousLog, log)]);
        report.sentence
    };
    let error = "starting\nvariable X is not set\nbye";
    let plain = "listening on 8080\nbye";
    let quoted = " fails: container `app` is not well; its log says";
    for (says, code, log, expected) in [
        (
            "a crash",
            FindingCode::CrashAtStart,
            error,
            Some("variable X is not set"),
        ),
        (
            "a crash without an error",
            FindingCode::CrashAfterReady,
            plain,
            Some("listening on 8080"),
        ),
        (
            "a kill that the log explains",
            FindingCode::LivenessKillsStart,
            error,
            Some("variable X is not set"),
        ),
        (
            "a kill that it does not explain",
            FindingCode::LivenessKillsStart,
            plain,
            None,
        ),
        (
            "a cause of the cluster",
            FindingCode::ImageNotFound,
            error,
            None,
        ),
        ("an empty log", FindingCode::CrashAtStart, "\n", None),
    ] {
        let expected = expected.map_or_else(
            || format!("web fails: container `app` is not well ({code})"),
            |line| format!("web{quoted} \"{line}\" ({code})"),
        );
        assert_eq!(said(code, log), expected, "{says}");
    }
}

#[test]
fn a_long_log_is_cut_to_its_tail_and_told_once() {
    let mut report = failed();
    let lines: Vec<String> = (0..60).map(|it| format!("line {it}")).collect();
    let same = lines.join("\n") + "\npassword=hunter2";
    let logs = [EvidenceKind::PreviousLog, EvidenceKind::CurrentLog];
    let before = report.findings[0].evidence.len();
    report.add_logs(0, &logs.map(|kind| Evidence::new(kind, same.clone())));
    let evidence = &report.findings[0].evidence;
    assert_eq!(evidence.len(), before + 1);
    let text = &evidence.last().unwrap().text;
    assert!(
        text.starts_with("line 36") && text.ends_with("password=***"),
        "{text}"
    );
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

#[test]
fn what_only_new_pods_log_stands_in_every_form_and_changes_no_sentence() {
    let mut report = succeeded(1);
    let before = report.sentence.clone();
    let line = NewLine {
        count: 41,
        example: "connection to `db-old` | refused".to_owned(),
    };
    report.add_new_lines(&web(), vec![line]);
    assert_eq!(report.sentence, before);
    let page = markdown(&report);
    assert!(
        page.contains("\nnew in this revision: 41 × connection to `db-old` \\| refused\n"),
        "{page}"
    );
    let text = text_of(&report);
    assert!(
        text.contains("new in this revision: 41 × connection to `db-old` | refused"),
        "{text}"
    );
    let json = serde_json::to_value(&report).unwrap();
    let counted = json.pointer("/workloads/0/newLines/0/count");
    assert_eq!(counted, Some(&serde_json::json!(41)));
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
    let said = summary(&report, 2400);
    let standings: Vec<&str> = said.lines().skip(1).take(3).collect();
    assert_eq!(
        standings,
        [
            "40 workloads in namespace shop, checked for 33s.",
            "deployment/web (failed): users are served: the old revision 1 has 2 of 2 pods ready.",
            "… and 39 more",
        ]
    );
    for line in ["\ndeployment/other-3 (succeeded): ", "\n… and 35 more"] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert!(said.contains("Remedy: "), "{said}");
}

/// A failed check on a named cluster, with a thousand causes that all say a lot.
fn of_a_thousand_findings() -> Report {
    let mut report = failed();
    let context = Some("aks-prod-admin".to_owned());
    report.cluster = Some(ClusterName::new("aks-prod").with_context(context));
    let mut other = report.findings[0].clone();
    other.message = "words ".repeat(100);
    other.remedy = "more words ".repeat(100);
    report.findings.extend(vec![other; 999]);
    report
}

#[test]
fn the_first_block_has_six_lines_at_most_and_is_the_same_everywhere() {
    let report = of_a_thousand_findings();
    let block = headline(&report);
    let expected = [
        report.sentence.as_str(),
        "deployment/web in namespace shop on cluster aks-prod (context aks-prod-admin), checked for 33s.",
        "Users are served: the old revision 1 has 2 of 2 pods ready.",
        "A rollback helps with this cause: the former revision could start, unless what it depends on is gone.",
        "A rollback (Resume in the stage) restores revision 1 in place of 2: its pods are still serving.",
    ];
    assert_eq!(block, expected);
    let read: serde_json::Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
    assert_eq!(read["headline"], serde_json::json!(block));
    assert_eq!(read["cluster"]["name"], "aks-prod");
    let text = text_of(&report);
    let page = markdown(&report);
    for line in &block[1..] {
        assert!(text.contains(&format!("\n  {line}\n")), "{line} in\n{text}");
        let escaped = prose(line);
        assert!(page.contains(&escaped), "{line} in\n{page}");
    }
}

#[test]
fn the_approval_keeps_the_whole_first_block_whatever_else_is_cut() {
    const LIMIT: usize = 2400;
    let mut named = of_a_thousand_findings();
    named.cluster = Some(ClusterName::new("c".repeat(200)).with_context(Some("d".repeat(200))));
    named.workloads[0].workload.name = "w".repeat(253);
    let mut many = of_a_thousand_findings();
    let bad = many.workloads[0].clone();
    many.workloads = vec![bad; 1000];
    for (says, report, lines) in [
        ("a thousand findings", of_a_thousand_findings(), 5),
        ("a thousand workloads", many, 6),
    ] {
        let said = summary(&report, LIMIT);
        assert!(said.len() <= LIMIT, "{says}: {}", said.len());
        let mut block = headline(&report);
        let last = block.last_mut().unwrap();
        *last = last.replace("A rollback (Resume in the stage)", "Resume");
        assert_eq!(block.len(), lines, "{says}");
        let whole = block.join("\n").replace('\u{202e}', "");
        assert!(said.starts_with(&whole), "{says}:\n{whole}\n--- in\n{said}");
        assert!(said.contains("\nRemedy: "), "{says}:\n{said}");
    }
    // Only a line that is longer than all names of AKS is cut, and only at its own end.
    let said = summary(&named, LIMIT);
    let cut: Vec<&str> = said
        .lines()
        .take(5)
        .filter(|it| it.ends_with('…'))
        .collect();
    assert_eq!(cut.len(), 1, "{said}");
}

#[test]
fn evidence_without_words_is_not_told() {
    let mut report = failed();
    let before = told(&report);
    let empty = Evidence::new(EvidenceKind::ContainerStatus, " ");
    report.add_evidence(0, vec![empty]);
    assert_eq!(told(&report), before);
}

/// A check of v2 whose Secret is missing, when it has taken `seconds`.
fn waiting_for_a_secret(seconds: u64) -> (Session, Report) {
    let policy = Policy {
        timeout: Duration::from_secs(60),
        ..Policy::default()
    };
    let mut session = Session::new([web()], policy, start());
    let mut observations: Vec<Observation> = vec![
        seen(0, deployment("web").counts(2, 3, 1, 2)),
        seen_set(0, replica_set("v1", 1, (2, 2))),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    let missing = "secret \"db|x\" not found";
    observations.extend(
        pod("a")
            .waiting("CreateContainerConfigError", missing)
            .seen(4),
    );
    observations.extend(listed(4, &["d-1", "rs-v1", "rs-v2", "pod-a"]));
    observations.push(Session::tick(at(seconds)));
    let mut verdict = Verdict::Progressing {
        pending: Pending::NotSeen,
    };
    for observation in observations {
        verdict = session.observe(observation).verdict;
    }
    let report = Report::new(&session, &verdict, at(seconds));
    (session, report)
}

#[test]
fn the_json_report_says_of_a_suspect_when_it_was_seen_what_may_heal_it_and_when_it_decides() {
    let (_, report) = waiting_for_a_secret(60);
    let json: serde_json::Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
    let suspect = serde_json::json!([{
        "code": "ConfigObjectMissing",
        "subject": json["suspects"][0]["subject"],
        "workload": "deployment/web",
        "message": "container `app` needs Secret `db|x`, which does not exist",
        "firstSeen": at(4).to_string(),
        "heals": "the same pipeline or an operator may still create it",
        "decidesAt": at(60).to_string(),
    }]);
    assert_eq!(json["suspects"], suspect);
}

#[test]
fn the_page_says_of_a_suspect_when_it_was_seen_what_may_heal_it_and_when_it_decides() {
    let (_, report) = waiting_for_a_secret(60);
    let page = markdown(&report);
    let rows = "| first seen | cause | what was seen | what could heal it | decides by |\n\
         | ---: | --- | --- | --- | ---: |\n\
         | +4s | ConfigObjectMissing | container `app` needs Secret `db¦x`, which does not exist | the \
         same pipeline or an operator may still create it | +1m |\n";
    assert!(page.contains(rows), "{page}");
}

/// A check that sees nothing of the Deployment, for this reason, until it ends.
fn blind(why: Blindness) -> Report {
    let mut session = Session::new([web()], Policy::default(), start());
    let resource = ResourceKind::Deployment;
    let blind = Observation::new(at(1), Seen::Blind { resource, why });
    let first = session.observe(blind).verdict;
    let verdict = session.observe(Session::tick(at(60))).verdict;
    let verdict = if first.is_terminal() { first } else { verdict };
    Report::new(&session, &verdict, at(60))
}

#[test]
fn an_api_server_that_was_lost_is_explained_from_outside_and_the_verdict_stays() {
    let message = || "connection refused".to_owned();
    let rows = [
        ("lost", Blindness::Disconnected { message: message() }, true),
        (
            "forbidden",
            Blindness::Forbidden { message: message() },
            false,
        ),
        (
            "signed out",
            Blindness::Unauthorized { message: message() },
            false,
        ),
    ];
    for (says, why, lost) in rows {
        let mut report = blind(why);
        assert_eq!(report.verdict, VerdictKind::Undetermined, "{says}");
        assert_eq!(report.lost_connection(), lost, "{says}");
        report.add_outage("Azure says that the cluster is stopped");
        assert_eq!(report.verdict, VerdictKind::Undetermined, "{says}");
        for (form, text) in [
            ("text", text_of(&report)),
            ("page", markdown(&report)),
            ("summary", summary(&report, 1800)),
        ] {
            let told = text.contains("; Azure says that the cluster is stopped");
            assert!(told, "{says}, {form}: {text}");
        }
    }
    assert!(!failed().lost_connection());
    assert!(!succeeded(1).lost_connection());
}
