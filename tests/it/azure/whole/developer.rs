//! The same for a person at the command line, who is signed in to Azure.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use libtest_mimic::Trial;
use rollguard_tests::fakes::{
    ADMIN_ACCOUNT_TOKEN, AZ_ARM_TOKEN, AZ_CLUSTER_TOKEN, CLUSTER, FakeAzure, RESOURCE_GROUP,
    SUBSCRIPTION_ID, Service, running,
};
use serde_json::{Value, json};

use super::super::setup::row;
use super::{fake, first_token, got_in, run, said};

pub(super) fn rows() -> Vec<Trial> {
    vec![
        row(
            "--aks-name: a person who is signed in with az gets to the cluster",
            signed_in,
        ),
        row(
            "--aks-name: a person who is signed in with azd gets to the cluster",
            signed_in_with_azd,
        ),
        row(
            "--aks-name: a doctor asks Azure for the cluster, and speaks of no kubeconfig",
            examined,
        ),
        row(
            "--aks-name without a sign-in, or without the program, says what to do",
            not_signed_in,
        ),
        row(
            "--aks-name beside a kubeconfig, or without the rest, is a wrong command line",
            wrong_flags,
        ),
    ]
}

/// A program that stands in for `az`.
fn az(home: &Path, script: &str) -> anyhow::Result<()> {
    program(home, "az", script)
}

fn program(home: &Path, name: &str, script: &str) -> anyhow::Result<()> {
    let path = home.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Answers as `az account get-access-token` does; withheld variables would show in its answer.
fn signed_in_az(home: &Path) -> anyhow::Result<()> {
    az(
        home,
        &format!(
            "token={AZ_ARM_TOKEN}\n\
             case \"$*\" in *6dae42f8-4368-4678-94ff-3960e28e3630/.default*) token={AZ_CLUSTER_TOKEN};; esac\n\
             printf '{{\"accessToken\":\"%s\",\"expires_on\":4102444800,\"tokenType\":\"Bearer\"}}' \
             \"$token$SECRET_CANARY\""
        ),
    )
}

/// Answers as `azd auth token` does.
fn signed_in_azd(home: &Path) -> anyhow::Result<()> {
    let script = format!(
        "token={AZ_ARM_TOKEN}\n\
         case \"$*\" in *6dae42f8-4368-4678-94ff-3960e28e3630/.default*) token={AZ_CLUSTER_TOKEN};; esac\n\
         printf '{{\"token\":\"%s\",\"expiresOn\":\"2100-01-01T00:00:00Z\"}}' \"$token$SECRET_CANARY\""
    );
    program(home, "azd", &script)
}

fn developer(fake: &FakeAzure, home: &Path) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("PATH".to_owned(), home.display().to_string()),
        (
            "SSL_CERT_FILE".to_owned(),
            fake.ca_file().display().to_string(),
        ),
        ("SECRET_CANARY".to_owned(), "hunter22".to_owned()),
    ])
}

fn check<'a>(fake: &'a FakeAzure, more: &[&'a str]) -> Vec<&'a str> {
    let usual = [
        "check",
        "deployment/web",
        "--aks-name",
        CLUSTER,
        "--aks-rg",
        RESOURCE_GROUP,
        "--aks-subscription",
        SUBSCRIPTION_ID,
        "--arm-endpoint",
        fake.base_url(),
    ];
    usual.iter().chain(more).copied().collect()
}

async fn signed_in() -> anyhow::Result<()> {
    let rows: [(&[&str], bool, &str); 4] = [
        (&[], false, AZ_CLUSTER_TOKEN),
        (&["--public-fqdn"], false, AZ_CLUSTER_TOKEN),
        (&["--use-cluster-admin"], false, ADMIN_ACCOUNT_TOKEN),
        (&[], true, ADMIN_ACCOUNT_TOKEN),
    ];
    for (more, has_local_accounts_only, token) in rows {
        let (fake, home) = (fake()?, tempfile::tempdir()?);
        if has_local_accounts_only {
            fake.serve_local_accounts();
        }
        signed_in_az(home.path())?;
        let env = developer(&fake, home.path());
        let output = run(home.path(), &check(&fake, more), &env)?;
        got_in(&output, &fake)?;
        assert_eq!(first_token(&fake)?, token);
        let arm = fake.requests_to(Service::Arm);
        let first = arm
            .first()
            .context("no request to Azure Resource Manager")?;
        assert_eq!(first.bearer(), Some(AZ_ARM_TOKEN));
        let public = more.contains(&"--public-fqdn").then_some("public");
        assert_eq!(first.query("server-fqdn"), public);
        ensure!(!said(&output).contains("##vso"), "{}", said(&output));
    }
    Ok(())
}

async fn signed_in_with_azd() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    signed_in_azd(home.path())?;
    let env = developer(&fake, home.path());
    let output = run(home.path(), &check(&fake, &[]), &env)?;
    got_in(&output, &fake)?;
    assert_eq!(first_token(&fake)?, AZ_CLUSTER_TOKEN);
    Ok(())
}

