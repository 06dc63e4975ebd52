//! The whole async shell: the only place where stream, clock, signal and decision meet.

use std::time::Duration;

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::Client;
use rollguard_cluster::Clock;
use rollguard_core::duration::{after, elapsed};
use rollguard_core::guard::{Follow, Guard, Step};
use rollguard_core::observation::{Blindness, Observation, ResourceKind, Seen};
use rollguard_core::report::{Style, event_lines};
use rollguard_core::verdict::Verdict;

use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;
use crate::recorder::Recorder;
use crate::status;
use asks::Asks;

mod asks;

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
    pub(crate) client: &'a Client,
    pub(crate) clock: &'a Clock,
    pub(crate) console: &'a mut Console,
    pub(crate) recorder: &'a mut Recorder,
    pub(crate) cancel: &'a Cancel,
}

/// Follows rollouts until their verdict.
pub(crate) async fn drive<S>(
    guard: &mut Guard,
    observations: &mut S,
    shell: &mut Shell<'_>,
) -> Result<Outcome, Failure>
where
    S: Stream<Item = Observation> + Unpin,
{
    let outcome = follow(guard, observations, shell).await;
    shell.console.status(&[]);
    outcome
}

async fn follow<S>(
    guard: &mut Guard,
    observations: &mut S,
    shell: &mut Shell<'_>,
) -> Result<Outcome, Failure>
where
    S: Stream<Item = Observation> + Unpin,
{
    let mut asks = Asks::default();
    let mut wake_at = guard.started();
    let mut ended = false;
    loop {
        let tick_at = wake_at.min(next_status(shell));
        let observation = tokio::select! {
            biased;
            () = shell.cancel.requested() => return Ok(Outcome::Cancelled),
            seen = observations.next(), if !ended => seen.unwrap_or_else(|| {
                ended = true;
                watch_ended(guard, shell.clock.now())
            }),
            Some(seen) = asks.next() => Observation::new(shell.clock.now(), seen),
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
        asks.take(step.asks);
        asks.send(guard, shell.client);
    }
}

fn next_status(shell: &Shell<'_>) -> Timestamp {
    let interval: Option<Duration> = shell.console.status_interval();
    interval.map_or(Timestamp::MAX, |interval| {
        after(shell.clock.now(), interval)
    })
}

fn show(guard: &Guard, step: &Step, now: Timestamp, shell: &mut Shell<'_>) {
    let many = guard.follows().len() > 1;
    for event in &step.events {
        let lines = event_lines(event, guard.started(), many);
        shell.console.lines(&lines);
    }
    if !step.verdict.is_terminal() {
        let row = |follow| row(follow, elapsed(guard.started(), now));
        let rows: Vec<status::Row> = guard.follows().iter().map(row).collect();
        shell.console.status(&status::table(&rows));
    }
}

fn row(follow: &Follow, elapsed: Duration) -> status::Row {
    let verdict = follow.verdict();
    let style = match verdict {
        Verdict::Progressing { .. } => Style::Plain,
        Verdict::Succeeded => Style::Good,
        Verdict::Failed { .. } | Verdict::TimedOut { .. } => Style::Bad,
        Verdict::Undetermined { .. } | Verdict::Superseded { .. } => Style::Warn,
    };
    let text = match verdict.pending() {
        Some(pending) if !verdict.is_terminal() => pending.to_string(),
        Some(_) | None => verdict.word().to_owned(),
    };
    status::Row {
        elapsed,
        name: follow.workload().to_string(),
        text,
        style,
    }
}

/// The stream of observations never ends by itself; if it does, we are blind for good.
fn watch_ended(guard: &Guard, now: Timestamp) -> Observation {
    let kind = guard.follows().first().map(|it| it.workload().kind);
    let why = Blindness::Disconnected {
        message: "the watch ended".to_owned(),
    };
    Observation::new(
        now,
        Seen::Blind {
            resource: kind.map_or(ResourceKind::Pod, ResourceKind::of),
            why,
        },
    )
}
