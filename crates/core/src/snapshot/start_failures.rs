//! Remembers how often, and since when, a container has failed to start: a status shows the last
//! failure only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::store::remove_of;
use super::{BACK_OFF_MEMORY, container_status, run_of, uid_of};

/// The waiting reasons that stand for one step of starting a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFailureFamily {
    /// The image cannot be pulled: `ErrImagePull` and `ImagePullBackOff` are one failure.
    Pull,
    /// `InvalidImageName`.
    ImageName,
    /// `ErrImageNeverPull`.
    NeverPull,
    /// `ImageInspectError`.
    Inspect,
    /// `PostStartHookError`.
    PostStartHook,
    /// The kubelet or the runtime cannot create the container, or cannot run it.
    Create,
    /// `CreateContainerConfigError`.
    Config,
}

/// A container that fails to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFailure {
    /// The step that fails.
    pub family: StartFailureFamily,
    /// When the failure was first seen in this pod's container.
    pub since: Timestamp,
    /// How often the container has entered the failed state.
    pub times: u32,
    /// The last error message; the message of a back-off does not replace it.
    pub message: String,
    /// Since when the message has been the same.
    pub said_since: Timestamp,
    /// When the last new failure was seen, by rollguard's clock.
    pub failed_at: Option<Timestamp>,
}

impl StartFailure {
    /// Records that the container shows a failure; `former` is what it showed before.
    fn observe(&mut self, symptom: Symptom<'_>, former: Option<Symptom<'_>>, at: Timestamp) {
        let again = former.is_some_and(|it| it.family == symptom.family && !it.failed);
        self.times += u32::from(again);
        if self.message != symptom.message {
            // A pull that fails for another cause starts a new count. A back-off message has no cause,
            // and another port or request number is not another cause.
            let other = self.failed_at.is_some() && !alike(&self.message, symptom.message);
            let pull = symptom.family == StartFailureFamily::Pull;
            if !pull || other {
                self.said_since = at;
            }
            if pull && other {
                self.times = 1;
            }
            symptom.message.clone_into(&mut self.message);
        }
        if former.is_none_or(|it| !it.failed || it.message != symptom.message) {
            self.failed_at = Some(at);
        }
    }
}

/// Returns whether two texts differ in digits at most.
fn alike(one: &str, other: &str) -> bool {
    let words = |text: &str| text.replace(|it: char| it.is_ascii_digit(), "");
    words(one) == words(other)
}

/// The terminations of a container's instances, as one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminations {
    /// When the first termination of the series was seen, or happened.
    pub first: Timestamp,
    /// How many of them terminated an instance that was seen ready.
    pub after_ready: u32,
}

/// A container that was seen ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Readiness {
    /// When it was first seen ready.
    pub(super) first: Timestamp,
    /// How often it had been restarted by then.
    pub(super) restarts: u32,
    /// Whether the present instance was ready: an instance often turns unready some seconds before it
    /// terminates.
    of_instance: bool,
}

/// The uid of a pod and the name of a container in it.
type Key = (String, String);

/// The start failures, terminations and readiness of all containers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StartFailures {
    starts: BTreeMap<Key, StartFailure>,
    terminations: BTreeMap<Key, Terminations>,
    ready: BTreeMap<Key, Readiness>,
}

/// A container's status now and at the last observation.
#[derive(Clone, Copy)]
struct Statuses<'a> {
    now: &'a ContainerStatus,
    former: Option<&'a ContainerStatus>,
}

/// When a pod was observed, and when it was created.
#[derive(Clone, Copy)]
struct PodTimes {
    observed: Timestamp,
    created: Option<Timestamp>,
}

impl StartFailures {
    /// Records a pod; `before` is the same pod at the last observation.
    pub(super) fn observe(&mut self, pod: &Pod, before: Option<&Pod>, at: Timestamp) {
        let times = PodTimes {
            observed: at,
            created: super::created(&pod.metadata),
        };
        for status in container_status::statuses(pod) {
            let key = (uid_of(&pod.metadata).to_owned(), status.name.clone());
            let former = before.and_then(|pod| container_status::status(pod, &status.name));
            let statuses = Statuses {
                now: status,
                former,
            };
            self.observe_termination(&key, statuses, times);
            if status.ready {
                self.observe_ready(&key, status, at);
            }
            let Some(symptom) = symptom(status) else {
                if status.ready || status.started == Some(true) {
                    self.starts.remove(&key);
                }
                continue;
            };
            let known = self.starts.entry(key).or_insert_with(|| symptom.begins(at));
            if known.family != symptom.family {
                *known = symptom.begins(at);
            }
            if symptom.failed {
                known.observe(symptom, former.and_then(self::symptom), at);
            }
        }
    }

