//! Azure Resource Manager, as far as the two calls for credentials and a GET of the cluster need it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{
    ADMIN_ACCOUNT_TOKEN, Answer, CLUSTER, RESOURCE_GROUP, Recorded, SUBSCRIPTION_ID, State,
};

/// A GET of the cluster itself.
const READ: &str = "";

pub(super) fn answer(state: &mut State, request: &Recorded) -> Answer {
    if request.path == super::tenant::ENDPOINTS {
        return super::tenant::endpoints(state, request);
    }
    let known = |token| state.arm_tokens.iter().any(|issued| issued == token);
    if !request.bearer().is_some_and(known) {
        let text = "The access token is invalid.";
        return Answer::arm_error(401, "InvalidAuthenticationToken", text)
            .header("www-authenticate", "Bearer error=\"invalid_token\"");
    }
    if let Some(answer) = super::tenant::answer(request) {
        return answer;
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
    let (cluster, call) = match rest {
        [
            "Microsoft.ContainerService",
            "managedClusters",
            cluster,
            call @ ("listClusterUserCredential" | "listClusterAdminCredential"),
        ] => (cluster, *call),
        ["Microsoft.ContainerService", "managedClusters", cluster] => (cluster, READ),
        _ => return Answer::arm_error(404, "InvalidResourceType", "No such resource type."),
    };
    let expected = if call == READ { "GET" } else { "POST" };
    if request.method != expected {
        return Answer::arm_error(405, "MethodNotAllowed", "The method is not allowed.");
    }
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
    if call == READ {
        return Answer::json(200, &managed_cluster(&state.settings.cluster_properties));
    }
    let (name, kubeconfig) = if call == "listClusterUserCredential" {
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
pub(super) fn of_admin(kubeconfig: &str) -> String {
    let users = kubeconfig.find("users:").unwrap_or(kubeconfig.len());
    let clusters = kubeconfig[..users].replace("clusterUser", "clusterAdmin");
    format!(
        "{clusters}users:\n- name: clusterAdmin_{RESOURCE_GROUP}_{CLUSTER}\n  user:\n    token: \
         {ADMIN_ACCOUNT_TOKEN}\n"
    )
}

/// As documented for `ManagedClusters - Get`, with the fields that are read and some others.
fn managed_cluster(properties: &Value) -> Value {
    json!({
        "id": format!(
            "/subscriptions/{SUBSCRIPTION_ID}/resourcegroups/{RESOURCE_GROUP}/providers\
             /Microsoft.ContainerService/managedClusters/{CLUSTER}"
        ),
        "location": "westeurope",
        "name": CLUSTER,
        "type": "Microsoft.ContainerService/ManagedClusters",
        "properties": properties,
    })
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
