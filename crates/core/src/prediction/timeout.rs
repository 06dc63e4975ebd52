//! The shortest time that a rollout needs, against the timeout of the check after it.

use std::fmt::Write as _;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use serde_json::Value;

use super::certainty::{Certainty, Prediction};
use super::planned::Planned;
use super::startup::measured;
use super::strategy::{fences, waits_for_person};
use crate::duration::Human;
use crate::finding::FindingCode;
use crate::policy::Policy;
use crate::probe::Timing;
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

/// The time that a rollout needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// The index of the manifest.
    pub manifest: usize,
    /// What it needs at least, by its own settings; zero where they demand no wait.
    pub least: Duration,
    /// About what it needs if the new pods start as the present ones did, where these were seen.
    pub about: Option<Duration>,
    /// Both in one sentence.
    pub message: String,
}

/// Returns the time that a rollout needs; `None` where it needs none that is known, or a person has to act first.
pub(super) fn needs(plan: &Planned<'_>) -> Option<Needs> {
    if waits_for_person(plan) {
        return None;
    }
    let least = least(plan);
    let in_all = |each: Duration| each.saturating_mul(least.rounds);
    let about = measured(plan).filter(|it| *it > least.ready);
    let about = about.map(|it| (it, in_all(it.saturating_add(least.min_ready))));
    let at_least = in_all(least.each());
    let title = plan.title();
    let mut message = format!("the rollout of {title} needs at least {}", Human(at_least));
    if at_least.is_zero() {
        message = format!("the settings of {title} demand no wait");
    }
    if let Some((start, about)) = about {
        let (start, about) = (Human(start), Human(about));
        let _ = write!(
            message,
            "; about {about} if new pods start as the present ones did ({start})"
        );
    }
    (about.is_some() || !at_least.is_zero()).then(|| Needs {
        manifest: plan.index,
        least: at_least,
        about: about.map(|(_, it)| it),
        message,
    })
}

/// Finds a rollout that takes longer than the check waits: by its own timeout, or by the default one.
pub(super) fn judge(plan: &Planned<'_>, timeout: Option<Duration>) -> Option<Prediction> {
    let limit = timeout.unwrap_or(Policy::default().timeout);
    let needs = needs(plan)?;
    let which = match timeout {
        Some(_) => "the timeout of",
        None => "the default timeout of a check,",
    };
    let limited = format!("longer than {which} {}", Human(limit));
    let (message, needed, certainty) = if needs.least > limit {
        let certainty = timeout.map_or(Certainty::Possible, |_| Certainty::Likely);
        let message = format!("{}, {limited}", of_settings(plan));
        (message, needs.least, certainty)
    } else {
        // The new revision may start faster.
        let about = needs.about.filter(|it| *it > limit)?;
        let message = format!("{}: {limited}", needs.message);
        (message, about, Certainty::Possible)
    };
    let min_ready = "/spec/minReadySeconds";
    let is_set = plan.manifest.object.pointer(min_ready).is_some();
    let at = if is_set { min_ready } else { "/spec/template" };
    let needed = Human(needed);
    Some(
        Prediction::finding(FindingCode::TimeoutTooShort, plan.index, message)
            .surely(certainty)
            .about(plan.title())
            .at(at)
            .remedy(format!(
                "give the check a timeout of more than {needed} (`--timeout`), or lower what the pods wait for"
            )),
    )
}

/// Says why the settings of a rollout take so long.
fn of_settings(plan: &Planned<'_>) -> String {
    let least = least(plan);
    let (each, needs) = (least.each(), least.each().saturating_mul(least.rounds));
    let one_by_one = match least.rounds {
        1 => String::new(),
        rounds => format!(", and the next ones follow, {rounds} times in all"),
    };
    format!(
        "a new pod of {} is available after {} at the earliest ({}){one_by_one}: the rollout takes at least {}",
        plan.title(),
        Human(each),
        least.why(),
        Human(needs)
    )
}

/// The shortest time of a rollout.
struct Least {
    /// From the start of a pod until it is ready.
    ready: Duration,
    /// How long it has to stay ready.
    min_ready: Duration,
    /// How many pods follow one another.
    rounds: u32,
}

impl Least {
    /// From the start of a pod until it is available.
    const fn each(&self) -> Duration {
        self.min_ready.saturating_add(self.ready)
    }

    /// The fields that make it so long.
    const fn why(&self) -> &'static str {
        match (self.min_ready.is_zero(), self.ready.is_zero()) {
            (false, false) => "minReadySeconds, and initialDelaySeconds of its probes",
            (_, true) => "minReadySeconds",
            (true, false) => "initialDelaySeconds of its probes",
        }
    }
}

/// Returns a lower bound, as a check does (`progress/pace.rs`); the time before a probe asks counts as well.
fn least(plan: &Planned<'_>) -> Least {
    let seconds = plan.object.pointer("/spec/minReadySeconds");
    let seconds = seconds.and_then(Value::as_u64).unwrap_or_default();
    let template = plan.typed_template();
    let spec = template.as_ref().and_then(|it| it.spec.as_ref());
    let containers = spec.into_iter().flat_map(|it| &it.containers);
    Least {
        ready: containers.map(ready).max().unwrap_or_default(),
        min_ready: Duration::from_secs(seconds),
        rounds: rounds(plan),
    }
}

/// Returns when a container is ready at the earliest, from its start on.
fn ready(container: &Container) -> Duration {
    let passes = |probe: &Option<Probe>| {
        let timing = probe.as_ref().map(Timing::of);
        timing.map_or(Duration::ZERO, |it| it.passes(Duration::ZERO).earliest)
    };
    passes(&container.startup_probe).max(passes(&container.readiness_probe))
}

/// Returns how often the controller waits for pods before it creates the next ones.
fn rounds(plan: &Planned<'_>) -> u32 {
    let fences = fences(plan);
    let is_new = plan.current.is_none() && plan.is_known;
    let is_ordered = plan.workload.kind == WorkloadKind::StatefulSet
        && text(&plan.object, "/spec/podManagementPolicy") != "Parallel";
    let at_once = match (is_new, is_ordered) {
        (true, true) => 1,
        (true, false) => fences.updated,
        (false, _) => fences.surge.saturating_add(fences.unavailable),
    };
    let (at_once, updated) = (at_once.max(1), fences.updated.max(1));
    let rounds = updated.saturating_add(at_once - 1) / at_once;
    u32::try_from(rounds).unwrap_or(u32::MAX)
}
