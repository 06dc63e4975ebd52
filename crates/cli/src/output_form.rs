//! The forms in which a command writes its result to stdout.

use std::ffi::OsString;

use clap::ArgMatches;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rollguard_agent::neutralise_line;
use rollguard_core::doctor::{doctor_junit, doctor_markdown};
use rollguard_core::report::{
    Aim, Purpose, Report, RollbackResult, check_junit, markdown, not_checked_junit,
    not_checked_markdown, rollback_junit, to_json, without_markers,
};
use serde_json::Error as JsonError;

use crate::console::Console;
use crate::failure::Failure;
use crate::run::doctor::Examined;

/// The form that `--output` chooses. Each command has some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OutputForm {
    /// Lines for people, on stdout.
    #[default]
    Human,
    /// One JSON document on stdout; lines for people go to stderr.
    Json,
    /// The page of a run.
    Markdown,
    /// The XML of `JUnit`.
    Junit,
}

impl OutputForm {
    const ALL: [Self; 4] = [Self::Human, Self::Json, Self::Markdown, Self::Junit];
    /// The forms of a check, a replay, a rollback and a doctor.
    pub(crate) const OF_REPORT: &'static [Self] = &Self::ALL;
    /// The forms of a drill, which has a page for each of its jobs instead of one.
    pub(crate) const OF_DRILL: &'static [Self] = &[Self::Human, Self::Json, Self::Junit];
    /// The forms of a command that answers a question.
    pub(crate) const OF_ANSWER: &'static [Self] = &[Self::Human, Self::Json];

    /// Returns the word on the command line.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Junit => "junit",
        }
    }

    fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Understands the forms of a command; any other is refused, and these are listed.
    pub(crate) fn parser(forms: &'static [Self]) -> impl TypedValueParser<Value = Self> {
        let words = PossibleValuesParser::new(forms.iter().map(|it| it.as_str()));
        words.map(|word| Self::named(&word).unwrap_or_default())
    }

    /// Returns the form that was chosen for a command or for its subcommand.
    pub(crate) fn chosen(matches: &ArgMatches) -> Self {
        let own = matches.try_get_one::<Self>("output").ok().flatten();
        let below = || matches.subcommand().map(|(_, below)| Self::chosen(below));
        own.copied().or_else(below).unwrap_or_default()
    }

    /// Reads the form from a command line that cannot be parsed.
    pub(crate) fn of_broken_command_line(arguments: &[OsString]) -> Self {
        of_broken_command_line(arguments, Self::named).unwrap_or_default()
    }

    /// Returns whether stdout is for a program, so that lines for people go to stderr.
    pub(crate) const fn is_for_programs(self) -> bool {
        match self {
            Self::Human => false,
            Self::Json | Self::Markdown | Self::Junit => true,
        }
    }

    /// Writes a report. People have read it already, line by line.
    ///
    /// # Errors
    /// When the report cannot be written as JSON.
    pub(crate) fn write_report(
        self,
        report: &Report,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let parts = Parts {
            json: || to_json(report),
            markdown: || markdown(report),
            junit: || check_junit(report),
        };
        self.write(&parts, console)
    }

    /// Writes the end of a rollback. People have read it already.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn write_rollback(
        self,
        done: &RollbackResult<'_>,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let parts = Parts {
            json: || done.to_json(),
            markdown: || done.to_markdown(),
            junit: || rollback_junit(done),
        };
        self.write(&parts, console)
    }

    /// Writes what a doctor found. People have read it already.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn write_examined(
        self,
        examined: &Examined,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let exit_code = examined.outcome.exit_code();
        let parts = Parts {
            json: || examined.findings.document(exit_code).to_json(),
            markdown: || doctor_markdown(&examined.findings),
            junit: || doctor_junit(&examined.findings),
        };
        self.write(&parts, console)
    }

    /// Writes one of the documents of a result; nothing for people.
    fn write(
        self,
        parts: &Parts<
            impl Fn() -> Result<String, JsonError>,
            impl Fn() -> String,
            impl Fn() -> String,
        >,
        console: &mut Console,
    ) -> Result<(), Failure> {
        match self {
            Self::Human => {}
            Self::Json => console.document(&(parts.json)().map_err(anyhow::Error::from)?),
            Self::Markdown => console.document(&harmless_page(&(parts.markdown)())),
            Self::Junit => console.document(&(parts.junit)()),
        }
        Ok(())
    }

    /// Writes why there is no result.
    pub(crate) fn write_failure(self, failure: &Failure, console: &mut Console) {
        self.write_failure_of(&Aim::default(), failure, console);
    }

    /// Writes why a command with this aim came to no result.
    pub(crate) fn write_failure_of(self, aim: &Aim, failure: &Failure, console: &mut Console) {
        let parts = Parts {
            json: || failure.to_json(),
            markdown: || not_checked_markdown(&failure.document(), aim),
            junit: || not_checked_junit(&failure.document(), aim),
        };
        // It holds text only, which can always be written as JSON.
        let _ = self.write(&parts, console);
    }
}

