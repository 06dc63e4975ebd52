//! Hundreds of failed pods a minute: decided in seconds, told in a few lines.

use serde_json::json;

use super::*;
use crate::testing::pod_of;
use crate::verdict::VerdictKind;

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
        let plain = storm(26, reason, message);
        let rows = [
            ("a scheduler places the pods", plain.clone(), 25),
            ("the template names their node", named_node(plain), 5),
        ];
        for (says, observations, at_most) in rows {
            let (_, verdict, second) = session(300, &observations);
            let Verdict::Failed { causes } = &verdict else {
                panic!("{reason}: {says}: {verdict:?}");
            };
            assert_eq!(causes[0].code, code, "{reason}: {says}");
            assert!(second <= at_most, "{reason}: {says}: after {second} s");
        }
    }
}

/// The pod that comes after a storm, on another node, and the rollout that it completes at a second.
fn healed(ends: u64, second: u64) -> Vec<Observation> {
    let next = |it: PodBuilder| it.with("/metadata/creationTimestamp", json!(at(ends)));
    let mut all = next(pod("a").running(ends, 0)).seen(ends);
    all.extend(next(pod("a").ready(second)).seen(second));
    all.push(seen(second, complete()));
    all
}

#[test]
fn pods_that_are_turned_away_for_a_moment_do_not_fail_the_next_one_that_starts() {
    let restarts = Cause {
        reason: "UnexpectedAdmissionError",
        message: "Allocate failed due to no healthy devices present",
        code: FindingCode::NodeTurnsPodAway,
    };
    for Cause {
        reason, message, ..
    } in CAUSES.iter().chain([&restarts])
    {
        // A kubelet tells of its node every 10 s: until then the scheduler sends it pods.
        for (says, seconds) in [("a lost race", 1), ("a storm", 10)] {
            let mut all = storm(seconds, reason, message);
            all.extend(healed(seconds, 150));
            let (_, verdict, _) = session(300, &all);
            assert_eq!(verdict, Verdict::Succeeded, "{reason}: {says}");
        }
    }
}

#[test]
fn a_storm_is_over_once_the_next_pod_waits_for_a_node() {
    for Cause {
        reason, message, ..
    } in CAUSES
    {
        let mut all = storm(10, reason, message);
        let next =
            pod("a").unschedulable("0/1 nodes are available: 1 node(s) had untolerated taint(s).");
        all.extend(
            next.with("/metadata/creationTimestamp", json!(at(10)))
                .seen(10),
        );
        all.extend(healed(100, 130));
        let (_, verdict, _) = session(300, &all);
        assert_eq!(verdict, Verdict::Succeeded, "{reason}");
    }
}

#[test]
fn pods_that_ended_before_the_session_are_no_storm() {
    for Cause {
        reason, message, ..
    } in CAUSES
    {
        let mut all = first_look(rolling(), &[]);
        let failed = |count: u64| pod(&format!("p{count}")).failed(reason, message);
        for count in 0..25 {
            let week_ago = json!("1969-12-25T00:00:00Z");
            all.extend(
                failed(count)
                    .with("/metadata/creationTimestamp", week_ago)
                    .seen(0),
            );
        }
        all.extend(
            failed(25)
                .with("/metadata/creationTimestamp", json!(at(1)))
                .seen(1),
        );
        all.extend(healed(2, 40));
        let (_, verdict, _) = session(300, &all);
        assert_eq!(verdict, Verdict::Succeeded, "{reason}");
    }
}

/// The same, with `spec.nodeName` in the pod templates.
fn named_node(mut all: Vec<Observation>) -> Vec<Observation> {
    for observation in &mut all {
        let template = if let Seen::Workload {
            object: Workload::Deployment(it),
        } = &mut observation.seen
        {
            it.spec.as_mut().map(|it| &mut it.template)
        } else if let Seen::ReplicaSet { object } = &mut observation.seen {
            let spec = object.spec.as_mut();
            spec.and_then(|it| it.template.as_mut())
        } else {
            None
        };
        if let Some(spec) = template.and_then(|it| it.spec.as_mut()) {
            spec.node_name = Some("node-1".into());
        }
    }
    all
}

/// With `maxSurge: 0` the controller creates the new pod while the old one still holds its resources; no
/// scheduler holds back a pod whose template names its node.
#[test]
fn a_storm_on_a_named_node_waits_for_the_old_pod_to_end() {
    for (says, grace, expected) in [
        ("it ends", Some(30), VerdictKind::Succeeded),
        ("there is none", None, VerdictKind::Failed),
    ] {
        let mut all = storm(20, "OutOfcpu", "no room");
        if let Some(grace) = grace {
            let old = pod_of("old", "v1").ready(0);
            let old = old.with("/metadata/deletionTimestamp", json!(at(grace)));
            let listed = first_look(rolling(), &[]).len();
            all.splice(listed..listed, old.seen(0));
        }
        all.extend(healed(20, 40));
        let (_, verdict, _) = session(300, &named_node(all));
        assert_eq!(verdict.kind(), expected, "{says}: {verdict:?}");
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
        | SessionEvent::Sight { .. }
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
            .contains("rejected 30 pods after they were scheduled"),
        "{}",
        causes[0].message
    );
}
