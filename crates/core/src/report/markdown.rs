//! The report for a run's summary page, and in plain words for the approver's mail.

use super::{NOT_RESTORED, Proposal, Report, WorkloadReport};
use crate::duration::{Human, elapsed};
use crate::finding::{Evidence, EvidenceKind, Finding, FindingCode, RollbackHelps};

/// How many workloads the approver reads of at most: the remedy must not be pushed out.
const STANDINGS: usize = 5;

/// The report as Markdown. Foreign text stands in code spans and fences only.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = vec![format!(
        "## {}\n\n{}\n",
        heading(report),
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
        "| workload | namespace | verdict | revision | desired | updated | available | pending | time to verdict |"
            .to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    rows.extend(report.workloads.iter().map(|it| {
        let revision = it
            .revision
            .map_or_else(|| "unknown".to_owned(), |it| it.to_string());
        let since = it.pending_since.map(|at| Human(elapsed(at, report.ended)));
        let pending = match (&it.pending, since) {
            (Some(pending), Some(since)) => format!("{pending}, for {since}"),
            _ => String::new(),
        };
        format!(
            "| {} | {} | {} | {revision} | {} | {} | {} | {pending} | {took} |",
            it.workload, it.workload.namespace, it.verdict, it.desired, it.updated, it.available
        )
    }));
    let http = report.workloads.iter().flat_map(|it| &it.http);
    rows.extend(http.map(|http| format!("\n{}", http.told(&code(&http.check)))));
    rows.push(String::new());
    rows.join("\n")
}

fn heading(report: &Report) -> &'static str {
    let unverified = report
        .findings
        .iter()
        .any(|it| it.code == FindingCode::NothingToVerify);
    match report.verdict.as_str() {
        "succeeded" if unverified => "⚠️ Nothing was verified",
        "succeeded" => "✅ The rollout is healthy",
        "failed" => "❌ The rollout fails",
        "timedOut" => "⌛ The rollout is not complete in time",
        "superseded" => "⏭️ Another rollout took its place",
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
    let telling = |it: &&Evidence| !it.text.trim().is_empty();
    out.extend(finding.evidence.iter().filter(telling).map(|evidence| {
        let log = is_log(evidence.kind);
        if log || evidence.text.contains('\n') {
            format!("\n{}\n", fence(&evidence.text))
        } else {
            format!("- {}", code(&evidence.text))
        }
    }));
    out.push(format!("- **remedy:** {}", code(&finding.remedy)));
    out.push(format!(
        "- **does a rollback help?** {helps}: {}\n",
        code(&finding.rollback_why)
    ));
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
            out.push(format!("- not restored: {NOT_RESTORED}"));
            out
        }
    }
}

/// A code span that its content cannot leave.
fn code(text: &str) -> String {
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
fn fence(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{ticks}text\n{}\n{ticks}", text.trim_end())
}

/// A text without terminal codes and without characters that change the direction of others.
fn visible(text: &str) -> String {
    let hidden = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.replace("\r\n", "\n")
        .chars()
        .filter(|c| !hidden(c))
        .collect()
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default()
}

/// What the approver reads, in plain text and in the order of the questions: what is broken, can a
/// rollback help, what would be restored and what not, why (log lines). At most `limit` characters;
/// what does not fit is cut at the end, which the log lines are, and shown by `…`.
#[must_use]
pub fn summary(report: &Report, limit: usize) -> String {
    let mut lines = vec![report.sentence.clone()];
    lines.extend(standings(report));
    if let Some(cause) = report.findings.first() {
        let helps = cause.rollback_helps.words();
        let why = &cause.rollback_why;
        lines.push(format!("A rollback {helps} with this cause: {why}."));
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
            let (from, to) = (from.revision, target.revision);
            lines.push(format!("Approve to go from revision {from} back to {to}:"));
            lines.extend(changes.iter().map(|change| format!("- {change}")));
            lines.push(format!("Not restored: {NOT_RESTORED}."));
        }
    }
    if let Some(cause) = report.findings.first() {
        lines.push(format!("Remedy: {}", cause.remedy));
        lines.extend(
            cause
                .evidence
                .iter()
                .filter(|it| is_log(it.kind))
                .take(1)
                .flat_map(|log| {
                    let words = log.text.lines().map(|line| format!("| {line}"));
                    std::iter::once("Last log lines:".to_owned())
                        .chain(words)
                        .collect::<Vec<_>>()
                }),
        );
    }
    cut(&lines.join("\n"), limit)
}

/// How the workloads stood, those first that went wrong; of many, the first few.
fn standings(report: &Report) -> Vec<String> {
    let rank = |it: &&WorkloadReport| {
        let words = [
            "failed",
            "timedOut",
            "undetermined",
            "superseded",
            "progressing",
        ];
        words
            .iter()
            .position(|word| it.verdict == *word)
            .unwrap_or(words.len())
    };
    let mut workloads: Vec<&WorkloadReport> = report.workloads.iter().collect();
    workloads.sort_by_key(rank);
    let took = Human(elapsed(report.started, report.ended));
    let mut lines: Vec<String> = workloads
        .iter()
        .take(STANDINGS)
        .map(|it| {
            let verdict = match workloads.as_slice() {
                [_] => String::new(),
                _ => format!("{}, ", it.verdict),
            };
            format!(
                "{} in namespace {}: {verdict}{} of {} replicas available; checked for {took}.",
                it.workload, it.workload.namespace, it.available, it.desired,
            )
        })
        .collect();
    let more = workloads.len() - lines.len();
    lines.extend((more > 0).then(|| format!("… and {more} more")));
    lines
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit.saturating_sub(1)) {
        Some((at, _)) if text.chars().count() > limit => {
            format!("{}…", text.get(..at).unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

const fn is_log(kind: EvidenceKind) -> bool {
    matches!(kind, EvidenceKind::PreviousLog | EvidenceKind::CurrentLog)
}
