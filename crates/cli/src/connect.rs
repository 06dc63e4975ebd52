//! From a service connection, or from a person who is signed in, to an open cluster: token, kubeconfig in
//! memory, client.

use std::ffi::OsString;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rollguard_agent::inputs::{AksTarget, ClusterTarget};
use rollguard_agent::service_connection::{KubernetesAccess, KubernetesConnection};
use rollguard_agent::{AgentEnv, LoggingCommand, Outcome, Secret, ServiceConnection};
use rollguard_azure::{
    Authentication, Azure, AzureError, BearerTokens as _, Cloud, ClusterId, Credentials,
    Login as AzureLogin, TokenSource, Transport,
};
use rollguard_cluster::{
    BearerTokens, BoxError, Clock, Connection, Impersonation, Login as ClusterLogin, connect,
    secrets_of_kubeconfig,
};
use rollguard_core::report::{Line, Style};
use rollguard_network::Network;

use crate::console::Console;
use crate::failure::Failure;
use crate::run::doctor::{self, InAzure, NetworkSettings, Survey};
use crate::run::task::Connector;
use crate::run::tools::Tools;

/// Where people sign in; their programs know better, and nothing is sent there.
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// Azure Resource Manager of the public cloud.
pub(crate) const ARM: &str = "https://management.azure.com";

/// By a service connection of the pipeline.
pub(crate) struct ByServiceConnection {
    /// The local time, until the API server tells its own.
    pub(crate) now: Timestamp,
    /// Proxies and trusted certificates; read when it is needed, so that a mistake in them is reported as the
    /// task's own failure.
    pub(crate) settings: NetworkSettings,
    /// Goes on with the local time.
    pub(crate) clock: Clock,
}

#[async_trait]
impl Connector for ByServiceConnection {
    async fn connect(
        &self,
        env: &AgentEnv,
        target: &ClusterTarget,
        tools: &mut Tools<'_>,
    ) -> Result<Connection, Failure> {
        match target {
            ClusterTarget::Aks(target) => self.through_azure(env, target, tools).await,
            ClusterTarget::Kubernetes {
                service_connection_id,
            } => {
                let login = self.directly(env, service_connection_id, tools)?;
                Ok(connect(&login, self.now).await?)
            }
        }
    }

    async fn survey(&self, env: &AgentEnv, target: &ClusterTarget) -> Survey {
        match target {
            ClusterTarget::Aks(target) => {
                doctor::survey(env, target, &self.settings, self.local_time()).await
            }
            ClusterTarget::Kubernetes { .. } => Survey::of_kubeconfig(&self.settings),
        }
    }

    fn local_time(&self) -> Timestamp {
        self.clock.now()
    }
}

impl ByServiceConnection {
    async fn through_azure(
        &self,
        env: &AgentEnv,
        target: &AksTarget,
        tools: &mut Tools<'_>,
    ) -> Result<Connection, Failure> {
        let id = target.service_connection_id.as_deref().unwrap_or_default();
        let service = ServiceConnection::from_env(env, id)?;
        tools.console.register(service.secret().cloned());
        let of_connection = service.details().subscription_id.as_deref();
        let subscription = target.subscription_id.as_deref().or(of_connection);
        let subscription = subscription.ok_or_else(|| {
            Failure::new(
                Outcome::BadInput,
                "the service connection names no subscription",
            )
            .hint("set input `azureSubscriptionId`")
        })?;
        let cluster = ClusterId::new(subscription, &target.resource_group, &target.cluster)
            .map_err(AzureError::from)?;
        let network = self.settings.network.clone()?;
        if network.trust.skip_verification {
            tools.console.command(&LoggingCommand::warning(
                "AGENT_SKIPCERTVALIDATION is set: the certificates of Azure DevOps, Microsoft Entra and Azure \
                 are not verified, so anyone in between can read the job's credentials",
            ));
        }
        let azure = Azure::for_connection(&service, Transport::new(&network)?)?;
        let access = of_aks(azure, target, &cluster, tools.console).await?;
        tools.console.register(access.secrets());
        let (login, azure) = access.login(network);
        let in_azure = InAzure::new(azure, cluster);
        in_azure.reach(connect(&login, self.now)).await
    }

    fn directly(
        &self,
        env: &AgentEnv,
        id: &str,
        tools: &mut Tools<'_>,
    ) -> Result<ClusterLogin, Failure> {
        let KubernetesConnection {
            access,
            accept_untrusted,
        } = KubernetesConnection::from_env(env, id)?;
        let network = self.settings.network.clone()?;
        if accept_untrusted {
            tools.console.command(&LoggingCommand::warning(
                "the service connection accepts untrusted certificates: that of the API server is not \
                 verified, so anyone in between can read the connection's credentials",
            ));
        }
        Ok(match access {
            KubernetesAccess::Kubeconfig {
                kubeconfig,
                context,
            } => {
                let kubeconfig = kubeconfig.expose().to_owned();
                tools.console.register(secrets_in(&kubeconfig));
                ClusterLogin::OfConnection {
                    kubeconfig,
                    context,
                    accept_untrusted,
                    network,
                }
            }
            KubernetesAccess::ServiceAccount {
                server,
                authority,
                token,
            } => {
                tools.console.register([token.clone()]);
                ClusterLogin::ServiceAccount {
                    server,
                    authority,
                    token: token.expose().to_owned(),
                    accept_untrusted,
                    network,
                }
            }
        })
    }
}

