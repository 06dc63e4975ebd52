//! Reads, changes and judges the manifests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use rollguard_agent::Outcome;
use rollguard_core::report::{Line, Style};
use rollguard_lint::{
    Applied, Baseline, ClusterDefaults, Config, Finding, Fixed, Judgement, LintedFile, Problem,
    Report, Rules, Run, Source, config, fix, judge, unified_diff,
};
use tokio::sync::mpsc;

use super::{Fixing, LintForm, LintOptions, files, replace, unjudged};
use crate::bounded;
use crate::failure::Failure;

/// The longest manifest: a List of everything that runs in a big cluster is smaller.
const LONGEST: u64 = 64 << 20;

/// The longest configuration or baseline file.
const LONGEST_SETTINGS: u64 = 16 << 20;

/// A result that is printed while files are judged.
pub(super) enum Told {
    /// The findings of a file.
    File(LintedFile),
    /// A text for stdout.
    Document(String),
    /// Lines for people.
    Lines(Vec<Line>),
}

/// Reads and judges the files one by one, so that no more than one of them is in memory.
pub(super) struct Linter {
    options: LintOptions,
    default: Rules,
    /// The configuration files by the folder for which they hold.
    configs: HashMap<PathBuf, Config>,
    run: Run,
    /// Whether each file is printed when it is judged, so that the findings of one are in memory.
    streams: bool,
    /// How many changes were made or shown.
    changes: usize,
    /// The printer; none where only the report at the end is wanted.
    results: Option<mpsc::Sender<Told>>,
}

impl Linter {
    /// Reads the settings.
    pub(super) fn new(
        options: LintOptions,
        today: Date,
        results: Option<mpsc::Sender<Told>>,
    ) -> Result<Self, Failure> {
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
        let by_file = match options.form {
            LintForm::Human | LintForm::Json | LintForm::Sarif => true,
            LintForm::Junit | LintForm::Markdown => false,
        };
        let streams = results.is_some() && by_file && options.write_baseline.is_none();
        Ok(Self {
            default: Rules::new(today),
            run: Run::with_baseline(baseline.as_ref()),
            options,
            configs,
            streams,
            changes: 0,
            results,
        })
    }

    /// Takes what the cluster gives to containers that set no request or limit.
    pub(super) fn with_defaults(mut self, defaults: ClusterDefaults) -> Self {
        self.default.defaults = defaults;
        self
    }

    pub(super) fn run(mut self) -> Report {
        for path in self.find() {
            if let Some(text) = self.read(&path) {
                self.judge(&path, text);
            }
            if self.results.as_ref().is_some_and(mpsc::Sender::is_closed) {
                break;
            }
        }
        if self.options.fixing != Fixing::Off && self.changes == 0 {
            let line =
                "nothing to change: no finding has a change that cannot break an application";
            self.tell(Told::Lines(vec![Line::plain(line)]));
        }
        let paths = self.options.paths.clone();
        let mut report = self.finish();
        if let Some(what) = unjudged::reason(&report) {
            let problem = |path| Problem {
                path,
                what: what.clone(),
            };
            report.problems.extend(paths.into_iter().map(problem));
        }
        report
    }

    pub(super) fn finish(self) -> Report {
        let mut report = self.run.finish();
        // A change may lead to another one. Those that were made have resolved their findings.
        if self.options.fixing != Fixing::Write {
            report.summary.fixable = self.changes;
        }
        report
    }

    /// Returns the files that are meant; what is missing is a problem of the report.
    pub(super) fn find(&mut self) -> Vec<String> {
        let found = files::find(&self.options.paths);
        for missing in &found.problems {
            self.run.add_problem(&missing.path, &missing.what);
        }
        found.paths
    }

    /// Hands a result to the printer, and waits while it has enough to print.
    fn tell(&self, result: Told) {
        if let Some(results) = &self.results {
            // Without a printer the command was cancelled.
            let _ = results.blocking_send(result);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "`-` means stdin")]
    pub(super) fn read(&mut self, path: &str) -> Option<String> {
        let text = match path {
            "-" => bounded::read(std::io::stdin(), LONGEST),
            path => bounded::read_file(Path::new(path), LONGEST),
        };
        let problem = |error: std::io::Error| self.run.add_problem(path, error.to_string());
        text.map_err(problem).ok()
    }

