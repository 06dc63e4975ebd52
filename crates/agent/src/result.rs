//! How a command ends: one table for exit codes and task results.

use std::fmt;

use rollguard_core::doctor::Diagnosis;
use rollguard_core::report::document::Ending;
use rollguard_core::rollback::execution::Conclusion;
use rollguard_core::rollback::{BatchOutcome, RollbackHealth};
use rollguard_core::verdict::Verdict;
use serde::Serialize;

/// The result of a task, a job or a stage, in Azure Pipelines' words; the worse ones come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskResult {
    /// It did what it should.
    Succeeded,
    /// It did, with warnings.
    SucceededWithIssues,
    /// It did not.
    Failed,
    /// The run was canceled.
    Canceled,
    /// It did not run.
    Skipped,
    /// The agent was lost.
    Abandoned,
}

impl TaskResult {
    const ALL: [Self; 6] = [
        Self::Succeeded,
        Self::SucceededWithIssues,
        Self::Failed,
        Self::Canceled,
        Self::Skipped,
        Self::Abandoned,
    ];

    /// The word that the agent uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::SucceededWithIssues => "SucceededWithIssues",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Skipped => "Skipped",
            Self::Abandoned => "Abandoned",
        }
    }

    /// Reads the word that the agent uses; the case matters, as it does there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Returns whether it succeeded, with or without issues.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Succeeded | Self::SucceededWithIssues)
    }

    /// The result after another one was asked for: the worse one, except that one worse than
    /// `Failed` is never left (azure-pipelines-agent, `TaskResultUtil.MergeTaskResults`). This is
    /// why only a non-zero exit code withstands an injected `task.complete result=Skipped`.
    #[must_use]
    pub fn merge(self, coming: Self) -> Self {
        if self > Self::Failed {
            self
        } else {
            self.max(coming)
        }
    }
}

impl fmt::Display for TaskResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a command of rollguard ended. A published exit code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The rollout is complete and stable.
    Succeeded,
    /// The rollback is done, or was done before.
    RolledBack,
    /// A defect in rollguard, or something no one thought of.
    Unexpected,
    /// An argument or input is missing or wrong.
    BadInput,
    /// Signing in failed.
    Credentials,
    /// The cluster cannot be reached.
    Unreachable,
    /// A doctor found that a permission is missing.
    PermissionMissing,
    /// The rollout has a cause that does not heal.
    Failed,
    /// A manifest breaks rules.
    Findings,
    /// The rollout was not complete in time.
    TimedOut,
    /// The rollout cannot be seen.
    Undetermined,
    /// Another rollout took its place.
    Superseded,
    /// The rollback was refused.
    Refused,
    /// The rollback was tried and failed.
    RollbackFailed,
    /// It is done, and what it restored is not healthy.
    RolledBackUnhealthy,
    /// It is done, and no one could see what became of it.
    RolledBackNotVerified,
    /// It is done for some of the workloads only, or pods of the bad revision hold one up.
    PartlyRolledBack,
    /// The user or the agent canceled.
    Cancelled,
}

impl Outcome {
    /// Every outcome, in the order of the exit codes.
    pub const ALL: [Self; 18] = [
        Self::Succeeded,
        Self::RolledBack,
        Self::Unexpected,
        Self::BadInput,
        Self::Credentials,
        Self::Unreachable,
        Self::PermissionMissing,
        Self::Failed,
        Self::Findings,
        Self::TimedOut,
        Self::Undetermined,
        Self::Superseded,
        Self::Refused,
        Self::RollbackFailed,
        Self::RolledBackUnhealthy,
        Self::RolledBackNotVerified,
        Self::PartlyRolledBack,
        Self::Cancelled,
    ];

