//! The one verdict; every consequence hangs on it alone and matches it without a wildcard.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::duration::Human;
use crate::finding::Finding;
use crate::observation::{Blindness, ResourceKind};

/// Why a rollout is not complete yet: kubectl's questions in kubectl's order
/// (`k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`), then our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "reason",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Pending {
    /// Nothing has been seen yet.
    NotSeen,
    /// The controller has not read the newest spec.
    NotObserved {
        /// `metadata.generation`.
        generation: i64,
        /// `status.observedGeneration`.
        observed: Option<i64>,
    },
    /// Fewer pods of the new revision exist than desired.
    Updating {
        /// `status.updatedReplicas`.
        updated: i32,
        /// `spec.replicas`.
        desired: i32,
    },
    /// Pods of former revisions still exist.
    OldReplicas {
        /// How many.
        old: i32,
    },
    /// New pods are not available.
    Unavailable {
        /// `status.availableReplicas`.
        available: i32,
        /// `status.updatedReplicas`.
        updated: i32,
    },
    /// Complete, but not yet for long enough.
    Stabilising {
        /// How long it must stay complete.
        needed: Duration,
    },
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSeen => f.write_str("waiting for the first look at the workload"),
            Self::NotObserved { generation, .. } => {
                write!(
                    f,
                    "waiting for the controller to observe generation {generation}"
                )
            }
            Self::Updating { updated, desired } => {
                write!(f, "{updated} of {desired} replicas updated")
            }
            Self::OldReplicas { old: 1 } => f.write_str("1 old replica is still there"),
            Self::OldReplicas { old } => write!(f, "{old} old replicas are still there"),
            Self::Unavailable { available, updated } => {
                write!(f, "{available} of {updated} updated replicas available")
            }
            Self::Stabilising { needed } => {
                write!(f, "complete; must stay so for {}", Human(*needed))
            }
        }
    }
}

/// Why nothing can be said about the rollout. Never a reason to roll back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "reason",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Undetermined {
    /// A resource that the verdict needs cannot be seen.
    Blind {
        /// What cannot be seen.
        resource: ResourceKind,
        /// Since when.
        since: Timestamp,
        /// Why.
        why: Blindness,
    },
    /// The pod template changed while we watched: another rollout has begun.
    Superseded,
    /// The workload was deleted, or replaced by another of the same name, while we watched.
    Deleted,
}

impl fmt::Display for Undetermined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blind {
                resource,
                why: Blindness::Forbidden { message },
                ..
            } => {
                write!(f, "may not watch {}: {message}", resource.plural())
            }
            Self::Blind {
                why: Blindness::Unauthorized { message },
                ..
            } => {
                write!(f, "the credentials are not accepted any more: {message}")
            }
            Self::Blind {
                resource,
                why: Blindness::Disconnected { message },
                ..
            } => {
                write!(f, "lost sight of {}: {message}", resource.plural())
            }
            Self::Superseded => f.write_str("a newer rollout of the workload began meanwhile"),
            Self::Deleted => f.write_str("the workload was deleted meanwhile"),
        }
    }
}

/// What is known of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "verdict",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Verdict {
    /// Neither good nor bad yet.
    Progressing {
        /// What is missing.
        pending: Pending,
    },
    /// Complete and stable.
    Succeeded,
    /// A cause that does not heal.
    Failed {
        /// The causes, the most telling first; never empty.
        causes: Vec<Finding>,
    },
    /// The deadline passed without such a cause.
    TimedOut {
        /// What was missing.
        pending: Pending,
        /// What may be the cause, the most telling first.
        suspects: Vec<Finding>,
    },
    /// It cannot be seen.
    Undetermined {
        /// Why.
        why: Undetermined,
    },
}

impl Verdict {
    /// Whether the session is over.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        match self {
            Self::Progressing { .. } => false,
            Self::Succeeded
            | Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::Undetermined { .. } => true,
        }
    }

    /// The word for it in reports and output variables.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Progressing { .. } => "progressing",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timedOut",
            Self::Undetermined { .. } => "undetermined",
        }
    }

    /// Whether a rollback may be offered: only for what was seen to be bad.
    #[must_use]
    pub const fn offers_rollback(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::TimedOut { .. } => true,
            Self::Progressing { .. } | Self::Succeeded | Self::Undetermined { .. } => false,
        }
    }

    /// The causes or suspects.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Failed { causes } => causes,
            Self::TimedOut { suspects, .. } => suspects,
            Self::Progressing { .. } | Self::Succeeded | Self::Undetermined { .. } => &[],
        }
    }
}
