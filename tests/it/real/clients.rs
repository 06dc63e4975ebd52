//! The fakes of Azure, asked by programs that others wrote: the Azure CLI, kubelogin and kubectl.
//!
//! They were not made to suit rollguard. What they take for Azure DevOps, Microsoft Entra and Azure
//! Resource Manager, rollguard is tested against.

pub(crate) mod desk;
mod gateway;

use std::sync::Arc;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rollguard_tests::cluster::LIMITED_USER;
use rollguard_tests::fakes::{
    ADMIN_ACCOUNT_TOKEN, AKS_SERVER_ID, CLIENT_CERTIFICATE, CLIENT_ID, CLIENT_SECRET, CLUSTER,
    IDENTITY_CLIENT_ID, RESOURCE_GROUP, SERVICE_CONNECTION_ID, SUBSCRIPTION_ID,
    SYSTEM_ACCESS_TOKEN, Service, TENANT_ID,
};
use serde_json::Value;

use crate::{Stage, trial};
use desk::{Desk, Proof};

/// Names the Azure CLI.
const AZURE_CLI: &str = "ROLLGUARD_AZURE_CLI";

/// The Azure CLI takes a processor for seconds, and kubelogin gives it 10 s for a token.
pub(crate) const TRIALS_AT_ONCE: usize = 2;

/// Returns whether these are tried, and nothing else.
pub(crate) fn are_asked_for() -> bool {
    std::env::var_os(AZURE_CLI).is_some()
}

/// A command of the Azure CLI that Azure refuses.
struct Refused {
    says: &'static str,
    command: &'static [&'static str],
    told: &'static str,
}

/// With the words of Azure, which the Azure CLI found in the fake's answers.
const REFUSED: [Refused; 4] = [
    Refused {
        says: "a client secret that is wrong",
        command: &[
            "login",
            "--service-principal",
            "--username",
            CLIENT_ID,
            "--password",
            "wrong",
            "--tenant",
            TENANT_ID,
        ],
        told: "AADSTS7000215",
    },
    Refused {
        says: "a federated token that Entra does not know",
        command: &[
            "login",
            "--service-principal",
            "--username",
            CLIENT_ID,
            "--federated-token",
            "wrong",
            "--tenant",
            TENANT_ID,
        ],
        told: "AADSTS700213",
    },
    Refused {
        says: "a tenant that does not exist",
        command: &[
            "login",
            "--service-principal",
            "--username",
            CLIENT_ID,
            "--password",
            CLIENT_SECRET,
            "--tenant",
            "11111111-0000-4000-8000-000000000001",
        ],
        told: "11111111-0000-4000-8000-000000000001",
    },
    Refused {
        says: "an application that does not exist",
        command: &[
            "login",
            "--service-principal",
            "--username",
            "11111111-0000-4000-8000-000000000002",
            "--password",
            CLIENT_SECRET,
            "--tenant",
            TENANT_ID,
        ],
        told: "AADSTS700016",
    },
];

pub(crate) fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    vec![
        trial(
            "az signs in with a secret, and its kubeconfig opens the cluster",
            stage,
            az_signs_in_with_a_secret,
        ),
        trial(
            "az signs in with a federated token, and its kubeconfig opens the cluster",
            stage,
            az_signs_in_with_a_federated_token,
        ),
        trial(
            "az signs in as a managed identity and with a certificate",
            stage,
            az_signs_in_without_a_secret,
        ),
        trial(
            "az understands what the fake refuses",
            stage,
            az_understands_refusals,
        ),
        trial(
            "kubelogin signs in as a pipeline",
            stage,
            kubelogin_signs_in_as_a_pipeline,
        ),
        trial(
            "kubelogin signs in with a secret and with a federated token",
            stage,
            kubelogin_signs_in_by_itself,
        ),
    ]
}

/// `az cloud register`, `az login` with a secret, `az aks get-credentials`; then kubectl runs
/// kubelogin, which asks the Azure CLI for a token.
async fn az_signs_in_with_a_secret(stage: Arc<Stage>) -> Result<()> {
    let desk = Desk::new(stage.cluster()?).await?;
    desk.register().await?;
    desk.login(Proof::Secret).await?;
    let account: Value = serde_json::from_str(&desk.az(&["account", "show"]).await?.stdout)?;
    for (field, value) in [
        ("id", SUBSCRIPTION_ID),
        ("tenantId", TENANT_ID),
        ("name", "Shop"),
    ] {
        ensure!(account[field] == value, "{field} of {account}");
    }
    desk.get_credentials(&[]).await?;
    ensure!(desk.user().await? == LIMITED_USER);
    desk.asked_only_the_fake()
}

/// The same by a token that the OIDC endpoint has issued, with a kubeconfig of the form that the
/// command line chooses.
async fn az_signs_in_with_a_federated_token(stage: Arc<Stage>) -> Result<()> {
    let desk = Desk::new(stage.cluster()?).await?;
    desk.register().await?;
    desk.login(Proof::FederatedToken).await?;
    desk.get_credentials(&["--format", "exec"]).await?;
    let forms: Vec<_> = desk.azure.requests_to(Service::Arm);
    ensure!(
        forms.iter().any(|it| it.query("format") == Some("exec")),
        "no format was asked for"
    );
    ensure!(desk.user().await? == LIMITED_USER);
    desk.asked_only_the_fake()
}

