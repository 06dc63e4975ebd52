//! Helpers of the other files: the shipped templates, expanded and looked into.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rollguard_stage::{Job, Stage, shipped, shipped_stage};
use serde_json::{Value as Json, json};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn text(path: &str) -> Result<&'static str> {
    shipped(path).with_context(|| format!("`{path}` is shipped"))
}

/// The shipped stage, with `extra` on top of the required parameters.
pub(crate) fn stage(extra: &[(&str, Json)]) -> Result<Stage> {
    let stages = shipped_stage()?.expand(&with_required(extra)?)?;
    stages
        .into_iter()
        .next()
        .context("the template holds a stage")
}

/// The expansion of the shipped stage.
pub(crate) fn expansion(extra: &[(&str, Json)]) -> Result<Json> {
    let expanded = shipped_stage()?.expansion(&with_required(extra)?)?;
    Ok(serde_json::to_value(expanded)?)
}

/// `extra` on top of the required parameters.
pub(crate) fn with_required(extra: &[(&str, Json)]) -> Result<BTreeMap<String, Json>> {
    let mut parameters: BTreeMap<String, Json> = serde_json::from_value(json!({
        "environment": "Prod", "azureServiceConnection": "azure", "aksName": "aks", "aksRg": "rg",
        "aksSubscription": "00000000-0000-0000-0000-000000000001", "namespace": "shop",
        "deploymentName": "web",
    }))?;
    parameters.extend(
        extra
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    Ok(parameters)
}

pub(crate) fn job<'a>(stage: &'a Stage, name: &str) -> Result<&'a Job> {
    stage
        .job(name)
        .with_context(|| format!("find the job `{name}`"))
}

/// An input of the only step of a job.
pub(crate) fn input<'a>(stage: &'a Stage, name: &str, key: &str) -> Result<Option<&'a str>> {
    let step = job(stage, name)?.steps.first().context("a step")?;
    let input = step.inputs.iter().find(|(name, _)| name == key);
    Ok(input.map(|(_, value)| value.as_str()))
}

/// task.json, which `xtask generate` writes.
pub(crate) fn task() -> Result<Json> {
    let path = root().join("task/task.json");
    let text = std::fs::read_to_string(&path).context(
        "read task/task.json: without it nobody notices when template and task part ways",
    )?;
    Ok(serde_json::from_str(&text)?)
}

pub(crate) fn strings(list: &Json, key: &str) -> BTreeSet<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .filter_map(|item| item[key].as_str())
        .map(str::to_owned)
        .collect()
}

/// The steps of the shipped stage that call the task, with the job they stand in.
pub(crate) fn calls(task: &Json) -> Result<Vec<(String, rollguard_stage::TaskStep)>> {
    let name = task["name"].as_str().context("task.json has a name")?;
    let major = &task["version"]["Major"];
    let major = major
        .as_u64()
        .or_else(|| major.as_str()?.parse().ok())
        .context("a version")?;
    let reference = format!("{name}@{major}");
    let mut calls = Vec::new();
    for job in stage(&[])?.jobs {
        for step in job.steps {
            if step.task.to_lowercase().starts_with("rollguard@") {
                ensure!(
                    step.task == reference,
                    "`{}` calls a task that is `{reference}`",
                    step.task
                );
                calls.push((job.name.clone(), step));
            }
        }
    }
    ensure!(
        calls.len() == 3,
        "the stage calls the task {} times",
        calls.len()
    );
    Ok(calls)
}
