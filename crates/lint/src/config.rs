//! The configuration file `rollguard.yaml`.

use std::collections::BTreeMap;
use std::time::Duration;

use rollguard_core::duration;

use crate::code::LintCode;
use crate::judge::Rules;
use crate::level::{KubernetesVersion, Level};
use crate::severity::Severity;
use crate::yaml::{Documents, Field, NodeRef, Value};

/// The name of the file, which is looked for from the manifest's folder upward.
pub const FILE: &str = "rollguard.yaml";

/// The settings of a configuration file or of the command line; what is not set is `None`, or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// `levels`.
    pub levels: Option<Vec<Level>>,
    /// `kubernetesVersion`.
    pub version: Option<KubernetesVersion>,
    /// `failOn`.
    pub fail_on: Option<FailOn>,
    /// `startupTime`.
    pub startup_time: Option<Duration>,
    /// `severities`: codes with another severity; `None` for `off`.
    pub severities: BTreeMap<LintCode, Option<Severity>>,
    /// `podTemplatePaths`: kinds, and where their pod templates are.
    pub template_paths: BTreeMap<String, String>,
}

/// The severity from which on findings fail the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// This severity and the heavier ones.
    Severity(Severity),
    /// No finding fails it.
    Never,
}

impl Default for FailOn {
    fn default() -> Self {
        Self::Severity(Severity::Warning)
    }
}

impl FailOn {
    /// Reads `error`, `warning`, `info` or `never`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "never" => Some(Self::Never),
            text => Severity::parse(text).map(Self::Severity),
        }
    }

    /// Returns whether a finding of a severity fails the command.
    #[must_use]
    pub fn fails(self, severity: Severity) -> bool {
        match self {
            Self::Severity(least) => severity >= least,
            Self::Never => false,
        }
    }
}

/// Reads `CODE=SEVERITY`, as the command line has it.
///
/// # Errors
/// When it is not that, or names an unknown code or severity.
pub fn parse_severity(text: &str) -> Result<(LintCode, Option<Severity>), String> {
    let (code, severity) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not CODE=SEVERITY"))?;
    Ok((code_of(code)?, severity_of(severity)?))
}

/// Reads `KIND=PATH`, as the command line has it.
///
/// # Errors
/// When it is not that.
pub fn parse_template_path(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let parts = parts.filter(|(kind, path)| !kind.is_empty() && is_path(path));
    let (kind, path) = parts
        .ok_or_else(|| format!("`{text}` is not KIND=PATH, for example Rollout=spec.template"))?;
    Ok((kind.to_owned(), path.to_owned()))
}

fn is_path(path: &str) -> bool {
    !path.is_empty() && path.split('.').all(|it| !it.is_empty())
}

fn code_of(text: &str) -> Result<LintCode, String> {
    LintCode::parse(text).ok_or_else(|| format!("`{text}` is no code of a finding"))
}

fn severity_of(text: &str) -> Result<Option<Severity>, String> {
    if text == "off" {
        return Ok(None);
    }
    let severity = Severity::parse(text).map(Some);
    severity.ok_or_else(|| format!("`{text}` is none of error, warning, info and off"))
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Every problem of it, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let document = match Documents::of(text).next() {
            None => return Ok(Self::default()),
            Some(Err(error)) => return Err(vec![error.to_string()]),
            Some(Ok(document)) => document,
        };
        let mut reader = Reader::default();
        for field in reader.mapping(document.root()) {
            match field.key {
                "lint" => reader.lint(field),
                key => reader.problem(field, format!("`{key}` is not known; expected `lint`")),
            }
        }
        if reader.problems.is_empty() {
            Ok(reader.config)
        } else {
            Err(reader.problems)
        }
    }

    /// Returns this with what another one sets instead: flags win over the file.
    #[must_use]
    pub fn overridden_by(mut self, other: &Self) -> Self {
        self.levels = other.levels.clone().or(self.levels);
        self.version = other.version.or(self.version);
        self.fail_on = other.fail_on.or(self.fail_on);
        self.startup_time = other.startup_time.or(self.startup_time);
        self.severities.extend(&other.severities);
        let paths = other.template_paths.iter();
        self.template_paths
            .extend(paths.map(|(kind, path)| (kind.clone(), path.clone())));
        self
    }

    /// Returns the rules that it makes of the default ones.
    #[must_use]
    pub fn rules(&self, mut rules: Rules) -> Rules {
        if let Some(levels) = &self.levels {
            rules.levels = levels.iter().copied().collect();
        }
        rules.version = self.version.unwrap_or(rules.version);
        rules.startup_time = self.startup_time.or(rules.startup_time);
        rules.severities.extend(&self.severities);
        rules.template_paths.extend(self.template_paths.clone());
        rules
    }
}

#[derive(Default)]
struct Reader {
    config: Config,
    problems: Vec<String>,
}

impl Reader {
    fn problem(&mut self, field: Field<'_>, what: impl AsRef<str>) {
        let line = field.mark.line;
        self.problems
            .push(format!("line {line}: {}", what.as_ref()));
    }

