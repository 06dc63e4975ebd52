//! The documents in which clients of Microsoft Entra look up its endpoints. rollguard asks for none
//! of them: the Azure CLI and kubelogin do.

use http::Uri;
use serde_json::json;

use super::{Answer, LOGIN_HOST, PROXIED_HOST, Recorded, State, TENANT_ID};

/// Asked of [`super::LOGIN_HOST`] for the host of every other cloud.
const INSTANCES: &str = "/common/discovery/instance";

/// The end of a tenant's document.
const OPENID: &str = "/v2.0/.well-known/openid-configuration";

/// The hosts that Entra vouches for. MSAL for Python asks for the public one too, for its aliases.
const HOSTS: [&str; 3] = ["127.0.0.1", PROXIED_HOST, LOGIN_HOST];

/// Returns whether a document is at this path.
pub(super) fn is_at(path: &str) -> bool {
    path == INSTANCES || path.ends_with(OPENID)
}

/// Returns the document, or none if the request is for something else.
pub(super) fn answer(state: &State, request: &Recorded) -> Option<Answer> {
    if request.path == INSTANCES {
        return Some(instance(state, request));
    }
    let tenant = request.path.strip_prefix('/')?.strip_suffix(OPENID)?;
    Some(openid(state, tenant))
}

fn instance(state: &State, request: &Recorded) -> Answer {
    let asked = request.query("authorization_endpoint").unwrap_or_default();
    let uri = asked.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    if !HOSTS.contains(&host) {
        let text = "Unknown or invalid instance.";
        return Answer::entra_error(400, "invalid_instance", 50049, text);
    }
    // MSAL for Python names the host without its port.
    let tenant = uri.path().split('/').nth(1).unwrap_or_default();
    let document = format!("{}/{tenant}{OPENID}", state.base_url);
    let clouds = HOSTS.map(
        |host| json!({ "preferred_network": host, "preferred_cache": host, "aliases": [host] }),
    );
    Answer::json(
        200,
        &json!({
            "tenant_discovery_endpoint": document,
            "api-version": request.query("api-version"),
            "metadata": clouds,
        }),
    )
}

fn openid(state: &State, tenant: &str) -> Answer {
    if tenant != TENANT_ID {
        let text = "Tenant 'x' not found.";
        return Answer::entra_error(400, "invalid_tenant", 90002, text);
    }
    let address = format!("{}/{TENANT_ID}", state.base_url);
    let at = |path: &str| format!("{address}{path}");
    Answer::json(
        200,
        &json!({
            "token_endpoint": at("/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": at("/discovery/v2.0/keys"),
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": at("/v2.0"),
            "authorization_endpoint": at("/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": at("/oauth2/v2.0/devicecode"),
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
        }),
    )
}
