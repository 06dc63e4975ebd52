//! The command `lint` of the task: judges manifests, and with a connection asks the cluster what it would say to them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rollguard_agent::command::{ISSUES, Place, Severity};
use rollguard_agent::env::{HOST_TYPE, TEMP_DIRECTORY};
use rollguard_agent::inputs::LintInputs;
use rollguard_agent::{AgentEnv, LoggingCommand, Outcome};
use rollguard_cluster::Connection;
use rollguard_core::prediction::FailOnPrediction;
use rollguard_lint::report::severity_of;
use rollguard_lint::yaml::Mark;
use rollguard_lint::{Config, FailOn, Severity as Weight};

use super::files;
use crate::failure::Failure;
use crate::run::lint::live::{Judged, Reading, Subject, judge_live};
use crate::run::lint::{LintForm, LintOptions, judge_all};
use crate::run::tools::Tools;

/// The artifact that the Scans tab of Azure Pipelines reads.
const SCANS: &str = "CodeAnalysisLogs";

/// Judges, prints, and leaves the findings with the run: its page, its issues, its Scans tab.
pub(super) async fn lint(
    (env, at): (&AgentEnv, Timestamp),
    connection: Option<&Connection>,
    inputs: &LintInputs,
    tools: &mut Tools<'_>,
) -> Result<Outcome, Failure> {
    let reading = Reading {
        options: options(inputs),
        today: at.to_zoned(TimeZone::UTC).date(),
    };
    let judged = if let Some(connection) = connection {
        let subject = Subject {
            named: inputs.workloads.clone(),
            selector: inputs.selector.clone(),
            namespace: inputs.namespace.clone(),
            timeout: inputs.timeout,
        };
        let fail_on = predictions_that_fail(inputs);
        judge_live(reading, (&subject, fail_on), connection, tools.cancel).await?
    } else {
        let report = judge_all(reading, tools.cancel).await?;
        Judged::without_cluster(report)
    };
    judged.print_findings(tools.console);
    judged.print_counts(tools.console);
    issues(&judged, tools);
    keep(env, &judged, at, tools);
    Ok(judged.outcome())
}

fn options(inputs: &LintInputs) -> LintOptions {
    LintOptions {
        paths: inputs.manifests.clone(),
        flags: Config {
            fail_on: inputs.fail_on.as_deref().and_then(FailOn::parse),
            ..Config::default()
        },
        config: inputs.config.as_ref().map(Into::into),
        baseline: inputs.baseline.as_ref().map(Into::into),
        ..LintOptions::default()
    }
}

/// Returns the certainty from which on a prediction fails the task: what fails nothing, fails nothing.
fn predictions_that_fail(inputs: &LintInputs) -> FailOnPrediction {
    if inputs.fail_on.as_deref() == Some("never") {
        FailOnPrediction::Never
    } else {
        FailOnPrediction::default()
    }
}

/// An error or a warning on the run's page.
struct Issue<'a> {
    severity: Severity,
    code: &'a str,
    place: Place<'a>,
    message: &'a str,
}

impl<'a> Issue<'a> {
    /// Makes one; `None` for what is only worth knowing.
    fn new(weight: Weight, code: &'a str, place: Place<'a>, message: &'a str) -> Option<Self> {
        let severity = match weight {
            Weight::Error => Severity::Error,
            Weight::Warning => Severity::Warning,
            Weight::Info => return None,
        };
        Some(Self {
            severity,
            code,
            place,
            message,
        })
    }

    /// The page links to a file of the repository, and a workload of the cluster is none: it is named in the message.
    fn command(&self, standing: &BTreeSet<String>) -> LoggingCommand {
        let Self {
            severity,
            code,
            place,
            message,
        } = self;
        if standing.contains(place.path) {
            let message = format!("{}: {message}", place.path);
            return LoggingCommand::issue(*severity, Some(code), &message);
        }
        LoggingCommand::issue_in_file(*severity, code, place, message)
    }
}

fn place(path: &str, mark: Mark) -> Place<'_> {
    Place {
        path,
        line: mark.line,
        column: mark.column,
    }
}

/// Shows the gravest on the run's page: the agent keeps ten errors and ten warnings of a step. The log has all.
fn issues(judged: &Judged, tools: &mut Tools<'_>) {
    let predicted = judged.predicted.iter().flat_map(|it| &it.placed);
    let predicted = predicted.filter_map(|it| {
        let weight = severity_of(it.prediction.certainty);
        let code = it.prediction.code.as_str();
        Issue::new(
            weight,
            code,
            place(&it.file, it.mark),
            &it.prediction.message,
        )
    });
    let files = judged.report.files.iter();
    let found = files.flat_map(|file| file.findings.iter().map(move |it| (file, &it.finding)));
    let found = found.filter(|(_, it)| it.suppression.is_none());
    let found = found.filter_map(|(file, it)| {
        let code = it.code.as_str();
        Issue::new(it.severity, code, place(&file.path, it.mark), &it.message)
    });
    let (errors, warnings): (Vec<_>, Vec<_>) = predicted
        .chain(found)
        .partition(|it| it.severity == Severity::Error);
    for issue in errors
        .iter()
        .take(ISSUES)
        .chain(warnings.iter().take(ISSUES))
    {
        tools.console.command(&issue.command(&judged.standing));
    }
}

/// Puts the findings on the run's page, and in a run of a pipeline into its Scans tab.
fn keep(env: &AgentEnv, judged: &Judged, at: Timestamp, tools: &mut Tools<'_>) {
    let Some(folder) = env.get(&TEMP_DIRECTORY).map(Path::new) else {
        return;
    };
    let write = |document: &str, ending: &str| {
        let file = format!("rollguard-lint-{}.{ending}", at.as_second());
        files::write(folder, &file, &tools.console.masked(document))
    };
    let page = write(&judged.page(), "md");
    // The agent takes an artifact from a build only.
    let is_build = env
        .get(&HOST_TYPE)
        .is_some_and(|it| it.eq_ignore_ascii_case("build"));
    let log = is_build.then(|| {
        let document = judged.document(LintForm::Sarif);
        let document = document.map_err(|it| anyhow::anyhow!(it.messages().join("; ")))?;
        write(&document.context("it is a form for programs")?, "sarif")
    });
    let page = page.map(|path| LoggingCommand::upload_summary(&path));
    files::tell(page, tools.console);
    if let Some(log) = log {
        let command = log.map(|path| LoggingCommand::upload_artifact(SCANS, &path));
        files::tell(command, tools.console);
    }
}
