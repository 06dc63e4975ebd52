//! How a rollback ended: per workload, for the whole batch, and by the check after it.

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Prognosis};
use crate::verdict::{Supersession, Verdict};

/// The outcome of one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum WorkloadOutcome {
    /// This run put the target in place.
    RolledBack,
    /// It was already in place, or another run put it there.
    InPlace,
    /// The target is in place, but pods of the bad revision are stuck: a run again goes on with them.
    HeldUp,
    /// A newer rollout began and was left alone.
    Superseded,
    /// The change was tried and did not take effect.
    Failed,
    /// It was not tried: the wish to stop came first.
    NotTried,
}

impl WorkloadOutcome {
    /// Returns whether the target is in place now.
    #[must_use]
    pub const fn is_restored(self) -> bool {
        match self {
            Self::RolledBack | Self::InPlace | Self::HeldUp => true,
            Self::Superseded | Self::Failed | Self::NotTried => false,
        }
    }
}

/// How the rollback of a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BatchOutcome {
    /// Every target is in place, and this run restored at least one.
    RolledBack,
    /// Every target was already in place.
    AlreadyRolledBack,
    /// Some targets are in place and some are not, or stuck pods of the bad revision remain.
    PartlyRolledBack,
    /// Nothing was changed, because it would not have been safe.
    Refused,
    /// Nothing was changed, because a newer rollout began.
    Superseded,
    /// Nothing was changed, because the bad rollout became healthy.
    Healed,
    /// Nothing was changed, because the run was cancelled before the first patch.
    NotTried,
    /// No target is in place, and at least one patch failed.
    Failed,
}

impl BatchOutcome {
    /// Every outcome.
    pub const ALL: [Self; 8] = [
        Self::RolledBack,
        Self::AlreadyRolledBack,
        Self::PartlyRolledBack,
        Self::Refused,
        Self::Superseded,
        Self::Healed,
        Self::NotTried,
        Self::Failed,
    ];

    /// Combines the outcomes of the workloads of a batch that was not refused.
    #[must_use]
    pub fn of(ended: &[WorkloadOutcome]) -> Self {
        let has = |wanted| ended.contains(&wanted);
        let restored = ended.iter().filter(|it| it.is_restored()).count();
        if restored == ended.len() && !has(WorkloadOutcome::HeldUp) {
            return if has(WorkloadOutcome::RolledBack) {
                Self::RolledBack
            } else {
                Self::AlreadyRolledBack
            };
        }
        match restored {
            0 if has(WorkloadOutcome::Failed) => Self::Failed,
            0 if has(WorkloadOutcome::Superseded) => Self::Superseded,
            0 => Self::NotTried,
            _ => Self::PartlyRolledBack,
        }
    }

    /// Returns the word of the output variable `rollbackOutcome`.
    ///
    /// The published words do not tell a cancelled run from a failed one; the exit code does.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "rolledBack",
            Self::AlreadyRolledBack => "alreadyRolledBack",
            Self::PartlyRolledBack => "partlyRolledBack",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::Healed => "healed",
            Self::NotTried | Self::Failed => "failed",
        }
    }

    /// Combines the outcome with what the check after the rollback found.
    ///
    /// A single word describes several workloads here, so the worst one counts.
    #[must_use]
    pub fn health(self, verified: Option<RollbackHealth>) -> RollbackHealth {
        match self {
            Self::RolledBack | Self::AlreadyRolledBack => {
                verified.unwrap_or(RollbackHealth::Undetermined)
            }
            Self::PartlyRolledBack
            | Self::Refused
            | Self::Superseded
            | Self::Healed
            | Self::NotTried => RollbackHealth::NotRolledBack,
            // The API server may have applied a patch whose response was lost.
            Self::Failed => RollbackHealth::Undetermined,
        }
    }
}

/// How a workload is after its rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum RollbackHealth {
    /// The restored revision is complete and stable, and no pod of the bad one is left.
    Healthy,
    /// It could not be seen, the time ran out before it was verified, or a newer rollout took its place.
    Undetermined,
    /// The restored revision is not healthy.
    Unhealthy,
    /// The restored revision is not in place.
    NotRolledBack,
}

impl RollbackHealth {
    /// Every value.
    pub const ALL: [Self; 4] = [
        Self::Healthy,
        Self::Undetermined,
        Self::Unhealthy,
        Self::NotRolledBack,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Undetermined => "undetermined",
            Self::Unhealthy => "unhealthy",
            Self::NotRolledBack => "notRolledBack",
        }
    }

    /// Returns what a verdict over what was restored means. That the time ran out shows by itself only
    /// that nothing was verified: a suspect has to say that pods do badly.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        let does_badly = |it: &Finding| it.prognosis == Prognosis::Transient;
        match verdict {
            Verdict::Succeeded => Self::Healthy,
            Verdict::Failed { .. } => Self::Unhealthy,
            Verdict::TimedOut { suspects, .. }
                if verdict.offers_rollback() && suspects.iter().any(does_badly) =>
            {
                Self::Unhealthy
            }
            Verdict::Superseded {
                by: Supersession::NotRestored { .. },
            } => Self::NotRolledBack,
            Verdict::TimedOut { .. }
            | Verdict::Superseded { .. }
            | Verdict::Undetermined { .. }
            | Verdict::Progressing { .. } => Self::Undetermined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_all_follows_from_what_became_of_each() {
        use WorkloadOutcome::{Failed, HeldUp, InPlace, NotTried, RolledBack, Superseded};
        let rows: &[(&str, &[WorkloadOutcome], BatchOutcome)] = &[
            (
                "the only one is done",
                &[RolledBack],
                BatchOutcome::RolledBack,
            ),
            (
                "one was done before",
                &[InPlace, RolledBack],
                BatchOutcome::RolledBack,
            ),
            (
                "all were done before",
                &[InPlace, InPlace],
                BatchOutcome::AlreadyRolledBack,
            ),
            (
                "one fails",
                &[RolledBack, Failed],
                BatchOutcome::PartlyRolledBack,
            ),
            (
                "one fails, the other was done before",
                &[Failed, InPlace],
                BatchOutcome::PartlyRolledBack,
            ),
            (
                "one is left alone",
                &[RolledBack, Superseded],
                BatchOutcome::PartlyRolledBack,
            ),
            (
                "stopped half-way",
                &[RolledBack, NotTried],
                BatchOutcome::PartlyRolledBack,
            ),
            (
                "the only one is held up",
                &[HeldUp],
                BatchOutcome::PartlyRolledBack,
            ),
            (
                "one is held up",
                &[RolledBack, HeldUp],
                BatchOutcome::PartlyRolledBack,
            ),
            (
                "one is held up, the other fails",
                &[HeldUp, Failed],
                BatchOutcome::PartlyRolledBack,
            ),
            ("all fail", &[Failed, Failed], BatchOutcome::Failed),
            (
                "one fails, one is left alone",
                &[Failed, Superseded],
                BatchOutcome::Failed,
            ),
            (
                "all are left alone",
                &[Superseded, Superseded],
                BatchOutcome::Superseded,
            ),
            (
                "stopped before the first",
                &[NotTried, NotTried],
                BatchOutcome::NotTried,
            ),
        ];
        for (says, ended, expected) in rows {
            assert_eq!(BatchOutcome::of(ended), *expected, "{says}");
        }
    }
}
