//! Finds containers that a probe kills, before they are ready or later (kubelet
//! `kuberuntime_manager.go`, "failed liveness probe, will be restarted").

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Probe};

use super::answer::{newest_failure, outcome};
use super::{budget, seconds};
use crate::diagnose::crash::ends_after_ready;
use crate::diagnose::{Candidate, Case, about};
use crate::duration::{Human, elapsed};
use crate::finding::{EvidenceKind, Finding, FindingCode};
use crate::snapshot::{BACK_OFF_MEMORY, ContainerView, event_start, event_time, run_of};

/// The shortest start that is proposed for a missing startupProbe.
const LEAST_START: Duration = Duration::from_secs(60);

/// The kubelet's first back-off (`kuberuntime_manager.go`).
const BACK_OFF: Duration = Duration::from_secs(10);

/// The default of `terminationGracePeriodSeconds`.
const TERMINATION: u64 = 30;

/// The kills of a container by one of its probes.
struct Kills<'a> {
    kind: &'a str,
    probe: Option<&'a Probe>,
    /// How many count.
    count: u32,
    newest: &'a Event,
}

impl Kills<'_> {
    /// Returns how long the probe lets a container fail from its start.
    fn allowed(&self) -> Duration {
        self.probe.map_or(Duration::ZERO, budget)
    }

    /// Returns how long after the first kill a third start is killed at the latest: the second start
    /// follows at once, the third after the kubelet's first back-off.
    ///
    /// The longest healing known is a third start that comes through, because the page cache or a
    /// volume keeps what the first two have done (gke-labs/kube-agents#712).
    fn third_start(&self) -> Duration {
        self.allowed().saturating_mul(2).saturating_add(BACK_OFF)
    }
}

pub(super) fn kill(
    case: &Case<'_>,
    container: &ContainerView<'_>,
    kind: &str,
) -> Option<Candidate> {
    let (told, newest) = container.probe_kills(kind);
    let spec = container.spec;
    let mut kills = Kills {
        kind,
        probe: if kind == "startup" {
            spec.startup_probe.as_ref()
        } else {
            spec.liveness_probe.as_ref()
        },
        count: told,
        newest: newest?,
    };
    if outlived(case, container, kind) {
        return None;
    }
    let Some(ends) = container.ends_since_ready() else {
        return Some(at_start(case, container, &kills));
    };
    // Kills before the session say nothing about this rollout.
    kills.count = told.min(ends);
    if !proved(container, &kills) {
        return Some(at_start(case, container, &kills));
    }
    // Kills before the container was first ready no longer matter.
    let since_ready = ends > 0 || event_time(kills.newest) >= container.first_ready();
    since_ready.then(|| again(case, container, &kills))
}

/// Returns whether the present instance has run for longer than the last one before it was killed.
fn outlived(case: &Case<'_>, container: &ContainerView<'_>, kind: &str) -> bool {
    let lasts = |run: Duration| run.saturating_add(case.policy.stable_for);
    let enough = container.last_run().map(lasts);
    if let Some(since) = container.pod.ready_since() {
        return enough.is_none_or(|enough| elapsed(since, case.now) >= enough);
    }
    let Some(since) = container.running_since() else {
        return false;
    };
    let started = container.status.and_then(|status| status.started) == Some(true);
    if kind == "startup" {
        started
    } else {
        enough.is_some_and(|enough| elapsed(since, case.now) >= enough)
    }
}

/// Returns whether readiness shows that the container had started.
///
/// Without a readiness or a startup probe every start counts as ready. Then a run must have lasted
/// longer than the probe allows for a container that never answers.
fn proved(container: &ContainerView<'_>, kills: &Kills<'_>) -> bool {
    let spec = container.spec;
    if spec.readiness_probe.is_some() || spec.startup_probe.is_some() {
        return true;
    }
    let Some(probe) = kills.probe else {
        return true;
    };
    let dead = budget(probe)
        .saturating_add(Duration::from_secs(seconds(probe.timeout_seconds, 1)))
        .saturating_add(termination(container, probe));
    let run = container.last_end().and_then(run_of);
    run.is_some_and(|run| run > dead)
}

/// Returns how long a container that a probe kills may take to end.
pub(super) fn termination(container: &ContainerView<'_>, probe: &Probe) -> Duration {
    let pod = container.pod.object().spec.as_ref();
    let ending = probe
        .termination_grace_period_seconds
        .or_else(|| pod.and_then(|it| it.termination_grace_period_seconds))
        .and_then(|it| u64::try_from(it).ok());
    Duration::from_secs(ending.unwrap_or(TERMINATION))
}

