//! The report for a run's summary page.

use jiff::Timestamp;

use super::words::{ago, deletes, other_image};
use super::{AfterRollback, NOT_RESTORED, Proposal, Proposed, Report, headline, words};
use crate::finding::FindingCode;
use crate::foreign_text::visible;
use crate::rollback::{PreflightFinding, RollbackHealth, Weight};
use crate::verdict::VerdictKind;
use crate::workload::WorkloadRef;

mod finding;
mod not_checked;
mod prose;
mod rollback;
mod tables;

pub use prose::cell;
pub(crate) use prose::prose;

pub use not_checked::not_checked_markdown;
pub use rollback::{RollbackPage, rollback_markdown};

/// The report as Markdown. Nothing in foreign text is markup.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut block = first_block(heading(report), &headline(report));
    for line in report.after_rollback.iter().flat_map(after) {
        block += &line;
        block.push('\n');
    }
    let mut out = vec![block];
    out.push(tables::workloads(report));
    let unseen = report.blind_spots.iter();
    let unseen: Vec<String> = unseen
        .map(|spot| format!("- **Not seen:** {}", prose(spot)))
        .collect();
    out.extend((!unseen.is_empty()).then(|| unseen.join("\n") + "\n"));
    out.extend(report.findings.iter().map(finding::finding));
    out.extend(proposal(&report.rollback, report.ended));
    out.extend(tables::suspects(report));
    out.push(tables::timeline(report));
    out.join("\n")
}

/// The heading, the outcome, and what else is read first.
fn first_block(heading: &str, lines: &[String]) -> String {
    let (sentence, rest) = lines
        .split_first()
        .map_or(("", &[][..]), |(it, rest)| (it, rest));
    let sentence = capitalised(&prose(sentence));
    let mut out = vec![format!("## {heading}\n\n**{sentence}**\n")];
    out.extend(rest.iter().map(|line| format!("- {}", prose(line))));
    out.push(String::new());
    out.join("\n")
}

/// A sentence begins in lower case where it goes on from another.
fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|it| it.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
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
        VerdictKind::Failed
            if report
                .findings
                .first()
                .is_some_and(|it| it.code.keeps_users_away()) =>
        {
            "❌ Rolled out, but not reachable"
        }
        VerdictKind::Failed => "❌ The rollout fails",
        VerdictKind::TimedOut => "⌛ The rollout did not complete in time",
        VerdictKind::Superseded => "⏭️ Another rollout replaced it",
        // A report is written once the session has ended.
        VerdictKind::Undetermined | VerdictKind::Progressing => {
            "❔ The rollout's health is undetermined"
        }
    }
}

/// Returns what became of a rollback.
fn after(it: &AfterRollback) -> Vec<String> {
    let images = it.other_images.iter().map(|image| other_image(it, image));
    let images = images.map(|text| format!("- **Warning:** {}", prose(&text)));
    let line = format!("- Rollback of {}", words::after(it));
    [line].into_iter().chain(images).collect()
}

fn proposal(proposal: &Proposal, now: Timestamp) -> Option<String> {
    match proposal {
        Proposal::None => None,
        // Why stands in the first block.
        Proposal::Refused { hint, .. } => {
            let hint = hint.as_ref();
            hint.map(|it| format!("**Instead of a rollback:** {}\n", prose(it)))
        }
        Proposal::Apply {
            workloads,
            left_alone,
            ..
        } => {
            let mut out = vec!["### Proposed rollback\n".to_owned()];
            out.extend(workloads.iter().map(|it| proposed(it, now)));
            out.extend(left(left_alone));
            out.push(not_restored());
            Some(out.join("\n"))
        }
    }
}

fn not_restored() -> String {
    format!("Not restored: {NOT_RESTORED}.\n")
}

fn proposed(it: &Proposed, now: Timestamp) -> String {
    let age = it.bad_since.map(|at| format!(" ({} old)", ago(at, now)));
    let mut out = vec![format!(
        "**{}**: revision {}{} → revision {}: {}\n",
        it.workload,
        it.from.revision,
        age.unwrap_or_default(),
        it.target.revision,
        it.evidence(now)
    )];
    let changes = it.changes.iter();
    out.extend(changes.map(|change| format!("- {}", prose(&change.to_string()))));
    out.extend(deletes(&it.deletes).map(|text| format!("- **Warning:** {}", prose(&text))));
    out.extend(it.findings.iter().map(preflight_finding));
    out.push(String::new());
    out.join("\n")
}

fn preflight_finding(finding: &PreflightFinding) -> String {
    let hint = finding.hint.as_ref();
    let hint = hint.map(|it| format!("; hint: {}", prose(it)));
    format!(
        "- **{}:** {}{}",
        title(finding.weight),
        prose(&finding.to_string()),
        hint.unwrap_or_default()
    )
}

fn left(alone: &[WorkloadRef]) -> Option<String> {
    let names: Vec<String> = alone.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| format!("Left alone: {}.\n", names.join(", ")))
}

/// The word for a weight where a line begins.
const fn title(weight: Weight) -> &'static str {
    match weight {
        Weight::Refusal => "Refusal",
        Weight::Warning => "Warning",
        Weight::Note => "Note",
    }
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