    /// The outcome of a check; `None` while the rollout goes on.
    #[must_use]
    pub const fn of_verdict(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Progressing { .. } => None,
            Verdict::Succeeded => Some(Self::Succeeded),
            Verdict::Failed { .. } => Some(Self::Failed),
            Verdict::TimedOut { .. } => Some(Self::TimedOut),
            Verdict::Undetermined { .. } => Some(Self::Undetermined),
            Verdict::Superseded { .. } => Some(Self::Superseded),
        }
    }

    /// The outcome of a rollback.
    #[must_use]
    pub const fn of_rollback(conclusion: &Conclusion) -> Self {
        if conclusion.cancelled {
            return Self::Cancelled;
        }
        match conclusion.outcome {
            BatchOutcome::RolledBack | BatchOutcome::AlreadyRolledBack => match conclusion.health {
                // No one asked for a check.
                None | Some(RollbackHealth::Healthy) => Self::RolledBack,
                Some(RollbackHealth::Unhealthy) => Self::RolledBackUnhealthy,
                Some(RollbackHealth::Undetermined | RollbackHealth::NotRolledBack) => {
                    Self::RolledBackNotVerified
                }
            },
            BatchOutcome::PartlyRolledBack => Self::PartlyRolledBack,
            BatchOutcome::Refused | BatchOutcome::Superseded | BatchOutcome::Healed => {
                Self::Refused
            }
            BatchOutcome::NotTried => Self::Cancelled,
            BatchOutcome::Failed => Self::RollbackFailed,
        }
    }

    /// The outcome of a doctor; `None` where the cluster could not be asked, which has an outcome of its own.
    #[must_use]
    pub const fn of_diagnosis(diagnosis: Diagnosis) -> Option<Self> {
        match diagnosis {
            Diagnosis::Ready => Some(Self::Succeeded),
            Diagnosis::PermissionMissing => Some(Self::PermissionMissing),
            Diagnosis::Undetermined => Some(Self::Undetermined),
            Diagnosis::NotConnected => None,
        }
    }

    /// Returns how a command ended that came to no report, for the document that says why.
    #[must_use]
    pub const fn ending(self) -> Ending {
        match self {
            Self::BadInput => Ending::BadInput,
            Self::Credentials => Ending::Credentials,
            Self::Unreachable => Ending::Unreachable,
            Self::Undetermined => Ending::Undetermined,
            Self::Cancelled => Ending::Cancelled,
            // The others are results, and come with a report or belong to a rollback.
            Self::Unexpected
            | Self::Succeeded
            | Self::RolledBack
            | Self::PermissionMissing
            | Self::Failed
            | Self::Findings
            | Self::TimedOut
            | Self::Superseded
            | Self::Refused
            | Self::RollbackFailed
            | Self::RolledBackUnhealthy
            | Self::RolledBackNotVerified
            | Self::PartlyRolledBack => Ending::Unexpected,
        }
    }

    /// The exit code of the program.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Succeeded | Self::RolledBack => 0,
            Self::Unexpected => 1,
            Self::BadInput => 2,
            Self::Credentials => 3,
            Self::Unreachable => 4,
            Self::PermissionMissing => 5,
            Self::Failed | Self::Findings => 10,
            Self::TimedOut => 11,
            Self::Undetermined => 12,
            Self::Superseded => 13,
            Self::Refused => 21,
            Self::RollbackFailed => 22,
            Self::RolledBackUnhealthy => 23,
            Self::RolledBackNotVerified => 24,
            Self::PartlyRolledBack => 25,
            Self::Cancelled => 130,
        }
    }

    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::RolledBack => "rolled back",
            Self::Unexpected => "unexpected",
            Self::BadInput => "bad input",
            Self::Credentials => "credentials",
            Self::Unreachable => "cluster unreachable",
            Self::PermissionMissing => "permission missing",
            Self::Failed => "failed",
            Self::Findings => "findings",
            Self::TimedOut => "timed out",
            Self::Undetermined => "undetermined",
            Self::Superseded => "superseded",
            Self::Refused => "rollback refused",
            Self::RollbackFailed => "rollback failed",
            Self::RolledBackUnhealthy => "rolled back, unhealthy",
            Self::RolledBackNotVerified => "rolled back, not verified",
            Self::PartlyRolledBack => "partly rolled back",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns what it means and what to do, for the documentation.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Succeeded => {
                "The rollout is complete and stayed so. From `doctor`: the commands would work here."
            }
            Self::RolledBack => {
                "The last good revision is restored, or was already in place; unless `wait` is \
                 off, it was checked again and is healthy."
            }
            Self::Unexpected => {
                "An unexpected error in rollguard or its environment; see the message."
            }
            Self::BadInput => {
                "An argument or input is missing or wrong, or names something that does not \
                 exist; nothing was touched."
            }
            Self::Credentials => "Signing in to Azure or to the cluster failed.",
            Self::Unreachable => "The cluster's API server cannot be reached.",
            Self::PermissionMissing => {
                "Only from `doctor`: the identity lacks a permission without which a command cannot do \
                 its work; the Role to apply is shown."
            }
            Self::Failed => "The rollout cannot recover without a change; the cause is named.",
            Self::Findings => {
                "Only from `lint`: a manifest breaks rules, as heavily as `--fail-on` says or worse, or a prediction is as \
                 sure as `--fail-on-prediction` says or surer."
            }
            Self::TimedOut => "The rollout was not complete within the timeout.",
            Self::Undetermined => {
                "Rollguard could not see the rollout, so the result is unknown; a rollback is \
                 never offered. From `doctor`: the API server did not say whether the permissions are \
                 granted."
            }
            Self::Superseded => {
                "A newer rollout replaced the one that was checked, or this run has already \
                 rolled it back: neither is judged, and a rollback is never offered."
            }
            Self::Refused => {
                "Nothing was changed: a rollback would not have been safe, or a newer rollout \
                 began (superseded), or the bad one has become healthy (healed); the reason is \
                 named."
            }
            Self::RollbackFailed => "The rollback was attempted and did not take effect.",
            Self::RolledBackUnhealthy => {
                "The rollback is done, and the restored revision did not become healthy; the cause \
                 is named."
            }
            Self::RolledBackNotVerified => {
                "The rollback is done, and rollguard could not see whether the restored revision \
                 became healthy, or the time ran out before that; check again."
            }
            Self::PartlyRolledBack => {
                "Some of the workloads are rolled back and some are not, or a workload's \
                 template is restored and pods of the bad revision are stuck; each is named. A \
                 rerun continues with the rest."
            }
            Self::Cancelled => {
                "Stopped by Ctrl-C or by the agent, or you declined. The state of the rollout is \
                 unknown; a rollback says whether it had changed anything."
            }
        }
    }

    /// Returns what the task reports to the agent. Anything but success is `Failed`: a cancellation is
    /// known to the agent itself, and its own result then stands.
    #[must_use]
    pub const fn task_result(self) -> TaskResult {
        match self.exit_code() {
            0 => TaskResult::Succeeded,
            _ => TaskResult::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use rollguard_core::verdict::{Pending, Supersession, Undetermined};

    use super::*;

    #[test]
    fn the_exit_codes_are_the_published_ones() {
        let codes: Vec<(&str, u8)> = Outcome::ALL
            .iter()
            .map(|it| (it.name(), it.exit_code()))
            .collect();
        assert_eq!(
            codes,
            [
                ("succeeded", 0),
                ("rolled back", 0),
                ("unexpected", 1),
                ("bad input", 2),
                ("credentials", 3),
                ("cluster unreachable", 4),
                ("permission missing", 5),
                ("failed", 10),
                ("findings", 10),
                ("timed out", 11),
                ("undetermined", 12),
                ("superseded", 13),
                ("rollback refused", 21),
                ("rollback failed", 22),
                ("rolled back, unhealthy", 23),
                ("rolled back, not verified", 24),
                ("partly rolled back", 25),
                ("cancelled", 130),
            ]
        );
    }

    #[test]
    fn only_success_lets_the_task_succeed() {
        for outcome in Outcome::ALL {
            let good = matches!(outcome, Outcome::Succeeded | Outcome::RolledBack);
            let expected = if good {
                TaskResult::Succeeded
            } else {
                TaskResult::Failed
            };
            assert_eq!(outcome.task_result(), expected, "{outcome:?}");
        }
    }

    #[test]
    fn every_terminal_verdict_has_an_outcome() {
        let pending = || Pending::NotSeen;
        let rows = [
            (Verdict::Progressing { pending: pending() }, None),
            (Verdict::Succeeded, Some(Outcome::Succeeded)),
            (Verdict::Failed { causes: vec![] }, Some(Outcome::Failed)),
            (
                Verdict::TimedOut {
                    pending: pending(),
                    suspects: vec![],
                    standstill: None,
                },
                Some(Outcome::TimedOut),
            ),
            (
                Verdict::Undetermined {
                    why: Undetermined::Deleted,
                },
                Some(Outcome::Undetermined),
            ),
            (
                Verdict::Superseded {
                    by: Supersession::NewerRollout,
                },
                Some(Outcome::Superseded),
            ),
        ];
        for (verdict, outcome) in rows {
            assert_eq!(Outcome::of_verdict(&verdict), outcome, "{verdict:?}");
            assert_eq!(outcome.is_some(), verdict.is_terminal(), "{verdict:?}");
        }
    }

    #[test]
    fn every_conclusion_of_a_rollback_has_an_exit_code() {
        use RollbackHealth::{Healthy, NotRolledBack, Undetermined, Unhealthy};
        let rows = [
            (BatchOutcome::RolledBack, None, 0),
            (BatchOutcome::RolledBack, Some(Healthy), 0),
            (BatchOutcome::RolledBack, Some(Unhealthy), 23),
            (BatchOutcome::RolledBack, Some(Undetermined), 24),
            (BatchOutcome::RolledBack, Some(NotRolledBack), 24),
            (BatchOutcome::AlreadyRolledBack, None, 0),
            (BatchOutcome::AlreadyRolledBack, Some(Unhealthy), 23),
            (BatchOutcome::AlreadyRolledBack, Some(Undetermined), 24),
            (BatchOutcome::PartlyRolledBack, Some(NotRolledBack), 25),
            (BatchOutcome::PartlyRolledBack, None, 25),
            (BatchOutcome::Refused, Some(NotRolledBack), 21),
            (BatchOutcome::Superseded, Some(NotRolledBack), 21),
            (BatchOutcome::Healed, Some(NotRolledBack), 21),
            (BatchOutcome::NotTried, Some(NotRolledBack), 130),
            (BatchOutcome::Failed, Some(Undetermined), 22),
        ];
        for (outcome, health, code) in rows {
            let conclusion = |cancelled| Conclusion {
                outcome,
                health,
                cancelled,
                workloads: Vec::new(),
                errors: Vec::new(),
                untold: Vec::new(),
            };
            let ended = Outcome::of_rollback(&conclusion(false));
            assert_eq!(ended.exit_code(), code, "{outcome:?} {health:?}");
            let cancelled = Outcome::of_rollback(&conclusion(true));
            assert_eq!(cancelled, Outcome::Cancelled, "{outcome:?} {health:?}");
        }
    }

    #[test]
    fn results_merge_as_the_agent_merges_them() {
        use TaskResult::{Abandoned, Canceled, Failed, Skipped, Succeeded, SucceededWithIssues};
        let rows = [
            (Succeeded, Failed, Failed),
            (Failed, Succeeded, Failed),
            (SucceededWithIssues, Succeeded, SucceededWithIssues),
            (Failed, Skipped, Skipped),
            (Skipped, Failed, Skipped),
            (Canceled, Abandoned, Canceled),
        ];
        for (current, coming, merged) in rows {
            assert_eq!(current.merge(coming), merged, "{current} then {coming}");
        }
    }

    #[test]
    fn results_are_read_in_the_agents_spelling_only() {
        for result in TaskResult::ALL {
            assert_eq!(TaskResult::parse(result.as_str()), Some(result));
        }
        assert_eq!(TaskResult::parse("failed"), None);
    }
}
