//! A check as a suite of tests: each workload is one.

use super::{TestCase, TestProblem, TestResult, TestSuite};
use crate::duration::elapsed;
use crate::finding::{Finding, Prognosis};
use crate::report::{Line, Report, WorkloadReport, finding_lines, headline, sentence};
use crate::verdict::{Undetermined, VerdictKind};

/// Returns a check as XML of `JUnit`.
#[must_use]
pub fn check_junit(report: &Report) -> String {
    let suite = TestSuite {
        name: "rollguard check".to_owned(),
        began: Some(report.started),
        cases: check_cases(report),
    };
    suite.to_xml()
}

fn check_cases(report: &Report) -> Vec<TestCase> {
    let took = elapsed(report.started, report.ended);
    let case = |it: &WorkloadReport| TestCase {
        class: it.workload.namespace.clone(),
        name: it.workload.to_string(),
        took,
        result: result(report, it),
        output: output(report, it),
    };
    report.workloads.iter().map(case).collect()
}

/// Returns how a workload did. One that another's failure left under way was not judged.
pub(super) fn result(report: &Report, it: &WorkloadReport) -> TestResult {
    let problem = |code: String, message: String| TestProblem {
        code,
        message,
        text: evidence(report, it),
    };
    match it.verdict {
        VerdictKind::Succeeded => TestResult::Passed,
        VerdictKind::Failed | VerdictKind::TimedOut => {
            let cause = findings(report, it).next();
            let code = cause.map_or_else(
                || title(it.verdict).to_owned(),
                |cause| cause.code.to_string(),
            );
            TestResult::Failed(problem(code, message(report, it, cause)))
        }
        VerdictKind::Undetermined => {
            let code = title(it.verdict).to_owned();
            TestResult::Error(problem(code, message(report, it, None)))
        }
        VerdictKind::Superseded => TestResult::Skipped(message(report, it, None)),
        VerdictKind::Progressing => {
            let waits = it.pending.as_ref().map(|it| format!(": {it}"));
            let why = format!(
                "not judged: the check ended with another workload, and this one was still under way{}",
                waits.unwrap_or_default()
            );
            TestResult::Skipped(why)
        }
    }
}

/// Returns the code where no cause is known.
const fn title(verdict: VerdictKind) -> &'static str {
    match verdict {
        VerdictKind::Succeeded => "Succeeded",
        VerdictKind::Failed => "Failed",
        VerdictKind::TimedOut => "TimedOut",
        VerdictKind::Undetermined => "Undetermined",
        VerdictKind::Superseded => "Superseded",
        VerdictKind::Progressing => "Progressing",
    }
}

/// Returns the causes of a workload, the most telling one first.
fn findings<'a>(report: &'a Report, it: &WorkloadReport) -> impl Iterator<Item = &'a Finding> {
    let name = it.workload.to_string();
    let alone = report.workloads.len() == 1;
    let decides = |it: &&Finding| it.prognosis != Prognosis::Informational;
    let of_workload = move |it: &&Finding| alone || it.workloads.contains(&name);
    report.findings.iter().filter(decides).filter(of_workload)
}

/// Returns the first line of the report, if it is about this workload alone; else the same of this one.
fn message(report: &Report, it: &WorkloadReport, cause: Option<&Finding>) -> String {
    if report.workloads.len() == 1 {
        return report.sentence.clone();
    }
    let workload = &it.workload;
    match (it.verdict, cause) {
        (VerdictKind::Failed, Some(cause)) => {
            let verdict = crate::verdict::Verdict::Failed {
                causes: vec![cause.clone()],
            };
            sentence(workload, &verdict)
        }
        (VerdictKind::TimedOut, cause) => {
            let why = cause.map(|it| format!("suspect: {} ({})", it.message, it.code));
            let waits = it.pending.as_ref().map(ToString::to_string);
            let said: Vec<String> = waits.into_iter().chain(why).collect();
            format!(
                "{} \"{}\" did not complete in time: {}",
                workload.kind,
                workload.name,
                said.join("; ")
            )
        }
        (VerdictKind::Undetermined, _) => {
            let why = report.undetermined.as_ref().map(Undetermined::to_string);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            format!(
                "{} \"{}\" is undetermined{why}",
                workload.kind, workload.name
            )
        }
        _ => format!("{} \"{}\": {}", workload.kind, workload.name, it.verdict),
    }
}

/// Returns the first block and the causes with their evidence.
fn evidence(report: &Report, it: &WorkloadReport) -> String {
    let mut lines = headline(report);
    for finding in findings(report, it) {
        lines.push(String::new());
        lines.extend(finding_lines(finding, report.ended).iter().map(Line::text));
    }
    lines.extend(
        it.standstill
            .iter()
            .map(|it| format!("waits for: {}", it.message)),
    );
    lines.extend(unseen(report));
    lines.join("\n")
}

/// Returns what is worth knowing of a workload that passed, or was not judged.
fn output(report: &Report, it: &WorkloadReport) -> String {
    match it.verdict {
        VerdictKind::Succeeded | VerdictKind::Superseded => {
            let first = headline(report).into_iter();
            let notes = report
                .findings
                .iter()
                .filter(|it| it.prognosis == Prognosis::Informational);
            let notes = notes.map(|it| format!("note: {} ({})", it.message, it.code));
            first
                .chain(notes)
                .chain(unseen(report))
                .collect::<Vec<_>>()
                .join("\n")
        }
        VerdictKind::Failed
        | VerdictKind::TimedOut
        | VerdictKind::Undetermined
        | VerdictKind::Progressing => String::new(),
    }
}

fn unseen(report: &Report) -> impl Iterator<Item = String> {
    report
        .blind_spots
        .iter()
        .map(|it| format!("not seen: {it}"))
}
