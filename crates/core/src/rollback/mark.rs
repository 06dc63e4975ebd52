//! What rollguard writes into the cluster to know it again: that a revision was found healthy, and
//! that a workload was rolled back.
//!
//! The mark lies on the revision's own carrier, and names it: a Deployment's controller copies the
//! Deployment's annotations to its ReplicaSet, and `kubectl rollout undo` copies them back, so that
//! a text alone could end up on a revision that nobody ever checked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Request;
use crate::history::{Images, RevisionId, annotation, images_of, text};
use crate::observation::ResourceKind;
use crate::session::{Session, TrackedWorkload};
use crate::snapshot::{PodView, Rollout};
use crate::verdict::Verdict;
use crate::workload::{Revision, WorkloadRef};

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
    /// That a request leads from one revision to another.
    #[must_use]
    pub fn new(to: &RevisionId, from: &RevisionId, request: &Request) -> Self {
        Self {
            version: VERSION,
            uid: to.uid.clone(),
            from: from.uid.clone(),
            from_revision: from.revision,
            asked: request.to_revision,
            at: request.now,
            run: short(&request.run),
        }
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

/// A mark that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastKnownGoodUpdate {
    /// Whose revision.
    pub workload: WorkloadRef,
    /// What kind of object carries it.
    pub resource: ResourceKind,
    /// The carrier's name.
    pub name: String,
    /// What to write.
    pub mark: LastKnownGood,
}

/// What a session has shown to be good: every workload that succeeded with all its pods, of which
/// there must be one.
#[must_use]
pub fn last_known_good_updates(
    session: &Session,
    at: Timestamp,
    run: &str,
) -> Vec<LastKnownGoodUpdate> {
    let workloads = session.workloads().iter();
    let good = workloads.filter(|it| *it.verdict() == Verdict::Succeeded);
    good.filter_map(|tracked| marking(session, tracked, (at, run)))
        .collect()
}

fn marking(
    session: &Session,
    tracked: &TrackedWorkload,
    (at, run): (Timestamp, &str),
) -> Option<LastKnownGoodUpdate> {
    let rollout = session.snapshot().rollout(tracked.workload())?;
    let (resource, name, uid) = rollout.new_carrier()?;
    // Of a partition, and of pods that could not be seen, too little is known.
    let whole = rollout.workload().counts().available > 0 && rollout.old_pods().is_empty();
    if !whole || rollout.new_pods().is_empty() || tracked.judged() != Some(uid) {
        return None;
    }
    Some(LastKnownGoodUpdate {
        workload: tracked.workload().clone(),
        resource,
        name: name.to_owned(),
        mark: LastKnownGood::new(uid, at, run, running(&rollout)),
    })
}

/// The digests of what the pods of the newest revision run.
pub(crate) fn running(rollout: &Rollout<'_>) -> Images {
    let pods = rollout.new_pods();
    images_of(pods.iter().map(PodView::object))
}
