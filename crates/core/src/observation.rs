//! One thing seen at one time: the only input of the core, and the record of a trace.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use serde::{Deserialize, Serialize};

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

/// The resources that a session watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceKind {
    /// The workload itself.
    Workload,
    /// Its ReplicaSets.
    ReplicaSet,
    /// Its pods.
    Pod,
    /// The namespace's events.
    Event,
}

impl ResourceKind {
    /// Every watched resource.
    pub const ALL: [Self; 4] = [Self::Workload, Self::ReplicaSet, Self::Pod, Self::Event];

    /// The plural as RBAC rules name it.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Workload => "deployments",
            Self::ReplicaSet => "replicasets",
            Self::Pod => "pods",
            Self::Event => "events",
        }
    }
}

/// What can be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Seen {
    /// The workload as it is now.
    Workload {
        /// The object.
        object: Box<Deployment>,
    },
    /// A ReplicaSet as it is now.
    ReplicaSet {
        /// The object.
        object: Box<ReplicaSet>,
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

/// Why something cannot be seen. Never a reason to roll back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
