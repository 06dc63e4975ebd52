//! What the objects themselves forget: how often, and since when, a container could not start.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::{BACK_OFF_MEMORY, pod, run_of, uid_of};

/// A container that cannot start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFailure {
    /// The waiting reasons that belong together (`ErrImagePull` and `ImagePullBackOff` are one).
    pub family: &'static str,
    /// When this pod's container was first seen so.
    pub since: Timestamp,
    /// How often it entered that state anew.
    pub times: u32,
    /// The most telling message seen: a back-off message does not replace the error before it.
    pub message: String,
    /// Since when that message has been the same.
    pub said_since: Timestamp,
    /// When it was last seen to fail anew, by our clock.
    pub failed_at: Option<Timestamp>,
}

impl StartFailure {
    fn fails(&mut self, symptom: Symptom<'_>, (again, anew): (bool, bool), at: Timestamp) {
        self.times += u32::from(again);
        if self.message != symptom.message {
            // Pulls that failed for another cause do not count for this one. The words of a back-off
            // are of no cause, and ports and numbers of requests make no other one.
            let other = self.failed_at.is_some() && !alike(&self.message, symptom.message);
            if symptom.family != "pull" || other {
                self.said_since = at;
            }
            if symptom.family == "pull" && other {
                self.times = 1;
            }
            symptom.message.clone_into(&mut self.message);
        }
        if anew {
            self.failed_at = Some(at);
        }
    }
}

/// Whether two texts differ in digits at most.
fn alike(one: &str, other: &str) -> bool {
    let words = |text: &str| text.replace(|it: char| it.is_ascii_digit(), "");
    words(one) == words(other)
}

/// A container whose instances ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminations {
    /// When the first of this series of ends was seen, or happened.
    pub first: Timestamp,
    /// How many of them ended an instance that was seen ready.
    pub after_ready: u32,
}

/// A container that was seen ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Readiness {
    /// When first.
    pub(super) first: Timestamp,
    /// How often it had been restarted by then.
    pub(super) restarts: u32,
    /// Whether its present instance was: readiness often goes some seconds before the instance does.
    of_instance: bool,
}

/// The uid of a pod and the name of a container in it.
type Key = (String, String);

/// The troubles of all containers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StartFailures {
    starts: BTreeMap<Key, StartFailure>,
    ends: BTreeMap<Key, Terminations>,
    ready: BTreeMap<Key, Readiness>,
}

impl StartFailures {
    /// Takes a pod in; `before` is the same pod as it was known until now.
    pub(super) fn observe(&mut self, pod: &Pod, before: Option<&Pod>, at: Timestamp) {
        for status in pod::statuses(pod) {
            let key = (uid_of(&pod.metadata).to_owned(), status.name.clone());
            let former = before.and_then(|pod| pod::status(pod, &status.name));
            self.observe_end(&key, (status, former), (at, super::created(&pod.metadata)));
            if status.ready {
                self.observe_ready(&key, status, at);
            }
            let Some(symptom) = symptom(status) else {
                if status.ready || status.started == Some(true) {
                    self.starts.remove(&key);
                }
                continue;
            };
            let former = former.and_then(self::symptom);
            let known = self.starts.entry(key).or_insert_with(|| symptom.begins(at));
            if known.family != symptom.family {
                *known = symptom.begins(at);
            }
            let again =
                former.is_some_and(|former| former.family == symptom.family && !former.failed);
            if symptom.failed {
                let anew = former.is_none_or(|it| !it.failed || it.message != symptom.message);
                known.fails(symptom, (again, anew), at);
            }
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.starts.retain(|(uid, _), _| keep(uid));
        self.ends.retain(|(uid, _), _| keep(uid));
        self.ready.retain(|(uid, _), _| keep(uid));
    }

    pub(super) fn get(&self, pod: &str, container: &str) -> Option<&StartFailure> {
        self.starts.get(&(pod.to_owned(), container.to_owned()))
    }

    pub(super) fn ends(&self, pod: &str, container: &str) -> Option<&Terminations> {
        self.ends.get(&(pod.to_owned(), container.to_owned()))
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

    /// Remembers an end: a status tells of the last one only.
    fn observe_end(
        &mut self,
        key: &Key,
        (status, former): (&ContainerStatus, Option<&ContainerStatus>),
        (at, created): (Timestamp, Option<Timestamp>),
    ) {
        let Some(end) = pod::last_end(status) else {
            return;
        };
        let happened = ended(end, at);
        // Where we came late, the age of the pod stands in for the time of the first end.
        let came_late = former.is_none() && status.restart_count > 1;
        let known = self.ends.entry(key.clone()).or_insert(Terminations {
            first: created.filter(|_| came_late).unwrap_or(happened),
            after_ready: 0,
        });
        // After such a run the kubelet begins a new series, and so do we.
        if run_of(end).is_some_and(|ran| ran > BACK_OFF_MEMORY) {
            known.first = happened;
            known.after_ready = 0;
        }
        let anew = former.is_some_and(|former| pod::last_end(former) != Some(end));
        if let Some(ready) = self.ready.get_mut(key).filter(|_| anew) {
            known.after_ready += u32::from(ready.of_instance);
            ready.of_instance = false;
        }
    }
}

/// When an instance ended. A node whose clock is ahead must not make it end in the future.
fn ended(end: &ContainerStateTerminated, at: Timestamp) -> Timestamp {
    end.finished_at.as_ref().map_or(at, |time| time.0.min(at))
}

/// What a status shows at one time.
#[derive(Clone, Copy)]
struct Symptom<'a> {
    family: &'static str,
    /// It has just failed, as against backing off from a failure.
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
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    let (family, failed) = match waiting.reason.as_deref()? {
        "ErrImagePull" | "RegistryUnavailable" | "SignatureValidationFailed" => ("pull", true),
        "ImagePullBackOff" => ("pull", false),
        "InvalidImageName" => ("name", true),
        "ErrImageNeverPull" => ("never", true),
        "ImageInspectError" => ("inspect", true),
        "PostStartHookError" => ("hook", true),
        "CreateContainerError"
        | "RunContainerError"
        | "PreCreateHookError"
        | "PreStartHookError" => ("create", true),
        "CreateContainerConfigError" => ("config", true),
        _ => return None,
    };
    Some(Symptom {
        family,
        failed,
        message: waiting.message.as_deref().unwrap_or_default(),
    })
}
