//! The whole async shell: the only place where stream, clock, signal and decision meet.

use std::time::Duration;

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use rollguard_cluster::Clock;
use rollguard_core::duration::{after, elapsed};
use rollguard_core::guard::{Guard, Step};
use rollguard_core::observation::{Blindness, Observation, ResourceKind, Seen};
use rollguard_core::report::{Style, event_lines};
use rollguard_core::verdict::Verdict;

use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;
use crate::recorder::Recorder;
use crate::status;

/// How a session ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// With a verdict, at a time.
    Decided(Verdict, Timestamp),
    /// It was told to stop.
    Cancelled,
}

/// What the loop carries between.
pub(crate) struct Shell<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) console: &'a mut Console,
    pub(crate) recorder: &'a mut Recorder,
    pub(crate) cancel: &'a Cancel,
}

/// Follows a rollout until its verdict.
pub(crate) async fn drive<S>(
    guard: &mut Guard,
    observations: S,
    shell: &mut Shell<'_>,
) -> Result<Outcome, Failure>
where
    S: Stream<Item = Observation>,
{
    let outcome = follow(guard, observations, shell).await;
    shell.console.status(&[]);
    outcome
}

async fn follow<S>(
    guard: &mut Guard,
    observations: S,
    shell: &mut Shell<'_>,
) -> Result<Outcome, Failure>
where
    S: Stream<Item = Observation>,
{
    let mut observations = std::pin::pin!(observations);
    let mut wake_at = guard.started();
    let mut ended = false;
    loop {
        let tick_at = wake_at.min(next_status(shell));
        let observation = tokio::select! {
            biased;
            () = shell.cancel.requested() => return Ok(Outcome::Cancelled),
            seen = observations.next(), if !ended => seen.unwrap_or_else(|| {
                ended = true;
                watch_ended(shell.clock.now())
            }),
            () = shell.clock.sleep_until(tick_at) => Guard::tick(shell.clock.now()),
        };
        let now = observation.at;
        if observation.seen != Seen::Tick {
            shell.recorder.write(&observation)?;
        }
        let step = guard.observe(observation);
        show(guard, &step, now, shell);
        if step.verdict.is_terminal() {
            return Ok(Outcome::Decided(step.verdict, now));
        }
        wake_at = step.wake_at;
    }
}

fn next_status(shell: &Shell<'_>) -> Timestamp {
    let interval: Option<Duration> = shell.console.status_interval();
    interval.map_or(Timestamp::MAX, |interval| {
        after(shell.clock.now(), interval)
    })
}

fn show(guard: &Guard, step: &Step, now: Timestamp, shell: &mut Shell<'_>) {
    for event in &step.events {
        shell.console.lines(&event_lines(event, guard.started()));
    }
    if let Verdict::Progressing { pending } = &step.verdict {
        let row = status::Row {
            elapsed: elapsed(guard.started(), now),
            name: guard.workload().to_string(),
            text: pending.to_string(),
            style: Style::Plain,
        };
        shell.console.status(&status::table(&[row]));
    }
}

/// The stream of observations never ends by itself; if it does, we are blind for good.
fn watch_ended(now: Timestamp) -> Observation {
    let why = Blindness::Disconnected {
        message: "the watch ended".to_owned(),
    };
    Observation::new(
        now,
        Seen::Blind {
            resource: ResourceKind::Workload,
            why,
        },
    )
}
