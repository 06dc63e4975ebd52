//! The task as it is shipped: task.json against the rules of agent and Marketplace, the shim under
//! Node, the package as the real tfx makes it.

#[path = "task/package.rs"]
mod package;
#[path = "task/rules.rs"]
mod rules;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use rollguard_agent::inputs::{INPUTS, InputKind, InputSpec};
use rollguard_agent::outputs::OutputVariable;
use serde_json::Value as Json;

/// Set by the full test run, where nothing may be left out.
const FULL_RUN: &str = "ROLLGUARD_REAL_CLUSTER";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let no_node = left_out(&arguments, has_node(), "the shim: Node.js is not installed");
    let no_tfx = left_out(
        &arguments,
        package::tfx().is_file(),
        "the package: tfx is not installed (`npm ci` in tests/npm)",
    );
    let trials = vec![
        trial("task.json keeps the rules of agent and Marketplace", || {
            rules::kept(&task_json()?)
        }),
        trial("each broken rule is noticed", || {
            rules::breaches_are_noticed(&task_json()?)
        }),
        trial(
            "the inputs of task.json are the declared ones",
            declared_inputs,
        ),
        trial(
            "the output variables of task.json are the declared ones",
            declared_outputs,
        ),
        trial("the icons have the sizes that are asked for", icons),
        trial("the shim passes its tests", shim).with_ignored_flag(no_node),
        trial("the development package holds the task", || {
            package::packed("dev", "rollguard-dev")
        })
        .with_ignored_flag(no_tfx),
        trial("the release package holds the task", || {
            package::packed("release", "rollguard")
        })
        .with_ignored_flag(no_tfx),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

#[expect(clippy::print_stdout, reason = "what is left out is said aloud")]
fn left_out(arguments: &Arguments, there: bool, what: &str) -> bool {
    let left_out = !there && std::env::var_os(FULL_RUN).is_none();
    if left_out && !arguments.list {
        println!("left out: {what}");
    }
    left_out
}

fn has_node() -> bool {
    Command::new("node")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn trial(name: &str, test: fn() -> Result<()>) -> Trial {
    Trial::test(name, move || {
        test().map_err(|error| Failed::from(format!("{error:?}")))
    })
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn task_json() -> Result<Json> {
    let text = std::fs::read_to_string(root().join("task/task.json")).context("read task.json")?;
    Ok(serde_json::from_str(&text)?)
}

fn declared_inputs() -> Result<()> {
    let task = task_json()?;
    let inputs = task["inputs"].as_array().context("task.json has inputs")?;
    let declared: Vec<&InputSpec> = INPUTS.iter().filter(|spec| spec.task).collect();
    ensure!(
        inputs.len() == declared.len(),
        "{} inputs, {} declared",
        inputs.len(),
        declared.len()
    );
    for (input, spec) in inputs.iter().zip(declared) {
        ensure!(
            input["name"] == spec.name,
            "{} is not {}",
            input["name"],
            spec.name
        );
        ensure!(
            input["required"] == spec.required,
            "{}: required",
            spec.name
        );
        ensure!(
            input["defaultValue"].as_str() == spec.default,
            "{}: default",
            spec.name
        );
        ensure!(input["helpMarkDown"] == spec.help, "{}: help", spec.name);
        let is_boolean = spec.kind == InputKind::Boolean;
        ensure!(
            (input["type"] == "boolean") == is_boolean,
            "{}: type",
            spec.name
        );
        ensure!(
            input["visibleRule"].as_str() == spec.visible_rule().as_deref(),
            "{}: visibleRule",
            spec.name
        );
    }
    Ok(())
}

fn declared_outputs() -> Result<()> {
    let task = task_json()?;
    let outputs = task["outputVariables"]
        .as_array()
        .context("task.json has output variables")?;
    let names: Vec<&str> = outputs
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    ensure!(
        names == OutputVariable::ALL.map(OutputVariable::name),
        "{names:?}"
    );
    ensure!(task["restrictions"]["settableVariables"]["allowed"] == serde_json::json!(names));
    Ok(())
}

fn icons() -> Result<()> {
    for (name, size) in [("task/icon.png", 32), ("task/extension-icon.png", 128)] {
        let bytes = std::fs::read(root().join(name))?;
        ensure!(
            bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            "{name} is not a PNG"
        );
        // The header's chunk comes first: width and height follow its length and name.
        let side = |at: usize| -> Option<u32> {
            Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
        };
        ensure!(
            (side(16), side(20)) == (Some(size), Some(size)),
            "{name} is not {size}x{size}"
        );
    }
    Ok(())
}

fn shim() -> Result<()> {
    let output = Command::new("node")
        .args(["--test", "task/test/"])
        .current_dir(root())
        .output()
        .context("start node")?;
    let report = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{report}");
    ensure!(!report.contains("# tests 0"), "no test ran: {report}");
    Ok(())
}
