//! The approver's text: the first block whole, then the answers to the other questions, none of which
//! pushes another out.

use super::headline::{first_block, sorted, standing};
use super::words::{ago, deletes, other_image, time};
use super::{NOT_RESTORED, Proposal, Proposed, Report, words};
use crate::duration::{Human, elapsed};
use crate::finding::Evidence;
use crate::foreign_text::{clipped_to_bytes, visible};
use crate::rollback::Weight;
use crate::verdict::VerdictKind;

/// How many workloads the approver reads of besides those of the first block.
const STANDINGS: usize = 4;
/// How many proposed rollbacks, each with its revisions.
const PROPOSED: usize = 8;
/// How many causes beside the first.
const CAUSES: usize = 2;
/// How many log lines.
const LOG_LINES: usize = 6;
/// How long a log line may be, in bytes.
const LOG_LINE: usize = 160;
/// How long any other line may be, in bytes: one message of a webhook must not take all the room.
const LINE: usize = 400;
/// How long a line of the first block may be after the sentence: six lines take at most 1705 bytes then,
/// and the other answers have the rest.
const BLOCK_LINE: usize = 260;

/// An answer with its share of the room, in percent. What one does not need goes to the others.
struct Answer {
    lines: Vec<String>,
    share: usize,
    /// Who gets first of what is left.
    rank: usize,
}

/// Returns what the approver reads, in plain text: first the block of at most six lines that is the same
/// everywhere (what is broken and why, where, what users get, whether a rollback can help with this cause
/// at all, what Resume does); then what else would be restored, since when, the cause (with log lines),
/// what would change, what would not be restored, what else changed, and the remedy. At most `limit`
/// bytes, for a variable of a pipeline is bounded in bytes. What does not fit is cut within its answer and
/// shown by `…`: log lines first, and never the first block.
#[must_use]
pub fn summary(report: &Report, limit: usize) -> String {
    let block = block(report);
    let answer = |lines, share, rank| Answer { lines, share, rank };
    let answers = [
        answer(after_rollback(report), 12, 0),
        answer(restored(report), 20, 1),
        answer(others(report), 6, 4),
        answer(since(report), 8, 5),
        answer(cause(report), 10, 6),
        answer(log(report), 0, 9),
        answer(changed(report), 10, 7),
        answer(not_restored(report), 8, 8),
        answer(else_changed(report), 18, 2),
        answer(remedy(report), 8, 3),
    ];
    let rest = fit(&answers, limit.saturating_sub(block.len() + 1));
    if rest.is_empty() {
        // Only where nothing is left unsaid does it end without the sign of a cut.
        let unsaid = answers.iter().any(|it| !it.lines.is_empty());
        let end = if unsaid { "\n…" } else { "" };
        return clipped_to_bytes(&format!("{block}{end}"), limit);
    }
    format!("{block}\n{rest}")
}

/// The block that is read first, wherever the report is shown.
fn block(report: &Report) -> String {
    let lines = first_block(report, "Resume");
    let lines = lines.iter().enumerate();
    let lines = lines.map(|(at, text)| bounded(text, if at == 0 { LINE } else { BLOCK_LINE }));
    lines.collect::<Vec<_>>().join("\n")
}

/// Gives every answer its share, then what is left to those that need more.
fn fit(answers: &[Answer], limit: usize) -> String {
    let texts: Vec<(&Answer, String)> = answers
        .iter()
        .filter(|it| !it.lines.is_empty())
        .map(|it| (it, it.lines.join("\n")))
        .collect();
    let room = limit.saturating_sub(texts.len().saturating_sub(1));
    let first = texts
        .iter()
        .map(|(it, text)| text.len().min(room * it.share / 100));
    let mut rooms: Vec<usize> = first.collect();
    let mut left = room.saturating_sub(rooms.iter().sum());
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&index| texts.get(index).map(|(it, _)| it.rank));
    for index in order {
        if let (Some((_, text)), Some(room)) = (texts.get(index), rooms.get_mut(index)) {
            let more = left.min(text.len() - *room);
            *room += more;
            left -= more;
        }
    }
    let clipped = texts
        .iter()
        .zip(rooms)
        .map(|((_, text), room)| clipped_to_bytes(text, room));
    let kept: Vec<String> = clipped.filter(|it| !it.is_empty()).collect();
    kept.join("\n")
}

