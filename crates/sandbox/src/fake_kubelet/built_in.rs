//! The scripts that come with the sandbox, written after the kubelet of Kubernetes 1.35.

use std::time::Duration;

use k8s_openapi::api::core::v1::Container;

use super::pod_simulator::PodSimulator;
use super::script::{Script, Until};

/// Back-off of crashed containers: first restart at once, then 10 s doubled up to 5 minutes
/// (kubernetes `pkg/kubelet/kubelet.go`, `initialContainerBackOff`, `MaxContainerBackOff`).
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
const LAST_BACK_OFF: Duration = Duration::from_secs(300);

/// How far ahead endless scripts are written; afterwards the pod stays as it is.
const HORIZON: Duration = Duration::from_secs(3600);

/// How long the kubelet takes to notice that a container ended (its event generator's period).
const NOTICES_IN: Duration = Duration::from_secs(1);

/// How long a container takes from its creation by the runtime to its end, when it crashes.
const CRASHES_AFTER: Duration = Duration::from_millis(300);

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Script {
    /// Scheduled, started and ready one second after the pod's creation.
    #[must_use]
    pub fn healthy() -> Self {
        Self::slow_start(millis(200))
    }

    /// Runs 800 ms after the pod's creation and is ready `after` that.
    #[must_use]
    pub fn slow_start(after: Duration) -> Self {
        Self::new(move |pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            pod.run();
            // A readiness probe that does not succeed yet is reported once.
            if after > Duration::from_secs(1) {
                pod.wait(after / 2);
                fail_probe(&mut pod, "Readiness", |it| it.readiness_probe.as_ref());
                pod.wait(after / 2);
            } else {
                pod.wait(after);
            }
            pod.become_ready();
            pod.finish()
        })
    }

    /// Runs for a while, writes the lines and ends with the code, and the pod with it, as one of a Job does.
    #[must_use]
    pub fn runs_once(lasting: Duration, lines: &[&str], exit_code: i32) -> Self {
        let lines = owned(lines);
        let reason = if exit_code == 0 { "Completed" } else { "Error" };
        Self::new(move |pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            pod.run();
            pod.become_ready();
            pod.log(&lines);
            pod.wait(lasting);
            pod.end_for_good(exit_code, reason);
            pod.finish()
        })
    }

    /// Writes the lines and ends with the code, again and again, in back-off in between.
    #[must_use]
    pub fn crash_at_start(lines: &[&str], exit_code: i32) -> Self {
        Self::crash_with_last_words(lines, exit_code, "")
    }

    /// The same for a container that also writes these last words to its `terminationMessagePath`.
    #[must_use]
    pub fn crash_with_last_words(lines: &[&str], exit_code: i32, last_words: &str) -> Self {
        let (lines, last_words) = (owned(lines), last_words.to_owned());
        Self::new(move |pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            crash_loop(&mut pod, Until::Never, |pod| {
                pod.run();
                pod.log(&lines);
                pod.wait(CRASHES_AFTER);
                let reason = if exit_code == 0 { "Completed" } else { "Error" };
                pod.end_saying(exit_code, reason, &last_words);
            });
            pod.finish()
        })
    }

    /// Crashes `times` times, as an application does that waits for its database, then is healthy.
    #[must_use]
    pub fn crashes_then_heals(times: u32) -> Self {
        Self::new(move |pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            crash_loop(&mut pod, Until::Tries(times), |pod| {
                pod.run();
                pod.log(&["cannot connect to the database, giving up".to_owned()]);
                pod.wait(CRASHES_AFTER);
                pod.end(1, "Error");
            });
            pod.run();
            pod.log(&["connected to the database".to_owned()]);
            pod.wait(millis(200));
            pod.become_ready();
            pod.finish()
        })
    }

    /// Is killed for using more memory than its limit, shortly after each start.
    #[must_use]
    pub fn out_of_memory() -> Self {
        Self::new(|pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            crash_loop(&mut pod, Until::Never, |pod| {
                pod.run();
                pod.wait(millis(700));
                pod.end(137, "OOMKilled");
            });
            pod.finish()
        })
    }

    /// The command of the container does not exist in its image.
    #[must_use]
    pub fn command_not_runnable(command: &str) -> Self {
        let message = format!(
            "failed to create containerd task: failed to create shim task: OCI runtime create \
             failed: runc create failed: unable to start container process: error during \
             container init: exec: \"{command}\": executable file not found in $PATH"
        );
        Self::new(move |pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            crash_loop(&mut pod, Until::Never, |pod| {
                pod.end_with_message(128, "StartError", &message);
            });
            pod.finish()
        })
    }

    /// The registry does not have the image's tag. Pulls are tried at 0, about 15 and 35 s, then
    /// in doubling intervals.
    #[must_use]
    pub fn image_not_found() -> Self {
        Self::new(|pod, began| {
            let pod = PodSimulator::new(pod, began);
            let image = pod.image();
            let error = format!(
                "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": \
                 failed to resolve reference \"{image}\": {image}: not found"
            );
            pulls_fail(pod, &error, Until::Never).finish()
        })
    }

    /// The registry refuses the node's credentials.
    #[must_use]
    pub fn image_pull_denied() -> Self {
        Self::new(|pod, began| {
            let pod = PodSimulator::new(pod, began);
            let image = pod.image();
            let error = format!(
                "failed to pull and unpack image \"{image}\": failed to resolve reference \
                 \"{image}\": failed to authorize: failed to fetch anonymous token: unexpected \
                 status from GET request to https://registry.test/oauth2/token: 401 Unauthorized"
            );
            pulls_fail(pod, &error, Until::Never).finish()
        })
    }

    /// The image cannot be found `times` times, as a tag that is still being replicated, then is
    /// pulled.
    #[must_use]
    pub fn image_appears_after(times: u32) -> Self {
        Self::new(move |pod, began| {
            let pod = PodSimulator::new(pod, began);
            let error = format!(
                "rpc error: code = NotFound desc = {}: not found",
                pod.image()
            );
            let mut pod = pulls_fail(pod, &error, Until::Tries(times));
            pod.run();
            pod.wait(millis(200));
            pod.become_ready();
            pod.finish()
        })
    }

    /// The image's name is not one.
    #[must_use]
    pub fn invalid_image_name() -> Self {
        Self::new(|pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            let message = format!(
                "Failed to apply default image tag \"{image}\": couldn't parse image name \
                 \"{image}\": invalid reference format",
                image = pod.image()
            );
            repeat(&mut pod, Duration::from_secs(12), |pod| {
                pod.kubelet_warning("InspectFailed", &message);
                pod.kubelet_warning("Failed", "Error: InvalidImageName");
                pod.hold("InvalidImageName", &message);
            });
            pod.finish()
        })
    }

    /// A ConfigMap that the container's environment names has no such key.
    #[must_use]
    pub fn config_key_missing(key: &str, config_map: &str) -> Self {
        let (key, config_map) = (key.to_owned(), config_map.to_owned());
        Self::new(move |pod, began| {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            let error = format!("couldn't find key {key} in ConfigMap {namespace}/{config_map}");
            config_fails(PodSimulator::new(pod, began), &error)
        })
    }

    /// A ConfigMap or Secret that the container's environment names does not exist:
    /// `config_object_missing("secret", "db-password")`.
    #[must_use]
    pub fn config_object_missing(kind: &str, name: &str) -> Self {
        let error = format!("{kind} \"{name}\" not found");
        Self::new(move |pod, began| config_fails(PodSimulator::new(pod, began), &error))
    }

    /// The image wants to run as root and the pod does not allow it.
    #[must_use]
    pub fn run_as_non_root_refused() -> Self {
        Self::new(|pod, began| {
            let pod = PodSimulator::new(pod, began);
            let error = format!(
                "container has runAsNonRoot and image will run as root (pod: \"{}\", container: {})",
                pod.pod_reference(),
                pod.container()
            );
            config_fails(pod, &error)
        })
    }

    /// No node takes the pod; the message is the scheduler's.
    #[must_use]
    pub fn unschedulable(message: &str) -> Self {
        let message = message.to_owned();
        Self::new(move |pod, began| {
            let mut pod = PodSimulator::new(pod, began);
            repeat(&mut pod, Duration::from_secs(300), |pod| {
                pod.unschedulable(&message);
            });
            pod.finish()
        })
    }

    /// No node takes the pod at first; one does `after` its creation, and all is well.
    #[must_use]
    pub fn scheduled_late(message: &str, after: Duration) -> Self {
        let message = message.to_owned();
        Self::new(move |pod, began| {
            let mut pod = PodSimulator::new(pod, began);
            pod.unschedulable(&message);
            pod.wait_until(after);
            pod = begin(pod);
            pod.run();
            pod.wait(millis(200));
            pod.become_ready();
            pod.finish()
        })
    }

    /// Runs, and its readiness probe never succeeds.
    #[must_use]
    pub fn never_ready() -> Self {
        Self::never_ready_because(None)
    }

    /// The same for a probe that fails with this output.
    #[must_use]
    pub fn never_ready_saying(output: &str) -> Self {
        Self::never_ready_because(Some(output.to_owned()))
    }

    fn never_ready_because(output: Option<String>) -> Self {
        Self::new(move |pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            pod.run();
            let (delay, period) = timing(&pod, |it| it.readiness_probe.as_ref());
            pod.wait(delay);
            repeat(&mut pod, period, |pod| match &output {
                Some(output) => {
                    let message = format!("Readiness probe failed: {output}");
                    pod.kubelet_warning("Unhealthy", &message);
                }
                None => fail_probe(pod, "Readiness", |it| it.readiness_probe.as_ref()),
            });
            pod.finish()
        })
    }

    /// Starts more slowly than its liveness probe allows and is killed before it is ready.
    #[must_use]
    pub fn liveness_kills_start() -> Self {
        Self::new(|pod, began| {
            let mut pod = begin(PodSimulator::new(pod, began));
            liveness_kills(&mut pod, Until::Never);
            pod.finish()
        })
    }
}

