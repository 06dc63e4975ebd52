//! Walks the jobs of a stage as Azure Pipelines does: by `dependsOn` and `condition`.

mod context;
mod variables;

use rollguard_agent::TaskResult;

use crate::expression::{Context, Expression, StatusFunction, Value, same, why_false};
use crate::model::{Job, Stage, TaskStep, VariableValue};
use crate::report::{JobReport, SkipReason, StageReport};
use crate::runner::{ResolvedTask, StageEvent, StepOutcome, StepRunner};
use context::{StartContext, StepContext};
use variables::Variables;

/// Runs the stages of a pipeline, as far as `dependsOn` and `condition` let them run. A stage that
/// `dependsOn` names and that is not among `stages` counts as one that succeeded.
pub async fn run_pipeline(stages: &[Stage], runner: &mut dyn StepRunner) -> Vec<StageReport> {
    let mut finished: Vec<StageReport> = Vec::new();
    loop {
        let ended = |name: &str| {
            let known = stages.iter().any(|stage| same(&stage.name, name));
            !known || finished.iter().any(|report| same(&report.name, name))
        };
        let next = stages
            .iter()
            .find(|stage| !ended(&stage.name) && stage.depends_on.iter().all(|it| ended(it)));
        let Some(stage) = next else {
            return finished;
        };
        let canceled = runner.canceled()
            || finished
                .iter()
                .any(|report| report.result == TaskResult::Canceled);
        let context = StartContext::of_stage(stages, stage, &finished, canceled);
        let (result, reason) = match decide(&stage.condition, &context) {
            Decision::Run => {
                finished.push(run_stage(stage, runner).await);
                continue;
            }
            Decision::Skip(reason) => (TaskResult::Skipped, reason),
            Decision::Fail(reason) => (TaskResult::Failed, reason),
        };
        runner.event(&StageEvent::StageSkipped {
            stage: stage.name.clone(),
            display_name: stage.display_name.clone(),
            reason,
        });
        finished.push(StageReport {
            name: stage.name.clone(),
            jobs: Vec::new(),
            result,
        });
    }
}

/// Runs a stage to its end, whatever its condition. Jobs run one after another, in the order of the file as far as
/// `dependsOn` allows; Azure Pipelines may run independent ones at the same time.
pub async fn run_stage(stage: &Stage, runner: &mut dyn StepRunner) -> StageReport {
    runner.event(&StageEvent::StageStarted {
        stage: stage.name.clone(),
        display_name: stage.display_name.clone(),
    });
    let mut walk = Walk {
        stage,
        finished: Vec::new(),
        canceled: false,
    };
    while let Some(job) = walk.next() {
        walk.canceled |= runner.canceled();
        let report = walk.job(job, runner).await;
        walk.finished.push(report);
    }
    let result = walk.result();
    runner.event(&StageEvent::StageFinished {
        stage: stage.name.clone(),
        result,
    });
    StageReport {
        name: stage.name.clone(),
        jobs: walk.finished,
        result,
    }
}

struct Walk<'a> {
    stage: &'a Stage,
    finished: Vec<JobReport>,
    canceled: bool,
}

/// The result of a condition of a job or step.
enum Decision {
    Run,
    Skip(SkipReason),
    /// The condition could not be evaluated.
    Fail(SkipReason),
}

fn decide(condition: &Expression, context: &dyn Context) -> Decision {
    let reason = |because| SkipReason {
        condition: condition.source().to_owned(),
        because,
    };
    match condition.evaluate(context) {
        Ok(value) if value.is_truthy() => Decision::Run,
        Ok(_) => Decision::Skip(reason(why_false(condition, context))),
        Err(error) => Decision::Fail(reason(format!("cannot {error}"))),
    }
}

impl<'a> Walk<'a> {
    /// The first job of the file that has not run and whose dependencies have ended.
    fn next(&self) -> Option<&'a Job> {
        let ended = |name: &str| self.finished.iter().any(|report| same(&report.name, name));
        self.stage
            .jobs
            .iter()
            .find(|job| !ended(&job.name) && job.depends_on.iter().all(|name| ended(name)))
    }

    fn result(&self) -> TaskResult {
        if self.canceled {
            return TaskResult::Canceled;
        }
        let ran = self
            .finished
            .iter()
            .filter(|job| job.result != TaskResult::Skipped);
        ran.map(|job| job.result)
            .reduce(worse)
            .unwrap_or(TaskResult::Skipped)
    }

    async fn job(&mut self, job: &Job, runner: &mut dyn StepRunner) -> JobReport {
        let report = JobReport {
            name: job.name.clone(),
            display_name: job.display_name.clone(),
            result: TaskResult::Succeeded,
            reason: None,
            outputs: std::collections::BTreeMap::new(),
        };
        let context = StartContext::of_job(self.stage, job, &self.finished, self.canceled);
        match decide(&job.condition, &context) {
            Decision::Run => {}
            Decision::Skip(reason) => {
                runner.event(&StageEvent::JobSkipped {
                    job: job.name.clone(),
                    display_name: job.display_name.clone(),
                    reason: reason.clone(),
                });
                return JobReport {
                    result: TaskResult::Skipped,
                    reason: Some(reason),
                    ..report
                };
            }
            Decision::Fail(reason) => {
                let result = TaskResult::Failed;
                runner.event(&StageEvent::JobFinished {
                    job: job.name.clone(),
                    result,
                });
                return JobReport {
                    result,
                    reason: Some(reason),
                    ..report
                };
            }
        }
        runner.event(&StageEvent::JobStarted {
            job: job.name.clone(),
            display_name: job.display_name.clone(),
        });
        let variables = start_variables(job, &context);
        let mut run = JobRun {
            job,
            runner,
            report,
            variables,
            canceled: false,
        };
        for step in &job.steps {
            run.step(step).await;
        }
        self.canceled |= run.canceled;
        let JobRun {
            mut report, runner, ..
        } = run;
        if report.result == TaskResult::Failed && job.continue_on_error {
            report.result = TaskResult::SucceededWithIssues;
        }
        let result = report.result;
        runner.event(&StageEvent::JobFinished {
            job: job.name.clone(),
            result,
        });
        report
    }
}

