//! The expanded values of a template to stages, jobs and steps.

use std::time::Duration;

use super::approval;
use super::fields::{Fields, describe};
use super::yaml::join;
use crate::error::Problems;
use crate::expression::{Expression, Scope, Value, same};
use crate::model::{Job, Pool, Stage, TaskStep, Variable, VariableValue};

/// "The timeout for the job … default 60 minutes."
const JOB_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// "The cancel timeout … default 5 minutes."
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// "The job keywords `deploy` and `deployment` are reserved."
const RESERVED: [&str; 2] = ["deploy", "deployment"];

/// Reads the list of stages.
pub(super) fn stages(value: &Value, problems: &mut Problems<'_>) -> Vec<Stage> {
    let Value::Array(items) = value else {
        problems.add(
            "stages",
            "stages:",
            format!("found {}, expected a list", describe(value)),
        );
        return Vec::new();
    };
    let mut stages: Vec<Stage> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let before = stages.last().map(|stage| stage.name.clone());
        stages.extend(stage(item, &format!("stages[{at}]"), before, problems));
    }
    stages
}

fn stage(
    item: &Value,
    path: &str,
    before: Option<String>,
    problems: &mut Problems<'_>,
) -> Option<Stage> {
    let known = &[
        "stage",
        "displayName",
        "dependsOn",
        "condition",
        "lockBehavior",
        "variables",
        "jobs",
    ];
    let fields = Fields::read(item, path, known, problems)?;
    let name = identifier(&fields, "stage", problems);
    let jobs = fields
        .list("jobs", problems)
        .iter()
        .enumerate()
        .filter_map(|(at, item)| job(item, &format!("{path}.jobs[{at}]"), problems))
        .collect();
    let name = name?;
    let variables = variables(&fields, problems);
    for variable in &variables {
        if let VariableValue::Runtime(expression) = &variable.value {
            let what = "`$[ ]` in the variables of a stage is not known to the local runner";
            problems.add(&fields.path("variables"), expression.source(), what);
        }
    }
    Some(Stage {
        display_name: fields
            .text("displayName", problems)
            .unwrap_or_else(|| name.clone()),
        depends_on: fields
            .names("dependsOn", problems)
            .unwrap_or_else(|| before.into_iter().collect()),
        condition: condition(&fields, &Scope::job_condition(), problems)?,
        variables,
        jobs,
        name,
    })
}

fn job(item: &Value, path: &str, problems: &mut Problems<'_>) -> Option<Job> {
    let known = &[
        "job",
        "deployment",
        "environment",
        "strategy",
        "container",
        "displayName",
        "dependsOn",
        "condition",
        "pool",
        "timeoutInMinutes",
        "cancelTimeoutInMinutes",
        "continueOnError",
        "variables",
        "steps",
    ];
    let fields = Fields::read(item, path, known, problems)?;
    let key = match fields.get("deployment") {
        Some(_) => "deployment",
        None => "job",
    };
    let name = identifier(&fields, key, problems);
    if let Some(reserved) = name.as_deref().filter(|name| RESERVED.contains(name)) {
        problems.add(
            &fields.path(key),
            &format!("{key}: {reserved}"),
            "is a reserved word",
        );
    }
    let environment = (key == "deployment")
        .then(|| environment(&fields, problems))
        .flatten();
    let steps = if key == "deployment" {
        deployment_steps(&fields, problems)
    } else {
        steps(&fields, problems)
    };
    let name = name?;
    let pool = pool(&fields, problems);
    let timeout = fields.minutes("timeoutInMinutes", problems);
    Some(Job {
        display_name: fields
            .text("displayName", problems)
            .unwrap_or_else(|| name.clone()),
        depends_on: fields.names("dependsOn", problems).unwrap_or_default(),
        condition: condition(&fields, &Scope::job_condition(), problems)?,
        variables: variables(&fields, problems),
        timeout: approval::lifetime(timeout, &pool, JOB_TIMEOUT),
        pool,
        cancel_timeout: fields
            .minutes("cancelTimeoutInMinutes", problems)
            .or(None)
            .unwrap_or(CANCEL_TIMEOUT),
        continue_on_error: fields.flag("continueOnError", problems),
        environment,
        steps,
        name,
    })
}

