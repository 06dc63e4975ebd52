//! The cluster as Azure Resource Manager describes it, and what the product makes of it: the real binary as a task,
//! with a fake Azure and no API server.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rollguard_azure::{AzureErrorKind, ManagedCluster};
use rollguard_tests::fakes::{
    Answer, CLIENT_ID, CLUSTER, FakeAzure, RESOURCE_GROUP, SERVICE_CONNECTION_ID, SUBSCRIPTION_ID,
    Scheme, Service, TENANT_ID, running,
};
use rollguard_tests::product::{Ran, Running, binary};
use serde_json::{Value, json};

use super::setup::{cluster, fake, hint_says, refused, row, secret_azure};

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row("the cluster is read by one GET, and described", described),
        row(
            "a version that is not served is replaced for the GET as well",
            replaced_version,
        ),
        row("a GET that is refused names its own permission", forbidden),
        row(
            "a doctor says that the cluster is stopped, without waiting for it",
            doctor_of_stopped,
        ),
        row(
            "a doctor without the role says what it cannot see",
            doctor_without_role,
        ),
        row(
            "a doctor whose sign-in fails says so with exit code 3",
            doctor_without_sign_in,
        ),
        row(
            "a doctor says when the certificate of the connection ends",
            doctor_of_certificate,
        ),
        row(
            "a check of a stopped cluster says how to start it",
            check_of_stopped,
        ),
        row(
            "a rollback on a cluster that is being deleted says so",
            rollback_of_deleted,
        ),
    ]
}

async fn described() -> Result<()> {
    let fake = fake()?;
    let found = secret_azure(&fake)?.managed_cluster(&cluster()?).await?;
    let text = |it: &str| Some(it.to_owned());
    let expected = ManagedCluster {
        power_state: text("Running"),
        provisioning_state: text("Succeeded"),
        kubernetes_version: text("1.33.2"),
        fqdn: text("aks-shop-0a1b2c3d.hcp.westeurope.azmk8s.io"),
        uses_entra: true,
        local_accounts_disabled: true,
        ..ManagedCluster::default()
    };
    assert_eq!(found, expected);
    let requests = fake.requests_to(Service::Arm);
    let request = requests.first().context("a request to ARM")?;
    assert_eq!((requests.len(), request.method.as_str()), (1, "GET"));
    assert_eq!(request.raw_query, "api-version=2025-10-01");
    assert_eq!(request.bearer(), Some("fake-arm-token-1"));
    Ok(())
}

async fn replaced_version() -> Result<()> {
    let fake = FakeAzure::builder().api_versions(&["2025-05-01"]).start()?;
    let found = secret_azure(&fake)?.managed_cluster(&cluster()?).await?;
    ensure!(!found.is_stopped());
    assert_eq!(fake.requests_to(Service::Arm).len(), 2);
    Ok(())
}

async fn forbidden() -> Result<()> {
    let fake = fake()?;
    fake.answer_always(Service::Arm, Answer::forbidden());
    let error = refused(secret_azure(&fake)?.managed_cluster(&cluster()?).await)?;
    let AzureErrorKind::Forbidden { action, .. } = error.kind() else {
        anyhow::bail!("{error:?}");
    };
    assert_eq!(action, "Microsoft.ContainerService/managedClusters/read");
    hint_says(&error, "Azure Kubernetes Service Cluster User Role")
}

/// Runs the task as the agent would, with these inputs; its API server does not exist.
async fn task(fake: &FakeAzure, inputs: &[(&str, &str)]) -> Result<Ran> {
    task_of(Scheme::ServicePrincipal, fake, inputs).await
}

async fn task_of(scheme: Scheme, fake: &FakeAzure, inputs: &[(&str, &str)]) -> Result<Ran> {
    let folder = tempfile::tempdir()?;
    let fixed = [
        ("azureServiceConnection", SERVICE_CONNECTION_ID),
        ("azureResourceGroup", RESOURCE_GROUP),
        ("aksCluster", CLUSTER),
        ("namespace", "shop"),
        ("workloads", "deployment/web"),
    ];
    let mut variables: BTreeMap<String, String> = fake.agent_env(scheme);
    let given = fixed.iter().chain(inputs);
    variables.extend(given.map(|(name, value)| {
        (
            format!("INPUT_{}", name.to_uppercase()),
            (*value).to_owned(),
        )
    }));
    let path = folder.path().to_string_lossy().into_owned();
    variables.insert("AGENT_TEMPDIRECTORY".to_owned(), path);
    let mut command = Command::new(binary()?);
    command.arg("task").envs(variables);
    Running::start(command)?.ended().await
}

