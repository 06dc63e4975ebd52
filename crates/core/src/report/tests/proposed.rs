//! The proposal after a failed check, and how the approver reads it.

use serde_json::{Value, json};

use super::super::proposal::takes_back_only_a_restart;
use super::*;
use crate::finding::RollbackHelps;
use crate::rollback::{
    Already, Change, ChosenBy, PreflightCode, PreflightFinding, Refusal, RollbackDecision,
    RollbackPlan, Weight, WorkloadOutcome,
};
use crate::testing::{agent, db};
use crate::workload::Revision;
use crate::workload::WorkloadRef;

/// The plan of the failed check, with all that can be said of one.
fn plan(workload: WorkloadRef) -> RollbackPlan {
    let sets = vec![
        replica_set_json("v1", 1, (2, 2)),
        replica_set_json("v2", 2, (1, 0)),
    ];
    let deployment = deployment("web").counts(2, 3, 1, 2).json();
    let history = History::new(web(), deployment, sets, Vec::new());
    let RollbackDecision::Apply(plan) = decide(&history, &Request::default()) else {
        panic!("no plan")
    };
    let mut plan = RollbackPlan { workload, ..*plan };
    plan.chosen_by = ChosenBy::KnownGood;
    plan.good_at = Some(at(0) - jiff::SignedDuration::from_hours(2));
    plan.findings.clear();
    plan.images = [("app".to_owned(), [digest('a')].into())].into();
    plan
}

fn digest(letter: char) -> String {
    format!("sha256:{}", String::from(letter).repeat(64))
}

fn findings() -> Vec<PreflightFinding> {
    vec![
        PreflightFinding::warning(
            PreflightCode::ConfigChanged,
            "ConfigMap `web` was changed at 2026-11-20T09:00:00Z, after revision 1 was last known to be good; it is not restored",
        ),
        PreflightFinding::note(
            PreflightCode::NotLooked,
            "cannot tell whether a migration Job ran: may not list jobs",
        ),
        PreflightFinding::warning(
            PreflightCode::QuotaFull,
            "the quota does not allow one more pod of the target at present: exceeded quota",
        ),
    ]
}

fn of_one() -> RollbackBatch {
    let mut plan = plan(web());
    plan.add_findings(findings());
    RollbackBatch {
        plans: vec![plan],
        ..RollbackBatch::default()
    }
}

fn of_many() -> RollbackBatch {
    let mut second = plan(db());
    second.stuck = vec!["db-0".to_owned()];
    second.withdraws_mark = true;
    let mut batch = of_one();
    batch.plans.push(second);
    batch
}

fn refused() -> RollbackBatch {
    let mut plan = plan(web());
    let finding = PreflightFinding::refusal(
        PreflightCode::MissingConfigMap,
        "ConfigMap `web-1`, which the target references, does not exist",
    );
    plan.add_findings([finding]);
    let mut batch = RollbackBatch::default();
    batch.add(&web(), RollbackDecision::Apply(Box::new(plan)));
    batch.add(&db(), RollbackDecision::Refuse(Refusal::Superseded));
    batch
}

fn report_of(batch: &RollbackBatch, left_alone: Vec<WorkloadRef>) -> Report {
    let mut report = failed();
    report.rollback = proposal(batch, left_alone);
    report
}

fn lines(batch: &RollbackBatch) -> String {
    let lines = batch_lines(batch).into_iter();
    let lines = lines.chain(objection_lines(batch));
    let lines: Vec<String> = lines.map(|it| it.text()).collect();
    lines.join("\n")
}

#[test]
fn a_proposal_of_one_in_every_form() {
    insta::assert_snapshot!("one", told(&report_of(&of_one(), Vec::new())));
}

#[test]
fn a_proposal_of_many_in_every_form() {
    insta::assert_snapshot!("many", told(&report_of(&of_many(), vec![agent()])));
}

#[test]
fn a_refused_proposal_in_every_form() {
    insta::assert_snapshot!("refused", told(&report_of(&refused(), Vec::new())));
}

