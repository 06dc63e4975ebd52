//! Why nothing is rolled back.

use serde::{Deserialize, Serialize};

use crate::workload::Revision;

/// Why nothing is rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(
    tag = "reason",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Refusal {
    /// It is a Job.
    #[error("Jobs have no revisions to go back to")]
    NoRevisions,
    /// Only one revision exists.
    #[error("there is nothing to roll back to: only one revision is known; revisions: {known}")]
    OneRevision {
        /// The history, for the eye.
        known: String,
    },
    /// Nothing shows which former revision was good.
    #[error("no former revision is known to be good; revisions: {known}")]
    NoCandidate {
        /// The history, for the eye.
        known: String,
    },
    /// The present revision was itself restored.
    #[error(
        "the present revision was restored by a rollback, and the revision that it replaced had failed; revisions: {known}"
    )]
    Restored {
        /// The history, for the eye.
        known: String,
    },
    /// The present revision was found healthy and is.
    #[error(
        "the present revision {present} was found healthy by a check and is complete; revisions: {known}"
    )]
    KnownGood {
        /// Its number.
        present: Revision,
        /// The history, for the eye.
        known: String,
    },
    /// The named revision does not exist.
    #[error("revision {wanted} does not exist; revisions: {known}")]
    UnknownRevision {
        /// What was asked for.
        wanted: Revision,
        /// The history, for the eye.
        known: String,
    },
    /// The handed-over target is gone from the history.
    #[error("the approved revision {wanted} is gone from the history; revisions: {known}")]
    TargetGone {
        /// What was approved.
        wanted: Revision,
        /// The history, for the eye.
        known: String,
    },
    /// The evidence is about other workloads.
    #[error("the evidence is about {evidence}, not about this workload")]
    OtherWorkload {
        /// What it is about.
        evidence: String,
    },
    /// A selector found it, and its present rollout is complete.
    #[error("its rollout is complete, and nothing shows that it fails")]
    Healthy,
    /// A selector found it, and its present rollout may still become healthy.
    #[error("its rollout is not complete, and nothing shows yet that it fails")]
    NotFailing,
    /// A selector found it, and it fails long after its present rollout was complete.
    #[error(
        "its rollout was complete more than a day ago; what fails now began later, and may affect every revision"
    )]
    LongComplete,
    /// Another rollout began since the check.
    #[error("a newer rollout began after the check; it is left alone")]
    Superseded,
    /// The rollout that was found bad has become healthy since.
    #[error("the rollout has become healthy since the check; there is nothing to undo")]
    Healed,
    /// The rollout that was found bad has become complete since, and more than that had to be shown.
    #[error(
        "the rollout has become complete since the check, but its HTTP checks have not been repeated"
    )]
    Unproven,
    /// This run has rolled back before.
    #[error(
        "this run has rolled back before, and another revision was deployed since; it is left alone"
    )]
    Done,
    /// The Deployment is paused.
    #[error("the Deployment is paused; the controller would not act on a rollback")]
    Paused,
    /// The workload is being deleted.
    #[error("the workload is being deleted")]
    Deleting,
}

impl Refusal {
    /// Returns its stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRevisions => "NoRevisions",
            Self::OneRevision { .. } => "OneRevision",
            Self::NoCandidate { .. } => "NoCandidate",
            Self::Restored { .. } => "Restored",
            Self::KnownGood { .. } => "KnownGood",
            Self::UnknownRevision { .. } => "UnknownRevision",
            Self::TargetGone { .. } => "TargetGone",
            Self::OtherWorkload { .. } => "OtherWorkload",
            Self::Healthy => "Healthy",
            Self::NotFailing => "NotFailing",
            Self::LongComplete => "LongComplete",
            Self::Superseded => "Superseded",
            Self::Healed => "Healed",
            Self::Unproven => "Unproven",
            Self::Done => "Done",
            Self::Paused => "Paused",
            Self::Deleting => "Deleting",
        }
    }

    /// Returns what the user can do.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoRevisions => {
                "correct what the Job runs, then create it again; roll the workloads beside it back by their names"
            }
            Self::OneRevision { .. } => {
                "deploy a corrected version instead; revisionHistoryLimit sets how many revisions are kept"
            }
            Self::NoCandidate { .. } | Self::Restored { .. } | Self::KnownGood { .. } => {
                "name the revision to restore: --to-revision N, or input toRevision"
            }
            Self::OtherWorkload { .. } => "pass the evidence of this workload's own check",
            Self::UnknownRevision { .. } => "choose one of the listed revisions",
            Self::TargetGone { .. } => {
                "deploy a corrected version, or name another revision: --to-revision N, or input toRevision"
            }
            Self::Healthy => "to roll it back all the same, name it instead of the selector",
            Self::LongComplete => {
                "look for a cause that other workloads share; to roll it back all the same, name it instead of the selector"
            }
            Self::NotFailing => {
                "check it, and pass the evidence of that check if it fails; or name the workload to roll it back \
                 all the same"
            }
            Self::Superseded => "check the newer rollout first",
            Self::Unproven => {
                "check the rollout again: the new check judges its present state, and offers a rollback if necessary"
            }
            Self::Done => {
                "to undo that revision, pass the evidence of its check, or name the revision to restore: \
                 --to-revision N, or input toRevision"
            }
            Self::Paused => "resume it first: kubectl rollout resume",
            Self::Healed | Self::Deleting => return None,
        })
    }
}
