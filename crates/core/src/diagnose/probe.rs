//! Probes that keep a pod from being ready, or kill it (kubelet `prober/worker.go`).

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Candidate, Case};
use crate::duration::{Human, elapsed};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{ContainerView, PodView, event_start, event_time};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for pod in case.pods.iter().filter(|pod| pod.ready_since().is_none()) {
        for container in pod.containers() {
            let killed =
                kill(case, &container, "startup").or_else(|| kill(case, &container, "liveness"));
            found.extend(killed.or_else(|| unready(case, pod, &container)));
        }
    }
    found
}

fn kill(case: &Case<'_>, container: &ContainerView<'_>, kind: &str) -> Option<Candidate> {
    let (count, newest) = container.probe_kills(kind);
    let newest = newest?;
    let (code, probe) = if kind == "startup" {
        (
            FindingCode::StartupProbeExhausted,
            container.spec.startup_probe.as_ref(),
        )
    } else {
        (
            FindingCode::LivenessKillsStart,
            container.spec.liveness_probe.as_ref(),
        )
    };
    let since = event_start(newest).unwrap_or(case.now);
    // Kills of a container that had started are about its health, and may lie long back.
    let held = container.pod.was_ready();
    let allowed = probe.map_or(Duration::ZERO, budget);
    let what = format!(
        "{} was killed {} by its {kind} probe after about {}{}",
        container.title(),
        if count == 1 {
            "once".to_owned()
        } else {
            format!("{count} times")
        },
        Human(allowed),
        if held {
            ""
        } else {
            " without ever being ready"
        }
    );
    let subject = Subject::container(container.pod.name(), container.name());
    let mut finding = Finding::new(code, subject, since)
        .attempts(count)
        .message(what)
        .remedy(kill_remedy(kind, probe));
    if let Some(answer) = newest_failure(&container.pod, kind) {
        finding = finding.evidence(EvidenceKind::Event, answer);
    }
    let finding = finding.evidence(
        EvidenceKind::Event,
        newest.message.as_deref().unwrap_or_default(),
    );
    Some(Candidate {
        finding,
        grace: None,
        held,
    })
}

fn kill_remedy(kind: &str, probe: Option<&Probe>) -> String {
    let allowed = Human(probe.map_or(Duration::ZERO, budget));
    if kind == "startup" {
        return format!(
            "the startupProbe allows {allowed}: raise failureThreshold × periodSeconds above the longest start, or mend the start"
        );
    }
    format!(
        "the application needs longer than {allowed} to start: add a startupProbe whose failureThreshold × periodSeconds covers the longest start"
    )
}

/// How long a probe lets a container fail from its start: `initialDelaySeconds` +
/// `failureThreshold` × `periodSeconds`, with the API's defaults 0, 3 and 10.
fn budget(probe: &Probe) -> Duration {
    let seconds = |value: Option<i32>, default: u64| {
        value
            .and_then(|it| u64::try_from(it).ok())
            .unwrap_or(default)
    };
    let initial = seconds(probe.initial_delay_seconds, 0);
    let failures = seconds(probe.failure_threshold, 3).max(1);
    let period = seconds(probe.period_seconds, 10).max(1);
    Duration::from_secs(initial.saturating_add(failures.saturating_mul(period)))
}

fn unready(case: &Case<'_>, pod: &PodView<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let probe = container.spec.readiness_probe.as_ref()?;
    let status = container.status?;
    let since = container
        .running_since()
        .filter(|_| status.started == Some(true) && !status.ready)?;
    // A pod that was ready for days and is not for a second has failed for a second.
    // And the pod's own creation is by the API server's clock, the rest by the node's.
    let since = since
        .max(pod.unready_since().unwrap_or(since))
        .max(pod.created().unwrap_or(since));
    let timeout = probe
        .timeout_seconds
        .and_then(|it| u64::try_from(it).ok())
        .unwrap_or(1);
    let own = budget(probe)
        .saturating_add(Duration::from_secs(timeout))
        .saturating_mul(3);
    let answer = newest_failure(pod, "Readiness");
    // Events are lossy and may be forbidden: without one, the probe's own budget must have passed.
    if answer.is_none() && elapsed(since, case.now) < budget(probe) {
        return None;
    }
    let subject = Subject::container(pod.name(), container.name());
    let mut finding = Finding::new(FindingCode::ReadinessFailing, subject, since)
        .message(format!("{} runs but is not ready: {}", container.title(), target(probe)))
        .remedy("check that the application listens there and answers; if it only needs longer, raise the timeout");
    if let Some(answer) = answer {
        finding = finding.evidence(EvidenceKind::Event, answer);
    }
    Some(Candidate {
        finding,
        grace: Some(case.policy.readiness_grace.max(own)),
        held: false,
    })
}

/// What the probe asks, in words.
fn target(probe: &Probe) -> String {
    let port = |port: &IntOrString| match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    if let Some(http) = &probe.http_get {
        let path = http.path.as_deref().unwrap_or("/");
        return format!("GET {path} on port {} fails", port(&http.port));
    }
    if let Some(tcp) = &probe.tcp_socket {
        return format!("no connection to port {}", port(&tcp.port));
    }
    if let Some(grpc) = &probe.grpc {
        return format!("the gRPC health check on port {} fails", grpc.port);
    }
    let command = probe.exec.as_ref().and_then(|exec| exec.command.as_ref());
    command.map_or_else(
        || "its readiness probe fails".to_owned(),
        |command| format!("its readiness command `{}` fails", command.join(" ")),
    )
}

fn newest_failure<'a>(pod: &PodView<'a>, kind: &str) -> Option<&'a str> {
    let wanted = format!("{kind} probe failed").to_ascii_lowercase();
    let is_failure = |event: &&Event| {
        let text = event
            .message
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        event.reason.as_deref() == Some("Unhealthy") && text.starts_with(&wanted)
    };
    pod.events()
        .filter(is_failure)
        .max_by_key(|event| event_time(event))?
        .message
        .as_deref()
}
