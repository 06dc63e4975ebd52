//! What holds for every trace, whatever it is about.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use rollguard_core::guard::Guard;
use rollguard_core::observation::{Observation, ResourceKind, Seen};
use rollguard_core::policy::Policy;
use rollguard_core::trace::Trace;
use rollguard_core::verdict::Verdict;
use rollguard_tests::scenarios::{Expect, Scenario};

use crate::traces::{policy, replay};

/// Every so many observations all is listed anew.
const RELIST_EVERY: usize = 7;
/// Timeouts in seconds, from hasty to patient.
const TIMEOUTS: [u64; 6] = [15, 30, 60, 120, 300, 900];

/// Every prefix is accepted, and once a prefix has a verdict every longer one has the same.
pub(crate) fn verdict_is_kept(scenario: &Scenario, trace: &Trace) -> Result<()> {
    let mut guard = begin(trace, policy(scenario));
    let mut decided: Option<Verdict> = None;
    for (length, observation) in trace.observations.iter().enumerate() {
        let now = observation.at;
        for observation in [observation.clone(), Guard::tick(now)] {
            let verdict = guard.observe(observation).verdict;
            if let Some(decided) = &decided {
                ensure!(verdict == *decided, "changed after {length} observations");
            }
            decided = verdict.is_terminal().then_some(verdict);
        }
    }
    Ok(())
}

/// Whatever was seen of an update that fails: if nothing more is seen, it does not succeed.
pub(crate) fn silence_is_no_success(scenario: &Scenario, trace: &Trace) -> Result<()> {
    // Its pods are ready for a while, and the rollout is complete then: nobody could tell.
    let serves_a_while = scenario.name == "crash-after-ready";
    let heals = scenario.expect == Expect::Heals;
    let mut guard = begin(trace, policy(scenario));
    for (length, observation) in trace.observations.iter().enumerate() {
        let _ = guard.observe(observation.clone());
        let verdict = after_silence(guard.clone(), observation);
        ensure!(verdict.is_terminal(), "no end after {length} observations");
        let green = verdict == Verdict::Succeeded;
        ensure!(
            !green || heals || serves_a_while,
            "green after {length} observations"
        );
    }
    Ok(())
}

/// Observations that are repeated, and lists that are read anew, change nothing.
pub(crate) fn repetition_is_no_news(scenario: &Scenario, trace: &Trace) -> Result<()> {
    let once = replay(trace, policy(scenario))?;
    for (how, repeated) in [("twice", told_twice(trace)), ("relisted", relisted(trace))] {
        let again = replay(&repeated, policy(scenario))?;
        ensure!(again == once, "{how}: {again:#?} instead of {once:#?}");
    }
    Ok(())
}

/// A longer timeout never turns a success into a failure.
pub(crate) fn patience_does_no_harm(_: &Scenario, trace: &Trace) -> Result<()> {
    let mut succeeded = None;
    for seconds in TIMEOUTS {
        let policy = Policy {
            timeout: Duration::from_secs(seconds),
            ..Policy::default()
        };
        let verdict = replay(trace, policy)?.verdict;
        if verdict == "succeeded" {
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

fn begin(trace: &Trace, policy: Policy) -> Guard {
    let first = trace.observations.first().map(|it| it.at);
    Guard::new(
        trace.header.workloads.clone(),
        policy,
        first.unwrap_or_default(),
    )
}

/// The verdict that time alone brings.
fn after_silence(mut guard: Guard, last: &Observation) -> Verdict {
    let mut step = guard.observe(Guard::tick(last.at));
    let mut now = last.at;
    // Each tick brings the next reminder or decision; the timeout bounds their number.
    for _ in 0..1000 {
        if step.verdict.is_terminal() {
            break;
        }
        now = step.wake_at.max(now);
        step = guard.observe(Guard::tick(now));
    }
    step.verdict
}

fn told_twice(trace: &Trace) -> Trace {
    let twice = |it: &Observation| [it.clone(), it.clone()];
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

/// What exists, by resource and uid; only resources that were listed.
#[derive(Default)]
struct Known(
    BTreeMap<ResourceKind, BTreeMap<String, Seen>>,
    Vec<ResourceKind>,
);

impl Known {
    fn take(&mut self, seen: &Seen) {
        let (resource, metadata) = match seen {
            Seen::Workload { object } => (ResourceKind::of(object.kind()), object.metadata()),
            Seen::ReplicaSet { object } => (ResourceKind::ReplicaSet, &object.metadata),
            Seen::ControllerRevision { object } => {
                (ResourceKind::ControllerRevision, &object.metadata)
            }
            Seen::Node { object } => (ResourceKind::Node, &object.metadata),
            Seen::Pod { object } => (ResourceKind::Pod, &object.metadata),
            Seen::Event { object } => (ResourceKind::Event, &object.metadata),
            Seen::Gone { resource, uid } => {
                self.0.entry(*resource).or_default().remove(uid);
                return;
            }
            Seen::Listed { resource, .. } => return self.1.push(*resource),
            Seen::Answered { .. } | Seen::Blind { .. } | Seen::Tick => return,
        };
        let uid = metadata.uid.clone().unwrap_or_default();
        self.0
            .entry(resource)
            .or_default()
            .insert(uid, seen.clone());
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
