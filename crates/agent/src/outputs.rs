//! Output variables: what a task hands to later jobs.

use rollguard_core::approval;
use rollguard_core::rollback::{BatchOutcome, RollbackHealth};
use rollguard_core::verdict::VerdictKind;

use crate::command::LoggingCommand;
use crate::inputs::CommandName;
use crate::text::{LIMIT, neutralise_lines, neutralise_within};

/// The longest text for the approver, in bytes. The instructions of a manual validation hold 4000
/// characters; the words of the shipped template and its longest names take the rest.
const SUMMARY: usize = 2400;

/// An output variable, declared once: task.json and the documentation are generated from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputVariable {
    /// What the check found.
    Verdict,
    /// The revision that a rollback would restore.
    RollbackTo,
    /// Whether a rollback can help.
    RollbackHelps,
    /// The owner that a rollback would overrule.
    RollbackForces,
    /// What binds an approval to the rollouts that were checked.
    Evidence,
    /// The text for the approver.
    Summary,
    /// How the rollback ended.
    RollbackOutcome,
    /// What became of it.
    RollbackHealth,
}

impl OutputVariable {
    /// Every output variable, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Verdict,
        Self::RollbackTo,
        Self::RollbackHelps,
        Self::RollbackForces,
        Self::Evidence,
        Self::Summary,
        Self::RollbackOutcome,
        Self::RollbackHealth,
    ];

    /// Its name in `dependencies.<job>.outputs['<step>.<name>']`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::RollbackTo => "rollbackTo",
            Self::RollbackHelps => "rollbackHelps",
            Self::RollbackForces => "rollbackForces",
            Self::Evidence => "evidence",
            Self::Summary => "summary",
            Self::RollbackOutcome => "rollbackOutcome",
            Self::RollbackHealth => "rollbackHealth",
        }
    }

    /// The commands that set it.
    #[must_use]
    pub const fn commands(self) -> &'static [CommandName] {
        match self {
            Self::Verdict
            | Self::RollbackTo
            | Self::RollbackHelps
            | Self::RollbackForces
            | Self::Evidence
            | Self::Summary => &[CommandName::Check],
            Self::RollbackOutcome => &[CommandName::Rollback],
            Self::RollbackHealth => &[CommandName::Check, CommandName::Rollback],
        }
    }

    /// The longest value that it takes, in bytes.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            // Names and uids of some forty workloads. Windows shows a process variables of up to
            // 32 766 characters (azure-pipelines-agent, `VarUtil.cs`).
            Self::Evidence => approval::LIMIT,
            Self::Summary => SUMMARY,
            Self::Verdict
            | Self::RollbackTo
            | Self::RollbackForces
            | Self::RollbackHelps
            | Self::RollbackOutcome
            | Self::RollbackHealth => LIMIT,
        }
    }

    /// Returns what it holds.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Verdict => {
                "The verdict of the check: succeeded, failed, timedOut, undetermined or superseded."
            }
            Self::RollbackTo => {
                "The revision that a rollback would restore; for several workloads, one for each \
                 (deployment/web 1, statefulset/db 3). Empty if no rollback is offered."
            }
            Self::RollbackHelps => {
                "Whether a rollback can help with the cause: yes, perhaps or no. Empty if no \
                 rollback is offered."
            }
            Self::RollbackForces => {
                "Helm if a rollback would overrule Helm, which only a person may decide. Empty \
                 otherwise, and if no rollback is offered."
            }
            Self::Evidence => {
                "Names the bad rollouts and the revisions to restore. Pass it to the input \
                 evidence of the rollback, and of the check after it."
            }
            Self::Summary => {
                "The findings as plain text, for the instructions of a manual validation."
            }
            Self::RollbackOutcome => {
                "The outcome of the rollback: rolledBack, alreadyRolledBack, partlyRolledBack, \
                 refused, superseded, healed or failed."
            }
            Self::RollbackHealth => {
                "The result of the check after the rollback: healthy, unhealthy, undetermined or \
                 notRolledBack. Set by a rollback, and by a check with evidence; empty if a \
                 rollback has restored something and does not wait."
            }
        }
    }

    /// The command that sets it. The value cannot become a command or a macro in a later step that
    /// prints or expands it, and is at most [`OutputVariable::limit`] bytes long.
    ///
    /// # Errors
    /// When the evidence would have to be altered or cut: such a one would bind the approval
    /// to nothing.
    pub fn set(self, value: &str) -> Result<LoggingCommand, EvidenceAltered> {
        let limit = self.limit();
        let safe = match self {
            Self::Summary => without_macros(&neutralise_lines(value, limit)),
            Self::Evidence => {
                let safe = without_macros(&neutralise_within(value, limit));
                if safe != value {
                    return Err(EvidenceAltered);
                }
                safe
            }
            Self::Verdict
            | Self::RollbackTo
            | Self::RollbackForces
            | Self::RollbackHelps
            | Self::RollbackOutcome
            | Self::RollbackHealth => without_macros(&neutralise_within(value, limit)),
        };
        Ok(LoggingCommand::set_output(self.name(), &safe))
    }
}

/// The subject of a task that failed.
#[derive(Debug, Clone, Copy)]
pub struct FailedTask<'a> {
    /// The command, if the input names one.
    pub command: Option<CommandName>,
    /// Whether it had the evidence of an earlier check: a check then is the one after a rollback.
    pub has_evidence: bool,
    /// What went wrong.
    pub summary: &'a str,
}

