//! A home of its own for the Azure CLI, kubelogin and kubectl, in front of a fake Azure.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rollguard_tests::cluster::{LIMITED_TOKEN, LIMITED_USER, RealCluster};
use rollguard_tests::fakes::{
    CLIENT_ID, CLIENT_SECRET, CLUSTER, FakeAzure, IDENTITY_HEADER, RESOURCE_GROUP, Service,
    TENANT_ID, kubelogin_kubeconfig,
};
use rollguard_tests::product::{Ran, Running};
use serde_json::Value;
use tempfile::TempDir;

use super::AZURE_CLI;
use super::gateway::Gateway;
use crate::stage::with_ca;

/// The version at which the Azure CLI of `tests/azure-cli` asks for managed clusters.
const API_VERSION: &str = "2026-06-01";

/// How a service principal shows who it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof {
    Secret,
    FederatedToken,
}

/// The programs and what they are told. Their home is empty at first.
pub(crate) struct Desk {
    home: TempDir,
    pub(crate) azure: FakeAzure,
    gateway: Gateway,
    az: PathBuf,
    kubectl: PathBuf,
    server: String,
    ca_pem: String,
}

impl Desk {
    /// Azure hands out the kubeconfig of `cluster`, and tokens of its user [`LIMITED_USER`].
    pub(crate) async fn new(cluster: &RealCluster) -> Result<Self> {
        let az = env::var_os(AZURE_CLI)
            .with_context(|| format!("{AZURE_CLI} is not set: run `cargo xtask test clients`"))?;
        let (server, ca_pem) = (cluster.server_url().to_owned(), cluster.ca_pem().to_owned());
        let azure = FakeAzure::builder()
            .kubeconfig(with_ca(&kubelogin_kubeconfig(&server), &ca_pem)?)
            .issue_token(LIMITED_TOKEN)
            .local_accounts()
            .api_versions(&[API_VERSION])
            .start()?;
        let gateway = Gateway::start(azure.base_url()).await?;
        Ok(Self {
            home: tempfile::tempdir()?,
            azure,
            gateway,
            az: PathBuf::from(az),
            kubectl: cluster.kubectl().to_owned(),
            server,
            ca_pem,
        })
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.home().join("kubeconfig")
    }

    /// Makes the fake a cloud of the Azure CLI, by what its metadata says.
    pub(crate) async fn register(&self) -> Result<()> {
        let endpoint = self.azure.base_url();
        let register = ["cloud", "register", "--name", "FakeCloud"];
        let register = [
            &register[..],
            &["--endpoint-resource-manager", endpoint][..],
        ]
        .concat();
        self.az(&register).await?;
        self.az(&["cloud", "set", "--name", "FakeCloud"]).await?;
        Ok(())
    }

    pub(crate) async fn login(&self, proof: Proof) -> Result<()> {
        let token;
        let shown = match proof {
            Proof::Secret => ["--password", CLIENT_SECRET],
            Proof::FederatedToken => {
                token = self.azure.issue_oidc_token();
                ["--federated-token", &token]
            }
        };
        let principal = ["login", "--service-principal", "--username", CLIENT_ID];
        let login = [&principal[..], &["--tenant", TENANT_ID][..], &shown[..]].concat();
        self.az(&login).await?;
        Ok(())
    }

    pub(crate) async fn get_credentials(&self, more: &[&str]) -> Result<()> {
        let get = ["aks", "get-credentials", "--resource-group", RESOURCE_GROUP];
        self.az(&[&get[..], &["--name", CLUSTER][..], more].concat())
            .await?;
        Ok(())
    }

    /// The Azure CLI, which must succeed.
    pub(crate) async fn az(&self, arguments: &[&str]) -> Result<Ran> {
        let ran = self.try_az(arguments).await?;
        ensure!(ran.code == 0, "az {arguments:?}: {}", ran.all());
        Ok(ran)
    }

