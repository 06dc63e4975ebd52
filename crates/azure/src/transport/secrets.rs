//! Hands every token to the listener before anything else can see it.

use azure_core::http::headers::{AUTHORIZATION, HeaderName};
use azure_core::http::{Body, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollguard_network::Listener;
use serde_json::Value;

/// Proves to the service of a machine's identities that the request comes from this machine.
const IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");
/// Fields of answers that hold a token.
const RECEIVED: [&str; 4] = ["access_token", "oidcToken", "refresh_token", "id_token"];
/// Fields of forms that hold a token or a secret.
const SENT: [&str; 3] = ["client_assertion", "client_secret", "refresh_token"];
/// Fields of a kubeconfig's user that hold a secret.
const OF_USER: [&str; 3] = ["token", "password", "client-key-data"];

/// Hands over the tokens in an answer, and the credentials of a kubeconfig in it.
pub(super) fn of_answer(json: &Value, listener: &Listener) {
    for secret in RECEIVED.iter().filter_map(|name| json[name].as_str()) {
        listener.secret(secret);
    }
    for item in json["kubeconfigs"].as_array().into_iter().flatten() {
        if let Some(kubeconfig) = item["value"].as_str().and_then(decoded) {
            of_kubeconfig(&kubeconfig, listener);
        }
    }
}

fn of_kubeconfig(kubeconfig: &str, listener: &Listener) {
    let kubeconfig: Value = serde_yaml::from_str(kubeconfig).unwrap_or_default();
    for user in kubeconfig["users"].as_array().into_iter().flatten() {
        for field in OF_USER {
            let Some(secret) = user["user"][field].as_str() else {
                continue;
            };
            listener.secret(secret);
            // A server may quote the key itself, too.
            if let Some(key) = decoded(secret).filter(|_| field == "client-key-data") {
                listener.secret(&key);
            }
        }
    }
}

fn decoded(base64: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(base64.trim()).ok()?).ok()
}

/// Hands over what a request sends: the bearer token, the proof of a machine, and the secrets of a form.
pub(super) fn of_request(request: &Request, listener: &Listener) {
    let authorization = request.headers().get_optional_str(&AUTHORIZATION);
    if let Some(token) = authorization.and_then(|it| it.strip_prefix("Bearer ")) {
        listener.secret(token);
    }
    if let Some(proof) = request.headers().get_optional_str(&IDENTITY_HEADER) {
        listener.secret(proof);
    }
    let Body::Bytes(body) = request.body() else {
        return;
    };
    let form = std::str::from_utf8(body).unwrap_or_default();
    for (name, value) in form_urlencoded::parse(form.as_bytes()) {
        if SENT.contains(&&*name) {
            listener.secret(&value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use azure_core::http::{Method, Url};
    use rollguard_network::Listen;
    use serde_json::json;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Listen for Heard {
        fn repeated(&self, _: &str) {}

        fn secret(&self, secret: &str) {
            self.0.lock().unwrap().push(secret.to_owned());
        }
    }

    #[test]
    fn what_is_sent_and_received_is_handed_over_and_nothing_else() {
        let heard = Arc::new(Heard::default());
        let listener = Listener::new(Arc::clone(&heard) as Arc<dyn Listen>);
        let url = Url::parse("https://login.example/token").unwrap();
        let mut request = Request::new(url, Method::Post);
        request.insert_header(AUTHORIZATION, "Bearer job-token");
        request.insert_header(IDENTITY_HEADER, "machine-proof");
        request.set_body("client_id=id&client_assertion=an+assertion&client_secret=a%7Eb&scope=s");
        of_request(&request, &listener);
        of_answer(
            &json!({ "oidcToken": "oidc", "expires_in": 3600 }),
            &listener,
        );
        of_answer(
            &json!({ "access_token": "access", "token_type": "Bearer" }),
            &listener,
        );
        of_answer(&json!({ "access_token": ["odd"] }), &listener);
        let kubeconfig = STANDARD.encode(
            "{users: [{name: a, user: {client-key-data: a2V5, client-certificate-data: Y2VydA==}}, \
             {name: b, user: {token: static, username: x, password: word}}]}",
        );
        let items = json!([{ "name": "clusterUser", "value": kubeconfig }, { "value": "%" }]);
        of_answer(&json!({ "kubeconfigs": items }), &listener);
        let heard = heard.0.lock().unwrap();
        assert_eq!(
            *heard,
            [
                "job-token",
                "machine-proof",
                "an assertion",
                "a~b",
                "oidc",
                "access",
                "a2V5",
                "key",
                "static",
                "word"
            ]
        );
    }
}
