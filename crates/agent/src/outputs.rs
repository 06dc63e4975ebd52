//! Output variables: what a task hands to later jobs.

use crate::command::LoggingCommand;
use crate::inputs::CommandName;
use crate::text::{LIMIT, neutralise, neutralise_lines};

/// An output variable, declared once: task.json and the documentation are generated from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputVariable {
    /// What the check found.
    Verdict,
    /// The revision that a rollback would restore.
    RollbackTo,
    /// What binds an approval to the rollout that was checked.
    Evidence,
    /// The text for the approver.
    Summary,
    /// How the rollback ended.
    RollbackOutcome,
}

impl OutputVariable {
    /// Every output variable, in the order of the documentation.
    pub const ALL: [Self; 5] = [
        Self::Verdict,
        Self::RollbackTo,
        Self::Evidence,
        Self::Summary,
        Self::RollbackOutcome,
    ];

    /// Its name in `dependencies.<job>.outputs['<step>.<name>']`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::RollbackTo => "rollbackTo",
            Self::Evidence => "evidence",
            Self::Summary => "summary",
            Self::RollbackOutcome => "rollbackOutcome",
        }
    }

    /// The command that sets it.
    #[must_use]
    pub const fn command(self) -> CommandName {
        match self {
            Self::Verdict | Self::RollbackTo | Self::Evidence | Self::Summary => CommandName::Check,
            Self::RollbackOutcome => CommandName::Rollback,
        }
    }

    /// What it holds.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Verdict => {
                "What the check found: succeeded, failed, timedOut, undetermined or superseded."
            }
            Self::RollbackTo => {
                "The revision that a rollback would restore; empty when none is offered."
            }
            Self::Evidence => {
                "Names the rollout that was checked and the revision to restore; the input \
                 evidence of the rollback takes it."
            }
            Self::Summary => {
                "The findings as plain text, for the instructions of a manual validation."
            }
            Self::RollbackOutcome => {
                "How the rollback ended: rolledBack, alreadyRolledBack, refused, superseded or \
                 failed."
            }
        }
    }

    /// The command that sets it. The value cannot become a command or a macro in a later step that
    /// prints or expands it, and is at most 2 KiB long.
    ///
    /// # Errors
    /// When the evidence would have to be altered: an altered one would bind the approval
    /// to nothing.
    pub fn set(self, value: &str) -> Result<LoggingCommand, OutputError> {
        let safe = match self {
            Self::Summary => without_macros(&neutralise_lines(value, LIMIT)),
            Self::Evidence => {
                let safe = without_macros(&neutralise(value));
                if safe != value {
                    return Err(OutputError);
                }
                safe
            }
            Self::Verdict | Self::RollbackTo | Self::RollbackOutcome => {
                without_macros(&neutralise(value))
            }
        };
        Ok(LoggingCommand::set_output(self.name(), &safe))
    }
}

/// Breaks `$(name)` and `$[expression]`, which Azure Pipelines would fill in or evaluate. The
/// length stays.
fn without_macros(text: &str) -> String {
    text.replace("$(", "((").replace("$[", "[[")
}

/// The evidence cannot be handed over unaltered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hand over the evidence: it holds text that is not safe in an output variable")]
pub struct OutputError;

impl OutputError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some("roll back with `toRevision` instead of `evidence`".to_owned())
    }
}

/// How a rollback ended, in the words of the output variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackOutcome {
    /// The former revision is restored.
    RolledBack,
    /// It was in place already.
    AlreadyRolledBack,
    /// Nothing was changed, because it would not have been safe.
    Refused,
    /// Nothing was changed, because a newer rollout began.
    Superseded,
    /// It was tried and did not take effect.
    Failed,
}

impl RollbackOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::RolledBack,
        Self::AlreadyRolledBack,
        Self::Refused,
        Self::Superseded,
        Self::Failed,
    ];

    /// The word for it in the output variable `rollbackOutcome`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "rolledBack",
            Self::AlreadyRolledBack => "alreadyRolledBack",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{TaskOutput, parse_line};

    fn value(variable: OutputVariable, value: &str) -> String {
        let line = variable.set(value).unwrap().to_string();
        parse_line(&line).unwrap().data
    }

    #[test]
    fn a_later_job_reads_what_was_set() {
        let evidence =
            r#"{"version":1,"workload":{"kind":"Deployment","name":"web"},"uid":"5b1c"}"#;
        let mut output = TaskOutput::default();
        for (variable, text) in [
            (OutputVariable::Verdict, "timedOut"),
            (OutputVariable::RollbackTo, ""),
            (OutputVariable::Evidence, evidence),
            (OutputVariable::Summary, "1 of 3\n100% of; [it]"),
        ] {
            output.read_line(&variable.set(text).unwrap().to_string());
        }
        assert_eq!(output.variables["verdict"], "timedOut");
        assert_eq!(output.variables["rollbackTo"], "");
        assert_eq!(output.variables["evidence"], evidence);
        assert_eq!(output.variables["summary"], "1 of 3\n100% of; [it]");
    }

    #[test]
    fn a_value_cannot_act_in_a_later_step() {
        let hostile = "see $(password) $[variables.x]\n##vso[task.complete result=Skipped]";
        assert_eq!(
            value(OutputVariable::Summary, hostile),
            "see ((password) [[variables.x]\n**vso[task.complete result=Skipped]"
        );
        assert_eq!(
            value(OutputVariable::Verdict, "failed\n##vso[x.y]"),
            "failed⏎**vso[x.y]"
        );
    }

    #[test]
    fn values_are_bounded() {
        assert!(value(OutputVariable::Summary, &"line\n".repeat(5000)).len() <= LIMIT);
    }

    #[test]
    fn evidence_is_handed_over_as_it_is_or_not_at_all() {
        for wrong in [
            "{\"name\":\"##vso[x]\"}",
            "{\"name\":\"$(x)\"}",
            &"x".repeat(3000),
            "two\nlines",
        ] {
            assert!(OutputVariable::Evidence.set(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_outcome_of_a_rollback_is_described() {
        for outcome in RollbackOutcome::ALL {
            let description = OutputVariable::RollbackOutcome.description();
            assert!(description.contains(outcome.as_str()), "{outcome:?}");
        }
    }
}
