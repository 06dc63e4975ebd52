//! Azure Resource Manager, as far as the two calls for credentials need it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{
    ADMIN_ACCOUNT_TOKEN, Answer, CLUSTER, RESOURCE_GROUP, Recorded, SUBSCRIPTION_ID, State,
};

pub(super) fn answer(state: &mut State, request: &Recorded) -> Answer {
    let known = |token| state.arm_tokens.iter().any(|issued| issued == token);
    if !request.bearer().is_some_and(known) {
        let text = "The access token is invalid.";
        return Answer::arm_error(401, "InvalidAuthenticationToken", text)
            .header("www-authenticate", "Bearer error=\"invalid_token\"");
    }
    let parts: Vec<&str> = request.path.split('/').collect();
    let [
        "",
        "subscriptions",
        subscription,
        "resourceGroups",
        group,
        "providers",
        rest @ ..,
    ] = parts.as_slice()
    else {
        return Answer::arm_error(404, "NotFound", "No such path.");
    };
    let [
        "Microsoft.ContainerService",
        "managedClusters",
        cluster,
        call @ ("listClusterUserCredential" | "listClusterAdminCredential"),
    ] = rest
    else {
        return Answer::arm_error(404, "InvalidResourceType", "No such resource type.");
    };
    if let Some(refusal) = wrong_version(state, request.query("api-version")) {
        return refusal;
    }
    let missing = |code, text: String| Answer::arm_error(404, code, &text);
    if *subscription != SUBSCRIPTION_ID {
        let text = format!("The subscription '{subscription}' could not be found.");
        return missing("SubscriptionNotFound", text);
    }
    if !group.eq_ignore_ascii_case(RESOURCE_GROUP) {
        let text = format!("Resource group '{group}' could not be found.");
        return missing("ResourceGroupNotFound", text);
    }
    if !cluster.eq_ignore_ascii_case(CLUSTER) {
        let text = format!(
            "The Resource 'Microsoft.ContainerService/managedClusters/{cluster}' under resource \
             group '{group}' was not found. For more details please go to \
             https://aka.ms/ARMResourceNotFoundFix"
        );
        return missing("ResourceNotFound", text);
    }
    let (name, kubeconfig) = if *call == "listClusterUserCredential" {
        ("clusterUser", state.settings.kubeconfig.clone())
    } else if state.settings.local_accounts {
        ("clusterAdmin", of_admin(&state.settings.kubeconfig))
    } else {
        let text = "Getting static credential is not allowed because this cluster is set to \
                    disable local accounts.";
        return Answer::arm_error(400, "BadRequest", text);
    };
    let value = STANDARD.encode(kubeconfig);
    Answer::json(
        200,
        &json!({ "kubeconfigs": [{ "name": name, "value": value }] }),
    )
}

/// The same with credentials in it, as AKS gives it for the local administrator account.
fn of_admin(kubeconfig: &str) -> String {
    let users = kubeconfig.find("users:").unwrap_or(kubeconfig.len());
    let clusters = kubeconfig[..users].replace("clusterUser", "clusterAdmin");
    format!(
        "{clusters}users:\n- name: clusterAdmin_{RESOURCE_GROUP}_{CLUSTER}\n  user:\n    token: \
         {ADMIN_ACCOUNT_TOKEN}\n"
    )
}

fn wrong_version(state: &State, asked: Option<&str>) -> Option<Answer> {
    let Some(asked) = asked else {
        let text = "The api-version query parameter (?api-version=) is required for all requests.";
        return Some(Answer::arm_error(400, "MissingApiVersionParameter", text));
    };
    let served = &state.settings.api_versions;
    if served.iter().any(|version| version == asked) {
        return None;
    }
    let text = format!(
        "No registered resource provider found for location 'westeurope' and API version \
         '{asked}' for type 'managedClusters'. The supported api-versions are '{}'. The supported \
         locations are ', westeurope, northeurope'.",
        served.join(", ")
    );
    Some(Answer::arm_error(400, "NoRegisteredProviderFound", &text))
}
