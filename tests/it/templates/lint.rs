//! The stage's parameter `lint`: a failure of the step that judges the workloads.

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use rollguard_stage::{
    ResolvedTask, StageEvent, StepOutcome, StepRunner, TaskResult, Template, run_pipeline,
};
use serde_json::json;

use super::support::{job, stage, with_required};

/// An agent on which the rollout is healthy, and the lint ends without a result: its connection has an error.
#[derive(Default)]
struct Agent {
    ran: Vec<String>,
}

#[async_trait]
impl StepRunner for Agent {
    async fn run(&mut self, step: &ResolvedTask) -> StepOutcome {
        let name = step.name.clone().unwrap_or_default();
        let outcome = match name.as_str() {
            "check" => StepOutcome::of(TaskResult::Succeeded).output("verdict", "succeeded"),
            "lint" => StepOutcome::of(TaskResult::Failed),
            _ => StepOutcome::of(TaskResult::Succeeded),
        };
        self.ran.push(name);
        outcome
    }

    fn event(&mut self, _: &StageEvent) {}
}

/// The stage, and another one after it.
const PIPELINE: &str = "stages:
  - template: stages/aks-health-and-rollback.yml
    parameters: PARAMETERS
  - stage: Next
    jobs:
      - job: Next
        steps:
          - script: echo next
            name: next
";

pub(crate) fn failure_of_the_step() -> Result<()> {
    let rows = [
        (
            "warn",
            TaskResult::SucceededWithIssues,
            &["check", "lint", "next"][..],
        ),
        ("fail", TaskResult::Failed, &["check", "lint"]),
        ("off", TaskResult::Succeeded, &["check", "next"]),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for (mode, result, ran) in rows {
        let parameters = json!(with_required(&[("lint", json!(mode))])?);
        let text = PIPELINE.replace("PARAMETERS", &parameters.to_string());
        let template = Template::parse("azure-pipelines.yml", &text)?;
        let template = template.among(rollguard_stage::SHIPPED.iter().copied());
        let stages = template.expand(&std::collections::BTreeMap::new())?;
        let mut agent = Agent::default();
        let reports = runtime.block_on(run_pipeline(&stages, &mut agent));
        let first = reports.first().context("no report")?;
        ensure!(first.result == result, "{mode}: {:?}", first.result);
        ensure!(agent.ran == ran, "{mode}: {:?} ran", agent.ran);
    }
    Ok(())
}

pub(crate) fn continues() -> Result<()> {
    for (mode, expected) in [("warn", true), ("fail", false)] {
        let stage = stage(&[("lint", json!(mode))])?;
        let job = job(&stage, "AksDeploymentHealthCheck")?;
        let flags: Vec<bool> = job.steps.iter().map(|it| it.continue_on_error).collect();
        ensure!(flags == [false, expected], "{mode}: {flags:?}");
    }
    Ok(())
}