fn steps(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<TaskStep> {
    let path = fields.path("steps");
    fields
        .list("steps", problems)
        .iter()
        .enumerate()
        .filter_map(|(at, item)| step(item, &format!("{path}[{at}]"), problems))
        .collect()
}

/// The name of the environment, also if a resource of it is named.
fn environment(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<String> {
    if let Some(value @ Value::Object(_)) = fields.get("environment") {
        let path = fields.path("environment");
        let known = &["name", "resourceName", "resourceType"];
        let fields = Fields::read(value, &path, known, problems)?;
        return fields.required("name", problems);
    }
    fields.required("environment", problems)
}

/// `strategy.runOnce.deploy.steps`: the other strategies and hooks are not known.
fn deployment_steps(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<TaskStep> {
    fields
        .below("strategy", &["runOnce"], problems)
        .and_then(|it| it.below("runOnce", &["deploy"], problems))
        .and_then(|it| it.below("deploy", &["steps"], problems))
        .map(|it| steps(&it, problems))
        .unwrap_or_default()
}

/// Steps that are short for a task, with the task and the input that holds their text
/// (<https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/steps>).
const SCRIPTS: [(&str, &str); 4] = [
    ("script", "CmdLine@2"),
    ("bash", "Bash@3"),
    ("pwsh", "PowerShell@2"),
    ("powershell", "PowerShell@2"),
];

/// A step; `checkout: none` and `download: none` are known and do nothing.
fn step(item: &Value, path: &str, problems: &mut Problems<'_>) -> Option<TaskStep> {
    for nothing in ["checkout", "download"] {
        if item.get(nothing).is_some() {
            let fields = Fields::read(item, path, &[nothing], problems)?;
            let what = fields.text(nothing, problems)?;
            if !same(&what, "none") {
                let what =
                    format!("found `{what}`, expected `none`: the local runner has no files");
                problems.add(&fields.path(nothing), &format!("{nothing}:"), what);
            }
            return None;
        }
    }
    let script = SCRIPTS.into_iter().find(|(key, _)| item.get(key).is_some());
    if let (Value::Object(entries), None, None) = (item, item.get("task"), script) {
        let key = entries.first().map_or("", |(key, _)| key);
        let what = format!(
            "found the step `{key}`, the local runner knows `task`, `script`, `bash`, `pwsh`, \
             `powershell`, `checkout: none` and `download: none`"
        );
        problems.add(path, &format!("{key}:"), what);
        return None;
    }
    let kind = script.map_or("task", |(key, _)| key);
    let known = &[
        kind,
        "name",
        "displayName",
        "condition",
        "timeoutInMinutes",
        "continueOnError",
        "retryCountOnTaskFailure",
        "inputs",
    ];
    let fields = Fields::read(item, path, known, problems)?;
    let mut inputs = inputs(&fields, problems);
    let task = match script {
        None => fields.required("task", problems)?,
        Some((key, task)) => {
            inputs.push(("script".to_owned(), fields.text(key, problems)?));
            task.to_owned()
        }
    };
    let versioned = task
        .split_once('@')
        .is_some_and(|(name, version)| !name.is_empty() && version.parse::<u32>().is_ok());
    if !versioned {
        let what =
            format!("found `{task}`, expected a task with its major version, as in `Task@1`");
        problems.add(&fields.path("task"), &format!("task: {task}"), what);
    }
    Some(TaskStep {
        name: fields
            .get("name")
            .and_then(|_| identifier(&fields, "name", problems)),
        display_name: fields
            .text("displayName", problems)
            .unwrap_or_else(|| task.clone()),
        inputs,
        condition: condition(&fields, &Scope::step_condition(), problems)?,
        timeout: fields.minutes("timeoutInMinutes", problems).or(None),
        continue_on_error: fields.flag("continueOnError", problems),
        retries: retries(&fields, problems),
        task,
    })
}

/// "The maximum number of retries is 10."
const MOST_RETRIES: u32 = 10;

fn retries(fields: &Fields<'_>, problems: &mut Problems<'_>) -> u32 {
    const KEY: &str = "retryCountOnTaskFailure";
    let Some(text) = fields.text(KEY, problems) else {
        return 0;
    };
    let count = text.parse().ok().filter(|count| *count <= MOST_RETRIES);
    count.unwrap_or_else(|| {
        let what = format!("found `{text}`, expected a number from 0 to {MOST_RETRIES}");
        problems.add(&fields.path(KEY), &format!("{KEY}: {text}"), what);
        0
    })
}

/// A name that others refer to: letters, digits and underscores, not starting with a digit.
fn identifier(fields: &Fields<'_>, key: &str, problems: &mut Problems<'_>) -> Option<String> {
    let name = fields.required(key, problems)?;
    let legal = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !legal {
        let what =
            format!("found the name `{name}`, expected letters, digits and underscores only");
        problems.add(&fields.path(key), &format!("{key}: {name}"), what);
    }
    Some(name)
}

fn condition(
    fields: &Fields<'_>,
    scope: &Scope,
    problems: &mut Problems<'_>,
) -> Option<Expression> {
    let text = fields
        .text("condition", problems)
        .unwrap_or_else(|| "succeeded()".to_owned());
    expression(text.trim(), &fields.path("condition"), scope, problems)
}

fn expression(
    text: &str,
    path: &str,
    scope: &Scope,
    problems: &mut Problems<'_>,
) -> Option<Expression> {
    Expression::parse(text, scope)
        .map_err(|error| problems.add(path, text, format!("cannot {error} in `{text}`")))
        .ok()
}

fn pool(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Pool {
    let path = fields.path("pool");
    match fields.get("pool") {
        None | Some(Value::Null) => Pool::Inherited,
        Some(Value::Text(name)) if same(name, "server") => Pool::Server,
        Some(Value::Text(name)) => Pool::Agents(name.clone()),
        Some(value) => Fields::read(value, &path, &["name", "vmImage", "demands"], problems)
            .and_then(|pool| {
                pool.text("name", problems)
                    .or_else(|| pool.text("vmImage", problems))
            })
            .map_or(Pool::Inherited, Pool::Agents),
    }
}

/// `variables:` as a mapping, or as a list of `name` and `value`.
fn variables(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<Variable> {
    let path = fields.path("variables");
    let named: Vec<(String, &Value)> = match fields.get("variables") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(entries)) => entries
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| {
                let path = format!("{path}[{at}]");
                // The values of a group are in Azure DevOps only: its variables do not exist here.
                if item.get("group").is_some() {
                    Fields::read(item, &path, &["group"], problems)?.required("group", problems)?;
                    return None;
                }
                let fields = Fields::read(item, &path, &["name", "value"], problems)?;
                Some((fields.required("name", problems)?, fields.get("value")?))
            })
            .collect(),
        Some(other) => {
            let what = format!("found {}, expected a mapping or a list", describe(other));
            problems.add(&path, "variables:", what);
            Vec::new()
        }
    };
    named
        .into_iter()
        .filter_map(|(name, value)| {
            let value = variable(value, &join(&path, &name), problems)?;
            Some(Variable { name, value })
        })
        .collect()
}

fn variable(value: &Value, path: &str, problems: &mut Problems<'_>) -> Option<VariableValue> {
    let Some(text) = value.to_text() else {
        problems.add(
            path,
            "",
            format!("found {}, expected a string", describe(value)),
        );
        return None;
    };
    let trimmed = text.trim();
    match trimmed
        .strip_prefix("$[")
        .and_then(|inside| inside.strip_suffix(']'))
    {
        Some(inside) => {
            let scope = Scope::runtime_variable();
            expression(inside.trim(), path, &scope, problems).map(VariableValue::Runtime)
        }
        None if trimmed.contains("$[") => {
            let what = format!("found `{trimmed}`: `$[ ]` must be the whole value");
            problems.add(path, trimmed, what);
            None
        }
        None => Some(VariableValue::Text(text.into_owned())),
    }
}

fn inputs(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<(String, String)> {
    let path = fields.path("inputs");
    let entries = match fields.get("inputs") {
        None | Some(Value::Null) => &[],
        Some(Value::Object(entries)) => entries.as_slice(),
        Some(other) => {
            let what = format!("found {}, expected a mapping", describe(other));
            problems.add(&path, "inputs:", what);
            &[]
        }
    };
    entries
        .iter()
        .filter_map(|(name, value)| {
            let text = value.to_text();
            if text.is_none() {
                let what = format!("found {}, expected a string", describe(value));
                problems.add(&join(&path, name), "", what);
            }
            Some((name.clone(), text?.into_owned()))
        })
        .collect()
}
