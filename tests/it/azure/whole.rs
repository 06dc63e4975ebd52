//! The whole way, from the agent's variables or a person's sign-in to the API server: this very program as a
//! child, with the product's own entry.

mod developer;
mod kubernetes;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, ensure};
use libtest_mimic::Trial;
use rollguard_tests::fakes::{
    ADMIN_ACCOUNT_TOKEN, AZ_ARM_TOKEN, AZ_CLUSTER_TOKEN, CLIENT_CERTIFICATE, CLIENT_SECRET,
    CLUSTER, FakeAzure, RESOURCE_GROUP, SERVICE_ACCOUNT_TOKEN, SERVICE_CONNECTION_ID,
    SUBSCRIPTION_ID, SYSTEM_ACCESS_TOKEN, Scheme, Service,
};

use super::setup::row;

/// Set for the child alone.
const WANTED: &str = "ROLLGUARD_AZURE_WHOLE";

const SCHEMES: [Scheme; 5] = [
    Scheme::WorkloadIdentityFederation,
    Scheme::ServicePrincipal,
    Scheme::ServicePrincipalCertificate,
    Scheme::SystemAssignedIdentity,
    Scheme::UserAssignedIdentity,
];

pub(crate) fn is_wanted() -> bool {
    std::env::var_os(WANTED).is_some()
}

pub(crate) fn rows() -> Vec<Trial> {
    let own = vec![
        row(
            "every Azure connection ends in a request with the cluster's token",
            every_scheme,
        ),
        row(
            "every Azure connection gets into every kind of cluster",
            every_cluster,
        ),
        row("every Azure connection gets in in every cloud", every_cloud),
        row(
            "useClusterAdmin ends in a request with the local account's token, and says what it means",
            cluster_admin,
        ),
        row(
            "useClusterAdmin without local accounts is bad input that says what to do",
            no_local_accounts,
        ),
        row(
            "a connection to a management group needs the input for the subscription",
            management_group,
        ),
    ];
    let others = kubernetes::rows().into_iter().chain(developer::rows());
    own.into_iter().chain(others).collect()
}

