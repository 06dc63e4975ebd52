//! The shipped templates: read by rollguard's own reader, checked against the task they call, and
//! by the language service of Azure Pipelines with its schema.

mod templates {
    pub(crate) mod expansions;
}

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use rollguard_stage::{Job, ParameterType, Pool, SHIPPED, Stage, Value, shipped, shipped_stage};
use serde_json::{Value as Json, json};

/// Set by the full test run, where nothing may be left out.
const FULL_RUN: &str = "ROLLGUARD_REAL_CLUSTER";

#[expect(clippy::print_stdout, reason = "what is left out is said aloud")]
#[expect(clippy::too_many_lines, reason = "one list")]
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
    let expansions = trial(
        "the language service finds nothing in what the templates expand to",
        templates::expansions::validated,
    );
    let mut trials = vec![
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
            "every job signs in with the connection that the stage was given, and with no other",
            connections,
        ),
        trial(
            "the approval has the time it is given, and its job more",
            approval_time,
        ),
        trial("the approval asks whom the parameters name", approvers),
        trial(
            "dependsOn takes a stage as well as a list of stages, and defaults to the stage before",
            depends_on,
        ),
        trial(
            "both checks ask over HTTP and are patient alike, line by line",
            lists,
        ),
        trial("all steps of rollguard read logs, or none does", logs),
        trial(
            "an environment with a hyphen, space or dot gives a stage name with underscores",
            environment,
        ),
        trial(
            "agents, containers, variables and locks are passed on",
            surroundings,
        ),
        trial("what a check or rollback needs is passed on", passed_on),
        trial(
            "each parameter of the jobs has the default of the stage",
            same_defaults,
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
        expansions.with_ignored_flag(left_out),
    ];
    trials.extend(templates::expansions::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, test: fn() -> Result<()>) -> Trial {
    trial_owned(name, test)
}

pub(crate) fn trial_owned(
    name: impl Into<String>,
    test: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    Trial::test(name, move || {
        test().map_err(|error| Failed::from(format!("{error:?}")))
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> Result<&'static str> {
    shipped(path).with_context(|| format!("`{path}` is shipped"))
}

/// The shipped stage, with `extra` on top of the required parameters.
fn stage(extra: &[(&str, Json)]) -> Result<Stage> {
    let stages = shipped_stage()?.expand(&with_required(extra)?)?;
    stages
        .into_iter()
        .next()
        .context("the template holds a stage")
}

/// The expansion of the shipped stage.
fn expansion(extra: &[(&str, Json)]) -> Result<Json> {
    let expanded = shipped_stage()?.expansion(&with_required(extra)?)?;
    Ok(serde_json::to_value(expanded)?)
}

/// `extra` on top of the required parameters.
fn with_required(extra: &[(&str, Json)]) -> Result<BTreeMap<String, Json>> {
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
    let optional = || string(Some(Value::text("")));
    let object = || (ParameterType::Object, Some(Value::text("")));
    let number = |default| (ParameterType::Number, Some(Value::Number(default)));
    let expected = [
        ("environment", string(None)),
        ("stageName", optional()),
        ("displayName", optional()),
        ("azureServiceConnection", optional()),
        ("aksName", optional()),
        ("aksRg", optional()),
        ("aksSubscription", optional()),
        ("useClusterAdmin", boolean(false)),
        ("publicFqdn", boolean(false)),
        (
            "connectionType",
            string(Some(Value::text("azureResourceManager"))),
        ),
        ("kubernetesServiceConnection", optional()),
        ("namespace", string(None)),
        ("deploymentName", optional()),
        ("workloads", optional()),
        ("selector", optional()),
        ("timeout", string(Some(Value::text("5m")))),
        ("stableFor", string(Some(Value::text("10s")))),
        ("postCheckTimeout", optional()),
        ("http", optional()),
        ("graces", optional()),
        ("logs", boolean(true)),
        ("mark", boolean(true)),
        ("rollback", string(Some(Value::text("manual")))),
        ("automaticOn", string(Some(Value::text("failed")))),
        ("toRevision", optional()),
        ("approvers", object()),
        ("notifyUsers", object()),
        ("allowApproversToApproveTheirOwnRuns", boolean(true)),
        ("approvalTimeout", number(1440.0)),
        ("onTimeout", string(Some(Value::text("reject")))),
        ("forceOwner", boolean(false)),
        ("allowSchemaDowngrade", boolean(false)),
        ("allowOnDelete", boolean(false)),
        ("azureDevOpsEnvironment", optional()),
        ("pool", object()),
        ("container", object()),
        ("variables", object()),
        ("retryCountOnTaskFailure", number(0.0)),
        ("lockBehavior", optional()),
        ("dependsOn", object()),
        ("condition", optional()),
    ];
    let template = shipped_stage()?;
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
    let all = vec![check.clone(), approval, rollback(&both), recheck];
    let expected = [all.clone(), all, vec![check]];
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
    for (parameter, word) in [
        ("rollback", "auto"),
        ("onTimeout", "approve"),
        ("automaticOn", "timedOut"),
        ("lockBehavior", "parallel"),
    ] {
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
            ensure!(
                found.is_none_or(str::is_empty),
                "`{name}` names {found:?} itself"
            );
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
                        ("AksRollbackHealthCheck", _) | (_, false) => Some("False"),
                        (_, true) => Some("True"),
                    };
                    ensure!(found == expected, "`{}`: {other}: {found:?}", job.name);
                }
            }
        }
    }
    Ok(())
}

