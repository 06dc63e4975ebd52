//! The whole async shell: the only place where stream, clock, signal and decision meet.

use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use rollguard_cluster::{Clock, Connection};
use rollguard_core::duration::{after, elapsed};
use rollguard_core::observation::{Blindness, Observation, ResourceKind, Seen};
use rollguard_core::report::{EventLog, Line, Report, Style, style_of};
use rollguard_core::session::{Decided, Session, Step, TrackedWorkload};

use crate::run::tools::Tools;
use crate::status;
use early_logs::EarlyLogs;
use http_checks::HttpChecks;
use lookups::Lookups;
use new_lines::NewLines;

mod early_logs;
mod http_checks;
mod lookups;
mod new_lines;

/// How a session ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// With a verdict.
    Decided(Decided),
    /// A stop was requested.
    Cancelled,
}

/// Work that goes on beside a session; it yields lines to print.
pub(crate) type BackgroundLines<'a> = BoxStream<'a, Line>;

/// Nothing to do besides.
pub(crate) fn no_background() -> BackgroundLines<'static> {
    stream::empty().boxed()
}

/// All that a session reads of the cluster. It outlives a verdict that the recheck revokes: requests
/// that were sent by then are still answered.
pub(crate) struct Feed<'a, S> {
    observations: S,
    ended: bool,
    http_checks: HttpChecks,
    lookups: Lookups,
    /// None where no log is to be read.
    early_logs: Option<EarlyLogs>,
    /// The same.
    new_lines: Option<NewLines>,
    background: BackgroundLines<'a>,
    log: EventLog,
    clock: Clock,
}

/// One input of a session's loop.
enum Heard {
    Seen(Observation),
    /// To be printed, and of no weight for the verdict.
    Told(Line),
}

impl<'a, S> Feed<'a, S>
where
    S: Stream<Item = Observation> + Unpin,
{
    pub(crate) fn new(observations: S, connection: &Connection) -> Self {
        Self {
            observations,
            ended: false,
            http_checks: HttpChecks::new(connection.client.clone()),
            lookups: Lookups::new(connection.client.clone()),
            early_logs: None,
            new_lines: None,
            background: no_background(),
            log: EventLog::default(),
            clock: connection.clock,
        }
    }

    /// Adds work that goes on beside the session.
    pub(crate) fn with_background(self, background: BackgroundLines<'a>) -> Self {
        Self { background, ..self }
    }

    /// Reads the logs of containers that fail while the check goes on, if `logs` may be read.
    pub(crate) fn with_early_logs(self, logs: bool, connection: &Connection) -> Self {
        let early_logs = logs.then(|| EarlyLogs::new(connection.client.clone()));
        Self { early_logs, ..self }
    }

    /// Compares what the new pods log with what the old ones do, if `logs` may be read.
    pub(crate) fn with_new_lines(self, logs: bool, connection: &Connection) -> Self {
        let new_lines = logs.then(|| NewLines::new(connection.client.clone()));
        Self { new_lines, ..self }
    }

    /// Adds to the report of a success what only the new pods logged.
    pub(crate) fn tell_new_lines(&self, report: &mut Report) {
        if let Some(lines) = &self.new_lines {
            lines.tell(report);
        }
    }

    /// Returns what is heard next, at `until` at the latest.
    async fn next(&mut self, session: &Session, until: Timestamp) -> Heard {
        tokio::select! {
            biased;
            // First: a lively watch must not hold up the pods that wait to be deleted.
            Some(line) = self.background.next() => Heard::Told(line),
            seen = self.observations.next(), if !self.ended => {
                Heard::Seen(seen.unwrap_or_else(|| {
                    self.ended = true;
                    watch_ended(session, self.clock.now())
                }))
            }
            Some(seen) = self.http_checks.next() => Heard::Seen(Observation::new(self.clock.now(), seen)),
            Some(seen) = self.lookups.next() => Heard::Seen(Observation::new(self.clock.now(), seen)),
            Some(line) = said_early(&mut self.early_logs) => Heard::Told(line),
            Some(line) = compared(&mut self.new_lines) => Heard::Told(line),
            () = self.clock.sleep_until(until) => Heard::Seen(Session::tick(self.clock.now())),
        }
    }
}

/// Follows rollouts until their verdict.
pub(crate) async fn drive<S>(
    session: &mut Session,
    feed: &mut Feed<'_, S>,
    tools: &mut Tools<'_>,
) -> Outcome
where
    S: Stream<Item = Observation> + Unpin,
{
    let outcome = tracked(session, feed, tools).await;
    tools.console.status(&[]);
    outcome
}

