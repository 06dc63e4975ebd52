//! `rollguard drill`: rehearses the shipped stage template, job by job, on the embedded cluster or
//! in a namespace of its own on the user's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rollguard_agent::Outcome;
use rollguard_core::duration::{Human, elapsed};
use rollguard_core::report::{Line, Style};
use rollguard_core::verdict::VerdictKind;
use rollguard_stage::{STAGE_PATH, StageReport, TaskResult, run_stage, shipped_stage};
use serde_json::Value;

use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;

mod command_filter;
mod environment;
mod manifest;
mod rehearsal;
mod screen;

use environment::DrillEnvironment;
pub(crate) use environment::Place;
pub(crate) use rehearsal::Answer;
use rehearsal::Rehearsal;
pub(crate) use screen::Screen;

/// How long a version may take to show itself; the drill passes it to the stage.
const TIMEOUT: &str = "1m";

/// The user's choices.
pub(crate) struct DrillInputs {
    pub(crate) place: Place,
    pub(crate) answer: Answer,
    /// The image of the healthy version, where it matters.
    pub(crate) image: Option<String>,
    /// The folder for the pages that a run would show; it must exist.
    pub(crate) pages: Option<PathBuf>,
}

/// Rehearses the stage and tells what happened.
pub(crate) async fn drill(
    inputs: DrillInputs,
    screen: &Screen,
    console: &mut Console,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let DrillInputs {
        place,
        answer,
        image,
        pages,
    } = inputs;
    if let Some(folder) = pages.as_ref().filter(|it| !it.is_dir()) {
        let message = format!("`--pages`: `{}` is no folder", folder.display());
        return Err(Failure::new(Outcome::BadInput, message));
    }
    let environment = DrillEnvironment::open(place, image, console, cancel).await?;
    let mut rehearsal = Rehearsal::new(&environment, answer, screen, cancel).with_pages(pages);
    let result = tokio::select! {
        biased;
        () = cancel.requested() => Err(Failure::new(Outcome::Cancelled, "cancelled")),
        result = rehearse(&mut rehearsal, console) => result,
    };
    // The stop may have been heard by the rehearsal first.
    let result = if cancel.is_requested() {
        Err(Failure::new(Outcome::Cancelled, "cancelled"))
    } else {
        result
    };
    // Told in any case: a namespace that stays is worse than a drill that failed.
    if let Err(failure) = environment.close(console).await {
        console.lines(&failure.lines());
    }
    result
}

async fn rehearse(
    rehearsal: &mut Rehearsal<'_>,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    let environment = rehearsal.environment();
    let started = environment.now();
    heading(console, "deploy v1, which is healthy");
    rehearsal.deploy_first().await?;
    heading(console, "deploy v2, whose image does not exist");
    environment.deploy_second().await?;
    heading(console, &format!("run the stage of templates/{STAGE_PATH}"));
    let template = shipped_stage().map_err(anyhow::Error::from)?;
    let stages = template
        .expand(&parameters(environment))
        .map_err(anyhow::Error::from)?;
    let stage = stages
        .first()
        .ok_or_else(|| Failure::new(Outcome::Unexpected, "the template has no stage"))?;
    let report = run_stage(stage, rehearsal).await;
    rehearsal.finish()?;
    let took = elapsed(started, environment.now());
    summary(console, &report, took);
    Ok(judged(&report, console))
}

fn heading(console: &mut Console, text: &str) {
    console.line(&Line::default());
    console.line(&Line::styled(Style::Strong, format!("▶ {text}")));
}

/// The stage's parameters, as a pipeline would pass them.
fn parameters(environment: &DrillEnvironment) -> BTreeMap<String, Value> {
    let parameters = [
        ("environment", "Drill"),
        ("azureServiceConnection", rehearsal::CONNECTION),
        ("aksName", "drill"),
        ("aksRg", "drill"),
        ("aksSubscription", rehearsal::SUBSCRIPTION),
        ("namespace", environment.namespace()),
        ("deploymentName", manifest::NAME),
        ("timeout", TIMEOUT),
    ];
    parameters
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

/// The jobs with their results, for the eye.
fn summary(console: &mut Console, report: &StageReport, took: Duration) {
    console.line(&Line::default());
    console.line(&Line::styled(
        Style::Strong,
        format!("stage {} took {}", report.name, Human(took)),
    ));
    for job in &report.jobs {
        let style = match job.result {
            TaskResult::Succeeded => Style::Good,
            TaskResult::Failed | TaskResult::Canceled | TaskResult::Abandoned => Style::Bad,
            TaskResult::SucceededWithIssues | TaskResult::Skipped => Style::Warn,
        };
        let what = [
            "check.verdict",
            "rollback.rollbackOutcome",
            "recheck.verdict",
        ]
        .iter()
        .find_map(|name| job.outputs.get(*name))
        .map_or_else(String::new, |word| format!("  {word}"));
        console.line(
            &Line::plain("  ")
                .then(style, format!("{:<12}", job.result.as_str()))
                .then(Style::Plain, format!("{:<26}", job.name))
                .then(Style::Dim, what),
        );
    }
}

/// Returns whether the rehearsal went as a rehearsal should, in one sentence.
fn judged(report: &StageReport, console: &mut Console) -> Outcome {
    let output = |job: &str, name: &str| {
        report
            .job(job)
            .and_then(|job| job.outputs.get(name))
            .map(String::as_str)
            .unwrap_or_default()
    };
    let verdict = |job: &str, name: &str| VerdictKind::parse(output(job, name));
    let found = verdict("AksDeploymentHealthCheck", "check.verdict") == Some(VerdictKind::Failed);
    let approved = report
        .job("ManualApprovalOfRollBack")
        .is_some_and(|job| job.result.is_success());
    let healthy =
        verdict("AksRollbackHealthCheck", "recheck.verdict") == Some(VerdictKind::Succeeded);
    let (outcome, style, text) = match (found, approved, healthy) {
        (true, true, true) => (
            Outcome::Succeeded,
            Style::Good,
            "v2 was found broken early, you approved, v1 is restored and healthy; in a pipeline the run stays failed, because the deployment it made did not work",
        ),
        (true, false, _) => (
            Outcome::Succeeded,
            Style::Good,
            "v2 was found broken early, you rejected the rollback, nothing was changed",
        ),
        _ => (
            Outcome::Unexpected,
            Style::Bad,
            "the rehearsal did not end as expected; see the jobs above",
        ),
    };
    console.line(&Line::styled(style, text));
    outcome
}