/// Is killed by its liveness probe, again and again.
pub(super) fn liveness_kills(pod: &mut PodSimulator, until: Until) {
    crash_loop(pod, until, |pod| {
        pod.run();
        let (delay, period) = timing(pod, |it| it.liveness_probe.as_ref());
        let failures = pod
            .probe(|it| it.liveness_probe.as_ref())
            .and_then(|it| it.failure_threshold)
            .unwrap_or(3);
        pod.wait(delay);
        for _ in 0..failures {
            pod.wait(period);
            fail_probe(pod, "Liveness", |it| it.liveness_probe.as_ref());
        }
        let message = format!(
            "Container {} failed liveness probe, will be restarted",
            pod.container()
        );
        pod.kubelet("Killing", &message);
        pod.wait(millis(500));
        pod.end(143, "Error");
    });
}

/// Scheduled, and about to create the container.
pub(super) fn begin(mut pod: PodSimulator) -> PodSimulator {
    pod.wait(millis(50));
    pod.schedule();
    pod.wait(millis(750));
    pod
}

/// Runs something that ends the container, and again after each back-off.
pub(super) fn crash_loop(pod: &mut PodSimulator, until: Until, run: impl Fn(&mut PodSimulator)) {
    let mut delay = Duration::ZERO;
    for tries in 0.. {
        if until.is_over(tries, pod.time()) {
            return;
        }
        run(pod);
        let ended = pod.at();
        pod.wait(NOTICES_IN);
        if !delay.is_zero() {
            pod.back_off(delay);
            pod.wait_until(ended + delay);
        }
        pod.restart();
        delay = (delay * 2).clamp(FIRST_BACK_OFF, LAST_BACK_OFF);
        if pod.at() > HORIZON {
            return;
        }
    }
}

