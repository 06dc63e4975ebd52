//! `rollguard task`: the entry of the Azure Pipelines task. Reads what the agent passes, runs
//! the command, and answers in logging commands.

use async_trait::async_trait;
use jiff::Timestamp;
use rollguard_agent::inputs::{
    CheckInputs, ClusterTarget, CommandInputs, Inputs, RawInputs, RollbackInputs,
};
use rollguard_agent::run::Run;
use rollguard_agent::{AgentEnv, LoggingCommand, Outcome};
use rollguard_cluster::{Connection, SignIn, WayIn};
use rollguard_core::permission::DoctorCommand;

use super::check::check;
use super::doctor::{Subject, Survey, doctor};
use super::rollback::{Consent, How, rollback};
use super::tools::Tools;
use crate::failure::Failure;

mod files;
mod lint;
mod outputs;

/// Connects to the cluster that the inputs name.
#[async_trait]
pub trait Connector: Sync {
    /// Signs in and connects.
    ///
    /// # Errors
    /// When signing in fails or the cluster does not answer.
    async fn connect(
        &self,
        env: &AgentEnv,
        target: &ClusterTarget,
        tools: &mut Tools<'_>,
    ) -> Result<Connection, Failure>;

    /// Gathers what is known about the cluster before it is asked.
    async fn survey(&self, _: &AgentEnv, _: &ClusterTarget) -> Survey {
        Survey::default()
    }

    /// Reads the local time.
    fn local_time(&self) -> Timestamp;
}

/// The way is open already: a rehearsal has a cluster of its own.
#[async_trait]
impl Connector for Connection {
    async fn connect(
        &self,
        _: &AgentEnv,
        _: &ClusterTarget,
        _: &mut Tools<'_>,
    ) -> Result<Connection, Failure> {
        Ok(self.clone())
    }

    fn local_time(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Runs the task from its environment to its result.
pub async fn task(env: &AgentEnv, connector: &dyn Connector, tools: &mut Tools<'_>) -> Outcome {
    let raw = RawInputs::from_env(env);
    let outcome = match run(env, &raw, connector, tools).await {
        Ok(outcome) => outcome,
        Err(failure) => {
            outputs::give_up(&raw, &failure, tools);
            let failed = files::Failed {
                raw: &raw,
                failure: &failure,
                at: connector.local_time(),
            };
            files::of_failure(env, failed, tools);
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
    if let Some(name) = env.override_by_variable() {
        let message =
            format!("the variable `{name}` takes the place of what the agent hands to the task");
        return Err(Failure::new(Outcome::BadInput, message).hint(
            "rename the variable: on agents before July 2026 it would decide which cluster is checked and who signs in",
        ));
    }
    let inputs = Inputs::parse(raw)?;
    let way_in = inputs.cluster.as_ref().map(way_in).unwrap_or_default();
    let done = carried_out(env, &inputs, connector, tools).await;
    done.map_err(|failure| failure.for_user(&way_in))
}

/// Returns what the user of a task has.
fn way_in(target: &ClusterTarget) -> WayIn {
    WayIn {
        sign_in: match target {
            ClusterTarget::Aks(_) => SignIn::AzureConnection,
            ClusterTarget::Kubernetes { .. } => SignIn::KubernetesConnection,
        },
        doctor: DoctorCommand::Task,
        ..WayIn::default()
    }
}

async fn carried_out(
    env: &AgentEnv,
    inputs: &Inputs,
    connector: &dyn Connector,
    tools: &mut Tools<'_>,
) -> Result<Outcome, Failure> {
    if let (CommandInputs::Lint(lint_inputs), None) = (&inputs.command, &inputs.cluster) {
        let at = connector.local_time();
        return lint::lint((env, at), None, lint_inputs, tools).await;
    }
    let target = inputs
        .cluster
        .as_ref()
        .ok_or_else(|| Failure::new(Outcome::BadInput, "the inputs name no cluster"))?;
    let cancel = tools.cancel.clone();
    let survey = match &inputs.command {
        CommandInputs::Doctor(_) => cancel.unless(connector.survey(env, target)).await?,
        CommandInputs::Check(_) | CommandInputs::Rollback(_) | CommandInputs::Lint(_) => {
            Survey::default()
        }
    };
    let connected = if let Some(failure) = &survey.failure {
        Err(failure.clone())
    } else {
        let connecting = cancel.unless(connector.connect(env, target, tools)).await;
        connecting.and_then(|it| it)
    };
    let way_in = way_in(target);
    let connected = connected.map(|connection| Connection {
        way_in: WayIn {
            outage: connection.way_in.outage.clone(),
            ..way_in.clone()
        },
        ..connection
    });
    match &inputs.command {
        CommandInputs::Check(inputs) => run_check(env, &connected?, inputs, tools).await,
        CommandInputs::Lint(inputs) => {
            let at = connector.local_time();
            lint::lint((env, at), Some(&connected?), inputs, tools).await
        }
        CommandInputs::Rollback(inputs) => {
            let connection = connected.map_err(Failure::unchanged)?;
            run_rollback(env, &connection, inputs, tools).await
        }
        CommandInputs::Doctor(inputs) => {
            let local_time = || connector.local_time();
            let subject = Subject {
                survey,
                connected,
                local_time: &local_time,
                way_in,
            };
            let examined = doctor(subject, inputs, tools).await?;
            outputs::of_doctor(&examined, tools);
            files::of_doctor(env, &examined, local_time(), tools);
            Ok(examined.outcome)
        }
    }
}

/// Returns who does it, in what is written into the cluster.
fn run_of(env: &AgentEnv, now: Timestamp) -> String {
    let named = Run::from_env(env).map(|run| run.to_string());
    // One that is not named is never taken for another.
    named.unwrap_or_else(|| format!("a pipeline at {now}"))
}

async fn run_check(
    env: &AgentEnv,
    connection: &Connection,
    inputs: &CheckInputs,
    tools: &mut Tools<'_>,
) -> Result<Outcome, Failure> {
    let checked = check(
        connection,
        inputs,
        &run_of(env, connection.clock.now()),
        tools,
    )
    .await?;
    outputs::of_check(&checked, tools)?;
    files::of_check(env, &checked, tools);
    Ok(checked.outcome)
}

async fn run_rollback(
    env: &AgentEnv,
    connection: &Connection,
    inputs: &RollbackInputs,
    tools: &mut Tools<'_>,
) -> Result<Outcome, Failure> {
    let how = How {
        consent: Consent::Given,
        by: run_of(env, connection.clock.now()),
    };
    let done = rollback(connection, inputs, &how, tools).await?;
    outputs::of_rollback(&done, tools)?;
    files::of_rollback(env, &done, connection, tools);
    Ok(done.outcome)
}
