//! The objects that hold the canaries.

use serde_json::{Value, json};

use super::canaries::{
    ANNOTATION, APPLIED, ARG_NEXT, ARG_PAIR, ARG_URL, ENV_NAMED, ENV_RANDOM, HEADER, HOOK_ARG,
    PLAIN_ARG, PLAIN_ENV, PROBE_ARG, PULL_SECRET, QUERY, SECRET_DATA, TEMPLATE_ANNOTATION,
};

/// The Secrets that the Deployments name.
pub(crate) fn config() -> [Value; 2] {
    let login = json!({ "auths": { "registry.test": { "username": "app", "password": PULL_SECRET.value } } });
    [
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "settings", "namespace": "shop" },
            "stringData": { "DATA": SECRET_DATA.value },
            "data": { "DATA": base64(SECRET_DATA.value) },
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "pull", "namespace": "shop" },
            "type": "kubernetes.io/dockerconfigjson",
            "data": { ".dockerconfigjson": base64(&login.to_string()) },
        }),
    ]
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// A Deployment; the first version holds none of the canaries, so that each of them is a change.
pub(crate) fn deployment(name: &str, version: &str) -> Value {
    let container = if version == "v1" {
        json!({ "name": "app", "image": "registry.test/app:v1", "env": [{ "name": "MODE", "value": "quiet" }, { "name": "DB_PASSWORD", "value": "old" }] })
    } else {
        container(name)
    };
    let (annotations, of_template) = if version == "v1" {
        (json!({}), json!({}))
    } else {
        let applied = json!({ "spec": { "env": [{ "name": "X", "value": APPLIED.value }] } });
        let annotations = json!({
            "kubectl.kubernetes.io/last-applied-configuration": applied.to_string(),
            "example.com/note": ANNOTATION.value,
        });
        (
            annotations,
            json!({ "example.com/note": TEMPLATE_ANNOTATION.value }),
        )
    };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "namespace": "shop", "labels": { "app": name }, "annotations": annotations },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name, "version": version }, "annotations": of_template },
                "spec": { "imagePullSecrets": [{ "name": "pull" }], "containers": [container] },
            },
        },
    })
}

fn container(name: &str) -> Value {
    let mut container = json!({
        "name": "app",
        "image": "registry.test/app:v2",
        "command": ["/srv/app", "--listen=80", format!("postgres://app:{}@db/shop", ARG_URL.value)],
        "args": [
            format!("--db-password={}", ARG_PAIR.value), "--token", ARG_NEXT.value,
            format!("--mode={}", PLAIN_ARG.value),
        ],
        "env": [
            { "name": "MODE", "value": PLAIN_ENV.value },
            { "name": "DB_PASSWORD", "value": ENV_NAMED.value },
            { "name": "SEED", "value": ENV_RANDOM.value },
        ],
        "envFrom": [{ "secretRef": { "name": "settings" } }],
        "livenessProbe": { "httpGet": {
            "path": format!("/live?code={}", QUERY.value), "port": 80,
            "httpHeaders": [{ "name": "Authorization", "value": format!("Bearer {}", HEADER.value) }],
        } },
        "lifecycle": { "postStart": { "exec": { "command": ["login", "--key", HOOK_ARG.value] } } },
    });
    if name == "worker" {
        container["readinessProbe"] = json!({
            "exec": { "command": ["check", "--key", PROBE_ARG.value] }, "periodSeconds": 1,
        });
    }
    container
}
