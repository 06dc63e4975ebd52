//! The shipped templates: read by rollguard's own reader, checked against the task they call, and
//! by the language service of Azure Pipelines with its schema.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use rollguard_stage::{Job, ParameterType, Pool, SHIPPED, STAGE_PATH, Stage, Template, Value};
use serde_json::{Value as Json, json};

/// Set by the full test run, where nothing may be left out.
const FULL_RUN: &str = "ROLLGUARD_REAL_CLUSTER";

#[expect(clippy::print_stdout, reason = "what is left out is said aloud")]
fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let installed = root().join("tests/npm/node_modules").is_dir();
    let left_out = !installed && std::env::var_os(FULL_RUN).is_none();
    if left_out && !arguments.list {
        println!("left out: the language service is not installed (`npm ci` in tests/npm)");
    }
    let service = trial(
        "the language service finds nothing in what is shipped",
        language_service,
    );
    let trials = vec![
        trial(
            "every template that lies in templates/ is shipped, and nothing else",
            all_shipped,
        ),
        trial("the stage takes the parameters its users know", parameters),
        trial(
            "the stage and its jobs have the names their users know, in each mode",
            names,
        ),
        trial(
            "a mode or an answer that does not exist is refused",
            unknown_words,
        ),
        trial(
            "several workloads are checked, beside the Deployment or without one",
            several_workloads,
        ),
        trial(
            "what is allowed is passed to what proposes and to what acts, and to nobody else",
            allowed,
        ),
        trial(
            "the approval has the time it is given, and its job more",
            approval_time,
        ),
        trial("the approval asks whom the parameters name", approvers),
        trial(
            "dependsOn takes a stage as well as a list of stages",
            depends_on,
        ),
        trial(
            "both checks ask over HTTP and are patient alike, line by line",
            lists,
        ),
        trial("both checks read logs, or neither does", logs),
        trial(
            "an environment that does not fit a stage's name is refused",
            environment,
        ),
        trial(
            "a rollback has time to finish the write in flight",
            cancelling,
        ),
        trial("the approver reads static text that suffices", instructions),
        trial(
            "each input that the templates pass exists in task.json",
            inputs_exist,
        ),
        trial(
            "each input that task.json requires is passed",
            required_inputs,
        ),
        trial(
            "each output that the templates read is set by the task",
            outputs_exist,
        ),
        service.with_ignored_flag(left_out),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, test: fn() -> Result<()>) -> Trial {
    Trial::test(name, move || {
        test().map_err(|error| Failed::from(format!("{error:?}")))
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text() -> Result<&'static str> {
    rollguard_stage::shipped(STAGE_PATH).context("the stage template is shipped")
}

fn parsed() -> Result<Template> {
    Ok(Template::parse(STAGE_PATH, text()?)?)
}

/// The shipped stage, with `extra` on top of the required parameters.
fn stage(extra: &[(&str, Json)]) -> Result<Stage> {
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
    parsed()?
        .expand(&parameters)?
        .pop()
        .context("the template holds a stage")
}

fn job<'a>(stage: &'a Stage, name: &str) -> Result<&'a Job> {
    stage
        .job(name)
        .with_context(|| format!("find the job `{name}`"))
}

fn all_shipped() -> Result<()> {
    let folder = root().join("templates");
    let mut found = BTreeSet::new();
    let mut open = vec![folder.clone()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(&path)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                found.insert(
                    path.strip_prefix(&folder)?
                        .to_string_lossy()
                        .replace('\\', "/"),
                );
            }
        }
    }
    let shipped: BTreeSet<String> = SHIPPED.iter().map(|(path, _)| (*path).to_owned()).collect();
    ensure!(
        found == shipped,
        "in templates/: {found:?}, shipped: {shipped:?}"
    );
    Ok(())
}

fn parameters() -> Result<()> {
    let string = |default| (ParameterType::String, default);
    let boolean = |default| (ParameterType::Boolean, Some(Value::Bool(default)));
    let expected = [
        ("environment", string(None)),
        ("azureServiceConnection", string(None)),
        ("aksName", string(None)),
        ("aksRg", string(None)),
        ("aksSubscription", string(None)),
        ("namespace", string(None)),
        ("deploymentName", string(Some(Value::text("")))),
        ("workloads", string(Some(Value::text("")))),
        ("timeout", string(Some(Value::text("5m")))),
        ("http", string(Some(Value::text("")))),
        ("graces", string(Some(Value::text("")))),
        ("logs", boolean(true)),
        ("rollback", string(Some(Value::text("manual")))),
        ("approvers", string(Some(Value::text("")))),
        ("notifyUsers", string(Some(Value::text("")))),
        ("allowApproversToApproveTheirOwnRuns", boolean(true)),
        (
            "approvalTimeout",
            (ParameterType::Number, Some(Value::Number(1440.0))),
        ),
        ("onTimeout", string(Some(Value::text("reject")))),
        ("forceOwner", boolean(false)),
        ("allowSchemaDowngrade", boolean(false)),
        ("allowOnDelete", boolean(false)),
        (
            "dependsOn",
            (ParameterType::Object, Some(Value::Array(Vec::new()))),
        ),
    ];
    let template = parsed()?;
    let found: Vec<_> = template
        .parameters()
        .iter()
        .map(|parameter| {
            (
                parameter.name.as_str(),
                (parameter.kind, parameter.default.clone()),
            )
        })
        .collect();
    ensure!(found == expected, "found {found:?}");
    Ok(())
}

