//! The report for a run's summary page.

use jiff::Timestamp;

use super::words::{ago, deletes, other_image, time};
use super::{
    AfterRollback, NOT_RESTORED, Proposal, Proposed, Report, WorkloadReport, headline, words,
};
use crate::duration::{Human, elapsed};
use crate::finding::{Evidence, Finding, FindingCode};
use crate::foreign_text::visible;
use crate::rollback::PreflightFinding;
use crate::rollback::RollbackHealth;
use crate::session::followed;
use crate::verdict::VerdictKind;
use crate::workload::WorkloadRef;

mod prose;
mod rollback;

pub use prose::cell;
use prose::prose;

pub use rollback::{RollbackPage, rollback_markdown};

/// The report as Markdown. Nothing in foreign text is markup.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let first = headline(report);
    let (sentence, rest) = first
        .split_first()
        .map_or(("", &[][..]), |(it, rest)| (it, rest));
    let mut out = vec![format!(
        "## {}\n\n**{}**\n",
        heading(report),
        prose(sentence)
    )];
    out.extend(rest.iter().map(|line| format!("- {}", prose(line))));
    out.push(String::new());
    out.extend(report.after_rollback.iter().flat_map(after));
    out.push(workloads(report));
    out.extend(
        report
            .blind_spots
            .iter()
            .map(|spot| format!("- not seen: {}", prose(spot))),
    );
    out.extend(report.findings.iter().map(finding_markdown));
    out.extend(suspects(report));
    out.extend(proposal(&report.rollback, report.ended));
    out.push(timeline(report));
    out.join("\n")
}

fn timeline(report: &Report) -> String {
    let rows = report.timeline.iter().map(|entry| {
        let since = Human(elapsed(report.started, entry.at));
        format!("| +{since} | {} |", cell(&entry.text))
    });
    let began = time(report.started);
    let head = format!(
        "\n<details><summary>Timeline, from {began}</summary>\n\n| after | what happened |\n| ---: | --- |"
    );
    let rows: Vec<String> = rows.collect();
    format!("{head}\n{}\n\n</details>\n", rows.join("\n"))
}

/// One column of the workloads' table.
type Column = (&'static str, fn(&WorkloadReport, &Report) -> String);

const COLUMNS: [Column; 8] = [
    ("workload", |it, _| it.workload.to_string()),
    ("namespace", |it, _| it.workload.namespace.clone()),
    ("verdict", |it, report| match report.workloads.as_slice() {
        // The heading says it.
        [_] => String::new(),
        _ => it.verdict.to_string(),
    }),
    ("revision", |it, _| {
        it.revision
            .map_or_else(|| "unknown".to_owned(), |it| it.to_string())
    }),
    ("desired", |it, _| it.desired.to_string()),
    ("updated", |it, _| it.updated.to_string()),
    ("available", |it, _| it.available.to_string()),
    ("waits for", |it, report| {
        let since = it.pending_since.map(|at| Human(elapsed(at, report.ended)));
        match (&it.pending, since) {
            (Some(pending), Some(since)) => cell(&format!("{pending}, for {since}")),
            _ => String::new(),
        }
    }),
];

/// The table of the workloads, without columns that would be empty.
fn workloads(report: &Report) -> String {
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|(_, text)| {
            report
                .workloads
                .iter()
                .any(|it| !text(it, report).is_empty())
        })
        .collect();
    let mut rows = vec![
        row(columns.iter().map(|(name, _)| (*name).to_owned()).collect()),
        row(columns.iter().map(|_| "---".to_owned()).collect()),
    ];
    let cells = |it| columns.iter().map(|(_, text)| text(it, report)).collect();
    rows.extend(report.workloads.iter().map(|it| row(cells(it))));
    let http = report.workloads.iter().flat_map(|it| &it.http);
    rows.extend(http.map(|http| format!("\n{}", http.told(&code(&http.check)))));
    rows.extend(report.workloads.iter().flat_map(|it| {
        it.followed.iter().map(|change| {
            let at = Human(elapsed(report.started, change.at));
            let text = code(&followed(&change.changed));
            format!("\n{}, +{at}: {text}", it.workload)
        })
    }));
    rows.push(String::new());
    rows.join("\n")
}

/// When each cause was first seen, what could heal it, and when it decides.
fn suspects(report: &Report) -> Option<String> {
    if report.suspects.is_empty() {
        return None;
    }
    let since = |at| format!("+{}", Human(elapsed(report.started, at)));
    let rows = report.suspects.iter().map(|it| {
        let end = match (it.gone_at, it.decides_at) {
            (Some(at), _) => format!("gone at {}", since(at)),
            (None, Some(at)) => since(at),
            (None, None) => String::new(),
        };
        let (message, heals) = (cell(&it.message), cell(&it.heals));
        let first = since(it.first_seen);
        format!("| {first} | {} | {message} | {heals} | {end} |", it.code)
    });
    let head = "| first seen | cause | what was seen | what may heal it | decides at |\n| --- | --- | --- | --- | --- |";
    let rows: Vec<String> = rows.collect();
    Some(format!("\n{head}\n{}\n", rows.join("\n")))
}

