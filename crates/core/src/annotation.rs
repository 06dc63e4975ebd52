//! What rollguard writes into the cluster to know it again: that a revision was found healthy, and
//! that a workload was rolled back.
//!
//! The first lies on the revision object itself, and names it: a Deployment's controller copies the
//! Deployment's annotations to its ReplicaSet, and `kubectl rollout undo` copies them back, so that
//! a text alone could end up on a revision that nobody ever checked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::workload::raw::{annotation, text};
use crate::workload::{Images, Revision, RevisionId};

/// How the annotation of a carrier that was found healthy begins; the carrier's uid follows. With the
/// uid in its name no copy of another carrier's mark ever takes its place: a controller writes a
/// Deployment's annotations onto its ReplicaSet at every sync (`deployment_util.go`,
/// `copyDeploymentAnnotationsToReplicaSet`), and `kubectl rollout undo` brings them there.
pub const LAST_KNOWN_GOOD: &str = "rollguard.dev/last-known-good-";

/// The annotation of a workload that was rolled back.
pub const ROLLBACK_RECORD: &str = "rollguard.dev/restored";

const VERSION: u32 = 1;

/// How many digests are kept: an annotation is no archive.
const IMAGES: usize = 20;

/// How long the name of a run may be, in characters.
const RUN: usize = 200;

/// That a revision was found healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastKnownGood {
    version: u32,
    /// The uid of the carrier it was written on.
    pub uid: String,
    /// When the check ended.
    pub verified_at: Timestamp,
    /// Which check.
    pub run: String,
    /// What its pods ran.
    #[serde(skip_serializing_if = "Images::is_empty", default)]
    pub images: Images,
}

impl LastKnownGood {
    /// A mark for the carrier with this uid.
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

    /// The mark of a carrier; one that was copied from another carrier is none.
    #[must_use]
    pub fn of(carrier: &Value) -> Option<Self> {
        let uid = text(carrier, "/metadata/uid");
        Self::parse(annotation(carrier, &Self::annotation(uid))?, uid)
    }

    /// The name of the annotation for the carrier with this uid.
    #[must_use]
    pub fn annotation(uid: &str) -> String {
        format!("{LAST_KNOWN_GOOD}{uid}")
    }

    /// The mark that an annotation of the carrier with this uid holds.
    #[must_use]
    pub fn parse(annotation: &str, uid: &str) -> Option<Self> {
        let mark: Self = serde_json::from_str(annotation).ok()?;
        (mark.version == VERSION && mark.uid == uid).then_some(mark)
    }

    /// As the annotation holds it.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// That a workload was rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackRecord {
    version: u32,
    /// The uid of the carrier that was restored.
    pub uid: String,
    /// The uid of the carrier that was found bad.
    pub from: String,
    /// The number that one had: it rises when it is used again.
    pub from_revision: Revision,
    /// The number that a person asked for: the carrier has another one since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<Revision>,
    /// When it was decided.
    pub at: Timestamp,
    /// Who did it.
    pub run: String,
}

impl RollbackRecord {
    /// That a run went back from one revision to another at this time.
    #[must_use]
    pub fn new(to: &RevisionId, from: &RevisionId, at: Timestamp, run: &str) -> Self {
        Self {
            version: VERSION,
            uid: to.uid.clone(),
            from: from.uid.clone(),
            from_revision: from.revision,
            asked: None,
            at,
            run: short(run),
        }
    }

    /// With the number that a person asked for, where one did.
    #[must_use]
    pub fn asked(self, asked: Option<Revision>) -> Self {
        Self { asked, ..self }
    }

    /// What a workload says of its last rollback; whether that still is the present revision is for
    /// the caller to compare.
    #[must_use]
    pub fn of(workload: &Value) -> Option<Self> {
        Self::parse(annotation(workload, ROLLBACK_RECORD)?)
    }

    /// What the annotation holds.
    #[must_use]
    pub fn parse(annotation: &str) -> Option<Self> {
        let restored: Self = serde_json::from_str(annotation).ok()?;
        (restored.version == VERSION).then_some(restored)
    }

    /// Whether it was this run.
    #[must_use]
    pub fn is_by(&self, run: &str) -> bool {
        self.run == short(run)
    }

    /// As the annotation holds it.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A run's name as it is written.
fn short(run: &str) -> String {
    run.chars().take(RUN).collect()
}
