//! `rollguard lint`: judges manifests without a cluster.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use jiff::civil::Date;
use rollguard_agent::Outcome;
use rollguard_core::report::{Line, Style};
use rollguard_lint::report::{finding_lines, json, junit, markdown, sarif, summary_line};
use rollguard_lint::{Baseline, Config, Report, Rules, Run, Source, config, judge};

use crate::bounded;
use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;

mod files;
mod glob;
mod options;

pub(crate) use options::{command, options};

/// The longest manifest: a List of everything that runs in a big cluster is smaller.
const LONGEST: u64 = 64 << 20;

/// The longest configuration or baseline file.
const LONGEST_SETTINGS: u64 = 16 << 20;

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
    /// Returns whether stdout is for a program, so that lines for people go to stderr.
    pub(crate) const fn is_for_programs(self) -> bool {
        match self {
            Self::Human => false,
            Self::Json | Self::Sarif | Self::Junit | Self::Markdown => true,
        }
    }
}

/// The options of the command line.
#[derive(Debug)]
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
}

/// Judges the manifests and prints the result.
pub(crate) async fn lint(
    options: LintOptions,
    today: Date,
    console: &mut Console,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let (write_baseline, form) = (options.write_baseline.clone(), options.form);
    // A pipe may never end.
    let reading = tokio::task::spawn_blocking(move || Linter::new(options, today).map(Linter::run));
    let read = cancel.unless(reading).await?;
    let report = read.map_err(anyhow::Error::from)??;
    if let Some(path) = write_baseline {
        write(&report, &path, console)?;
        return Ok(outcome(&report, true));
    }
    print(&report, form, console)?;
    Ok(outcome(&report, false))
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

fn print(report: &Report, form: LintForm, console: &mut Console) -> Result<(), Failure> {
    let document = match form {
        LintForm::Human => {
            for file in &report.files {
                console.lines(&finding_lines(file));
            }
            None
        }
        LintForm::Json => Some(json(report).map_err(anyhow::Error::from)?),
        LintForm::Sarif => {
            let version = env!("CARGO_PKG_VERSION");
            Some(sarif(report, version).map_err(anyhow::Error::from)?)
        }
        LintForm::Junit => Some(junit(report)),
        LintForm::Markdown => Some(markdown(report)),
    };
    if let Some(document) = document {
        console.document(&document);
    }
    let problem = |it: &rollguard_lint::Problem| {
        Line::styled(Style::Bad, "error").then(Style::Plain, format!(": {}: {}", it.path, it.what))
    };
    console.lines(&report.problems.iter().map(problem).collect::<Vec<_>>());
    console.line(&summary_line(report));
    Ok(())
}

fn write(report: &Report, path: &Path, console: &mut Console) -> Result<(), Failure> {
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

/// Reads and judges the files one by one, so that no more than one of them is in memory.
struct Linter {
    options: LintOptions,
    default: Rules,
    baseline: Option<Baseline>,
    /// The configuration files by the folder for which they hold.
    configs: HashMap<PathBuf, Config>,
    run: Run,
}

impl Linter {
    /// Reads the settings.
    fn new(options: LintOptions, today: Date) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let baseline = options.baseline.as_ref().and_then(|path| {
            let parsed = bounded::read_file(path, LONGEST_SETTINGS)
                .map_err(|error| error.to_string())
                .and_then(|text| Baseline::parse(&text).map_err(|error| error.to_string()));
            let what = |error| format!("`--baseline`: cannot read `{}`: {error}", path.display());
            parsed.map_err(|error| problems.push(what(error))).ok()
        });
        let mut configs = HashMap::new();
        if let Some(path) = &options.config {
            match read_config(path) {
                Ok(config) => {
                    configs.insert(PathBuf::new(), config);
                }
                Err(errors) => problems.extend(
                    errors
                        .iter()
                        .map(|error| format!("`{}`: {error}", path.display())),
                ),
            }
        }
        if !problems.is_empty() {
            return Err(Failure::of(Outcome::BadInput, problems));
        }
        Ok(Self {
            options,
            default: Rules::new(today),
            baseline,
            configs,
            run: Run::default(),
        })
    }

    fn run(mut self) -> Report {
        let found = files::find(&self.options.paths);
        for missing in &found.problems {
            self.run.add_problem(&missing.path, &missing.what);
        }
        for file in &found.paths {
            self.file(file);
        }
        self.run.finish(self.baseline.as_ref())
    }

    #[expect(clippy::disallowed_methods, reason = "`-` means stdin")]
    fn file(&mut self, path: &str) {
        let text = match path {
            "-" => bounded::read(std::io::stdin(), LONGEST),
            path => bounded::read_file(Path::new(path), LONGEST),
        };
        match text {
            Ok(text) => {
                let config = self.config_for(path).overridden_by(&self.options.flags);
                let judgement = judge(&text, &config.rules(self.default.clone()));
                let source = Source {
                    path,
                    text: &text,
                    fail_on: config.fail_on.unwrap_or_default(),
                };
                self.run.add(source, judgement);
            }
            Err(error) => self.run.add_problem(path, error.to_string()),
        }
    }

    /// Returns what the configuration file says that is found upward from a manifest.
    fn config_for(&mut self, path: &str) -> Config {
        if self.options.config.is_some() {
            return self.configs.get(Path::new("")).cloned().unwrap_or_default();
        }
        let folder = match path {
            "-" => PathBuf::from("."),
            path => Path::new(path)
                .parent()
                .map(Path::to_owned)
                .unwrap_or_default(),
        };
        if let Some(known) = self.configs.get(&folder) {
            return known.clone();
        }
        let config = found_config(&folder).map_or_else(Config::default, |path| {
            read_config(&path).unwrap_or_else(|errors| {
                for error in errors {
                    self.run.add_problem(&path.to_string_lossy(), error);
                }
                Config::default()
            })
        });
        self.configs.insert(folder, config.clone());
        config
    }
}

/// Finds the configuration file of a folder: its own, or that of the nearest folder above it.
fn found_config(folder: &Path) -> Option<PathBuf> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let absolute = std::path::absolute(folder).ok()?;
    let mut above = absolute.ancestors().map(|it| it.join(config::FILE));
    above.find(|it| it.is_file())
}

fn read_config(path: &Path) -> Result<Config, Vec<String>> {
    let text = bounded::read_file(path, LONGEST_SETTINGS);
    let text = text.map_err(|error| vec![format!("cannot be read: {error}")])?;
    Config::parse(&text)
}
