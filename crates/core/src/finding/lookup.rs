//! What is looked up in the cluster only while a cause makes it matter.

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
    /// Which workloads have pods that are about to leave, and free quota.
    LeavingPods,
}

/// Something in the cluster that may heal a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// The object as people name it, ``Certificate `web` ``; where it cannot be read, the API group or
    /// the resource.
    pub by: String,
    /// Whether it was read. What may not be read may promise as well.
    pub read: bool,
}
