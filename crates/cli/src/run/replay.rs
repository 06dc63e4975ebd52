//! `rollguard replay TRACE`: the same session over a recorded rollout.

use std::path::Path;

use anyhow::Context;
use rollguard_agent::Outcome;
use rollguard_core::guard::Guard;
use rollguard_core::policy::Policy;
use rollguard_core::report::{Report, event_lines, report_lines};
use rollguard_core::trace::Trace;

use crate::console::Console;
use crate::failure::Failure;

/// Replays a trace up to its verdict; ticks that a live session would have had are put in between.
///
/// # Errors
/// When the file is no trace.
pub fn replay(
    path: &Path,
    policy: Policy,
    console: &mut Console,
) -> Result<(Outcome, Report), Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            Outcome::BadInput,
            format!("failed to read `{}`: {error}", path.display()),
        )
    })?;
    let trace = Trace::parse(&text).map_err(|error| {
        let text = format!(
            "failed to read `{}`: {:#}",
            path.display(),
            anyhow::Error::from(error)
        );
        Failure::new(Outcome::BadInput, text)
    })?;
    let first = trace
        .observations
        .first()
        .context("the trace holds no observation")?;
    let mut guard = Guard::new(trace.header.workload, policy, first.at);
    let mut wake_at = first.at;
    let mut recorded = trace.observations.into_iter().peekable();
    loop {
        // Where the record has nothing to say in time, time passes as it did then.
        let observation = recorded
            .next_if(|next| next.at <= wake_at)
            .unwrap_or_else(|| Guard::tick(wake_at));
        let now = observation.at;
        let step = guard.observe(observation);
        for event in &step.events {
            console.lines(&event_lines(event, guard.started()));
        }
        if step.verdict.is_terminal() {
            let report = Report::new(&guard, &step.verdict, now);
            console.lines(&report_lines(&report));
            return Ok((
                Outcome::of_verdict(&step.verdict).unwrap_or(Outcome::Unexpected),
                report,
            ));
        }
        wake_at = step.wake_at.max(now);
    }
}
