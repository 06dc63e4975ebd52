//! The revisions of a Deployment, read from raw JSON.
//!
//! Typed structs drop fields that this build does not know; a rollback must restore a template to
//! the last field, so it works on the objects as the API server sent them.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::snapshot::{REVISION_ANNOTATION, TEMPLATE_HASH_LABEL};

use crate::workload::Revision;

/// The annotation in which the controller keeps the numbers that a reused ReplicaSet had before.
const REVISION_HISTORY_ANNOTATION: &str = "deployment.kubernetes.io/revision-history";
/// How the change cause of a rollback begins.
pub const ROLLED_BACK: &str = "rollguard: rolled back";

/// One revision, named so that nothing else can be meant: revision numbers move, uids do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RevisionId {
    /// The number that `kubectl rollout history` shows now.
    pub revision: Revision,
    /// The ReplicaSet's name.
    pub name: String,
    /// The ReplicaSet's uid.
    pub uid: String,
}

/// A Deployment and its ReplicaSets at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    deployment: Value,
    replica_sets: Vec<Value>,
}

impl History {
    /// Keeps the ReplicaSets that the Deployment controls, the highest revision first.
    #[must_use]
    pub fn new(deployment: Value, replica_sets: Vec<Value>) -> Self {
        let uid = text(&deployment, "/metadata/uid").to_owned();
        let controls = |set: &Value| {
            let owners = set
                .pointer("/metadata/ownerReferences")
                .and_then(Value::as_array);
            owners.is_some_and(|owners| {
                owners.iter().any(|it| {
                    text(it, "/uid") == uid && it.pointer("/controller") == Some(&Value::Bool(true))
                })
            })
        };
        let mut replica_sets: Vec<Value> = replica_sets.into_iter().filter(controls).collect();
        replica_sets.sort_by_key(|set| Reverse(Entry { set }.revision()));
        Self {
            deployment,
            replica_sets,
        }
    }

    /// The Deployment as the API server sent it.
    #[must_use]
    pub const fn deployment(&self) -> &Value {
        &self.deployment
    }

    /// The Deployment's uid.
    #[must_use]
    pub fn uid(&self) -> &str {
        text(&self.deployment, "/metadata/uid")
    }

    /// The Deployment's present pod template.
    #[must_use]
    pub fn template(&self) -> &Value {
        self.deployment
            .pointer("/spec/template")
            .unwrap_or(&Value::Null)
    }

    /// Whether the Deployment is paused.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.deployment.pointer("/spec/paused") == Some(&Value::Bool(true))
    }

    /// Whether the Deployment is being deleted.
    #[must_use]
    pub fn deleting(&self) -> bool {
        self.deployment
            .pointer("/metadata/deletionTimestamp")
            .is_some_and(|it| !it.is_null())
    }

    /// All revisions, the newest first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.replica_sets.iter().map(|set| Entry { set })
    }

    /// The revision of the present template; `None` while the controller has not created it.
    #[must_use]
    pub fn current(&self) -> Option<Entry<'_>> {
        let template = plain(self.template());
        self.entries()
            .find(|entry| entry.template() == template)
            .or_else(|| {
                // Equal to the controller, which knows quantities; the revision it wrote decides.
                let number = |pointer| self.deployment.pointer(pointer).and_then(Value::as_i64);
                let observed =
                    number("/status/observedGeneration") >= number("/metadata/generation");
                let revision = revision_in(&self.deployment)?;
                self.entries()
                    .find(|entry| entry.revision() == revision)
                    .filter(|_| observed)
            })
    }

    /// The revisions other than the present one, the newest first.
    pub fn former(&self) -> impl Iterator<Item = Entry<'_>> {
        let current = self.current().map(|entry| entry.uid().to_owned());
        self.entries()
            .filter(move |entry| current.as_deref() != Some(entry.uid()))
    }
}

/// One revision of a Deployment: a ReplicaSet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    set: &'a Value,
}

impl<'a> Entry<'a> {
    /// Its number; 0 when it bears none.
    #[must_use]
    pub fn revision(&self) -> Revision {
        revision_in(self.set).unwrap_or(Revision(0))
    }

    /// Whether it was made anew by a rollback of rollguard's: an old ReplicaSet in use again.
    #[must_use]
    pub fn was_restored(&self) -> bool {
        let annotations = self.set.pointer("/metadata/annotations");
        let reused = annotations
            .and_then(|it| it.get(REVISION_HISTORY_ANNOTATION))
            .is_some();
        reused
            && self
                .change_cause()
                .is_some_and(|cause| cause.starts_with(ROLLED_BACK))
    }

    /// The ReplicaSet's uid.
    #[must_use]
    pub fn uid(&self) -> &'a str {
        text(self.set, "/metadata/uid")
    }

    /// The ReplicaSet's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        text(self.set, "/metadata/name")
    }

    /// What names it for good.
    #[must_use]
    pub fn id(&self) -> RevisionId {
        RevisionId {
            revision: self.revision(),
            name: self.name().to_owned(),
            uid: self.uid().to_owned(),
        }
    }

    /// Its pod template without the hash label.
    #[must_use]
    pub fn template(&self) -> Value {
        plain(self.set.pointer("/spec/template").unwrap_or(&Value::Null))
    }

    /// How many of its pods are available: ready for `minReadySeconds`.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.set
            .pointer("/status/availableReplicas")
            .and_then(Value::as_u64)
            .unwrap_or_default()
    }

    /// When it was created.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        text(self.set, "/metadata/creationTimestamp").parse().ok()
    }

    /// Why it came to be (`kubernetes.io/change-cause`), if somebody wrote it down.
    #[must_use]
    pub fn change_cause(&self) -> Option<&'a str> {
        self.set
            .pointer("/metadata/annotations/kubernetes.io~1change-cause")
            .and_then(Value::as_str)
    }

    /// The images of its containers.
    #[must_use]
    pub fn images(&self) -> Vec<&'a str> {
        let containers = self
            .set
            .pointer("/spec/template/spec/containers")
            .and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .map(|it| text(it, "/image"))
            .collect()
    }
}

fn revision_in(object: &Value) -> Option<Revision> {
    let annotations = object.pointer("/metadata/annotations")?;
    Revision::parse(annotations.get(REVISION_ANNOTATION)?.as_str()?)
}

/// A template without the hash label and without the null timestamp that some servers send.
pub(crate) fn plain(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(metadata) = template
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
    {
        metadata.remove("creationTimestamp");
        let labels = metadata.get_mut("labels").and_then(Value::as_object_mut);
        let bare = labels.is_some_and(|labels| {
            labels.remove(TEMPLATE_HASH_LABEL);
            labels.is_empty()
        });
        if bare {
            metadata.remove("labels");
        }
    }
    template
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
