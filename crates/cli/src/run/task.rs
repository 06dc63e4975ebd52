//! `rollguard task`: the entry of the Azure Pipelines task. Reads what the agent handed over, runs
//! the command, and answers in logging commands.

use std::path::Path;

use anyhow::Context as _;

use async_trait::async_trait;
use rollguard_agent::env::TEMP_DIRECTORY;
use rollguard_agent::inputs::{
    AksTarget, COMMAND, CheckInputs, CommandInputs, CommandName, Inputs, RawInputs, RollbackInputs,
};
use rollguard_agent::outputs::{OutputVariable, RollbackOutcome};
use rollguard_agent::run::Run;
use rollguard_agent::{AgentEnv, LoggingCommand, Outcome};
use rollguard_cluster::Connection;
use rollguard_core::report::{Proposal, markdown, summary};

use super::check::{Checked, check};
use super::rollback::{Given, How, rollback};
use super::tools::Tools;
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
    let raw = RawInputs::from_env(env);
    let outcome = match run(env, &raw, connector, tools).await {
        Ok(outcome) => outcome,
        Err(failure) => {
            give_up(&raw, &failure, tools);
            failure.outcome
        }
    };
    // The exit code says the same: an injected `task.complete` cannot undo that.
    let complete = LoggingCommand::complete(outcome.task_result(), outcome.name());
    tools.console.command(&complete);
    outcome
}

async fn run(
    env: &AgentEnv,
    raw: &RawInputs,
    connector: &dyn Connector,
    tools: &mut Tools<'_>,
) -> Result<Outcome, Failure> {
    let inputs = Inputs::parse(raw)?;
    let target = inputs
        .cluster
        .as_ref()
        .ok_or_else(|| Failure::new(Outcome::BadInput, "the inputs name no AKS cluster"))?;
    let cancel = tools.cancel.clone();
    let connection = cancel
        .unless(connector.connect(env, target, tools))
        .await??;
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
    let checked = check(connection, inputs, tools).await?;
    tell(&checked, tools)?;
    if let Err(error) = upload_summary(env, &checked, tools) {
        // The verdict stands without its page.
        let text = format!("the summary could not be written: {error:#}");
        tools.console.command(&LoggingCommand::warning(&text));
    }
    Ok(checked.outcome)
}

/// Tells why, on the run's page; and sets what later jobs read: a check that never saw the rollout
/// is undetermined, a rollback that was not tried has failed.
fn give_up(raw: &RawInputs, failure: &Failure, tools: &mut Tools<'_>) {
    let text = failure.messages.join("\n");
    let outputs = match raw.get(&COMMAND).and_then(CommandName::parse) {
        Some(CommandName::Rollback) => {
            vec![(
                OutputVariable::RollbackOutcome,
                RollbackOutcome::Failed.as_str(),
            )]
        }
        Some(CommandName::Check) | None => vec![
            (OutputVariable::Verdict, "undetermined"),
            (OutputVariable::RollbackTo, ""),
            (OutputVariable::Summary, text.as_str()),
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
fn upload_summary(env: &AgentEnv, checked: &Checked, tools: &mut Tools<'_>) -> anyhow::Result<()> {
    let Some(folder) = env.get(&TEMP_DIRECTORY) else {
        return Ok(());
    };
    let name = match checked.report.workloads.as_slice() {
        [only] => only.workload.name.clone(),
        many => format!("{}-workloads", many.len()),
    };
    let path = Path::new(folder).join(format!(
        "rollguard-{name}-{}.md",
        checked.report.ended.as_second()
    ));
    let text = tools.console.masked(&markdown(&checked.report));
    std::fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
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
    let cancel = tools.cancel.clone();
    let how = How {
        dry_run: false,
        consent: &Given,
        cancel: &cancel,
        by,
    };
    let done = rollback(connection, inputs, &how, tools.console).await?;
    if let Some(word) = done.word {
        set(OutputVariable::RollbackOutcome, word.as_str(), tools)?;
    }
    if let Some(refusal) = &done.refusal {
        let text = format!("not rolled back: {refusal}");
        tools.console.command(&LoggingCommand::error(&text));
    }
    Ok(done.outcome)
}