    fn mapping<'d>(&mut self, node: NodeRef<'d>) -> Vec<Field<'d>> {
        if !matches!(node.value(), Value::Mapping | Value::Null) {
            let (line, is) = (node.mark().line, node.value().describe());
            self.problems
                .push(format!("line {line}: found {is}, expected a mapping"));
        }
        node.fields().collect()
    }

    fn lint(&mut self, field: Field<'_>) {
        for field in self.mapping(field.value) {
            let text = field.value.written().unwrap_or_default();
            match field.key {
                "levels" => self.levels(field),
                "kubernetesVersion" => {
                    let version = KubernetesVersion::parse(text);
                    let what = || {
                        format!("`{text}` is no version from 1.25 to {}", KubernetesVersion::LATEST)
                    };
                    self.config.version = self.required(field, version, what);
                }
                "failOn" => {
                    let what = || format!("`{text}` is none of error, warning, info and never");
                    self.config.fail_on = self.required(field, FailOn::parse(text), what);
                }
                "startupTime" => match duration::parse(text) {
                    Ok(time) => self.config.startup_time = Some(time),
                    Err(error) => self.problem(field, error.to_string()),
                },
                "severities" => self.severities(field),
                "podTemplatePaths" => self.template_paths(field),
                key => self.problem(
                    field,
                    format!(
                        "`{key}` is not known; expected `levels`, `kubernetesVersion`, `failOn`, `startupTime`, `severities` or `podTemplatePaths`"
                    ),
                ),
            }
        }
    }

    fn required<T>(
        &mut self,
        field: Field<'_>,
        value: Option<T>,
        what: impl FnOnce() -> String,
    ) -> Option<T> {
        if value.is_none() {
            self.problem(field, what());
        }
        value
    }

    fn levels(&mut self, field: Field<'_>) {
        let mut levels = Vec::new();
        for item in field.value.items() {
            let text = item.written().unwrap_or_default();
            match Level::parse(text) {
                Some(level) => levels.push(level),
                None => self.problem(field, unknown_level(text)),
            }
        }
        if field.value.items().next().is_none() {
            self.problem(field, "expected a list of levels");
        }
        self.config.levels = Some(levels);
    }

    fn severities(&mut self, field: Field<'_>) {
        for field in self.mapping(field.value) {
            // YAML reads `off` as a boolean; as it is written, it is a word.
            let text = field.value.written().unwrap_or_default();
            match (code_of(field.key), severity_of(text)) {
                (Ok(code), Ok(severity)) => {
                    self.config.severities.insert(code, severity);
                }
                (Err(what), _) | (_, Err(what)) => self.problem(field, what),
            }
        }
    }

    fn template_paths(&mut self, field: Field<'_>) {
        for field in self.mapping(field.value) {
            let path = field.value.written().unwrap_or_default();
            if is_path(path) {
                let kind = field.key.to_owned();
                self.config.template_paths.insert(kind, path.to_owned());
            } else {
                self.problem(field, format!("`{path}` is no path like spec.template"));
            }
        }
    }
}

/// Returns what is wrong with a level.
#[must_use]
pub fn unknown_level(text: &str) -> String {
    let known: Vec<&str> = Level::ALL.iter().map(|it| it.as_str()).collect();
    format!("`{text}` is none of {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_sets_what_it_names() {
        let text = "lint:\n  levels: [practices, restricted]\n  kubernetesVersion: \"1.33\"\n  failOn: error\n  \
                    startupTime: 60s\n  severities:\n    MissingCpuLimit: off\n    HostPort: warning\n  \
                    podTemplatePaths:\n    Rollout: spec.template\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(
            config,
            Config {
                levels: Some(vec![Level::Practices, Level::Restricted]),
                version: KubernetesVersion::parse("1.33"),
                fail_on: Some(FailOn::Severity(Severity::Error)),
                startup_time: Some(Duration::from_secs(60)),
                severities: BTreeMap::from([
                    (LintCode::MissingCpuLimit, None),
                    (LintCode::HostPort, Some(Severity::Warning)),
                ]),
                template_paths: BTreeMap::from([(
                    "Rollout".to_owned(),
                    "spec.template".to_owned()
                )]),
            }
        );
        assert_eq!(Config::parse(""), Ok(Config::default()));
        let unquoted = Config::parse("lint: {kubernetesVersion: 1.33}").unwrap();
        assert_eq!(unquoted.version, KubernetesVersion::parse("1.33"));
    }

    #[test]
    fn every_problem_of_a_file_is_told_with_its_line() {
        let text = "lint:\n  level: x\n  levels: [strict]\n  failOn: maybe\n  startupTime: 60\n  severities:\n    Nothing: error\n    HostPort: big\ncheck: {}\n";
        let problems = Config::parse(text).unwrap_err();
        let lines: Vec<&str> = problems
            .iter()
            .map(|it| it.split(':').next().unwrap_or_default())
            .collect();
        assert_eq!(
            lines,
            [
                "line 2", "line 3", "line 4", "line 5", "line 7", "line 8", "line 9"
            ],
            "{problems:?}"
        );
        assert!(Config::parse("lint: [").is_err());
        assert!(Config::parse("- lint").is_err());
    }

    #[test]
    fn flags_win_over_the_file() {
        let file =
            Config::parse("lint: {levels: [baseline], failOn: error, severities: {HostPort: off}}")
                .unwrap();
        let flags = Config {
            fail_on: Some(FailOn::Never),
            severities: BTreeMap::from([(LintCode::HostPort, Some(Severity::Info))]),
            ..Config::default()
        };
        let both = file.overridden_by(&flags);
        assert_eq!(both.levels, Some(vec![Level::Baseline]));
        assert_eq!(both.fail_on, Some(FailOn::Never));
        assert_eq!(both.severities[&LintCode::HostPort], Some(Severity::Info));
    }
}
