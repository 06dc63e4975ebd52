//! `rollguard replay TRACE`: the same session over a recorded rollout.

use std::path::Path;
use std::time::Duration;

use rollguard_agent::Outcome;
use rollguard_core::duration::{Human, elapsed};
use rollguard_core::policy::Policy;
use rollguard_core::report::{Line, Report, Style, event_lines, report_lines};
use rollguard_core::session::{self, Decided, Session, Target};
use rollguard_core::trace::{Header, Trace};

use crate::bounded;
use crate::console::Console;
use crate::failure::Failure;

/// A session of an hour over 300 Deployments records less than a quarter of it.
const LONGEST_TRACE: u64 = 256 << 20;

/// Replays a trace up to its verdict; ticks that a live session would have had are put in between.
/// The timeout is the recorded session's, unless another is given.
///
/// # Errors
/// When the file is no trace.
pub fn replay(
    path: &Path,
    timeout: Option<Duration>,
    console: &mut Console,
) -> Result<(Outcome, Report), Failure> {
    play(read(path)?, timeout, console)
}

/// Replays a trace that was read.
///
/// # Errors
/// When it contains no observation.
pub(crate) fn play(
    trace: Trace,
    timeout: Option<Duration>,
    console: &mut Console,
) -> Result<(Outcome, Report), Failure> {
    let header = &trace.header;
    let recorded = header.policy();
    let policy = Policy {
        timeout: timeout.unwrap_or(recorded.timeout),
        ..recorded
    };
    let targets: Vec<Target> = targets(header).collect();
    let many = targets.len() > 1;
    let (Some(first), Some(last)) = (trace.observations.first(), trace.observations.last()) else {
        return Err(Failure::new(
            Outcome::BadInput,
            "the trace contains no observation",
        ));
    };
    let (begin, end) = (first.at, last.at);
    let mut session = Session::new(targets, policy, begin);
    let decided = session::replay(&mut session, trace.observations, |step| {
        for event in &step.events {
            console.lines(&event_lines(event, begin, many));
        }
    });
    let Decided { verdict, at } = decided;
    if at > end {
        let ends = Human(elapsed(begin, end));
        let text =
            format!("the trace ends at +{ends}; after that, the cluster is assumed not to change");
        console.line(&Line::styled(Style::Warn, text));
    }
    let report = Report::new(&session, &verdict, at);
    console.lines(&report_lines(&report));
    let outcome = Outcome::of_verdict(&verdict).unwrap_or(Outcome::Unexpected);
    Ok((outcome, report))
}

fn targets(header: &Header) -> impl Iterator<Item = Target> {
    header.workloads.iter().map(|workload| Target {
        workload: workload.clone(),
        revision: header.revision,
        restored: None,
        run: None,
    })
}

/// Reads a trace.
///
/// # Errors
/// When the file is no trace.
pub(crate) fn read(path: &Path) -> Result<Trace, Failure> {
    let unreadable = |why: String| {
        Failure::new(
            Outcome::BadInput,
            format!("failed to read `{}`: {why}", path.display()),
        )
    };
    let text =
        bounded::read_file(path, LONGEST_TRACE).map_err(|error| unreadable(error.to_string()))?;
    Trace::parse(&text).map_err(|error| unreadable(format!("{:#}", anyhow::Error::from(error))))
}
