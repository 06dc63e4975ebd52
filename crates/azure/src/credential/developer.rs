//! The programs by which a person is signed in to Azure: the Azure CLI and the Azure Developer CLI.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Output, Stdio};
use std::sync::{Mutex, PoisonError};

use azure_identity::Executor;

/// Longest part of a program's last words that is kept, in characters.
const WORDS_LIMIT: usize = 300;
/// The exit status by which a shell says that there is no such program.
const NOT_FOUND: i32 = 127;

/// Runs the programs, and keeps why they gave no token: `azure_identity` puts their words, and those of its
/// own parser, into one text.
#[derive(Debug)]
pub(super) struct DeveloperTools {
    /// The variables that they do not inherit.
    withheld: Vec<OsString>,
    attempts: Mutex<Vec<Attempt>>,
}

/// A program that gave no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    tool: &'static str,
    problem: String,
    is_installed: bool,
}

impl DeveloperTools {
    pub(super) fn new(withheld: Vec<OsString>) -> Self {
        Self {
            withheld,
            attempts: Mutex::default(),
        }
    }

    /// Returns why there is no token, and whether any of the programs is installed.
    pub(super) fn problem(&self) -> (String, bool) {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let told: Vec<String> = attempts
            .iter()
            .map(|it| format!("{}: {}", it.tool, it.problem))
            .collect();
        (told.join("; "), attempts.iter().any(|it| it.is_installed))
    }

    fn note(&self, attempt: Attempt) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|it| it.tool != attempt.tool);
        attempts.push(attempt);
    }
}

#[async_trait::async_trait]
impl Executor for DeveloperTools {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let tool = tool_in(args);
        let mut command = tokio::process::Command::new(program);
        for name in &self.withheld {
            command.env_remove(name);
        }
        // A sign-in that is given up must not leave a program behind.
        let command = command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await;
        self.note(match &output {
            Ok(output) => attempt(tool, output),
            Err(error) => Attempt {
                tool,
                problem: error.to_string(),
                is_installed: true,
            },
        });
        output
    }
}

/// `azure_identity` has a shell run `cd DIRECTORY && az …`.
fn tool_in(args: &[&OsStr]) -> &'static str {
    let is_azd = |arg: &&OsStr| arg.to_string_lossy().contains("&& azd ");
    if args.iter().any(is_azd) { "azd" } else { "az" }
}

/// Only stderr is ever quoted: stdout may hold a token.
fn attempt(tool: &'static str, output: &Output) -> Attempt {
    let words = String::from_utf8_lossy(&output.stderr);
    // On Windows it is the command processor that says so.
    let missing = output.status.code() == Some(NOT_FOUND) || words.contains("' is not recognized");
    let words: Vec<&str> = words.lines().map(str::trim).collect();
    let words: String = words.join(" ").trim().chars().take(WORDS_LIMIT).collect();
    let problem = if missing {
        "not installed".to_owned()
    } else if output.status.success() {
        "its answer holds no token".to_owned()
    } else if words.is_empty() {
        output.status.to_string()
    } else {
        words
    };
    Attempt {
        tool,
        problem,
        is_installed: !missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> DeveloperTools {
        DeveloperTools::new(vec![OsString::from("ROLLGUARD_TEST_WITHHELD")])
    }

    async fn ran(tools: &DeveloperTools, tool: &str, script: &str) -> Output {
        let script = format!("cd /bin && {tool} () {{ {script}\n}} && {tool} x");
        tools
            .run(
                OsStr::new("/bin/sh"),
                &[OsStr::new("-c"), OsStr::new(&script)],
            )
            .await
            .unwrap()
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn each_program_says_why_it_gave_no_token_and_stdout_is_never_quoted() {
        let rows = [
            (
                "not signed in",
                "echo \"Please run 'az login' to setup account.\" >&2; exit 1",
                "az: Please run 'az login' to setup account.",
                true,
            ),
            ("not there", "exit 127", "az: not installed", false),
            (
                "not understood",
                "echo hunter2",
                "az: its answer holds no token",
                true,
            ),
            ("without a word", "exit 3", "az: exit status: 3", true),
            (
                "over several lines",
                "printf 'one\\n  two\\n' >&2; exit 1",
                "az: one two",
                true,
            ),
        ];
        for (says, script, problem, installed) in rows {
            let tools = tools();
            ran(&tools, "az", script).await;
            assert_eq!(tools.problem(), (problem.to_owned(), installed), "{says}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_last_words_of_both_are_kept() {
        let tools = tools();
        ran(&tools, "az", "exit 127").await;
        ran(&tools, "azd", "echo old >&2; exit 1").await;
        ran(&tools, "azd", "echo new >&2; exit 1").await;
        let expected = ("az: not installed; azd: new".to_owned(), true);
        assert_eq!(tools.problem(), expected);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn long_words_are_cut() {
        let tools = tools();
        ran(&tools, "az", "printf '%0900d' 7 >&2; exit 1").await;
        assert_eq!(tools.problem().0.len(), "az: ".len() + WORDS_LIMIT);
    }
}
