//! Lookups in the cluster that are made only while a cause makes them matter.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A question about the namespace, beyond what is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "camelCase")]
pub enum Lookup {
    /// Which objects say that they create this Secret.
    Secret {
        /// Its name.
        name: String,
    },
    /// Which Jobs may create this ConfigMap.
    ConfigMap {
        /// Its name.
        name: String,
    },
    /// Which quotas limit the number of ControllerRevisions.
    RevisionQuota,
    /// Which workloads have pods that are about to leave, and free quota.
    LeavingPods,
    /// Which Services, Ingresses and policies stand between users and the pods.
    Traffic,
    /// The same, and which ports of pods refuse connections.
    TrafficAndPorts {
        /// The ports to try.
        ports: BTreeSet<PodPort>,
    },
}

/// A port of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodPort {
    /// The pod's name.
    pub pod: String,
    /// Its uid.
    pub uid: String,
    /// The port.
    pub port: u16,
    /// The path to ask there over HTTP; without one only the port is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Something in the cluster that may heal a cause, or explains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// The object as people name it, ``Certificate `web` ``; where it cannot be read, the API group or
    /// the resource.
    pub by: String,
    /// Whether it was read. What may not be read may promise as well.
    pub read: bool,
    /// For a Job: since when it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Timestamp>,
}

impl Promise {
    /// By an object that was read.
    #[must_use]
    pub const fn read(by: String) -> Self {
        Self {
            by,
            read: true,
            since: None,
        }
    }

    /// By objects that cannot be read.
    #[must_use]
    pub const fn unread(by: String) -> Self {
        Self {
            by,
            read: false,
            since: None,
        }
    }
}
