use super::*;

fn container(more: &Value) -> Value {
    let mut container = json!({"name": "app", "image": "app:2"});
    merge(&mut container, more);
    deployment(&json!({"containers": [container]}))
}

#[test]
fn what_the_template_alone_decides_is_certain() {
    let named = |port: Value| json!({"readinessProbe": {"httpGet": {"port": port, "path": "/"}}});
    let mount = |path: &str| json!({"volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": path}]});
    let with = |mut a: Value, b: &Value| {
        merge(&mut a, b);
        a
    };
    let env = json!({"env": [{"name": "TENANT", "value": "a"}]});
    let rows = [
        (
            "an image's token was not replaced",
            json!({"image": "r.test/app:#{Build}#"}),
            Some("InvalidImageName"),
        ),
        (
            "an upper-case name",
            json!({"image": "r.test/App:1"}),
            Some("InvalidImageName"),
        ),
        (
            "a host with a port, a tag and a digest",
            json!({"image": format!("r.test:5000/a/b_c:V1@sha256:{}", "0".repeat(64))}),
            None,
        ),
        (
            "a host in upper case",
            json!({"image": "Registry.test/app"}),
            None,
        ),
        (
            "a probe's port is unknown",
            named(json!("web")),
            Some("ProbeCannotRun"),
        ),
        (
            "a probe's port is declared",
            with(
                named(json!("web")),
                &json!({"ports": [{"name": "web", "containerPort": 80}]}),
            ),
            None,
        ),
        ("a probe's port is a number", named(json!(8080)), None),
        (
            "a path's variable is missing",
            mount("$(TENANT)"),
            Some("SubPathNotPrepared"),
        ),
        ("it is set", with(mount("$(TENANT)"), &env), None),
        (
            "it may come from a ConfigMap",
            with(
                mount("$(TENANT)"),
                &json!({"envFrom": [{"configMapRef": {"name": "c", "optional": true}}]}),
            ),
            None,
        ),
        ("it is escaped", mount("$$(TENANT)"), None),
        (
            "it must not run as root and does",
            json!({"securityContext": {"runAsNonRoot": true, "runAsUser": 0}}),
            Some("RunAsNonRootRefused"),
        ),
        (
            "another user",
            json!({"securityContext": {"runAsNonRoot": true, "runAsUser": 1000}}),
            None,
        ),
    ];
    for (says, more, code) in rows {
        let expected: Vec<_> = code.into_iter().map(|it| (it, Certain)).collect();
        assert_eq!(
            Cluster::default().said(&[container(&more)]),
            expected,
            "{says}"
        );
    }
}

#[test]
fn a_missing_secret_is_likely_and_a_promised_one_possible() {
    let update = container(&json!({"envFrom": [{"secretRef": {"name": "db"}}]}));
    let promised = Cluster {
        promises: vec![Promise::read("Certificate `db`".to_owned())],
        ..Cluster::default()
    };
    for (says, cluster, certainty) in [
        ("nothing writes it", Cluster::default(), Likely),
        ("a Certificate writes it", promised, Possible),
    ] {
        let said = cluster.said(std::slice::from_ref(&update));
        assert_eq!(said, [("ConfigObjectMissing", certainty)], "{says}");
    }
    let key = container(
        &json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}]}),
    );
    let secret = |key: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {key: "x"}});
    let cluster = Cluster::default();
    assert_eq!(cluster.said(&[key.clone(), secret("url")]), []);
    assert_eq!(
        cluster.said(&[key, secret("uri")]),
        [("ConfigKeyMissing", Likely)]
    );
}

#[test]
fn a_paused_deployment_and_on_delete_wait_for_a_person() {
    let mut paused = deployment(&json!({}));
    paused["spec"]["paused"] = json!(true);
    assert_eq!(Cluster::default().said(&[paused]), [("Paused", Likely)]);
    let mut set = workload(WorkloadKind::StatefulSet, &json!({}));
    set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    let cluster = Cluster {
        current: Some(set.clone()),
        ..Cluster::default()
    };
    let expected = [("WaitsForDeletion", Likely), ("RollbackImpossible", Likely)];
    assert_eq!(cluster.said(&[set.clone()]), expected);
    // Of a new workload no pod has to be deleted.
    assert_eq!(Cluster::default().said(&[set]), []);
}

#[test]
fn a_workload_of_the_cluster_is_judged_as_if_its_pods_were_created_again() {
    let mut manifests = Manifests::default();
    let update = container(&json!({"envFrom": [{"secretRef": {"name": "db"}}]}));
    manifests.add_standing(update, "shop");
    let cluster = Cluster::default();
    let mut answers = Answers::default();
    let forecast = loop {
        match step(&manifests, &answers) {
            Step::Done(forecast) => break forecast,
            Step::Ask(questions) => {
                let each = questions.into_iter().map(|it| {
                    let answer = cluster.answer(&it);
                    (it, answer)
                });
                answers.extend(each.collect::<Vec<_>>());
            }
        }
    };
    let codes: Vec<&str> = forecast
        .predictions
        .iter()
        .map(|it| it.code.as_str())
        .collect();
    assert_eq!(codes, ["ConfigObjectMissing"]);
}
