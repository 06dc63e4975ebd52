//! From a service connection to an open cluster: token, kubeconfig in memory, client.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rollguard_agent::inputs::AksTarget;
use rollguard_agent::{AgentEnv, LoggingCommand, Outcome, ServiceConnection};
use rollguard_azure::{
    Authentication, Azure, AzureError, BearerTokens as _, ClusterId, TokenSource, Transport,
};
use rollguard_cluster::{BearerTokens, BoxError, Connection, Login as ClusterLogin, connect};
use rollguard_core::report::{Line, Style};
use rollguard_network::Network;

use crate::failure::Failure;
use crate::run::task::Connector;
use crate::run::tools::Tools;

/// Through Azure, as the identity of the pipeline.
pub(crate) struct ThroughAzure {
    /// The local time, until the API server tells its own.
    pub(crate) now: Timestamp,
    /// Proxies and trusted certificates; read when it is needed, so that a mistake in them is told as the
    /// task's own failure.
    pub(crate) network: Result<Network, Failure>,
}

#[async_trait]
impl Connector for ThroughAzure {
    async fn connect(
        &self,
        env: &AgentEnv,
        target: &AksTarget,
        tools: &mut Tools<'_>,
    ) -> Result<Connection, Failure> {
        let service = ServiceConnection::from_env(env, &target.service_connection_id)?;
        tools.console.register([service.secret().clone()]);
        let details = service.details().clone();
        let subscription = target
            .subscription_id
            .clone()
            .or(details.subscription_id)
            .ok_or_else(|| {
                Failure::new(
                    Outcome::BadInput,
                    "the service connection names no subscription",
                )
                .hint("set input `azureSubscriptionId`")
            })?;
        let cluster = ClusterId::new(&subscription, &target.resource_group, &target.cluster)
            .map_err(AzureError::from)?;
        let network = self.network.clone()?;
        if network.trust.skip_verification {
            tools.console.command(&LoggingCommand::warning(
                "AGENT_SKIPCERTVALIDATION is set: the certificates of Azure DevOps, Microsoft Entra and Azure \
                 are not verified, so anyone in between can read the job's credentials",
            ));
        }
        let transport = Transport::new(&network)?;
        let azure = Azure::for_connection(&service, transport)?;
        tools.console.line(&Line::styled(
            Style::Dim,
            format!(
                "signing in to AKS cluster {} in resource group {}",
                target.cluster, target.resource_group
            ),
        ));
        let access = azure.cluster_access(&cluster).await?;
        let tokens: Option<Arc<dyn BearerTokens>> = match &access.authentication {
            Authentication::Embedded => None,
            Authentication::Entra { server_id } => {
                Some(Arc::new(Tokens(azure.cluster_tokens(server_id))))
            }
        };
        let kubeconfig = access.kubeconfig.expose().to_owned();
        let login = ClusterLogin::InMemory {
            kubeconfig,
            tokens,
            network,
        };
        Ok(connect(&login, self.now).await?)
    }
}

/// Azure's tokens in the form that the cluster's client asks for.
struct Tokens(TokenSource);

#[async_trait]
impl BearerTokens for Tokens {
    async fn token(&self, rejected: Option<&str>) -> Result<String, BoxError> {
        Ok(self.0.token(rejected).await?.expose().to_owned())
    }
}