    /// Judges the text of a file; where it may be changed, that first.
    pub(super) fn judge(&mut self, path: &str, mut text: String) {
        let (config, rules) = self.settings_for(path);
        if self.options.fixing != Fixing::Off {
            text = self.fixed(path, text, &rules);
        }
        let judgement = judge(&text, &rules);
        let has_change = |it: &Finding| it.edit.is_some() && it.suppression.is_none();
        if self.options.fixing == Fixing::Off && judgement.findings.iter().any(has_change) {
            self.changes += fix(&text, &rules).applied.len();
        }
        self.add((path, &text), &config, judgement);
    }

    /// Judges a text that is no file's, so that nothing of it can be changed.
    pub(super) fn judge_standing(&mut self, path: &str, text: &str) {
        let (config, rules) = self.settings_for(path);
        self.add((path, text), &config, judge(text, &rules));
    }

    fn settings_for(&mut self, path: &str) -> (Config, Rules) {
        let config = self.config_for(path).overridden_by(&self.options.flags);
        let rules = config.rules(self.default.clone());
        (config, rules)
    }

    fn add(&mut self, (path, text): (&str, &str), config: &Config, judgement: Judgement) {
        let fail_on = config.fail_on.unwrap_or_default();
        self.run.add(
            Source {
                path,
                text,
                fail_on,
            },
            judgement,
        );
        if self.streams
            && let Some(file) = self.run.take()
        {
            self.tell(Told::File(file));
        }
    }

    /// Writes or prints what changes, and returns the text as it is from then on.
    fn fixed(&mut self, path: &str, text: String, rules: &Rules) -> String {
        let fixed = fix(&text, rules);
        if self.options.fixing == Fixing::Diff {
            let diff = unified_diff(path, &text, &fixed.text);
            self.document(path, diff);
            self.changed("would change", path, &fixed);
            return text;
        }
        if path == "-" {
            if self.document(path, fixed.text.clone()) {
                self.changed("changed", path, &fixed);
                return fixed.text;
            }
            return text;
        }
        if fixed.applied.is_empty() {
            return text;
        }
        match replace::replace(Path::new(path), &fixed.text) {
            Ok(()) => {
                self.changed("changed", path, &fixed);
                fixed.text
            }
            Err(error) => {
                self.run
                    .add_problem(path, format!("it cannot be written: {error}"));
                text
            }
        }
    }

    fn changed(&mut self, verb: &'static str, path: &str, fixed: &Fixed) {
        let line = |it: &Applied| {
            let place = format!("{path}:{}: {verb}, ", it.line);
            Line::plain(place)
                .then(Style::Strong, it.code.as_str())
                .then(Style::Plain, format!(" in {}: {}", it.object, it.what))
        };
        let lines: Vec<Line> = fixed.applied.iter().map(line).collect();
        self.changes += lines.len();
        if !lines.is_empty() {
            self.tell(Told::Lines(lines));
        }
    }

    /// Prints a text as it is; returns whether it may be: an agent takes some lines for commands, a terminal some
    /// characters.
    fn document(&mut self, path: &str, text: String) -> bool {
        if let Some(line) = text.lines().position(is_harmful) {
            let line = line + 1;
            self.run.add_problem(
                path,
                format!(
                    "line {line} of what would be printed holds a logging command of Azure Pipelines or a control character: \
                     use `--fix` with a file"
                ),
            );
            return false;
        }
        if !text.is_empty() {
            let text = text.strip_suffix('\n').map(str::to_owned).unwrap_or(text);
            self.tell(Told::Document(text));
        }
        true
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

/// Returns whether a line is more than text to an agent or a terminal.
fn is_harmful(line: &str) -> bool {
    let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\r');
    line.contains("##vso[") || line.contains("##[") || line.contains(is_control)
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
