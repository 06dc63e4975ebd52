//! A script as a sequence of acts, each of which may heal at a time of the cluster's clock: a pod that is created
//! later meets what is still broken then.

use std::time::Duration;

use super::built_in::{
    begin, crash_loop, fail_probe, liveness_kills, no_config, pulls, repeat_until, timing,
};
use super::pod_simulator::PodSimulator;
use super::script::{Script, Until};

/// Something that happens to a pod, before the next act begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The scheduler finds no node and says why. Only as the first act.
    Unschedulable {
        /// Its message.
        message: String,
        /// When there is a node.
        until: Until,
    },
    /// The image cannot be pulled.
    PullFails {
        /// The error of the runtime.
        error: String,
        /// When it can.
        until: Until,
    },
    /// The container's configuration cannot be made.
    ConfigFails {
        /// The kubelet's error.
        error: String,
        /// When it can.
        until: Until,
    },
    /// The kubelet warns every ten seconds, and no container is created.
    Warned {
        /// The reason of the event.
        reason: String,
        /// Its message.
        message: String,
        /// When it stops.
        until: Until,
    },
    /// The container ends after each start.
    Crashes {
        /// How long after a start it is ready; `None`: not at all.
        ready_after: Option<Duration>,
        /// How long it runs, from its start or from when it is ready.
        lasting: Duration,
        /// Its exit code.
        exit_code: i32,
        /// The reason of its end: `Error`, `OOMKilled`.
        reason: String,
        /// From when on a start goes well.
        until: Until,
    },
    /// The liveness probe kills the container after each start.
    LivenessKills {
        /// From when on a start goes well.
        until: Until,
    },
    /// The container starts, and is ready after some time.
    Starts {
        /// After how long; `None`: it never is.
        ready_after: Option<Duration>,
    },
    /// The container that runs ends, and the pod with it, as one of a Job does.
    Ends {
        /// After how long.
        after: Duration,
        /// Its exit code.
        exit_code: i32,
    },
    /// The container that runs is ready for some time, and then not.
    Flaps {
        /// For how long it is ready.
        ready: Duration,
        /// For how long it is not, before it is again.
        unready: Duration,
    },
    /// The container that runs ends after some time and is started again at once.
    Falls {
        /// After how long.
        after: Duration,
    },
}

impl Script {
    /// One act after the other.
    #[must_use]
    pub fn acts(acts: Vec<Act>) -> Self {
        Self::new(move |pod, began| {
            let mut pod = PodSimulator::new(pod, began);
            let mut bound = false;
            for act in &acts {
                if !bound && !matches!(act, Act::Unschedulable { .. }) {
                    pod = begin(pod);
                    bound = true;
                }
                play(&mut pod, act);
            }
            pod.finish()
        })
    }
}

/// How often a warning comes again.
const WARNS_EVERY: Duration = Duration::from_secs(10);
/// How often the scheduler looks again.
const SCHEDULES_EVERY: Duration = Duration::from_secs(1);

fn play(pod: &mut PodSimulator, act: &Act) {
    match act {
        Act::Unschedulable { message, until } => {
            pod.unschedulable(message);
            repeat_until(pod, (SCHEDULES_EVERY, *until), |_| {});
        }
        Act::PullFails { error, until } => pulls(pod, error, *until),
        Act::ConfigFails { error, until } => no_config(pod, error, *until),
        Act::Warned {
            reason,
            message,
            until,
        } => {
            pod.be_stuck(true);
            repeat_until(pod, (WARNS_EVERY, *until), |pod| {
                pod.kubelet_warning(reason, message);
            });
            pod.be_stuck(false);
        }
        Act::Crashes {
            ready_after,
            lasting,
            exit_code,
            reason,
            until,
        } => crash_loop(pod, *until, |pod| {
            pod.run();
            if let Some(after) = ready_after {
                pod.wait(*after);
                pod.become_ready();
            }
            pod.wait(*lasting);
            pod.end(*exit_code, reason);
        }),
        Act::LivenessKills { until } => liveness_kills(pod, *until),
        Act::Starts { ready_after } => start(pod, *ready_after),
        Act::Ends { after, exit_code } => {
            pod.wait(*after);
            let reason = if *exit_code == 0 {
                "Completed"
            } else {
                "Error"
            };
            pod.end_for_good(*exit_code, reason);
        }
        Act::Flaps { ready, unready } => {
            pod.wait(*ready);
            fail_probe(pod, "Readiness", |it| it.readiness_probe.as_ref());
            pod.become_unready();
            pod.wait(*unready);
            pod.become_ready();
        }
        Act::Falls { after } => {
            pod.wait(*after);
            crash_loop(pod, Until::Tries(1), |pod| pod.end(1, "Error"));
        }
    }
}

/// Runs, while the readiness probe fails again and again, until it is ready.
fn start(pod: &mut PodSimulator, ready_after: Option<Duration>) {
    pod.run();
    let (delay, period) = timing(pod, |it| it.readiness_probe.as_ref());
    let Some(after) = ready_after else {
        pod.wait(delay);
        repeat_until(pod, (period, Until::Never), fails);
        return;
    };
    let ready = pod.at() + after;
    while pod.at() + period < ready {
        pod.wait(period);
        fails(pod);
    }
    pod.wait_until(ready);
    pod.become_ready();
}

fn fails(pod: &mut PodSimulator) {
    fail_probe(pod, "Readiness", |it| it.readiness_probe.as_ref());
}
