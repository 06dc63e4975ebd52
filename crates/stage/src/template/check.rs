//! Checks the jobs of a stage against each other: names, dependencies and references.
//!
//! Azure Pipelines accepts most of these and then runs with empty values; here they are errors.

use std::time::Duration;

use super::approval;
use crate::error::Problems;
use crate::expression::functions::holds;
use crate::expression::{Expression, Function, Node, NodeKind, Value, same};
use crate::model::{Job, Pool, Stage, VariableValue};

/// The tasks that Azure DevOps runs itself (`runsOn: Server` in their task.json).
const SERVER_TASKS: [&str; 5] = [
    "ManualValidation",
    "Delay",
    "InvokeRESTAPI",
    "AzureFunction",
    "PublishToAzureServiceBus",
];

/// Checks one stage.
pub(super) fn stage(stage: &Stage, path: &str, problems: &mut Problems<'_>) {
    for (at, job) in stage.jobs.iter().enumerate() {
        let path = format!("{path}.jobs[{at}]");
        names(stage, job, &path, problems);
        place(job, &path, problems);
        approval::longest(job, &path, problems);
        for (at, step) in job.steps.iter().enumerate() {
            approval::inputs(step, &format!("{path}.steps[{at}].inputs"), problems);
        }
        let mut references = References {
            stage,
            job,
            path: String::new(),
            problems,
        };
        references.expression(&job.condition, format!("{path}.condition"));
        for variable in &job.variables {
            if let VariableValue::Runtime(expression) = &variable.value {
                references.expression(expression, format!("{path}.variables.{}", variable.name));
            }
        }
    }
    if let Some(job) = stage
        .jobs
        .iter()
        .find(|job| ancestors(stage, job).contains(&job.name))
    {
        let what = format!("the job `{}` depends on itself", job.name);
        problems.add(&format!("{path}.jobs"), &format!("job: {}", job.name), what);
    }
}

/// All jobs that `job` depends on, directly or through others.
pub(crate) fn ancestors(stage: &Stage, job: &Job) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open: Vec<&str> = job.depends_on.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if holds(&found, name) {
            continue;
        }
        if let Some(job) = stage.job(name) {
            found.push(job.name.clone());
            open.extend(job.depends_on.iter().map(String::as_str));
        }
    }
    found
}

/// Job and step names are unique, and dependencies exist.
fn names(stage: &Stage, job: &Job, path: &str, problems: &mut Problems<'_>) {
    let quote = format!("job: {}", job.name);
    if stage
        .jobs
        .iter()
        .take_while(|other| !std::ptr::eq(*other, job))
        .any(|other| same(&other.name, &job.name))
    {
        problems.add(
            path,
            &quote,
            format!("the job `{}` is there twice", job.name),
        );
    }
    for name in job
        .depends_on
        .iter()
        .filter(|name| stage.job(name).is_none())
    {
        let what = format!("`{name}` is no job of this stage");
        problems.add(&format!("{path}.dependsOn"), name, what);
    }
    let mut seen: Vec<String> = Vec::new();
    for name in job.steps.iter().filter_map(|step| step.name.as_ref()) {
        if holds(&seen, name) {
            problems.add(
                path,
                &format!("name: {name}"),
                format!("the step `{name}` is there twice"),
            );
        }
        seen.push(name.clone());
    }
}

/// Tasks that need no agent stand in jobs without one, and only there.
fn place(job: &Job, path: &str, problems: &mut Problems<'_>) {
    for step in &job.steps {
        let name = step.task.split('@').next().unwrap_or_default();
        let server = SERVER_TASKS.iter().any(|known| same(known, name));
        let quote = format!("task: {}", step.task);
        match (&job.pool, server) {
            (Pool::Server, false) => {
                let what = format!("`{}` needs an agent, the job has `pool: server`", step.task);
                problems.add(path, &quote, what);
            }
            (Pool::Inherited | Pool::Agents(_), true) => {
                problems.add(
                    path,
                    &quote,
                    format!("`{}` needs `pool: server`", step.task),
                );
            }
            (Pool::Server, true) | (Pool::Inherited | Pool::Agents(_), false) => {}
        }
        if outlived(job.timeout, step.timeout) && server {
            let what = format!(
                "`timeoutInMinutes` of the job is not longer than that of `{}`: the job would be \
                 canceled before the task ends",
                step.task
            );
            problems.add(path, "", what);
        }
    }
}

