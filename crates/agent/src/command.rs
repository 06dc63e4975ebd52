//! Logging commands: how a task talks to the agent, line by line on stdout.

use std::fmt;
use std::path::Path;

use crate::result::TaskResult;
use crate::secret::{Secret, parts};
use crate::text::neutralise;

mod collect;
mod escape;
mod parse;

pub use collect::{Attachment, Issue, TaskOutput};
pub use escape::{escape_data, escape_property, unescape};
pub use parse::{ParsedCommand, parse_line};

/// How many errors, and how many warnings, the agent keeps of a step (azure-pipelines-agent,
/// `ExecutionContext.cs`, `_maxIssueCount`).
pub const ISSUES: usize = 10;

/// How grave an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Shown with the errors of the run; does not fail the task by itself.
    Error,
    /// Shown with the warnings of the run.
    Warning,
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The path of the file, from the working directory on.
    pub path: &'a str,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// One line for the agent, complete and safe to print: every text in it is neutralised and escaped.
///
/// It has no `Debug`: one that registers a secret contains it.
#[derive(Clone, PartialEq, Eq)]
pub struct LoggingCommand(String);

impl LoggingCommand {
    /// Adds an error to the summary of the run. The agent keeps the first ten of a step.
    #[must_use]
    pub fn error(message: &str) -> Self {
        Self::issue(Severity::Error, None, message)
    }

    /// Adds a warning to the summary of the run. The agent keeps the first ten of a step.
    #[must_use]
    pub fn warning(message: &str) -> Self {
        Self::issue(Severity::Warning, None, message)
    }

    /// Adds an issue; `code` is a stable word to search for, such as a finding's code.
    #[must_use]
    pub fn issue(severity: Severity, code: Option<&str>, message: &str) -> Self {
        let properties = [
            ("type", severity.as_str()),
            ("code", code.unwrap_or_default()),
        ];
        Self::new("task.logissue", &properties, &neutralise(message))
    }

    /// Adds errors to the summary of the run, as many as the agent keeps of a step. Of more, the last
    /// one says how many others the log has.
    #[must_use]
    pub fn errors<T: AsRef<str>>(messages: &[T]) -> Vec<Self> {
        let kept = match messages.len() {
            few @ ..=ISSUES => few,
            _ => ISSUES - 1,
        };
        let more = messages.len() - kept;
        let first = messages.iter().take(kept);
        let first = first.map(|it| Self::error(it.as_ref()));
        let more = (more > 0).then(|| Self::error(&format!("… and {more} more, see the log")));
        first.chain(more).collect()
    }

    /// Adds an issue about a place in a file of the repository, to which the run's page links.
    #[must_use]
    pub fn issue_in_file(severity: Severity, code: &str, place: &Place<'_>, message: &str) -> Self {
        let [line, column] = [place.line, place.column].map(|it| it.to_string());
        let properties = [
            ("type", severity.as_str()),
            ("sourcepath", place.path),
            ("linenumber", &line),
            ("columnnumber", &column),
            ("code", code),
        ];
        Self::new("task.logissue", &properties, &neutralise(message))
    }

    /// Shows how far the task is, beside its name.
    #[must_use]
    pub fn progress(percent: u8, what: &str) -> Self {
        let value = percent.min(100).to_string();
        let properties = [("value", value.as_str())];
        Self::new("task.setprogress", &properties, &neutralise(what))
    }

    /// Begins a part of the log that a reader can fold.
    #[must_use]
    pub fn group(title: &str) -> Self {
        Self(format!("##[group]{}", neutralise(title)))
    }

    /// Ends the part.
    #[must_use]
    pub fn end_group() -> Self {
        Self("##[endgroup]".to_owned())
    }

    /// Sets the result of the task. It cannot improve an earlier one ([`TaskResult::merge`]).
    #[must_use]
    pub fn complete(result: TaskResult, message: &str) -> Self {
        let properties = [("result", result.as_str())];
        Self::new("task.complete", &properties, &neutralise(message))
    }

    /// Sets an output variable. It is read-only from then on, so that text which reaches the log
    /// later cannot change it. `value` must be neutral already:
    /// [`crate::outputs::OutputVariable::set`].
    pub(crate) fn set_output(name: &str, value: &str) -> Self {
        let properties = [("variable", name), ("isOutput", "true")];
        Self::new("task.setvariable", &properties, value)
    }