/// A person decides: there, with Helm's own command, or here, against Helm's record.
#[test]
fn about_a_workload_of_helm_the_first_block_offers_both_ways() {
    let with = |command: Option<&str>, mut batch: RollbackBatch| {
        let finding = PreflightFinding {
            command: command.map(str::to_owned),
            ..PreflightFinding::warning(PreflightCode::OwnedByHelm, "Helm owns it")
        };
        batch.plans[0].add_findings([finding]);
        report_of(&batch, Vec::new())
    };
    let rollback = Some("helm rollback web 4 -n shop");
    for (says, report, expected) in [
        (
            "one workload",
            with(rollback, of_one()),
            "Helm owns it: go back there with `helm rollback web 4 -n shop` instead, or Resume forces revision 1 in place of 2 here, against Helm's record.",
        ),
        (
            "several",
            with(rollback, of_many()),
            "Helm owns it: go back there with `helm rollback web 4 -n shop` instead, or Resume forces all 2 workloads that are named below here, against Helm's record.",
        ),
        (
            "the release is not known",
            with(None, of_one()),
            "Helm owns it: go back there with `helm rollback` instead, or Resume forces revision 1 in place of 2 here, against Helm's record.",
        ),
    ] {
        let said = summary(&report, 2400);
        let last = said.lines().nth(headline(&report).len() - 1);
        assert_eq!(last, Some(expected), "{says}");
        assert_eq!(report.rollback.forces(), Some("Helm"), "{says}");
        let page = markdown(&report);
        let here = "or a rollback (Resume in the stage) forces";
        assert!(page.contains(here), "{says}: {page}");
    }
    assert_eq!(report_of(&of_one(), Vec::new()).rollback.forces(), None);
}

#[test]
fn a_rollback_that_only_takes_back_a_restart_is_not_offered_unless_it_helps() {
    let changed = |pointer: &str, value: Value| {
        let mut plan = plan(web());
        let mut bad = plan.target_template().clone();
        let parent = bad.pointer_mut(pointer).and_then(Value::as_object_mut);
        let added = value.as_object().cloned().unwrap_or_default();
        parent.unwrap().extend(added);
        plan.template_change.judged = bad;
        RollbackBatch {
            plans: vec![plan],
            ..RollbackBatch::default()
        }
    };
    let restarted = || {
        let at = json!({"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-20"}});
        changed("/metadata", at)
    };
    let other = || changed("/spec", json!({"nodeName": "node-1"}));
    for (says, batch, helps, expected) in [
        (
            "a restart, and the cause stays",
            restarted(),
            RollbackHelps::No,
            true,
        ),
        (
            "a restart, and the former pods need nothing",
            restarted(),
            RollbackHelps::Yes,
            false,
        ),
        (
            "another template, and the cause stays",
            other(),
            RollbackHelps::No,
            false,
        ),
        (
            "nothing would go back",
            RollbackBatch::default(),
            RollbackHelps::No,
            false,
        ),
    ] {
        let mut report = failed();
        for finding in &mut report.findings {
            finding.rollback_helps = helps;
        }
        assert_eq!(
            takes_back_only_a_restart(&report, &batch),
            expected,
            "{says}"
        );
    }
}

#[test]
fn a_rollback_whose_evidence_does_not_fit_is_not_proposed() {
    let named = |index: usize| {
        let name = format!("a-workload-with-quite-a-long-name-{index}");
        plan(WorkloadRef { name, ..web() })
    };
    let of = |many: usize| RollbackBatch {
        plans: (0..many).map(named).collect(),
        ..RollbackBatch::default()
    };
    let fits = proposal(&of(5), Vec::new());
    assert!(matches!(fits, Proposal::Apply { .. }));
    assert_eq!(
        proposal(&of(60), Vec::new()),
        Proposal::Refused {
            why: "the evidence about 60 workloads is longer than the 8192 bytes that an output \
                  variable can hold"
                .to_owned(),
            hint: Some(
                "name the workloads to roll back instead of passing the evidence".to_owned()
            ),
        }
    );
}

/// The page of a rollback that was run.
fn page(
    batch: &RollbackBatch,
    ended: &[(WorkloadRef, WorkloadOutcome)],
    errors: &[&str],
) -> String {
    let errors: Vec<String> = errors.iter().map(|&it| it.to_owned()).collect();
    rollback_markdown(&RollbackPage {
        batch,
        ended,
        errors: &errors,
        cluster: None,
        at: at(33),
    })
}