/// Runs the product in `home` with these variables and nothing else.
fn run(home: &Path, args: &[&str], env: &BTreeMap<String, String>) -> anyhow::Result<Output> {
    Ok(Command::new(std::env::current_exe()?)
        .args(args)
        .env_clear()
        .env(WANTED, "1")
        .envs(["HOME", "TMPDIR", "AGENT_TEMPDIRECTORY"].map(|name| (name, home)))
        .envs(env)
        .current_dir(home)
        .output()?)
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// The lines for people: those that register a secret hold it.
fn log(output: &Output) -> String {
    let said = said(output);
    let lines = said
        .lines()
        .filter(|line| !line.starts_with("##vso[task.setsecret]"));
    lines.collect::<Vec<_>>().join("\n")
}

fn inputs(env: &mut BTreeMap<String, String>, inputs: &[(&str, &str)]) {
    let usual = [
        ("command", "check"),
        ("workloads", "deployment/web"),
        ("namespace", "shop"),
        ("timeout", "5s"),
        ("stableFor", "1s"),
    ];
    for (name, value) in usual.iter().chain(inputs) {
        env.insert(
            format!("INPUT_{}", name.to_uppercase()),
            (*value).to_owned(),
        );
    }
}

fn aks_inputs(env: &mut BTreeMap<String, String>, more: &[(&str, &str)]) {
    let usual = [
        ("azureServiceConnection", SERVICE_CONNECTION_ID),
        ("azureResourceGroup", RESOURCE_GROUP),
        ("aksCluster", CLUSTER),
    ];
    inputs(env, &[&usual, more].concat());
}

/// The token of the first request to the API server.
fn first_token(fake: &FakeAzure) -> anyhow::Result<String> {
    let requests = fake.requests_to(Service::Cluster);
    let first = requests.first().context("no request to the API server")?;
    assert_eq!(first.path, "/version");
    Ok(first.bearer().unwrap_or_default().to_owned())
}

/// The fake lets people in and do nothing: the check is undetermined, and nothing of it is a secret.
fn got_in(output: &Output, fake: &FakeAzure) -> anyhow::Result<()> {
    ensure!(output.status.code() == Some(12), "{}", said(output));
    let key = CLIENT_CERTIFICATE.lines().rev().nth(3).unwrap_or_default();
    let mut secrets = vec![CLIENT_SECRET, SYSTEM_ACCESS_TOKEN, SERVICE_ACCOUNT_TOKEN];
    secrets.extend([ADMIN_ACCOUNT_TOKEN, AZ_ARM_TOKEN, AZ_CLUSTER_TOKEN, key]);
    for secret in secrets {
        ensure!(!log(output).contains(secret), "`{secret}`: {}", log(output));
    }
    ensure!(fake.requests_to(Service::Unknown).is_empty());
    Ok(())
}

fn fake() -> anyhow::Result<FakeAzure> {
    let fake = FakeAzure::builder().local_accounts().start()?;
    fake.serve_own_cluster();
    Ok(fake)
}

async fn every_scheme() -> anyhow::Result<()> {
    for scheme in SCHEMES {
        let (fake, home) = (fake()?, tempfile::tempdir()?);
        let mut env = fake.agent_env(scheme);
        aks_inputs(&mut env, &[]);
        let output = run(home.path(), &["task"], &env)?;
        got_in(&output, &fake).with_context(|| format!("{scheme:?}"))?;
        let token = first_token(&fake)?;
        ensure!(
            token.starts_with("fake-cluster-token-"),
            "{scheme:?}: {token}"
        );
    }
    Ok(())
}

/// A kind of cluster, or a way into it.
struct Kind {
    name: &'static str,
    inputs: &'static [(&'static str, &'static str)],
    /// Whether the kubeconfig of its user has the credentials in it.
    is_local: bool,
    /// What the query of the request for the kubeconfig holds.
    asked: Option<(&'static str, &'static str)>,
    /// How the token begins with which the API server is asked.
    token: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "without Microsoft Entra",
        inputs: &[],
        is_local: true,
        asked: None,
        token: ADMIN_ACCOUNT_TOKEN,
    },
    Kind {
        name: "by the local administrator account",
        inputs: &[("useClusterAdmin", "true")],
        is_local: false,
        asked: None,
        token: ADMIN_ACCOUNT_TOKEN,
    },
    Kind {
        name: "private, by its public name",
        inputs: &[("publicFqdn", "true")],
        is_local: false,
        asked: Some(("server-fqdn", "public")),
        token: "fake-cluster-token-",
    },
    Kind {
        name: "private, by its public name and the administrator account",
        inputs: &[("publicFqdn", "true"), ("useClusterAdmin", "true")],
        is_local: false,
        asked: Some(("server-fqdn", "public")),
        token: ADMIN_ACCOUNT_TOKEN,
    },
];

async fn every_cluster() -> anyhow::Result<()> {
    for scheme in SCHEMES {
        for kind in KINDS {
            let (fake, home) = (fake()?, tempfile::tempdir()?);
            if kind.is_local {
                fake.serve_local_accounts();
            }
            let mut env = fake.agent_env(scheme);
            aks_inputs(&mut env, kind.inputs);
            let output = run(home.path(), &["task"], &env)?;
            let says = || format!("{scheme:?}, {}", kind.name);
            got_in(&output, &fake).with_context(says)?;
            let token = first_token(&fake)?;
            ensure!(token.starts_with(kind.token), "{}: {token}", says());
            if let Some((name, value)) = kind.asked {
                let requests = fake.requests_to(Service::Arm);
                let asked = requests.first().and_then(|it| it.query(name));
                ensure!(asked == Some(value), "{}: {asked:?}", says());
            }
        }
    }
    Ok(())
}

