//! The inputs as text, before any is parsed.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{CliForm, InputSpec};
use super::spec::INPUTS;
use crate::env::AgentEnv;

/// The source of the inputs; errors name an input as it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The inputs of a task in a pipeline.
    Task,
    /// The command line.
    CommandLine,
}

impl Source {
    /// An input as the user wrote it.
    #[must_use]
    pub(super) fn written(self, spec: &InputSpec) -> String {
        match (self, spec.cli) {
            (Self::CommandLine, CliForm::Flag { long, .. } | CliForm::Switch { long, .. }) => {
                format!("`--{long}`")
            }
            (Self::CommandLine, CliForm::Positional { value }) => format!("`{value}`"),
            (Self::CommandLine, CliForm::None) | (Self::Task, _) => {
                format!("input `{}`", spec.name)
            }
        }
    }
}

/// The inputs as they were given: trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawInputs {
    source: Source,
    values: BTreeMap<String, String>,
    /// What was given on the command line without anything in it. A task's inputs that are empty are
    /// not given; a flag that is empty is most likely a variable that was never set.
    blank: BTreeSet<String>,
}

impl RawInputs {
    /// The inputs of a task.
    #[must_use]
    pub fn from_env(env: &AgentEnv) -> Self {
        let of_task = INPUTS.iter().filter(|spec| spec.task);
        let given = of_task.filter_map(|spec| Some((spec.name, env.input(spec.name)?)));
        Self::new(Source::Task, given)
    }

    /// The arguments of a command, by the names of their [`InputSpec`]s; the command itself is
    /// `command`. A name given several times holds several lines.
    pub fn from_flags<N, V>(flags: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        Self::new(Source::CommandLine, flags)
    }

    fn new<N, V>(source: Source, given: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut blank = BTreeSet::new();
        for (name, value) in given {
            let value = value.as_ref().trim();
            if value.is_empty() {
                if source == Source::CommandLine {
                    blank.insert(name.as_ref().to_owned());
                }
                continue;
            }
            let lines = values.entry(name.as_ref().to_owned()).or_default();
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(value);
        }
        Self {
            source,
            values,
            blank,
        }
    }

    /// Returns who gave them.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Returns whether an input was given, at least once, without anything in it.
    #[must_use]
    pub fn is_blank(&self, spec: &InputSpec) -> bool {
        self.blank.contains(spec.name)
    }

    /// Returns what was given for an input.
    #[must_use]
    pub fn get(&self, spec: &InputSpec) -> Option<&str> {
        self.values.get(spec.name).map(String::as_str)
    }
}
