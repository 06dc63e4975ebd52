//! Judges the liveness probe of a container that runs (kubelet `prober/worker.go`).
//!
//! A liveness probe counts as passed until it has failed `failureThreshold` times in a row, and
//! Kubernetes shows no success of it anywhere. A pod with a probe that can never pass is therefore
//! ready until the first kill.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Event, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::answer::{newest_event, outcome};
use super::kill::termination;
use super::{seconds, unknown_port};
use crate::diagnose::{Candidate, Case, about};
use crate::duration::{after, elapsed};
use crate::finding::{EvidenceKind, FindingCode};
use crate::observation::ResourceKind;
use crate::policy::Policy;
use crate::probe::Timing;
use crate::snapshot::{ContainerView, PodView, event_start, event_time};

/// The resolution of the kubelet's times, and the way of its event to us. (estimated)
const NEWS: Duration = Duration::from_secs(2);

/// A liveness probe that may still kill its container for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unproven {
    /// The container.
    pub(crate) container: String,
    /// How long the probe lets a container that never answers live.
    pub(crate) allows: Duration,
    /// When its first kill would have shown.
    pub(crate) until: Timestamp,
    /// Whether the check waits until then.
    pub(crate) awaited: bool,
    /// Whether an event says that it fails.
    pub(crate) failing: bool,
}

/// Returns the liveness probes of a ready pod, with the time at which each is proved.
///
/// `ready` is since when the pod is ready by the API server's clock: the kubelet's own times are
/// moved by the same difference, as the clock of a node may be wrong.
pub(crate) fn unproven(pod: &PodView<'_>, ready: Timestamp, policy: &Policy) -> Vec<Unproven> {
    let shift = pod.ready_since().map(|since| ready.duration_since(since));
    let ours = |at: Timestamp| {
        let moved = shift.and_then(|shift| at.checked_add(shift).ok());
        moved.unwrap_or(at)
    };
    let of = |container: ContainerView<'_>| {
        let probe = killer(&container)?;
        let started = ours(container.running_since()?);
        let budget = Budget::of(&container, probe, policy);
        let failed = failure(&container).and_then(event_time).map(ours);
        let (until, awaited) = match failed {
            Some(failed) => (after(failed, budget.after_failure()), true),
            None if already_asked(container.spec, probe) => return None,
            None => {
                let begin = after(started, budget.initial);
                let begin = if container.spec.startup_probe.is_some() {
                    // The kubelet begins once the startup probe has passed, which shows nowhere;
                    // the pod became ready later.
                    begin.max(ready)
                } else {
                    begin
                };
                let (proof, awaited) = budget.proof();
                (after(begin, proof), awaited)
            }
        };
        Some(Unproven {
            container: container.name().to_owned(),
            allows: budget.kill(),
            until,
            awaited,
            failing: failed.is_some(),
        })
    };
    pod.containers().filter_map(of).collect()
}

/// The times of a liveness probe.
struct Budget {
    initial: Duration,
    period: Duration,
    timeout: Duration,
    failures: u32,
    /// How long a killed container goes on without a sign of it.
    unseen: Duration,
    longest: Duration,
    /// Whether a failure would be heard of.
    heard: bool,
}

impl Budget {
    fn of(container: &ContainerView<'_>, probe: &Probe, policy: &Policy) -> Self {
        let events = ResourceKind::Event;
        let heard = container.pod.snapshot().blindness(events).is_none();
        let timing = Timing::of(probe);
        Self {
            initial: timing.initial_delay,
            period: timing.period,
            timeout: timing.timeout,
            failures: timing.failures,
            // The event of the kill is the first sign of it. Without events that is the end of the
            // container, which may ignore SIGTERM.
            unseen: if heard {
                Duration::ZERO
            } else {
                termination(container, probe)
            },
            longest: policy.patience.unproven_probe,
            heard,
        }
    }

    /// Returns the time of some failures in a row.
    fn fails(&self, failures: u32) -> Duration {
        self.period
            .saturating_mul(failures)
            .saturating_add(self.timeout)
    }

    /// Returns the time from the start of a container that never answers to its first kill.
    fn kill(&self) -> Duration {
        self.initial.saturating_add(self.fails(self.failures))
    }

    fn is_awaited(&self) -> bool {
        self.kill().saturating_add(self.unseen) <= self.longest
    }

    /// Returns how long after the first try the probe is proved, and whether that is awaited.
    ///
    /// Where the whole time would be too long, the first try suffices if its failure would be heard
    /// of. Where that is too long as well, the wait is given up.
    fn proof(&self) -> (Duration, bool) {
        let first = self.fails(1);
        if self.is_awaited() {
            let whole = self.fails(self.failures).saturating_add(self.unseen);
            (whole.saturating_add(NEWS), true)
        } else if self.heard && self.initial.saturating_add(first) <= self.longest {
            (first.saturating_add(NEWS), true)
        } else {
            (self.fails(self.failures).saturating_add(NEWS), false)
        }
    }

