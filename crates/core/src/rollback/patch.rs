//! The change that rolls a workload back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::Request;
use crate::annotation::{LastKnownGood, ROLLBACK_RECORD, RollbackRecord};
use crate::history::{Entry, History};
use crate::workload::RevisionId;

/// The annotation in which `kubectl rollout history` shows why a revision was made.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// A change of a workload's template and annotations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateChange {
    /// The template that was judged. Together with the workload's uid it is the precondition, and not
    /// the resourceVersion, which every update of the status moves.
    pub judged: Value,
    /// The template that replaces it.
    pub target: Value,
    /// Whether the workload has no annotations yet, so that the map has to be added first.
    pub creates_annotations: bool,
    /// The annotation that is removed: a copy of the mark of the revision that is rolled back.
    ///
    /// `kubectl rollout undo` copies the mark from the ReplicaSet to the Deployment, and the controller
    /// would copy it back to the bad revision.
    pub removed_annotation: Option<String>,
    /// Why the revision comes back, for `kubectl rollout history`.
    pub change_cause: String,
    /// The record of the rollback.
    pub record: RollbackRecord,
}

impl TemplateChange {
    /// Changes the template to that of `to`.
    pub(super) fn new(history: &History, to: &Entry<'_>, request: &Request) -> Self {
        let annotations = history.object().pointer("/metadata/annotations");
        // A revision without an object has no number yet: any later one tells of another deployment.
        let from = RevisionId {
            revision: history
                .current()
                .map_or_else(|| history.newest_number(), |it| it.revision()),
            ..history.present()
        };
        let copied = LastKnownGood::annotation(&from.uid);
        Self {
            judged: history.template().clone(),
            target: to.template(),
            creates_annotations: annotations.is_none_or(Value::is_null),
            removed_annotation: history.annotation(&copied).is_some().then_some(copied),
            change_cause: format!(
                "rollguard: rolled back to revision {} by {}",
                to.revision(),
                request.run
            ),
            record: record(&to.id(), &from, request),
        }
    }

    /// Returns the names and values of the annotations that are added.
    #[must_use]
    pub fn added_annotations(&self) -> [(&'static str, String); 2] {
        [
            (CHANGE_CAUSE, self.change_cause.clone()),
            (ROLLBACK_RECORD, self.record.to_text()),
        ]
    }
}

/// Returns the record of a rollback from one revision to another.
pub(super) fn record(to: &RevisionId, from: &RevisionId, request: &Request) -> RollbackRecord {
    RollbackRecord::new(to, from, request.now, &request.run).asked(request.to_revision)
}
