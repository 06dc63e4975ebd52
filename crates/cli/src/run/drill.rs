//! `rollguard drill`: rehearses the shipped stage template, job by job, on the embedded cluster or
//! in a namespace of its own on the user's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollguard_agent::Outcome;
use rollguard_core::duration::{Human, elapsed};
use rollguard_core::report::{Line, Style, TestCase, TestProblem, TestResult, TestSuite};
use rollguard_stage::{
    REHEARSAL_SCHEMA_VERSION, RehearsalReport, Rehearsed, RehearsedStep, STAGE_PATH, StageReport,
    TaskResult, run_stage, shipped_stage,
};
use serde_json::Value;

use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;
use crate::output_form::{OutputForm, harmless_json};

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
    /// The form of the result.
    pub(crate) form: OutputForm,
    pub(crate) place: Place,
    pub(crate) answer: Answer,
    /// The image of the healthy version, where it matters.
    pub(crate) image: Option<String>,
    /// The folder for the pages that a run would show; it is made if necessary.
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
        form,
        place,
        answer,
        image,
        pages,
    } = inputs;
    if let Some(folder) = &pages {
        make_folder(folder)?;
    }
    let environment = DrillEnvironment::open(place, image, console, cancel).await?;
    let mut rehearsal = Rehearsal::new(&environment, answer, screen, cancel).with_pages(pages);
    let result = tokio::select! {
        biased;
        () = cancel.requested() => Err(environment.cancelled()),
        result = rehearse(&mut rehearsal, form, console) => result,
    };
    // The stop may have been heard by the rehearsal first.
    let result = if cancel.is_requested() {
        Err(environment.cancelled())
    } else {
        result
    };
    if result
        .as_ref()
        .is_err_and(|it| it.outcome == Outcome::Cancelled)
    {
        // The cursor may stand behind a question.
        console.line(&Line::default());
    }
    // Told in any case: a namespace that stays is worse than a drill that failed.
    if let Err(failure) = environment.close(console).await {
        console.lines(&failure.lines());
    }
    result
}

/// Makes the folder of the pages, before anything is done.
fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let folder = folder.display();
        let message = format!("`--pages`: cannot make the folder `{folder}`: {error}");
        Failure::new(Outcome::BadInput, message)
    })
}

async fn rehearse(
    rehearsal: &mut Rehearsal<'_>,
    form: OutputForm,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    let environment = rehearsal.environment();
    let started = environment.now();
    let mut since = started;
    let mut prepared = |name, title| {
        let took = elapsed(since, environment.now());
        since = environment.now();
        RehearsedStep::prepared(name, title, took)
    };
    let (first, second) = (
        "deploy v1, which is healthy",
        "deploy v2, whose image does not exist",
    );
    heading(console, first);
    rehearsal.deploy_first().await?;
    let mut steps = vec![prepared("DeployV1", first)];
    heading(console, second);
    environment.deploy_second().await?;
    steps.push(prepared("DeployV2", second));
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
    let rehearsed = Rehearsed::of(&report, rehearsal.took());
    let (outcome, style) = if rehearsed.as_expected {
        (Outcome::Succeeded, Style::Good)
    } else {
        (Outcome::Unexpected, Style::Bad)
    };
    console.line(&Line::styled(style, rehearsed.sentence));
    steps.extend(rehearsed.steps);
    let document = RehearsalReport {
        schema_version: REHEARSAL_SCHEMA_VERSION,
        as_expected: rehearsed.as_expected,
        exit_code: outcome.exit_code(),
        sentence: rehearsed.sentence.to_owned(),
        place: environment.place().to_owned(),
        namespace: environment.namespace().to_owned(),
        seconds: Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or_default())
            .as_secs_f64(),
        steps,
    };
    write(&document, form, console)?;
    Ok(outcome)
}

/// Writes the result for a program.
fn write(report: &RehearsalReport, form: OutputForm, console: &mut Console) -> Result<(), Failure> {
    match form {
        OutputForm::Human | OutputForm::Markdown => {}
        OutputForm::Json => {
            console.document(&harmless_json(serde_json::to_string_pretty(report))?);
        }
        OutputForm::Junit => console.document(&suite(report).to_xml()),
    }
    Ok(())
}

/// Returns the rehearsal as a suite of tests: each step is one, and passes if it ended as a rehearsal is to show.
fn suite(report: &RehearsalReport) -> TestSuite {
    let case = |step: &RehearsedStep| TestCase {
        class: "rollguard drill".to_owned(),
        name: step.name.clone(),
        took: Duration::from_secs_f64(step.seconds),
        result: match (step.as_expected, &step.skipped) {
            (true, Some(why)) => TestResult::Skipped(why.clone()),
            (true, None) => TestResult::Passed,
            (false, _) => TestResult::Failed(TestProblem {
                code: "NotAsExpected".to_owned(),
                message: format!("{}: {} {}", step.title, step.result, step.answer),
                text: report.sentence.clone(),
            }),
        },
        output: format!("{}: {} {}", step.title, step.result, step.answer)
            .trim_end()
            .to_owned(),
    };
    TestSuite {
        name: "rollguard drill".to_owned(),
        began: None,
        cases: report.steps.iter().map(case).collect(),
    }
}

fn heading(console: &mut Console, text: &str) {
    console.line(&Line::default());
    console.line(&Line::styled(Style::Strong, format!("▶ {text}")));
}

/// The stage's parameters, as a pipeline would pass them.
fn parameters(environment: &DrillEnvironment) -> BTreeMap<String, Value> {
    let cluster = environment.cluster_name();
    let parameters = [
        ("environment", "Drill"),
        ("azureServiceConnection", rehearsal::CONNECTION),
        ("aksName", &cluster),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_pages_is_made_and_may_be_there() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("run/pages");
        for says in ["missing", "there"] {
            assert!(make_folder(&folder).is_ok(), "{says}");
            assert!(folder.is_dir(), "{says}");
        }
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        let failure = make_folder(&file).unwrap_err();
        assert_eq!(failure.outcome, Outcome::BadInput);
    }
}
