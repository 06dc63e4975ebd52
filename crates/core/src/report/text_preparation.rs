//! The lines of a rollback before its first change.

use super::{Line, Style, batch_lines, dry_run_line};
use crate::duration::Human;
use crate::rollback::Refusal;
use crate::rollback::preparation::{Event, Question};
use crate::workload::WorkloadRef;

/// The lines of an event while it happens.
#[must_use]
pub fn preparation_lines(event: &Event) -> Vec<Line> {
    match event {
        Event::LooksHealed(pause) => {
            let workload = &pause.workload;
            let takes = Human(pause.takes);
            let text = format!(
                "{workload} is complete, but not yet for long enough: checking again in {takes}"
            );
            vec![Line::plain(text)]
        }
        Event::LeftAlone(workloads) => {
            let line =
                |it: &WorkloadRef| Line::plain(format!("{it} is left alone: {}", Refusal::Healthy));
            workloads.iter().map(line).collect()
        }
        Event::NotUnderstood(answer) => {
            vec![Line::plain(Question::not_understood(answer))]
        }
        Event::Planned(batch) => batch_lines(batch),
        Event::DryRun(batch) => vec![dry_run_line(batch)],
        Event::PlanChanged => vec![Line::styled(Style::Warn, Event::PLAN_CHANGED)],
    }
}
