//! Runs the shipped stage as an agent does, with a person who approves, and cancels it at one moment.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use rollguard::cancel::Cancel;
use rollguard_agent::AgentEnv;
use rollguard_agent::command::{TaskOutput, parse_line};
use rollguard_stage::{
    ResolvedTask, StageEvent, StepOutcome, StepRunner, TaskResult, run_stage, shipped_stage,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::test_cluster::{NAMESPACE, TestCluster};
use super::{Release, Scene};

pub(crate) const CHECK: &str = "AksDeploymentHealthCheck";
pub(crate) const APPROVAL: &str = "ManualApprovalOfRollBack";
pub(crate) const ROLLBACK: &str = "Rollback";
pub(crate) const RECHECK: &str = "AksRollbackHealthCheck";
const JOBS: [&str; 4] = [CHECK, APPROVAL, ROLLBACK, RECHECK];

/// When a person cancels the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Never,
    /// After so many requests of a job reached the API server.
    Request {
        job: &'static str,
        requests: usize,
    },
    /// While the approval waits.
    Approval,
    /// Between two jobs.
    After(&'static str),
}

/// A run of the stage.
pub(crate) struct Run {
    pub(crate) result: TaskResult,
    /// The job that ran, or had just ended, when it was cancelled.
    pub(crate) cancelled_in: Option<&'static str>,
    /// Whether no job ran at that moment.
    pub(crate) cancelled_between: bool,
    /// How long the task went on after the signal.
    pub(crate) took_to_end: Duration,
    /// What a reader of the run sees.
    pub(crate) lines: Vec<String>,
}

impl Run {
    pub(crate) const fn was_cancelled(&self) -> bool {
        self.cancelled_in.is_some()
    }

    pub(crate) fn log(&self) -> String {
        self.lines.join("\n")
    }
}

/// Runs the stage.
pub(crate) async fn run(scene: &Scene, moment: Moment) -> Result<Run> {
    let parameters = parameters(scene.release);
    let stages = shipped_stage()?.expand(&parameters)?;
    let stage = stages.first().context("the template has no stage")?;
    let (sender, cancel) = Cancel::by_hand();
    let mut agent = Agent {
        cluster: &scene.cluster,
        folder: tempfile::tempdir()?,
        moment,
        sender,
        cancel,
        run: Run {
            result: TaskResult::Succeeded,
            cancelled_in: None,
            cancelled_between: false,
            took_to_end: Duration::ZERO,
            lines: Vec::new(),
        },
    };
    let report = run_stage(stage, &mut agent).await;
    let mut run = agent.run;
    run.result = report.result;
    Ok(run)
}

fn parameters(release: Release) -> BTreeMap<String, serde_json::Value> {
    let others = match release {
        Release::One => "",
        Release::Two => "deployment/api",
    };
    let parameters = [
        ("environment", "Production"),
        ("azureServiceConnection", "azure-prod"),
        ("aksName", "aks-prod"),
        ("aksRg", "rg-prod"),
        ("aksSubscription", "00000000-0000-0000-0000-000000000000"),
        ("namespace", NAMESPACE),
        ("deploymentName", "web"),
        ("workloads", others),
        ("timeout", "2m"),
        ("stableFor", "3s"),
        ("graces", "CrashAtStart=30s"),
    ];
    parameters
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .into()
}

struct Agent<'a> {
    cluster: &'a TestCluster,
    folder: TempDir,
    moment: Moment,
    sender: watch::Sender<bool>,
    cancel: Cancel,
    run: Run,
}

