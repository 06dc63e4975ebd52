//! Changes that are shown with their values, changes that are only named, and values that never appear.
#![expect(clippy::too_many_lines, reason = "tables of named rows")]

use serde_json::json;

use super::*;

fn said(from: &Value, to: &Value) -> Vec<String> {
    changes(from, to).iter().map(ToString::to_string).collect()
}

fn pod(container: &Value) -> Value {
    let mut container = container.clone();
    container["name"] = json!("app");
    json!({"spec": {"containers": [container]}})
}

#[test]
fn every_change_of_a_container_is_named_and_numbers_are_shown() {
    let digest = "app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let http = |path: &str| json!({"httpGet": {"path": path, "port": 8080}, "periodSeconds": 5});
    let rows: [(&str, Value, Value, &[&str]); 17] = [
        ("nothing", json!({"image": "a"}), json!({"image": "a"}), &[]),
        (
            "an image with its digest",
            json!({"image": "app:2"}),
            json!({"image": digest}),
            &[
                "container `app`: image: app:2 → app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            ],
        ),
        (
            "resources, each with its number",
            json!({"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}}),
            json!({"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}),
            &[
                "container `app`: resources.requests.cpu: 1 → 500m",
                "container `app`: resources.limits.memory: 1Gi → none",
            ],
        ),
        (
            "claims of resources",
            json!({"resources": {"claims": [{"name": "gpu"}]}}),
            json!({"resources": {}}),
            &["container `app`: resources.claims changes"],
        ),
        (
            "a probe's numbers",
            json!({"livenessProbe": {"httpGet": {"path": "/"}, "periodSeconds": 1, "failureThreshold": 3}}),
            json!({"livenessProbe": {"httpGet": {"path": "/"}, "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5}}),
            &[
                "container `app`: livenessProbe.periodSeconds: 1 → 10",
                "container `app`: livenessProbe.timeoutSeconds: none → 5",
            ],
        ),
        (
            "what a probe asks",
            json!({"readinessProbe": http("/v2/ready")}),
            json!({"readinessProbe": http("/ready")}),
            &["container `app`: readinessProbe: httpGet /v2/ready 8080 → httpGet /ready 8080"],
        ),
        (
            "another way to ask",
            json!({"startupProbe": {"exec": {"command": ["sh", "-c", "curl -H token:hunter2"]}}}),
            json!({"startupProbe": {"tcpSocket": {"port": "http"}}}),
            &["container `app`: startupProbe: exec sh -c … → tcpSocket http"],
        ),
        (
            "a probe's query",
            json!({"readinessProbe": {"httpGet": {"path": "/?key=hunter2", "port": 1}}}),
            json!({"readinessProbe": {"httpGet": {"path": "/ready?key=hunter1", "port": 1}}}),
            &["container `app`: readinessProbe: httpGet /?… 1 → httpGet /ready?… 1"],
        ),
        (
            "a probe's header",
            json!({"readinessProbe": {"httpGet": {"port": 1, "httpHeaders": [{"name": "A", "value": "hunter2"}]}}}),
            json!({"readinessProbe": {"httpGet": {"port": 1, "httpHeaders": [{"name": "A", "value": "hunter1"}]}}}),
            &["container `app`: readinessProbe changes"],
        ),
        (
            "a probe comes and one goes",
            json!({"livenessProbe": http("/")}),
            json!({"startupProbe": http("/")}),
            &[
                "container `app`: livenessProbe: httpGet / 8080 → none",
                "container `app`: startupProbe: none → httpGet / 8080",
            ],
        ),
        (
            "environment variables that may be secrets, by name",
            json!({"env": [{"name": "TOKEN", "value": "hunter2"}, {"name": "NEW_KEY", "value": "hunter2"}, {"name": "DB", "value": "pg://app:hunter2@db/x"}]}),
            json!({"env": [{"name": "TOKEN", "value": "hunter1"}, {"name": "OLD-PASSWORD", "value": "hunter1"}, {"name": "DB", "value": "pg://db/x"}]}),
            &[
                "container `app`: environment variable `DB` changes",
                "container `app`: environment variable `NEW_KEY` goes",
                "container `app`: environment variable `OLD-PASSWORD` comes back",
                "container `app`: environment variable `TOKEN` changes",
            ],
        ),
        (
            "other environment variables with their values",
            json!({"env": [{"name": "HOST", "value": "db-new"}, {"name": "NEW", "value": ""}, {"name": "SAME", "value": "1"}, {"name": "USER", "value": "app"}]}),
            json!({"env": [{"name": "HOST", "value": "db"}, {"name": "SAME", "value": "1"}, {"name": "USER", "valueFrom": {"secretKeyRef": {"name": "db", "key": "user"}}}]}),
            &[
                "container `app`: environment variable `HOST`: db-new → db",
                "container `app`: environment variable `NEW`: \"\" → none",
                "container `app`: environment variable `USER`: app → secretKeyRef db user",
            ],
        ),
        (
            "all variables of a ConfigMap",
            json!({"envFrom": [{"configMapRef": {"name": "web-2"}}, {"secretRef": {"name": "db"}}]}),
            json!({"envFrom": [{"configMapRef": {"name": "web-1"}}, {"secretRef": {"name": "db"}}]}),
            &["container `app`: envFrom: configMap web-2, secret db → configMap web-1, secret db"],
        ),
        (
            "all variables, under another prefix",
            json!({"envFrom": [{"prefix": "A_", "secretRef": {"name": "db"}}]}),
            json!({"envFrom": [{"secretRef": {"name": "db"}}]}),
            &["container `app`: envFrom changes"],
        ),
        (
            "a command that holds a secret",
            json!({"command": ["run", "--token=hunter2"], "args": ["-p", "hunter2", "--db-password", "hunter2"]}),
            json!({"command": ["run", "--token=hunter1"]}),
            &[
                "container `app`: command changes",
                "container `app`: args: -p … --db-password … → none",
            ],
        ),
        (
            "any other command",
            json!({"command": ["sh", "-c", "exec /srv/app --port 80"]}),
            json!({"command": ["/srv/app"], "args": ["--port=80", "-p", "8080"]}),
            &[
                "container `app`: command: sh -c 'exec /srv/app --port 80' → /srv/app",
                "container `app`: args: none → --port=80 -p 8080",
            ],
        ),
        (
            "whatever else a container has",
            json!({"lifecycle": {"preStop": {"exec": {"command": ["hunter2"]}}}, "workingDir": "/a"}),
            json!({"workingDir": "/b", "imagePullPolicy": "Always"}),
            &[
                "container `app`: imagePullPolicy changes",
                "container `app`: lifecycle changes",
                "container `app`: workingDir changes",
            ],
        ),
    ];
    for (says, from, to, expected) in rows {
        let said = said(&pod(&from), &pod(&to));
        assert_eq!(said, expected, "{says}");
        assert!(!said.join("").contains("hunter"), "{says}");
    }
}

#[test]
fn the_pod_around_the_containers_is_told_of_too() {
    let from = json!({
        "metadata": {
            "labels": {"app": "web", "version": "v2"},
            "annotations": {"checksum/config": "hunter2", "new": "hunter2", "same": "1"},
        },
        "spec": {
            "initContainers": [{"name": "migrate", "image": "a"}],
            "containers": [{"name": "app", "image": "a"}],
            "nodeSelector": {"disk": "ssd"},
            "volumes": [
                {"name": "config", "configMap": {"name": "web-2"}},
                {"name": "key", "secret": {"secretName": "key", "defaultMode": 256}},
                {"name": "scratch", "emptyDir": {}},
            ],
        },
    });
    let to = json!({
        "metadata": {
            "labels": {"app": "web", "version": "v1"},
            "annotations": {"checksum/config": "hunter1", "old": "hunter1", "same": "1"},
        },
        "spec": {
            "containers": [{"name": "app", "image": "a"}, {"name": "proxy", "image": "p"}],
            "volumes": [
                {"name": "config", "configMap": {"name": "web-1"}},
                {"name": "key", "secret": {"secretName": "key", "defaultMode": 420}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
            ],
        },
    });
    let said = said(&from, &to);
    assert_eq!(
        said,
        [
            "init container `migrate` goes",
            "container `proxy` comes back",
            "volume `config`: configMap web-2 → configMap web-1",
            "volume `data`: none → persistentVolumeClaim web-data",
            "volume `key` changes",
            "volume `scratch`: emptyDir → none",
            "pod: `nodeSelector` changes",
            "pod label `version`: v2 → v1",
            "pod annotation `checksum/config` changes",
            "pod annotation `new` goes",
            "pod annotation `old` comes back",
        ]
    );
    assert!(!said.join("").contains("hunter"));
}

#[test]
fn of_very_many_changes_the_last_ones_are_counted() {
    let many = |count: usize| {
        let variables = (0..count).map(|n| json!({"name": format!("V{n:03}"), "value": "x"}));
        pod(&json!({"env": variables.collect::<Vec<_>>()}))
    };
    let none = pod(&json!({}));
    assert_eq!(said(&many(LIMIT), &none).len(), LIMIT);
    let said = said(&many(100), &none);
    assert_eq!(said.len(), LIMIT);
    assert_eq!(said[LIMIT - 1], "and 71 more changes");
}

#[test]
fn what_looks_like_a_secret_is_one() {
    let rows = [
        ("postgres://app:pw@db:5432/shop", true),
        ("postgres://db:5432/shop", false),
        ("Server=db;Password=pw", true),
        ("DefaultEndpointsProtocol=https;AccountKey=abc", true),
        ("eyJhbGciOiJIUzI1NiJ9.e30.x", true),
        ("ghp_abc", true),
        ("-----BEGIN RSA PRIVATE KEY-----", true),
        ("Bearer abc", true),
        ("curl -H token:pw", true),
        ("3f2a9c1b7d5e4f60a1b2c3d4e5f60718", true),
        ("https://blob.test/x?sig=abc", true),
        ("info", false),
        ("keycloak", false),
        ("http://keycloak.shop.svc/realms", false),
        ("/usr/local/share/app/config-2026.yaml", false),
        ("exec /srv/app --port 80", false),
        ("2026-11-29T10:00:00Z", false),
    ];
    for (text, expected) in rows {
        assert_eq!(
            crate::foreign_text::is_secret_value(text),
            expected,
            "{text}"
        );
    }
}

#[test]
fn a_long_value_is_cut_around_what_differs() {
    let script = |end: &str| {
        let lines = "echo step\n".repeat(30);
        pod(&json!({"command": ["sh", "-c", format!("{lines}{end}")]}))
    };
    let said = said(&script("run v2 --fast"), &script("run v1"));
    assert_eq!(
        said,
        ["container `app`: command: …step echo step run v2 --fast' → …step echo step run v1'"]
    );
    let long = pod(&json!({"args": ["x".repeat(500)]}));
    let said = self::said(&long, &pod(&json!({})));
    let cut = format!("container `app`: args: {}… → none", "x".repeat(80));
    assert_eq!(said, [cut]);
}
