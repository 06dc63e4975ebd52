//! The templates against task.json, and by the language service of Azure Pipelines.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use rollguard_stage::SHIPPED;
use rollguard_tests::language_service;
use serde_json::{Value as Json, json};

use super::support::{calls, expansion, strings, task, text};

pub(crate) fn inputs_exist() -> Result<()> {
    let task = task()?;
    let known = strings(&task["inputs"], "name");
    for (job, step) in calls(&task)? {
        for (input, value) in &step.inputs {
            ensure!(
                known.contains(input),
                "`{job}` passes `{input}`, the task knows {known:?}"
            );
            let declared = task["inputs"].as_array().into_iter().flatten();
            let options = declared
                .filter(|one| one["name"] == **input)
                .find_map(|one| one["options"].as_object());
            let is_boolean = task["inputs"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|one| one["name"] == **input && one["type"] == "boolean");
            ensure!(
                !is_boolean || ["true", "false"].contains(&value.to_lowercase().as_str()),
                "`{job}` passes `{input}: {value}`"
            );
            if let Some(options) = options {
                ensure!(
                    options.contains_key(value),
                    "`{job}` passes `{input}: {value}`"
                );
            }
        }
    }
    Ok(())
}

pub(crate) fn required_inputs() -> Result<()> {
    let task = task()?;
    for (job, step) in calls(&task)? {
        for input in task["inputs"].as_array().into_iter().flatten() {
            // What a rule hides depends on other inputs; the task itself checks those.
            let asked = input["required"] == true
                && input["visibleRule"].is_null()
                && input["defaultValue"].as_str().is_none_or(str::is_empty);
            let name = input["name"].as_str().unwrap_or_default();
            let passed = step.inputs.iter().any(|(passed, _)| passed == name);
            ensure!(!asked || passed, "`{job}` does not pass `{name}`");
        }
    }
    Ok(())
}

pub(crate) fn outputs_exist() -> Result<()> {
    let known = strings(&task()?["outputVariables"], "name");
    let mut read = BTreeSet::new();
    let expanded = expansion(&[])?.to_string();
    for piece in expanded.split("outputs['").skip(1) {
        let output = piece.split('\'').next().unwrap_or_default();
        let (_, name) = output
            .split_once('.')
            .context("an output is `step.variable`")?;
        read.insert(name.to_owned());
    }
    ensure!(read.len() >= 6, "only {read:?} are read");
    ensure!(
        read.is_subset(&known),
        "the templates read {read:?}, the task sets {known:?}"
    );
    Ok(())
}

/// Things broken in a shipped template, each of which must be found on its line: without them an unread
/// schema would look like a good template.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    (
        JOBS,
        "a key of a job",
        "- job: ManualApproval",
        "- jobb: ManualApproval",
    ),
    (
        JOBS,
        "a key that is misspelled",
        "timeoutInMinutes: 0 #",
        "timeoutInMinute: 0 #",
    ),
    (
        JOBS,
        "a task that does not exist",
        "task: ManualValidation@1",
        "task: ManualValidation@9",
    ),
    (
        JOBS,
        "an input of the approval",
        "instructions:",
        "instruction:",
    ),
    (JOBS, "who approves", "approvers: \"${{", "approver: \"${{"),
    (
        JOBS,
        "a job in a mode",
        "timeoutInMinutes: 43200",
        "timeoutMinutes: 43200",
    ),
    (
        CHECK,
        "a switch of rollguard",
        "forceOwner: ${{",
        "forceOwners: ${{",
    ),
    (CHECK, "an input of rollguard", "aksCluster:", "aksClutser:"),
    (
        CHECK,
        "a command that does not exist",
        "command: check",
        "command: chek",
    ),
    (
        ROLLBACK,
        "the version of rollguard",
        "task: Rollguard@1",
        "task: Rollguard@7",
    ),
    (
        JOBS,
        "the type of a parameter",
        "type: object",
        "type: objekt",
    ),
];

const JOBS: &str = "jobs/guarded-rollout.yml";
const CHECK: &str = "steps/check.yml";
const ROLLBACK: &str = "steps/rollback.yml";

pub(crate) fn language_service() -> Result<()> {
    let mut files: Vec<Json> = SHIPPED
        .iter()
        .map(|(name, text)| json!({"name": name, "text": text}))
        .collect();
    for (file, name, from, to) in BROKEN {
        let good = text(file)?;
        ensure!(good.contains(from), "`{from}` is not in {file}");
        files.push(json!({"name": name, "text": good.replacen(from, to, 1)}));
    }
    let found = language_service::findings(&files)?;
    for (name, text) in SHIPPED {
        let diagnostics = found.get(*name).context("each file has a result")?;
        // The service takes an expression for the name itself.
        let named = text
            .lines()
            .position(|line| line.trim() == "name: ${{ parameters.name }}");
        let named = named.map_or_else(String::new, |at| format!("{}: String does not", at + 1));
        let told: Vec<&String> = diagnostics
            .iter()
            .filter(|one| named.is_empty() || !one.starts_with(&named))
            .collect();
        ensure!(told.is_empty(), "{name}: {told:?}");
    }
    for (file, name, place, _) in BROKEN {
        let diagnostics = found.get(*name).context("each file has a result")?;
        let line = text(file)?
            .lines()
            .position(|line| line.contains(place))
            .unwrap_or_default()
            + 1;
        let hit = diagnostics
            .iter()
            .any(|one| one.starts_with(&format!("{line}: ")));
        ensure!(
            hit,
            "{name}: nothing found on line {line}, but {diagnostics:?}"
        );
    }
    Ok(())
}
