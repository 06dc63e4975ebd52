//! Whole sessions.

use std::time::Duration;

use jiff::Timestamp;
use rollguard_agent::neutralise_line;
use rollguard_core::observation::Observation;
use rollguard_core::policy::Policy;
use rollguard_core::report::{Report, event_lines, report_lines, summary, to_json};
use rollguard_core::session::{Session, Step};
use rollguard_core::trace::{self, Trace};
use rollguard_core::verdict::Verdict;

use crate::agent::harmless;
use crate::world::World;

/// More ticks than any session takes to its timeout: one a second for half an hour.
const TICKS: usize = 2000;
/// The most of a trace's observations that are replayed.
const LIMIT: usize = 400;
/// Characters of an approver's summary; fewer than the real limit, so that cuts happen.
const SUMMARY: usize = 400;

pub(crate) fn observations(data: &[u8]) {
    let World {
        header,
        started,
        observations,
    } = World::read(data);
    let session = Session::new(header.workloads, Policy::default(), started);
    tracked(session, &observations);
}

pub(crate) fn trace(text: &str) {
    let Ok(read) = Trace::parse(text) else { return };
    let mut written = trace::line(&read.header).unwrap();
    for observation in &read.observations {
        written.push_str(&trace::line(observation).unwrap());
    }
    assert_eq!(Trace::parse(&written).unwrap(), read);

    let short = read.observations.get(..LIMIT);
    let observations = short.unwrap_or(&read.observations);
    let started = observations.first().map(|it| it.at).unwrap_or_default();
    let policy = Policy {
        timeout: Duration::from_secs(read.header.timeout_seconds.unwrap_or(60).clamp(1, 3600)),
        ..Policy::default()
    };
    tracked(
        Session::new(read.header.workloads, policy, started),
        observations,
    );
}

/// Shows a session all observations, then lets time pass to its end, and reads its reports.
fn tracked(mut session: Session, observations: &[Observation]) {
    let mut decided: Option<(Verdict, Timestamp)> = None;
    let mut now = session.started();
    for observation in observations {
        now = now.max(observation.at);
        let step = session.observe(observation.clone());
        read_events(&session, &step);
        match &decided {
            Some((verdict, _)) => assert_eq!(step.verdict, *verdict, "a verdict changed"),
            None if step.verdict.is_terminal() => decided = Some((step.verdict, now)),
            None => {}
        }
    }
    let (verdict, ended) = decided.unwrap_or_else(|| last_verdict(&mut session, now));
    read_report(&Report::new(&session, &verdict, ended));
}

fn last_verdict(session: &mut Session, mut now: Timestamp) -> (Verdict, Timestamp) {
    for _ in 0..TICKS {
        let step = session.observe(Session::tick(now));
        read_events(session, &step);
        if step.verdict.is_terminal() {
            return (step.verdict, now);
        }
        assert!(
            step.wake_at > now,
            "wakes at {} and it is {now}",
            step.wake_at
        );
        now = step.wake_at;
    }
    panic!("no end after {TICKS} ticks");
}

fn read_events(session: &Session, step: &Step) {
    for event in &step.events {
        for line in event_lines(event, session.started(), true) {
            harmless(&neutralise_line(&line.text()));
        }
    }
}

fn read_report(report: &Report) {
    for line in report_lines(report) {
        harmless(&neutralise_line(&line.text()));
    }
    let json = to_json(report).unwrap();
    assert!(!json.contains('#'));
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    assert!(summary(report, SUMMARY).chars().count() <= SUMMARY);
}
