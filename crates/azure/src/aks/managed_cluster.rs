//! The cluster as Azure Resource Manager describes it: one GET, read as JSON.

use azure_core::http::headers::{ACCEPT, AUTHORIZATION};
use azure_core::http::{Context, Method, PipelineSendOptions, Request, Url};
use serde_json::Value;
use tokio::time::timeout;

use super::attempt::Attempt;
use super::{Arm, CALL_LIMIT};
use crate::error::{AzureError, AzureErrorKind, Task, explain, timed_out};
use crate::token::BearerTokens;
use crate::{ClusterId, Result, Secret};

/// The state of an AKS cluster in Azure. Its texts are Azure's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedCluster {
    /// `Running` or `Stopped`.
    pub power_state: Option<String>,
    /// `Succeeded`, `Updating`, `Deleting`, `Failed` and others.
    pub provisioning_state: Option<String>,
    /// The version of Kubernetes that it runs.
    pub kubernetes_version: Option<String>,
    /// The public name of the API server.
    pub fqdn: Option<String>,
    /// Its private name, if the cluster is private.
    pub private_fqdn: Option<String>,
    /// The only addresses from which the API server can be reached; empty: all.
    pub authorized_ip_ranges: Vec<String>,
    /// Whether its users sign in with Microsoft Entra.
    pub uses_entra: bool,
    /// Whether Azure decides about the permissions of Entra's identities.
    pub uses_azure_rbac: bool,
    /// Whether certificates and tokens of the cluster's own are refused.
    pub local_accounts_disabled: bool,
}

impl ManagedCluster {
    /// Returns whether Azure says that the cluster is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let state = self.power_state.as_deref();
        state.is_some_and(|it| it.eq_ignore_ascii_case("Stopped"))
    }

    /// Returns whether Azure says that the cluster is being deleted.
    #[must_use]
    pub fn is_being_deleted(&self) -> bool {
        let state = self.provisioning_state.as_deref();
        state.is_some_and(|it| it.eq_ignore_ascii_case("Deleting"))
    }

    fn read(answer: &Value) -> Self {
        let text = |pointer: &str| {
            let value = answer.pointer(pointer).and_then(Value::as_str);
            value.filter(|it| !it.is_empty()).map(str::to_owned)
        };
        let flag = |pointer: &str| answer.pointer(pointer).and_then(Value::as_bool) == Some(true);
        let profile = |pointer: &str| answer.pointer(pointer).is_some_and(Value::is_object);
        let ranges = answer.pointer("/properties/apiServerAccessProfile/authorizedIPRanges");
        let ranges = ranges.and_then(Value::as_array).into_iter().flatten();
        Self {
            power_state: text("/properties/powerState/code"),
            provisioning_state: text("/properties/provisioningState"),
            kubernetes_version: text("/properties/currentKubernetesVersion")
                .or_else(|| text("/properties/kubernetesVersion")),
            fqdn: text("/properties/fqdn"),
            private_fqdn: text("/properties/privateFQDN"),
            authorized_ip_ranges: ranges
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect(),
            uses_entra: profile("/properties/aadProfile"),
            uses_azure_rbac: flag("/properties/aadProfile/enableAzureRBAC"),
            local_accounts_disabled: flag("/properties/disableLocalAccounts"),
        }
    }
}

impl<T: BearerTokens> Arm<'_, T> {
    /// Returns the state of `cluster`.
    pub(crate) async fn managed_cluster(
        &self,
        cluster: &ClusterId,
        version: &str,
    ) -> Result<ManagedCluster> {
        let mut attempt = Attempt::first(version, self.tokens).await?;
        loop {
            match self.get(cluster, &attempt.version, &attempt.token).await {
                Ok(answer) => return Ok(ManagedCluster::read(&answer)),
                Err(error) => attempt.after(error, self.tokens).await?,
            }
        }
    }

    async fn get(&self, cluster: &ClusterId, version: &str, token: &Secret) -> Result<Value> {
        let task = || Task::ReadCluster {
            cluster: cluster.clone(),
            client_id: self.client_id.map(str::to_owned),
        };
        let not_understood = || AzureError::new(task(), AzureErrorKind::NotUnderstood);
        let mut url = Url::parse(&format!("{}{}", self.endpoint, cluster.resource_id()))
            .map_err(|_| not_understood())?;
        url.query_pairs_mut().append_pair("api-version", version);
        let mut request = Request::new(url, Method::Get);
        request.insert_header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        request.insert_header(ACCEPT, "application/json");
        // Our own policy has checked status and form.
        let checked = PipelineSendOptions {
            skip_checks: true,
            ..PipelineSendOptions::default()
        };
        let context = Context::new();
        let sending = self.pipeline.send(&context, &mut request, Some(checked));
        let answer = timeout(CALL_LIMIT, sending)
            .await
            .map_err(|_| timed_out(task(), CALL_LIMIT))?
            .map_err(|error| explain(task(), &error).asked_version(version))?;
        serde_json::from_slice(answer.into_body().as_ref()).map_err(|_| not_understood())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_state_is_read_from_what_azure_documents() {
        let rows = [
            (
                "a running public cluster",
                json!({"properties": {"powerState": {"code": "Running"}, "provisioningState": "Succeeded",
                    "currentKubernetesVersion": "1.33.2", "kubernetesVersion": "1.33", "fqdn": "shop.hcp.azmk8s.io"}}),
                ManagedCluster {
                    power_state: Some("Running".to_owned()),
                    provisioning_state: Some("Succeeded".to_owned()),
                    kubernetes_version: Some("1.33.2".to_owned()),
                    fqdn: Some("shop.hcp.azmk8s.io".to_owned()),
                    ..ManagedCluster::default()
                },
            ),
            (
                "a stopped private cluster with Azure RBAC",
                json!({"properties": {"powerState": {"code": "Stopped"}, "kubernetesVersion": "1.33", "fqdn": "",
                    "privateFQDN": "shop.privatelink.azmk8s.io", "disableLocalAccounts": true,
                    "aadProfile": {"managed": true, "enableAzureRBAC": true},
                    "apiServerAccessProfile": {"authorizedIPRanges": ["203.0.113.0/24"]}}}),
                ManagedCluster {
                    power_state: Some("Stopped".to_owned()),
                    kubernetes_version: Some("1.33".to_owned()),
                    private_fqdn: Some("shop.privatelink.azmk8s.io".to_owned()),
                    authorized_ip_ranges: vec!["203.0.113.0/24".to_owned()],
                    uses_entra: true,
                    uses_azure_rbac: true,
                    local_accounts_disabled: true,
                    ..ManagedCluster::default()
                },
            ),
            (
                "an answer without properties",
                json!({"name": "shop", "properties": {"aadProfile": null}}),
                ManagedCluster::default(),
            ),
        ];
        for (says, answer, expected) in rows {
            assert_eq!(ManagedCluster::read(&answer), expected, "{says}");
        }
    }
}
