//! The report for people at a terminal or in a pipeline's log: the sentence first, then the
//! cause, then the evidence.

use jiff::Timestamp;

use super::many::{named, shown};
use super::text_rollback::{after_lines, proposal_lines};
use super::{HttpReport, Line, Report, Style, headline};
use crate::duration::{Human, elapsed};
use crate::finding::{Evidence, EvidenceKind, Finding, Prognosis};
use crate::session::{SessionEvent, followed, waits_for};
use crate::verdict::{Standstill, VerdictKind};
use crate::workload::WorkloadRef;

/// The lines for an event while it happens; `many`: whether to say whose it is.
#[must_use]
pub fn event_lines(event: &SessionEvent, started: Timestamp, many: bool) -> Vec<Line> {
    let stamp = |at: &Timestamp| format!("{:>6}  ", format!("+{}", Human(elapsed(started, *at))));
    let begin = |at: &Timestamp, workload: &WorkloadRef| {
        let whose = if many {
            format!("{workload}: ")
        } else {
            String::new()
        };
        Line::styled(Style::Dim, stamp(at) + &whose)
    };
    match event {
        SessionEvent::Progress {
            at,
            workload,
            pending,
        } => vec![begin(at, workload).then(Style::Plain, pending.to_string())],
        SessionEvent::Reminder {
            at,
            workload,
            pending,
            standstill,
            waiting,
            others,
        } => {
            let more = match others {
                0 => String::new(),
                others => format!(", and for {others} more"),
            };
            let waits = waits_for(pending, standstill.as_deref());
            let text = format!("still waiting: {waits}{more}; {waiting}");
            let line = begin(at, workload).then(Style::Dim, text);
            let suspects = waiting.suspects.iter();
            let suspects = suspects.map(|it| Line::styled(Style::Warn, format!("        {it}")));
            std::iter::once(line).chain(suspects).collect()
        }
        SessionEvent::Found {
            at,
            workload,
            finding,
        } => {
            let style = style_of_prognosis(finding.prognosis);
            let line = begin(at, workload).then(style, finding.message.clone());
            let line = line.then(Style::Dim, format!(" ({})", finding.code));
            vec![match may_heal(finding, started) {
                Some(text) => line.then(Style::Dim, format!("; {text}")),
                None => line,
            }]
        }
        SessionEvent::Cleared {
            at,
            workload,
            finding,
        } => {
            vec![begin(at, workload).then(Style::Good, format!("{} has gone", finding.code))]
        }
        SessionEvent::Followed {
            at,
            workload,
            changed,
        } => vec![begin(at, workload).then(Style::Warn, followed(changed))],
        SessionEvent::Sight { at, text } => {
            vec![Line::styled(Style::Dim, stamp(at)).then(Style::Warn, text.clone())]
        }
        SessionEvent::Ended {
            at,
            workload,
            verdict,
        } => vec![begin(at, workload).then(style_of(verdict.kind()), verdict.word())],
        // The report says it, once a success has been confirmed.
        SessionEvent::Decided { .. } => Vec::new(),
    }
}

/// Returns what may still heal a cause and until when it decides, by the time since the start of the check.
pub(super) fn may_heal(finding: &Finding, started: Timestamp) -> Option<String> {
    let at = finding.decides_at?;
    let decides = format!("decides by +{}", Human(elapsed(started, at)));
    Some(if finding.heals.is_empty() {
        decides
    } else {
        format!("{}; {decides}", finding.heals)
    })
}

const fn style_of_prognosis(prognosis: Prognosis) -> Style {
    match prognosis {
        Prognosis::Terminal => Style::Bad,
        Prognosis::Transient => Style::Warn,
        Prognosis::Informational => Style::Plain,
    }
}

/// How a verdict is shown.
#[must_use]
pub const fn style_of(verdict: VerdictKind) -> Style {
    match verdict {
        VerdictKind::Succeeded => Style::Good,
        VerdictKind::Failed | VerdictKind::TimedOut => Style::Bad,
        VerdictKind::Undetermined | VerdictKind::Superseded => Style::Warn,
        VerdictKind::Progressing => Style::Plain,
    }
}

