//! The annotations that rollguard writes to recognise later that a revision was found healthy, and
//! that a workload was rolled back.
//!
//! The first is on the revision object itself, and names it: a Deployment's controller copies the
//! Deployment's annotations to its ReplicaSet, and `kubectl rollout undo` copies them back, so that
//! a text alone could end up on a revision that no one ever checked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::workload::{Images, Revision, RevisionId};

/// The prefix of the annotation on a revision object that was found healthy; the object's uid
/// follows.
///
/// With the uid in the name, a copy from another revision object never replaces it: the controller
/// copies a Deployment's annotations to its ReplicaSet at every sync (`deployment_util.go`,
/// `copyDeploymentAnnotationsToReplicaSet`), and `kubectl rollout undo` copies them to the
/// Deployment.
pub const LAST_KNOWN_GOOD: &str = "rollguard.dev/last-known-good-";

/// The annotation of a workload that was rolled back.
pub const ROLLBACK_RECORD: &str = "rollguard.dev/restored";

/// The annotation in which `kubectl rollout history` shows why a revision was made. It is read from
/// the revision object.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

const VERSION: u32 = 1;

/// The most digests that are kept, so that the annotation stays small.
const IMAGES: usize = 20;

/// The longest name of a run, in characters.
const RUN: usize = 200;

/// The annotation of a revision that a check found healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastKnownGood {
    version: u32,
    /// The uid of the revision object that it was written on.
    pub uid: String,
    /// When the check ended.
    pub verified_at: Timestamp,
    /// The run of the check.
    pub run: String,
    /// The images that the revision's pods ran.
    #[serde(skip_serializing_if = "Images::is_empty", default)]
    pub images: Images,
}

impl LastKnownGood {
    /// Makes the annotation for the revision object with this uid.
    #[must_use]
    pub fn new(uid: &str, verified_at: Timestamp, run: &str, images: Images) -> Self {
        let few = images.values().map(BTreeSet::len).sum::<usize>() <= IMAGES;
        Self {
            version: VERSION,
            uid: uid.to_owned(),
            verified_at,
            run: short(run),
            images: if few { images } else { Images::new() },
        }
    }

    /// Returns the name of the annotation for the revision object with this uid.
    #[must_use]
    pub fn annotation(uid: &str) -> String {
        format!("{LAST_KNOWN_GOOD}{uid}")
    }

    /// Parses the annotation of the revision object with this uid.
    #[must_use]
    pub fn parse(annotation: &str, uid: &str) -> Option<Self> {
        let mark: Self = serde_json::from_str(annotation).ok()?;
        (mark.version == VERSION && mark.uid == uid).then_some(mark)
    }

    /// Renders the value of the annotation.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The annotation of a workload that was rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackRecord {
    version: u32,
    /// The uid of the revision object that was restored.
    pub uid: String,
    /// The uid of the revision object that was found bad.
    pub from: String,
    /// The number of the bad revision, which rises when the revision is used again.
    pub from_revision: Revision,
    /// The number that the restored revision had until then; records of older versions lack it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to_revision: Option<Revision>,
    /// The number that a person asked for: the restored revision has a higher one since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<Revision>,
    /// When the rollback was decided.
    pub at: Timestamp,
    /// The run that rolled back.
    pub run: String,
}

impl RollbackRecord {
    /// Makes the record of a rollback from one revision to another.
    #[must_use]
    pub fn new(to: &RevisionId, from: &RevisionId, at: Timestamp, run: &str) -> Self {
        Self {
            version: VERSION,
            uid: to.uid.clone(),
            from: from.uid.clone(),
            from_revision: from.revision,
            to_revision: Some(to.revision),
            asked: None,
            at,
            run: short(run),
        }
    }

    /// Adds the number that a person asked for.
    #[must_use]
    pub fn asked(self, asked: Option<Revision>) -> Self {
        Self { asked, ..self }
    }

    /// Parses the value of the annotation.
    #[must_use]
    pub fn parse(annotation: &str) -> Option<Self> {
        let restored: Self = serde_json::from_str(annotation).ok()?;
        (restored.version == VERSION).then_some(restored)
    }

    /// Returns whether this run rolled back.
    #[must_use]
    pub fn is_by(&self, run: &str) -> bool {
        self.run == short(run)
    }

    /// Renders the value of the annotation.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Shortens the name of a run as it is written.
fn short(run: &str) -> String {
    run.chars().take(RUN).collect()
}
