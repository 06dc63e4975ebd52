//! One thing seen at one time: the only input of the core, and the record of a trace.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use serde::{Deserialize, Serialize};

use crate::http::HttpAnswer;
use crate::workload::{Workload, WorkloadKind};

/// One thing seen at one time. Times are the API server's (the shell corrects its clock), so that
/// they compare with the timestamps inside the objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When it was seen.
    pub at: Timestamp,
    /// What was seen.
    pub seen: Seen,
}

impl Observation {
    /// Something seen now.
    #[must_use]
    pub const fn new(at: Timestamp, seen: Seen) -> Self {
        Self { at, seen }
    }
}

/// The resources that a session looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ResourceKind {
    /// Deployments.
    Deployment,
    /// StatefulSets.
    StatefulSet,
    /// DaemonSets.
    DaemonSet,
    /// The ReplicaSets of Deployments.
    ReplicaSet,
    /// The revisions of StatefulSets and DaemonSets.
    ControllerRevision,
    /// Their pods.
    Pod,
    /// The namespace's events.
    Event,
    /// The cluster's nodes, where DaemonSets are followed.
    Node,
    /// What pods answer over HTTP, where that is checked.
    PodProxy,
}

impl ResourceKind {
    /// The workloads of a kind.
    #[must_use]
    pub const fn of(kind: WorkloadKind) -> Self {
        match kind {
            WorkloadKind::Deployment => Self::Deployment,
            WorkloadKind::StatefulSet => Self::StatefulSet,
            WorkloadKind::DaemonSet => Self::DaemonSet,
        }
    }

    /// Whether it is a kind of workloads.
    #[must_use]
    pub const fn is_workload(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet | Self::DaemonSet)
    }

    /// What must be watched to follow workloads of a kind, besides themselves: the first few decide
    /// what belongs to the new revision.
    #[must_use]
    pub const fn needed_for(kind: WorkloadKind) -> &'static [Self] {
        match kind {
            WorkloadKind::Deployment => {
                &[Self::Deployment, Self::ReplicaSet, Self::Pod, Self::Event]
            }
            WorkloadKind::StatefulSet => &[
                Self::StatefulSet,
                Self::ControllerRevision,
                Self::Pod,
                Self::Event,
            ],
            WorkloadKind::DaemonSet => &[
                Self::DaemonSet,
                Self::ControllerRevision,
                Self::Pod,
                Self::Event,
                Self::Node,
            ],
        }
    }

    /// The plural as RBAC rules name it.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::ReplicaSet => "replicasets",
            Self::ControllerRevision => "controllerrevisions",
            Self::Pod => "pods",
            Self::Event => "events",
            Self::Node => "nodes",
            Self::PodProxy => "pods/proxy",
        }
    }
}

/// What can be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Seen {
    /// A workload as it is now.
    Workload {
        /// The object.
        object: Workload,
    },
    /// A ReplicaSet as it is now.
    ReplicaSet {
        /// The object.
        object: Box<ReplicaSet>,
    },
    /// A revision of a StatefulSet or DaemonSet as it is now.
    ControllerRevision {
        /// The object.
        object: Box<ControllerRevision>,
    },
    /// A node as it is now.
    Node {
        /// The object.
        object: Box<Node>,
    },
    /// What a pod answered to an HTTP check that the session had asked for.
    Answered {
        /// The pod's uid.
        pod: String,
        /// Which of the session's checks, counted from 0.
        check: usize,
        /// What came back.
        answer: Answer,
    },
    /// A pod as it is now.
    Pod {
        /// The object.
        object: Box<Pod>,
    },
    /// An event about something in the namespace.
    Event {
        /// The object.
        object: Box<Event>,
    },
    /// An object was deleted.
    #[serde(rename_all = "camelCase")]
    Gone {
        /// What it was.
        resource: ResourceKind,
        /// Its uid.
        uid: String,
    },
    /// A list of a resource is complete; whatever is known and not in it is gone.
    Listed {
        /// What was listed.
        resource: ResourceKind,
        /// The uids of all that exist.
        uids: Vec<String>,
    },
    /// A resource cannot be seen (any more).
    Blind {
        /// What cannot be seen.
        resource: ResourceKind,
        /// Why.
        why: Blindness,
    },
    /// Time passed.
    Tick,
}

impl Seen {
    /// Returns the resource that was seen; `None` for a tick.
    #[must_use]
    pub const fn resource(&self) -> Option<ResourceKind> {
        match self {
            Self::Workload { object } => Some(ResourceKind::of(object.kind())),
            Self::ReplicaSet { .. } => Some(ResourceKind::ReplicaSet),
            Self::ControllerRevision { .. } => Some(ResourceKind::ControllerRevision),
            Self::Pod { .. } => Some(ResourceKind::Pod),
            Self::Event { .. } => Some(ResourceKind::Event),
            Self::Node { .. } => Some(ResourceKind::Node),
            Self::Answered { .. } => Some(ResourceKind::PodProxy),
            Self::Gone { resource, .. }
            | Self::Listed { resource, .. }
            | Self::Blind { resource, .. } => Some(*resource),
            Self::Tick => None,
        }
    }
}

/// What became of an HTTP request to a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Answer {
    /// The pod answered.
    Came {
        /// Its answer.
        #[serde(flatten)]
        answer: HttpAnswer,
    },
    /// The API server could not reach the pod.
    Failed {
        /// Its words.
        message: String,
    },
}

/// How the shell's words begin where nothing at all came back in time.
pub const NO_ANSWER: &str = "no answer within";

impl Answer {
    /// Whether it shows that the way to the pod is open: a refused connection does, silence does not,
    /// since a `NetworkPolicy` drops what it does not let through.
    #[must_use]
    pub fn reached(&self) -> bool {
        match self {
            Self::Came { .. } => true,
            Self::Failed { message } => !message.starts_with(NO_ANSWER),
        }
    }
}

/// Why something cannot be seen. Never a reason to roll back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "cause", rename_all = "camelCase")]
pub enum Blindness {
    /// The API server refuses (403).
    Forbidden {
        /// Its message.
        message: String,
    },
    /// The credentials are not (or no longer) accepted (401).
    Unauthorized {
        /// Its message.
        message: String,
    },
    /// The API server cannot be reached or answers with errors.
    Disconnected {
        /// What was tried last and how it failed.
        message: String,
    },
}
