//! What stays with the run: its page, and an attachment for programs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rollguard_agent::env::TEMP_DIRECTORY;
use rollguard_agent::{AgentEnv, LoggingCommand};
use rollguard_core::report::{Report, markdown, without_markers};
use rollguard_core::rollback::{Release, RollbackPlan};
use serde_json::{Value, json};

use crate::console::Console;
use crate::run::tools::Tools;

/// The type of the attachment.
const KIND: &str = "rollguard.evidence";

/// Puts the report on the run's page, and keeps it with the plan as an attachment. Without a folder
/// from the agent there is neither; the verdict stands without both.
pub(super) fn upload(
    env: &AgentEnv,
    (report, release): (&Report, Option<&Release>),
    tools: &mut Tools<'_>,
) {
    let Some(folder) = env.get(&TEMP_DIRECTORY).map(Path::new) else {
        return;
    };
    let console = &mut *tools.console;
    let page = write(folder, (report, "md"), &console.masked(&markdown(report)));
    tell(
        page.map(|path| LoggingCommand::upload_summary(&path)),
        console,
    );
    let name = format!("rollguard-evidence-{}", name(report));
    let kept = document(report, release);
    let kept = kept.and_then(|text| write(folder, (report, "json"), &console.masked(&text)));
    let kept = kept.map(|path| LoggingCommand::add_attachment(KIND, &name, &path));
    tell(kept, console);
}

fn tell(written: anyhow::Result<LoggingCommand>, console: &mut Console) {
    let command = written.unwrap_or_else(|error| {
        LoggingCommand::warning(&format!("the report could not be kept: {error:#}"))
    });
    console.command(&command);
}

fn write(folder: &Path, (report, ending): (&Report, &str), text: &str) -> anyhow::Result<PathBuf> {
    let second = report.ended.as_second();
    let path = folder.join(format!("rollguard-{}-{second}.{ending}", name(report)));
    std::fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
    Ok(path)
}

fn name(report: &Report) -> String {
    match report.workloads.as_slice() {
        [only] => only.workload.name.clone(),
        many => format!("{}-workloads", many.len()),
    }
}

/// The report, in which the evidence stands, and the plans.
fn document(report: &Report, release: Option<&Release>) -> anyhow::Result<String> {
    let mut document = json!({ "report": report });
    if let Some(release) = release {
        let plans: Result<Vec<Value>, _> = release.plans.iter().map(without_templates).collect();
        document["plan"] = Value::Array(plans?);
    }
    Ok(without_markers(&serde_json::to_string_pretty(&document)?))
}

/// A plan without its patch, in which templates stand, and in those what may be secret.
fn without_templates(plan: &RollbackPlan) -> serde_json::Result<Value> {
    let mut plan = serde_json::to_value(plan)?;
    if let Some(fields) = plan.as_object_mut() {
        fields.remove("patch");
    }
    Ok(plan)
}
