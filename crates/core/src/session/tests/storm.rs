//! Hundreds of failed pods a minute: decided in seconds, told in a few lines.

use serde_json::json;

use super::*;

/// How many pods fail each second.
const EACH_SECOND: u64 = 5;

/// A Deployment whose pods fail as a whole for so long, and are created again at once; its counts change
/// with every pod.
fn storm(seconds: u64, reason: &str, message: &str) -> Vec<Observation> {
    let mut all = first_look(rolling(), &[]);
    for count in 0..seconds * EACH_SECOND {
        let second = count / EACH_SECOND;
        let name = format!("p{count}");
        let failed = pod(&name)
            .failed(reason, message)
            .with("/metadata/creationTimestamp", json!(at(second)));
        all.extend(failed.seen(second));
        let updated = i32::from(count % 2 == 0);
        all.push(seen(second, deployment("web").counts(3, 4, updated, 3)));
    }
    all
}

fn patient(code: FindingCode) -> Policy {
    Policy {
        graces: [(code, Duration::from_secs(600))].into(),
        ..policy(300)
    }
}

/// The lines that are shown, with the second of each.
fn shown(mut session: Session, observations: Vec<Observation>) -> Vec<(u64, SessionEvent)> {
    let mut shown = Vec::new();
    for observation in observations {
        let second = elapsed_seconds(observation.at);
        let events = session.observe(observation).events;
        shown.extend(events.into_iter().map(|event| (second, event)));
    }
    shown
}

struct Cause {
    reason: &'static str,
    message: &'static str,
    code: FindingCode,
}

const CAUSES: [Cause; 3] = [
    Cause {
        reason: "NodePorts",
        message: "Predicate NodePorts failed",
        code: FindingCode::NodeTurnsPodAway,
    },
    Cause {
        reason: "OutOfcpu",
        message: "Node didn't have enough resource: cpu, requested: 2000, used: 1500, capacity: 2000",
        code: FindingCode::NodeTurnsPodAway,
    },
    Cause {
        reason: "Evicted",
        message: "Pod was rejected: The node had condition: [DiskPressure]. ",
        code: FindingCode::EvictedByNode,
    },
];

#[test]
fn a_storm_decides_in_seconds() {
    for Cause {
        reason,
        message,
        code,
    } in CAUSES
    {
        let (_, verdict, second) = session(300, &storm(6, reason, message));
        let Verdict::Failed { causes } = &verdict else {
            panic!("{reason}: {verdict:?}");
        };
        assert_eq!(causes[0].code, code, "{reason}");
        assert!(second <= 5, "{reason}: after {second} s");
    }
}

#[test]
fn three_pods_of_the_same_kind_do_not_decide() {
    for Cause {
        reason, message, ..
    } in CAUSES
    {
        let few: Vec<Observation> = storm(2, reason, message)
            .into_iter()
            .take(first_look(rolling(), &[]).len() + 6)
            .collect();
        let mut session = Session::new([web()], policy(300), start());
        for observation in few {
            let step = session.observe(observation);
            assert!(!step.verdict.is_terminal(), "{reason}: {:?}", step.verdict);
        }
        let step = session.observe(Session::tick(at(5)));
        assert!(!step.verdict.is_terminal(), "{reason}: {:?}", step.verdict);
    }
}

#[test]
fn a_storm_that_is_waited_for_is_told_in_a_few_lines_with_a_count() {
    let code = FindingCode::NodeTurnsPodAway;
    let session = Session::new([web()], patient(code), start());
    let shown = shown(session, storm(30, "NodePorts", "no free ports"));
    let found: Vec<u32> = shown.iter().filter_map(|(_, it)| pods(it, code)).collect();
    assert_eq!(found, [1, 10, 100], "a line for tenfold the pods");
    for from in 5..25 {
        let within = from..from + 5;
        let lines = shown.iter().filter(|(at, _)| within.contains(at));
        assert!(lines.count() <= 3, "within 5 s of +{from}s");
    }
    assert!(shown.len() <= 15, "{} lines", shown.len());
}

/// How many pods a line about this cause counts.
fn pods(event: &SessionEvent, code: FindingCode) -> Option<u32> {
    match event {
        SessionEvent::Found { finding, .. } if finding.code == code => Some(finding.attempts),
        SessionEvent::Found { .. }
        | SessionEvent::Progress { .. }
        | SessionEvent::Reminder { .. }
        | SessionEvent::Cleared { .. }
        | SessionEvent::Followed { .. }
        | SessionEvent::Ended { .. }
        | SessionEvent::Decided { .. } => None,
    }
}

#[test]
fn a_storm_of_rejected_pods_is_told_with_their_number() {
    let (_, verdict, _) = session(300, &storm(6, "OutOfcpu", "no room"));
    let causes = verdict.findings();
    assert!(
        causes[0]
            .message
            .contains("rejected 20 pods after they were scheduled"),
        "{}",
        causes[0].message
    );
}
