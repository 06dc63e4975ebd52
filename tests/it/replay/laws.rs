//! Laws of every trace, whatever it is about.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use rollguard_cluster::record::Redactor;
use rollguard_core::duration::elapsed;
use rollguard_core::observation::{Observation, ResourceKind, Seen};
use rollguard_core::policy::Policy;
use rollguard_core::session::Session;
use rollguard_core::trace::Trace;
use rollguard_core::verdict::{Verdict, VerdictKind};
use rollguard_tests::field::Expected;
use rollguard_tests::scenarios::Expect;

use crate::recordings::Recording;
use crate::traces::replay;

/// After so many observations everything is listed again.
const RELIST_EVERY: usize = 7;
/// What is seen within this time counts as seen at one instant: watches are not in step.
const INSTANT: Duration = Duration::from_millis(50);
/// Timeouts in seconds, from hasty to patient.
const TIMEOUTS: [u64; 6] = [15, 30, 60, 120, 300, 900];

/// Another order of what was seen together.
type Turn = fn(&mut [Observation]);

/// Every prefix is accepted, and once a prefix has a verdict every longer one has the same.
pub(crate) fn verdict_is_kept(recording: &Recording, trace: &Trace) -> Result<()> {
    let mut session = begin(trace, recording.policy());
    let mut decided: Option<Verdict> = None;
    for (length, observation) in trace.observations.iter().enumerate() {
        let now = observation.at;
        for observation in [observation.clone(), Session::tick(now)] {
            let verdict = session.observe(observation).verdict;
            if let Some(decided) = &decided {
                ensure!(verdict == *decided, "changed after {length} observations");
            }
            decided = verdict.is_terminal().then_some(verdict);
        }
    }
    Ok(())
}

/// Whatever was seen of an update that fails: if nothing more is seen, it does not succeed.
pub(crate) fn silence_is_no_success(recording: &Recording, trace: &Trace) -> Result<()> {
    // Its pods are ready for a while, and the rollout is complete then: no one could tell.
    let serves_a_while = recording.name() == "crash-after-ready";
    let heals = heals(recording);
    let mut session = begin(trace, recording.policy());
    for (length, observation) in trace.observations.iter().enumerate() {
        let _ = session.observe(observation.clone());
        let verdict = after_silence(session.clone(), observation);
        ensure!(verdict.is_terminal(), "no end after {length} observations");
        let green = verdict == Verdict::Succeeded;
        ensure!(
            !green || heals || serves_a_while,
            "green after {length} observations"
        );
    }
    Ok(())
}

fn heals(recording: &Recording) -> bool {
    match recording {
        Recording::Scenario(it) => it.expect == Expect::Heals,
        Recording::Field(it) => it.expect == Expected::Pass,
    }
}

/// Observations that are repeated, and lists that are read again, change nothing.
pub(crate) fn repetition_is_no_news(recording: &Recording, trace: &Trace) -> Result<()> {
    let once = replay(trace, recording.policy())?;
    for (how, repeated) in [("twice", told_twice(trace)), ("relisted", relisted(trace))] {
        let again = replay(&repeated, recording.policy())?;
        ensure!(again == once, "{how}: {again:#?} instead of {once:#?}");
    }
    Ok(())
}

/// A trace hides nothing that a judgement needs.
pub(crate) fn secrecy_is_no_news(recording: &Recording, trace: &Trace) -> Result<()> {
    let mut redactor = Redactor::new(trace.header.http.clone());
    let observations = trace.observations.iter();
    let redacted = Trace {
        header: trace.header.clone(),
        observations: observations.map(|it| redactor.redact(it)).collect(),
    };
    let told = |trace: &Trace| -> Result<_> {
        let report = replay(trace, recording.policy())?;
        let found = report.findings.iter().map(|it| (it.code, it.prognosis));
        Ok((report.verdict, report.ended, found.collect::<Vec<_>>()))
    };
    let (open, secret) = (told(trace)?, told(&redacted)?);
    ensure!(open == secret, "{secret:?} instead of {open:?}");
    Ok(())
}

/// Objects that are seen at one instant may be seen in any order.
pub(crate) fn order_is_no_news(recording: &Recording, trace: &Trace) -> Result<()> {
    let groups = at_one_instant(trace);
    ensure!(
        groups.iter().any(|group| group.len() > 1),
        "no two objects were seen together"
    );
    let told = |turn: Turn| {
        let mut groups = groups.clone();
        for group in &mut groups {
            turn(group);
        }
        let observations = groups.concat();
        let header = trace.header.clone();
        replay(
            &Trace {
                header,
                observations,
            },
            recording.policy(),
        )
    };
    let once = told(|_| ())?;
    let turns: [(&str, Turn); 3] = [
        ("reversed", |group| group.reverse()),
        ("turned by one", |group| group.rotate_left(1)),
        ("first ones swapped", |group| {
            let last = group.len() - 1;
            group.swap(0, last.min(1));
        }),
    ];
    for (how, turn) in turns {
        let mut again = told(turn)?;
        // What was told on the way may differ: it was true when it was told.
        again.timeline.clone_from(&once.timeline);
        again.suspects.clone_from(&once.suspects);
        ensure!(again == once, "{how}: {again:#?} instead of {once:#?}");
    }
    Ok(())
}

