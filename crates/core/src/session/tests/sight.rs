//! The lines of a check while the cluster is out of sight.

use super::*;
use crate::observation::ResourceKind;

/// The lines about sight after these observations, each at its second.
fn told(seen: Vec<(u64, Seen)>) -> Vec<String> {
    let mut session = Session::new([web()], policy(300), start());
    for observation in first_look(rolling(), &[]) {
        let _ = session.observe(observation);
    }
    let events = seen
        .into_iter()
        .flat_map(|(second, seen)| session.observe(Observation::new(at(second), seen)).events);
    let texts = events.filter_map(|event| match event {
        SessionEvent::Sight { text, .. } => Some(text),
        SessionEvent::Progress { .. }
        | SessionEvent::Reminder { .. }
        | SessionEvent::Found { .. }
        | SessionEvent::Cleared { .. }
        | SessionEvent::Followed { .. }
        | SessionEvent::Ended { .. }
        | SessionEvent::Decided { .. } => None,
    });
    texts.collect()
}

fn lost(resource: ResourceKind) -> Seen {
    let message = "connection reset".to_owned();
    let why = Blindness::Disconnected { message };
    Seen::Blind { resource, why }
}

fn back(resource: ResourceKind) -> Seen {
    let uids = Vec::new();
    Seen::Listed { resource, uids }
}

#[test]
fn an_outage_is_told_once_and_its_end_once() {
    use ResourceKind::{Event, Pod, ReplicaSet};
    type Row = (&'static str, Vec<(u64, Seen)>, &'static [&'static str]);
    const LOST: &str =
        "cannot see pods (connection reset); the verdict is undetermined if this lasts 30s";
    let forbidden = Seen::Blind {
        resource: Pod,
        why: Blindness::Forbidden {
            message: "m".to_owned(),
        },
    };
    let rows: [Row; 4] = [
        (
            "two watches end",
            vec![
                (5, lost(Pod)),
                (6, lost(ReplicaSet)),
                (8, back(Pod)),
                (9, back(ReplicaSet)),
            ],
            &[LOST, "the cluster is visible again after 4s"],
        ),
        (
            "it is not over",
            vec![(5, lost(Pod)), (7, lost(Pod))],
            &[LOST],
        ),
        (
            "events only explain",
            vec![(5, lost(Event)), (8, back(Event))],
            &[],
        ),
        (
            "what is refused does not come back",
            vec![(5, forbidden)],
            &[],
        ),
    ];
    for (says, seen, expected) in rows {
        assert_eq!(told(seen), expected, "{says}");
    }
}

/// Nothing is judged before the whole list is back: the rest of it may be as it was before the outage.
#[test]
fn a_list_that_is_half_back_decides_nothing() {
    let broken = |name: &str| {
        let missing = "secret \"db\" not found";
        pod(name).waiting("CreateContainerConfigError", missing)
    };
    let of = |name: &str| broken(name).seen(0);
    let well = |name: &str| pod(name).ready(115).seen(135);
    let begin = first_look(rolling(), &[broken("a"), broken("b")]);
    let patience = policy(600)
        .rule(crate::finding::FindingCode::ConfigObjectMissing)
        .map_or(0, |rule| rule.grace.as_secs());
    assert!((111..135).contains(&patience), "{patience}");
    let rows: [(&str, Vec<Observation>, bool); 2] = [
        (
            "both are well, and one of them is listed first",
            [well("a"), well("b")].concat(),
            false,
        ),
        ("both are as they were", [of("a"), of("b")].concat(), true),
    ];
    for (says, listed, fails) in rows {
        let mut session = Session::new([web()], policy(600), start());
        for observation in begin.clone() {
            let _ = session.observe(observation);
        }
        let outage = lost(ResourceKind::Pod);
        let _ = session.observe(Observation::new(at(111), outage));
        for observation in listed {
            let step = session.observe(Observation::new(at(135), observation.seen));
            assert!(!step.verdict.is_terminal(), "{says}: {:?}", step.verdict);
        }
        let uids = vec!["pod-a".to_owned(), "pod-b".to_owned()];
        let resource = ResourceKind::Pod;
        let step = session.observe(Observation::new(at(135), Seen::Listed { resource, uids }));
        assert_eq!(
            step.verdict.is_terminal(),
            fails,
            "{says}: {:?}",
            step.verdict
        );
    }
}
