//! Errors in a template or in the parameters given to it.

use std::fmt;

/// A template that cannot be read or expanded. Lists everything that is wrong with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The text is no YAML.
    #[error("read template `{name}` as YAML")]
    Yaml {
        /// The template.
        name: String,
        /// The reader's message, with line and column.
        #[source]
        source: serde_yaml::Error,
    },
    /// The YAML is no template that the local runner can walk.
    #[error("read template `{name}`: {}", list(problems))]
    Template {
        /// The template.
        name: String,
        /// Everything found wrong, in the order of the file.
        problems: Vec<Problem>,
    },
    /// The parameters do not fit the template.
    #[error("fill in the parameters of template `{name}`: {}", list(problems))]
    Parameters {
        /// The template.
        name: String,
        /// Everything found wrong.
        problems: Vec<Problem>,
        /// The names of all parameters the template takes.
        takes: Vec<String>,
    },
}

impl TemplateError {
    /// Returns what the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Yaml { .. } => Some("check the indentation at the place named".to_owned()),
            Self::Template { .. } => Some(
                "Azure Pipelines may know more than the local runner: a template that was changed by \
                 hand can be compared with the one from `rollguard templates export`"
                    .to_owned(),
            ),
            Self::Parameters { takes, .. } => {
                Some(format!("the template takes {}", takes.join(", ")))
            }
        }
    }

    /// The single things that are wrong; empty when the text is no YAML.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Yaml { .. } => &[],
            Self::Template { problems, .. } | Self::Parameters { problems, .. } => problems,
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands in the template, such as `stages[0].jobs[1].condition`.
    pub path: String,
    /// Its line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong, with the text that was found.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!("line {line}"));
        let path = (!self.path.is_empty()).then(|| self.path.clone());
        let place: Vec<_> = line.into_iter().chain(path).collect();
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        f.write_str(&self.what)
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(Problem::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Collects problems, and finds the lines they stand on.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    source: &'a str,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(crate) fn of(source: &'a str) -> Self {
        Self {
            source,
            found: Vec::new(),
        }
    }

    /// Adds a problem; `quote` is text of the file, which gives the line if it occurs once.
    pub(crate) fn add(&mut self, path: &str, quote: &str, what: impl Into<String>) {
        self.found.push(Problem {
            path: path.to_owned(),
            line: self.line(quote),
            what: what.into(),
        });
    }

    pub(crate) fn into_found(self) -> Vec<Problem> {
        self.found
    }

    fn line(&self, quote: &str) -> Option<usize> {
        let quote = quote
            .lines()
            .next()
            .map(str::trim)
            .filter(|quote| !quote.is_empty())?;
        let mut lines = self
            .source
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(quote));
        match (lines.next(), lines.next()) {
            (Some((at, _)), None) => Some(at + 1),
            _ => None,
        }
    }
}
