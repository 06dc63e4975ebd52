//! The parameters of the stage, and what becomes of them.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use rollguard_stage::{ParameterType, SHIPPED, Value, shipped_stage};
use serde_json::{Value as Json, json};

use super::support::{expansion, input, root, stage, text};

pub(crate) fn all_shipped() -> Result<()> {
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

pub(crate) fn parameters() -> Result<()> {
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
        ("traffic", boolean(true)),
        ("mark", boolean(true)),
        ("lint", string(Some(Value::text("off")))),
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

pub(crate) fn unknown_words() -> Result<()> {
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

pub(crate) fn depends_on() -> Result<()> {
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

pub(crate) fn surroundings() -> Result<()> {
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

pub(crate) fn passed_on() -> Result<()> {
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
pub(crate) fn same_defaults() -> Result<()> {
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

pub(crate) fn environment() -> Result<()> {
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
