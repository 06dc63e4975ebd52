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
    /// The template that it stands in, if that is another one than the error's.
    pub file: Option<String>,
    /// Where it stands in the template, such as `stages[0].jobs[1].condition`.
    pub path: String,
    /// Its line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong, with the text that was found.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map(|file| format!("`{file}`"));
        let line = self.line.map(|line| format!("line {line}"));
        let path = (!self.path.is_empty()).then(|| self.path.clone());
        let place: Vec<_> = file.into_iter().chain(line).chain(path).collect();
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
    /// The templates that were included, by path.
    included: Vec<(&'a str, &'a str)>,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(crate) fn of(source: &'a str) -> Self {
        Self {
            source,
            included: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Looks for lines in this template, too.
    pub(crate) fn include(&mut self, path: &'a str, text: &'a str) {
        if self.included.iter().all(|(known, _)| *known != path) {
            self.included.push((path, text));
        }
    }

    /// Adds a problem that was found elsewhere.
    pub(crate) fn push(&mut self, problem: Problem) {
        self.found.push(problem);
    }

    /// Adds a problem; `quote` is text of a file, which gives the line if it occurs once.
    pub(crate) fn add(&mut self, path: &str, quote: &str, what: impl Into<String>) {
        let (file, line) = self.place(quote).unzip();
        self.found.push(Problem {
            file: file.flatten().map(str::to_owned),
            path: path.to_owned(),
            line,
            what: what.into(),
        });
    }

    pub(crate) fn into_found(self) -> Vec<Problem> {
        self.found
    }

    /// The file, if it is an included one, and the line.
    fn place(&self, quote: &str) -> Option<(Option<&'a str>, usize)> {
        let quote = quote
            .lines()
            .next()
            .map(str::trim)
            .filter(|quote| !quote.is_empty())?;
        let included = self.included.iter();
        let mut places = std::iter::once((None, self.source))
            .chain(included.map(|(path, text)| (Some(*path), *text)))
            .flat_map(|(path, text)| text.lines().enumerate().map(move |line| (path, line)))
            .filter(|(_, (_, line))| line.contains(quote));
        match (places.next(), places.next()) {
            (Some((path, (at, _))), None) => Some((path, at + 1)),
            _ => None,
        }
    }
}