/// The modes of the parameter `rollback`.
const MODES: [&str; 3] = ["manual", "automatic", "never"];

fn names() -> Result<()> {
    const CHECK: &str = "AksDeploymentHealthCheck";
    let check = (CHECK, String::new(), false);
    let approval = ("ManualApprovalOfRollBack", CHECK.to_owned(), true);
    let rollback = |after: &str| ("Rollback", after.to_owned(), false);
    let recheck = ("AksRollbackHealthCheck", format!("{CHECK}+Rollback"), false);
    let both = format!("{CHECK}+ManualApprovalOfRollBack");
    let expected = [
        vec![check.clone(), approval, rollback(&both), recheck.clone()],
        vec![check.clone(), rollback(CHECK), recheck],
        vec![check],
    ];
    for (mode, expected) in MODES.into_iter().zip(expected) {
        let stage = stage(&[("rollback", json!(mode))])?;
        let name = "AksDeploymentHealthAndRollbackProd";
        ensure!(stage.name == name, "{}", stage.name);
        let jobs = stage.jobs.iter();
        let found: Vec<_> = jobs
            .map(|job| {
                let after = job.depends_on.join("+");
                (job.name.as_str(), after, job.pool == Pool::Server)
            })
            .collect();
        ensure!(found == expected, "{mode}: found {found:?}");
        for job in &stage.jobs {
            let steps: Vec<_> = job.steps.iter().map(|it| it.name.as_deref()).collect();
            let step = match job.name.as_str() {
                CHECK => "check",
                "ManualApprovalOfRollBack" => "approval",
                "Rollback" => "rollback",
                _ => "recheck",
            };
            let name = &job.name;
            ensure!(steps == [Some(step)], "`{name}` has the steps {steps:?}");
        }
    }
    ensure!(stage(&[])?.jobs.len() == 4, "a person decides by default");
    Ok(())
}

fn unknown_words() -> Result<()> {
    for (parameter, word) in [("rollback", "auto"), ("onTimeout", "approve")] {
        let Err(error) = stage(&[(parameter, json!(word))]) else {
            bail!("`{parameter}: {word}` was taken");
        };
        let found = error.to_string();
        let expected = format!("{parameter}: found '{word}', expected one of");
        ensure!(found.contains(&expected), "{found}");
    }
    Ok(())
}

/// An input of the only step of a job.
fn input<'a>(stage: &'a Stage, name: &str, key: &str) -> Result<Option<&'a str>> {
    let step = job(stage, name)?.steps.first().context("a step")?;
    let input = step.inputs.iter().find(|(name, _)| name == key);
    Ok(input.map(|(_, value)| value.as_str()))
}

fn several_workloads() -> Result<()> {
    let several = "deployment/web\nstatefulset/db\n";
    let rows = [
        ("web", "", "deployment/web"),
        ("", several, several.trim_end()),
        ("web", "statefulset/db", "deployment/web\nstatefulset/db"),
    ];
    for (deployment, workloads, expected) in rows {
        let stage = stage(&[
            ("deploymentName", json!(deployment)),
            ("workloads", json!(workloads)),
        ])?;
        let found = input(&stage, "AksDeploymentHealthCheck", "workloads")?;
        ensure!(
            found.map(str::trim_end) == Some(expected),
            "found {found:?}"
        );
        for name in ["Rollback", "AksRollbackHealthCheck"] {
            let found = input(&stage, name, "workloads")?;
            ensure!(found.is_none(), "`{name}` names {found:?} itself");
            let found = input(&stage, name, "evidence")?;
            ensure!(found == Some("$(evidence)"), "`{name}` has {found:?}");
        }
    }
    Ok(())
}