    /// Returns how long after a failure the probe is proved: the other failures of a kill would have
    /// followed, or at least the next one.
    fn after_failure(&self) -> Duration {
        let whole = self.fails(self.failures.saturating_sub(1).max(1));
        let wait = if self.is_awaited() {
            whole
        } else {
            self.fails(1).min(self.longest)
        };
        wait.saturating_add(self.unseen).saturating_add(NEWS)
    }
}

/// Returns the liveness probe of a container that it can kill.
///
/// The kubelet ignores a probe of a port that the container does not name. An init container that is
/// no sidecar has none.
fn killer<'a>(container: &ContainerView<'a>) -> Option<&'a Probe> {
    let probe = container.spec.liveness_probe.as_ref()?;
    unknown_port(container.spec, probe)
        .is_none()
        .then_some(probe)
}

/// Returns the newest event that the liveness probe fails, if it is about the running instance.
fn failure<'a>(container: &ContainerView<'a>) -> Option<&'a Event> {
    let since = container.running_since()?;
    let newest = newest_event(container, "liveness probe failed")?;
    (event_time(newest)? >= since).then_some(newest)
}

/// Returns whether the readiness or the startup probe has passed with the same request, so that a
/// ready pod proves the liveness probe as well.
fn already_asked(container: &Container, liveness: &Probe) -> bool {
    [&container.readiness_probe, &container.startup_probe]
        .into_iter()
        .flatten()
        .any(|other| {
            let (own, its) = (liveness.timeout_seconds, other.timeout_seconds);
            seconds(own, 1) >= seconds(its, 1) && same_request(container, liveness, other)
        })
}

fn same_request(container: &Container, liveness: &Probe, other: &Probe) -> bool {
    let port = |port: &IntOrString| number(container, port);
    let http = |it: &HTTPGetAction| {
        (
            port(&it.port),
            it.path.clone().filter(|path| path != "/"),
            it.scheme.clone().filter(|scheme| scheme != "HTTP"),
            it.host.clone().filter(|host| !host.is_empty()),
            it.http_headers.clone().unwrap_or_default(),
        )
    };
    if let Some(own) = &liveness.http_get {
        return other.http_get.as_ref().map(http) == Some(http(own));
    }
    if let Some(own) = &liveness.tcp_socket {
        // What answers over HTTP has accepted a connection.
        let by_http = other.http_get.as_ref().map(|it| (&it.host, &it.port));
        let by_tcp = other.tcp_socket.as_ref().map(|it| (&it.host, &it.port));
        return by_tcp
            .or(by_http)
            .is_some_and(|(host, its)| *host == own.host && port(its) == port(&own.port));
    }
    let (exec, grpc) = (&liveness.exec, &liveness.grpc);
    (exec.is_some() && *exec == other.exec) || (grpc.is_some() && *grpc == other.grpc)
}

/// Returns the number of a port that may be named.
fn number(container: &Container, port: &IntOrString) -> Option<i32> {
    match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let mut named = container.ports.iter().flatten();
            let found = named.find(|it| it.name.as_deref() == Some(name.as_str()));
            found.map_or_else(|| name.parse().ok(), |it| Some(it.container_port))
        }
    }
}

