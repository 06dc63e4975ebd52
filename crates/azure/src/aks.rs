//! AKS in Azure Resource Manager: the two calls rollguard makes there.
//!
//! Only this file and its bridge know `azure_mgmt_containerservice` and the old `azure_core` below
//! it.

mod api_version;
mod attempt;
mod bridge;
mod managed_cluster;

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::Pipeline;
use azure_core_legacy::{RetryOptions, TransportOptions};
use azure_mgmt_containerservice::Client;
use azure_mgmt_containerservice::models::CredentialResults;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use tokio::time::timeout;

use crate::error::{AzureError, AzureErrorKind, Task, explain, timed_out};
use crate::permission::Credentials;
use crate::token::BearerTokens;
use crate::{ClusterId, Result, Secret};
use attempt::Attempt;
use bridge::{Bridge, OneToken};
pub use managed_cluster::ManagedCluster;

/// The version of the `Microsoft.ContainerService` API that is requested by default.
///
/// The versions that the crate was generated for were retired on 2024-06-20; the newest one that
/// all clouds serve is the safest, and the answer has not changed since 2017.
pub const DEFAULT_API_VERSION: &str = "2025-10-01";

/// How long one call may take, retries and waits included. (value to be measured)
const CALL_LIMIT: Duration = Duration::from_secs(60);
/// Which of its names the kubeconfig of a private cluster has as its server.
const PUBLIC_NAME: &str = "public";

/// Azure Resource Manager for one identity.
pub(crate) struct Arm<'a, T> {
    pub(crate) endpoint: &'a str,
    pub(crate) pipeline: Pipeline,
    pub(crate) tokens: &'a T,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) credentials: Credentials,
    pub(crate) public_fqdn: bool,
}

impl<T: BearerTokens> Arm<'_, T> {
    /// The kubeconfig of `cluster` as YAML.
    pub(crate) async fn kubeconfig(&self, cluster: &ClusterId, version: &str) -> Result<Secret> {
        let mut attempt = Attempt::first(version, self.tokens).await?;
        loop {
            match self.call(cluster, &attempt.version, &attempt.token).await {
                Ok(answer) => return kubeconfig_in(answer, cluster, self.credentials),
                Err(error) => attempt.after(error, self.tokens).await?,
            }
        }
    }

    async fn call(
        &self,
        cluster: &ClusterId,
        version: &str,
        token: &Secret,
    ) -> Result<CredentialResults> {
        let bridge = Bridge::new(self.pipeline.clone(), version.to_owned());
        let client = Client::builder(Arc::new(OneToken::new(token)))
            .endpoint(self.endpoint)
            .transport(TransportOptions::new(Arc::new(bridge)))
            // The old azure_core's sleep can lose its wake-up and hang forever; the new one
            // retries below.
            .retry(RetryOptions::none())
            .build();
        let task = || Task::ListCredentials {
            cluster: cluster.clone(),
            client_id: self.client_id.map(str::to_owned),
            credentials: self.credentials,
        };
        timeout(CALL_LIMIT, self.request(&client, cluster))
            .await
            .map_err(|_| timed_out(task(), CALL_LIMIT))?
            .map_err(|error| explain(task(), &error).asked_version(version))
    }

    fn request(
        &self,
        client: &Client,
        cluster: &ClusterId,
    ) -> BoxFuture<'static, azure_core_legacy::Result<CredentialResults>> {
        let clusters = client.managed_clusters_client();
        let subscription = cluster.subscription();
        let (group, name) = (cluster.resource_group(), cluster.name());
        match self.credentials {
            Credentials::User => {
                let request = clusters.list_cluster_user_credentials(subscription, group, name);
                let request = request.format("exec");
                if self.public_fqdn {
                    request.server_fqdn(PUBLIC_NAME).into_future()
                } else {
                    request.into_future()
                }
            }
            Credentials::Admin => {
                let request = clusters.list_cluster_admin_credentials(subscription, group, name);
                if self.public_fqdn {
                    request.server_fqdn(PUBLIC_NAME).into_future()
                } else {
                    request.into_future()
                }
            }
        }
    }
}

fn kubeconfig_in(
    answer: CredentialResults,
    cluster: &ClusterId,
    credentials: Credentials,
) -> Result<Secret> {
    let unusable = |detail: String| {
        let kind = AzureErrorKind::Kubeconfig { detail };
        AzureError::new(
            Task::ReadKubeconfig {
                cluster: cluster.name().to_owned(),
            },
            kind,
        )
    };
    let value = answer
        .kubeconfigs
        .into_iter()
        .find(|item| item.name.as_deref() == Some(credentials.item()))
        .and_then(|item| item.value)
        .ok_or_else(|| {
            let name = credentials.item();
            unusable(format!("Azure returned no kubeconfig named `{name}`"))
        })?;
    STANDARD
        .decode(value)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(Secret::new)
        .ok_or_else(|| unusable("the kubeconfig is not base64 of text".to_owned()))
}