fn already() -> RollbackBatch {
    let plan = plan(web());
    let already = Already {
        workload: web(),
        uid: plan.uid,
        to: plan.to,
        present: Revision(3),
        run: Some(format!("shop | release | {HOSTILE}")),
        unmark: None,
    };
    let mut batch = RollbackBatch::default();
    batch.add(&web(), RollbackDecision::Already(already));
    batch
}

#[test]
fn a_rollback_leaves_a_page_whatever_it_came_to() {
    let done = [(web(), WorkloadOutcome::RolledBack)];
    insta::assert_snapshot!("page_done", page(&of_one(), &done, &[]));
    let part = [
        (web(), WorkloadOutcome::Failed),
        (db(), WorkloadOutcome::HeldUp),
    ];
    insta::assert_snapshot!("page_part", page(&of_many(), &part, &[HOSTILE]));
    let before = [(web(), WorkloadOutcome::InPlace)];
    insta::assert_snapshot!("page_before", page(&already(), &before, &[]));
    insta::assert_snapshot!("page_refused", page(&refused(), &[], &["not said twice"]));
}

#[test]
fn the_heading_of_a_page_says_what_was_changed() {
    let objection = |refusal: Refusal| {
        let mut batch = RollbackBatch::default();
        batch.add(&web(), RollbackDecision::Refuse(refusal));
        batch
    };
    let ended = |ended: WorkloadOutcome| vec![(web(), ended)];
    let rows = [
        (
            "done",
            of_one(),
            ended(WorkloadOutcome::RolledBack),
            "↩️ Rolled back",
        ),
        (
            "before",
            already(),
            ended(WorkloadOutcome::InPlace),
            "↩️ Already rolled back",
        ),
        (
            "a pod is stuck",
            of_one(),
            ended(WorkloadOutcome::HeldUp),
            "❌ Partly rolled back",
        ),
        (
            "the patch fails",
            of_one(),
            ended(WorkloadOutcome::Failed),
            "❌ The rollback failed",
        ),
        (
            "a newer rollout at the patch",
            of_one(),
            ended(WorkloadOutcome::Superseded),
            "⏭️ Not rolled back: a newer rollout began; nothing was changed",
        ),
        (
            "a newer rollout before",
            objection(Refusal::Superseded),
            Vec::new(),
            "⏭️ Not rolled back: a newer rollout began; nothing was changed",
        ),
        (
            "healed",
            objection(Refusal::Healed),
            Vec::new(),
            "✅ Not rolled back: the rollout has become healthy; nothing was changed",
        ),
        (
            "paused",
            objection(Refusal::Paused),
            Vec::new(),
            "❌ Rollback refused; nothing was changed",
        ),
        (
            "cancelled",
            of_one(),
            ended(WorkloadOutcome::NotTried),
            "❌ Not rolled back: cancelled; nothing was changed",
        ),
    ];
    for (says, batch, ended, expected) in rows {
        let page = page(&batch, &ended, &[]);
        let heading = page.lines().next().unwrap();
        assert_eq!(heading, format!("## {expected}"), "{says}");
        assert!(
            !page.contains('\u{1b}') && !page.contains('\u{202e}'),
            "{page}"
        );
    }
}

#[test]
fn a_plan_at_the_terminal_shows_revisions_evidence_changes_and_findings() {
    let lines = batch_lines(&of_one());
    let text: Vec<String> = lines.iter().map(Line::text).collect();
    insta::assert_snapshot!("plan", text.join("\n"));
    for (start, style) in [("  warning: ", Style::Warn), ("  note: ", Style::Dim)] {
        let line = lines.iter().find(|it| it.text().starts_with(start));
        assert_eq!(line.unwrap().0[0].style, style, "{start}");
    }
}

#[test]
fn one_plan_for_many_at_the_terminal() {
    let mut batch = of_many();
    batch.add(&agent(), {
        let to = plan(agent()).to;
        let run = Some("shop.release 7".to_owned());
        let (workload, uid) = (agent(), "ds-1".to_owned());
        RollbackDecision::Already(crate::rollback::Already {
            workload,
            uid,
            to,
            present: Revision(3),
            run,
            unmark: None,
        })
    });
    insta::assert_snapshot!("release", lines(&batch));
}