fn at_start(case: &Case<'_>, container: &ContainerView<'_>, kills: &Kills<'_>) -> Candidate {
    let code = if kills.kind == "startup" {
        FindingCode::StartupProbeExhausted
    } else {
        FindingCode::LivenessKillsStart
    };
    let never = if container.ends_since_ready().is_none() {
        ", without ever being ready"
    } else {
        ""
    };
    let what = format!(
        "{} was killed {} by its {} probe, about {} after its start{never}{}",
        container.title(),
        times(kills.count),
        kills.kind,
        Human(kills.allowed()),
        asked(container, kills),
    );
    let remedy = arithmetic(case, container, kills);
    let since = event_start(kills.newest).unwrap_or(case.now);
    // The events of further kills may be cut off: after two, what this session saw end counts as well.
    let attempts = match kills.count {
        0 | 1 => kills.count,
        told => told.max(container.ends_seen()),
    };
    let finding = about(code, container, since)
        .attempts(attempts)
        .message(what)
        .remedy(remedy);
    Candidate {
        grace: Some(kills.third_start().saturating_mul(2)),
        // An instance that runs may get further than the last.
        blocked: container.running_since().is_some(),
        ..told(finding, container, kills).into()
    }
}

/// Describes a container that is killed repeatedly after it was ready.
fn again(case: &Case<'_>, container: &ContainerView<'_>, kills: &Kills<'_>) -> Candidate {
    let startup = kills.kind == "startup";
    let (code, grace) = if startup {
        let grace = case.policy.patience.startup_after_ready;
        (FindingCode::StartupProbeExhausted, Some(grace))
    } else {
        (FindingCode::LivenessKillsAgain, None)
    };
    // After such a run the kubelet resets its back-off, and a new series begins.
    let last = container.last_end().and_then(run_of);
    let count = if last.is_some_and(|ran| ran > BACK_OFF_MEMORY) {
        kills.count.min(1)
    } else {
        kills.count
    };
    let attempts = if startup {
        count
    } else {
        ends_after_ready(container, count).min(count)
    };
    let what = format!(
        "{} was ready before, but its {} probe has killed it {} since{}",
        container.title(),
        kills.kind,
        times(count),
        asked(container, kills),
    );
    let remedy = if startup {
        let sum = arithmetic(case, container, kills);
        format!("it has started before, so find out what it is waiting for now; {sum}")
    } else {
        AGAIN.to_owned()
    };
    let since = event_start(kills.newest).unwrap_or(case.now);
    let finding = about(code, container, since.max(case.started))
        .attempts(attempts)
        .message(what)
        .remedy(remedy);
    Candidate {
        grace,
        // Wait for the outcome of an instance that is running.
        blocked: container.running_since().is_some(),
        ..told(finding, container, kills).into()
    }
}

const AGAIN: &str = "read the last log lines: it may hang, or answer its livenessProbe too late under load; let the probe test only what a restart can fix, not its dependencies, and raise timeoutSeconds or failureThreshold if load makes it slow; compare with the \
                     former revision";

fn told(finding: Finding, container: &ContainerView<'_>, kills: &Kills<'_>) -> Finding {
    let finding = match newest_failure(container, kills.kind) {
        Some(answer) => finding.evidence(EvidenceKind::Event, answer),
        None => finding,
    };
    let said = kills.newest.message.as_deref().unwrap_or_default();
    finding.evidence(EvidenceKind::Event, said)
}

/// Describes what the probe requests and the answer, after a colon.
fn asked(container: &ContainerView<'_>, kills: &Kills<'_>) -> String {
    let answer = newest_failure(container, kills.kind);
    let words = kills.probe.map(|probe| outcome(probe, answer));
    words.map_or_else(String::new, |words| format!(": {words}"))
}

fn times(count: u32) -> String {
    if count <= 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}

/// Proposes probe settings that would let the container start.
fn arithmetic(case: &Case<'_>, container: &ContainerView<'_>, kills: &Kills<'_>) -> String {
    const PERIOD: u64 = 10;
    let former = case.former_start(&container.pod);
    let former = former.filter(|it| *it < case.policy.patience.longest_start);
    let likely = kills.allowed().saturating_mul(3).max(LEAST_START);
    let needed = former.map_or(likely, |it| it.saturating_mul(2).max(likely));
    let failures = needed.as_secs().div_ceil(PERIOD);
    let covered = Human(Duration::from_secs(failures.saturating_mul(PERIOD)));
    let sum = format!(
        "failureThreshold × periodSeconds longer than the longest start, for example {failures} × {PERIOD}s = {covered}"
    );
    let known = former.map_or_else(String::new, |it| {
        format!(
            "; the former revision's pods took {} to be ready",
            Human(it)
        )
    });
    let allowed = Human(kills.allowed());
    if kills.kind == "startup" {
        format!(
            "the startupProbe allows {allowed}: if the application needs longer to start, make {sum}{known}; otherwise fix the start"
        )
    } else {
        format!(
            "if the application needs longer than {allowed} to start, add a startupProbe and make its {sum}{known}; otherwise correct the livenessProbe"
        )
    }
}