/// A longer timeout never turns a success into a failure.
pub(crate) fn patience_does_no_harm(_: &Recording, trace: &Trace) -> Result<()> {
    let mut succeeded = None;
    for seconds in TIMEOUTS {
        let policy = Policy {
            timeout: Duration::from_secs(seconds),
            ..Policy::default()
        };
        let verdict = replay(trace, policy)?.verdict;
        if verdict == VerdictKind::Succeeded {
            succeeded = succeeded.or(Some(seconds));
        } else if let Some(before) = succeeded {
            ensure!(
                false,
                "{verdict} with {seconds} s, succeeded with {before} s"
            );
        }
    }
    Ok(())
}

fn begin(trace: &Trace, policy: Policy) -> Session {
    let first = trace.observations.first().map(|it| it.at);
    Session::new(
        trace.header.workloads.clone(),
        policy,
        first.unwrap_or_default(),
    )
}

/// The verdict that time alone brings.
fn after_silence(mut session: Session, last: &Observation) -> Verdict {
    let mut step = session.observe(Session::tick(last.at));
    let mut now = last.at;
    // Each tick brings the next reminder or decision; the timeout bounds their number.
    for _ in 0..1000 {
        if step.verdict.is_terminal() {
            break;
        }
        now = step.wake_at.max(now);
        step = session.observe(Session::tick(now));
    }
    step.verdict
}

/// The trace with what was seen of different objects within a moment put at one instant. Whatever
/// else is seen (a list, a failure) stands alone: it is about many objects.
fn at_one_instant(trace: &Trace) -> Vec<Vec<Observation>> {
    let mut groups: Vec<Vec<Observation>> = Vec::new();
    for observation in &trace.observations {
        let fits = |group: &&mut Vec<Observation>| {
            let others = group.iter().map(|it| object_of(&it.seen));
            let known: Vec<_> = others.collect();
            let near = group
                .first()
                .is_some_and(|first| elapsed(first.at, observation.at) <= INSTANT);
            let object = object_of(&observation.seen);
            near && object.is_some() && known.iter().all(|it| it.is_some() && *it != object)
        };
        match groups.last_mut().filter(fits) {
            Some(group) => group.push(observation.clone()),
            None => groups.push(vec![observation.clone()]),
        }
    }
    for group in &mut groups {
        let at = group.last().map(|it| it.at).unwrap_or_default();
        for observation in group {
            observation.at = at;
        }
    }
    groups
}

/// The uid of the one object that was seen.
fn object_of(seen: &Seen) -> Option<String> {
    if let Seen::Gone { uid, .. } = seen {
        return Some(uid.clone());
    }
    Known::named(seen).map(|(_, uid)| uid)
}

/// All but the answers over HTTP: each of them is one more answer.
fn told_twice(trace: &Trace) -> Trace {
    let twice = |it: &Observation| {
        let again = !matches!(it.seen, Seen::Answered { .. });
        [Some(it.clone()), again.then(|| it.clone())]
            .into_iter()
            .flatten()
    };
    Trace {
        header: trace.header.clone(),
        observations: trace.observations.iter().flat_map(twice).collect(),
    }
}

/// The trace as it would be if watches broke every now and then.
fn relisted(trace: &Trace) -> Trace {
    let mut known = Known::default();
    let mut observations = Vec::new();
    for (index, observation) in trace.observations.iter().enumerate() {
        observations.push(observation.clone());
        known.take(&observation.seen);
        if index % RELIST_EVERY == 0 {
            let again = known.lists().into_iter();
            observations.extend(again.map(|seen| Observation::new(observation.at, seen)));
        }
    }
    Trace {
        header: trace.header.clone(),
        observations,
    }
}

/// The existing objects, by resource and uid; only resources that were listed.
#[derive(Default)]
struct Known(
    BTreeMap<ResourceKind, BTreeMap<String, Seen>>,
    Vec<ResourceKind>,
);

impl Known {
    fn take(&mut self, seen: &Seen) {
        if let Some((resource, uid)) = Self::named(seen) {
            let objects = self.0.entry(resource).or_default();
            objects.insert(uid, seen.clone());
        } else if let Seen::Gone { resource, uid } = seen {
            self.0.entry(*resource).or_default().remove(uid);
        } else if let Seen::Listed { resource, .. } = seen {
            self.1.push(*resource);
        }
    }

    /// Resource and uid of an object that was seen.
    fn named(seen: &Seen) -> Option<(ResourceKind, String)> {
        let (resource, metadata) = match seen {
            Seen::Workload { object } => (ResourceKind::of(object.kind()), object.metadata()),
            Seen::ReplicaSet { object } => (ResourceKind::ReplicaSet, &object.metadata),
            Seen::ControllerRevision { object } => {
                (ResourceKind::ControllerRevision, &object.metadata)
            }
            Seen::Node { object } => (ResourceKind::Node, &object.metadata),
            Seen::Pod { object } => (ResourceKind::Pod, &object.metadata),
            Seen::Event { object } => (ResourceKind::Event, &object.metadata),
            Seen::Answered { .. }
            | Seen::Gone { .. }
            | Seen::Listed { .. }
            | Seen::Blind { .. }
            | Seen::LookedUp { .. }
            | Seen::Traffic { .. }
            | Seen::Reread(_)
            | Seen::Tick => {
                return None;
            }
        };
        Some((resource, metadata.uid.clone().unwrap_or_default()))
    }

    fn lists(&self) -> Vec<Seen> {
        let listed = self
            .0
            .iter()
            .filter(|(resource, _)| self.1.contains(resource));
        listed
            .flat_map(|(resource, objects)| {
                let end = Seen::Listed {
                    resource: *resource,
                    uids: objects.keys().cloned().collect(),
                };
                objects.values().cloned().chain([end])
            })
            .collect()
    }
}
