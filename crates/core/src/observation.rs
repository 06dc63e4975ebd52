//! An observation: the only input of the core, and the record of a trace.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::finding::{Lookup, Promise};
use crate::http::HttpAnswer;
use crate::traffic::NetworkObjects;
use crate::workload::{Workload, WorkloadKind, WorkloadRef};

mod slim;

pub use slim::Slim;
pub(crate) use slim::TOKEN_VOLUME;

/// Something seen at one time.
///
/// Times are by the API server's clock (the shell corrects its own), so that they compare with the
/// timestamps in objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When it was seen.
    pub at: Timestamp,
    /// What was seen.
    pub seen: Seen,
}

impl Observation {
    /// Makes an observation.
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
    /// Jobs.
    Job,
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
    /// Returns the resource of a kind of workload.
    #[must_use]
    pub const fn of(kind: WorkloadKind) -> Self {
        match kind {
            WorkloadKind::Deployment => Self::Deployment,
            WorkloadKind::StatefulSet => Self::StatefulSet,
            WorkloadKind::DaemonSet => Self::DaemonSet,
            WorkloadKind::Job => Self::Job,
        }
    }

    /// Returns whether the resource is a workload.
    #[must_use]
    pub const fn is_workload(self) -> bool {
        matches!(
            self,
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::Job
        )
    }

    /// Returns the resources to watch for workloads of a kind; the first ones decide which pods
    /// belong to the new revision.
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
            WorkloadKind::Job => &[Self::Job, Self::Pod, Self::Event],
        }
    }

    /// Returns the API's kind of one object.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::ReplicaSet => "ReplicaSet",
            Self::ControllerRevision => "ControllerRevision",
            Self::Pod | Self::PodProxy => "Pod",
            Self::Event => "Event",
            Self::Node => "Node",
        }
    }

    /// Returns the plural, as in RBAC rules.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::Job => "jobs",
            Self::ReplicaSet => "replicasets",
            Self::ControllerRevision => "controllerrevisions",
            Self::Pod => "pods",
            Self::Event => "events",
            Self::Node => "nodes",
            Self::PodProxy => "pods/proxy",
        }
    }
}

/// The content of an observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Seen {
    /// The present state of a workload.
    Workload {
        /// The object.
        object: Workload,
    },
    /// The present state of a ReplicaSet.
    ReplicaSet {
        /// The object.
        #[serde(deserialize_with = "through_value")]
        object: Box<ReplicaSet>,
    },
    /// The present state of a revision of a StatefulSet or DaemonSet.
    ControllerRevision {
        /// The object.
        #[serde(deserialize_with = "through_value")]
        object: Box<ControllerRevision>,
    },
    /// The present state of a node.
    Node {
        /// The object.
        #[serde(deserialize_with = "through_value")]
        object: Box<Node>,
    },
    /// The answer of a pod to an HTTP request of the session.
    Answered {
        /// The pod's uid.
        pod: String,
        /// The index of the check in the session.
        check: usize,
        /// The answer.
        answer: Answer,
    },
    /// The present state of a pod.
    Pod {
        /// The object.
        #[serde(deserialize_with = "through_value")]
        object: Box<Pod>,
    },
    /// An event in the namespace.
    Event {
        /// The object.
        #[serde(deserialize_with = "through_value")]
        object: Box<Event>,
    },
    /// An object was deleted.
    #[serde(rename_all = "camelCase")]
    Gone {
        /// The resource of the object.
        resource: ResourceKind,
        /// The uid of the object.
        uid: String,
    },
    /// A complete list of a resource: known objects that are not in it are gone.
    Listed {
        /// The listed resource.
        resource: ResourceKind,
        /// The uids of all existing objects.
        uids: Vec<String>,
    },
    /// The answer to a [`Lookup`] of the session.
    LookedUp {
        /// What was looked up.
        lookup: Lookup,
        /// What may heal the cause; empty where nothing in the cluster does.
        promises: Vec<Promise>,
    },
    /// The answer to [`Lookup::Traffic`]: what stands between users and the pods of the namespace.
    Traffic {
        /// The objects.
        #[serde(deserialize_with = "through_value")]
        objects: Box<NetworkObjects>,
    },
    /// The end of a read that the recheck of a verdict asked for. Only the recheck takes it in; a session
    /// does not.
    Reread(EndedRead),
    /// A resource cannot be seen, or no longer.
    Blind {
        /// What cannot be seen.
        resource: ResourceKind,
        /// Why.
        why: Blindness,
    },
    /// Time passed.
    Tick,
}

/// Deserializes an object of the API from a `Value`, as all code here does. Each further source of an
/// object would be another copy of the code for its hundreds of fields: a tenth of the binary.
fn through_value<'de, K, D>(deserializer: D) -> Result<Box<K>, D::Error>
where
    K: for<'a> Deserialize<'a>,
    D: Deserializer<'de>,
{
    let value = Value::deserialize(deserializer)?;
    Box::deserialize(&value).map_err(D::Error::custom)
}

impl Seen {
    /// Drops the parts of an object that nothing reads: a recording then shows what a live check sees.
    #[must_use]
    pub fn slimmed(mut self) -> Self {
        match &mut self {
            Self::ReplicaSet { object } => object.slim(),
            Self::ControllerRevision { object } => object.slim(),
            Self::Node { object } => object.slim(),
            Self::Pod { object } => object.slim(),
            Self::Event { object } => object.slim(),
            Self::Workload { .. }
            | Self::Answered { .. }
            | Self::Gone { .. }
            | Self::Listed { .. }
            | Self::LookedUp { .. }
            | Self::Traffic { .. }
            | Self::Reread(_)
            | Self::Blind { .. }
            | Self::Tick => {}
        }
        self
    }

    /// Returns the resource that was seen; `None` for a tick, a lookup and the read of a recheck.
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
            Self::LookedUp { .. } | Self::Traffic { .. } | Self::Reread(_) | Self::Tick => None,
        }
    }
}

/// A read of a workload that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndedRead {
    /// The workload that was read.
    pub workload: WorkloadRef,
    /// The result.
    pub read: FreshRead,
}

/// The result of a read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "camelCase")]
pub enum FreshRead {
    /// The workload as it is.
    Found {
        /// The object.
        object: Box<Workload>,
    },
    /// The workload does not exist any more.
    NotFound,
    /// The workload could not be read.
    Blind {
        /// Why.
        why: Blindness,
    },
}

/// The outcome of an HTTP request to a pod.
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
        /// The message of the API server.
        message: String,
    },
}

/// The beginning of the shell's message for a request without an answer in time.
pub const NO_ANSWER: &str = "no answer within";

impl Answer {
    /// Returns whether the request reached the pod.
    ///
    /// A refused connection shows that it did; silence does not, since a `NetworkPolicy` drops
    /// packets.
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
