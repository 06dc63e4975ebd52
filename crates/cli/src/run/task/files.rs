//! The files that stay with the run: its page, and an attachment for programs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use rollguard_agent::env::TEMP_DIRECTORY;
use rollguard_agent::inputs::{AKS_CLUSTER, COMMAND, CommandName, NAMESPACE, RawInputs, WORKLOADS};
use rollguard_agent::{AgentEnv, LoggingCommand, Outcome};
use rollguard_cluster::Connection;
use rollguard_core::doctor::doctor_markdown;
use rollguard_core::report::{
    Aim, Purpose, Report, markdown, not_checked_markdown, without_markers,
};
use rollguard_core::rollback::{
    BatchOutcome, Objection, RollbackBatch, RollbackHealth, RollbackPlan,
};
use rollguard_core::workload::{ClusterName, WorkloadRef};
use serde_json::{Value, json};

use crate::console::Console;
use crate::failure::Failure;
use crate::run::check::Checked;
use crate::run::doctor::Examined;
use crate::run::rollback::RolledBack;
use crate::run::tools::Tools;

/// The type of the attachment.
const KIND: &str = "rollguard.evidence";

/// The files to keep.
struct Kept {
    /// Of the workload, or how many there are.
    name: String,
    /// How the files are called, without their ending.
    file: String,
    page: String,
    document: serde_json::Result<Value>,
}

/// Puts what a check found on the run's page, and keeps it with the plan as an attachment.
pub(super) fn of_check(env: &AgentEnv, checked: &Checked, tools: &mut Tools<'_>) {
    let report = &checked.report;
    let workloads = report.workloads.iter().map(|it| &it.workload);
    let name = name(&workloads.collect::<Vec<_>>());
    let kept = Kept {
        file: format!("rollguard-{name}-{}", report.ended.as_second()),
        name,
        page: markdown(report),
        document: check_document(report, checked.batch.as_ref()),
    };
    upload(env, kept, tools.console);
}

/// The same of a rollback that came to a decision: above all where nothing was changed, somebody will
/// ask why.
pub(super) fn of_rollback(
    env: &AgentEnv,
    done: &RolledBack,
    connection: &Connection,
    tools: &mut Tools<'_>,
) {
    let at = connection.clock.now();
    if done.word.is_none() {
        return;
    }
    let workloads: Vec<&WorkloadRef> = done.batch.workloads().into_iter().collect();
    let name = name(&workloads);
    let kept = Kept {
        // The check of the same run may end in the same second.
        file: format!("rollguard-rollback-{name}-{}", at.as_second()),
        name,
        page: done.result().to_markdown(),
        document: rollback_document(done),
    };
    upload(env, kept, tools.console);
}

/// Puts what a doctor found on the run's page.
pub(super) fn of_doctor(env: &AgentEnv, examined: &Examined, at: Timestamp, tools: &mut Tools<'_>) {
    let Some(folder) = env.get(&TEMP_DIRECTORY).map(Path::new) else {
        return;
    };
    let page = tools.console.masked(&doctor_markdown(&examined.findings));
    let file = format!("rollguard-doctor-{}.md", at.as_second());
    let written = write(folder, &file, &page);
    let command = written.map(|path| LoggingCommand::upload_summary(&path));
    tell(command, tools.console);
}

/// A task that came to no result.
#[derive(Clone, Copy)]
pub(super) struct Failed<'a> {
    pub(super) raw: &'a RawInputs,
    pub(super) failure: &'a Failure,
    pub(super) at: Timestamp,
}

/// Puts on the run's page why there is no result: it would show nothing of this run otherwise. A doctor has
/// a page of its own, a lint follows no rollout, and who cancels knows why.
pub(super) fn of_failure(env: &AgentEnv, failed: Failed<'_>, tools: &mut Tools<'_>) {
    let Failed { raw, failure, at } = failed;
    let command = raw.get(&COMMAND).and_then(CommandName::parse);
    let follows = !matches!(command, Some(CommandName::Doctor | CommandName::Lint));
    let folder = env.get(&TEMP_DIRECTORY).map(Path::new);
    let Some(folder) = folder.filter(|_| follows && failure.outcome != Outcome::Cancelled) else {
        return;
    };
    let page = not_checked_markdown(&failure.document(), &aim(raw, command));
    let file = format!("rollguard-failed-{}.md", at.as_second());
    let written = write(folder, &file, &tools.console.masked(&page));
    let command = written.map(|path| LoggingCommand::upload_summary(&path));
    tell(command, tools.console);
}

