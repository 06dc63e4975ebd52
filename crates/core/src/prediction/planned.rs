//! A workload as it would be after the manifest is applied.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::certainty::{Certainty, PredictedCode, Prediction};
use super::manifest::{Manifest, patch};
use super::question::{Change, Place, Trial};
use super::view::{Found, View, not_tried};
use super::{immutable, items, policies, view};
use crate::diagnose::classify_refusal;
use crate::finding::FindingCode;
use crate::history::History;
use crate::rollback::preflight::{claims, trial_pod, without_claims};
use crate::workload::raw::{plain, text};
use crate::workload::{WorkloadKind, WorkloadRef};

/// A workload with its manifest, its present state and what the API server would make of it.
pub(super) struct Planned<'a> {
    /// The index of its manifest.
    pub(super) index: usize,
    pub(super) manifest: &'a Manifest,
    pub(super) workload: WorkloadRef,
    /// The present object.
    pub(super) current: Option<&'a Value>,
    /// Its revisions and pods.
    pub(super) history: Option<&'a History>,
    /// The object as the API server would store it, or the manifest where that is not seen.
    pub(super) object: Cow<'a, Value>,
    /// Whether the template changes.
    pub(super) rolls: bool,
    /// Whether that is known: without the API server's word its defaults would look like a change.
    pub(super) is_known: bool,
    /// How sure a prediction about the new pods can be; `None` where no pod is created.
    pub(super) most: Option<Certainty>,
    /// On how many nodes a DaemonSet creates a pod, as far as the nodes are seen.
    pub(super) selected: Option<i64>,
}

/// How far the plan of a workload has come.
pub(super) enum Stage<'a> {
    /// An answer is awaited.
    Waits,
    /// There is no rollout: the API server refuses the manifest, or nothing can be said.
    Refused(Vec<Prediction>),
    /// This is going to be rolled out.
    Rolls(Planned<'a>),
}

pub(super) fn plan<'a>(view: &View<'a>, index: usize, manifest: &'a Manifest) -> Stage<'a> {
    let Some(workload) = manifest.workload() else {
        return Stage::Refused(Vec::new());
    };
    if manifest.stands {
        let history = match view.history(&workload) {
            Found::Pending => return Stage::Waits,
            found @ (Found::There(_) | Found::Missing | Found::Unseen) => found.there(),
        };
        return Stage::Rolls(Planned {
            index,
            manifest,
            current: Some(&manifest.object),
            history,
            object: Cow::Borrowed(&manifest.object),
            rolls: true,
            is_known: true,
            most: None,
            selected: None,
            workload,
        });
    }
    let what = format!("what the manifest changes in {workload}");
    let current = match view.object(Place::of(&workload), &what) {
        Found::There(current) => Some(current),
        Found::Missing => None,
        Found::Pending => return Stage::Waits,
        Found::Unseen => {
            return Stage::Rolls(Planned::unseen(index, manifest, workload));
        }
    };
    let change = Change {
        body: body(manifest, current),
        exists: current.is_some(),
        workload: workload.clone(),
    };
    let history = current.map(|_| view.history(&workload));
    let Some(trial) = view.apply(change) else {
        return Stage::Waits;
    };
    view.warn(index, &trial.warnings);
    if let Some(why) = not_tried(&trial.result) {
        if let Some(stage) = without_namespace(view, index, manifest, why) {
            return stage;
        }
        view.note(format!("the API server's word for {workload}: {why}"));
    }
    if let Some(refused) = refusal(view, Indexed { index, manifest }, trial, current) {
        return Stage::Refused(refused);
    }
    // The pods are tried as those of its present ReplicaSet.
    if matches!(history, Some(Found::Pending)) {
        return Stage::Waits;
    }
    let history = history.and_then(Found::there);
    let written = trial.written.as_ref();
    let object = written.unwrap_or(&manifest.object);
    let template = |of: &'a Value| of.pointer("/spec/template").map(plain);
    let same = written.is_some() && current.and_then(template) == template(object);
    Stage::Rolls(Planned {
        index,
        manifest,
        current,
        history,
        object: Cow::Borrowed(object),
        rolls: !same,
        is_known: current.is_none() || not_tried(&trial.result).is_none(),
        most: None,
        selected: None,
        workload,
    })
}

fn body(manifest: &Manifest, current: Option<&Value>) -> Value {
    if let Some(current) = current {
        return patch(current, &manifest.object);
    }
    let mut object = manifest.object.clone();
    if let Some(metadata) = object
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
    {
        metadata.insert("namespace".to_owned(), json!(manifest.namespace()));
    }
    object
}

