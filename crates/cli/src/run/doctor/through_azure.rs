//! Asks a service connection and Azure about a cluster, before the cluster itself is asked.

use jiff::Timestamp;
use rollguard_agent::inputs::AksTarget;
use rollguard_agent::{AgentEnv, Outcome, ServiceConnection};
use rollguard_azure::{Azure, AzureError, AzureErrorKind, ClusterId, ManagedCluster, Transport};
use rollguard_core::doctor::{About, AzureRbac, Fact, State};

use super::power_state::why_it_is_down;
use super::{NetworkSettings, Survey, credential};
use crate::failure::Failure;

/// Reads the connection, and asks Azure for the cluster. What fails here is reported by the connection as well, so that only
/// what it cannot know ends the examination. `now` is the local time.
pub(crate) async fn survey(
    env: &AgentEnv,
    target: &AksTarget,
    settings: &NetworkSettings,
    now: Timestamp,
) -> Survey {
    let mut survey = Survey::default();
    survey.facts.extend(settings.certificates());
    let id = target.service_connection_id.as_deref().unwrap_or_default();
    let Ok(service) = ServiceConnection::from_env(env, id) else {
        return survey;
    };
    let details = service.details();
    let subscription = target
        .subscription_id
        .clone()
        .or_else(|| details.subscription_id.clone());
    let tenant = service.application().map(|it| it.tenant_id.clone());
    survey
        .facts
        .extend(tenant.map(|tenant| Fact::new(About::Tenant, State::Good, tenant)));
    survey.facts.extend([
        match &subscription {
            Some(id) => Fact::new(About::Subscription, State::Good, id.clone()),
            None => Fact::new(
                About::Subscription,
                State::Failed,
                "the service connection names none",
            ),
        },
        credential::ends(&service, now),
    ]);
    let addresses = [details.cloud.authority.as_str(), details.cloud.arm.as_str()];
    survey.facts.extend(settings.way_to_azure(&addresses));
    let Some(subscription) = subscription else {
        return survey;
    };
    let Ok(cluster) = ClusterId::new(&subscription, &target.resource_group, &target.cluster) else {
        return survey;
    };
    let state = managed_cluster(&service, settings, &cluster).await;
    describe_if_seen(&mut survey, state, &cluster);
    survey
}

/// A person who is signed in with the Azure CLI or the Azure Developer CLI.
pub(crate) struct Person<'a> {
    /// The way to Azure, or why there is none.
    pub(crate) azure: Result<Azure, Failure>,
    /// The address of Azure Resource Manager.
    pub(crate) arm: &'a str,
}

/// Asks Azure for the cluster of a person.
pub(crate) async fn survey_of_person(
    person: Person<'_>,
    target: &AksTarget,
    settings: &NetworkSettings,
) -> Survey {
    let mut survey = Survey::default();
    let subscription = target.subscription_id.clone().unwrap_or_default();
    let tenant = "cannot see: that of the Azure CLI or the Azure Developer CLI";
    let tenant = Fact::new(About::Tenant, State::Unseen, tenant);
    survey.facts.extend(settings.certificates());
    survey.facts.extend([
        tenant.hint("az account show --query tenantId"),
        Fact::new(About::Subscription, State::Good, subscription.clone()),
    ]);
    survey.facts.extend(settings.way_to_azure(&[person.arm]));
    let Ok(cluster) = ClusterId::new(&subscription, &target.resource_group, &target.cluster) else {
        return survey;
    };
    let state = match person.azure {
        Ok(azure) => azure.managed_cluster(&cluster).await.map_err(told),
        Err(failure) => Err(failure),
    };
    describe_if_seen(&mut survey, state, &cluster);
    survey
}

async fn managed_cluster(
    service: &ServiceConnection,
    settings: &NetworkSettings,
    cluster: &ClusterId,
) -> Result<ManagedCluster, Failure> {
    let transport = Transport::new(&settings.network.clone()?)?;
    let azure = Azure::for_connection(service, transport)?;
    azure.managed_cluster(cluster).await.map_err(told)
}

/// Says in short that the role is missing: the connection, which needs it for the kubeconfig, says the rest.
fn told(error: AzureError) -> Failure {
    let forbidden = matches!(error.kind(), AzureErrorKind::Forbidden { .. });
    let failure = Failure::from(error);
    if forbidden {
        Failure::new(
            Outcome::Credentials,
            "the identity may not read the cluster in Azure Resource Manager",
        )
    } else {
        failure
    }
}

fn describe_if_seen(
    survey: &mut Survey,
    state: Result<ManagedCluster, Failure>,
    cluster: &ClusterId,
) {
    match state {
        Ok(state) => describe(survey, &state, cluster),
        Err(failure) => survey.facts.push(Fact::new(
            About::PowerState,
            State::Unseen,
            format!("cannot see: {}", failure.messages().join("; ")),
        )),
    }
}

fn describe(survey: &mut Survey, state: &ManagedCluster, cluster: &ClusterId) {
    if state.uses_azure_rbac {
        survey.azure_rbac = Some(AzureRbac {
            cluster_id: cluster.resource_id(),
        });
    }
    let down = why_it_is_down(state, cluster);
    let how = match &down {
        Some(_) => State::Failed,
        None => State::Good,
    };
    let fact = Fact::new(About::PowerState, how, words(state));
    survey.facts.push(match &down {
        Some(down) => fact.hint(down.hint.clone()),
        None => fact,
    });
    // The API server of such a cluster would not answer, and that would take half a minute.
    survey.failure = down.map(|down| down.failure(cluster));
}

fn words(state: &ManagedCluster) -> String {
    let known = |it: &Option<String>| it.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut words = vec![
        format!("power state {}", known(&state.power_state)),
        format!("provisioning state {}", known(&state.provisioning_state)),
    ];
    words.extend(state.fqdn.iter().map(|it| format!("public name {it}")));
    words.extend(
        state
            .private_fqdn
            .iter()
            .map(|it| format!("private name {it}")),
    );
    if !state.authorized_ip_ranges.is_empty() {
        words.push(format!(
            "only from {}",
            state.authorized_ip_ranges.join(", ")
        ));
    }
    words.push(
        match (state.uses_entra, state.uses_azure_rbac) {
            (true, true) => "Microsoft Entra with Azure RBAC",
            (true, false) => "Microsoft Entra with Kubernetes RBAC",
            (false, _) => "without Microsoft Entra",
        }
        .to_owned(),
    );
    if state.local_accounts_disabled {
        words.push("local accounts disabled".to_owned());
    }
    words.join(", ")
}
