//! The report for a run's summary page, and in plain words for the approver's mail.

use super::{Proposal, Report};
use crate::duration::{Human, elapsed};
use crate::finding::{EvidenceKind, Finding, RollbackHelps};

/// The report as Markdown. Foreign text stands in code spans and fences only.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = vec![format!(
        "## {}\n\n{}\n",
        heading(&report.verdict),
        code(&report.sentence)
    )];
    out.push(workloads(report));
    out.extend(
        report
            .blind_spots
            .iter()
            .map(|spot| format!("- not seen: {}", code(spot))),
    );
    out.extend(report.findings.iter().map(finding_markdown));
    out.extend(proposal(&report.rollback));
    out.push("\n<details><summary>Timeline</summary>\n".to_owned());
    out.extend(report.timeline.iter().map(|entry| {
        format!(
            "- +{} {}",
            Human(elapsed(report.started, entry.at)),
            code(&entry.text)
        )
    }));
    out.push("\n</details>\n".to_owned());
    out.join("\n")
}

fn workloads(report: &Report) -> String {
    let took = Human(elapsed(report.started, report.ended));
    let mut rows = vec![
        "| workload | namespace | revision | desired | updated | available | time to verdict |"
            .to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    rows.extend(report.workloads.iter().map(|it| {
        let revision = it
            .revision
            .map_or_else(|| "unknown".to_owned(), |it| it.to_string());
        format!(
            "| {} | {} | {revision} | {} | {} | {} | {took} |",
            it.workload, it.workload.namespace, it.desired, it.updated, it.available
        )
    }));
    rows.push(String::new());
    rows.join("\n")
}

fn heading(verdict: &str) -> &'static str {
    match verdict {
        "succeeded" => "✅ The rollout is healthy",
        "failed" => "❌ The rollout fails",
        "timedOut" => "⌛ The rollout is not complete in time",
        _ => "❔ The rollout's health is undetermined",
    }
}

fn finding_markdown(finding: &Finding) -> String {
    let helps = match finding.rollback_helps {
        RollbackHelps::Yes => "yes",
        RollbackHelps::No => "no",
        RollbackHelps::Partly => "perhaps",
    };
    let mut out = vec![format!(
        "### {}\n\n{}\n",
        finding.code,
        code(&finding.message)
    )];
    out.extend(finding.evidence.iter().map(|evidence| {
        let log = matches!(
            evidence.kind,
            EvidenceKind::PreviousLog | EvidenceKind::CurrentLog
        );
        if log || evidence.text.contains('\n') {
            format!("\n{}\n", fence(&evidence.text))
        } else {
            format!("- {}", code(&evidence.text))
        }
    }));
    out.push(format!("- **remedy:** {}", code(&finding.remedy)));
    out.push(format!("- **does a rollback help?** {helps}\n"));
    out.join("\n")
}

fn proposal(proposal: &Proposal) -> Vec<String> {
    match proposal {
        Proposal::None => Vec::new(),
        Proposal::Refused { why } => vec![format!("**No rollback possible:** {}", code(why))],
        Proposal::Apply {
            from,
            target,
            chosen_by,
            changes,
        } => {
            let mut out = vec![format!(
                "### Proposed rollback\n\nrevision {} → {} ({chosen_by})\n",
                from.revision, target.revision
            )];
            out.extend(
                changes
                    .iter()
                    .map(|change| format!("- {}", code(&change.to_string()))),
            );
            out.push("- not restored: ConfigMaps, Secrets, database schemas, replicas".to_owned());
            out
        }
    }
}

/// A code span that its content cannot leave.
fn code(text: &str) -> String {
    let flat = text.replace(['\n', '\r'], " ");
    let longest = longest_run(&flat);
    let ticks = "`".repeat(longest + 1);
    if longest == 0 {
        format!("{ticks}{flat}{ticks}")
    } else {
        format!("{ticks} {flat} {ticks}")
    }
}

/// A fenced block that its content cannot leave.
fn fence(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text).max(2) + 1);
    format!("{ticks}text\n{}\n{ticks}", text.trim_end())
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default()
}

/// What the approver reads, in plain text: what is broken, why, what would be restored, what not,
/// and whether a rollback can help at all. At most `limit` characters.
#[must_use]
pub fn summary(report: &Report, limit: usize) -> String {
    let mut lines = vec![report.sentence.clone()];
    for it in &report.workloads {
        lines.push(format!(
            "{} in namespace {}: {} of {} replicas available; checked for {}.",
            it.workload,
            it.workload.namespace,
            it.available,
            it.desired,
            Human(elapsed(report.started, report.ended))
        ));
    }
    if let Some(cause) = report.findings.first() {
        lines.push(match cause.rollback_helps {
            RollbackHelps::Yes => "A rollback helps with this cause.".to_owned(),
            RollbackHelps::No => "A rollback does not help with this cause.".to_owned(),
            RollbackHelps::Partly => "A rollback may help with this cause.".to_owned(),
        });
        lines.push(format!("Remedy: {}", cause.remedy));
        let log = cause.evidence.iter().find(|it| {
            matches!(
                it.kind,
                EvidenceKind::PreviousLog | EvidenceKind::CurrentLog
            )
        });
        if let Some(log) = log {
            lines.push("Last log lines:".to_owned());
            lines.extend(log.text.lines().map(|line| format!("| {line}")));
        }
    }
    match &report.rollback {
        Proposal::None => {}
        Proposal::Refused { why } => lines.push(format!("No rollback possible: {why}")),
        Proposal::Apply {
            from,
            target,
            changes,
            ..
        } => {
            lines.push(format!(
                "Approve to go from revision {} back to {}:",
                from.revision, target.revision
            ));
            lines.extend(changes.iter().map(|change| format!("- {change}")));
            lines.push("Not restored: ConfigMaps, Secrets, database schemas.".to_owned());
        }
    }
    let text = lines.join("\n");
    match text.char_indices().nth(limit) {
        Some((cut, _)) => text.get(..cut).unwrap_or_default().to_owned(),
        None => text,
    }
}