    pub(crate) async fn try_az(&self, arguments: &[&str]) -> Result<Ran> {
        let mut command = self.az_command();
        command.args(arguments);
        Running::start(command)?.ended().await
    }

    pub(crate) fn az_command(&self) -> Command {
        self.command(&self.az)
    }

    pub(crate) fn kubectl_command(&self) -> Command {
        self.command(&self.kubectl)
    }

    /// kubelogin, which must succeed.
    pub(crate) async fn kubelogin(
        &self,
        arguments: &[&str],
        variables: &[(&str, String)],
    ) -> Result<Ran> {
        let mut command = self.command(&self.kubectl.with_file_name("kubelogin"));
        command
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)));
        let ran = Running::start(command)?.ended().await?;
        ensure!(ran.code == 0, "kubelogin {arguments:?}: {}", ran.all());
        Ok(ran)
    }

    /// kubectl, which must succeed.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<Ran> {
        let mut command = self.kubectl_command();
        command.args(arguments);
        let ran = Running::start(command)?.ended().await?;
        ensure!(ran.code == 0, "kubectl {arguments:?}: {}", ran.all());
        Ok(ran)
    }

    /// The user as whom the API server knows kubectl with the kubeconfig of the home.
    pub(crate) async fn user(&self) -> Result<String> {
        let template = "jsonpath={.status.userInfo.username}";
        Ok(self
            .kubectl(&["auth", "whoami", "--output", template])
            .await?
            .stdout)
    }

    /// A token that kubelogin printed opens the real cluster.
    pub(crate) async fn opens(&self, printed: &Ran) -> Result<()> {
        let credential: Value = printed.json()?;
        let token = credential["status"]["token"].as_str();
        let token = token.with_context(|| format!("no token: {credential}"))?;
        let ca = self.home().join("cluster-ca.pem");
        std::fs::write(&ca, &self.ca_pem)?;
        let ca = ca.display().to_string();
        let server = ["--server", &self.server, "--certificate-authority", &ca];
        let who = [
            "--token",
            token,
            "auth",
            "whoami",
            "--output",
            "jsonpath={.status.userInfo.username}",
        ];
        let ran = self.kubectl(&[&server[..], &who[..]].concat()).await?;
        ensure!(ran.stdout == LIMITED_USER, "not the user: {}", ran.all());
        Ok(())
    }

    /// The fake knew every path that was asked for, and no other host was looked for.
    pub(crate) fn asked_only_the_fake(&self) -> Result<()> {
        let unknown = self.azure.requests_to(Service::Unknown);
        ensure!(unknown.is_empty(), "the fake does not know {unknown:?}");
        let others = self.gateway.others();
        ensure!(others.is_empty(), "others were asked too: {others:?}");
        Ok(())
    }

    /// A program with the variables that it needs to believe in the fake.
    fn command(&self, program: &Path) -> Command {
        let ca = self.azure.ca_file();
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.home())
            .env("HOME", self.home())
            .env("TMPDIR", self.home())
            .env("PATH", self.path())
            .env("KUBECONFIG", self.kubeconfig())
            // Python's and Go's.
            .env("REQUESTS_CA_BUNDLE", &ca)
            .env("SSL_CERT_FILE", &ca)
            .env("HTTPS_PROXY", self.gateway.url())
            .env("NO_PROXY", "127.0.0.1")
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
            // Of a machine with managed identities, which only `--identity` asks.
            .env("IDENTITY_ENDPOINT", self.azure.identity_endpoint())
            .env("IDENTITY_HEADER", IDENTITY_HEADER);
        command
    }

    fn path(&self) -> OsString {
        let folders = [self.az.parent(), self.kubectl.parent()];
        let mut path = OsString::new();
        for folder in folders.into_iter().flatten() {
            path.push(folder);
            path.push(":");
        }
        path.push("/usr/bin:/bin");
        path
    }
}