    /// Has the agent mask a secret in everything that follows: the whole, and each of its lines,
    /// because the agent looks for it line by line; and the forms in which servers echo it.
    #[must_use]
    pub fn set_secret(secret: &Secret) -> Vec<Self> {
        parts(secret)
            .iter()
            .map(|part| Self::new("task.setsecret", &[], part))
            .collect()
    }

    /// Shows a Markdown file on the run's page. The agent reads it when the line arrives; a path
    /// that does not exist fails the step.
    #[must_use]
    pub fn upload_summary(absolute: &Path) -> Self {
        Self::new("task.uploadsummary", &[], &absolute.to_string_lossy())
    }

    /// Keeps a file with the run, where the REST API gives it out by `kind` and `name`. The agent reads
    /// the file when the line arrives; one that does not exist fails the step.
    ///
    /// The agent refuses a type or a name with a character that a file's name must not hold
    /// (azure-pipelines-agent, `TaskCommandExtension.cs`: `Path.GetInvalidFileNameChars`); on Windows
    /// these are more than elsewhere, and all of them become `-`.
    #[must_use]
    pub fn add_attachment(kind: &str, name: &str, absolute: &Path) -> Self {
        let (kind, name) = (file_name(kind), file_name(name));
        let properties = [("type", kind.as_str()), ("name", name.as_str())];
        let path = absolute.to_string_lossy();
        Self::new("task.addattachment", &properties, &path)
    }

    /// Puts a file into an artifact of the run. The agent reads it after the line has arrived; one that does not
    /// exist fails the step.
    #[must_use]
    pub fn upload_artifact(name: &str, absolute: &Path) -> Self {
        let name = file_name(name);
        let properties = [
            ("containerfolder", name.as_str()),
            ("artifactname", name.as_str()),
        ];
        let path = absolute.to_string_lossy();
        Self::new("artifact.upload", &properties, &path)
    }

    /// A property without a value is left out: the agent does not read it.
    fn new(name: &str, properties: &[(&str, &str)], data: &str) -> Self {
        let filled = properties.iter().filter(|(_, value)| !value.is_empty());
        let properties: Vec<String> = filled
            .map(|(key, value)| format!("{key}={}", escape_property(value)))
            .collect();
        let space = if properties.is_empty() { "" } else { " " };
        let properties = properties.join(";");
        Self(format!(
            "##vso[{name}{space}{properties}]{}",
            escape_data(data)
        ))
    }
}

