//! `rollguard lint`: judges manifests without a cluster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use jiff::civil::Date;
use rollguard_agent::Outcome;
use rollguard_core::report::{Aim, Line, Purpose, Style};
use rollguard_lint::report::{
    DocumentWriter, finding_lines, finding_lines_with_suggestions, json, junit, markdown, sarif,
    summary_line,
};
use rollguard_lint::{Baseline, Config, LintedFile, Report};
use tokio::sync::mpsc;

use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;
use crate::output_form::{self, OutputForm};

mod files;
mod glob;
mod linter;
pub(crate) mod live;
mod options;
mod replace;
mod unjudged;

use linter::{Linter, Told};
pub(crate) use options::{command, has_data_on_stdout, options};

/// The version of the program, for SARIF.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The form in which the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LintForm {
    /// Lines for people.
    #[default]
    Human,
    /// Our own JSON document.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// The XML of `JUnit`.
    Junit,
    /// Markdown.
    Markdown,
}

impl ValueEnum for LintForm {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Human,
            Self::Json,
            Self::Sarif,
            Self::Junit,
            Self::Markdown,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
        }))
    }
}

impl LintForm {
    /// Reads the word on the command line.
    fn named(word: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(word, false).ok()
    }

    /// Returns what writes the document file by file; `None` where it begins with counts, or is for people.
    fn writer(self) -> Option<DocumentWriter> {
        match self {
            Self::Json => Some(DocumentWriter::json()),
            Self::Sarif => Some(DocumentWriter::sarif(VERSION)),
            Self::Human | Self::Junit | Self::Markdown => None,
        }
    }

    /// Writes why there is no result.
    pub(crate) fn write_failure(self, failure: &Failure, console: &mut Console) {
        let aim = Aim {
            purpose: Purpose::Lint,
            ..Aim::default()
        };
        let form = match self {
            Self::Human => return,
            Self::Json => OutputForm::Json,
            Self::Junit => OutputForm::Junit,
            Self::Markdown => OutputForm::Markdown,
            Self::Sarif => {
                // It holds text only, which can always be written as JSON.
                if let Ok(log) = DocumentWriter::sarif(VERSION).fail(&failure.document()) {
                    console.document(&log);
                }
                return;
            }
        };
        form.write_failure_of(&aim, failure, console);
    }

    /// Reads the form from a command line that cannot be parsed.
    pub(crate) fn of_broken_command_line(arguments: &[OsString]) -> Self {
        output_form::of_broken_command_line(arguments, Self::named).unwrap_or_default()
    }

    /// Returns whether stdout is for a program, so that lines for people go to stderr.
    pub(crate) const fn is_for_programs(self) -> bool {
        match self {
            Self::Human => false,
            Self::Json | Self::Sarif | Self::Junit | Self::Markdown => true,
        }
    }
}

/// The options of the command line.
#[derive(Debug, Default)]
pub(crate) struct LintOptions {
    /// Files, folders, patterns, or `-`.
    pub(crate) paths: Vec<String>,
    /// What wins over every configuration file.
    pub(crate) flags: Config,
    /// The configuration file, instead of the one that is found.
    pub(crate) config: Option<PathBuf>,
    /// The baseline file to read.
    pub(crate) baseline: Option<PathBuf>,
    /// The baseline file to write.
    pub(crate) write_baseline: Option<PathBuf>,
    /// The form of the result.
    pub(crate) form: LintForm,
    /// What becomes of the changes that cannot break an application.
    pub(crate) fixing: Fixing,
}

/// The use that is made of the changes that cannot break an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fixing {
    /// They are counted.
    #[default]
    Off,
    /// They are written.
    Write,
    /// They are printed as a unified diff.
    Diff,
}

/// How many results may wait to be printed.
const WAITING: usize = 16;

/// Judges the manifests and prints the result.
pub(crate) async fn lint(
    options: LintOptions,
    today: Date,
    console: &mut Console,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let (write_baseline, form) = (options.write_baseline.clone(), options.form);
    let fixing = options.fixing;
    let is_first = is_first(&options);
    let mut writer = form.writer().filter(|_| write_baseline.is_none());
    let (sender, mut results) = mpsc::channel(WAITING);
    let offers = fixing != Fixing::Off;
    // A pipe may never end.
    let reading = tokio::task::spawn_blocking(move || {
        Linter::new(options, today, Some(sender)).map(Linter::run)
    });
    let printing = async {
        while let Some(result) = results.recv().await {
            match (result, &mut writer) {
                (Told::File(file), Some(writer)) => {
                    if let Some(piece) = writer.file(&file).map_err(anyhow::Error::from)? {
                        console.document(&piece);
                    }
                }
                (Told::File(file), None) => print_file(&file, offers, console),
                (Told::Document(text), _) => console.document(&text),
                (Told::Lines(lines), _) => console.lines(&lines),
            }
        }
        Ok(())
    };
    let judging = async {
        let printed: Result<(), Failure> = printing.await;
        let read = reading.await.map_err(anyhow::Error::from)?;
        printed.and(read)
    };
    let judged = cancel.unless(judging).await;
    let report = match judged.and_then(|it| it) {
        Ok(report) => report,
        Err(failure) => return unfinished(failure, fixing, writer, console),
    };
    if let Some(path) = write_baseline {
        write_baseline_file(&report, &path, console)?;
        return Ok(outcome(&report, true));
    }
    match writer {
        Some(writer) => {
            console.document(&writer.end(&report).map_err(anyhow::Error::from)?);
            print_problems(&report, console);
        }
        None => print(&report, form, offers, console)?,
    }
    if is_first && report.fails() {
        console.line(&way_on(&report));
    }
    Ok(outcome(&report, false))
}

