//! The document of `history --output json`: the revisions of a workload, and which are known to be good.

use jiff::Timestamp;
use serde::Serialize;

use super::without_markers;
use crate::history::{Entry, History};
use crate::workload::{ClusterName, Images, Revision, RevisionId, WorkloadRef};

/// The version of the document; it rises when a reader would have to change.
pub const HISTORY_SCHEMA_VERSION: u32 = 1;

/// The revisions of a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryDocument {
    /// The version of this form; it rises when a reader would have to change.
    pub schema_version: u32,
    /// Which workload.
    #[serde(flatten)]
    pub workload: WorkloadRef,
    /// The cluster.
    pub cluster: ClusterName,
    /// When it was read, by the API server's clock.
    pub at: Timestamp,
    /// The revisions, the newest first.
    pub revisions: Vec<RevisionEntry>,
    /// The last rollback, if one is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<RollbackEntry>,
}

/// A revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionEntry {
    /// Its number, name and uid.
    #[serde(flatten)]
    pub id: RevisionId,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Its age in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// Whether the workload has its template.
    pub current: bool,
    /// How many of its pods are available.
    pub available: u64,
    /// The images that its template names.
    pub images: Vec<String>,
    /// That a check found it healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_good: Option<KnownGoodEntry>,
}

/// The mark of a revision that a check found healthy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownGoodEntry {
    /// When the check ended.
    pub at: Timestamp,
    /// The run of the check.
    pub by: String,
    /// The digests that its pods ran, by container.
    pub images: Images,
}

/// A rollback.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackEntry {
    /// When.
    pub at: Timestamp,
    /// The run that rolled back.
    pub by: String,
    /// The revision that was found bad.
    pub from_revision: Revision,
    /// The revision that was restored, with the number that it had until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_revision: Option<Revision>,
    /// Whether what was restored is still in place, and nothing was deployed since.
    pub in_place: bool,
}

impl HistoryDocument {
    /// Returns the document of a history that was read at this time.
    #[must_use]
    pub fn new(history: &History, cluster: &ClusterName, now: Timestamp) -> Self {
        let current = history.current().map(|it| it.uid().to_owned());
        let entry = |it: Entry<'_>| RevisionEntry {
            id: it.id(),
            created: it.created(),
            age_seconds: it
                .created()
                .map(|at| crate::duration::elapsed(at, now).as_secs()),
            current: current.as_deref() == Some(it.uid()),
            available: it.available(),
            images: it.images().into_iter().map(str::to_owned).collect(),
            known_good: it.mark().map(|mark| KnownGoodEntry {
                at: mark.verified_at,
                by: mark.run,
                images: mark.images,
            }),
        };
        Self {
            schema_version: HISTORY_SCHEMA_VERSION,
            workload: history.workload().clone(),
            cluster: cluster.clone(),
            at: now,
            revisions: history.entries().map(entry).collect(),
            rolled_back: history.rollback_record().map(|it| RollbackEntry {
                in_place: history.restored().is_some(),
                at: it.at,
                by: it.run,
                from_revision: it.from_revision,
                to_revision: it.to_revision,
            }),
        }
    }

    /// Returns the document as JSON that no log parser can take for a command.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(without_markers(&serde_json::to_string_pretty(self)?))
    }
}
