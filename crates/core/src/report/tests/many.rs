//! A thousand workloads that all fail: what people read stays short, and the document has all of them.

use super::*;
use crate::report::EventLog;
use crate::session::SessionEvent;

const MANY: usize = 1_000;

/// The same of another Deployment with objects of its own.
fn of_another(observation: &Observation, index: usize) -> Observation {
    let mut text = serde_json::to_string(observation).unwrap();
    for (own, other) in [
        ("\"d-1\"", format!("\"{index}-d-1\"")),
        ("\"rs-v", format!("\"{index}-rs-v")),
        ("\"pod-a\"", format!("\"{index}-pod-a\"")),
        ("\"web", format!("\"web-{index:04}")),
    ] {
        text = text.replace(own, &other);
    }
    serde_json::from_str(&text).unwrap()
}

fn name(index: usize) -> WorkloadRef {
    WorkloadRef {
        name: format!("web-{index:04}"),
        ..web()
    }
}

/// A session whose pods all have a malformed image name, with all lines that it showed.
fn all_failed() -> (Session, Verdict, Vec<String>) {
    let mut one: Vec<Observation> = vec![
        seen(0, deployment("web").counts(1, 2, 1, 1)),
        seen_set(0, replica_set("v2", 2, (1, 0))),
    ];
    one.extend(pod("a").waiting("InvalidImageName", "").seen(0));
    let all = (0..MANY).flat_map(|index| one.iter().map(move |it| (it, index)));
    let mut observations: Vec<Observation> = all.map(|(it, index)| of_another(it, index)).collect();
    let uids = |it: &Observation| {
        let value = serde_json::to_value(it).unwrap();
        let uid = value.pointer("/seen/object/metadata/uid");
        uid.and_then(|it| it.as_str()).map(str::to_owned)
    };
    let uids: Vec<String> = observations.iter().filter_map(uids).collect();
    let uids: Vec<&str> = uids.iter().map(String::as_str).collect();
    observations.extend(listed(0, &uids));
    observations.push(Session::tick(at(4)));
    let mut session = Session::new((0..MANY).map(name), Policy::default(), start());
    let mut log = EventLog::default();
    let mut lines = Vec::new();
    for observation in observations {
        let now = observation.at;
        let step = session.observe(observation);
        let shown = log.lines(&step.events, &session, now);
        lines.extend(shown.iter().map(Line::text));
        if step.verdict.is_terminal() {
            return (session, step.verdict, lines);
        }
    }
    panic!("it does not end")
}

#[test]
fn what_people_read_of_a_thousand_failures_is_short() {
    let (session, verdict, log) = all_failed();
    let failed =
        |it: &&crate::session::TrackedWorkload| matches!(it.verdict(), Verdict::Failed { .. });
    assert_eq!(session.workloads().iter().filter(failed).count(), MANY);
    assert!(log.len() <= 20, "{}", log.join("\n"));
    for expected in [
        "1000 workloads: failed",
        "InvalidImageName: found 1000 times so far",
    ] {
        let is_said = log.iter().any(|it| it.contains(expected));
        assert!(is_said, "{expected}: {}", log.join("\n"));
    }
    let mut report = Report::new(&session, &verdict, at(4));
    report.headline = headline(&report);
    let text = text_of(&report);
    assert!(text.lines().count() <= 80, "{text}");
    assert!(
        text.contains("… and 950 more workloads: 950 failed"),
        "{text}"
    );
    let page = markdown(&report);
    assert!(page.len() <= 64 * 1024, "{} bytes", page.len());
    assert!(
        page.contains("… and 950 more workloads: 950 failed"),
        "{page}"
    );
    let longest = page.lines().map(str::len).max();
    assert!(longest <= Some(1_000), "{longest:?}");
    let said = summary(&report, 2_400);
    assert!(
        said.len() <= 2_400 && said.contains("1000 of 1000 workloads"),
        "{said}"
    );
    let document = to_json(&report).unwrap();
    assert!(document.contains("web-0999"), "all are in the document");
}

#[test]
fn of_few_workloads_each_event_has_its_line() {
    let mut session = Session::new([web(), name(1)], Policy::default(), start());
    let _ = session.observe(Session::tick(at(1)));
    let ended = |workload| SessionEvent::Ended {
        at: at(1),
        workload,
        verdict: Verdict::Succeeded,
    };
    let events = [ended(web()), ended(name(1))];
    let lines = EventLog::default().lines(&events, &session, at(1));
    assert_eq!(lines.len(), 2);
}
