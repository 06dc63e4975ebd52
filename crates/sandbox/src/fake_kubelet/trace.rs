//! Scripts from recordings: what a real kubelet reported, repeated for another pod.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, Pod};
use rollguard_core::observation::Seen;
use rollguard_core::trace::{Trace, TraceError};
use serde_json::Value;

use super::script::{Action, Script, Step};
use crate::clock::seconds;
use crate::event::{NewEvent, Source};

/// A pod as it was recorded.
struct Recording {
    name: String,
    namespace: String,
    uid: String,
    created: Timestamp,
    /// When it was seen first: step times count from here.
    first: Timestamp,
    actions: Vec<(Timestamp, Action)>,
}

impl Script {
    /// The script of a recorded pod: the first one in the trace that `pick` takes, with its
    /// statuses and events. Times, names and uids become those of the pod that runs it.
    ///
    /// A recording without such a pod gives a pod that stays pending.
    ///
    /// # Errors
    /// When the text is not a trace.
    pub fn from_trace(jsonl: &str, pick: impl Fn(&Pod) -> bool) -> Result<Self, TraceError> {
        let trace = Trace::parse(jsonl)?;
        let recording = Recording::of(&trace, pick);
        Ok(Self::new(move |pod, began| {
            recording
                .as_ref()
                .map(|it| it.steps(pod, began))
                .unwrap_or_default()
        }))
    }
}

impl Recording {
    fn of(trace: &Trace, pick: impl Fn(&Pod) -> bool) -> Option<Self> {
        let mut recording: Option<Self> = None;
        for observation in &trace.observations {
            match &observation.seen {
                Seen::Pod { object } => {
                    if recording.is_none() && pick(object) {
                        recording = Self::starting_with(object, observation.at);
                    }
                    if let Some(known) = &mut recording
                        && object.metadata.uid.as_deref() == Some(&known.uid)
                    {
                        known
                            .actions
                            .extend(status(object).map(|it| (observation.at, it)));
                    }
                }
                Seen::Event { object } => {
                    if let Some(known) = &mut recording
                        && object.involved_object.uid.as_deref() == Some(&known.uid)
                    {
                        known.actions.push((observation.at, event(object)));
                    }
                }
                Seen::Workload { .. }
                | Seen::ReplicaSet { .. }
                | Seen::ControllerRevision { .. }
                | Seen::Node { .. }
                | Seen::Answered { .. }
                | Seen::Gone { .. }
                | Seen::Listed { .. }
                | Seen::LookedUp { .. }
                | Seen::Traffic { .. }
                | Seen::Reread(_)
                | Seen::Blind { .. }
                | Seen::Tick => {}
            }
        }
        recording
    }

    fn starting_with(pod: &Pod, first: Timestamp) -> Option<Self> {
        let metadata = &pod.metadata;
        Some(Self {
            name: metadata.name.clone()?,
            namespace: metadata.namespace.clone().unwrap_or_default(),
            uid: metadata.uid.clone()?,
            created: metadata.creation_timestamp.as_ref()?.0,
            first,
            actions: Vec::new(),
        })
    }

    /// The node that had the pod.
    fn node(&self) -> Option<&str> {
        self.actions.iter().find_map(|(_, action)| match action {
            Action::Status { node, .. } => node.as_deref(),
            Action::Event(_) | Action::Log { .. } => None,
        })
    }

    /// The recording as steps of another pod, on the node that this one has.
    fn steps(&self, pod: &Pod, began: Timestamp) -> Vec<Step> {
        let part = |it: &Option<String>| it.clone().unwrap_or_default();
        let (name, namespace) = (part(&pod.metadata.name), part(&pod.metadata.namespace));
        let names = [
            (self.uid.clone(), part(&pod.metadata.uid)),
            (
                format!("{}_{}", self.name, self.namespace),
                format!("{name}_{namespace}"),
            ),
            (
                format!("{}/{}", self.namespace, self.name),
                format!("{namespace}/{name}"),
            ),
            (self.name.clone(), name),
            (
                self.node().unwrap_or_default().to_owned(),
                part(&pod.spec.as_ref().and_then(|it| it.node_name.clone())),
            ),
        ];
        let times = Times {
            created: self.created,
            shift: began.duration_since(self.first),
            began,
        };
        self.actions
            .iter()
            .map(|(at, action)| {
                let after = at.duration_since(self.first);
                Step {
                    after: Duration::try_from(after).unwrap_or_default(),
                    action: adapt(action.clone(), &names, &times),
                }
            })
            .collect()
    }
}

fn status(pod: &Pod) -> Option<Action> {
    // A pod that is being deleted is the live cluster's business, not the recording's.
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    Some(Action::Status {
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        status: serde_json::to_value(pod.status.as_ref()?).ok()?,
    })
}

fn event(event: &Event) -> Action {
    let component = event
        .reporting_component
        .as_deref()
        .filter(|it| !it.is_empty())
        .or_else(|| event.source.as_ref()?.component.as_deref());
    Action::Event(NewEvent {
        source: match component {
            Some("default-scheduler") => Source::Scheduler,
            Some(_) | None => Source::Kubelet,
        },
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.clone().unwrap_or_default(),
        message: event.message.clone().unwrap_or_default(),
        field_path: event.involved_object.field_path.clone(),
    })
}

/// How recorded times become present ones.
struct Times {
    /// When the recorded pod was made, in whole seconds.
    created: Timestamp,
    /// From when it was seen first to when the present one begins.
    shift: SignedDuration,
    began: Timestamp,
}

impl Times {
    /// Never later than the step that reports it, because what was recorded had happened when it was
    /// seen: a pod that becomes ready only in a second would be counted as one that is not. What
    /// was before the pod, such as the epoch that stands for "never", stays.
    fn moved(&self, at: Timestamp) -> Timestamp {
        if at < self.created {
            return at;
        }
        let moved = at.checked_add(self.shift).unwrap_or(self.began);
        moved.max(self.began)
    }
}

/// Puts the names of the present pod, and the present time, into an action.
fn adapt(action: Action, names: &[(String, String)], times: &Times) -> Action {
    match action {
        Action::Status { node, mut status } => {
            translate(&mut status, names, times);
            Action::Status { node, status }
        }
        Action::Event(mut event) => {
            event.message = rename(&event.message, names);
            Action::Event(event)
        }
        log @ Action::Log { .. } => log,
    }
}

fn translate(value: &mut Value, names: &[(String, String)], times: &Times) {
    match value {
        Value::String(text) => {
            *text = match text.parse::<Timestamp>() {
                Ok(at) => seconds(times.moved(at)),
                Err(_) => rename(text, names),
            };
        }
        Value::Array(list) => list.iter_mut().for_each(|it| translate(it, names, times)),
        Value::Object(map) => map.values_mut().for_each(|it| translate(it, names, times)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces names in one pass, so that what was put in is not taken for an old name again.
fn rename(text: &str, names: &[(String, String)]) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let known = names
            .iter()
            .find(|(old, _)| !old.is_empty() && rest.starts_with(old.as_str()));
        let length = if let Some((old, new)) = known {
            renamed.push_str(new);
            old.len()
        } else {
            renamed.push(letter);
            letter.len_utf8()
        };
        rest = &rest[length..];
    }
    renamed
}
