//! The questions of a prediction to the cluster, and its answers.

use serde_json::Value;

use crate::finding;
use crate::history::History;
use crate::observation::{ResourceKind, Seen};
use crate::rollback::preflight::{DryRun, Lookup, ObjectState, Reference};
use crate::workload::WorkloadRef;

/// One object of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its API version, such as `apps/v1`.
    pub api: &'static str,
    /// Its plural.
    pub plural: &'static str,
    /// Its namespace; `None` for an object of the whole cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Place {
    /// Names a workload.
    #[must_use]
    pub fn of(workload: &WorkloadRef) -> Self {
        Self {
            api: "apps/v1",
            plural: ResourceKind::of(workload.kind).plural(),
            namespace: Some(workload.namespace.clone()),
            name: workload.name.clone(),
        }
    }
}

/// All objects of a kind, of a namespace or of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Their API version.
    pub api: &'static str,
    /// Their plural.
    pub plural: &'static str,
    /// Their namespace; `None` for the whole cluster.
    pub namespace: Option<String>,
}

/// A change of a workload, to be sent as a dry run.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The workload.
    pub workload: WorkloadRef,
    /// The object to create, or the merge patch that makes the existing one equal to the manifest.
    pub body: Value,
    /// Whether the workload exists.
    pub exists: bool,
}

/// A question to the cluster. Nothing is written: what would write is sent as a dry run.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// An object that holds no secret.
    Object(Place),
    /// A list of objects.
    List(Collection),
    /// Whether a ConfigMap or Secret exists, and its keys.
    Reference {
        /// Its namespace.
        namespace: String,
        /// The object.
        reference: Reference,
    },
    /// A workload with its revisions and pods.
    History(WorkloadRef),
    /// What a check looks up as well: promises, and the objects between users and pods.
    LookUp {
        /// The namespace.
        namespace: String,
        /// The lookup.
        lookup: finding::Lookup,
    },
    /// The API server's word for a workload, by a dry run.
    Apply(Box<Change>),
    /// The API server's word for a pod, by a dry run.
    CreatePod {
        /// The namespace.
        namespace: String,
        /// The pod.
        pod: Box<Value>,
    },
}

/// The result of a dry run, with what the API server would store.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Whether it is accepted.
    pub result: DryRun,
    /// The object as it would be stored.
    pub written: Option<Value>,
    /// The warnings of the API server.
    pub warnings: Vec<String>,
}

impl Trial {
    /// A dry run that was not possible.
    #[must_use]
    pub const fn not_tried(why: String) -> Self {
        Self {
            result: DryRun::NotTried(why),
            written: None,
            warnings: Vec::new(),
        }
    }
}

/// The answer to a question, of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To [`Question::Object`].
    Object(Lookup<Value>),
    /// To [`Question::List`]. A resource that the API does not have is `Missing`.
    List(Lookup<Vec<Value>>),
    /// To [`Question::Reference`].
    State(Lookup<ObjectState>),
    /// To [`Question::History`].
    History(Lookup<Box<History>>),
    /// To [`Question::LookUp`]; `None` where the cluster gave no usable answer.
    LookedUp(Option<Box<Seen>>),
    /// To [`Question::Apply`] and [`Question::CreatePod`].
    Trial(Box<Trial>),
}

/// The answers so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    known: Vec<(Question, Answer)>,
}

impl Answers {
    /// Adds answers.
    pub fn extend(&mut self, answers: impl IntoIterator<Item = (Question, Answer)>) {
        self.known.extend(answers);
    }

    pub(super) fn to(&self, question: &Question) -> Option<&Answer> {
        let mut known = self.known.iter();
        known
            .find(|(it, _)| it == question)
            .map(|(_, answer)| answer)
    }
}