/// A part of the report that a reader can fold, where the log has such a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it holds; empty for the first block, which is not folded.
    pub title: &'static str,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// The whole report: sentence, workload, findings with evidence, proposal.
#[must_use]
pub fn report_lines(report: &Report) -> Vec<Line> {
    let sections = report_sections(report).into_iter();
    sections.flat_map(|it| it.lines).collect()
}

/// The same in parts, without those that would be empty.
#[must_use]
pub fn report_sections(report: &Report) -> Vec<Section> {
    let findings = report.findings.iter().flat_map(|finding| {
        let lines = finding_lines(finding, report.ended);
        std::iter::once(Line::default()).chain(lines)
    });
    let unseen = report.blind_spots.iter();
    let unseen = unseen.map(|spot| Line::styled(Style::Warn, format!("  not seen: {spot}")));
    let sections = [
        ("", block_lines(report)),
        (
            "Workloads",
            table(report).into_iter().chain(unseen).collect(),
        ),
        ("Causes, with evidence and remedy", findings.collect()),
        (
            "Proposed rollback",
            proposal_lines(&report.rollback, report.ended),
        ),
    ];
    let sections = sections.into_iter();
    sections
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(title, lines)| Section { title, lines })
        .collect()
}

/// The first block.
fn block_lines(report: &Report) -> Vec<Line> {
    let took = Human(elapsed(report.started, report.ended));
    let mut lines = vec![
        Line::styled(
            style_of(report.verdict),
            format!("{} after {took}: ", report.verdict),
        )
        .then(Style::Strong, report.sentence.clone()),
    ];
    lines.extend(after_lines(&report.after_rollback));
    // The table says the same of a replay that succeeded.
    if report.verdict != VerdictKind::Succeeded || report.cluster.is_some() {
        let rest = headline(report).into_iter().skip(1);
        lines.extend(rest.map(|text| Line::plain(format!("  {text}"))));
    }
    lines
}

/// How each workload stood: one line for one, a table for several.
fn table(report: &Report) -> Vec<Line> {
    let mut lines = Vec::new();
    let many = report.workloads.len() > 1;
    let (workloads, others) = shown(report);
    let widest = workloads.iter().map(|it| it.workload.to_string().len());
    let width = widest.max().unwrap_or_default();
    for it in workloads {
        let revision = it
            .revision
            .map_or_else(String::new, |revision| format!(", revision {revision}"));
        let counts = if it.workload.kind.has_revisions() {
            format!(
                "{} desired, {} updated, {} available",
                it.desired, it.updated, it.available
            )
        } else {
            format!("{} of {} completions", it.available, it.desired)
        };
        let since = it.pending_since.map(|at| Human(elapsed(at, report.ended)));
        let pending = match (&it.pending, since) {
            (Some(pending), Some(since)) => format!("; for {since}: {pending}"),
            _ => String::new(),
        };
        lines.push(if many {
            Line::plain(format!("  {:width$}  ", it.workload.to_string()))
                .then(style_of(it.verdict), format!("{:12}", it.verdict))
                .then(Style::Dim, format!("  {counts}{revision}{pending}"))
        } else {
            let place = format!("  {} in namespace {}", it.workload, it.workload.namespace);
            Line::styled(Style::Dim, format!("{place}{revision}: {counts}{pending}"))
        });
        let changes = it.followed.iter().map(|change| {
            let at = Human(elapsed(report.started, change.at));
            let text = format!("    +{at}: {}", followed(&change.changed));
            Line::styled(Style::Warn, text)
        });
        lines.extend(changes);
        if let Some(standstill) = &it.standstill {
            lines.extend(standstill_lines(standstill, report.ended));
        }
        let told = |http: &HttpReport| format!("    {}", http.told(&http.check));
        let http = it.http.iter().map(told);
        let serving = it.serving.iter().map(|it| format!("    {it}"));
        lines.extend(
            http.chain(serving)
                .map(|text| Line::styled(Style::Dim, text)),
        );
        let new = it.new_lines.iter().map(|it| format!("    {it}"));
        lines.extend(new.map(|text| Line::styled(Style::Warn, text)));
    }
    lines.extend(others.map(|text| Line::styled(Style::Dim, format!("  {text}"))));
    lines
}

