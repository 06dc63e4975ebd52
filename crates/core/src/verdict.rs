//! The verdict of a rollout: every consequence depends on it alone, and matches it without a
//! wildcard.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::duration::Human;
use crate::finding::{Finding, FindingCode, RollbackHelps, grouped};
use crate::observation::{Blindness, ResourceKind};
use crate::workload::Revision;

mod standstill;

pub use standstill::{Owner, OwnerKind, RolloutStep, Standstill};

/// Why a rollout is not complete yet: kubectl's questions in kubectl's order
/// (`k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`), then our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Fewer pods of a Job have succeeded than must.
    Completions {
        /// `status.succeeded`.
        succeeded: i32,
        /// `spec.completions`; absent for a work queue, which ends when one of its pods has succeeded and none
        /// is left.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        wanted: Option<i32>,
        /// `status.active`.
        active: i32,
        /// `status.failed`.
        failed: i32,
    },
    /// The Job is suspended.
    Suspended,
    /// Pods of a StatefulSet are not ready.
    Unready {
        /// `status.readyReplicas`.
        ready: i32,
        /// `spec.replicas`.
        desired: i32,
    },
    /// The revision that was asked for has not come yet.
    Revision {
        /// The one that was asked for.
        wanted: Revision,
        /// The newest one.
        newest: Option<Revision>,
    },
    /// The counts are complete, but pods have not answered as expected yet.
    HttpChecks {
        /// How many answers were as expected.
        passed: usize,
        /// How many are wanted: checks times pods.
        wanted: usize,
    },
    /// Complete, and stable as far as pods go; whether users reach them is not known yet, or they do not.
    Traffic,
    /// Complete, but not yet for long enough.
    Stabilising {
        /// How long it must stay complete.
        needed: Duration,
        /// The liveness probe that makes it longer: no pod has lived for long enough yet to show that
        /// the probe passes.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        probe: Option<UnprovenProbe>,
    },
}

/// A liveness probe that has not yet had the time to kill a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UnprovenProbe {
    /// The container.
    pub container: String,
    /// How long the probe lets a container live that never answers it.
    pub allows: Duration,
    /// Whether an event says that it fails.
    pub failing: bool,
}

impl fmt::Display for UnprovenProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            container,
            allows,
            failing,
        } = self;
        if *failing {
            return write!(f, "container `{container}`: it fails at present");
        }
        let allows = Human(*allows);
        write!(
            f,
            "container `{container}`: a first kill takes up to {allows}"
        )
    }
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSeen => f.write_str("waiting to read the workload"),
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
            Self::Completions {
                succeeded,
                wanted,
                active,
                failed,
            } => {
                match wanted {
                    Some(wanted) => write!(f, "{succeeded} of {wanted} completions")?,
                    None => write!(f, "{succeeded} completions of a work queue")?,
                }
                let pods = |count: i32| if count == 1 { "pod" } else { "pods" };
                if *active > 0 {
                    write!(f, ", {active} {} active", pods(*active))?;
                }
                if *failed > 0 {
                    write!(f, ", {failed} {} failed", pods(*failed))?;
                }
                Ok(())
            }
            Self::Suspended => f.write_str("the Job is suspended"),
            Self::Unready { ready, desired } => write!(f, "{ready} of {desired} replicas ready"),
            Self::Revision { wanted, newest } => match newest {
                Some(newest) => {
                    write!(f, "waiting for revision {wanted}; the newest is {newest}")
                }
                None => write!(f, "waiting for revision {wanted}"),
            },
            Self::HttpChecks { passed, wanted } => {
                write!(f, "{passed} of {wanted} HTTP checks passed")
            }
            Self::Traffic => f.write_str("complete; waiting to see that Services lead to the pods"),
            Self::Stabilising { needed, probe } => {
                write!(f, "complete; must stay complete for {}", Human(*needed))?;
                let Some(probe) = probe else { return Ok(()) };
                write!(
                    f,
                    ", and until a pod has outlived its liveness probe ({probe})"
                )
            }
        }
    }
}

