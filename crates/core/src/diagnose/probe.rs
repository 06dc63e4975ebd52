//! Finds probes that keep a pod unready or kill it (kubelet `prober/worker.go`, `prober.go`), and
//! closed readiness gates (`status/generate.go`).

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Candidate, Case, about, between, clipped};
use crate::duration::Human;
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::probe::Timing;
use crate::snapshot::{ContainerView, PodView, event_count, event_start, event_time};

mod answer;
mod kill;
mod liveness;

use answer::{newest_event, newest_failure, outcome};
use kill::kill;
use liveness::failing;
pub(crate) use liveness::{Unproven, unproven};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = case
        .pods
        .iter()
        .filter_map(|pod| redirected(case, pod))
        .collect();
    for pod in &case.pods {
        found.extend(pod.containers().filter_map(|it| one(case, &it)));
    }
    let unready = case.pods.iter().filter(|pod| pod.ready_since().is_none());
    found.extend(unready.filter_map(|pod| gate(case, pod)));
    found
}

fn one(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let killed = kill(case, container, "startup").or_else(|| kill(case, container, "liveness"));
    if killed.is_some() {
        return killed;
    }
    if container.pod.ready_since().is_some() {
        return failing(case, container);
    }
    cannot_run(case, container)
        .or_else(|| unready(case, &container.pod, container))
        .or_else(|| starting(case, container))
}

/// Returns how long a probe lets a container fail from its start.
fn budget(probe: &Probe) -> Duration {
    Timing::of(probe).budget()
}

fn seconds(value: Option<i32>, default: u64) -> u64 {
    value
        .and_then(|it| u64::try_from(it).ok())
        .unwrap_or(default)
}

fn unready(case: &Case<'_>, pod: &PodView<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let probe = container.spec.readiness_probe.as_ref()?;
    let status = container.status?;
    let since = container
        .running_since()
        .filter(|_| status.started == Some(true) && !status.ready)?;
    // A pod that was ready for days and turned unready a second ago has failed for a second. The
    // pod's creation is by the API server's clock, the other times by the node's.
    let since = since
        .max(pod.unready_since().unwrap_or(since))
        .max(pod.created().unwrap_or(since));
    let answer = newest_failure(container, "readiness");
    // Events may be lost or forbidden: without one, the probe's own budget must have passed.
    if answer.is_none() && !case.has_lasted(since, budget(probe)) {
        return None;
    }
    let not_there = answer.is_some_and(|it| it.ends_with("statuscode: 404"));
    let remedy = if not_there {
        "the application answers, but not on this path: correct the path (or httpGet.port and the Host header), or serve it; the last log lines may help"
    } else {
        "check that the application listens there (on 0.0.0.0, not on localhost) and answers, and check what it waits for; if it only needs longer, raise the timeout"
    };
    let mut finding = about(FindingCode::ReadinessFailing, container, since)
        .message(format!(
            "{} runs but is not ready: {}",
            container.title(),
            outcome(probe, answer)
        ))
        .remedy(remedy);
    if let Some(answer) = answer {
        finding = finding.evidence(EvidenceKind::Event, answer);
    }
    Some(Candidate {
        finding,
        grace: Some(readiness_grace(case, container, not_there)),
        blocked: false,
        despite_ready: false,
    })
}

/// Returns the policy's grace, raised to three times the probe's budget, and to twice the start
/// time of the former revision's pods.
fn readiness_grace(case: &Case<'_>, container: &ContainerView<'_>, not_there: bool) -> Duration {
    let own = container.spec.readiness_probe.as_ref().map(|probe| {
        budget(probe)
            .saturating_add(Duration::from_secs(seconds(probe.timeout_seconds, 1)))
            .saturating_mul(3)
    });
    let former = case.former_start(&container.pod);
    // A pod that became ready again after a blip only looks as if it had started slowly.
    let former = former.filter(|it| *it < case.policy.patience.longest_start);
    let former = former.map(|it| it.saturating_mul(2));
    let most = case.policy.readiness_grace;
    let base = if not_there {
        most.min(case.policy.patience.path_not_there)
    } else {
        most
    };
    [own, former]
        .into_iter()
        .flatten()
        .fold(base, Duration::max)
}

/// Finds a container within the time that its startup probe allows: not a failure, but the reason
/// of a shorter timeout.
///
/// `start.rs` covers sidecars, since other containers wait for them.
fn starting(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let probe = container.spec.startup_probe.as_ref()?;
    let since = container.running_since()?;
    let started = container.status?.started == Some(true);
    let shown_after = case.policy.shown_after.start;
    if started || container.init || !case.has_lasted(since, shown_after) {
        return None;
    }
    let allowed = budget(probe);
    let longer = if allowed > case.policy.timeout {
        format!(", longer than the timeout {}", Human(case.policy.timeout))
    } else {
        String::new()
    };
    let answer = newest_failure(container, "startup");
    let what = format!(
        "{} is still starting: {}; its startupProbe allows {}{longer}",
        container.title(),
        outcome(probe, answer),
        Human(allowed)
    );
    let finding = about(FindingCode::StillStarting, container, since)
        .message(what)
        .remedy("wait, with a timeout that is longer than the startupProbe allows; the log shows its progress");
    Some(finding.into())
}