fn allowed() -> Result<()> {
    let names = ["forceOwner", "allowSchemaDowngrade", "allowOnDelete"];
    for mode in MODES {
        for name in names {
            let stage = stage(&[("rollback", json!(mode)), (name, json!(true))])?;
            for job in stage.jobs.iter().filter(|job| job.pool != Pool::Server) {
                for other in names {
                    let found = input(&stage, &job.name, other)?;
                    let expected = match (job.name.as_str(), other == name) {
                        ("AksRollbackHealthCheck", _) => None,
                        (_, true) => Some("True"),
                        (_, false) => Some("False"),
                    };
                    ensure!(found == expected, "`{}`: {other}: {found:?}", job.name);
                }
            }
        }
    }
    Ok(())
}

fn approval_time() -> Result<()> {
    let with = |minutes: u64| stage(&[("approvalTimeout", json!(minutes))]);
    let minutes = |minutes: u64| Some(std::time::Duration::from_secs(minutes * 60));
    for given in [1, 60, 1440, 43199] {
        let stage = with(given)?;
        let job = job(&stage, "ManualApprovalOfRollBack")?;
        let step = job.steps.first().context("the approval has a step")?;
        ensure!(
            step.timeout == minutes(given),
            "{given}: {:?}",
            step.timeout
        );
        ensure!(job.timeout > step.timeout, "{given}: the job ends first");
    }
    for given in [0, 43200] {
        ensure!(with(given).is_err(), "{given} minutes were taken");
        let never = stage(&[
            ("approvalTimeout", json!(given)),
            ("rollback", json!("never")),
        ]);
        ensure!(never.is_ok(), "{given} minutes, and nobody is asked");
    }
    Ok(())
}

fn approvers() -> Result<()> {
    let rows: [(&str, Json, &str); 4] = [
        ("approvers", json!("[org]\\oncall, a@b.c"), ""),
        ("notifyUsers", json!("oncall@b.c"), ""),
        ("onTimeout", json!("resume"), "reject"),
        ("allowApproversToApproveTheirOwnRuns", json!(false), "True"),
    ];
    for (name, given, default) in rows {
        let words = given.as_str().unwrap_or("False").to_owned();
        for (stage, expected) in [
            (stage(&[(name, given)])?, words.as_str()),
            (stage(&[])?, default),
        ] {
            let found = input(&stage, "ManualApprovalOfRollBack", name)?;
            ensure!(found == Some(expected), "{name}: {found:?}");
        }
    }
    Ok(())
}

fn depends_on() -> Result<()> {
    let rows: [(Json, &[&str]); 3] = [
        (json!("Deploy"), &["Deploy"]),
        (json!(["Build", "Deploy"]), &["Build", "Deploy"]),
        (json!([]), &[]),
    ];
    for (given, expected) in rows {
        let found = stage(&[("dependsOn", given.clone())])?.depends_on;
        ensure!(found == expected, "{given}: found {found:?}");
    }
    Ok(())
}

fn lists() -> Result<()> {
    let http = "/healthz:8080=204\n/ready~ok|up\n";
    let graces = "ImageNotFound=2m\nUnschedulable=5m\n";
    let given = [("http", json!(http)), ("graces", json!(graces))];
    for (extra, expected) in [(&given[..], [http, graces]), (&[], ["", ""])] {
        let stage = stage(extra)?;
        for name in ["AksDeploymentHealthCheck", "AksRollbackHealthCheck"] {
            let found = ["http", "graces"].map(|key| input(&stage, name, key));
            let [http, graces] = found;
            let found = [http?, graces?].map(Option::unwrap_or_default);
            ensure!(found == expected, "`{name}` passes {found:?}");
        }
    }
    Ok(())
}

fn logs() -> Result<()> {
    for (given, expected) in [(&[("logs", json!(false))][..], "False"), (&[], "True")] {
        let stage = stage(given)?;
        for name in ["AksDeploymentHealthCheck", "AksRollbackHealthCheck"] {
            let found = input(&stage, name, "logs")?;
            ensure!(found == Some(expected), "`{name}` passes {found:?}");
        }
        // It does not wait, so that it reads no log.
        let found = input(&stage, "Rollback", "logs")?;
        ensure!(found.is_none(), "`Rollback` passes {found:?}");
    }
    Ok(())
}

fn environment() -> Result<()> {
    let Err(error) = stage(&[("environment", json!("prod-eu"))]) else {
        bail!("`prod-eu` was taken");
    };
    let found = error.to_string();
    let expected =
        "found the name `AksDeploymentHealthAndRollbackprod-eu`, expected letters, digits";
    ensure!(found.contains(expected), "{found}");
    Ok(())
}

