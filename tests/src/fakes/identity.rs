//! The service of a machine that has the tokens of its managed identities. The addresses differ between
//! virtual machines and other hosts; questions and answers are the same but for one header.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Answer, IDENTITY_CLIENT_ID, IDENTITY_HEADER, Recorded, State, TENANT_ID};

/// The path that the metadata service of virtual machines has.
pub(super) const PATH: &str = "/metadata/identity/oauth2/token";

pub(super) fn answer(state: &mut State, request: &Recorded) -> Answer {
    if request.header("metadata") != Some("true") {
        return refusal("Required metadata header not specified");
    }
    if request.header("x-identity-header") != Some(IDENTITY_HEADER) {
        return Answer::json(401, &json!({ "error": "invalid_header" }));
    }
    if request.query("api-version") != Some("2019-08-01") {
        return refusal("Unsupported api-version");
    }
    // The system-assigned identity is asked for without a client id.
    if ![None, Some(IDENTITY_CLIENT_ID)].contains(&request.query("client_id")) {
        return refusal("Identity not found");
    }
    let resource = request.query("resource").unwrap_or_default();
    let Some(token) = state.issue(resource).map(|token| in_jwt(state, token)) else {
        return refusal("The resource principal was not found");
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let expires = now.map_or(0, |it| it.as_secs()) + state.settings.token_lifetime;
    Answer::json(
        200,
        &json!({
            "access_token": token,
            "client_id": request.query("client_id").unwrap_or(IDENTITY_CLIENT_ID),
            // A number as text.
            "expires_on": expires.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    )
}

/// The Azure CLI reads its tenant from the token for Azure Resource Manager.
fn in_jwt(state: &mut State, token: String) -> String {
    if !state.arm_tokens.contains(&token) {
        return token;
    }
    let token = jwt_of_identity(&token);
    state.arm_tokens.push(token.clone());
    token
}

/// The token that a managed identity gets, as a JWT.
#[must_use]
pub fn jwt_of_identity(signature: &str) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({ "typ": "JWT", "alg": "RS256", "kid": "fake" }));
    let claims = part(&json!({ "tid": TENANT_ID, "idtyp": "app" }));
    format!("{header}.{claims}.{signature}")
}

fn refusal(text: &str) -> Answer {
    let body = json!({ "error": "invalid_request", "error_description": text });
    Answer::json(400, &body)
}
