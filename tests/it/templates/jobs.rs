//! The jobs of the stage, in each mode.

use anyhow::{Context as _, Result, bail, ensure};
use rollguard_stage::Pool;
use serde_json::json;

use super::support::{input, job, stage};

/// The modes of the parameter `rollback`.
const MODES: [&str; 3] = ["manual", "automatic", "never"];

pub(crate) fn names() -> Result<()> {
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

pub(crate) fn several_workloads() -> Result<()> {
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

pub(crate) fn allowed() -> Result<()> {
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

pub(crate) fn connections() -> Result<()> {
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

pub(crate) fn lists() -> Result<()> {
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

pub(crate) fn logs() -> Result<()> {
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

pub(crate) fn cancelling() -> Result<()> {
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
