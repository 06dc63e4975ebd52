//! The lines of a rollback while it is carried out, and of what went wrong.

use super::{Line, Report, Style, objection_lines};
use crate::duration::Human;
use crate::rollback::execution::{Conclusion, Event, FailedCall, Verification};
use crate::rollback::{Refusal, RollbackBatch, WorkloadOutcome};
use crate::workload::{Revision, WorkloadRef};

/// The lines of a failure: what failed and why, then what to do.
pub fn failure_lines<'a>(
    messages: &'a [String],
    hint: Option<&'a str>,
) -> impl Iterator<Item = Line> + use<'a> {
    let errors = messages.iter().map(|it| error_line(it));
    errors.chain(hint.map(hint_line))
}

/// The line that says what to do.
#[must_use]
pub fn hint_line(hint: &str) -> Line {
    Line::styled(Style::Strong, "hint: ").then(Style::Plain, hint)
}

fn error_line(text: &str) -> Line {
    Line::styled(Style::Bad, "error: ").then(Style::Plain, text)
}

fn warning(text: String) -> Line {
    Line::styled(Style::Warn, "warning: ").then(Style::Plain, text)
}

/// The lines of an event while it happens.
#[must_use]
pub fn execution_lines(event: &Event) -> Vec<Line> {
    let line = match event {
        Event::Failed(failure) => {
            return failure_lines(&failure.messages, failure.hint.as_deref()).collect();
        }
        Event::Ended {
            workload,
            revision,
            outcome,
        } => {
            return ended_line(workload, *revision, *outcome)
                .into_iter()
                .collect();
        }
        Event::MarkKept { revision, failure } => warning(format!(
            "revision {revision} still has its known-good mark: {}",
            failure.text()
        )),
        Event::TakesLonger {
            stuck_pods,
            timeout,
        } => Line::plain(format!(
            "{stuck_pods} pods are stuck and are replaced one after the other: the check may take {}",
            Human(*timeout)
        )),
        Event::PodDeleted { pod, revision } => Line::plain(format!(
            "deleted Pod {pod} of revision {revision}, which would have stayed stuck"
        )),
        Event::DeletionFailed(failure) => warning(with_hint(failure)),
        Event::NotVerified => {
            let text = "cancelled: the rollback was done, but its result was not checked";
            Line::styled(Style::Warn, text)
        }
    };
    vec![line]
}

fn ended_line(
    workload: &WorkloadRef,
    revision: Revision,
    outcome: WorkloadOutcome,
) -> Option<Line> {
    let (style, text) = match outcome {
        WorkloadOutcome::RolledBack => (
            Style::Good,
            format!("{workload}: rolled back to the template of revision {revision}"),
        ),
        WorkloadOutcome::InPlace => (
            Style::Good,
            format!(
                "{workload}: already rolled back: the template of revision {revision} is in place"
            ),
        ),
        WorkloadOutcome::Superseded => (
            Style::Warn,
            format!("{workload}: not rolled back: {}", Refusal::Superseded),
        ),
        WorkloadOutcome::Failed => (Style::Bad, format!("{workload}: not rolled back")),
        // Told at the end, once nothing more is done about it.
        WorkloadOutcome::HeldUp => return None,
        WorkloadOutcome::NotTried => (
            Style::Warn,
            format!("{workload}: not attempted, because the run was cancelled"),
        ),
    };
    Some(Line::styled(style, text))
}

fn with_hint(failure: &FailedCall) -> String {
    let hint = failure.hint.as_ref().map(|hint| format!("; {hint}"));
    format!("{}{}", failure.text(), hint.unwrap_or_default())
}

/// Returns the lines at the end: the objections to a batch, and the errors that no event has shown.
#[must_use]
pub fn conclusion_lines(conclusion: &Conclusion, batch: &RollbackBatch) -> Vec<Line> {
    let untold = conclusion.untold.iter().map(|it| error_line(it));
    objection_lines(batch).into_iter().chain(untold).collect()
}

/// Returns the line that says of a cancelled rollback that it was done all the same; none where another line has the word.
#[must_use]
pub fn cancelled_line(conclusion: &Conclusion) -> Option<Line> {
    let restored = conclusion.workloads.iter().any(|(_, it)| it.is_restored());
    // If the result was to be checked, the line about that says it.
    let is_silent = conclusion.cancelled && restored && conclusion.health.is_none();
    let text = "cancelled: the rollback had begun and was brought to its end";
    is_silent.then(|| Line::styled(Style::Warn, text))
}

impl Report {
    /// Returns what the check tells the rollback before it.
    #[must_use]
    pub fn verification(&self) -> Verification {
        Verification::Judged {
            verdict: self.verdict,
            health: self.rollback_health(),
            sentence: self.sentence.clone(),
        }
    }
}