impl Agent<'_> {
    fn variables(&self, step: &ResolvedTask) -> BTreeMap<String, String> {
        let inputs = step.inputs.iter();
        let inputs =
            inputs.map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value.clone()));
        let folder = self.folder.path().to_string_lossy().into_owned();
        let others = [
            ("BUILD_BUILDNUMBER".to_owned(), "20261130.1".to_owned()),
            ("AGENT_TEMPDIRECTORY".to_owned(), folder),
        ];
        inputs.chain(others).collect()
    }

    /// Runs the task to its end, and cancels it on the way if this is the moment.
    async fn rollguard(&mut self, step: &ResolvedTask) -> StepOutcome {
        let env = AgentEnv::from_pairs(self.variables(step));
        let connection = self.cluster.connection();
        let before = self.cluster.said().len();
        let last = match self.moment {
            Moment::Request { job, requests } if job == step.job => {
                self.cluster.requests() + requests
            }
            Moment::Request { .. } | Moment::Never | Moment::Approval | Moment::After(_) => {
                usize::MAX
            }
        };
        let mut asked = None;
        let outcome = {
            let (cluster, sender) = (self.cluster, &self.sender);
            let mut task = Box::pin(cluster.task_unless(&env, &connection, &self.cancel));
            poll_fn(|context| {
                let polled = task.as_mut().poll(context);
                if polled.is_pending() && asked.is_none() && cluster.requests() >= last {
                    asked = Some(Instant::now());
                    let _ = sender.send(true);
                }
                polled
            })
            .await
        };
        let said = self.cluster.said().split_off(before);
        let mut output = TaskOutput::default();
        for line in said.lines() {
            if !output.read_line(line) {
                self.run
                    .lines
                    .push(format!("    {line}").trim_end().to_owned());
            } else if let Some(issue) = issue(line) {
                self.run.lines.push(format!("    {issue}"));
            }
        }
        let mut result = output.task_result(Some(i32::from(outcome.exit_code())));
        if let Some(asked) = asked {
            self.run.took_to_end = asked.elapsed();
            self.run.cancelled_in = known(&step.job);
            // The job was cancelled, whatever the task made of it (`JobDispatcher.cs`).
            result = TaskResult::Canceled;
        }
        StepOutcome {
            result,
            outputs: output.variables,
        }
    }

    fn cancel(&mut self, job: &str) {
        let _ = self.sender.send(true);
        self.run.cancelled_in = known(job);
    }
}

fn known(job: &str) -> Option<&'static str> {
    JOBS.into_iter().find(|it| *it == job)
}

/// An error or a warning, as the log of the run shows it.
fn issue(line: &str) -> Option<String> {
    let command = parse_line(line)?;
    let kind = command.property("type")?;
    (command.event == "logissue").then(|| format!("##[{kind}]{}", command.data))
}

#[async_trait]
impl StepRunner for Agent<'_> {
    async fn run(&mut self, step: &ResolvedTask) -> StepOutcome {
        if !step.task.starts_with("ManualValidation@") {
            return self.rollguard(step).await;
        }
        if self.moment == Moment::Approval {
            self.cancel(APPROVAL);
            return StepOutcome::of(TaskResult::Canceled);
        }
        self.run.lines.push("    (a person resumes)".to_owned());
        StepOutcome::of(TaskResult::Succeeded)
    }

    fn event(&mut self, event: &StageEvent) {
        match event {
            StageEvent::JobStarted { job, .. } => self.run.lines.push(job.clone()),
            StageEvent::JobSkipped { job, .. } => self.run.lines.push(format!("{job}: Skipped")),
            StageEvent::JobFinished { job, result } => {
                self.run.lines.push(format!("{job}: {result}"));
                if self.moment == Moment::After(known(job).unwrap_or_default()) {
                    self.run.cancelled_between = true;
                    self.cancel(job);
                    self.run.lines.push("(the run is cancelled)".to_owned());
                }
            }
            StageEvent::StageStarted { .. }
            | StageEvent::StageSkipped { .. }
            | StageEvent::StageFinished { .. }
            | StageEvent::StepStarted { .. }
            | StageEvent::StepSkipped { .. }
            | StageEvent::StepRetried { .. }
            | StageEvent::StepFinished { .. } => {}
        }
    }

    fn canceled(&self) -> bool {
        self.cancel.is_requested()
    }
}
