//! Whole sessions.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use rollguard_agent::neutralise_line;
use rollguard_core::observation::{EndedRead, FreshRead, Observation, Seen};
use rollguard_core::policy::Policy;
use rollguard_core::report::{Report, event_lines, report_lines, summary, to_json};
use rollguard_core::session::{Recheck, Session, Step};
use rollguard_core::trace::{self, Trace};
use rollguard_core::verdict::Verdict;
use rollguard_core::workload::WorkloadRef;

use crate::agent::harmless;
use crate::world::World;

/// More ticks than any session takes to its timeout: one a second for half an hour.
const TICKS: usize = 2000;
/// The most of a trace's observations that are replayed.
const LIMIT: usize = 400;
/// More steps than any recheck takes: each workload is read once a second until the blind limit is over.
const RECHECK_STEPS: usize = 10_000;
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
    let reads = reads(&session, observations);
    let verdict = rechecked(&mut session, (verdict, ended), &reads);
    read_report(&Report::new(&session, &verdict, ended));
}

/// Every state of a followed workload that was seen, as a fresh read would find it, and every blindness.
fn reads(session: &Session, observations: &[Observation]) -> Vec<EndedRead> {
    let workloads: Vec<WorkloadRef> = session
        .workloads()
        .iter()
        .map(|it| it.workload().clone())
        .collect();
    let of_all = |read: &FreshRead| {
        let workloads = workloads.iter().cloned();
        let read = read.clone();
        workloads.map(move |workload| EndedRead {
            workload,
            read: read.clone(),
        })
    };
    let mut reads = Vec::new();
    for observation in observations {
        match &observation.seen {
            Seen::Workload { object } => {
                let workload = object.reference();
                let object = Box::new(object.clone());
                let read = FreshRead::Found { object };
                reads.push(EndedRead { workload, read });
            }
            Seen::Blind { why, .. } => reads.extend(of_all(&FreshRead::Blind { why: why.clone() })),
            Seen::Gone { .. } => reads.extend(of_all(&FreshRead::NotFound)),
            Seen::Reread(read) => reads.push(read.clone()),
            Seen::ReplicaSet { .. }
            | Seen::ControllerRevision { .. }
            | Seen::Node { .. }
            | Seen::Answered { .. }
            | Seen::Pod { .. }
            | Seen::Event { .. }
            | Seen::Listed { .. }
            | Seen::LookedUp { .. }
            | Seen::Traffic { .. }
            | Seen::Tick => {}
        }
    }
    reads
}

/// Rechecks a verdict: the answer to each read is the last state of its workload that was seen, then the one
/// before. Nothing becomes healthy that a session did not call so.
fn rechecked(session: &mut Session, decided: (Verdict, Timestamp), reads: &[EndedRead]) -> Verdict {
    let (verdict, mut now) = decided;
    let mut recheck = Recheck::new(session, verdict.clone(), now);
    let mut left: Vec<&EndedRead> = reads.iter().collect();
    let mut wanted = VecDeque::new();
    let mut ended = None;
    for _ in 0..RECHECK_STEPS {
        let step = recheck.step(session, ended.take(), now);
        if let Some(rechecked) = step.verdict {
            let green = rechecked == Verdict::Succeeded;
            assert!(
                !green || verdict == Verdict::Succeeded,
                "a recheck turned {verdict:?} green"
            );
            return rechecked;
        }
        wanted.extend(step.reads);
        if let Some(workload) = wanted.pop_front() {
            let place = left.iter().rposition(|it| it.workload == workload);
            let read = place.map_or(FreshRead::NotFound, |place| left.remove(place).read.clone());
            ended = Some(EndedRead { workload, read });
        } else {
            assert!(step.wake_at > now, "the same step again and again");
            now = step.wake_at;
        }
    }
    panic!("no end after {RECHECK_STEPS} steps of a recheck");
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