/// The identities of the machine, the system's and one of its own, and a certificate; and the kubeconfig
/// of the local administrator, with a token that only the fake's API server knows.
async fn az_signs_in_without_a_secret(stage: Arc<Stage>) -> Result<()> {
    let desk = Desk::new(stage.cluster()?).await?;
    desk.register().await?;
    let certificate = desk.home().join("certificate.pem");
    std::fs::write(&certificate, CLIENT_CERTIFICATE)?;
    let certificate = certificate.display().to_string();
    let principal = [
        "--service-principal",
        "--username",
        CLIENT_ID,
        "--tenant",
        TENANT_ID,
    ];
    for login in [
        &["--identity"][..],
        &["--identity", "--client-id", IDENTITY_CLIENT_ID],
        &[&principal[..], &["--certificate", &certificate][..]].concat(),
    ] {
        desk.az(&[&["login"][..], login].concat()).await?;
        desk.get_credentials(&["--overwrite-existing"]).await?;
        ensure!(desk.user().await? == LIMITED_USER, "{login:?}");
    }
    desk.get_credentials(&["--admin", "--overwrite-existing"])
        .await?;
    let kubeconfig = std::fs::read_to_string(desk.kubeconfig())?;
    ensure!(
        kubeconfig.contains(ADMIN_ACCOUNT_TOKEN),
        "not the administrator's: {kubeconfig}"
    );
    desk.asked_only_the_fake()
}

/// The Azure CLI finds in the fake's refusals what it finds in Azure's.
async fn az_understands_refusals(stage: Arc<Stage>) -> Result<()> {
    let desk = Desk::new(stage.cluster()?).await?;
    desk.register().await?;
    for Refused {
        says,
        command,
        told,
    } in REFUSED
    {
        let ran = desk.try_az(command).await?;
        ensure!(
            ran.code != 0 && ran.stderr.contains(told),
            "{says}: {}",
            ran.all()
        );
    }
    desk.login(Proof::Secret).await?;
    for (group, name, told) in [
        ("absent", CLUSTER, "ResourceGroupNotFound"),
        (RESOURCE_GROUP, "absent", "ResourceNotFound"),
    ] {
        let command = [
            "aks",
            "get-credentials",
            "--resource-group",
            group,
            "--name",
            name,
        ];
        let ran = desk.try_az(&command).await?;
        ensure!(
            ran.code != 0 && ran.stderr.contains(told),
            "{told}: {}",
            ran.all()
        );
    }
    desk.asked_only_the_fake()
}

/// kubelogin signs in as a task of a pipeline does: a token of the OIDC endpoint goes to Entra. It
/// finds both by itself, with the SDK for Go.
async fn kubelogin_signs_in_as_a_pipeline(stage: Arc<Stage>) -> Result<()> {
    let desk = Desk::new(stage.cluster()?).await?;
    let authority = format!("{}/", desk.azure.base_url());
    let variables = [
        ("SYSTEM_OIDCREQUESTURI", desk.azure.oidc_request_uri()),
        ("SYSTEM_ACCESSTOKEN", SYSTEM_ACCESS_TOKEN.to_owned()),
    ];
    let get = [
        "get-token",
        "--login",
        "azurepipelines",
        "--server-id",
        AKS_SERVER_ID,
        "--client-id",
        CLIENT_ID,
        "--tenant-id",
        TENANT_ID,
        "--authority-host",
        &authority,
        "--azure-pipelines-service-connection-id",
        SERVICE_CONNECTION_ID,
    ];
    let got = desk.kubelogin(&get, &variables).await?;
    desk.opens(&got).await?;
    for service in [Service::Oidc, Service::Entra] {
        ensure!(
            !desk.azure.requests_to(service).is_empty(),
            "{service:?} was not asked"
        );
    }
    desk.asked_only_the_fake()
}

/// kubelogin signs in with a secret, and with the federated token of a file.
async fn kubelogin_signs_in_by_itself(stage: Arc<Stage>) -> Result<()> {
    let desk = Desk::new(stage.cluster()?).await?;
    let authority = format!("{}/", desk.azure.base_url());
    let token = desk.home().join("federated-token");
    std::fs::write(&token, desk.azure.issue_oidc_token())?;
    let token = token.display().to_string();
    let common = [
        "get-token",
        "--server-id",
        AKS_SERVER_ID,
        "--client-id",
        CLIENT_ID,
        "--tenant-id",
        TENANT_ID,
        "--authority-host",
        &authority,
    ];
    for proof in [
        ["--login", "spn", "--client-secret", CLIENT_SECRET],
        [
            "--login",
            "workloadidentity",
            "--federated-token-file",
            &token,
        ],
    ] {
        let got = desk
            .kubelogin(&[&common[..], &proof[..]].concat(), &[])
            .await?;
        desk.opens(&got).await?;
    }
    desk.asked_only_the_fake()
}