/// Returns the output variables of a task that came to no result. A check that never saw the rollout
/// is undetermined; a rollback that was not tried has failed, but a former attempt may have done it.
#[must_use]
pub fn of_failure(task: FailedTask<'_>) -> Vec<LoggingCommand> {
    let unknown = RollbackHealth::Undetermined.as_str();
    let outputs = match task.command {
        Some(CommandName::Rollback) => vec![
            (
                OutputVariable::RollbackOutcome,
                BatchOutcome::Failed.as_str(),
            ),
            (OutputVariable::RollbackHealth, unknown),
        ],
        // They never look at a rollout.
        Some(CommandName::Doctor | CommandName::Lint) => Vec::new(),
        Some(CommandName::Check) | None => vec![
            (OutputVariable::Verdict, VerdictKind::Undetermined.as_str()),
            (OutputVariable::RollbackTo, ""),
            (OutputVariable::RollbackHelps, ""),
            (OutputVariable::RollbackForces, ""),
            (OutputVariable::Summary, task.summary),
            (
                OutputVariable::RollbackHealth,
                if task.has_evidence { unknown } else { "" },
            ),
        ],
    };
    let commands = outputs.into_iter();
    commands
        .filter_map(|(variable, value)| variable.set(value).ok())
        .collect()
}

/// Drops all dollar signs before `(` and `[`, and shows backticks as quotes: Azure Pipelines would fill in
/// `$(name)` and evaluate `$[expression]`, and a shell into whose script the value is pasted would run
/// `$(command)` and `` `command` ``.
fn without_macros(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '(' | '[') {
            safe.truncate(safe.trim_end_matches('$').len());
        }
        safe.push(if c == '`' { '\'' } else { c });
    }
    safe
}

/// The evidence cannot be passed on unaltered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hand over the evidence: an output variable would alter or cut it")]
pub struct EvidenceAltered;

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
            "see (password) [variables.x]\n**vso[task.complete result=Skipped]"
        );
        let rows = [
            ("a macro within a macro", "$$(rm -rf /)", "(rm -rf /)"),
            ("any number of them", "a$$$$[b]", "a[b]"),
            ("arithmetic of a shell", "$((1+1))", "((1+1))"),
            ("backticks", "image `touch /tmp/x`", "image 'touch /tmp/x'"),
            ("an amount stays", "costs 5$ (five)", "costs 5$ (five)"),
        ];
        for (says, hostile, harmless) in rows {
            assert_eq!(value(OutputVariable::Summary, hostile), harmless, "{says}");
        }
        assert_eq!(
            value(OutputVariable::Verdict, "failed\n##vso[x.y]"),
            "failed⏎**vso[x.y]"
        );
    }

    #[test]
    fn values_are_bounded() {
        assert!(value(OutputVariable::Summary, &"line\n".repeat(5000)).len() <= SUMMARY);
        assert!(
            value(
                OutputVariable::RollbackTo,
                &"deployment/web 1, ".repeat(500)
            )
            .len()
                <= LIMIT
        );
    }

    #[test]
    fn evidence_is_handed_over_as_it_is_or_not_at_all() {
        let longest = "x".repeat(approval::LIMIT);
        assert_eq!(value(OutputVariable::Evidence, &longest), longest);
        for wrong in [
            "{\"name\":\"##vso[x]\"}",
            "{\"name\":\"$(x)\"}",
            "two\nlines",
            &format!("{longest}x"),
        ] {
            let told = OutputVariable::Evidence.set(wrong).err();
            assert_eq!(told, Some(EvidenceAltered), "{wrong}");
        }
    }

    #[test]
    fn a_task_without_a_result_claims_nothing() {
        let check = Some(CommandName::Check);
        let of_check = |health| {
            vec![
                ("verdict", "undetermined"),
                ("rollbackTo", ""),
                ("rollbackHelps", ""),
                ("rollbackForces", ""),
                ("summary", "no way"),
                ("rollbackHealth", health),
            ]
        };
        let of_rollback = vec![
            ("rollbackOutcome", "failed"),
            ("rollbackHealth", "undetermined"),
        ];
        let rows = [
            ("a check", check, false, of_check("")),
            (
                "a check after a rollback",
                check,
                true,
                of_check("undetermined"),
            ),
            ("a wrong command", None, false, of_check("")),
            (
                "a doctor, whose steps no other job reads",
                Some(CommandName::Doctor),
                false,
                vec![],
            ),
            (
                "a rollback, which a former attempt may have done",
                Some(CommandName::Rollback),
                true,
                of_rollback,
            ),
        ];
        for (says, command, has_evidence, expected) in rows {
            let mut output = TaskOutput::default();
            let summary = "no way";
            for command in of_failure(FailedTask {
                command,
                has_evidence,
                summary,
            }) {
                output.read_line(&command.to_string());
            }
            let expected = expected
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()));
            assert_eq!(output.variables, expected.collect(), "{says}");
        }
    }

    #[test]
    fn every_outcome_of_a_rollback_is_described() {
        for outcome in BatchOutcome::ALL {
            let description = OutputVariable::RollbackOutcome.description();
            assert!(description.contains(outcome.as_str()), "{outcome:?}");
        }
        for health in RollbackHealth::ALL {
            let description = OutputVariable::RollbackHealth.description();
            assert!(description.contains(health.as_str()), "{health:?}");
        }
    }

    #[test]
    fn the_health_of_a_rollback_is_told_by_whoever_checks_again() {
        let by = |variable: OutputVariable| variable.commands();
        let both = [CommandName::Check, CommandName::Rollback];
        assert_eq!(by(OutputVariable::RollbackHealth), both);
        assert_eq!(by(OutputVariable::RollbackOutcome), [CommandName::Rollback]);
        assert_eq!(by(OutputVariable::RollbackHelps), [CommandName::Check]);
    }
}