    pub(super) fn forget(&mut self, pod: &str) {
        remove_of(&mut self.starts, pod);
        remove_of(&mut self.terminations, pod);
        remove_of(&mut self.ready, pod);
    }

    pub(super) fn get(&self, pod: &str, container: &str) -> Option<&StartFailure> {
        self.starts.get(&(pod.to_owned(), container.to_owned()))
    }

    pub(super) fn terminations(&self, pod: &str, container: &str) -> Option<&Terminations> {
        self.terminations
            .get(&(pod.to_owned(), container.to_owned()))
    }

    pub(super) fn ready(&self, pod: &str, container: &str) -> Option<&Readiness> {
        self.ready.get(&(pod.to_owned(), container.to_owned()))
    }

    fn observe_ready(&mut self, key: &Key, status: &ContainerStatus, at: Timestamp) {
        let known = self.ready.entry(key.clone()).or_insert(Readiness {
            first: at,
            restarts: u32::try_from(status.restart_count).unwrap_or_default(),
            of_instance: true,
        });
        known.of_instance = true;
    }

    /// Records a termination: a status shows the last one only.
    fn observe_termination(&mut self, key: &Key, statuses: Statuses<'_>, times: PodTimes) {
        let Statuses { now, former } = statuses;
        let Some(end) = container_status::last_end(now) else {
            return;
        };
        let happened = ended(end, times.observed);
        // A session that begins after several restarts takes the pod's creation for the time of the
        // first termination.
        let came_late = former.is_none() && now.restart_count > 1;
        let created = times.created.filter(|_| came_late);
        let known = self
            .terminations
            .entry(key.clone())
            .or_insert(Terminations {
                first: created.unwrap_or(happened),
                after_ready: 0,
            });
        // After such a run the kubelet resets its back-off, and a new series begins.
        if run_of(end).is_some_and(|ran| ran > BACK_OFF_MEMORY) {
            known.first = happened;
            known.after_ready = 0;
        }
        let new = former.is_some_and(|former| container_status::last_end(former) != Some(end));
        if let Some(ready) = self.ready.get_mut(key).filter(|_| new) {
            known.after_ready += u32::from(ready.of_instance);
            ready.of_instance = false;
        }
    }
}

/// Returns when an instance terminated: at `at` at the latest, since a node's clock may be ahead.
fn ended(end: &ContainerStateTerminated, at: Timestamp) -> Timestamp {
    end.finished_at.as_ref().map_or(at, |time| time.0.min(at))
}

/// The start failure that a container status shows.
#[derive(Clone, Copy)]
struct Symptom<'a> {
    family: StartFailureFamily,
    /// Whether the start has just failed; `false` while the kubelet backs off.
    failed: bool,
    message: &'a str,
}

impl Symptom<'_> {
    fn begins(&self, at: Timestamp) -> StartFailure {
        StartFailure {
            family: self.family,
            since: at,
            times: 1,
            message: self.message.to_owned(),
            said_since: at,
            failed_at: self.failed.then_some(at),
        }
    }
}

fn symptom(status: &ContainerStatus) -> Option<Symptom<'_>> {
    use StartFailureFamily as Family;
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    let (family, failed) = match waiting.reason.as_deref()? {
        "ErrImagePull" | "RegistryUnavailable" | "SignatureValidationFailed" => {
            (Family::Pull, true)
        }
        "ImagePullBackOff" => (Family::Pull, false),
        "InvalidImageName" => (Family::ImageName, true),
        "ErrImageNeverPull" => (Family::NeverPull, true),
        "ImageInspectError" => (Family::Inspect, true),
        "PostStartHookError" => (Family::PostStartHook, true),
        "CreateContainerError"
        | "RunContainerError"
        | "PreCreateHookError"
        | "PreStartHookError" => (Family::Create, true),
        "CreateContainerConfigError" => (Family::Config, true),
        _ => return None,
    };
    Some(Symptom {
        family,
        failed,
        message: waiting.message.as_deref().unwrap_or_default(),
    })
}