fn cancelling() -> Result<()> {
    let stage = stage(&[])?;
    let rollback = job(&stage, "Rollback")?;
    let variable = rollback
        .variables
        .iter()
        .find(|one| one.name == "PROCESS_SIGINT_TIMEOUT");
    let variable = variable.context("PROCESS_SIGINT_TIMEOUT is set")?;
    let rollguard_stage::VariableValue::Text(milliseconds) = &variable.value else {
        bail!("PROCESS_SIGINT_TIMEOUT is evaluated at run time");
    };
    let signal = std::time::Duration::from_millis(milliseconds.parse()?);
    // The agent kills the whole job when its cancel time-out is over.
    ensure!(signal < rollback.cancel_timeout, "{signal:?}");
    Ok(())
}

fn instructions() -> Result<()> {
    let stage = stage(&[])?;
    let text = input(&stage, "ManualApprovalOfRollBack", "instructions")?;
    let text = text.context("there are instructions")?;
    // "instructions: maxLength 4000", of which the summary needs the larger part.
    ensure!(text.len() < 700, "{} bytes of static text", text.len());
    for word in [
        "web",
        "Prod",
        "aks",
        "shop",
        "Resume",
        "Reject",
        "Extensions",
        "$(summary)",
        "1440 minutes counts as reject",
    ] {
        ensure!(text.contains(word), "`{word}` is not in the instructions");
    }
    let notify = input(&stage, "ManualApprovalOfRollBack", "notifyUsers")?;
    ensure!(notify == Some(""), "the task requires the key notifyUsers");
    Ok(())
}

/// task.json, which `xtask generate` writes.
fn task() -> Result<Json> {
    let path = root().join("task/task.json");
    let text = std::fs::read_to_string(&path).context(
        "read task/task.json: without it nobody notices when template and task part ways",
    )?;
    Ok(serde_json::from_str(&text)?)
}

fn strings(list: &Json, key: &str) -> BTreeSet<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .filter_map(|item| item[key].as_str())
        .map(str::to_owned)
        .collect()
}

/// The steps of the shipped stage that call the task, with the job they stand in.
fn calls(task: &Json) -> Result<Vec<(String, rollguard_stage::TaskStep)>> {
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

fn inputs_exist() -> Result<()> {
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

fn required_inputs() -> Result<()> {
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

fn outputs_exist() -> Result<()> {
    let known = strings(&task()?["outputVariables"], "name");
    let mut read = BTreeSet::new();
    for piece in text()?.split("outputs['").skip(1) {
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

/// Things broken in the shipped stage, each of which must be found on its line: without them an
/// unread schema would look like a good template.
const BROKEN: &[(&str, &str, &str)] = &[
    ("a key of a job", "- job: Rollback", "- jobb: Rollback"),
    (
        "a key that is misspelled",
        "cancelTimeoutInMinutes:",
        "cancelTimeoutInMinute:",
    ),
    (
        "a task that does not exist",
        "task: ManualValidation@1",
        "task: ManualValidation@9",
    ),
    ("an input of the approval", "instructions:", "instruction:"),
    ("who approves", "approvers: ${{", "approver: ${{"),
    (
        "a job in a mode",
        "timeoutInMinutes: 43200",
        "timeoutMinutes: 43200",
    ),
    (
        "a switch of rollguard",
        "forceOwner: ${{",
        "forceOwners: ${{",
    ),
    ("an input of rollguard", "aksCluster:", "aksClutser:"),
    (
        "the version of rollguard",
        "task: Rollguard@0",
        "task: Rollguard@7",
    ),
    ("the type of a parameter", "type: object", "type: objekt"),
];

fn language_service() -> Result<()> {
    let good = text()?;
    let mut files: Vec<Json> = SHIPPED
        .iter()
        .map(|(name, text)| json!({"name": name, "text": text}))
        .collect();
    for (name, from, to) in BROKEN {
        ensure!(good.contains(from), "`{from}` is not in the template");
        files.push(json!({"name": name, "text": good.replacen(from, to, 1)}));
    }
    let inputs = strings(&task()?["inputs"], "name");
    let found = validate(&json!({"task": "Rollguard@0", "inputs": inputs, "files": files}))?;
    for (name, _) in SHIPPED {
        let diagnostics = found.get(*name).context("each file has a result")?;
        ensure!(diagnostics.is_empty(), "{name}: {}", diagnostics.join("; "));
    }
    for (name, from, _) in BROKEN {
        let line = good
            .lines()
            .position(|line| line.contains(from))
            .unwrap_or_default()
            + 1;
        let diagnostics = found.get(*name).context("each file has a result")?;
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

fn validate(request: &Json) -> Result<BTreeMap<String, Vec<String>>> {
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