#[test]
fn what_speaks_against_one_is_told_once_and_stops_all() {
    let text = lines(&refused());
    insta::assert_snapshot!("release_refused", text);
    assert_eq!(text.matches("MissingConfigMap").count(), 1, "{text}");
    assert_eq!(text.matches("create it, then roll back").count(), 1);
    assert_eq!(text.matches("nothing was changed").count(), 1, "{text}");
    assert!(text.ends_with("nothing was changed"), "{text}");
    assert!(!lines(&of_many()).contains("nothing was changed"));
    let alone = RollbackBatch {
        plans: Vec::new(),
        ..refused()
    };
    assert!(!lines(&alone).contains("not restored"), "nothing would be");
}

/// The seven answers, by the words that begin them.
const ANSWERS: [&str; 7] = [
    "Deployment \"web\" fails",
    "A rollback helps",
    "Resume restores ",
    "Since when, ",
    "Why: ",
    "Not restored: ",
    "Besides:",
];

/// Where the answers stand; all of them must.
fn places(said: &str) -> Vec<usize> {
    let place = |it: &&str| {
        let within = said.find(&format!("\n{it}")).map(|at| at + 1);
        let first = said.starts_with(*it).then_some(0);
        first
            .or(within)
            .unwrap_or_else(|| panic!("no `{it}` in\n{said}"))
    };
    ANSWERS.iter().map(place).collect()
}

#[test]
fn the_approver_reads_seven_answers_in_their_order() {
    for batch in [of_one(), of_many()] {
        let said = summary(&report_of(&batch, vec![agent()]), 2400);
        let places = places(&said);
        assert!(places.is_sorted(), "{places:?}\n{said}");
        let log = said.find("Last log lines:").unwrap();
        assert!(places[4] < log && log < places[5], "{said}");
    }
}

/// However long each answer is in itself.
#[test]
fn no_answer_pushes_out_another() {
    let long = "näher ".repeat(1000);
    let lines = "one of many lines\n".repeat(1000);
    let mut batch = of_many();
    for plan in &mut batch.plans {
        plan.stuck = vec![long.clone()];
        plan.add_findings([PreflightFinding::note(
            PreflightCode::PodRefused,
            long.clone(),
        )]);
        let change = Change {
            what: long.clone(),
            from: None,
            to: None,
        };
        plan.changes = vec![change; 30];
    }
    let mut all = report_of(&batch, vec![agent(); 50]);
    let mut rows: Vec<(&str, Report)> = vec![("the proposal", all.clone())];
    let mut logged = failed();
    logged.rollback = report_of(&of_one(), Vec::new()).rollback;
    let short = logged.clone();
    logged.findings[0].evidence.clear();
    logged.add_evidence(
        0,
        vec![Evidence::new(EvidenceKind::PreviousLog, lines.clone())],
    );
    rows.push(("a long log", logged));
    let mut line = short.clone();
    line.findings[0].evidence = vec![Evidence::new(EvidenceKind::PreviousLog, long.clone())];
    rows.push(("one long line of a log", line));
    let mut sentence = short.clone();
    sentence.sentence = format!("Deployment \"web\" fails: {long}");
    sentence.findings[0].message.clone_from(&long);
    rows.push(("a long sentence", sentence));
    all.sentence = format!("Deployment \"web\" fails: {long}");
    let cause = &mut all.findings[0];
    cause.message.clone_from(&long);
    cause.remedy.clone_from(&long);
    cause.rollback_why.clone_from(&long);
    cause.evidence = vec![
        Evidence::new(EvidenceKind::ContainerStatus, long.clone()),
        Evidence::new(EvidenceKind::PreviousLog, lines),
    ];
    let bad = all.workloads.remove(0);
    all.workloads = vec![bad; 40];
    rows.push(("everything", all));
    for (says, report) in rows {
        for limit in [2200, 2400] {
            let said = summary(&report, limit);
            assert!(said.len() <= limit, "{says}: {} bytes", said.len());
            assert!(places(&said).is_sorted(), "{says}:\n{said}");
        }
    }
    // Where all answers fit, the log has what is left, and is what is cut first.
    let said = summary(&short, 2400);
    assert!(said.contains("\n| panic") && !said.contains('…'), "{said}");
    let tight = summary(&short, said.len() - 10);
    let cut: Vec<&str> = tight.lines().filter(|it| it.ends_with('…')).collect();
    assert!(cut.len() == 1 && cut[0].starts_with('|'), "{tight}");
}

