//! The context of the conditions of stages, jobs and steps.

use rollguard_agent::TaskResult;

use super::status;
use super::variables::Variables;
use crate::expression::functions::holds;
use crate::expression::{Context, ExpressionError, Function, StatusFunction, Value, same};
use crate::model::{Job, Stage, VariableValue};
use crate::report::{JobReport, StageReport};
use crate::template::ancestors;

/// The context of the condition of a stage or job, and of the runtime variables of a job.
pub(super) struct StartContext<'a> {
    /// The stages or jobs that it depends on, directly or through others.
    before: Vec<(&'a str, TaskResult)>,
    dependencies: Value,
    variables: Variables,
    canceled: bool,
}

/// A stage or job that has ended, as those after it see it.
struct Ended<'a> {
    name: &'a str,
    result: TaskResult,
    outputs: Vec<(String, String)>,
}

impl<'a> StartContext<'a> {
    pub(super) fn of_job(
        stage: &'a Stage,
        job: &'a Job,
        finished: &'a [JobReport],
        canceled: bool,
    ) -> Self {
        let ended = finished.iter().map(|report| Ended {
            name: &report.name,
            result: report.result,
            outputs: report.outputs.iter().map(owned).collect(),
        });
        let before = Before {
            direct: &job.depends_on,
            all: ancestors(stage, job),
        };
        Self::new(&before, ended, variables(stage), canceled)
    }

    pub(super) fn of_stage(
        stages: &'a [Stage],
        stage: &'a Stage,
        finished: &'a [StageReport],
        canceled: bool,
    ) -> Self {
        let ended = finished.iter().map(|report| Ended {
            name: &report.name,
            result: report.result,
            outputs: report.jobs.iter().flat_map(outputs_of_job).collect(),
        });
        let before = Before {
            direct: &stage.depends_on,
            all: stages_before(stages, stage),
        };
        Self::new(&before, ended, variables(stage), canceled)
    }

    fn new(
        before: &Before<'_>,
        ended: impl Iterator<Item = Ended<'a>>,
        variables: Variables,
        canceled: bool,
    ) -> Self {
        let ended: Vec<Ended<'a>> = ended.collect();
        let seen = ended.iter().filter(|it| holds(&before.all, it.name));
        // Outputs are visible from direct dependencies only.
        let direct = ended.iter().filter(|it| holds(before.direct, it.name));
        Self {
            before: seen.map(|it| (it.name, it.result)).collect(),
            dependencies: Value::Object(direct.map(dependency).collect()),
            variables,
            canceled,
        }
    }

    pub(super) fn variables(&self) -> &Variables {
        &self.variables
    }
}

/// The stages or jobs that one depends on.
struct Before<'a> {
    direct: &'a [String],
    /// Directly or through others.
    all: Vec<String>,
}

/// All stages that `stage` depends on, directly or through others.
fn stages_before(stages: &[Stage], stage: &Stage) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = stage.depends_on.clone();
    while let Some(name) = open.pop() {
        let known = stages.iter().find(|stage| same(&stage.name, &name));
        if let Some(stage) = known.filter(|_| !holds(&found, &name)) {
            open.extend(stage.depends_on.iter().cloned());
            found.push(name);
        }
    }
    found
}

fn variables(stage: &Stage) -> Variables {
    let mut variables = Variables::default();
    for variable in &stage.variables {
        if let VariableValue::Text(text) = &variable.value {
            variables.set(&variable.name, text);
        }
    }
    variables
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// The outputs of a job for other stages: `Job.step.variable`.
fn outputs_of_job(job: &JobReport) -> impl Iterator<Item = (String, String)> + '_ {
    let outputs = job.outputs.iter();
    outputs.map(|(name, value)| (format!("{}.{name}", job.name), value.clone()))
}

/// `dependencies.Name`: its result and its outputs.
fn dependency(ended: &Ended<'_>) -> (String, Value) {
    let outputs = ended.outputs.iter();
    let outputs = outputs.map(|(name, value)| (name.clone(), Value::text(value)));
    let entries = vec![
        ("result".to_owned(), Value::text(ended.result.as_str())),
        ("outputs".to_owned(), Value::Object(outputs.collect())),
    ];
    (ended.name.to_owned(), Value::Object(entries))
}

impl Context for StartContext<'_> {
    fn named(&self, name: &str) -> Value {
        if same(name, "dependencies") {
            self.dependencies.clone()
        } else {
            self.variables.to_value()
        }
    }

    fn status(&self, function: StatusFunction, names: &[String]) -> Result<bool, ExpressionError> {
        if names.is_empty() {
            let results: Vec<_> = self.before.iter().map(|(_, result)| *result).collect();
            // Without names, `succeeded()` is also about the run: nothing new starts once it was
            // canceled.
            let stopped = self.canceled && function == StatusFunction::Succeeded;
            return Ok(!stopped && status(function, &results, self.canceled));
        }
        let mut results = Vec::new();
        for name in names {
            let found = self.before.iter().find(|(known, _)| same(known, name));
            let unknown = || ExpressionError::UnknownJob {
                function: Function::Status(function).name(),
                job: name.clone(),
            };
            results.push(found.ok_or_else(unknown)?.1);
        }
        let ran = results
            .iter()
            .any(|result| result.is_success() || *result == TaskResult::Failed);
        let counts = function != StatusFunction::SucceededOrFailed || ran;
        Ok(counts && status(function, &results, self.canceled))
    }
}

/// The context of the condition of a step.
pub(super) struct StepContext<'a> {
    variables: &'a Variables,
    /// The result of the job so far.
    job: TaskResult,
}

impl<'a> StepContext<'a> {
    pub(super) fn new(variables: &'a Variables, job: TaskResult) -> Self {
        Self { variables, job }
    }
}

impl Context for StepContext<'_> {
    fn named(&self, _: &str) -> Value {
        let mut variables = self.variables.clone();
        variables.set("Agent.JobStatus", self.job.as_str());
        variables.to_value()
    }

    fn status(&self, function: StatusFunction, _: &[String]) -> Result<bool, ExpressionError> {
        Ok(status(
            function,
            &[self.job],
            self.job == TaskResult::Canceled,
        ))
    }
}
