//! A stage after its template was expanded.

use std::time::Duration;

use crate::expression::Expression;

/// A stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its name, by which other stages refer to it.
    pub name: String,
    /// What a person reads; the name where the template gives none.
    pub display_name: String,
    /// The stages that must end before; without `dependsOn` the one before in the file.
    pub depends_on: Vec<String>,
    /// Whether it runs; `succeeded()` where the template gives none.
    pub condition: Expression,
    /// Variables of all its jobs.
    pub variables: Vec<Variable>,
    /// Its jobs, in the order of the file.
    pub jobs: Vec<Job>,
}

impl Stage {
    /// The job of this name, ignoring case.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs
            .iter()
            .find(|job| crate::expression::same(&job.name, name))
    }
}

/// A job of the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name, by which other jobs refer to it.
    pub name: String,
    /// What a person reads; the name where the template gives none.
    pub display_name: String,
    /// The jobs that must end before. Their outputs are visible to this one.
    pub depends_on: Vec<String>,
    /// Whether it runs; `succeeded()` where the template gives none.
    pub condition: Expression,
    /// Its variables, in the order of the file.
    pub variables: Vec<Variable>,
    /// Where it runs.
    pub pool: Pool,
    /// How long it may take; default 60 minutes, `None` for no limit.
    pub timeout: Option<Duration>,
    /// How long it may take to end after it was canceled; default 5 minutes.
    pub cancel_timeout: Duration,
    /// Whether a failure counts as "succeeded with issues" only.
    pub continue_on_error: bool,
    /// The environment that it deploys to, if it is a deployment job. Other jobs see its outputs with its
    /// name in front: `Job.step.variable`.
    pub environment: Option<String>,
    /// Its steps that are tasks, in the order of the file.
    pub steps: Vec<TaskStep>,
}

/// Where a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pool {
    /// On the agents that the pipeline names.
    Inherited,
    /// On Azure DevOps itself, without an agent: `pool: server`.
    Server,
    /// On agents of the pool or image of this name.
    Agents(String),
}

/// A variable of a stage or job.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name; lookups ignore case.
    pub name: String,
    /// Where its value comes from.
    pub value: VariableValue,
}

/// Where the value of a variable comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum VariableValue {
    /// Written in the template.
    Text(String),
    /// `$[ … ]`: evaluated when the job starts.
    Runtime(Expression),
}

/// A step that runs a task; `script` and its like are tasks, too.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskStep {
    /// Its name, without which its outputs cannot be referred to.
    pub name: Option<String>,
    /// The task and its major version, such as `Rollguard@1`.
    pub task: String,
    /// What a person reads; the task where the template gives none.
    pub display_name: String,
    /// The task's inputs, macros not yet expanded, in the order of the file.
    pub inputs: Vec<(String, String)>,
    /// Whether it runs; `succeeded()` where the template gives none.
    pub condition: Expression,
    /// How long it may take; `None` for no limit of its own.
    pub timeout: Option<Duration>,
    /// Whether a failure counts as "succeeded with issues" only.
    pub continue_on_error: bool,
    /// How often it runs again if it fails.
    pub retries: u32,
}
