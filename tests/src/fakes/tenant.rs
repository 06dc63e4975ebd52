//! Azure Resource Manager above its subscriptions: the endpoints of the cloud, and what an identity
//! may see. Only the Azure CLI asks for these.

use serde_json::json;

use super::{Answer, Recorded, SUBSCRIPTION_ID, State, TENANT_ID};

/// The path that every client may ask for, signed in or not.
pub(super) const ENDPOINTS: &str = "/metadata/endpoints";
/// The subscriptions that the identity may see.
const SUBSCRIPTIONS: &str = "/subscriptions";
/// The tenants that the identity may see.
const TENANTS: &str = "/tenants";

/// Returns whether one of these is at this path.
pub(super) fn is_at(path: &str) -> bool {
    [ENDPOINTS, SUBSCRIPTIONS, TENANTS].contains(&path)
}

/// Returns the endpoints of the cloud. Azure Stack and custom clouds are registered by them.
pub(super) fn endpoints(state: &State, request: &Recorded) -> Answer {
    let base = format!("{}/", state.base_url);
    let Some(version) = request.query("api-version") else {
        return no_version();
    };
    let authentication = json!({
        "loginEndpoint": base,
        "audiences": [state.base_url],
        "tenant": "common",
        "identityProvider": "AAD",
    });
    // The form of 2015 is what `az cloud register` asks for.
    if version == "2015-01-01" {
        let body = json!({
            "galleryEndpoint": base,
            "graphEndpoint": base,
            "portalEndpoint": base,
            "authentication": authentication,
        });
        return Answer::json(200, &body);
    }
    Answer::json(
        200,
        &json!({
            "name": "FakeCloud",
            "resourceManager": base,
            "portal": base,
            "graph": base,
            "graphAudience": base,
            "gallery": base,
            "authentication": authentication,
            "suffixes": {},
        }),
    )
}

/// Returns what the identity may see, or none if the path is another one's.
pub(super) fn answer(request: &Recorded) -> Option<Answer> {
    let item = match request.path.as_str() {
        SUBSCRIPTIONS => json!({
            "id": format!("{SUBSCRIPTIONS}/{SUBSCRIPTION_ID}"),
            "subscriptionId": SUBSCRIPTION_ID,
            "tenantId": TENANT_ID,
            "displayName": "Shop",
            "state": "Enabled",
            "subscriptionPolicies": { "spendingLimit": "Off" },
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
        }),
        TENANTS => json!({
            "id": format!("{TENANTS}/{TENANT_ID}"),
            "tenantId": TENANT_ID,
            "displayName": "Contoso",
            "tenantCategory": "Home",
        }),
        _ => return None,
    };
    if request.query("api-version").is_none() {
        return Some(no_version());
    }
    Some(Answer::json(200, &json!({ "value": [item] })))
}

fn no_version() -> Answer {
    let text = "The api-version query parameter (?api-version=) is required for all requests.";
    Answer::arm_error(400, "MissingApiVersionParameter", text)
}
