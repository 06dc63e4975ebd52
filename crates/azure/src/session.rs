//! The way in: one identity in one cloud.

use std::sync::Arc;

use rollguard_agent::ServiceConnection;

use crate::aks::{self, DEFAULT_API_VERSION};
use crate::cloud::Cloud;
use crate::credential::CredentialFactory;
use crate::kubeconfig::ClusterAccess;
use crate::login::Login;
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
        })
    }

    /// Ready to sign in as `connection` says, in its cloud.
    ///
    /// # Errors
    /// As [`Azure::new`].
    pub fn for_connection(connection: &ServiceConnection, transport: Transport) -> Result<Self> {
        let cloud = &connection.details().cloud;
        Self::new(
            connection.into(),
            Cloud::new(&cloud.authority, &cloud.arm)?,
            transport,
        )
    }

    /// Asks for another version of the `Microsoft.ContainerService` API than
    /// [`DEFAULT_API_VERSION`].
    #[must_use]
    pub fn with_api_version(mut self, api_version: impl Into<String>) -> Self {
        self.api_version = api_version.into();
        self
    }

    /// The user kubeconfig of `cluster`, in memory, and how its user proves who it is.
    ///
    /// # Errors
    /// When signing in fails, Azure Resource Manager refuses, or the kubeconfig has no user that
    /// rollguard takes.
    pub async fn cluster_access(&self, cluster: &ClusterId) -> Result<ClusterAccess> {
        let arm = aks::Arm {
            endpoint: self.cloud.arm(),
            pipeline: self.transport.pipeline(self.cloud.authority()),
            tokens: &self.arm_tokens,
            client_id: self.credentials.login().client_id(),
        };
        let kubeconfig = arm.user_kubeconfig(cluster, &self.api_version).await?;
        ClusterAccess::read(&kubeconfig, cluster.name())
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
