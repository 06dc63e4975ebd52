//! One revision of a workload, and the images that it ran.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Revision;

/// One revision, named so that nothing else can be meant: revision numbers move, uids do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RevisionId {
    /// The number that `kubectl rollout history` shows now.
    pub revision: Revision,
    /// The name of its revision object: a ReplicaSet or a ControllerRevision; empty while there is none.
    pub name: String,
    /// The revision object's uid. While there is none, because the API server refuses it, a
    /// fingerprint of the pod template: `template-` and 16 hexadecimal digits.
    pub uid: String,
}

impl RevisionId {
    /// Returns `2 (web-7d9f)`, or that there is no object of it.
    #[must_use]
    pub fn title(&self) -> String {
        if self.name.is_empty() {
            format!("{} (not created)", self.revision)
        } else {
            format!("{} ({})", self.revision, self.name)
        }
    }
}

/// The digests of the images that ran, by container.
pub type Images = BTreeMap<String, BTreeSet<String>>;

/// Returns the registry of an image: the host before the first slash, or Docker Hub.
#[must_use]
pub fn registry_of(image: &str) -> &str {
    let host = image.split_once('/').map(|(host, _)| host);
    host.filter(|host| host.contains(['.', ':']) || *host == "localhost")
        .unwrap_or("docker.io")
}