/// `text` without the characters that Windows forbids in a file's name, of which Linux forbids some.
/// One with nothing left would not be read by the agent.
fn file_name(text: &str) -> String {
    let allowed = |c: char| !c.is_control() && !"\"<>|:*?\\/".contains(c);
    let name: String = neutralise(text)
        .trim()
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

impl fmt::Display for LoggingCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_as_the_agent_reads_them() {
        let rows: Vec<(&str, LoggingCommand, &str)> = vec![
            (
                "an error",
                LoggingCommand::error("image not found; 100% sure"),
                "##vso[task.logissue type=error]image not found; 100%AZP25 sure",
            ),
            (
                "a place in a file",
                LoggingCommand::issue_in_file(
                    Severity::Warning,
                    "MayRunAsRoot",
                    &Place {
                        path: "k8s/web;1.yaml",
                        line: 18,
                        column: 7,
                    },
                    "may run as root",
                ),
                "##vso[task.logissue type=warning;sourcepath=k8s/web%3B1.yaml;linenumber=18;columnnumber=7;code=MayRunAsRoot]may run as root",
            ),
            (
                "a file of an artifact",
                LoggingCommand::upload_artifact("CodeAnalysisLogs", Path::new("/tmp/a.sarif")),
                "##vso[artifact.upload containerfolder=CodeAnalysisLogs;artifactname=CodeAnalysisLogs]/tmp/a.sarif",
            ),
            (
                "a warning with a code",
                LoggingCommand::issue(Severity::Warning, Some("ImageNotFound"), "x"),
                "##vso[task.logissue type=warning;code=ImageNotFound]x",
            ),
            (
                "a failed task",
                LoggingCommand::complete(TaskResult::Failed, "rollout failed"),
                "##vso[task.complete result=Failed]rollout failed",
            ),
            (
                "an output variable",
                LoggingCommand::set_output("verdict", "failed"),
                "##vso[task.setvariable variable=verdict;isOutput=true]failed",
            ),
            (
                "progress",
                LoggingCommand::progress(40, "2 of 3; 3m left"),
                "##vso[task.setprogress value=40]2 of 3; 3m left",
            ),
            (
                "a group, whose title is foreign",
                LoggingCommand::group("Causes ##[endgroup]\nx"),
                "##[group]Causes **[endgroup]⏎x",
            ),
            ("its end", LoggingCommand::end_group(), "##[endgroup]"),
            (
                "a summary",
                LoggingCommand::upload_summary(Path::new("/tmp/100% [a];b.md")),
                "##vso[task.uploadsummary]/tmp/100%AZP25 [a];b.md",
            ),
            (
                "an attachment",
                LoggingCommand::add_attachment(
                    "rollguard.evidence",
                    "rollguard-evidence-web",
                    Path::new("/tmp/a b;[c].json"),
                ),
                "##vso[task.addattachment type=rollguard.evidence;name=rollguard-evidence-web]\
                 /tmp/a b;[c].json",
            ),
        ];
        for (name, command, line) in rows {
            assert_eq!(command.to_string(), line, "{name}");
        }
    }

    #[test]
    fn a_step_has_ten_errors_at_most_and_the_last_one_counts_the_others() {
        for (messages, kept, last) in [
            (0, 0, None),
            (1, 1, Some("##vso[task.logissue type=error]0")),
            (10, 10, Some("##vso[task.logissue type=error]9")),
            (
                11,
                10,
                Some("##vso[task.logissue type=error]… and 2 more, see the log"),
            ),
            (
                1000,
                10,
                Some("##vso[task.logissue type=error]… and 991 more, see the log"),
            ),
        ] {
            let messages: Vec<String> = (0..messages).map(|it| it.to_string()).collect();
            let commands = LoggingCommand::errors(&messages);
            assert_eq!(commands.len(), kept, "{}", messages.len());
            let text = commands.last().map(ToString::to_string);
            assert_eq!(text.as_deref(), last, "{}", messages.len());
        }
    }

    #[test]
    fn an_attachment_has_a_type_and_a_name_that_the_agent_takes() {
        let rows = [
            ("rollguard-evidence-web.v1_2", "rollguard-evidence-web.v1_2"),
            ("shop/web", "shop-web"),
            ("a\\b:c*d?e\"f<g>h|i", "a-b-c-d-e-f-g-h-i"),
            ("a\nb\u{0}c", "a⏎bc"),
            ("a;b]c%3B=d", "a;b]c%3B=d"),
            ("##vso[x]", "--vso[x]"),
            ("", "-"),
            (" \t", "-"),
        ];
        for (given, taken) in rows {
            let command = LoggingCommand::add_attachment(given, given, Path::new("/tmp/x"));
            let read = parse_line(&command.to_string()).unwrap();
            assert_eq!(read.property("type"), Some(taken), "{given:?}");
            assert_eq!(read.property("name"), Some(taken), "{given:?}");
            assert_eq!(read.data, "/tmp/x", "{given:?}");
        }
    }

    #[test]
    fn a_secret_of_many_lines_is_registered_line_by_line() {
        let secret = Secret::new("first line\nsecond;line\n");
        let lines: Vec<String> = LoggingCommand::set_secret(&secret)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(lines[0], "##vso[task.setsecret]first line%0Asecond;line");
        for part in [
            "first line",
            "second;line",
            // The same as base64 and in a URL.
            "Zmlyc3QgbGluZ",
            "second%AZP253Bline",
        ] {
            let line = format!("##vso[task.setsecret]{part}");
            assert!(lines.contains(&line), "{part}: {lines:?}");
        }
    }

    #[test]
    fn no_message_breaks_out_of_its_line() {
        let line = LoggingCommand::error("a\n##vso[task.complete result=Succeeded;done=true]b")
            .to_string();
        assert_eq!(
            line,
            "##vso[task.logissue type=error]a⏎**vso[task.complete result=Succeeded;done=true]b"
        );
    }
}