async fn examined() -> anyhow::Result<()> {
    let mut stopped = running();
    stopped["powerState"] = json!({ "code": "Stopped" });
    let subscription = format!("✓ subscription {SUBSCRIPTION_ID}");
    let rows: [(Value, i32, &[&str]); 2] = [
        (
            running(),
            12,
            &[
                "✓ state in Azure power state Running, provisioning state Succeeded",
                "? tenant cannot see: that of the Azure CLI or the Azure Developer CLI",
                "hint: az account show --query tenantId",
                subscription.as_str(),
                "127.0.0.1 directly",
            ],
        ),
        (
            stopped,
            4,
            &[
                "✗ state in Azure power state Stopped",
                "failed to reach AKS cluster aks-shop: the cluster is stopped",
                "hint: start it: az aks start",
            ],
        ),
    ];
    for (properties, code, says) in rows {
        let (fake, home) = (
            FakeAzure::builder()
                .cluster_properties(properties)
                .start()?,
            tempfile::tempdir()?,
        );
        fake.serve_own_cluster();
        signed_in_az(home.path())?;
        let env = developer(&fake, home.path());
        let mut args = check(&fake, &["-n", "shop"]);
        args[0] = "doctor";
        let output = run(home.path(), &args, &env)?;
        ensure!(output.status.code() == Some(code), "{}", said(&output));
        // The columns are as wide as their widest cell.
        let told = said(&output);
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in says {
            ensure!(told.contains(part), "`{part}`: {}", said(&output));
        }
        ensure!(!said(&output).contains("kubeconfig"), "{}", said(&output));
    }
    Ok(())
}

async fn not_signed_in() -> anyhow::Result<()> {
    let rows = [
        (
            Some("echo \"Please run 'az login' to setup account.\" >&2; exit 1"),
            &[
                "az: Please run 'az login' to setup account.; azd: not installed",
                "hint: run `az login`",
            ],
        ),
        (
            None,
            &[
                "az: not installed; azd: not installed",
                "hint: install the Azure CLI",
            ],
        ),
        (
            Some("echo '{\"accessToken\": [\"hunter22\"]}'"),
            &["az: its answer holds no token", "hint: run `az login`"],
        ),
    ];
    for (script, says) in rows {
        let (fake, home) = (fake()?, tempfile::tempdir()?);
        if let Some(script) = script {
            az(home.path(), script)?;
        }
        let env = developer(&fake, home.path());
        let output = run(home.path(), &check(&fake, &[]), &env)?;
        ensure!(output.status.code() == Some(3), "{}", said(&output));
        for part in says {
            ensure!(said(&output).contains(part), "`{part}`: {}", said(&output));
        }
        ensure!(!said(&output).contains("hunter22"), "{}", said(&output));
        ensure!(fake.requests().is_empty());
    }
    Ok(())
}

async fn wrong_flags() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    let env = developer(&fake, home.path());
    let rows: [(Vec<&str>, &str); 4] = [
        (check(&fake, &["--context", "prod"]), "cannot be used with"),
        (check(&fake, &["--kubeconfig", "a"]), "cannot be used with"),
        (
            vec!["check", "deployment/web", "--aks-name", CLUSTER],
            "`--aks-rg`: is missing",
        ),
        (
            vec!["rollback", "deployment/web", "--arm-endpoint", "x", "--yes"],
            "--aks-name",
        ),
    ];
    for (args, says) in rows {
        let output = run(home.path(), &args, &env)?;
        ensure!(output.status.code() == Some(2), "{}", said(&output));
        ensure!(said(&output).contains(says), "`{says}`: {}", said(&output));
    }
    ensure!(fake.requests().is_empty());
    Ok(())
}