fn connections() -> Result<()> {
    const AZURE: [&str; 6] = [
        "azureServiceConnection",
        "azureSubscriptionId",
        "azureResourceGroup",
        "aksCluster",
        "useClusterAdmin",
        "publicFqdn",
    ];
    const KUBERNETES: &str = "kubernetesServiceConnection";
    let of_azure = [
        ("useClusterAdmin", json!(true)),
        ("publicFqdn", json!(true)),
    ];
    let of_kubernetes = [
        ("connectionType", json!(KUBERNETES)),
        (KUBERNETES, json!("prod")),
        ("azureServiceConnection", json!("")),
        ("aksName", json!("")),
    ];
    for (given, by_azure) in [(&of_azure[..], true), (&of_kubernetes, false)] {
        let stage = stage(given)?;
        for job in stage.jobs.iter().filter(|job| job.pool != Pool::Server) {
            for name in AZURE {
                let found = input(&stage, &job.name, name)?;
                ensure!(
                    found.is_some() == by_azure,
                    "`{}`: {name}: {found:?}",
                    job.name
                );
            }
            let found = input(&stage, &job.name, KUBERNETES)?;
            ensure!(found.is_some() != by_azure, "`{}`: {found:?}", job.name);
        }
        let text = input(&stage, "ManualApprovalOfRollBack", "instructions")?;
        let cluster = if by_azure {
            "cluster aks,"
        } else {
            "cluster prod,"
        };
        ensure!(text.is_some_and(|text| text.contains(cluster)), "{text:?}");
    }
    // The task refuses both, because either cluster may be meant.
    let both = stage(&[(KUBERNETES, json!("prod"))])?;
    ensure!(input(&both, "Rollback", KUBERNETES)? == Some("prod"));
    let usual = input(&stage(&[])?, "Rollback", "useClusterAdmin")?.map(str::to_owned);
    ensure!(usual.as_deref() == Some("False"), "{usual:?}");
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
    let people = "[org]\\oncall, a@b.c";
    let rows: [(&str, Json, &str, &str); 7] = [
        ("approvers", json!(people), people, ""),
        (
            "approvers",
            json!("[org]\\oncall\na@b.c\n"),
            "[org]\\oncall,a@b.c",
            "",
        ),
        ("approvers", json!("a@b.c\r\nb@b.c"), "a@b.c,b@b.c", ""),
        (
            "approvers",
            json!(["[org]\\oncall", "a@b.c"]),
            "[org]\\oncall,a@b.c",
            "",
        ),
        ("notifyUsers", json!(["oncall@b.c"]), "oncall@b.c", ""),
        ("onTimeout", json!("resume"), "resume", "reject"),
        (
            "allowApproversToApproveTheirOwnRuns",
            json!(false),
            "False",
            "True",
        ),
    ];
    for (name, given, words, default) in rows {
        for (stage, expected) in [
            (stage(&[(name, given.clone())])?, words),
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
    let written = |extra: &[(&str, Json)]| -> Result<bool> {
        let expanded = expansion(extra)?;
        Ok(expanded["stages"][0].get("dependsOn").is_some())
    };
    ensure!(!written(&[])?, "the stage before is the default");
    ensure!(written(&[("dependsOn", json!([]))])?, "`[]` means at once");
    Ok(())
}

fn surroundings() -> Result<()> {
    let pool = json!({"name": "private", "demands": ["agent.os -equals Linux"]});
    let expanded = expansion(&[
        ("pool", pool.clone()),
        ("container", json!("tools:1")),
        ("variables", json!([{"group": "shop"}])),
        ("lockBehavior", json!("sequential")),
    ])?;
    let stage = &expanded["stages"][0];
    ensure!(stage["variables"] == json!([{"group": "shop"}]), "{stage}");
    ensure!(stage["lockBehavior"] == "sequential", "{stage}");
    for job in stage["jobs"].as_array().context("jobs")? {
        let server = job["pool"] == "server";
        ensure!(server || job["pool"] == pool, "{job}");
        ensure!(server || job["container"] == "tools:1", "{job}");
    }
    let plain = expansion(&[])?;
    let stage = &plain["stages"][0];
    for key in ["variables", "lockBehavior", "condition"] {
        ensure!(stage.get(key).is_none(), "`{key}` is there: {stage}");
    }
    ensure!(stage["jobs"][0].get("pool").is_none(), "{stage}");
    Ok(())
}

fn passed_on() -> Result<()> {
    let rows: [(&str, Json, &str, [Option<&str>; 3]); 5] = [
        (
            "selector",
            json!("app=web"),
            "selector",
            [Some("app=web"), None, Some("")],
        ),
        (
            "stableFor",
            json!("1m"),
            "stableFor",
            [Some("1m"), Some("1m"), Some("1m")],
        ),
        (
            "mark",
            json!(false),
            "mark",
            [Some("False"), None, Some("False")],
        ),
        (
            "toRevision",
            json!("7"),
            "toRevision",
            [None, Some("7"), None],
        ),
        (
            "postCheckTimeout",
            json!("9m"),
            "timeout",
            [Some("5m"), Some("5m"), Some("9m")],
        ),
    ];
    let jobs = [
        "AksDeploymentHealthCheck",
        "Rollback",
        "AksRollbackHealthCheck",
    ];
    for (name, given, key, expected) in rows {
        let stage = stage(&[(name, given)])?;
        for (job, expected) in jobs.into_iter().zip(expected) {
            let found = input(&stage, job, key)?;
            ensure!(found == expected, "{name}: `{job}` passes {found:?}");
        }
    }
    let stage = stage(&[("toRevision", json!("7"))])?;
    let text = input(&stage, "ManualApprovalOfRollBack", "instructions")?;
    ensure!(
        text.is_some_and(|text| text.contains("Revision 7 is restored")),
        "{text:?}"
    );
    Ok(())
}

/// A parameter that the stage passes on has one default, wherever it is used.
fn same_defaults() -> Result<()> {
    let stage = shipped_stage()?;
    let own = [
        "dependsOn",
        "condition",
        "environment",
        "wait",
        "name",
        "displayName",
    ];
    let mut compared = 0;
    for path in [
        "jobs/guarded-rollout.yml",
        "steps/check.yml",
        "steps/rollback.yml",
    ] {
        let template = rollguard_stage::Template::parse(path, text(path)?)?;
        for parameter in template.parameters() {
            let name = parameter.name.as_str();
            let of_stage = stage.parameters().iter().find(|one| one.name == name);
            if let Some(of_stage) = of_stage.filter(|_| !own.contains(&name)) {
                ensure!(of_stage == parameter, "{path}: {parameter:?}");
                compared += 1;
            }
        }
    }
    ensure!(compared > 40, "only {compared} parameters are compared");
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
        for name in [
            "AksDeploymentHealthCheck",
            "Rollback",
            "AksRollbackHealthCheck",
        ] {
            let found = input(&stage, name, "logs")?;
            ensure!(found == Some(expected), "`{name}` passes {found:?}");
        }
    }
    Ok(())
}

fn environment() -> Result<()> {
    for name in ["prod-eu", "prod eu", "prod.eu", "prod_eu"] {
        let found = stage(&[("environment", json!(name))])?.name;
        ensure!(
            found == "AksDeploymentHealthAndRollbackprod_eu",
            "{name}: {found}"
        );
    }
    let Err(error) = stage(&[("environment", json!("prod/eu"))]) else {
        bail!("`prod/eu` was taken");
    };
    let found = error.to_string();
    let expected =
        "found the name `AksDeploymentHealthAndRollbackprod/eu`, expected letters, digits";
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
    ensure!(text.len() < 800, "{} bytes of static text", text.len());
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
        "task: Rollguard@0",
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

fn language_service() -> Result<()> {
    let mut files: Vec<Json> = SHIPPED
        .iter()
        .map(|(name, text)| json!({"name": name, "text": text}))
        .collect();
    for (file, name, from, to) in BROKEN {
        let good = text(file)?;
        ensure!(good.contains(from), "`{from}` is not in {file}");
        files.push(json!({"name": name, "text": good.replacen(from, to, 1)}));
    }
    let found = validate(&files)?;
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

/// The findings of the language service in files of `name` and `text`, by name.
pub(crate) fn validate(files: &[Json]) -> Result<BTreeMap<String, Vec<String>>> {
    let request = json!({"task": task()?, "files": files});
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