/// Finds a ready pod with a liveness probe that fails and has not killed yet.
///
/// It is a suspect at most: the kills decide. It is over once the next try was not heard to fail.
pub(super) fn failing(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let probe = killer(container)?;
    let event = failure(container)?;
    let again = Budget::of(container, probe, case.policy)
        .fails(1)
        .saturating_add(NEWS);
    if elapsed(event_time(event)?, case.now) >= again {
        return None;
    }
    let spec = container.spec;
    let code = if spec.readiness_probe.is_some() || spec.startup_probe.is_some() {
        FindingCode::LivenessKillsAgain
    } else {
        FindingCode::LivenessKillsStart
    };
    let said = event.message.as_deref();
    let failures = seconds(probe.failure_threshold, 3).max(1);
    let kills = match failures {
        1 => "each failure kills it".to_owned(),
        many => format!("{many} failures in a row kill it"),
    };
    let what = format!(
        "{} is ready, but its liveness probe fails: {}; {kills}",
        container.title(),
        outcome(probe, said)
    );
    let since = event_start(event).unwrap_or(case.now);
    let since = since.max(container.running_since()?).min(case.now);
    let finding = about(code, container, since)
        .attempts(0)
        .message(what)
        .remedy("compare port, path and command of the livenessProbe with what the application serves; let the probe test only what a restart can fix")
        .evidence(EvidenceKind::Event, said.unwrap_or_default());
    Some(finding.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::snapshot::Snapshot;
    use crate::testing::{PodBuilder, at, deployment, pod, replica_set, seen, seen_set, web};

    fn probed(liveness: &Value, readiness: &Value) -> PodBuilder {
        let ports = json!([{"name": "web", "containerPort": 8080}]);
        pod("a")
            .ready(5)
            .with("/spec/containers/0/ports", ports)
            .with("/spec/containers/0/readinessProbe", readiness.clone())
            .with("/spec/containers/0/livenessProbe", liveness.clone())
    }

    fn proofs(builder: &PodBuilder, ready: u64) -> Vec<Unproven> {
        let mut snapshot = Snapshot::default();
        snapshot.apply(seen(0, deployment("web")));
        snapshot.apply(seen_set(0, replica_set("v2", 2, (1, 1))));
        for observation in builder.seen(ready) {
            snapshot.apply(observation);
        }
        let pods = snapshot.rollout(&web()).unwrap().new_pods();
        unproven(&pods[0], at(ready), &Policy::default())
    }

    #[test]
    fn a_liveness_probe_is_proved_when_its_row_says() {
        let none = json!(null);
        let other = |more: &Value| {
            let mut probe = json!({"tcpSocket": {"port": 9999}});
            if let (Some(probe), Some(more)) = (probe.as_object_mut(), more.as_object()) {
                probe.extend(more.clone());
            }
            probe
        };
        let get = |port: Value| json!({"httpGet": {"path": "/", "port": port}});
        let rows = [
            (
                "the API's defaults: 10s × 3, 1s to answer, 2s for the news",
                other(&json!({})),
                none.clone(),
                Some((33, true)),
            ),
            (
                "it begins later",
                other(&json!({"initialDelaySeconds": 30})),
                none.clone(),
                Some((63, true)),
            ),
            (
                "a kill would take 5m: its first try must be seen to pass",
                other(&json!({"failureThreshold": 30})),
                none.clone(),
                Some((13, true)),
            ),
            (
                "a first try after 2m is not awaited",
                other(&json!({"initialDelaySeconds": 120})),
                none.clone(),
                Some((153, false)),
            ),
            (
                "readiness asks the same",
                get(json!(8080)),
                get(json!("web")),
                None,
            ),
            (
                "readiness asks the same, and is given longer to answer",
                get(json!(8080)),
                json!({"httpGet": {"path": "/", "port": 8080}, "timeoutSeconds": 5}),
                Some((33, true)),
            ),
            (
                "readiness asks another path",
                get(json!(8080)),
                json!({"httpGet": {"path": "/ready", "port": 8080}}),
                Some((33, true)),
            ),
            (
                "readiness has been answered on the port that liveness connects to",
                json!({"tcpSocket": {"port": "web"}}),
                get(json!(8080)),
                None,
            ),
            (
                "the same command",
                json!({"exec": {"command": ["true"]}}),
                json!({"exec": {"command": ["true"]}}),
                None,
            ),
            (
                "the kubelet ignores a probe of an unknown port",
                json!({"tcpSocket": {"port": "wbe"}}),
                none.clone(),
                None,
            ),
            ("no probe", none.clone(), none, None),
        ];
        for (says, liveness, readiness, expected) in rows {
            let found = proofs(&probed(&liveness, &readiness), 5);
            let found = found.first().map(|it| (it.until, it.awaited));
            let expected = expected.map(|(second, awaited)| (at(second), awaited));
            assert_eq!(found, expected, "{says}");
        }
    }

    #[test]
    fn a_failure_moves_the_proof_and_a_wrong_clock_does_not() {
        let liveness = json!({"tcpSocket": {"port": 9999}});
        let failed = "Liveness probe failed: dial tcp 10.0.0.7:9999: connect: connection refused";
        let probed = probed(&liveness, &json!(null));
        for (says, pod, ready, expected) in [
            ("no failure", probed.clone(), 5, 33),
            (
                "failed at 21s: two more kill it",
                probed.clone().later_event(21, "Unhealthy", failed),
                5,
                21 + 20 + 1 + 2,
            ),
            (
                "failed at 21s, but as its readiness probe did",
                probed
                    .clone()
                    .later_event(21, "Unhealthy", "Readiness probe failed: no"),
                5,
                33,
            ),
            ("the node's clock is ten minutes behind", probed, 605, 633),
        ] {
            let found = proofs(&pod, ready);
            let found = found.first().map(|it| it.until);
            assert_eq!(found, Some(at(expected)), "{says}");
        }
    }
}
