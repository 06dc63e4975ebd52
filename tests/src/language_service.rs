//! The language service of Azure Pipelines, with its schema.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns whether it is installed: `npm ci` in tests/npm does it.
#[must_use]
pub fn is_installed() -> bool {
    root().join("tests/npm/node_modules").is_dir()
}

/// Returns its findings in files of `name` and `text`, by name, where rollguard's task is that of task.json.
///
/// # Errors
/// When it is not installed or does not run.
pub fn findings(files: &[Value]) -> Result<BTreeMap<String, Vec<String>>> {
    let task =
        std::fs::read_to_string(root().join("task/task.json")).context("read task/task.json")?;
    let task: Value = serde_json::from_str(&task)?;
    let request = json!({"task": task, "files": files});
    let mut node = Command::new("node")
        .arg("validate.mjs")
        .current_dir(root().join("tests/npm"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start node")?;
    node.stdin
        .take()
        .context("node has a stdin")?
        .write_all(request.to_string().as_bytes())?;
    let output = node.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "validate.mjs, is `npm ci` done in tests/npm? {complaint}"
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}