/// One line of foreign text, which can neither begin another nor hide a part.
fn line(text: &str) -> String {
    bounded(text, LINE)
}

fn bounded(text: &str, limit: usize) -> String {
    clipped_to_bytes(&visible(text).replace('\n', " "), limit)
}

fn is_good(report: &Report) -> bool {
    report.verdict == VerdictKind::Succeeded
}

fn after_rollback(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for it in &report.after_rollback {
        let images = it.other_images.iter().map(|image| other_image(it, image));
        lines.extend(images.map(|text| line(&format!("Warning: {text}."))));
        if report.after_rollback.len() > 1 {
            lines.push(format!("Rollback of {}.", words::after(it)));
        }
    }
    lines
}

/// How the first of those workloads stood that the first block only counts.
fn others(report: &Report) -> Vec<String> {
    let workloads = sorted(report);
    if workloads.len() <= 2 {
        return Vec::new();
    }
    let shown = workloads.iter().skip(1).take(STANDINGS);
    let mut lines: Vec<String> = shown
        .map(|it| line(&standing(it, &report.findings)))
        .collect();
    let more = workloads.len() - 1 - lines.len();
    lines.extend((more > 0).then(|| format!("… and {more} more")));
    lines
}

fn since(report: &Report) -> Vec<String> {
    if is_good(report) {
        return Vec::new();
    }
    let made = match &report.rollback {
        Proposal::None | Proposal::Refused { .. } => Vec::new(),
        Proposal::Apply { workloads, .. } => made(workloads, report),
    };
    let seen = report.findings.first().map(|cause| {
        let seen = Human(elapsed(cause.since, report.ended));
        format!("{} had lasted {seen}", cause.code)
    });
    let said: Vec<String> = made.into_iter().chain(seen).collect();
    match said.as_slice() {
        [] => Vec::new(),
        said => vec![line(&format!(
            "Since when, as of {}: {}.",
            time(report.ended),
            said.join("; ")
        ))],
    }
}

/// Since when the bad revisions exist, of the first two.
fn made(workloads: &[Proposed], report: &Report) -> Vec<String> {
    let many = workloads.len() > 1;
    let dated = workloads.iter().filter_map(|it| {
        let at = it.bad_since?;
        let whose = if many {
            format!(" of {}", it.workload)
        } else {
            String::new()
        };
        let (revision, ago) = (it.from.revision, ago(at, report.ended));
        Some(format!(
            "revision {revision}{whose} was {ago} old, created {}",
            time(at)
        ))
    });
    dated.take(2).collect()
}

fn cause(report: &Report) -> Vec<String> {
    let Some((first, others)) = report.findings.split_first() else {
        return Vec::new();
    };
    if is_good(report) {
        return Vec::new();
    }
    // The sentence names the cause of one workload already.
    let what = if report.sentence.contains(&first.message) {
        first.code.to_string()
    } else {
        format!("{} ({})", first.message, first.code)
    };
    let whom = match first.pods {
        0 | 1 => first.subject.to_string(),
        many => format!("{many} pods, one of them {}", first.subject.name),
    };
    let shown = first.evidence.iter().find(|it| !it.kind.is_log());
    let shown = shown.map_or_else(String::new, |it| format!(": {}", it.text));
    let mut lines = vec![line(&format!("Why: {what} in {whom}{shown}"))];
    let decisive = others.iter().take(CAUSES);
    lines.extend(decisive.map(|it| line(&format!("Also: {} ({})", it.message, it.code))));
    lines
}