/// The aim of a command, as far as its inputs name it.
fn aim(raw: &RawInputs, command: Option<CommandName>) -> Aim {
    let text = |spec| raw.get(spec).unwrap_or_default().to_owned();
    Aim {
        purpose: if command == Some(CommandName::Rollback) {
            Purpose::Rollback
        } else {
            Purpose::Check
        },
        workloads: text(&WORKLOADS),
        namespace: text(&NAMESPACE),
        cluster: raw.get(&AKS_CLUSTER).map(ClusterName::new),
    }
}

/// Without a folder from the agent there is neither; the outcome stands without both.
fn upload(env: &AgentEnv, kept: Kept, console: &mut Console) {
    let Some(folder) = env.get(&TEMP_DIRECTORY).map(Path::new) else {
        return;
    };
    let Kept {
        name,
        file,
        page,
        document,
    } = kept;
    let page = write(folder, &format!("{file}.md"), &console.masked(&page));
    tell(
        page.map(|path| LoggingCommand::upload_summary(&path)),
        console,
    );
    let name = format!("rollguard-evidence-{name}");
    let text = document.and_then(|it| serde_json::to_string_pretty(&it));
    let text = text.map(|it| console.masked(&without_markers(&it)));
    let written = text
        .map_err(anyhow::Error::from)
        .and_then(|text| write(folder, &format!("{file}.json"), &text));
    let command = written.map(|path| LoggingCommand::add_attachment(KIND, &name, &path));
    tell(command, console);
}

pub(super) fn tell(written: anyhow::Result<LoggingCommand>, console: &mut Console) {
    let command = written.unwrap_or_else(|error| {
        LoggingCommand::warning(&format!("the report could not be stored: {error:#}"))
    });
    console.command(&command);
}

pub(super) fn write(folder: &Path, file: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(file);
    std::fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
    Ok(path)
}

fn name(workloads: &[&WorkloadRef]) -> String {
    match workloads {
        [only] => only.name.clone(),
        many => format!("{}-workloads", many.len()),
    }
}

/// The report, in which the evidence stands, and the plans.
fn check_document(report: &Report, batch: Option<&RollbackBatch>) -> serde_json::Result<Value> {
    let mut document = json!({ "report": report });
    if let Some(batch) = batch {
        document["plan"] = plans(batch)?;
    }
    Ok(document)
}

/// Returns what became of each workload, what speaks against it, and the plans; and the report of the
/// check after it, if there was one.
fn rollback_document(done: &RolledBack) -> serde_json::Result<Value> {
    let ended = done.ended.iter();
    let ended = ended.map(|(workload, ended)| json!({ "workload": workload, "ended": ended }));
    let objections = done.batch.objections.iter();
    let objections = objections.map(|(workload, it)| objection(workload, it));
    let mut document = json!({
        "rollback": {
            "outcome": done.word.map(BatchOutcome::as_str),
            "health": done.health.map(RollbackHealth::as_str),
            "workloads": ended.collect::<Vec<_>>(),
            "alreadyInPlace": done.batch.already,
            "objections": objections.collect::<Vec<_>>(),
            "errors": done.errors,
        },
        "plan": plans(&done.batch)?,
    });
    if let Some(report) = &done.report {
        document["report"] = serde_json::to_value(report)?;
    }
    Ok(document)
}

fn objection(workload: &WorkloadRef, objection: &Objection) -> Value {
    json!({ "workload": workload, "message": objection.message(), "hint": objection.hint() })
}

fn plans(batch: &RollbackBatch) -> serde_json::Result<Value> {
    let plans = batch.plans.iter().map(RollbackPlan::summary);
    serde_json::to_value(plans.collect::<Vec<_>>())
}
