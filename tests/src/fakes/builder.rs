//! The settings of the fake.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{FakeAzure, Shared, kubelogin_kubeconfig, running, server};

/// The settings of the fake before it starts.
#[derive(Clone, Debug)]
pub struct FakeAzureBuilder {
    pub(super) kubeconfig: String,
    pub(super) cluster_token: Option<String>,
    pub(super) token_lifetime: u64,
    pub(super) api_versions: Vec<String>,
    pub(super) local_accounts: bool,
    pub(super) oidc_issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) cluster_properties: Value,
    pub(super) address: IpAddr,
    pub(super) handshake: Duration,
    pub(super) wants_certificate: bool,
}

impl FakeAzureBuilder {
    /// The properties of the cluster in Azure Resource Manager. Default: those of a running cluster.
    #[must_use]
    pub fn cluster_properties(mut self, properties: Value) -> Self {
        self.cluster_properties = properties;
        self
    }

    /// The address of loopback that the server listens at. Default: `127.0.0.1`.
    #[must_use]
    pub fn at(mut self, address: impl Into<IpAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// How long the server takes before it answers a TLS handshake. Default: not at all.
    #[must_use]
    pub fn handshake_after(mut self, delay: Duration) -> Self {
        self.handshake = delay;
        self
    }

    /// Talks to clients only that show a certificate of the server's own authority.
    #[must_use]
    pub fn wants_certificate(mut self) -> Self {
        self.wants_certificate = true;
        self
    }

    /// The cluster has a local administrator account. Default: local accounts are disabled.
    #[must_use]
    pub fn local_accounts(mut self) -> Self {
        self.local_accounts = true;
        self
    }

    /// OIDC tokens are JWTs of this issuer. Default: they have no form.
    #[must_use]
    pub fn oidc_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.oidc_issuer = Some(issuer.into());
        self
    }

    /// Azure Resource Manager takes tokens for this audience. Default: for its own address.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The kubeconfig of the cluster's user. Default: one that signs in through kubelogin.
    #[must_use]
    pub fn kubeconfig(mut self, text: impl Into<String>) -> Self {
        self.kubeconfig = text.into();
        self
    }

    /// The token that Entra issues for the cluster, e.g. a static token that a real
    /// `kube-apiserver` takes. Default: `cluster-token-1`, `cluster-token-2` and so on.
    #[must_use]
    pub fn issue_token(mut self, token: impl Into<String>) -> Self {
        self.cluster_token = Some(token.into());
        self
    }

    /// How long tokens of Entra live, in seconds. Default: an hour, as Entra's do.
    #[must_use]
    pub fn token_lifetime(mut self, seconds: u64) -> Self {
        self.token_lifetime = seconds;
        self
    }

    /// The API versions that Azure Resource Manager serves. Default: three of 2025.
    #[must_use]
    pub fn api_versions(mut self, versions: &[&str]) -> Self {
        self.api_versions = versions
            .iter()
            .map(|version| (*version).to_owned())
            .collect();
        self
    }

    /// Starts the server on a free port of loopback, in a thread of its own.
    ///
    /// # Errors
    /// When no port or no temporary folder can be had.
    pub fn start(self) -> anyhow::Result<FakeAzure> {
        let state = Arc::new(Shared::new(self));
        let server = server::Server::start(Arc::clone(&state))?;
        state.lock().base_url.clone_from(&server.base_url);
        Ok(FakeAzure { state, server })
    }
}

impl FakeAzure {
    /// A fake with defaults to change.
    #[must_use]
    pub fn builder() -> FakeAzureBuilder {
        FakeAzureBuilder {
            kubeconfig: kubelogin_kubeconfig("https://127.0.0.1:1"),
            cluster_token: None,
            token_lifetime: 3600,
            api_versions: ["2025-05-01", "2025-09-01", "2025-10-01"]
                .map(str::to_owned)
                .to_vec(),
            local_accounts: false,
            oidc_issuer: None,
            audience: None,
            cluster_properties: running(),
            address: Ipv4Addr::LOCALHOST.into(),
            handshake: Duration::ZERO,
            wants_certificate: false,
        }
    }
}