/// Does something now and then, until the horizon.
fn repeat(pod: &mut PodSimulator, every: Duration, what: impl Fn(&mut PodSimulator)) {
    repeat_until(pod, (every, Until::Never), what);
}

/// Does something now and then, until something heals.
pub(super) fn repeat_until(
    pod: &mut PodSimulator,
    (every, until): (Duration, Until),
    what: impl Fn(&mut PodSimulator),
) {
    let mut tries = 0;
    while pod.at() <= HORIZON && !until.is_over(tries, pod.time()) {
        what(pod);
        pod.wait(every);
        tries += 1;
    }
}

/// Pulls fail, with back-off in between.
fn pulls_fail(pod: PodSimulator, error: &str, until: Until) -> PodSimulator {
    let mut pod = begin(pod);
    pulls(&mut pod, error, until);
    pod
}

/// The same for a pod that has its node.
pub(super) fn pulls(pod: &mut PodSimulator, error: &str, until: Until) {
    let image = pod.image();
    // The kubelet looks again only at its next sync of the pod, so later than its back-off.
    let mut delay = Duration::from_secs(15);
    for tries in 0.. {
        if until.is_over(tries, pod.time()) {
            return;
        }
        pod.kubelet("Pulling", &format!("Pulling image \"{image}\""));
        pod.wait(millis(500));
        pod.kubelet_warning(
            "Failed",
            &format!("Failed to pull image \"{image}\": {error}"),
        );
        pod.kubelet_warning("Failed", "Error: ErrImagePull");
        pod.hold("ErrImagePull", error);
        let next = pod.at() + delay;
        pod.wait(Duration::from_secs(2));
        pod.kubelet("BackOff", &format!("Back-off pulling image \"{image}\""));
        pod.kubelet_warning("Failed", "Error: ImagePullBackOff");
        pod.hold(
            "ImagePullBackOff",
            &format!("Back-off pulling image \"{image}\": ErrImagePull: {error}"),
        );
        pod.wait_until(next);
        delay = if delay < Duration::from_secs(20) {
            Duration::from_secs(20)
        } else {
            (delay * 2).min(LAST_BACK_OFF)
        };
        if pod.at() > HORIZON {
            return;
        }
    }
}

