//! The context of the conditions of jobs and steps.

use rollguard_agent::TaskResult;

use super::status;
use super::variables::Variables;
use crate::expression::functions::holds;
use crate::expression::{Context, ExpressionError, Function, StatusFunction, Value, same};
use crate::model::{Job, Stage, VariableValue};
use crate::report::JobReport;
use crate::template::ancestors;

/// The context of the condition and the runtime variables of a job.
pub(super) struct JobContext<'a> {
    /// The jobs it depends on, directly or through others.
    before: Vec<&'a JobReport>,
    dependencies: Value,
    variables: Variables,
    canceled: bool,
}

impl<'a> JobContext<'a> {
    pub(super) fn new(
        stage: &'a Stage,
        job: &'a Job,
        finished: &'a [JobReport],
        canceled: bool,
    ) -> Self {
        let ancestors = ancestors(stage, job);
        let mut variables = Variables::default();
        for variable in &stage.variables {
            if let VariableValue::Text(text) = &variable.value {
                variables.set(&variable.name, text);
            }
        }
        // Outputs are visible from direct dependencies only.
        let direct = finished
            .iter()
            .filter(|report| holds(&job.depends_on, &report.name));
        Self {
            before: finished
                .iter()
                .filter(|report| holds(&ancestors, &report.name))
                .collect(),
            dependencies: Value::Object(direct.map(dependency).collect()),
            variables,
            canceled,
        }
    }

    pub(super) fn variables(&self) -> &Variables {
        &self.variables
    }
}

/// `dependencies.Job`: its result and its outputs.
fn dependency(report: &JobReport) -> (String, Value) {
    let outputs = report
        .outputs
        .iter()
        .map(|(name, value)| (name.clone(), Value::text(value)));
    let entries = vec![
        ("result".to_owned(), Value::text(report.result.as_str())),
        ("outputs".to_owned(), Value::Object(outputs.collect())),
    ];
    (report.name.clone(), Value::Object(entries))
}

impl Context for JobContext<'_> {
    fn named(&self, name: &str) -> Value {
        if same(name, "dependencies") {
            self.dependencies.clone()
        } else {
            self.variables.to_value()
        }
    }

    fn status(&self, function: StatusFunction, jobs: &[String]) -> Result<bool, ExpressionError> {
        if jobs.is_empty() {
            let results: Vec<_> = self.before.iter().map(|report| report.result).collect();
            // Without names, `succeeded()` is also about the run: nothing new starts once it was
            // canceled.
            let stopped = self.canceled && function == StatusFunction::Succeeded;
            return Ok(!stopped && status(function, &results, self.canceled));
        }
        let mut results = Vec::new();
        for job in jobs {
            let report = self.before.iter().find(|report| same(&report.name, job));
            let unknown = || ExpressionError::UnknownJob {
                function: Function::Status(function).name(),
                job: job.clone(),
            };
            results.push(report.ok_or_else(unknown)?.result);
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
