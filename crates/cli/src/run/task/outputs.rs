//! What later jobs read, and what stands on the run's page as an error.

use rollguard_agent::inputs::{COMMAND, CommandName, EVIDENCE, RawInputs};
use rollguard_agent::outputs::OutputVariable;
use rollguard_agent::{LoggingCommand, Outcome};
use rollguard_core::approval::{Approval, LIMIT};
use rollguard_core::finding::RollbackHelps;
use rollguard_core::report::{Proposal, summary};
use rollguard_core::rollback::{BatchOutcome, RollbackHealth};

use crate::failure::Failure;
use crate::run::check::Checked;
use crate::run::rollback::RolledBack;
use crate::run::tools::Tools;

/// The longest `summary` for the approver, in characters: the instructions of a manual validation hold
/// 4000 and have words of their own.
const SUMMARY_LIMIT: usize = 1800;

/// What a check found.
pub(super) fn of_check(checked: &Checked, tools: &mut Tools<'_>) -> Result<(), Failure> {
    let report = &checked.report;
    let evidence = match checked.approval().map(evidence) {
        Some(Ok(evidence)) => Some(evidence),
        Some(Err(why)) => {
            let text = format!("{why}; roll back by name instead");
            tools.console.command(&LoggingCommand::warning(&text));
            None
        }
        None => None,
    };
    // An approval without evidence would be about nothing: then nobody is asked.
    let offered = evidence.as_ref().map(|_| &report.rollback);
    let helps = offered.and_then(|it| it.helps(&report.findings));
    let targets = offered.map(Proposal::targets).unwrap_or_default();
    set(OutputVariable::Verdict, report.verdict.as_str(), tools)?;
    set(OutputVariable::RollbackTo, &targets, tools)?;
    let helps = helps.map_or("", RollbackHelps::as_str);
    set(OutputVariable::RollbackHelps, helps, tools)?;
    if let Some(command) = evidence {
        tools.console.command(&command);
    }
    let text = summary(report, SUMMARY_LIMIT);
    set(OutputVariable::Summary, &text, tools)?;
    if let Some(health) = report.rollback_health() {
        set(OutputVariable::RollbackHealth, health.as_str(), tools)?;
    }
    if checked.outcome != Outcome::Succeeded {
        let error = LoggingCommand::error(&report.sentence);
        tools.console.command(&error);
    }
    Ok(())
}

/// Returns the whole evidence as an output variable, or why that cannot be done.
fn evidence(approval: &Approval) -> Result<LoggingCommand, String> {
    let json = approval.to_json().map_err(|error| error.to_string())?;
    let too_many = || {
        format!(
            "no rollback is offered: the evidence about {} workloads is longer than the {LIMIT} bytes that an output variable can hold",
            approval.workloads.len()
        )
    };
    let json = json.ok_or_else(too_many)?;
    let command = OutputVariable::Evidence.set(&json);
    command.map_err(|error| format!("no rollback is offered: failed to {error}"))
}

/// How a rollback ended.
pub(super) fn of_rollback(done: &RolledBack, tools: &mut Tools<'_>) -> Result<(), Failure> {
    if let Some(word) = done.word {
        set(OutputVariable::RollbackOutcome, word.as_str(), tools)?;
    }
    let health = done.health.map_or("", RollbackHealth::as_str);
    set(OutputVariable::RollbackHealth, health, tools)?;
    for error in &done.errors {
        tools.console.command(&LoggingCommand::error(error));
    }
    Ok(())
}

/// Tells why, on the run's page; and sets what later jobs read: a check that never saw the rollout
/// is undetermined, a rollback that was not tried has failed.
pub(super) fn give_up(raw: &RawInputs, failure: &Failure, tools: &mut Tools<'_>) {
    let text = failure.messages.join("\n");
    let after_rollback = raw
        .get(&EVIDENCE)
        .map_or("", |_| RollbackHealth::Undetermined.as_str());
    let outputs = match raw.get(&COMMAND).and_then(CommandName::parse) {
        Some(CommandName::Rollback) => {
            let failed = BatchOutcome::Failed.as_str();
            // A former attempt may have done it.
            let health = RollbackHealth::Undetermined.as_str();
            vec![
                (OutputVariable::RollbackOutcome, failed),
                (OutputVariable::RollbackHealth, health),
            ]
        }
        Some(CommandName::Check) | None => vec![
            (OutputVariable::Verdict, "undetermined"),
            (OutputVariable::RollbackTo, ""),
            (OutputVariable::RollbackHelps, ""),
            (OutputVariable::Summary, text.as_str()),
            (OutputVariable::RollbackHealth, after_rollback),
        ],
    };
    for command in outputs
        .into_iter()
        .filter_map(|(variable, value)| variable.set(value).ok())
    {
        tools.console.command(&command);
    }
    for message in &failure.messages {
        tools.console.command(&LoggingCommand::error(message));
    }
    tools.console.lines(&failure.hint_lines());
}

fn set(variable: OutputVariable, value: &str, tools: &mut Tools<'_>) -> Result<(), Failure> {
    let command = variable.set(value).map_err(anyhow::Error::from)?;
    tools.console.command(&command);
    Ok(())
}