/// Ends the prediction of a workload whose namespace does not exist: nothing can be asked about it.
fn without_namespace<'a>(
    view: &View<'a>,
    index: usize,
    manifest: &Manifest,
    why: &str,
) -> Option<Stage<'a>> {
    let namespace = manifest.namespace();
    if !why.contains(&format!("namespaces \"{namespace}\" not found")) {
        return None;
    }
    if view.manifests.brings("Namespace", namespace) {
        view.note(format!(
            "what happens in namespace `{namespace}`: it does not exist before the manifests are applied"
        ));
        return Some(Stage::Refused(Vec::new()));
    }
    let message = format!("namespace `{namespace}` does not exist");
    let prediction = Prediction::own(PredictedCode::ApplyRefused, index, message)
        .surely(Certainty::Likely)
        .about(format!("Namespace `{namespace}`"))
        .remedy("create the namespace before the manifest is applied, or correct --namespace");
    Some(Stage::Refused(vec![prediction]))
}

/// Returns why the API server refuses the manifest; `None` if it does not.
fn refusal(
    view: &View<'_>,
    manifest: Indexed<'_>,
    trial: &Trial,
    current: Option<&Value>,
) -> Option<Vec<Prediction>> {
    let is_known = not_tried(&trial.result).is_none();
    let refused = view::refusal(&trial.result);
    let immutable = current.map(|it| immutable::judge(manifest.index, manifest.manifest, it));
    let immutable = immutable.unwrap_or_default();
    // Where the API server accepts the manifest, its word counts.
    if !immutable.is_empty() && (refused.is_some() || !is_known) {
        // A newer API server may allow the change.
        let most = if is_known {
            Certainty::Certain
        } else {
            Certainty::Likely
        };
        return Some(immutable.into_iter().map(|it| it.at_most(most)).collect());
    }
    Some(vec![of_words(view, manifest, refused?)])
}

/// A manifest with its index.
#[derive(Clone, Copy)]
struct Indexed<'a> {
    index: usize,
    manifest: &'a Manifest,
}

fn of_words(view: &View<'_>, manifest: Indexed<'_>, message: &str) -> Prediction {
    let Indexed { index, manifest } = manifest;
    let subject = format!("{} `{}`", manifest.kind(), manifest.name());
    let cause = classify_refusal(message);
    let refuses = format!("the API server refuses {subject}: {message}");
    let is_unknown = matches!(
        cause.code,
        FindingCode::PodCreationRefused | FindingCode::InvalidPod
    );
    let prediction = if is_unknown {
        Prediction::own(PredictedCode::ApplyRefused, index, refuses)
            .at(pointer_in(message))
            .remedy("correct the field that the message names")
    } else {
        Prediction::finding(cause.code, index, refuses).remedy(cause.remedy)
    };
    let most = policies::most(view, manifest.namespace(), cause.code, message);
    prediction.about(subject).at_most(most)
}

/// Returns the pointer of the field that a message names first, such as `spec.template.spec.containers[0].image: …`.
fn pointer_in(message: &str) -> String {
    let named = message
        .split_once("is invalid: ")
        .map_or("", |(_, fields)| fields);
    let field = named.trim_start_matches('[').split(": ").next();
    let plain = |c: char| c.is_ascii_alphanumeric() || ".[]".contains(c);
    let field = field.filter(|it| it.starts_with("spec.") && it.chars().all(plain));
    field.map_or_else(String::new, |it| {
        format!(
            "/{}",
            it.replace('[', ".").replace(']', "").replace('.', "/")
        )
    })
}

impl<'a> Planned<'a> {
    /// Where the present state may not be read.
    fn unseen(index: usize, manifest: &'a Manifest, workload: WorkloadRef) -> Self {
        Self {
            index,
            manifest,
            current: None,
            history: None,
            object: Cow::Borrowed(&manifest.object),
            rolls: true,
            is_known: false,
            most: None,
            selected: None,
            workload,
        }
    }

    /// The pod template.
    pub(super) fn template(&self) -> &Value {
        self.object
            .pointer("/spec/template")
            .unwrap_or(&Value::Null)
    }

    /// The pod template as its type; `None` if it is malformed.
    pub(super) fn typed_template(&self) -> Option<PodTemplateSpec> {
        PodTemplateSpec::deserialize(self.template()).ok()
    }

