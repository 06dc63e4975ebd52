//! `rollguard task`: the entry of the Azure Pipelines task. Reads what the agent handed over, runs
//! the command, and answers in logging commands.

use std::path::PathBuf;

use async_trait::async_trait;
use rollguard_agent::env::TEMP_DIRECTORY;
use rollguard_agent::inputs::{
    AksTarget, CheckInputs, CommandInputs, Inputs, RawInputs, RollbackInputs,
};
use rollguard_agent::outputs::{OutputVariable, RollbackOutcome};
use rollguard_agent::run::Run;
use rollguard_agent::{AgentEnv, LoggingCommand, Outcome};
use rollguard_cluster::Connection;
use rollguard_core::report::{Proposal, markdown, summary};

use super::check::{Checked, Tools, check};
use super::rollback::{Given, How, rollback};
use crate::failure::Failure;

/// The longest `summary` for the approver, in characters: the instructions of a manual validation hold
/// 4000 and have words of their own.
const SUMMARY_LIMIT: usize = 1800;

/// Who opens the way to the cluster that the inputs name.
#[async_trait]
pub trait Connector: Sync {
    /// Signs in and connects.
    ///
    /// # Errors
    /// When signing in fails or the cluster does not answer.
    async fn connect(
        &self,
        env: &AgentEnv,
        target: &AksTarget,
        tools: &mut Tools<'_>,
    ) -> Result<Connection, Failure>;
}

/// Runs the task from its environment to its result.
pub async fn task(env: &AgentEnv, connector: &dyn Connector, tools: &mut Tools<'_>) -> Outcome {
    let outcome = match run(env, connector, tools).await {
        Ok(outcome) => outcome,
        Err(failure) => {
            tools.console.lines(&failure.lines());
            for message in &failure.messages {
                tools.console.command(&LoggingCommand::error(message));
            }
            failure.outcome
        }
    };
    // The exit code says the same: an injected `task.complete` cannot undo that.
    tools.console.command(&LoggingCommand::complete(
        outcome.task_result(),
        outcome.name(),
    ));
    outcome
}

async fn run(
    env: &AgentEnv,
    connector: &dyn Connector,
    tools: &mut Tools<'_>,
) -> Result<Outcome, Failure> {
    let raw = RawInputs::from_env(env);
    let inputs = match Inputs::parse(&raw) {
        Ok(inputs) => inputs,
        Err(errors) => return finish_unseen(Failure::from(errors), tools),
    };
    let target = inputs
        .cluster
        .as_ref()
        .ok_or_else(|| Failure::new(Outcome::BadInput, "the inputs name no AKS cluster"))?;
    let connection = match connector.connect(env, target, tools).await {
        Ok(connection) => connection,
        Err(failure) if matches!(inputs.command, CommandInputs::Check(_)) => {
            return finish_unseen(failure, tools);
        }
        Err(failure) => return finish_untouched(failure, tools),
    };
    match &inputs.command {
        CommandInputs::Check(inputs) => run_check(env, &connection, inputs, tools).await,
        CommandInputs::Rollback(inputs) => run_rollback(env, &connection, inputs, tools).await,
    }
}

async fn run_check(
    env: &AgentEnv,
    connection: &Connection,
    inputs: &CheckInputs,
    tools: &mut Tools<'_>,
) -> Result<Outcome, Failure> {
    match check(connection, inputs, tools).await {
        Ok(checked) => {
            tell(&checked, tools)?;
            upload_summary(env, &checked, tools)?;
            Ok(checked.outcome)
        }
        Err(failure) => finish_unseen(failure, tools),
    }
}

/// A check that never saw the rollout: later jobs must read that it is undetermined.
fn finish_unseen(failure: Failure, tools: &mut Tools<'_>) -> Result<Outcome, Failure> {
    let text = failure.messages.join("\n");
    set(OutputVariable::Verdict, "undetermined", tools)?;
    set(OutputVariable::RollbackTo, "", tools)?;
    set(OutputVariable::Summary, &text, tools)?;
    Err(failure)
}

fn finish_untouched(failure: Failure, tools: &mut Tools<'_>) -> Result<Outcome, Failure> {
    set(
        OutputVariable::RollbackOutcome,
        RollbackOutcome::Failed.as_str(),
        tools,
    )?;
    Err(failure)
}

fn tell(checked: &Checked, tools: &mut Tools<'_>) -> Result<(), Failure> {
    let report = &checked.report;
    let target = match &report.rollback {
        Proposal::Apply { target, .. } => target.revision.to_string(),
        Proposal::None | Proposal::Refused { .. } => String::new(),
    };
    set(OutputVariable::Verdict, &report.verdict, tools)?;
    set(OutputVariable::RollbackTo, &target, tools)?;
    if let Some(handover) = &checked.handover {
        set(
            OutputVariable::Evidence,
            &handover.to_json().map_err(anyhow::Error::from)?,
            tools,
        )?;
    }
    set(
        OutputVariable::Summary,
        &summary(report, SUMMARY_LIMIT),
        tools,
    )?;
    if checked.outcome != Outcome::Succeeded {
        tools
            .console
            .command(&LoggingCommand::error(&report.sentence));
    }
    Ok(())
}

fn set(variable: OutputVariable, value: &str, tools: &mut Tools<'_>) -> Result<(), Failure> {
    let command = variable.set(value).map_err(anyhow::Error::from)?;
    tools.console.command(&command);
    Ok(())
}

/// Puts the report on the run's page. Without a folder from the agent there is no page.
fn upload_summary(env: &AgentEnv, checked: &Checked, tools: &mut Tools<'_>) -> Result<(), Failure> {
    let Some(folder) = env.get(&TEMP_DIRECTORY) else {
        return Ok(());
    };
    let name = checked
        .report
        .workloads
        .first()
        .map_or("workload", |it| it.workload.name.as_str());
    let path = PathBuf::from(folder).join(format!(
        "rollguard-{name}-{}.md",
        checked.report.ended.as_second()
    ));
    let text = tools.console.masked(&markdown(&checked.report));
    std::fs::write(&path, text).map_err(|error| {
        Failure::new(
            Outcome::Unexpected,
            format!("failed to write `{}`: {error}", path.display()),
        )
    })?;
    tools
        .console
        .command(&LoggingCommand::upload_summary(&path));
    Ok(())
}

async fn run_rollback(
    env: &AgentEnv,
    connection: &Connection,
    inputs: &RollbackInputs,
    tools: &mut Tools<'_>,
) -> Result<Outcome, Failure> {
    let by = Run::from_env(env).map_or_else(|| "a pipeline".to_owned(), |run| run.to_string());
    let how = How {
        dry_run: false,
        consent: &Given,
        by,
    };
    match rollback(connection, inputs, &how, tools.console).await {
        Ok(done) => {
            set(OutputVariable::RollbackOutcome, done.word.as_str(), tools)?;
            Ok(done.outcome)
        }
        Err(failure) => finish_untouched(failure, tools),
    }
}