async fn every_cloud() -> anyhow::Result<()> {
    let audience = "https://management.contoso.onmicrosoft.com/4de154de";
    // The connection's own addresses come first, so that the fake can be any cloud.
    let clouds = [
        ("AzureUSGovernment", None),
        ("AzureChinaCloud", None),
        ("AzureStack", Some(audience)),
        ("Contoso", None),
    ];
    for scheme in SCHEMES {
        for (cloud, audience) in clouds {
            let builder = FakeAzure::builder();
            let fake = match audience {
                Some(audience) => builder.audience(audience).start()?,
                None => builder.start()?,
            };
            fake.serve_own_cluster();
            let home = tempfile::tempdir()?;
            let mut env = fake.agent_env(scheme);
            let data = |key: &str| format!("ENDPOINT_DATA_{SERVICE_CONNECTION_ID}_{key}");
            env.insert(data("ENVIRONMENT"), cloud.to_owned());
            if let Some(audience) = audience {
                let key = data("ACTIVEDIRECTORYSERVICEENDPOINTRESOURCEID");
                env.insert(key, audience.to_owned());
            }
            aks_inputs(&mut env, &[]);
            let output = run(home.path(), &["task"], &env)?;
            got_in(&output, &fake).with_context(|| format!("{scheme:?}, {cloud}"))?;
            let token = first_token(&fake)?;
            ensure!(
                token.starts_with("fake-cluster-token-"),
                "{scheme:?}, {cloud}: {token}"
            );
        }
    }
    Ok(())
}

async fn cluster_admin() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    let mut env = fake.agent_env(Scheme::ServicePrincipal);
    aks_inputs(
        &mut env,
        &[("useClusterAdmin", "true"), ("publicFqdn", "true")],
    );
    let output = run(home.path(), &["task"], &env)?;
    got_in(&output, &fake)?;
    assert_eq!(first_token(&fake)?, ADMIN_ACCOUNT_TOKEN);
    let registered = format!("##vso[task.setsecret]{ADMIN_ACCOUNT_TOKEN}");
    ensure!(said(&output).contains(&registered), "{}", said(&output));
    ensure!(
        log(&output).contains("permissions do not apply"),
        "{}",
        log(&output)
    );
    let requests = fake.requests_to(Service::Arm);
    let public = requests.first().and_then(|it| it.query("server-fqdn"));
    assert_eq!(public, Some("public"));
    Ok(())
}

async fn no_local_accounts() -> anyhow::Result<()> {
    let (fake, home) = (FakeAzure::builder().start()?, tempfile::tempdir()?);
    let mut env = fake.agent_env(Scheme::ServicePrincipal);
    aks_inputs(&mut env, &[("useClusterAdmin", "true")]);
    let output = run(home.path(), &["task"], &env)?;
    assert_eq!(output.status.code(), Some(2));
    for part in ["local accounts are disabled", "leave useClusterAdmin out"] {
        ensure!(log(&output).contains(part), "{}", log(&output));
    }
    Ok(())
}

async fn management_group() -> anyhow::Result<()> {
    let (fake, home) = (fake()?, tempfile::tempdir()?);
    let mut env = fake.agent_env(Scheme::ServicePrincipal);
    let data = |key: &str| format!("ENDPOINT_DATA_{SERVICE_CONNECTION_ID}_{key}");
    env.insert(data("SCOPELEVEL"), "ManagementGroup".to_owned());
    env.remove(&data("SUBSCRIPTIONID"));
    aks_inputs(&mut env, &[]);
    let output = run(home.path(), &["task"], &env)?;
    assert_eq!(output.status.code(), Some(2));
    ensure!(
        log(&output).contains("azureSubscriptionId"),
        "{}",
        log(&output)
    );
    ensure!(fake.requests().is_empty());
    aks_inputs(&mut env, &[("azureSubscriptionId", SUBSCRIPTION_ID)]);
    got_in(&run(home.path(), &["task"], &env)?, &fake)
}
