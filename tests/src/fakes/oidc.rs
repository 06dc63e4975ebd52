//! Azure DevOps' OIDC endpoint for jobs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Answer, Recorded, SERVICE_CONNECTION_ID, SYSTEM_ACCESS_TOKEN, State};

/// The path of `SYSTEM_OIDCREQUESTURI` in a pipeline run.
pub(super) const PATH: &str = "/contoso/8f1b2c3d-0000-4000-8000-000000000008/_apis/distributedtask\
                               /hubs/build/plans/8f1b2c3d-0000-4000-8000-000000000009\
                               /jobs/12f1170f-54f2-53f3-20dd-22fc7dff55f9/oidctoken";

pub(super) fn answer(state: &mut State, request: &Recorded) -> Answer {
    if request.bearer() != Some(SYSTEM_ACCESS_TOKEN) {
        // Even with `X-TFS-FedAuthRedirect: Suppress` a wrong token has been seen to redirect.
        return Answer::html(302).header("location", "https://spsprodweu1.vssps.example/_signin");
    }
    if request.query("serviceConnectionId") != Some(SERVICE_CONNECTION_ID) {
        let body = json!({
            "$id": "1",
            "message": "The service connection does not exist or has not been authorized for use.",
            "typeKey": "ServiceEndpointException",
        });
        return Answer::json(404, &body);
    }
    if request.query("api-version") != Some("7.1") {
        return Answer::json(400, &json!({ "message": "No api-version was supplied" }));
    }
    Answer::json(200, &json!({ "oidcToken": issue(state) }))
}

pub(super) fn issue(state: &mut State) -> String {
    state.issued += 1;
    let token = match &state.settings.oidc_issuer {
        Some(issuer) => of_issuer(issuer, state.issued),
        None => format!("fake-oidc-token-{}", state.issued),
    };
    state.oidc_tokens.push(token.clone());
    token
}

/// A JWT as Azure DevOps and Microsoft Entra issue them for a service connection.
fn of_issuer(issuer: &str, number: usize) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({ "typ": "JWT", "alg": "RS256", "kid": "fake" }));
    let claims = part(&json!({
        "iss": issuer,
        "sub": format!("sc://contoso/shop/{SERVICE_CONNECTION_ID}"),
        "aud": "api://AzureADTokenExchange",
        "jti": number,
    }));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode("signature"))
}