    /// The pod's spec.
    pub(super) fn spec(&self) -> &Value {
        self.template().pointer("/spec").unwrap_or(&Value::Null)
    }

    /// The present pod template; `None` for a new workload.
    pub(super) fn former_template(&self) -> Option<&'a Value> {
        self.current?.pointer("/spec/template")
    }

    /// The objects in a template that no claim template replaces.
    pub(super) fn needed(&self) -> Value {
        without_claims(self.template(), &claims(&self.object))
    }

    /// The title, such as ``Deployment `web` ``.
    pub(super) fn title(&self) -> String {
        format!("{} `{}`", self.workload.kind, self.workload.name)
    }

    pub(super) fn namespace(&self) -> &str {
        &self.workload.namespace
    }

    /// A pod of a template as the controller would make it. That of a Deployment belongs to the present ReplicaSet: a
    /// webhook that looks up the owner, such as that of a `VerticalPodAutoscaler`, finds the Deployment by it.
    pub(super) fn pod_of(&self, template: &Value) -> Value {
        let of_deployment = self
            .history
            .filter(|_| self.workload.kind == WorkloadKind::Deployment);
        let present = of_deployment.and_then(|it| it.current().or_else(|| it.entries().next()));
        let own = || self.current.map_or("", |it| text(it, "/metadata/uid"));
        let uid = present.as_ref().map_or_else(own, |it| it.uid());
        let name = present
            .as_ref()
            .map_or(self.workload.name.as_str(), |it| it.name());
        // Of an object that does not exist yet no uid is known; a pod's owner must have one.
        let uid = if uid.is_empty() { UNKNOWN_UID } else { uid };
        let kind = match self.workload.kind {
            WorkloadKind::Deployment => "ReplicaSet",
            other @ (WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job) => {
                other.as_str()
            }
        };
        let owner = (kind, name, uid);
        trial_pod(&self.workload, owner, template, &claims(&self.object))
    }

    /// How many pods are wanted: those of a DaemonSet are counted by its status, or by the nodes where it is new.
    pub(super) fn desired(&self) -> i64 {
        let number = |of: &Value, at: &str| of.pointer(at).and_then(Value::as_i64);
        match self.workload.kind {
            WorkloadKind::DaemonSet => self
                .current
                .and_then(|it| number(it, "/status/desiredNumberScheduled"))
                .or(self.selected)
                .unwrap_or_default(),
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::Job => {
                let own = number(&self.object, "/spec/replicas");
                let now = || number(self.current?, "/spec/replicas");
                own.or_else(now).unwrap_or(1)
            }
        }
    }

    /// How many pods there are now.
    pub(super) fn present(&self) -> i64 {
        let at = match self.workload.kind {
            WorkloadKind::DaemonSet => "/status/currentNumberScheduled",
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::Job => {
                "/status/replicas"
            }
        };
        let count = self.current.and_then(|it| it.pointer(at)?.as_i64());
        count.unwrap_or_default()
    }

    /// Where a field of the pod's spec stands in the manifest.
    pub(super) fn in_spec(rest: &str) -> String {
        format!("/spec/template/spec{rest}")
    }

    /// Returns where the manifest's pod template names something: the pointer of the first string with this value
    /// below a key of these.
    pub(super) fn named(&self, keys: &[&str], name: &str) -> String {
        let template = self.manifest.object.pointer("/spec/template");
        let found = template.and_then(|it| {
            pointer_to(it, "/spec/template", &|key, value| {
                keys.contains(&key) && value.as_str() == Some(name)
            })
        });
        found.unwrap_or_default()
    }

    /// The containers of the template, with their pointers; init containers first.
    pub(super) fn containers(&self) -> Vec<(String, &Value)> {
        let groups = ["/initContainers", "/containers"];
        let each = groups.iter().flat_map(|group| {
            let all = items(self.spec(), group).enumerate();
            all.map(move |(at, it)| (Self::in_spec(&format!("{group}/{at}")), it))
        });
        each.collect()
    }
}

const UNKNOWN_UID: &str = "00000000-0000-0000-0000-000000000000";

/// Returns the pointer of the first field that is meant.
fn pointer_to(value: &Value, at: &str, is_meant: &dyn Fn(&str, &Value) -> bool) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let here = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            if is_meant(key, value) {
                return Some(here);
            }
            pointer_to(value, &here, is_meant)
        }),
        Value::Array(all) => all
            .iter()
            .enumerate()
            .find_map(|(index, value)| pointer_to(value, &format!("{at}/{index}"), is_meant)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
