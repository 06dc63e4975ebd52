//! Microsoft Entra's token endpoint.

use serde_json::json;

use super::certificate::Signed;
use super::{Answer, CLIENT_ID, CLIENT_SECRET, Recorded, State, TENANT_ID};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) fn answer(state: &mut State, request: &Recorded) -> Answer {
    if let Some(document) = super::discovery::answer(state, request) {
        return document;
    }
    if request.path != format!("/{TENANT_ID}/oauth2/v2.0/token") {
        return Answer::aadsts(400, 90002, "Tenant 'x' not found.");
    }
    if request.form("grant_type") != Some("client_credentials") {
        return Answer::aadsts(400, 70003, "The app requested an unsupported grant type.");
    }
    if request.form("client_id") != Some(CLIENT_ID) {
        return Answer::aadsts(
            400,
            700_016,
            "Application with identifier 'x' was not found.",
        );
    }
    if let Some(refusal) = refusal(state, request) {
        return refusal;
    }
    let audience = scope(request).strip_suffix("/.default").map(str::to_owned);
    let Some(token) = audience.and_then(|audience| state.issue(&audience)) else {
        return Answer::aadsts(
            400,
            500_011,
            "The resource principal named 'x' was not found.",
        );
    };
    let lifetime = state.settings.token_lifetime;
    Answer::json(
        200,
        &json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": token,
        }),
    )
}

/// The resource's scope. MSAL for Go adds those of a sign-in by a person, which mean nothing here.
fn scope(request: &Recorded) -> &str {
    let all = request.form("scope").unwrap_or_default();
    let mut words = all.split(' ');
    words
        .find(|word| !["openid", "offline_access", "profile"].contains(word))
        .unwrap_or_default()
}

/// Why the proof of identity is not accepted.
fn refusal(state: &State, request: &Recorded) -> Option<Answer> {
    if let Some(secret) = request.form("client_secret") {
        let text = "Invalid client secret provided. Ensure the secret being sent in the request \
                    is the client secret value, not the client secret ID, for a secret added to \
                    app 'x'.";
        return (secret != CLIENT_SECRET).then(|| Answer::aadsts(401, 7_000_215, text));
    }
    if request.form("client_assertion_type") != Some(ASSERTION_TYPE) {
        let text = "The request body must contain 'client_assertion' or 'client_secret'.";
        return Some(Answer::aadsts(401, 7_000_218, text));
    }
    let assertion = request.form("client_assertion").unwrap_or_default();
    if let Some(signed) = Signed::read(assertion) {
        return signed.refusal(&state.base_url);
    }
    let known = state.oidc_tokens.iter().any(|issued| issued == assertion);
    let text = "No matching federated identity record found for presented assertion subject 'x'.";
    (!known).then(|| Answer::aadsts(401, 700_213, text))
}