async fn tracked<S>(session: &mut Session, feed: &mut Feed<'_, S>, tools: &mut Tools<'_>) -> Outcome
where
    S: Stream<Item = Observation> + Unpin,
{
    let mut wake_at = session.started();
    let mut drawn_at = None;
    loop {
        let status_at = tools.console.status_interval();
        let status_at = status_at.map(|interval| after(feed.clock.now(), interval));
        let until = status_at.map_or(wake_at, |at| at.min(wake_at));
        let heard = tokio::select! {
            biased;
            () = tools.cancel.requested() => return Outcome::Cancelled,
            heard = feed.next(session, until) => heard,
        };
        let observation = match heard {
            Heard::Seen(observation) => observation,
            Heard::Told(line) => {
                tools.console.line(&line);
                continue;
            }
        };
        let now = observation.at;
        record(&observation, tools);
        let step = session.observe(observation);
        let lines = feed.log.lines(&step.events, session, now);
        tools.console.lines(&lines);
        show(session, &step, now, tools);
        if draws_again(drawn_at, now) {
            drawn_at = Some(now);
            draw(session, &step, now, tools);
        }
        if step.verdict.is_terminal() {
            return Outcome::Decided(Decided {
                verdict: step.verdict,
                at: now,
            });
        }
        wake_at = step.wake_at;
        let looks = !step.lookups.is_empty();
        feed.http_checks.queue(step.http_requests);
        feed.http_checks.send(session);
        feed.lookups.send(step.lookups, session);
        if let Some(logs) = &mut feed.early_logs {
            logs.send(session);
        }
        if let Some(lines) = &mut feed.new_lines {
            lines.send(session, looks);
        }
    }
}

async fn compared(lines: &mut Option<NewLines>) -> Option<Line> {
    lines.as_mut()?.next().await
}

async fn said_early(logs: &mut Option<EarlyLogs>) -> Option<Line> {
    logs.as_mut()?.next().await
}

/// A trace that cannot be written on, because the disk is full, is no reason to leave a rollout alone.
pub(crate) fn record(observation: &Observation, tools: &mut Tools<'_>) {
    if observation.seen == Seen::Tick {
        return;
    }
    if let Err(failure) = tools.recorder.write(observation) {
        let why = failure.messages().join("; ");
        let text = format!("{why}; recording stops, the check continues");
        let line = Line::styled(Style::Warn, "warning: ").then(Style::Plain, text);
        tools.console.line(&line);
    }
}

fn show(session: &Session, step: &Step, now: Timestamp, tools: &mut Tools<'_>) {
    if let Some(pending) = step
        .verdict
        .pending()
        .filter(|_| !step.verdict.is_terminal())
    {
        let percent = session.progress(now);
        tools.console.progress(percent, &pending.to_string());
    }
}

/// The status is drawn again after this time at the earliest: it looks at every pod.
const DRAWN: Duration = Duration::from_millis(100);

fn draws_again(drawn_at: Option<Timestamp>, now: Timestamp) -> bool {
    drawn_at.is_none_or(|at| now >= after(at, DRAWN))
}

fn draw(session: &Session, step: &Step, now: Timestamp, tools: &mut Tools<'_>) {
    // A log has no place for it.
    if !step.verdict.is_terminal() && tools.console.status_interval().is_some() {
        let row = |tracked| row(session, tracked, now);
        let rows: Vec<status::Row> = session.workloads().iter().map(row).collect();
        tools.console.status(&status::table(&rows));
    }
}

fn row(session: &Session, tracked: &TrackedWorkload, now: Timestamp) -> status::Row {
    let verdict = tracked.verdict();
    let waiting = session.waiting(tracked, now);
    let (text, suspects) = match verdict.pending() {
        Some(pending) if !verdict.is_terminal() => {
            (format!("{pending}; {waiting}"), waiting.suspects)
        }
        Some(_) | None => (verdict.word().to_owned(), Vec::new()),
    };
    status::Row {
        elapsed: elapsed(session.started(), now),
        name: tracked.workload().to_string(),
        text,
        style: style_of(verdict.kind()),
        suspects,
    }
}

/// The stream of observations never ends by itself; if it does, nothing is seen any more.
fn watch_ended(session: &Session, now: Timestamp) -> Observation {
    let kind = session.workloads().first().map(|it| it.workload().kind);
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
