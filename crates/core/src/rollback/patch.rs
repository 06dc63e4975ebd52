//! The change that rolls a workload back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::Request;
use crate::annotation::{CHANGE_CAUSE, LastKnownGood, ROLLBACK_RECORD, RollbackRecord};
use crate::history::{Entry, History};
use crate::workload::{Revision, RevisionId};

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
    /// Why the revision comes back, for `kubectl rollout history`. It is written on the revision object
    /// once the template is restored.
    ///
    /// On the workload it would outlive the rollback: a Deployment's controller copies it to the
    /// ReplicaSet of every later template (`deployment_util.go`, `SetNewReplicaSetAnnotations`), and
    /// that of a StatefulSet or DaemonSet to every new ControllerRevision. If the run ends between
    /// the two writes, the revision keeps the cause that it had, as after `kubectl rollout undo`.
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
                "rollguard: rolled back to revision {} by {} (as revision {})",
                to.revision(),
                request.run,
                next_revision(history)
            ),
            record: record(&to.id(), &from, request),
        }
    }

    /// Returns the name and the value of the annotation that is added.
    #[must_use]
    pub fn added_annotation(&self) -> (&'static str, String) {
        (ROLLBACK_RECORD, self.record.to_text())
    }

    /// Returns the name of the annotation that the workload must not have afterwards, whether or not
    /// it has it now: the cause of the bad release, which the controller would copy to the restored
    /// revision.
    #[must_use]
    pub const fn cleared_annotation(&self) -> &'static str {
        CHANGE_CAUSE
    }
}

/// Returns the number that the restored revision gets: every controller counts on from the highest.
fn next_revision(history: &History) -> Revision {
    let highest = history.entries().map(|it| it.revision().0).max();
    Revision(highest.unwrap_or_default().saturating_add(1))
}

/// Returns the record of a rollback from one revision to another.
pub(super) fn record(to: &RevisionId, from: &RevisionId, request: &Request) -> RollbackRecord {
    RollbackRecord::new(to, from, request.now, &request.run).asked(request.to_revision)
}