/// Why nothing can be said about the rollout. Never a reason to roll back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// The workload was deleted while we watched.
    Deleted,
    /// No workload was named.
    NoWorkload,
    /// The revision that was asked for never came.
    NoSuchRevision {
        /// The one that was asked for.
        wanted: Revision,
        /// The newest one.
        newest: Option<Revision>,
    },
    /// It was scaled to 0 replicas while something was wrong with it: nothing is left that could show
    /// whether it works.
    NothingRuns {
        /// What was seen before.
        code: FindingCode,
        /// The same in words.
        message: String,
    },
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
                write!(f, "the credentials are no longer accepted: {message}")
            }
            Self::Blind {
                resource,
                why: Blindness::Disconnected { message },
                ..
            } => {
                write!(f, "lost sight of {}: {message}", resource.plural())
            }
            Self::Deleted => f.write_str("the workload was deleted in the meantime"),
            Self::NoWorkload => f.write_str("no workload was named, so none was checked"),
            Self::NoSuchRevision { wanted, newest } => match newest {
                Some(newest) => write!(f, "revision {wanted} never came; the newest is {newest}"),
                None => write!(f, "revision {wanted} never came"),
            },
            Self::NothingRuns { code, message } => write!(
                f,
                "nothing runs, because it was scaled to 0 replicas; before that {message} ({code})"
            ),
        }
    }
}

/// The replacement of the rollout that was followed. Never a failure of the newer one, and
/// never a reason to roll back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    tag = "reason",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Supersession {
    /// The pod template changed while we watched: another rollout has begun.
    NewerRollout,
    /// The workload was deleted and created again while we watched.
    Replaced,
    /// Another revision than the one asked for is in place.
    OtherRevision {
        /// The one that was asked for.
        wanted: Revision,
        /// The one in place.
        newest: Revision,
    },
    /// The rollback after which this was looked at has not taken place.
    NotRestored {
        /// The one that was to be restored.
        wanted: Revision,
        /// The one in place, where it is known.
        present: Option<Revision>,
    },
    /// This very run has rolled it back: what is in place is what the run restored, and not what it
    /// was to check.
    RolledBack {
        /// The one in place, where it is known.
        present: Option<Revision>,
    },
}

impl fmt::Display for Supersession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewerRollout => f.write_str("a newer rollout began in the meantime"),
            Self::Replaced => {
                f.write_str("the workload was deleted and created again in the meantime")
            }
            Self::OtherRevision { wanted, newest } => {
                write!(f, "revision {newest} replaced revision {wanted}")
            }
            Self::NotRestored { wanted, present } => {
                write!(f, "it was not rolled back to revision {wanted}")?;
                present.map_or(Ok(()), |it| write!(f, "; revision {it} is in place"))
            }
            Self::RolledBack { present } => {
                f.write_str("this run has rolled it back")?;
                present.map_or(Ok(()), |it| write!(f, "; revision {it} is in place"))?;
                f.write_str(
                    " (to check the restored revision, set input evidence or input revision)",
                )
            }
        }
    }
}

/// The verdict on a rollout.
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
        /// The step that was waited for.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        standstill: Option<Box<Standstill>>,
    },
    /// It cannot be seen.
    Undetermined {
        /// Why.
        why: Undetermined,
    },
    /// Another rollout took its place: there is nothing left to judge.
    Superseded {
        /// By what.
        by: Supersession,
    },
}

/// The verdicts by name, as reports and output variables hold them. The worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerdictKind {
    /// [`Verdict::Failed`].
    Failed,
    /// [`Verdict::TimedOut`].
    TimedOut,
    /// [`Verdict::Undetermined`].
    Undetermined,
    /// [`Verdict::Superseded`].
    Superseded,
    /// [`Verdict::Progressing`].
    Progressing,
    /// [`Verdict::Succeeded`].
    Succeeded,
}

impl VerdictKind {
    const ALL: [Self; 6] = [
        Self::Failed,
        Self::TimedOut,
        Self::Undetermined,
        Self::Superseded,
        Self::Progressing,
        Self::Succeeded,
    ];