/// A person who is signed in with the Azure CLI or the Azure Developer CLI.
pub(crate) struct Developer<'a> {
    /// The address of Azure Resource Manager.
    pub(crate) arm: &'a str,
    /// The variables that these programs do not inherit.
    pub(crate) withheld: Vec<OsString>,
    /// Proxies and trusted certificates.
    pub(crate) network: Network,
    /// On whose behalf requests to the cluster are made.
    pub(crate) whom: Option<Impersonation>,
}

impl Developer<'_> {
    /// Connects to a cluster.
    pub(crate) async fn connect(
        &self,
        target: &AksTarget,
        console: &mut Console,
        now: Timestamp,
    ) -> Result<Connection, Failure> {
        let subscription = target.subscription_id.as_deref().unwrap_or_default();
        let cluster = ClusterId::new(subscription, &target.resource_group, &target.cluster)
            .map_err(AzureError::from)?;
        let access = of_aks(self.azure()?, target, &cluster, console).await?;
        console.hide(access.secrets());
        let (login, azure) = access.login(self.network.clone());
        let login = match self.whom.clone() {
            Some(whom) => login.on_behalf_of(whom),
            None => login,
        };
        let in_azure = InAzure::new(azure, cluster);
        in_azure.reach(connect(&login, now)).await
    }

    /// Gathers what is known about a cluster before it is asked.
    pub(crate) async fn survey(&self, target: &AksTarget, settings: &NetworkSettings) -> Survey {
        let person = doctor::Person {
            azure: self.azure(),
            arm: self.arm,
        };
        doctor::survey_of_person(person, target, settings).await
    }

    fn azure(&self) -> Result<Azure, Failure> {
        Ok(Azure::new(
            AzureLogin::DeveloperTools {
                withheld: self.withheld.clone(),
            },
            Cloud::new(AUTHORITY, self.arm)?,
            Transport::new(&self.network)?,
        )?)
    }
}

/// The way into an AKS cluster.
struct AksAccess {
    azure: Azure,
    kubeconfig: String,
    tokens: Option<Arc<dyn BearerTokens>>,
}

impl AksAccess {
    fn secrets(&self) -> Vec<Secret> {
        secrets_in(&self.kubeconfig)
    }

    /// The login, and Azure for what else is asked about the cluster.
    fn login(self, network: Network) -> (ClusterLogin, Azure) {
        let login = ClusterLogin::InMemory {
            kubeconfig: self.kubeconfig,
            tokens: self.tokens,
            network,
        };
        (login, self.azure)
    }
}

fn secrets_in(kubeconfig: &str) -> Vec<Secret> {
    let secrets = secrets_of_kubeconfig(kubeconfig);
    secrets.into_iter().map(Secret::new).collect()
}

async fn of_aks(
    azure: Azure,
    target: &AksTarget,
    cluster: &ClusterId,
    console: &mut Console,
) -> Result<AksAccess, Failure> {
    console.line(&Line::styled(
        Style::Dim,
        format!(
            "signing in to AKS cluster {} in resource group {}",
            target.cluster, target.resource_group
        ),
    ));
    let mut azure = azure.with_public_fqdn(target.public_fqdn);
    if target.use_cluster_admin {
        console.line(&Line::styled(
            Style::Warn,
            "signing in with the cluster's local administrator account: the identity's own Kubernetes \
             permissions do not apply, and audit logs do not show who it was",
        ));
        azure = azure.with_credentials(Credentials::Admin);
    }
    let access = azure.cluster_access(cluster).await?;
    let tokens: Option<Arc<dyn BearerTokens>> = match &access.authentication {
        Authentication::Embedded => None,
        Authentication::Entra { server_id } => {
            Some(Arc::new(Tokens(azure.cluster_tokens(server_id))))
        }
    };
    Ok(AksAccess {
        azure,
        kubeconfig: access.kubeconfig.expose().to_owned(),
        tokens,
    })
}

/// Azure's tokens in the form that the cluster's client asks for.
struct Tokens(TokenSource);

#[async_trait]
impl BearerTokens for Tokens {
    async fn token(&self, rejected: Option<&str>) -> Result<String, BoxError> {
        Ok(self.0.token(rejected).await?.expose().to_owned())
    }
}