/// Returns whether the call may be the first one on these manifests: by a person who knows no option yet.
const fn is_first(options: &LintOptions) -> bool {
    options.flags.fail_on.is_none()
        && options.baseline.is_none()
        && matches!(options.form, LintForm::Human)
        && matches!(options.fixing, Fixing::Off)
}

/// Returns how a repository with findings comes to a green step.
fn way_on(report: &Report) -> Line {
    let mut text = "--fail-on error lets warnings pass; --write-baseline FILE accepts what is there today, and with \
                    --baseline FILE only what is new counts"
        .to_owned();
    if report.summary.fixable > 0 {
        text.push_str("; --diff shows what --fix would write");
    }
    Line::styled(Style::Dim, "hint: ").then(Style::Plain, text)
}

/// Ends a call that came to no result. A document that was begun is completed, so that a program can read it.
fn unfinished(
    failure: Failure,
    fixing: Fixing,
    writer: Option<DocumentWriter>,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    let failure = if fixing == Fixing::Write && failure.outcome == Outcome::Cancelled {
        let message = "cancelled; the files that are named as changed stay so";
        Failure::new(Outcome::Cancelled, message)
    } else {
        failure
    };
    let Some(writer) = writer.filter(DocumentWriter::has_begun) else {
        return Err(failure);
    };
    console.lines(&failure.lines());
    let document = writer.fail(&failure.document());
    console.document(&document.map_err(anyhow::Error::from)?);
    Ok(failure.outcome)
}

fn print_file(file: &LintedFile, offers: bool, console: &mut Console) {
    let lines = if offers {
        finding_lines_with_suggestions(file)
    } else {
        finding_lines(file)
    };
    console.lines(&lines);
}

/// Judges the manifests, and keeps all findings.
///
/// # Errors
/// When an option is wrong.
pub(crate) async fn judge_all(reading: live::Reading, cancel: &Cancel) -> Result<Report, Failure> {
    let live::Reading { options, today } = reading;
    let reading =
        tokio::task::spawn_blocking(move || Linter::new(options, today, None).map(Linter::run));
    cancel.unless(reading).await?.map_err(anyhow::Error::from)?
}

fn outcome(report: &Report, accepted: bool) -> Outcome {
    if !report.problems.is_empty() {
        Outcome::BadInput
    } else if !accepted && report.fails() {
        Outcome::Findings
    } else {
        Outcome::Succeeded
    }
}

fn print(
    report: &Report,
    form: LintForm,
    offers: bool,
    console: &mut Console,
) -> Result<(), Failure> {
    match document_of(report, form)? {
        Some(document) => console.document(&document),
        None => print_human(report, offers, console),
    }
    print_problems(report, console);
    Ok(())
}

/// Returns the document for a program; `None` for people.
fn document_of(report: &Report, form: LintForm) -> Result<Option<String>, Failure> {
    Ok(match form {
        LintForm::Human => None,
        LintForm::Json => Some(json(report).map_err(anyhow::Error::from)?),
        LintForm::Sarif => Some(sarif(report, VERSION).map_err(anyhow::Error::from)?),
        LintForm::Junit => Some(junit(report)),
        LintForm::Markdown => Some(markdown(report)),
    })
}

fn print_human(report: &Report, offers: bool, console: &mut Console) {
    for file in &report.files {
        print_file(file, offers, console);
    }
}

/// Prints what could not be read, and the counts.
fn print_problems(report: &Report, console: &mut Console) {
    let problem = |it: &rollguard_lint::Problem| {
        Line::styled(Style::Bad, "error").then(Style::Plain, format!(": {}: {}", it.path, it.what))
    };
    console.lines(&report.problems.iter().map(problem).collect::<Vec<_>>());
    console.line(&summary_line(report));
}

fn write_baseline_file(report: &Report, path: &Path, console: &mut Console) -> Result<(), Failure> {
    let text = Baseline::of(report.findings()).to_json();
    let text = text.map_err(anyhow::Error::from)?;
    std::fs::write(path, text).map_err(|error| {
        let path = path.display();
        Failure::new(
            Outcome::BadInput,
            format!("`--write-baseline`: cannot write `{path}`: {error}"),
        )
    })?;
    let count = report.findings().count();
    let line = format!("{count} findings, written to {}", path.display());
    console.line(&Line::plain(line));
    console.line(&summary_line(report));
    Ok(())
}
