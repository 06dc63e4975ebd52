//! The interface to the program that runs the task steps.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use rollguard_agent::TaskResult;
use serde::Serialize;

use crate::report::SkipReason;

/// Runs the task steps of a stage and hears what happens between them.
#[async_trait]
pub trait StepRunner: Send {
    /// Runs one task to its end. [`TaskResult::Canceled`] cancels the whole run.
    async fn run(&mut self, step: &ResolvedTask) -> StepOutcome;

    /// Hears of an event; the order is that of the run.
    fn event(&mut self, event: &StageEvent);

    /// Returns whether the run was canceled from outside. Asked before each job, so that a person can
    /// cancel between two of them.
    fn canceled(&self) -> bool {
        false
    }
}

/// A task step with everything filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedTask {
    /// The job it belongs to.
    pub job: String,
    /// The step's name.
    pub name: Option<String>,
    /// What a person reads.
    pub display_name: String,
    /// The task and its major version, such as `Rollguard@1`.
    pub task: String,
    /// Its inputs, with `$(…)` replaced where the variable exists.
    pub inputs: BTreeMap<String, String>,
    /// The job's variables, and the outputs of its earlier steps as `step.variable`.
    pub variables: BTreeMap<String, String>,
    /// How long it may take: the shorter one of its own and its job's limit. The runner keeps it.
    pub timeout: Option<Duration>,
    /// How long it may take to end after it was canceled.
    pub cancel_timeout: Duration,
}

/// How a task step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutcome {
    /// Its result.
    pub result: TaskResult,
    /// Its output variables, without the step's name.
    pub outputs: BTreeMap<String, String>,
}

impl StepOutcome {
    /// A step that ended with `result` and set no output variables.
    #[must_use]
    pub fn of(result: TaskResult) -> Self {
        Self {
            result,
            outputs: BTreeMap::new(),
        }
    }

    /// Adds an output variable.
    #[must_use]
    pub fn output(mut self, name: &str, value: &str) -> Self {
        self.outputs.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// Something that happened while a stage was walked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum StageEvent {
    /// The stage starts.
    StageStarted {
        /// Its name.
        stage: String,
        /// What a person reads.
        display_name: String,
    },
    /// A stage does not run.
    StageSkipped {
        /// Its name.
        stage: String,
        /// What a person reads.
        display_name: String,
        /// Why.
        reason: SkipReason,
    },
    /// A job starts.
    JobStarted {
        /// Its name.
        job: String,
        /// What a person reads.
        display_name: String,
    },
    /// A job does not run.
    JobSkipped {
        /// Its name.
        job: String,
        /// What a person reads.
        display_name: String,
        /// Why.
        reason: SkipReason,
    },
    /// A step starts.
    StepStarted {
        /// The job it belongs to.
        job: String,
        /// What a person reads.
        display_name: String,
    },
    /// A step does not run.
    StepSkipped {
        /// The job it belongs to.
        job: String,
        /// What a person reads.
        display_name: String,
        /// Why.
        reason: SkipReason,
    },
    /// A step failed and runs again.
    StepRetried {
        /// The job it belongs to.
        job: String,
        /// What a person reads.
        display_name: String,
    },
    /// A step ended.
    StepFinished {
        /// The job it belongs to.
        job: String,
        /// What a person reads.
        display_name: String,
        /// How.
        result: TaskResult,
    },
    /// A job ended.
    JobFinished {
        /// Its name.
        job: String,
        /// How.
        result: TaskResult,
    },
    /// The stage ended.
    StageFinished {
        /// Its name.
        stage: String,
        /// How.
        result: TaskResult,
    },
}
