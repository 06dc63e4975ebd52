//! The way in: one identity in one cloud.

use std::sync::Arc;

use rollguard_agent::ServiceConnection;

use crate::aks::{self, DEFAULT_API_VERSION, ManagedCluster};
use crate::cloud::Cloud;
use crate::credential::CredentialFactory;
use crate::kubeconfig::ClusterAccess;
use crate::login::Login;
use crate::permission::Credentials;
use crate::token::TokenSource;
use crate::transport::Transport;
use crate::{ClusterId, Result};

/// One identity in one cloud. Signs in when something is asked of it, not before.
pub struct Azure {
    cloud: Cloud,
    transport: Transport,
    credentials: Arc<CredentialFactory>,
    arm_tokens: TokenSource,
    api_version: String,
    wanted: Credentials,
    public_fqdn: bool,
}

impl Azure {
    /// Ready to sign in.
    ///
    /// # Errors
    /// When `login` is incomplete or holds an address that is not `https`; nothing is sent.
    pub fn new(login: Login, cloud: Cloud, transport: Transport) -> Result<Self> {
        let credentials = Arc::new(CredentialFactory::new(
            login,
            cloud.clone(),
            transport.clone(),
        ));
        credentials.make()?;
        let arm_tokens = TokenSource::new(Arc::clone(&credentials), cloud.arm_scope());
        let api_version = DEFAULT_API_VERSION.to_owned();
        Ok(Self {
            cloud,
            transport,
            credentials,
            arm_tokens,
            api_version,
            wanted: Credentials::default(),
            public_fqdn: false,
        })
    }

    /// Ready to sign in as `connection` says, in its cloud.
    ///
    /// # Errors
    /// As [`Azure::new`].
    pub fn for_connection(connection: &ServiceConnection, transport: Transport) -> Result<Self> {
        let of_connection = &connection.details().cloud;
        let cloud = Cloud::new(&of_connection.authority, &of_connection.arm)?;
        let cloud = cloud.with_audience(&of_connection.audience)?;
        Self::new(connection.into(), cloud, transport)
    }

    /// Asks for other credentials than those of the cluster's user.
    #[must_use]
    pub const fn with_credentials(mut self, wanted: Credentials) -> Self {
        self.wanted = wanted;
        self
    }

    /// Asks for the public name of a private cluster.
    #[must_use]
    pub const fn with_public_fqdn(mut self, public_fqdn: bool) -> Self {
        self.public_fqdn = public_fqdn;
        self
    }

    /// Asks for another version of the `Microsoft.ContainerService` API than
    /// [`DEFAULT_API_VERSION`].
    #[must_use]
    pub fn with_api_version(mut self, api_version: impl Into<String>) -> Self {
        self.api_version = api_version.into();
        self
    }

    /// The kubeconfig of `cluster`, in memory, and how its user proves who it is.
    ///
    /// # Errors
    /// When signing in fails, Azure Resource Manager refuses, or the kubeconfig has no user that
    /// rollguard takes.
    pub async fn cluster_access(&self, cluster: &ClusterId) -> Result<ClusterAccess> {
        let arm = self.resource_manager();
        let kubeconfig = arm.kubeconfig(cluster, &self.api_version).await?;
        ClusterAccess::read(&kubeconfig, cluster.name())
    }

    /// The state of `cluster` in Azure: whether it runs, and how it is reached.
    ///
    /// # Errors
    /// When signing in fails, or Azure Resource Manager refuses.
    pub async fn managed_cluster(&self, cluster: &ClusterId) -> Result<ManagedCluster> {
        let arm = self.resource_manager();
        arm.managed_cluster(cluster, &self.api_version).await
    }

    fn resource_manager(&self) -> aks::Arm<'_, TokenSource> {
        aks::Arm {
            endpoint: self.cloud.arm(),
            pipeline: self.transport.pipeline(self.cloud.authority()),
            tokens: &self.arm_tokens,
            client_id: self.credentials.login().client_id(),
            credentials: self.wanted,
            public_fqdn: self.public_fqdn,
        }
    }

    /// Tokens for a cluster that uses Microsoft Entra; `server_id` is
    /// [`crate::Authentication::Entra`]'s.
    #[must_use]
    pub fn cluster_tokens(&self, server_id: &str) -> TokenSource {
        TokenSource::new(
            Arc::clone(&self.credentials),
            format!("{server_id}/.default"),
        )
    }
}