fn heading(report: &Report) -> &'static str {
    let unverified = report
        .findings
        .iter()
        .any(|it| it.code == FindingCode::NothingToVerify);
    let succeeded = report.verdict == VerdictKind::Succeeded;
    match report.rollback_health() {
        Some(RollbackHealth::Healthy) if succeeded && unverified => {
            return "⚠️ Rolled back, but nothing was verified";
        }
        Some(RollbackHealth::Healthy) if succeeded => return "✅ Rolled back and healthy",
        // Not all of it could be seen, or something else fails.
        Some(RollbackHealth::Healthy) | None => {}
        Some(RollbackHealth::Undetermined) => return "❔ Rolled back; the health is undetermined",
        Some(RollbackHealth::Unhealthy) => return "❌ Rolled back, but not healthy",
        Some(RollbackHealth::NotRolledBack) => return "❌ Not rolled back",
    }
    match report.verdict {
        VerdictKind::Succeeded if unverified => "⚠️ Nothing was verified",
        VerdictKind::Succeeded => "✅ The rollout is healthy",
        VerdictKind::Failed => "❌ The rollout fails",
        VerdictKind::TimedOut => "⌛ The rollout did not complete in time",
        VerdictKind::Superseded => "⏭️ Another rollout replaced it",
        // A report is written once the session has ended.
        VerdictKind::Undetermined | VerdictKind::Progressing => {
            "❔ The rollout's health is undetermined"
        }
    }
}

fn finding_markdown(finding: &Finding) -> String {
    let helps = finding.rollback_helps.as_str();
    let whom = match finding.pods {
        0 | 1 => finding.subject.to_string(),
        many => format!("{many} pods, one of them {}", finding.subject.name),
    };
    let mut out = vec![format!(
        "### {}\n\n{}\n\n- **seen in:** {}, first at {}",
        finding.code,
        prose(&finding.message),
        prose(&whom),
        time(finding.since)
    )];
    let telling = |it: &&Evidence| !it.text.trim().is_empty();
    out.extend(finding.evidence.iter().filter(telling).map(|evidence| {
        if evidence.kind.is_log() || evidence.text.contains('\n') {
            format!("\n{}\n", fence(&evidence.text))
        } else {
            format!("- {}", code(&evidence.text))
        }
    }));
    out.push(format!("- **remedy:** {}", prose(&finding.remedy)));
    out.push(format!(
        "- **does a rollback help?** {helps}: {}\n",
        prose(&finding.rollback_why)
    ));
    out.join("\n")
}

/// Returns what became of a rollback.
fn after(it: &AfterRollback) -> Vec<String> {
    let images = it.other_images.iter().map(|image| other_image(it, image));
    let images = images.map(|text| format!("- **warning:** {}", prose(&text)));
    let line = format!("- rollback of {}", words::after(it));
    [line]
        .into_iter()
        .chain(images)
        .chain([String::new()])
        .collect()
}

fn proposal(proposal: &Proposal, now: Timestamp) -> Vec<String> {
    match proposal {
        Proposal::None => Vec::new(),
        Proposal::Refused { why, hint } => {
            let hint = hint.as_ref().map(|it| format!(" Hint: {}", prose(it)));
            let hint = hint.unwrap_or_default();
            vec![format!("**No rollback possible:** {}{hint}", prose(why))]
        }
        Proposal::Apply {
            workloads,
            left_alone,
            ..
        } => {
            let mut out = vec!["### Proposed rollback\n".to_owned()];
            out.extend(workloads.iter().map(|it| proposed(it, now)));
            out.extend(left(left_alone));
            out.push(format!("- not restored: {NOT_RESTORED}"));
            out
        }
    }
}

fn proposed(it: &Proposed, now: Timestamp) -> String {
    let age = it.bad_since.map(|at| format!(", {} old", ago(at, now)));
    let mut out = vec![format!(
        "{}: revision {}{} → {}: {}\n",
        it.workload,
        it.from.revision,
        age.unwrap_or_default(),
        it.target.revision,
        it.evidence(now)
    )];
    let changes = it.changes.iter();
    out.extend(changes.map(|change| format!("- {}", code(&change.to_string()))));
    out.extend(deletes(&it.deletes).map(|text| format!("- **warning:** {}", prose(&text))));
    out.extend(it.findings.iter().map(preflight_finding));
    out.push(String::new());
    out.join("\n")
}

fn preflight_finding(finding: &PreflightFinding) -> String {
    let hint = finding.hint.as_ref();
    let hint = hint.map(|it| format!("; hint: {}", prose(it)));
    format!(
        "- **{}:** {}{}",
        finding.weight.as_str(),
        prose(&finding.to_string()),
        hint.unwrap_or_default()
    )
}

fn left(alone: &[WorkloadRef]) -> Option<String> {
    let names: Vec<String> = alone.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| format!("- left alone: {}", names.join(", ")))
}

/// A code span that its content cannot leave.
pub(crate) fn code(text: &str) -> String {
    let flat = visible(text).replace('\n', " ");
    let longest = longest_run(&flat);
    let ticks = "`".repeat(longest + 1);
    if longest == 0 {
        format!("{ticks}{flat}{ticks}")
    } else {
        format!("{ticks} {flat} {ticks}")
    }
}

/// A fenced block that its content cannot leave.
pub(crate) fn fence(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{ticks}text\n{}\n{ticks}", text.trim_end())
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default()
}