/// The last lines of the first log.
fn log(report: &Report) -> Vec<String> {
    let of_log = |it: &&Evidence| it.kind.is_log() && !it.text.trim().is_empty();
    let log = report
        .findings
        .first()
        .and_then(|it| it.evidence.iter().find(of_log));
    let Some(log) = log.filter(|_| !is_good(report)) else {
        return Vec::new();
    };
    let words = visible(&log.text);
    let all: Vec<&str> = words.lines().collect();
    let last = all.iter().skip(all.len().saturating_sub(LOG_LINES));
    let last = last.map(|it| format!("| {}", bounded(it, LOG_LINE)));
    ["Last log lines:".to_owned()]
        .into_iter()
        .chain(last)
        .collect()
}

/// Returns what the first block has no room for: each of several workloads, or what to do instead.
fn restored(report: &Report) -> Vec<String> {
    let workloads = match &report.rollback {
        Proposal::None => return Vec::new(),
        Proposal::Refused { hint, .. } => {
            let hint = hint.as_ref().map(|it| line(&format!("Hint: {it}")));
            return hint.into_iter().collect();
        }
        Proposal::Apply { workloads, .. } => workloads,
    };
    let [_, _, ..] = workloads.as_slice() else {
        return Vec::new();
    };
    let each = workloads.iter().take(PROPOSED).map(|it| {
        let (from, to) = (it.from.revision, it.target.revision);
        let why = it.evidence(report.ended);
        line(&format!("- {}: revision {from} → {to}: {why}", it.workload))
    });
    let more = workloads.len().saturating_sub(PROPOSED);
    let more = (more > 0).then(|| format!("- … and {more} more"));
    each.chain(more).collect()
}

/// Returns what changes for the pods, and which of them are deleted. It comes after all revisions, so
/// that no workload's changes push out another's revision.
fn changed(report: &Report) -> Vec<String> {
    let workloads = match &report.rollback {
        Proposal::None | Proposal::Refused { .. } => return Vec::new(),
        Proposal::Apply { workloads, .. } => workloads,
    };
    let whose = |it: &Proposed| match workloads.as_slice() {
        [_] => String::new(),
        _ => format!("{}: ", it.workload),
    };
    let deleted = workloads.iter().filter_map(|it| {
        let text = deletes(&it.deletes)?;
        Some(line(&format!("- {}{text}", whose(it))))
    });
    let changes = workloads.iter().flat_map(|it| {
        let changes = it.changes.iter();
        changes.map(move |change| line(&format!("- {}{change}", whose(it))))
    });
    deleted.chain(changes).collect()
}

fn not_restored(report: &Report) -> Vec<String> {
    match report.rollback {
        Proposal::None | Proposal::Refused { .. } => Vec::new(),
        Proposal::Apply { .. } => vec![format!(
            "Not restored: {NOT_RESTORED}. Your manifests hold the bad version, so the next apply brings \
             it back."
        )],
    }
}

/// Returns what else is not as it was: what weighs more first.
fn else_changed(report: &Report) -> Vec<String> {
    let (workloads, left_alone) = match &report.rollback {
        Proposal::None | Proposal::Refused { .. } => return Vec::new(),
        Proposal::Apply {
            workloads,
            left_alone,
            ..
        } => (workloads, left_alone),
    };
    let mut findings: Vec<(Weight, String)> = Vec::new();
    for it in workloads {
        for finding in &it.findings {
            let told = line(&format!("- {}: {finding}", finding.weight.as_str()));
            if !findings.iter().any(|(_, known)| *known == told) {
                findings.push((finding.weight, told));
            }
        }
    }
    findings.sort_by_key(|(weight, _)| *weight);
    let mut lines: Vec<String> = findings.into_iter().map(|(_, told)| told).collect();
    if !left_alone.is_empty() {
        let names: Vec<String> = left_alone.iter().map(ToString::to_string).collect();
        lines.push(line(&format!("- left alone: {}", names.join(", "))));
    }
    if lines.is_empty() {
        return vec!["Besides: nothing else is known to have changed.".to_owned()];
    }
    ["Besides:".to_owned()].into_iter().chain(lines).collect()
}

fn remedy(report: &Report) -> Vec<String> {
    let remedy = report.findings.first();
    let remedy = remedy.map(|cause| line(&format!("Remedy: {}", cause.remedy)));
    remedy.into_iter().collect()
}