    /// Reads the word for it; `None` for any other.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// The word for it, as it is published.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Progressing => "progressing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timedOut",
            Self::Undetermined => "undetermined",
            Self::Superseded => "superseded",
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Verdict {
    /// Returns whether the session is over.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        match self {
            Self::Progressing { .. } => false,
            Self::Succeeded
            | Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::Undetermined { .. }
            | Self::Superseded { .. } => true,
        }
    }

    /// Which of the verdicts it is, without what led to it.
    #[must_use]
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Progressing { .. } => VerdictKind::Progressing,
            Self::Succeeded => VerdictKind::Succeeded,
            Self::Failed { .. } => VerdictKind::Failed,
            Self::TimedOut { .. } => VerdictKind::TimedOut,
            Self::Undetermined { .. } => VerdictKind::Undetermined,
            Self::Superseded { .. } => VerdictKind::Superseded,
        }
    }

    /// Returns the word for the verdict in reports and output variables.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.kind().as_str()
    }

    /// Returns whether a rollback may be offered: only after a failure or a timeout was seen, and not
    /// where the time ran out at a step that a rollback cannot take either.
    #[must_use]
    pub fn offers_rollback(&self) -> bool {
        match self {
            Self::Failed { .. } => true,
            Self::TimedOut {
                standstill,
                suspects,
                ..
            } => {
                let first = suspects.first().map(|it| it.code);
                let helps = |it: &Standstill| it.rollback_helps != RollbackHelps::No;
                first != Some(FindingCode::TimeoutTooShort)
                    && standstill.as_deref().is_none_or(helps)
            }
            Self::Progressing { .. }
            | Self::Succeeded
            | Self::Undetermined { .. }
            | Self::Superseded { .. } => false,
        }
    }

    /// Returns the causes or suspects.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Failed { causes } => causes,
            Self::TimedOut { suspects, .. } => suspects,
            Self::Progressing { .. }
            | Self::Succeeded
            | Self::Undetermined { .. }
            | Self::Superseded { .. } => &[],
        }
    }

    /// Returns the step that was waited for when the time ran out.
    #[must_use]
    pub fn standstill(&self) -> Option<&Standstill> {
        match self {
            Self::TimedOut { standstill, .. } => standstill.as_deref(),
            Self::Progressing { .. }
            | Self::Succeeded
            | Self::Failed { .. }
            | Self::Undetermined { .. }
            | Self::Superseded { .. } => None,
        }
    }

    /// Returns what is pending, if anything.
    #[must_use]
    pub const fn pending(&self) -> Option<&Pending> {
        match self {
            Self::Progressing { pending } | Self::TimedOut { pending, .. } => Some(pending),
            Self::Succeeded
            | Self::Failed { .. }
            | Self::Undetermined { .. }
            | Self::Superseded { .. } => None,
        }
    }

    /// Combines the verdicts of several workloads: failed as soon as one has failed, else
    /// progressing while one is, else the worst.
    ///
    /// A success needs every workload, and an undetermined verdict outweighs a superseded one.
    #[must_use]
    pub fn of_all<'a>(verdicts: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let rank = |verdict: &Self| match verdict {
            Self::Failed { .. } => 0,
            Self::Progressing { .. } => 1,
            Self::TimedOut { .. } => 2,
            Self::Undetermined { .. } => 3,
            Self::Superseded { .. } => 4,
            Self::Succeeded => 5,
        };
        // Of several timeouts, one that a rollback may help with.
        let worst = verdicts
            .clone()
            .min_by_key(|verdict| (rank(verdict), !verdict.offers_rollback()));
        match worst {
            None => Self::Undetermined {
                why: Undetermined::NoWorkload,
            },
            Some(Self::Failed { .. }) => {
                let failed = verdicts.filter(|it| rank(it) == 0);
                let causes = grouped(failed.flat_map(Self::findings).cloned());
                Self::Failed { causes }
            }
            Some(Self::TimedOut {
                pending,
                standstill,
                ..
            }) => Self::TimedOut {
                pending: pending.clone(),
                suspects: grouped(verdicts.flat_map(Self::findings).cloned()),
                standstill: standstill.clone(),
            },
            Some(other) => other.clone(),
        }
    }
}
