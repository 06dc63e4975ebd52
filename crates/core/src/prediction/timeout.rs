//! The shortest time that a rollout needs, against the timeout of the check after it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use serde_json::Value;

use super::certainty::{Certainty, Prediction};
use super::planned::Planned;
use super::strategy::{fences, waits_for_person};
use crate::duration::Human;
use crate::finding::FindingCode;
use crate::policy::Policy;
use crate::probe::Timing;
use crate::workload::WorkloadKind;
use crate::workload::raw::text;

/// Finds a rollout that takes longer than the check waits: by its own timeout, or by the default one.
pub(super) fn judge(plan: &Planned<'_>, timeout: Option<Duration>) -> Option<Prediction> {
    if waits_for_person(plan) || plan.manifest.stands {
        return None;
    }
    let Least { each, rounds, why } = least(plan);
    let needs = each.saturating_mul(rounds);
    let limit = timeout.unwrap_or(Policy::default().timeout);
    if needs <= limit {
        return None;
    }
    let title = plan.title();
    let (each, needs, limit) = (Human(each), Human(needs), Human(limit));
    let one_by_one = match rounds {
        1 => String::new(),
        rounds => format!(", and the next ones follow, {rounds} times in all"),
    };
    let which = match timeout {
        Some(_) => "the timeout of",
        None => "the default timeout of a check,",
    };
    let message = format!(
        "a new pod of {title} is available after {each} at the earliest ({why}){one_by_one}: the rollout takes at least {needs}, longer than {which} {limit}"
    );
    let certainty = match timeout {
        Some(_) => Certainty::Likely,
        None => Certainty::Possible,
    };
    let at = "/spec/minReadySeconds";
    let at = plan
        .manifest
        .object
        .pointer(at)
        .map_or("/spec/template", |_| at);
    Some(
        Prediction::finding(FindingCode::TimeoutTooShort, plan.index, message)
            .surely(certainty)
            .about(title)
            .at(at)
            .remedy(format!(
                "give the check a timeout of more than {needs} (`--timeout`), or lower what the pods wait for"
            )),
    )
}

/// The shortest time of a rollout.
struct Least {
    /// From the start of a pod until it is available.
    each: Duration,
    /// How many pods follow one another.
    rounds: u32,
    /// The fields that make it so long.
    why: &'static str,
}

/// Returns a lower bound, as a check does (`progress/pace.rs`); the time before a probe asks counts as well.
fn least(plan: &Planned<'_>) -> Least {
    let seconds = plan.object.pointer("/spec/minReadySeconds");
    let seconds = seconds.and_then(Value::as_u64).unwrap_or_default();
    let min_ready = Duration::from_secs(seconds);
    let template = plan.typed_template();
    let spec = template.as_ref().and_then(|it| it.spec.as_ref());
    let containers = spec.into_iter().flat_map(|it| &it.containers);
    let ready = containers.map(ready).max().unwrap_or_default();
    Least {
        each: min_ready.saturating_add(ready),
        rounds: rounds(plan),
        why: match (min_ready.is_zero(), ready.is_zero()) {
            (false, false) => "minReadySeconds, and initialDelaySeconds of its probes",
            (_, true) => "minReadySeconds",
            (true, false) => "initialDelaySeconds of its probes",
        },
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