/// The variables of a job when it starts: `$[ … ]` is evaluated now, and stays as it came out.
fn start_variables(job: &Job, context: &StartContext<'_>) -> Variables {
    let mut variables = context.variables().clone();
    for variable in &job.variables {
        if let VariableValue::Text(text) = &variable.value {
            variables.set(&variable.name, text);
        }
    }
    variables.expand_nested();
    for variable in &job.variables {
        if let VariableValue::Runtime(expression) = &variable.value {
            // A lookup that finds nothing, or a failed one, leaves the variable empty.
            let value = expression.evaluate(context).ok();
            let text = value.as_ref().and_then(Value::to_text).unwrap_or_default();
            variables.set(&variable.name, &text);
        }
    }
    variables
}

/// A job while its steps run; `report` holds its result and outputs so far.
struct JobRun<'a> {
    job: &'a Job,
    runner: &'a mut dyn StepRunner,
    report: JobReport,
    variables: Variables,
    canceled: bool,
}

impl JobRun<'_> {
    async fn step(&mut self, step: &TaskStep) {
        let (job, display_name) = (self.job.name.clone(), step.display_name.clone());
        let context = StepContext::new(&self.variables, self.report.result);
        match decide(&step.condition, &context) {
            Decision::Run => {}
            Decision::Skip(reason) => {
                self.runner.event(&StageEvent::StepSkipped {
                    job,
                    display_name,
                    reason,
                });
                return;
            }
            Decision::Fail(_) => return self.ended(step, TaskResult::Failed),
        }
        self.runner
            .event(&StageEvent::StepStarted { job, display_name });
        let task = self.resolve(step);
        let mut retries = step.retries;
        let StepOutcome { result, outputs } = loop {
            let outcome = self.runner.run(&task).await;
            if outcome.result != TaskResult::Failed || retries == 0 {
                break outcome;
            }
            retries -= 1;
            self.runner.event(&StageEvent::StepRetried {
                job: self.job.name.clone(),
                display_name: step.display_name.clone(),
            });
        };
        if let Some(name) = &step.name {
            for (variable, value) in outputs {
                let variable = format!("{name}.{variable}");
                self.variables.set(&variable, &value);
                let seen_as = match &self.job.environment {
                    Some(_) => format!("{}.{variable}", self.job.name),
                    None => variable,
                };
                self.report.outputs.insert(seen_as, value);
            }
        }
        self.canceled |= result == TaskResult::Canceled;
        let forgiven = result == TaskResult::Failed && step.continue_on_error;
        self.ended(
            step,
            if forgiven {
                TaskResult::SucceededWithIssues
            } else {
                result
            },
        );
    }

    fn ended(&mut self, step: &TaskStep, result: TaskResult) {
        self.runner.event(&StageEvent::StepFinished {
            job: self.job.name.clone(),
            display_name: step.display_name.clone(),
            result,
        });
        self.report.result = worse(self.report.result, result);
    }

    fn resolve(&self, step: &TaskStep) -> ResolvedTask {
        let limits = [self.job.timeout, step.timeout];
        ResolvedTask {
            job: self.job.name.clone(),
            name: step.name.clone(),
            display_name: step.display_name.clone(),
            task: step.task.clone(),
            inputs: step
                .inputs
                .iter()
                .map(|(name, value)| (name.clone(), self.variables.fill(value)))
                .collect(),
            variables: self.variables.to_map(),
            timeout: limits.into_iter().flatten().min(),
            cancel_timeout: self.job.cancel_timeout,
        }
    }
}

/// Returns the result of two things that ran after one another; what was skipped does not count.
fn worse(result: TaskResult, next: TaskResult) -> TaskResult {
    if next == TaskResult::Skipped {
        result
    } else {
        result.max(next)
    }
}

/// Returns the value of a status function, given the results of what ran before.
fn status(function: StatusFunction, results: &[TaskResult], canceled: bool) -> bool {
    let failed = || results.contains(&TaskResult::Failed);
    match function {
        StatusFunction::Always => true,
        StatusFunction::Canceled => canceled,
        StatusFunction::Failed => failed(),
        StatusFunction::Succeeded => results.iter().all(|result| result.is_success()),
        StatusFunction::SucceededOrFailed => !canceled,
    }
}

#[cfg(test)]
mod tests;
