//! The start of the present revision's pods, measured, against the probes of the new template.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};

use super::certainty::{Certainty, Prediction};
use super::planned::Planned;
use crate::duration::Human;
use crate::finding::FindingCode;
use crate::probe::{Killer, Probes, Timing};

/// Finds probes that would have killed the present pods while they started.
pub(super) fn judge(plan: &Planned<'_>) -> Vec<Prediction> {
    let (Some(history), Some(template)) = (plan.history, plan.typed_template()) else {
        return Vec::new();
    };
    if plan.manifest.stands {
        return Vec::new();
    }
    let containers = template.spec.iter().flat_map(|it| &it.containers);
    containers
        .filter_map(|container| {
            let measured = history.pods().filter_map(|pod| start(pod, &container.name));
            one(plan, container, measured.min()?)
        })
        .collect()
}

/// Returns how long the present pods took to become ready, by their fastest one; `None` where none was seen to start.
pub(super) fn measured(plan: &Planned<'_>) -> Option<Duration> {
    let template = plan.typed_template()?;
    let containers = template.spec?.containers.into_iter();
    let each = containers.filter_map(|container| {
        let pods = plan.history?.pods();
        pods.filter_map(|pod| start(pod, &container.name)).min()
    });
    each.max()
}

/// Returns how long a container took from its start until its pod was ready; `None` where that cannot be told.
///
/// A readiness probe that blips later makes the time look longer, so that the shortest of all pods counts. Seconds are
/// all that the API has: one of them may be missing.
fn start(pod: &Pod, container: &str) -> Option<Duration> {
    let status = pod.status.as_ref()?;
    let ready = status
        .conditions
        .iter()
        .flatten()
        .find(|it| it.type_ == "Ready")?;
    let at = ready
        .last_transition_time
        .as_ref()
        .filter(|_| ready.status == "True")?
        .0;
    let mut statuses = status.container_statuses.iter().flatten();
    let own = statuses.find(|it| it.name == container && it.restart_count == 0)?;
    let began = own.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0;
    let took = at.as_second().checked_sub(began.as_second())?;
    u64::try_from(took).ok().map(Duration::from_secs)
}

fn one(plan: &Planned<'_>, container: &Container, took: Duration) -> Option<Prediction> {
    let probes = Probes {
        startup: container.startup_probe.as_ref().map(Timing::of),
        readiness: container.readiness_probe.as_ref().map(Timing::of),
        liveness: container.liveness_probe.as_ref().map(Timing::of),
    };
    // Ready came up to a period after the answer, and a second may be missing at either end.
    let period = probes.readiness.map_or(Duration::ZERO, |it| it.period);
    let answered = took
        .saturating_sub(period)
        .saturating_sub(Duration::from_secs(2));
    let kill = probes.kill(answered)?;
    let (code, what) = match kill.by {
        Killer::Startup => (FindingCode::StartupProbeExhausted, "startupProbe"),
        Killer::Liveness => (FindingCode::LivenessKillsStart, "livenessProbe"),
    };
    let name = &container.name;
    let message = format!(
        "container `{name}` took {} to become ready in the present revision, and the {what} of the new one gives up after {}",
        Human(took),
        Human(kill.window.latest)
    );
    let certainty = if kill.certain {
        Certainty::Likely
    } else {
        Certainty::Possible
    };
    let mut all = plan.containers().into_iter();
    let at = all.find(|(_, it)| it.get("name").and_then(|it| it.as_str()) == Some(name));
    Some(
        Prediction::finding(code, plan.index, message)
            .surely(certainty)
            .about(format!("container `{name}`"))
            .at(at.map_or_else(String::new, |(at, _)| format!("{at}/{what}")))
            .remedy("give the container a startupProbe that allows the whole start (failureThreshold × periodSeconds)"),
    )
}