fn outlived(job: Option<Duration>, step: Option<Duration>) -> bool {
    job.is_some_and(|job| step.is_none_or(|step| job <= step))
}

/// Follows what the expressions of a job refer to.
struct References<'a, 'b> {
    stage: &'a Stage,
    job: &'a Job,
    path: String,
    problems: &'a mut Problems<'b>,
}

impl References<'_, '_> {
    fn expression(&mut self, expression: &Expression, path: String) {
        self.path = path;
        self.node(&expression.root, expression.source());
    }

    fn node(&mut self, node: &Node, source: &str) {
        match &node.kind {
            NodeKind::Call {
                function,
                arguments,
            } => {
                for argument in arguments {
                    self.node(argument, source);
                    if let (Function::Status(_), Some(name)) = (function, literal(argument)) {
                        self.status(name, source);
                    }
                }
            }
            NodeKind::Index { of, key } => {
                if let Some(keys) = dependency(node) {
                    self.dependency(&keys, source);
                } else {
                    self.node(of, source);
                    self.node(key, source);
                }
            }
            NodeKind::Wildcard { of } => self.node(of, source),
            NodeKind::Literal(_) | NodeKind::Named(_) => {}
        }
    }

    fn status(&mut self, name: &str, source: &str) {
        if !holds(&ancestors(self.stage, self.job), name) {
            let what = format!(
                "`{name}` is not among the jobs that `{}` depends on",
                self.job.name
            );
            self.problems.add(&self.path, source, what);
        }
    }

    /// `dependencies.Job.result` or `dependencies.Job.outputs['step.variable']`.
    fn dependency(&mut self, keys: &[&str], source: &str) {
        let Some((job, rest)) = keys.split_first() else {
            return;
        };
        if !holds(&self.job.depends_on, job) {
            let what = format!(
                "`dependencies.{job}` is empty: `{}` does not depend on it directly",
                self.job.name
            );
            self.problems.add(&self.path, source, what);
            return;
        }
        let what = match rest {
            [] => return,
            [key] if same(key, "result") || same(key, "outputs") => return,
            [key, output] if same(key, "outputs") => match self.missing_step(job, output) {
                Some(what) => what,
                None => return,
            },
            _ => format!(
                "found `{}`, expected `result` or `outputs['step.variable']`",
                rest.join(".")
            ),
        };
        self.problems.add(&self.path, source, what);
    }

    fn missing_step(&self, job: &str, output: &str) -> Option<String> {
        let job = self.stage.job(job)?;
        let within = if job.environment.is_some() {
            let (prefix, rest) = output.split_once('.').unwrap_or_default();
            if !same(prefix, &job.name) {
                return Some(format!(
                    "the outputs of the deployment job `{0}` begin with `{0}.`",
                    job.name
                ));
            }
            rest
        } else {
            output
        };
        let step = within.split_once('.').map(|(step, _)| step);
        let exists = job
            .steps
            .iter()
            .filter_map(|step| step.name.as_deref())
            .any(|name| step.is_some_and(|step| same(step, name)));
        (!exists).then(|| {
            format!(
                "the job `{}` has no step for the output `{output}`",
                job.name
            )
        })
    }
}

/// The keys below `dependencies` if `node` is such a lookup with literal keys only.
fn dependency(node: &Node) -> Option<Vec<&str>> {
    match &node.kind {
        NodeKind::Named(name) => same(name, "dependencies").then(Vec::new),
        NodeKind::Index { of, key } => {
            let mut keys = dependency(of)?;
            keys.push(literal(key)?);
            Some(keys)
        }
        NodeKind::Literal(_) | NodeKind::Wildcard { .. } | NodeKind::Call { .. } => None,
    }
}

fn literal(node: &Node) -> Option<&str> {
    match &node.kind {
        NodeKind::Literal(Value::Text(text)) => Some(text),
        NodeKind::Literal(_)
        | NodeKind::Named(_)
        | NodeKind::Index { .. }
        | NodeKind::Wildcard { .. }
        | NodeKind::Call { .. } => None,
    }
}