/// The container's configuration cannot be made.
fn config_fails(pod: PodSimulator, error: &str) -> Vec<super::script::Step> {
    let mut pod = begin(pod);
    no_config(&mut pod, error, Until::Never);
    pod.finish()
}

/// The same for a pod that has its node; tried again at every sync of the pod.
pub(super) fn no_config(pod: &mut PodSimulator, error: &str, until: Until) {
    let image = pod.image();
    repeat_until(pod, (Duration::from_secs(12), until), |pod| {
        pod.kubelet(
            "Pulled",
            &format!(
                "Container image \"{image}\" already present on machine and can be accessed by the pod"
            ),
        );
        pod.kubelet_warning("Failed", &format!("Error: {error}"));
        pod.hold("CreateContainerConfigError", error);
    });
}

type Pick = fn(&Container) -> Option<&k8s_openapi::api::core::v1::Probe>;

/// A probe's initial delay and period.
pub(super) fn timing(pod: &PodSimulator, pick: Pick) -> (Duration, Duration) {
    let probe = pod.probe(pick);
    let seconds = |value: Option<i32>, default: u64| {
        Duration::from_secs(
            value
                .and_then(|it| u64::try_from(it).ok())
                .unwrap_or(default),
        )
    };
    let delay = seconds(probe.and_then(|it| it.initial_delay_seconds), 0);
    let period = seconds(probe.and_then(|it| it.period_seconds), 10);
    (delay, period.max(Duration::from_secs(1)))
}

/// A probe that fails; nothing happens to a container without that probe.
pub(super) fn fail_probe(pod: &mut PodSimulator, kind: &str, pick: Pick) {
    let Some(probe) = pod.probe(pick) else {
        return;
    };
    let output = if probe.http_get.is_some() {
        "HTTP probe failed with statuscode: 503".to_owned()
    } else if probe.tcp_socket.is_some() {
        "dial tcp 10.244.0.10:8080: connect: connection refused".to_owned()
    } else {
        "command failed with exit code 1".to_owned()
    };
    pod.kubelet_warning("Unhealthy", &format!("{kind} probe failed: {output}"));
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}
