use super::*;

fn container(more: &Value) -> Value {
    let mut container = json!({"name": "app", "image": "app:2"});
    merge(&mut container, more);
    deployment(&json!({"containers": [container]}))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
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
            "a startup probe's port is unknown",
            json!({"startupProbe": {"tcpSocket": {"port": "web"}}}),
            Some("ProbeCannotRun"),
        ),
        (
            "a liveness probe's port is unknown, which kills no container",
            json!({"livenessProbe": {"httpGet": {"port": "web"}}}),
            None,
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

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn a_variable_of_a_service_exists_where_the_service_does() {
    let mounted = |path: &str, links: Value| {
        let mount = json!({"name": "v", "mountPath": "/v", "subPathExpr": path});
        let app = json!({"name": "app", "image": "app:2", "volumeMounts": [mount]});
        deployment(&json!({"containers": [app], "enableServiceLinks": links}))
    };
    let service =
        json!({"metadata": {"name": "web-api"}, "spec": {"ports": [{"name": "http", "port": 80}]}});
    let headless = json!({"metadata": {"name": "web-api"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}});
    let found = |it| vec![("SubPathNotPrepared", it)];
    let rows = [
        (
            "the Service is not there yet",
            "$(WEB_API_SERVICE_HOST)",
            json!(null),
            vec![],
            found(Likely),
        ),
        (
            "the Service is there",
            "$(WEB_API_SERVICE_HOST)",
            json!(null),
            vec![service.clone()],
            vec![],
        ),
        (
            "its port by name",
            "$(WEB_API_SERVICE_PORT_HTTP)",
            json!(null),
            vec![service.clone()],
            vec![],
        ),
        (
            "its port as of Docker's links",
            "$(WEB_API_PORT_80_TCP_ADDR)",
            json!(null),
            vec![service.clone()],
            vec![],
        ),
        (
            "the Service is headless",
            "$(WEB_API_SERVICE_HOST)",
            json!(null),
            vec![headless],
            found(Likely),
        ),
        (
            "another Service is there",
            "$(API_SERVICE_HOST)",
            json!(null),
            vec![service.clone()],
            found(Likely),
        ),
        (
            "Services give no variables",
            "$(WEB_API_SERVICE_HOST)",
            json!(false),
            vec![service],
            found(Certain),
        ),
        (
            "the API server's Service gives them always",
            "$(KUBERNETES_SERVICE_HOST)",
            json!(false),
            vec![],
            vec![],
        ),
    ];
    for (says, path, links, services, expected) in rows {
        let cluster = Cluster {
            services,
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[mounted(path, links)]), expected, "{says}");
    }
    let mut brought = json!({"apiVersion": "v1", "kind": "Service"});
    merge(
        &mut brought,
        &json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}),
    );
    let call = [mounted("$(WEB_SERVICE_HOST)", json!(null)), brought];
    assert_eq!(Cluster::default().said(&call), [], "a Service of the call");
}

#[test]
fn a_pod_is_judged_as_the_api_server_would_store_it() {
    let update = container(&json!({
        "image": "registry/App:1",
        "volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": "$(TENANT)"}],
    }));
    let stored = |more: Value| {
        let mut app = json!({"name": "app", "image": "registry/App:1",
            "volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": "$(TENANT)"}]});
        merge(&mut app, &more);
        json!({"containers": [{"name": "proxy", "image": "proxy:1"}, app]})
    };
    let (image, path) = (
        ("InvalidImageName", Certain),
        ("SubPathNotPrepared", Certain),
    );
    // The path is prepared once the image is there.
    let later = (path.0, Likely);
    for (says, stored, expected) in [
        ("nothing changes it", None, vec![image, later]),
        (
            "it is stored as it is",
            Some(stored(json!({}))),
            vec![image, later],
        ),
        (
            "a webhook sets the variable",
            Some(stored(json!({"env": [{"name": "TENANT", "value": "a"}]}))),
            vec![image],
        ),
        (
            "a webhook corrects the image",
            Some(stored(json!({"image": "mirror.test/app:1"}))),
            vec![path],
        ),
    ] {
        let cluster = Cluster {
            stored,
            ..Cluster::default()
        };
        let forecast = cluster.forecast(std::slice::from_ref(&update));
        let found = forecast.predictions.iter();
        let found: Vec<_> = found.map(|it| (it.code.as_str(), it.certainty)).collect();
        assert_eq!(found, expected, "{says}");
        let mut places = forecast.predictions.iter().map(|it| it.pointer.as_str());
        assert!(
            places.all(|it| it.starts_with("/spec/template/spec/containers/0/")),
            "{says}"
        );
    }
}

#[test]
fn what_comes_after_another_certain_cause_is_not_certain_itself() {
    let app = |name: &str, more: Value| {
        let mut app = json!({"name": name, "image": "app:2"});
        merge(&mut app, &more);
        app
    };
    let image = || json!({"image": "r.test/App:1"});
    let root = || json!({"securityContext": {"runAsNonRoot": true, "runAsUser": 0}});
    let both = || json!({"image": "r.test/App:1", "securityContext": {"runAsNonRoot": true, "runAsUser": 0}});
    let refused = || DryRun::Refused {
        code: 403,
        message:
            "pods \"web-\" is forbidden: violates PodSecurity \"restricted:latest\": privileged"
                .to_owned(),
    };
    let nowhere = json!({"nodeSelector": {"disk": "nvme"}});
    let rows = [
        (
            "an image alone",
            vec![app("a", image())],
            json!({}),
            DryRun::Accepted,
            vec![("InvalidImageName", Certain)],
        ),
        (
            "no node takes the pod, so that no image is pulled",
            vec![app("a", image())],
            nowhere.clone(),
            DryRun::Accepted,
            vec![("NoNodeMatches", Certain), ("InvalidImageName", Likely)],
        ),
        (
            "no pod is created, so that no node is looked for",
            vec![app("a", json!({}))],
            nowhere,
            refused(),
            vec![("PodSecurityViolated", Certain), ("NoNodeMatches", Likely)],
        ),
        (
            "the image of the same container comes first",
            vec![app("a", both())],
            json!({}),
            DryRun::Accepted,
            vec![
                ("InvalidImageName", Certain),
                ("RunAsNonRootRefused", Likely),
            ],
        ),
        (
            "the image of another container keeps none from starting",
            vec![app("a", image()), app("b", root())],
            json!({}),
            DryRun::Accepted,
            vec![
                ("InvalidImageName", Certain),
                ("RunAsNonRootRefused", Certain),
            ],
        ),
    ];
    for (says, containers, more, pod, expected) in rows {
        let cluster = Cluster {
            pod,
            ..Cluster::default()
        };
        let mut manifest = deployment(&json!({"containers": containers}));
        merge(&mut manifest["spec"]["template"]["spec"], &more);
        assert_eq!(cluster.said(&[manifest]), expected, "{says}");
    }
}
