//! An Azure Pipelines agent, as far as a step can tell: it starts the task's entry point under Node.js, reads its
//! lines, masks, refuses commands, runs it again and cancels it (azure-pipelines-agent, the files named at each part).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{sleep, spawn};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rollguard_agent::TaskResult;
use rollguard_agent::command::{ParsedCommand, parse_line};

mod masker;
mod restrictions;
mod signals;

use masker::Masker;
pub(crate) use restrictions::Restrictions;
pub(crate) use signals::{Cancelled, Times};
use signals::{Ended, Lines, watch};

/// A step of a job.
pub(crate) struct Step<'a> {
    /// The folder of the task, with `index.js`.
    pub(crate) task: &'a Path,
    pub(crate) variables: BTreeMap<String, String>,
    /// Those of task.json, or of the step's `target`.
    pub(crate) restrictions: Restrictions,
    /// `retryCountOnTaskFailure`.
    pub(crate) retries: u32,
    /// Waits between two attempts; one second times the square of the attempt's number in reality
    /// (`RetryHelper.cs`, `ExponentialDelay`).
    pub(crate) retry_after: fn(u32) -> Duration,
    /// When the job is cancelled, and how long the agent waits between its signals.
    pub(crate) cancelled: Option<Cancelled>,
    /// Whether the agent protects read-only variables (knob `ProtectReadOnlyVariableNames`): the second value of
    /// an output is an error then, else it replaces the first.
    pub(crate) protects_outputs: bool,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) result: TaskResult,
    pub(crate) outputs: BTreeMap<String, String>,
    /// The log, masked, without commands; the agent's own warnings and errors begin with `##[`.
    pub(crate) log: Vec<String>,
    pub(crate) attempts: u32,
    /// The last signal that Node.js got, where the job was cancelled.
    pub(crate) signal: Option<&'static str>,
    /// How long it went on after the first one.
    pub(crate) took_to_end: Duration,
}

impl Done {
    pub(crate) fn says(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }
}

/// The seconds between two attempts (`RetryHelper.cs`).
pub(crate) fn exponential_delay(attempt: u32) -> Duration {
    Duration::from_secs(u64::from(attempt + 1).pow(2))
}

impl Step<'_> {
    /// Runs the step to its end.
    pub(crate) fn run(&self) -> Result<Done> {
        let mut state = State::default();
        let mut attempts = 0;
        loop {
            let ended = self.attempt(&mut state)?;
            attempts += 1;
            if ended.signal.is_some() {
                state.result = Some(TaskResult::Canceled);
            } else if ended.code != Some(0) {
                // `ProcessExitCodeException`: whatever the task said.
                state.result = Some(TaskResult::Failed);
            }
            let result = state.result.unwrap_or(TaskResult::Succeeded);
            // Only a failure is repeated (`RetryHelper.RetryStep`).
            if result != TaskResult::Failed || attempts > self.retries {
                return Ok(Done {
                    result,
                    outputs: state.outputs,
                    log: state.log,
                    attempts,
                    signal: ended.signal,
                    took_to_end: ended.took,
                });
            }
            state.result = None;
            state.log.push(format!("##[warning]RetryHelper encountered task failure, will retry (attempt #: {attempts})"));
            sleep((self.retry_after)(attempts - 1));
        }
    }

    fn attempt(&self, state: &mut State) -> Result<Ended> {
        let mut child = Command::new("node")
            .arg(self.task.join("index.js"))
            .env_clear()
            .envs(&self.variables)
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to start node")?;
        let (sender, lines) = channel();
        // Both streams are read for commands (`Handler.cs`).
        read(child.stdout.take().context("no stdout")?, sender.clone());
        read(child.stderr.take().context("no stderr")?, sender);
        watch(child, self.cancelled, || self.take(&lines, state))
    }

    /// Takes in the lines that have come.
    fn take(&self, lines: &Receiver<String>, state: &mut State) -> Lines {
        let mut taken = Lines::None;
        loop {
            match lines.recv_timeout(Duration::from_millis(10)) {
                Ok(line) => {
                    state.read(&line, self);
                    taken = Lines::Some;
                }
                Err(RecvTimeoutError::Timeout) => return taken,
                Err(RecvTimeoutError::Disconnected) => return Lines::End,
            }
        }
    }
}

fn read(stream: impl Read + Send + 'static, lines: Sender<String>) {
    spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if lines
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
}

/// The agent's knowledge of the step.
#[derive(Default)]
struct State {
    result: Option<TaskResult>,
    outputs: BTreeMap<String, String>,
    log: Vec<String>,
    masker: Masker,
}

impl State {
    fn read(&mut self, line: &str, step: &Step<'_>) {
        let Some(command) = parse_line(line) else {
            self.log.push(self.masker.mask(line));
            return;
        };
        if let Some(why) = step.restrictions.refuses(&command) {
            self.log.push(format!("##[warning]{why}"));
            return;
        }
        match (command.area.as_str(), command.event.as_str()) {
            ("task", "setsecret") => self.masker.add(&command.data),
            ("task", "setvariable") => self.set(&command, step),
            ("task", "complete") => {
                let said = command.property("result").and_then(TaskResult::parse);
                // A word that is none fails the step (`TaskCommandExtension.cs`).
                let said = said.unwrap_or(TaskResult::Failed);
                self.result = Some(self.result.map_or(said, |it| it.merge(said)));
            }
            ("task", "logissue") => {
                let kind = command.property("type").unwrap_or("warning");
                let text = self.masker.mask(&command.data);
                self.log.push(format!("##[{kind}]{text}"));
            }
            _ => {}
        }
    }

    /// An output variable is read-only once it is set: with the protection the second value is an error that fails
    /// the step, without it the second value counts.
    fn set(&mut self, command: &ParsedCommand, step: &Step<'_>) {
        let Some(name) = command.property("variable") else {
            return;
        };
        let is_output = command.flag("isOutput") || step.restrictions.is_declared(name);
        if !is_output {
            return;
        }
        if step.protects_outputs && self.outputs.contains_key(name) {
            self.log.push(format!(
                "##[error]Overwriting readonly variable '{name}' is not permitted."
            ));
            self.result = Some(TaskResult::Failed);
            return;
        }
        self.outputs.insert(name.to_owned(), command.data.clone());
    }
}
