//! Collects the logging commands of a task's output, for runs without an agent.

use std::collections::BTreeMap;

use super::Severity;
use super::parse::{ParsedCommand, parse_line};
use crate::result::TaskResult;

/// An error or a warning that a task reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How grave it is.
    pub severity: Severity,
    /// What it says.
    pub message: String,
}

/// A file that a task kept with the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What kind of file it is.
    pub kind: String,
    /// Its name among those of its kind.
    pub name: String,
    /// Its path.
    pub path: String,
}

/// Collects what the lines of a task have said so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskOutput {
    /// The variables it set that later jobs can read.
    pub variables: BTreeMap<String, String>,
    /// The result it asked for.
    pub result: Option<TaskResult>,
    /// The errors and warnings it reported.
    pub issues: Vec<Issue>,
    /// The Markdown files it showed on the run's page.
    pub summaries: Vec<String>,
    /// The files it kept with the run.
    pub attachments: Vec<Attachment>,
}

impl TaskOutput {
    /// Takes one line. `false`: it is no command, but output to show.
    pub fn read_line(&mut self, line: &str) -> bool {
        let Some(command) = parse_line(line) else {
            return false;
        };
        if command.area == "task" {
            self.read(&command);
        }
        true
    }

    /// The result of the task, given its exit code: a code other than zero fails it whatever it
    /// said (azure-pipelines-agent, `NodeHandler.cs`: `ProcessExitCodeException`). `None`: ended by
    /// a signal.
    #[must_use]
    pub fn task_result(&self, exit_code: Option<i32>) -> TaskResult {
        match exit_code {
            Some(0) => self.result.unwrap_or(TaskResult::Succeeded),
            Some(_) | None => TaskResult::Failed,
        }
    }

    fn read(&mut self, command: &ParsedCommand) {
        match command.event.as_str() {
            "setvariable" if command.flag("isOutput") => {
                if let Some(name) = command.property("variable") {
                    // Set with isOutput it is read-only: the first value stays.
                    let name = name.to_owned();
                    self.variables
                        .entry(name)
                        .or_insert_with(|| command.data.clone());
                }
            }
            "complete" => {
                if let Some(coming) = command.property("result").and_then(TaskResult::parse) {
                    self.result = Some(self.result.map_or(coming, |it| it.merge(coming)));
                }
            }
            "logissue" | "issue" => {
                let severity = match command.property("type") {
                    Some("error") => Severity::Error,
                    Some(_) | None => Severity::Warning,
                };
                let message = command.data.clone();
                self.issues.push(Issue { severity, message });
            }
            "addattachment" => {
                let property = |name| command.property(name).map(str::to_owned);
                if let (Some(kind), Some(name)) = (property("type"), property("name")) {
                    let path = command.data.clone();
                    self.attachments.push(Attachment { kind, name, path });
                }
            }
            "uploadsummary" => self.summaries.push(command.data.clone()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> TaskOutput {
        let mut output = TaskOutput::default();
        for line in lines {
            output.read_line(line);
        }
        output
    }

    #[test]
    fn a_task_tells_variables_issues_and_a_result() {
        let output = read(&[
            "Checking deployment/web",
            "##vso[task.logissue type=error;code=ImageNotFound]image not found",
            "##vso[task.setvariable variable=verdict;isOutput=true]failed",
            "##vso[task.setvariable variable=local]x",
            "##vso[task.uploadsummary]/tmp/summary.md",
            "##vso[task.addattachment type=rollguard.evidence;name=web]/tmp/web.json",
            "##vso[task.addattachment type=rollguard.evidence]/tmp/nameless.json",
            "##vso[task.complete result=Failed]rollout failed",
        ]);
        assert_eq!(
            output.variables,
            BTreeMap::from([("verdict".to_owned(), "failed".to_owned())])
        );
        assert_eq!(output.issues.len(), 1);
        assert_eq!(output.summaries, ["/tmp/summary.md"]);
        let attached = Attachment {
            kind: "rollguard.evidence".to_owned(),
            name: "web".to_owned(),
            path: "/tmp/web.json".to_owned(),
        };
        assert_eq!(output.attachments, [attached]);
        assert_eq!(output.task_result(Some(10)), TaskResult::Failed);
    }

    #[test]
    fn only_commands_are_kept_from_the_log() {
        let mut output = TaskOutput::default();
        assert!(!output.read_line("2 of 3 replicas updated"));
        assert!(output.read_line("##vso[task.debug]x"));
        assert!(output.read_line("##vso[other.thing]x"));
        assert_eq!(output, TaskOutput::default());
    }

    #[test]
    fn the_result_is_the_worst_of_what_was_said_and_the_exit_code() {
        let rows: &[(&str, &[&str], Option<i32>, TaskResult)] = &[
            ("silence and zero", &[], Some(0), TaskResult::Succeeded),
            ("silence and not zero", &[], Some(12), TaskResult::Failed),
            ("ended by a signal", &[], None, TaskResult::Failed),
            (
                "said failed, zero",
                &["Failed"],
                Some(0),
                TaskResult::Failed,
            ),
            (
                "said succeeded, not zero",
                &["Succeeded"],
                Some(10),
                TaskResult::Failed,
            ),
            (
                "an improvement is not heard",
                &["Failed", "Succeeded"],
                Some(0),
                TaskResult::Failed,
            ),
            (
                "skipped sticks",
                &["Skipped", "Failed"],
                Some(0),
                TaskResult::Skipped,
            ),
            (
                "but not against the exit code",
                &["Skipped", "Failed"],
                Some(10),
                TaskResult::Failed,
            ),
            (
                "a result that does not exist",
                &["failed"],
                Some(0),
                TaskResult::Succeeded,
            ),
        ];
        for (name, said, exit_code, result) in rows {
            let lines: Vec<String> = said
                .iter()
                .map(|it| format!("##vso[task.complete result={it}]"))
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(read(&lines).task_result(*exit_code), *result, "{name}");
        }
    }

    #[test]
    fn an_output_variable_keeps_its_first_value() {
        let output = read(&[
            "##vso[task.setvariable variable=verdict;isOutput=true]failed",
            "##vso[task.setvariable variable=verdict;isOutput=true]succeeded",
        ]);
        assert_eq!(output.variables["verdict"], "failed");
    }
}
