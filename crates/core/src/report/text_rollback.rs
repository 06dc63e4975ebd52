//! A rollback for the person who decides: the plan, one plan for many, what a check proposes, and
//! what became of it.

use jiff::Timestamp;

use super::words::{
    ago, deletes, digests, evidence, other_image, style_of_health, style_of_weight, time,
};
use super::{AfterRollback, Line, NOT_RESTORED, Proposal, Proposed, Style, words};
use crate::rollback::{PreflightCode, PreflightFinding, RollbackBatch, RollbackPlan, Weight};

/// One plan for all workloads of a release: what would go back, and what is in place. What speaks
/// against it is for [`objection_lines`].
#[must_use]
pub fn batch_lines(batch: &RollbackBatch) -> Vec<Line> {
    let mut lines: Vec<Line> = batch.plans.iter().flat_map(lines_of_plan).collect();
    for it in &batch.already {
        let by = it.run.as_ref().map(|run| format!(", restored by {run}"));
        let revision = words::restored(it.to.revision, Some(it.present));
        let place = format!("{} is already at {revision}", it.workload);
        lines.push(Line::plain(place).then(Style::Dim, by.unwrap_or_default()));
    }
    lines.extend((!batch.plans.is_empty()).then(not_restored));
    lines
}

/// Returns what speaks against it, each with what to do, and what follows from it; nothing where it may
/// be done.
#[must_use]
pub fn objection_lines(batch: &RollbackBatch) -> Vec<Line> {
    let mut lines = Vec::new();
    for (workload, objection) in &batch.objections {
        let title = format!("no rollback of {workload}: ");
        lines.push(Line::styled(Style::Bad, title).then(Style::Plain, objection.message()));
        lines.extend(objection.hint().map(|it| hint(it, "  ")));
    }
    if batch.is_refused() {
        let text = match batch.workloads().len() {
            1 => "refused; nothing was changed",
            _ => "refused, because one of them cannot be rolled back; nothing was changed",
        };
        lines.push(Line::styled(Style::Warn, text));
    }
    lines
}

/// Returns the last line of a dry run, which does not play down what was warned of.
#[must_use]
pub fn dry_run_line(batch: &RollbackBatch) -> Line {
    let findings = || batch.plans.iter().flat_map(|plan| &plan.findings);
    let warnings = findings().filter(|it| it.weight == Weight::Warning).count();
    let unseen = findings().any(|it| it.code == PreflightCode::NotLooked);
    let (style, found) = match warnings {
        _ if batch.plans.is_empty() => (Style::Good, "there is nothing to roll back".to_owned()),
        0 if unseen => (
            Style::Warn,
            "nothing was found that prevents the rollback, but not everything could be checked"
                .to_owned(),
        ),
        0 => (Style::Good, "nothing prevents the rollback".to_owned()),
        1 => (
            Style::Warn,
            "the rollback is possible, but read the warning above first".to_owned(),
        ),
        many => (
            Style::Warn,
            format!("the rollback is possible, but read the {many} warnings above first"),
        ),
    };
    Line::styled(style, format!("dry run: {found}; nothing was changed"))
}

/// But for what refuses it.
fn lines_of_plan(plan: &RollbackPlan) -> Vec<Line> {
    let made = |at: Option<Timestamp>| at.map(|at| format!(", made {}", time(at)));
    let good_at = plan.good_at.map(|at| format!("at {}", time(at)));
    let mut lines = vec![
        Line::styled(
            Style::Strong,
            format!(
                "roll back {} in namespace {}",
                plan.workload, plan.workload.namespace
            ),
        ),
        Line::plain(format!("  from revision {}", plan.from.title()))
            .then(Style::Dim, made(plan.bad_since).unwrap_or_default()),
        Line::plain(format!(
            "  to revision   {}: {}",
            plan.to.title(),
            evidence(plan.chosen_by, good_at)
        )),
    ];
    if plan.changes.is_empty() {
        lines.push(Line::plain("  the pods' template stays the same"));
    }
    let changes = plan.changes.iter();
    lines.extend(changes.map(|change| Line::plain(format!("  {change}"))));
    lines.extend(deletes(&plan.stuck).map(|it| Line::styled(Style::Warn, format!("  {it}"))));
    lines.extend(plan.withdraws_mark.then(|| {
        let bad = plan.from.revision;
        Line::styled(
            Style::Dim,
            format!("  revision {bad} loses its known-good mark"),
        )
    }));
    let allowed = |it: &&PreflightFinding| it.weight != Weight::Refusal;
    lines.extend(
        plan.findings
            .iter()
            .filter(allowed)
            .flat_map(preflight_lines),
    );
    lines.extend(plan.images.iter().map(|(container, images)| {
        let ran = format!(
            "  container `{container}` ran {} at that time",
            digests(images)
        );
        Line::styled(Style::Dim, ran)
    }));
    lines
}