/// Reads a form from a command line that cannot be parsed: a program that asks for a document gets one even so.
pub(crate) fn of_broken_command_line<T>(
    arguments: &[OsString],
    named: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let words: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
    let apart = words.windows(2).find_map(|pair| {
        let [flag, form] = pair else { return None };
        let is_flag = matches!(flag.as_ref(), "-o" | "--output");
        is_flag.then(|| named(form)).flatten()
    });
    let joined = || {
        words.iter().find_map(|word| {
            let prefixes = ["--output=", "-o=", "-o"];
            let form = prefixes.iter().find_map(|it| word.strip_prefix(it));
            named(form?)
        })
    };
    apart.or_else(joined)
}

/// The documents of one result; only the one that is asked for is made.
struct Parts<J, M, X> {
    json: J,
    markdown: M,
    junit: X,
}

/// Returns JSON that no log parser can take for a command.
///
/// # Errors
/// When it could not be written as JSON.
pub(crate) fn harmless_json(json: Result<String, JsonError>) -> Result<String, Failure> {
    Ok(without_markers(&json.map_err(anyhow::Error::from)?))
}

/// Returns a page in which an agent finds no command: it may be printed by a step of a pipeline, and what a fence shows is
/// foreign. The number signs of our own headings stay, since a space follows them.
fn harmless_page(page: &str) -> String {
    let lines = page.lines().map(|line| {
        let headings = ["# ", "## ", "### "];
        let heading = headings.iter().find(|it| line.starts_with(**it));
        let (signs, rest) = line.split_at(heading.map_or(0, |it| it.len()));
        format!("{signs}{}", neutralise_line(rest))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the purpose of a command.
pub(crate) fn purpose(name: &str) -> Purpose {
    match name {
        "rollback" => Purpose::Rollback,
        "doctor" => Purpose::Doctor,
        "drill" => Purpose::Drill,
        "lint" => Purpose::Lint,
        "check" | "replay" => Purpose::Check,
        _ => Purpose::Answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_from_a_broken_command_line_in_every_spelling() {
        let rows = [
            ("check --foo -o json", OutputForm::Json),
            ("check --foo -ojson", OutputForm::Json),
            ("check --foo -o=junit", OutputForm::Junit),
            ("check --foo --output=markdown", OutputForm::Markdown),
            ("check --foo --output junit", OutputForm::Junit),
            ("check --foo -o sarif", OutputForm::Human),
            ("check --foo json", OutputForm::Human),
            ("check --foo", OutputForm::Human),
        ];
        for (line, form) in rows {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(OutputForm::of_broken_command_line(&words), form, "{line}");
        }
    }

    #[test]
    fn a_page_keeps_its_headings_and_has_no_command() {
        let page = "## ❌ The rollout fails\n\n```text\n##vso[task.complete result=Succeeded]\n## x ##[error]y\n```";
        let expected = "## ❌ The rollout fails\n\n```text\n**vso[task.complete result=Succeeded]\n## x **[error]y\n```";
        assert_eq!(harmless_page(page), expected);
    }
}
