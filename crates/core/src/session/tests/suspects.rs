//! A cause is named at once, with what could heal it and when it decides; the verdict waits.

use super::*;
use crate::finding::Promise;
use crate::report::{Line, event_lines};

const MISSING: &str = "secret \"db\" not found";

fn without_secret() -> PodBuilder {
    pod("a").waiting("CreateContainerConfigError", MISSING)
}

fn lines(events: &[SessionEvent]) -> Vec<String> {
    let lines = events
        .iter()
        .flat_map(|it| event_lines(it, start(), false))
        .map(|it: Line| it.text());
    lines.collect()
}

#[test]
fn the_first_line_about_a_cause_says_what_may_heal_it_and_when_it_decides() {
    let mut session = Session::new([web()], policy(300), start());
    let mut told = Vec::new();
    for observation in first_look(rolling(), &[without_secret()]) {
        told.extend(lines(&session.observe(observation).events));
    }
    let line = told.iter().find(|it| it.contains("ConfigObjectMissing"));
    let rule = Policy::default().rule(FindingCode::ConfigObjectMissing);
    let decides = crate::duration::Human(rule.unwrap().grace);
    let expected = format!(
        "   +0s  container `app` needs Secret `db`, which does not exist (ConfigObjectMissing); the same pipeline or an operator may still create it; decides by +{decides}"
    );
    assert_eq!(line, Some(&expected), "{told:#?}");
}

#[test]
fn a_suspect_tells_when_it_was_first_seen_and_when_it_decides() {
    struct Row {
        says: &'static str,
        timeout: u64,
        later: Vec<Observation>,
        decides: Option<u64>,
        gone: Option<u64>,
    }
    let rows = [
        Row {
            says: "the rule decides before the timeout",
            timeout: 300,
            later: Vec::new(),
            decides: Some(120),
            gone: None,
        },
        Row {
            says: "the timeout comes first",
            timeout: 60,
            later: Vec::new(),
            decides: Some(60),
            gone: None,
        },
        Row {
            says: "the Secret came after 96 s, 80 % of the time",
            timeout: 300,
            later: pod("a")
                .ready(96)
                .seen(96)
                .into_iter()
                .chain([seen(96, complete())])
                .collect(),
            decides: Some(120),
            gone: Some(96),
        },
    ];
    for row in rows {
        let mut all = first_look(rolling(), &[without_secret()]);
        all.extend(row.later);
        let (session, verdict, _) = session(row.timeout, &all);
        let suspects = session.suspects();
        let suspect = suspects
            .iter()
            .find(|it| it.code == FindingCode::ConfigObjectMissing);
        let suspect = suspect.unwrap_or_else(|| panic!("{}: {suspects:#?}", row.says));
        assert_eq!(suspect.first_seen, at(0), "{}", row.says);
        assert_eq!(suspect.decides_at, row.decides.map(at), "{}", row.says);
        assert_eq!(suspect.gone_at, row.gone.map(at), "{}", row.says);
        let healed = row.gone.is_some();
        assert_eq!(verdict == Verdict::Succeeded, healed, "{}", row.says);
    }
}

#[test]
fn what_may_heal_a_cause_is_looked_up_while_it_lasts_and_told_once_it_is_known() {
    let wanted = Lookup::Secret { name: "db".into() };
    let mut session = Session::new([web()], policy(300), start());
    let mut asked = Vec::new();
    for observation in first_look(rolling(), &[without_secret()]) {
        asked.extend(session.observe(observation).lookups);
    }
    assert_eq!(asked, std::slice::from_ref(&wanted), "once");
    let answer = |second, by: &str| {
        let promise = Promise::read(by.to_owned());
        let seen = Seen::LookedUp {
            lookup: wanted.clone(),
            promises: vec![promise],
        };
        Observation::new(at(second), seen)
    };
    let step = session.observe(answer(1, "Certificate `web`"));
    let told: Vec<String> = step.events.iter().filter_map(heals).collect();
    assert_eq!(told, ["Certificate `web` names it and may still write it"]);
    assert_eq!((step.lookups, step.wake_at), (vec![], at(6)));
    let step = session.observe(Session::tick(at(6)));
    let again = std::slice::from_ref(&wanted);
    assert_eq!(step.lookups, again, "the answer may change");
    let step = session.observe(answer(7, "Certificate `web`"));
    assert!(step.events.iter().all(|it| heals(it).is_none()), "no news");
    let suspect = session.suspects().remove(0);
    assert_eq!(suspect.decides_at, Some(at(300)), "the timeout comes first");
    let mut healed = pod("a").ready(60).seen(60);
    healed.push(seen(60, complete()));
    for observation in healed {
        assert_eq!(session.observe(observation).lookups, []);
    }
}

fn heals(event: &SessionEvent) -> Option<String> {
    match event {
        SessionEvent::Found { finding, .. } => Some(finding.heals.clone()),
        SessionEvent::Progress { .. }
        | SessionEvent::Reminder { .. }
        | SessionEvent::Cleared { .. }
        | SessionEvent::Followed { .. }
        | SessionEvent::Sight { .. }
        | SessionEvent::Ended { .. }
        | SessionEvent::Decided { .. } => None,
    }
}

#[test]
fn what_is_out_of_sight_for_a_while_is_not_gone() {
    let mut session = Session::new([web()], policy(300), start());
    for observation in first_look(rolling(), &[without_secret()]) {
        let _ = session.observe(observation);
    }
    let why = Blindness::Disconnected {
        message: "reset".to_owned(),
    };
    let resource = ResourceKind::Pod;
    let _ = session.observe(Observation::new(at(5), Seen::Blind { resource, why }));
    let gone: Vec<_> = session.suspects().iter().map(|it| it.gone_at).collect();
    assert_eq!(gone, [None]);
}