/// The step that a rollout waits for: of which object, by whom, since when, and the last thing heard.
fn standstill_lines(it: &Standstill, now: Timestamp) -> Vec<Line> {
    let waited = Human(elapsed(it.since, now));
    let (step, object, owner) = (it.step.words(), &it.object, &it.owner);
    let what =
        format!("    has waited {waited} for step \"{step}\" of {object}, which {owner} takes: ");
    let what = Line::styled(Style::Dim, what).then(Style::Plain, it.message.clone());
    let heard = it.heard.as_ref().map(|heard| {
        let text: Vec<&str> = heard.text.split_whitespace().collect();
        Line::styled(Style::Dim, "    last report: ").then(Style::Plain, text.join(" "))
    });
    std::iter::once(what).chain(heard).collect()
}

/// One finding with its evidence and remedy.
#[must_use]
pub fn finding_lines(finding: &Finding, now: Timestamp) -> Vec<Line> {
    let pods = match finding.pods {
        0 => finding.subject.to_string(),
        1 => format!("Pod {}", finding.subject.name),
        many => format!("in {many} pods, one of them {}", finding.subject.name),
    };
    let pods = match finding.workloads.as_slice() {
        [] | [_] => pods,
        workloads => format!("{pods}, of {}", named(workloads)),
    };
    let node = finding.node.as_ref();
    let pods = node.map_or_else(|| pods.clone(), |it| format!("{pods} on node {it}"));
    let since = Human(elapsed(finding.since, now));
    let mut lines = vec![
        Line::styled(
            style_of_prognosis(finding.prognosis),
            format!("{}  ", finding.code),
        )
        .then(Style::Plain, finding.message.clone()),
        Line::styled(Style::Dim, format!("  {pods}, for {since}")),
    ];
    lines.extend(finding.evidence.iter().flat_map(evidence_lines));
    let helps = finding.rollback_helps.words();
    lines.push(Line::styled(Style::Good, "  remedy: ").then(Style::Plain, finding.remedy.clone()));
    lines.push(
        Line::styled(Style::Dim, format!("  a rollback {helps}: "))
            .then(Style::Plain, finding.rollback_why.clone()),
    );
    lines
}

fn evidence_lines(evidence: &Evidence) -> Vec<Line> {
    if evidence.text.trim().is_empty() {
        return Vec::new();
    }
    let label = match evidence.kind {
        EvidenceKind::ContainerStatus => "status",
        EvidenceKind::Condition => "condition",
        EvidenceKind::Event => "event",
        EvidenceKind::PreviousLog => "log of the previous instance",
        EvidenceKind::CurrentLog => "log",
        EvidenceKind::HttpAnswer => "answer",
    };
    let mut lines = evidence.text.lines();
    match evidence.kind {
        EvidenceKind::PreviousLog | EvidenceKind::CurrentLog => {
            let head = Line::styled(Style::Dim, format!("  {label}:"));
            std::iter::once(head)
                .chain(lines.map(|line| Line::plain(format!("    | {line}"))))
                .collect()
        }
        EvidenceKind::ContainerStatus
        | EvidenceKind::Condition
        | EvidenceKind::Event
        | EvidenceKind::HttpAnswer => {
            let first = lines.next().unwrap_or_default();
            let head = Line::styled(Style::Dim, format!("  {label}: ")).then(Style::Plain, first);
            std::iter::once(head)
                .chain(lines.map(|line| Line::plain(format!("    {line}"))))
                .collect()
        }
    }
}
