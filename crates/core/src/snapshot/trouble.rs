//! What the objects themselves forget: how often, and since when, a container could not start.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::{pod, uid_of};

/// A container that cannot start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The waiting reasons that belong together (`ErrImagePull` and `ImagePullBackOff` are one).
    pub family: &'static str,
    /// When this pod's container was first seen so.
    pub since: Timestamp,
    /// How often it entered that state anew.
    pub times: u32,
    /// The most telling message seen: a back-off message does not replace the error before it.
    pub message: String,
}

/// The troubles of all containers, by the uid of the pod and the name of the container.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Troubles(BTreeMap<(String, String), Trouble>);

impl Troubles {
    /// Takes a pod in; `before` is the same pod as it was known until now.
    pub(super) fn observe(&mut self, pod: &Pod, before: Option<&Pod>, at: Timestamp) {
        for status in pod::statuses(pod) {
            let key = (uid_of(&pod.metadata).to_owned(), status.name.clone());
            let Some(symptom) = symptom(status) else {
                if status.ready || status.started == Some(true) {
                    self.0.remove(&key);
                }
                continue;
            };
            let former = before
                .and_then(|pod| pod::status(pod, &status.name))
                .and_then(self::symptom);
            let known = self.0.entry(key).or_insert_with(|| symptom.begins(at));
            if known.family != symptom.family {
                *known = symptom.begins(at);
            }
            let again =
                former.is_some_and(|former| former.family == symptom.family && !former.failed);
            if symptom.failed {
                known.times += u32::from(again);
                symptom.message.clone_into(&mut known.message);
            }
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(uid, _), _| keep(uid));
    }

    pub(super) fn get(&self, pod: &str, container: &str) -> Option<&Trouble> {
        self.0.get(&(pod.to_owned(), container.to_owned()))
    }
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
    fn begins(&self, at: Timestamp) -> Trouble {
        Trouble {
            family: self.family,
            since: at,
            times: 1,
            message: self.message.to_owned(),
        }
    }
}

fn symptom(status: &ContainerStatus) -> Option<Symptom<'_>> {
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    let (family, failed) = match waiting.reason.as_deref()? {
        "ErrImagePull" | "RegistryUnavailable" => ("pull", true),
        "ImagePullBackOff" => ("pull", false),
        "InvalidImageName" => ("name", true),
        "ErrImageNeverPull" => ("never", true),
        "ImageInspectError" | "CreateContainerError" | "RunContainerError" => ("create", true),
        "CreateContainerConfigError" => ("config", true),
        _ => return None,
    };
    Some(Symptom {
        family,
        failed,
        message: waiting.message.as_deref().unwrap_or_default(),
    })
}