/// Returns what speaks against a rollback, or must be known.
fn preflight_lines(finding: &PreflightFinding) -> Vec<Line> {
    let style = style_of_weight(finding.weight);
    let title = format!("  {}: ", finding.weight.as_str());
    let line = Line::styled(style, title).then(Style::Plain, finding.message.clone());
    let line = line.then(Style::Dim, format!(" ({})", finding.code));
    let hint = finding.hint.as_ref().map(|it| hint(it, "    "));
    [line].into_iter().chain(hint).collect()
}

fn hint(text: &str, indent: &str) -> Line {
    Line::styled(Style::Dim, format!("{indent}hint: {text}"))
}

fn not_restored() -> Line {
    Line::styled(Style::Dim, format!("  not restored: {NOT_RESTORED}"))
}

/// Returns what a check proposes.
pub(super) fn proposal_lines(proposal: &Proposal, now: Timestamp) -> Vec<Line> {
    match proposal {
        Proposal::None => Vec::new(),
        Proposal::Refused { why, hint: text } => {
            let line = Line::styled(Style::Warn, format!("no rollback possible: {why}"));
            let hint = text.as_ref().map(|it| hint(it, "  "));
            [Line::default(), line].into_iter().chain(hint).collect()
        }
        Proposal::Apply {
            workloads,
            left_alone,
            ..
        } => {
            let mut lines = vec![Line::default()];
            let many = workloads.len() > 1;
            lines.extend(workloads.iter().flat_map(|it| proposed(it, now, many)));
            lines.extend((!left_alone.is_empty()).then(|| {
                let names: Vec<String> = left_alone.iter().map(ToString::to_string).collect();
                Line::styled(Style::Dim, format!("  left alone: {}", names.join(", ")))
            }));
            lines.push(not_restored());
            lines
        }
    }
}

fn proposed(it: &Proposed, now: Timestamp, many: bool) -> Vec<Line> {
    let whose = if many {
        format!("of {} ", it.workload)
    } else {
        String::new()
    };
    let title = format!(
        "rollback {whose}possible to revision {}",
        it.target.revision
    );
    let why = format!(" ({}): {}", it.target.name, it.evidence(now));
    let since = it.bad_since.map(|at| {
        let text = format!("  revision {} is {} old", it.from.revision, ago(at, now));
        Line::styled(Style::Dim, text)
    });
    let mut lines = vec![Line::styled(Style::Strong, title).then(Style::Plain, why)];
    lines.extend(since);
    let changes = it.changes.iter();
    lines.extend(changes.map(|change| Line::plain(format!("  {change}"))));
    lines.extend(deletes(&it.deletes).map(|text| Line::styled(Style::Warn, format!("  {text}"))));
    lines.extend(it.findings.iter().flat_map(preflight_lines));
    lines
}

/// Returns what became of a rollback.
pub(super) fn after_lines(after: &[AfterRollback]) -> Vec<Line> {
    let of_one = |it: &AfterRollback| {
        let text = format!("  rollback of {}", words::after(it));
        let line = Line::styled(style_of_health(it.health), text);
        let images = it.other_images.iter().map(|image| other_image(it, image));
        let images = images.map(|text| Line::styled(Style::Warn, format!("  warning: {text}")));
        [line].into_iter().chain(images).collect::<Vec<_>>()
    };
    after.iter().flat_map(of_one).collect()
}