fn with(changes: &[(&str, Value)]) -> Result<FakeAzure> {
    let mut properties = running();
    for (name, value) in changes {
        properties[*name] = value.clone();
    }
    FakeAzure::builder().cluster_properties(properties).start()
}

fn shows(ran: &Ran, code: i32, parts: &[&str]) -> Result<()> {
    ensure!(ran.code == code, "not {code}: {}", ran.all());
    for part in parts {
        ensure!(
            ran.all().contains(part),
            "`{part}` is not in: {}",
            ran.all()
        );
    }
    Ok(())
}

async fn doctor_of_stopped() -> Result<()> {
    let fake = with(&[("powerState", json!({ "code": "Stopped" }))])?;
    let ran = task(&fake, &[("command", "doctor")]).await?;
    shows(
        &ran,
        4,
        &[
            &format!("✓ tenant          {TENANT_ID}"),
            &format!("✓ subscription    {SUBSCRIPTION_ID}"),
            "✗ state in Azure  power state Stopped, provisioning state Succeeded",
            "Microsoft Entra with Kubernetes RBAC, local accounts disabled",
            "error: failed to reach AKS cluster aks-shop: the cluster is stopped",
            "hint: start it: az aks start",
            "✓ certificates    the authorities of SSL_CERT_FILE instead of the platform's",
            "127.0.0.1 directly",
            "only Microsoft Graph knows",
            &format!("az ad app credential list --id {CLIENT_ID}"),
            "the cluster is stopped; hint: start it: az aks start",
            "##vso[task.complete result=Failed]",
        ],
    )?;
    ensure!(!ran.all().contains("variable=verdict"), "{}", ran.all());
    // The API server was not waited for, and its kubeconfig not fetched.
    assert_eq!(fake.requests_to(Service::Arm).len(), 1);
    Ok(())
}

async fn doctor_without_role() -> Result<()> {
    let fake = fake()?;
    fake.answer_always(Service::Arm, Answer::forbidden());
    let ran = task(&fake, &[("command", "doctor")]).await?;
    shows(
        &ran,
        3,
        &[
            "? state in Azure  cannot see: the identity may not read the cluster in Azure Resource Manager",
            "is not allowed `Microsoft.ContainerService/managedClusters/listClusterUserCredential/action`",
            "az role assignment create",
        ],
    )
}

async fn doctor_without_sign_in() -> Result<()> {
    let fake = fake()?;
    let wrong = Answer::aadsts(401, 7_000_215, "Invalid client secret provided.");
    fake.answer_always(Service::Entra, wrong);
    let ran = task(&fake, &[("command", "doctor")]).await?;
    shows(&ran, 3, &["✓ tenant", "AADSTS7000215", "hint: "])
}

async fn doctor_of_certificate() -> Result<()> {
    let fake = with(&[("powerState", json!({ "code": "Stopped" }))])?;
    let scheme = Scheme::ServicePrincipalCertificate;
    let ran = task_of(scheme, &fake, &[("command", "doctor")]).await?;
    let end = "ends at 2126-11-05T20:26:35Z, in ";
    shows(
        &ran,
        4,
        &[&format!(
            "✓ credential      the certificate of {CLIENT_ID} {end}"
        )],
    )
}

async fn check_of_stopped() -> Result<()> {
    let fake = with(&[("powerState", json!({ "code": "Stopped" }))])?;
    let ran = task(&fake, &[("command", "check")]).await?;
    shows(
        &ran,
        4,
        &[
            "failed to reach AKS cluster aks-shop: the cluster is stopped",
            "hint: start it: az aks start --subscription",
            "variable=verdict;isOutput=true]undetermined",
        ],
    )
}

async fn rollback_of_deleted() -> Result<()> {
    let fake = with(&[("provisioningState", json!("Deleting"))])?;
    let ran = task(&fake, &[("command", "rollback")]).await?;
    shows(
        &ran,
        4,
        &["the cluster is being deleted", "nothing was changed"],
    )
}
