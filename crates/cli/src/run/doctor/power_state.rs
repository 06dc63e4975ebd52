//! The state of a cluster in Azure, for the error of an API server that does not answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rollguard_agent::Outcome;
use rollguard_azure::{Azure, AzureError, AzureErrorKind, ClusterId, ManagedCluster};
use rollguard_cluster::{Clock, ClusterErrorKind, Connection, Outage};
use rollguard_core::duration::after;

use crate::failure::Failure;

/// How long the API server may keep silent before Azure is asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// A cluster in Azure, which knows about it when the API server does not answer.
pub struct InAzure {
    azure: Azure,
    cluster: ClusterId,
}

impl InAzure {
    /// A cluster about which `azure` is asked.
    #[must_use]
    pub const fn new(azure: Azure, cluster: ClusterId) -> Self {
        Self { azure, cluster }
    }

    async fn state(&self) -> rollguard_azure::Result<ManagedCluster> {
        self.azure.managed_cluster(&self.cluster).await
    }

    /// Awaits the connection to the cluster, which asks Azure again if the API server is lost. If it does not answer,
    /// Azure is asked whether the cluster runs: the name of one that is stopped or deleted does not resolve.
    ///
    /// # Errors
    /// As the connection; sooner if Azure says that the cluster cannot answer.
    pub(crate) async fn reach(
        self,
        connecting: impl Future<Output = rollguard_cluster::Result<Connection>>,
    ) -> Result<Connection, Failure> {
        let mut connecting = pin!(connecting);
        let connected = tokio::select! {
            biased;
            connected = &mut connecting => connected,
            failure = self.down_after(PATIENCE) => match failure {
                Some(failure) => return Err(failure),
                None => connecting.await,
            },
        };
        match connected {
            Ok(mut connection) => {
                connection.way_in.outage = Some(Arc::new(self));
                Ok(connection)
            }
            Err(error) if error.kind() == ClusterErrorKind::Unreachable => {
                let state = self.state().await;
                Err(explained(error.into(), state.as_ref(), &self.cluster))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the failure of a cluster that cannot answer, if Azure says so.
    async fn down_after(&self, patience: Duration) -> Option<Failure> {
        // Only the pause matters.
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        clock.sleep_until(after(clock.now(), patience)).await;
        let down = match self.state().await {
            Ok(state) => why_it_is_down(&state, &self.cluster),
            Err(error) => why_it_is_gone(&error),
        };
        down.map(|down| down.failure(&self.cluster))
    }
}

#[async_trait]
impl Outage for InAzure {
    async fn why(&self) -> Option<String> {
        let why = match self.state().await {
            Ok(state) => match why_it_is_down(&state, &self.cluster) {
                Some(down) => Some(down.why),
                None => {
                    unsettled(&state).map(|it| format!("the cluster's provisioning state is {it}"))
                }
            },
            Err(error) => why_it_is_gone(&error).map(|it| it.why),
        };
        why.map(|why| format!("Azure says that {why}"))
    }
}

fn explained(
    failure: Failure,
    state: Result<&ManagedCluster, &AzureError>,
    cluster: &ClusterId,
) -> Failure {
    let down = match state {
        Ok(state) => why_it_is_down(state, cluster),
        Err(error) => why_it_is_gone(error),
    };
    if let Some(Down { why, hint }) = down {
        return failure.because(&why).hint(hint);
    }
    // What Azure does not say changes nothing about the error.
    match state.ok().and_then(why_it_may_be_out_of_reach) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Why a cluster cannot answer.
pub(super) struct Down {
    /// As the end of a sentence.
    pub(super) why: String,
    /// What to do.
    pub(super) hint: String,
}

impl Down {
    /// Returns the failure of a connection to the cluster.
    pub(super) fn failure(self, cluster: &ClusterId) -> Failure {
        let message = format!(
            "failed to reach AKS cluster {}: {}",
            cluster.name(),
            self.why
        );
        Failure::new(Outcome::Unreachable, message).hint(self.hint)
    }
}

/// Returns why no one can reach the cluster, if Azure does not find it.
fn why_it_is_gone(error: &AzureError) -> Option<Down> {
    matches!(error.kind(), AzureErrorKind::NotFound { .. }).then(|| Down {
        why: "the cluster does not exist any more".to_owned(),
        hint: "check the names, or create the cluster again".to_owned(),
    })
}

/// Returns why no one can reach the cluster, if Azure says so.
pub(super) fn why_it_is_down(state: &ManagedCluster, cluster: &ClusterId) -> Option<Down> {
    if state.is_being_deleted() {
        return Some(Down {
            why: "the cluster is being deleted".to_owned(),
            hint: "check that this is the right cluster".to_owned(),
        });
    }
    state.is_stopped().then(|| Down {
        why: "the cluster is stopped".to_owned(),
        hint: format!(
            "start it: az aks start --subscription {} --resource-group \"{}\" --name {}",
            cluster.subscription(),
            cluster.resource_group(),
            cluster.name()
        ),
    })
}

/// Returns why a cluster that runs may be out of reach from here.
fn why_it_may_be_out_of_reach(state: &ManagedCluster) -> Option<String> {
    if let Some(name) = &state.private_fqdn {
        return Some(format!(
            "the cluster is private: `{name}` resolves and answers only inside its network; run on an agent there"
        ));
    }
    if !state.authorized_ip_ranges.is_empty() {
        return Some(format!(
            "the API server answers only to {}; check that the agent's public address is in it",
            state.authorized_ip_ranges.join(", ")
        ));
    }
    unsettled(state).map(|it| {
        format!(
            "Azure says that the cluster's provisioning state is {it}; try again when it is Succeeded"
        )
    })
}

/// Returns the provisioning state of a cluster that Azure is changing, or could not change.
fn unsettled(state: &ManagedCluster) -> Option<&str> {
    let provisioning = state.provisioning_state.as_deref();
    provisioning.filter(|it| !it.is_empty() && *it != "Succeeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_api_server_is_explained_by_the_state_in_azure() {
        let id = "00000000-0000-4000-8000-000000000000";
        let cluster = ClusterId::new(id, "rg-shop", "aks-shop").unwrap();
        let text = |it: &str| Some(it.to_owned());
        let running = ManagedCluster {
            power_state: text("Running"),
            provisioning_state: text("Succeeded"),
            ..ManagedCluster::default()
        };
        let rows = [
            (
                "stopped",
                ManagedCluster {
                    power_state: text("Stopped"),
                    ..running.clone()
                },
                "no answer: the cluster is stopped",
                "az aks start --subscription 00000000-0000-4000-8000-000000000000 --resource-group \"rg-shop\" --name \
                 aks-shop",
            ),
            (
                "being deleted",
                ManagedCluster {
                    provisioning_state: text("Deleting"),
                    ..running.clone()
                },
                "no answer: the cluster is being deleted",
                "right cluster",
            ),
            (
                "private",
                ManagedCluster {
                    private_fqdn: text("shop.privatelink"),
                    ..running.clone()
                },
                "no answer",
                "`shop.privatelink` resolves and answers only inside its network",
            ),
            (
                "authorized ranges",
                ManagedCluster {
                    authorized_ip_ranges: vec!["203.0.113.0/24".to_owned()],
                    ..running.clone()
                },
                "no answer",
                "only to 203.0.113.0/24",
            ),
            (
                "updating",
                ManagedCluster {
                    provisioning_state: text("Updating"),
                    ..running.clone()
                },
                "no answer",
                "provisioning state is Updating",
            ),
            ("running", running, "no answer", "look at the network"),
        ];
        for (says, state, message, hint) in rows {
            let failure =
                Failure::new(Outcome::Unreachable, "no answer").hint("look at the network");
            let explained = explained(failure, Ok(&state), &cluster);
            assert_eq!(explained.messages(), [message], "{says}");
            assert!(explained.hint.unwrap().contains(hint), "{says}");
        }
    }
}
