//! The healing set: what fails early, and heals at 80 % of its patience, in whole sessions.

use std::collections::BTreeSet;

use super::*;
use crate::duration::{after, elapsed};
use crate::finding::Longest;
use crate::session::Session;
use crate::testing::{start, web};
use crate::verdict::Verdict;
use crate::workload::{WorkloadKind, WorkloadRef};

/// Returns when the row heals, in seconds: after 80 % of the time after which it would decide.
fn heals_at(row: &Row, code: FindingCode) -> Option<u64> {
    let grace = Policy::default().rule(code)?.grace.as_secs();
    let decides = match code.healing().longest {
        Longest::ThirdStart => row.seconds,
        Longest::Excluded | Longest::Seen(_) | Longest::NotSeen | Longest::Undecided => {
            grace.min(row.seconds)
        }
    };
    (decides > 0).then_some(decides * 4 / 5)
}

/// Returns whether the row's Deployment has the template that heals in [`story`].
fn has_usual_template(row: &Row) -> bool {
    let usual = deployment("web").build();
    let is_other = |seen: &Seen| matches!(seen, Seen::Workload { object } if object.template() != usual.template());
    !row.observations.iter().any(|it| is_other(&it.seen))
}

/// All that the row shows, and then a complete rollout with a pod of its own.
fn story(row: &Row, second: u64) -> Vec<Observation> {
    let until = at(second);
    let shown = row.observations.iter().filter(|it| it.at < until);
    let mut all: Vec<Observation> = shown.cloned().collect();
    let lists = ResourceKind::needed_for(WorkloadKind::Deployment);
    let uids: Vec<String> = all.iter().filter_map(|it| uid_in(&it.seen)).collect();
    all.extend(lists.iter().map(|resource| {
        let (resource, uids) = (*resource, uids.clone());
        Observation::new(at(0), Seen::Listed { resource, uids })
    }));
    all.sort_by_key(|it| it.at);
    let pods = all.iter().filter(|it| matches!(it.seen, Seen::Pod { .. }));
    let pods: Vec<String> = pods.filter_map(|it| uid_in(&it.seen)).collect();
    all.extend(pods.iter().flat_map(|uid| gone(second, uid)));
    all.push(seen_set(second, replica_set("v1", 1, (0, 0))));
    all.push(seen_set(second, replica_set("v2", 2, (1, 1))));
    all.extend(pod("healed").ready(second).seen(second));
    let healed = deployment("web").counts(1, 1, 1, 1);
    all.push(seen(second, healed));
    all
}

fn uid_in(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Pod { object } => object.metadata.uid.clone(),
        Seen::Event { object } => object.metadata.uid.clone(),
        Seen::ReplicaSet { object } => object.metadata.uid.clone(),
        Seen::Workload { object } => Some(object.uid().to_owned()),
        Seen::ControllerRevision { .. }
        | Seen::Node { .. }
        | Seen::Answered { .. }
        | Seen::Gone { .. }
        | Seen::Listed { .. }
        | Seen::LookedUp { .. }
        | Seen::Traffic { .. }
        | Seen::Reread(_)
        | Seen::Blind { .. }
        | Seen::Tick => None,
    }
}

/// Runs a session with a tick whenever it asks for one.
fn verdict_of(all: Vec<Observation>) -> Verdict {
    let policy = Policy {
        timeout: Duration::from_secs(3600),
        ..Policy::default()
    };
    let mut session = Session::new([web()], policy, start());
    let mut pending = all.into_iter().peekable();
    let mut wake_at = start();
    loop {
        let next = pending.next_if(|next| next.at <= wake_at);
        let observation = next.unwrap_or_else(|| Session::tick(wake_at));
        let now = observation.at;
        let step = session.observe(observation);
        let over = elapsed(start(), now) > Duration::from_secs(7200);
        if step.verdict.is_terminal() || over {
            return step.verdict;
        }
        let next = pending.peek().map_or(step.wake_at, |it| it.at);
        wake_at = step.wake_at.min(next).max(now);
        if wake_at == now && pending.peek().is_none_or(|it| it.at > now) {
            wake_at = after(now, Duration::from_secs(1));
        }
    }
}

#[test]
fn what_heals_at_four_fifths_of_its_patience_is_no_failure() {
    let mut played = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in rows() {
        let Terminal(code) = row.expect else { continue };
        let subject: Option<WorkloadRef> = row.observations.iter().find_map(subject);
        let fits = subject == Some(web()) && has_usual_template(&row);
        let (Some(second), true) = (heals_at(&row, code), fits) else {
            continue;
        };
        played.insert(code);
        let verdict = verdict_of(story(&row, second));
        if verdict != Verdict::Succeeded {
            wrong.push(format!("{}, healed at {second} s: {verdict:?}", row.says));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // No Deployment has the first three; sets.rs and jobs.rs show how they heal. The others are complete all the time,
    // and session/tests/traffic.rs shows it.
    let elsewhere = [
        WaitsForDeletion,
        StatefulSetStuck,
        JobSuspended,
        ServiceSelectsNoPod,
        ServicePortMissing,
        NoPodListens,
    ];
    let early = |code: &FindingCode| {
        let policy = Policy::default();
        !elsewhere.contains(code)
            && policy.decides(*code)
            && policy.rule(*code).is_some_and(|it| !it.grace.is_zero())
    };
    let left_out: Vec<_> = FindingCode::ALL
        .iter()
        .filter(|code| early(code) && !played.contains(code))
        .collect();
    assert_eq!(left_out, Vec::<&FindingCode>::new(), "no row heals");
}