/// Finds a probe that cannot run: the container has no port of that name (`probe/util.go`), or the
/// command is not in the image.
///
/// The kubelet drops the result of such a probe (`prober/worker.go`, "errored"). A liveness probe
/// of this kind never kills, so that it is ignored.
fn cannot_run(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let status = container.status?;
    let since = container.running_since()?;
    let (kind, probe) = match (
        &container.spec.startup_probe,
        &container.spec.readiness_probe,
    ) {
        (Some(probe), _) if status.started != Some(true) => ("startup", probe),
        (_, Some(probe)) if !status.ready => ("readiness", probe),
        _ => return None,
    };
    let errored = newest_event(container, &format!("{kind} probe errored"));
    let finding = about(FindingCode::ProbeCannotRun, container, since);
    let title = container.title();
    let (finding, blocked) = if let Some(port) = unknown_port(container.spec, probe) {
        let what = format!(
            "the {kind} probe of {title} uses port `{port}`, which the container does not name"
        );
        let remedy =
            format!("add `name: {port}` to the container's ports, or give the port's number");
        (finding.message(what).remedy(remedy), false)
    } else {
        let event = errored?;
        let said = event.message.as_deref().unwrap_or_default();
        let command = between(said, "exec: \"", "\": executable file not found")
            .or_else(|| between(said, "exec: \"", "\": stat "))?;
        let what =
            format!("the {kind} probe of {title} runs `{command}`, which is not in the image");
        let remedy = format!(
            "put `{command}` into the image, or use httpGet, tcpSocket or grpc instead of exec"
        );
        (finding.message(what).remedy(remedy), event_count(event) < 2)
    };
    let said = errored.and_then(|event| event.message.as_deref());
    let finding = match said {
        Some(said) => finding.evidence(EvidenceKind::Event, said),
        None => finding,
    };
    // Bounded by rollguard's clock: a node's clock may be ahead.
    let since = finding.since.min(case.now);
    Some(Candidate {
        finding: Finding { since, ..finding },
        grace: None,
        blocked,
        despite_ready: false,
    })
}

fn unknown_port<'a>(container: &Container, probe: &'a Probe) -> Option<&'a str> {
    let http = probe.http_get.as_ref().map(|it| &it.port);
    let port = http.or_else(|| probe.tcp_socket.as_ref().map(|it| &it.port))?;
    let IntOrString::String(name) = port else {
        return None;
    };
    let mut known = container.ports.iter().flatten();
    let named = known.any(|it| it.name.as_deref() == Some(name));
    (!named && name.parse::<u16>().is_err()).then_some(name)
}

/// Finds a pod whose containers are ready but whose readiness gate another controller keeps closed.
fn gate(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let ready = pod.condition("Ready").filter(|it| {
        it.status != "True" && it.reason.as_deref() == Some("ReadinessGatesNotReady")
    })?;
    let since = ready.last_transition_time.as_ref().map(|time| time.0);
    // The containers became ready after the pod became unready.
    let containers = pod.condition("ContainersReady");
    let opened = containers.and_then(|it| it.last_transition_time.as_ref().map(|time| time.0));
    let since = since.max(opened).unwrap_or(case.now);
    let gates = pod.object().spec.as_ref()?.readiness_gates.as_ref()?;
    let closed: Vec<String> = gates
        .iter()
        .filter(|gate| {
            let condition = pod.condition(&gate.condition_type);
            condition.is_none_or(|it| it.status != "True")
        })
        .map(|gate| format!("`{}`", gate.condition_type))
        .collect();
    let finding = Finding::new(
        FindingCode::ReadinessGateClosed,
        Subject::new("Pod", pod.name()),
        since,
    )
    .message(format!(
        "all containers are ready, and readiness gate {} is still closed",
        closed.join(", ")
    ))
    .remedy("look at the controller that opens the gate, such as the Application Gateway's or a service mesh's: its backend health shows why");
    let said = ready.message.as_deref().unwrap_or_default();
    Some(finding.evidence(EvidenceKind::Condition, said).into())
}

/// Finds a probe that is redirected to another host (`probe/http/http.go`, "Probe terminated
/// redirects").
fn redirected(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let newest = pod
        .events()
        .filter(|event| event.reason.as_deref() == Some("ProbeWarning"))
        .filter(|event| {
            let text = event.message.as_deref().unwrap_or_default();
            text.contains("terminated redirects")
        })
        .max_by_key(|event| event_time(event))?;
    let message = newest.message.as_deref().unwrap_or_default();
    let kind = message.split(' ').next().unwrap_or_default().to_lowercase();
    let since = event_start(newest).unwrap_or(case.now);
    let finding = Finding::new(
        FindingCode::ProbeRedirected,
        Subject::new("Pod", pod.name()),
        since,
    )
    .message(format!(
        "the {kind} probe is redirected to another host, which counts as success: it may have seen only a login page"
    ))
    .remedy("let the probe use a path that answers without a login and without a redirect");
    let said = clipped(message, 300);
    Some(finding.evidence(EvidenceKind::Event, said).into())
}