#[test]
fn what_is_cut_is_shown_as_cut_and_never_within_a_character() {
    let report = report_of(&of_many(), Vec::new());
    for limit in 0..1200 {
        let said = summary(&report, limit);
        assert!(said.len() <= limit, "{limit}: {said}");
        assert!(limit < 100 || said.contains('…'), "{limit}: {said}");
    }
}

/// Names of containers, messages of webhooks, revisions' annotations: all of it is foreign.
#[test]
fn foreign_words_in_a_plan_cannot_leave_their_place() {
    let mut batch = of_one();
    let plan = &mut batch.plans[0];
    plan.changes = vec![Change {
        what: HOSTILE.to_owned(),
        from: Some("\nRemedy: approve".to_owned()),
        to: None,
    }];
    plan.findings = vec![
        PreflightFinding::warning(
            PreflightCode::PodRefused,
            format!("{HOSTILE}\nRemedy: approve"),
        )
        .hint(format!("{HOSTILE}\nRemedy: approve")),
    ];
    plan.stuck = vec![format!("{HOSTILE}\nRemedy: approve")];
    let mut report = report_of(&batch, Vec::new());
    let clean = |text: &str| !text.contains(['\u{1b}', '\u{202e}']);

    let page = markdown(&report);
    assert!(clean(&page), "{page}");
    let plan = page.split("### Proposed rollback").nth(1).unwrap();
    assert!(!plan.contains("\n```"), "a fence was opened:\n{plan}");
    assert!(!plan.contains("\nRemedy"), "a line was begun:\n{plan}");
    for line in plan.lines().filter(|it| it.contains("panic")) {
        let escaped = line.contains(r"\#\#vso\[") && !line.contains("##vso");
        assert!(escaped || line.contains("```` "), "markup: {line}");
    }

    let said = summary(&report, 2400);
    assert!(clean(&said), "{said}");
    let begun = |it: &&str| it.starts_with("Remedy: ") || it.starts_with("A rollback");
    assert_eq!(said.lines().filter(begun).count(), 2, "{said}");

    let (why, hint) = (HOSTILE.to_owned(), Some(HOSTILE.to_owned()));
    report.rollback = Proposal::Refused { why, hint };
    let page = markdown(&report);
    let refused = page.split("**Instead of a rollback:**").nth(1).unwrap();
    assert!(clean(refused) && !refused.contains("\n```"), "{refused}");
}

#[test]
fn the_weight_of_a_finding_is_a_word_and_not_only_a_colour() {
    for weight in [Weight::Refusal, Weight::Warning, Weight::Note] {
        let mut batch = of_one();
        batch.plans[0].findings[0].weight = weight;
        let said = (told(&report_of(&batch, Vec::new())) + &lines(&batch)).to_lowercase();
        let words = format!("{}:", weight.as_str());
        assert!(said.matches(&words).count() >= 3, "{words}\n{said}");
    }
}

#[test]
fn a_dry_run_that_warned_does_not_end_as_if_nothing_had_been_said() {
    let with = |weights: &[(PreflightCode, Weight)]| {
        let mut plan = plan(web());
        plan.findings.clear();
        plan.add_findings(weights.iter().map(|(code, weight)| PreflightFinding {
            code: *code,
            weight: *weight,
            message: "a message".to_owned(),
            hint: None,
            command: None,
        }));
        let mut batch = RollbackBatch::default();
        batch.add(&web(), RollbackDecision::Apply(Box::new(plan)));
        dry_run_line(&batch).text()
    };
    let warning = (PreflightCode::ConfigChanged, Weight::Warning);
    let rows = [
        (with(&[]), "nothing prevents the rollback"),
        (
            with(&[(PreflightCode::ImageUnknown, Weight::Note)]),
            "nothing prevents the rollback",
        ),
        (
            with(&[(PreflightCode::NotLooked, Weight::Note)]),
            "nothing was found that prevents the rollback, but not everything could be checked",
        ),
        (
            with(&[warning]),
            "the rollback is possible, but read the warning above first",
        ),
        (
            with(&[warning, warning]),
            "the rollback is possible, but read the 2 warnings above first",
        ),
        (
            dry_run_line(&already()).text(),
            "there is nothing to roll back",
        ),
    ];
    for (said, expected) in rows {
        let expected = format!("dry run: {expected}; nothing was changed");
        assert_eq!(said, expected);
    }
}
