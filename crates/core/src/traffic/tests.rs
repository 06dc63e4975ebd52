//! The line that says how users reach the pods, and the reading of the API's own JSON. The causes have
//! their rows in `diagnose/tests/traffic.rs`.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Value, json};

use super::*;

fn read(objects: Value) -> NetworkObjects {
    serde_json::from_value(objects).unwrap()
}

fn template() -> PodTemplateSpec {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
        {"name": "app", "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}]}]}});
    serde_json::from_value(template).unwrap()
}

fn told(objects: Value) -> Option<String> {
    let pod = |uid: &str| NewPod {
        name: uid.to_owned(),
        uid: uid.to_owned(),
        ready: true,
        settled: true,
    };
    let found = serving(&Situation {
        objects: &read(objects),
        kind: "Deployment",
        name: "web",
        namespace: "shop",
        new: &template(),
        former: None,
        rolled_back: None,
        pods: &[pod("pod-a"), pod("pod-b")],
        tried: &[],
        read_at: None,
    });
    found.map(|it| it.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "`json!` stands in the call")]
fn service(name: &str, ports: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"selector": {"app": "web"}, "clusterIP": "10.0.0.1", "ports": ports}})
}

fn slice(service: &str, pods: &[&str]) -> Value {
    let endpoints: Vec<Value> = pods
        .iter()
        .map(|it| json!({"conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": it, "uid": format!("pod-{it}")}}))
        .collect();
    json!({"metadata": {"name": "s", "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": "", "port": 8080}], "endpoints": endpoints})
}

#[test]
fn one_line_says_how_users_reach_the_pods() {
    let http = || json!([{"port": 80, "targetPort": "http"}]);
    let path = |path: &str, to: &str| json!({"path": path, "backend": {"service": {"name": to, "port": {"number": 80}}}});
    let ingress = |paths: Value| json!([{"metadata": {"name": "shop"}, "spec": {"rules": [{"host": "a.example.com", "http": {"paths": paths}}]}}]);
    let headless = json!({"metadata": {"name": "db"}, "spec": {"selector": {"app": "web"}, "clusterIP": "None", "ports": []}});
    let mut unported = headless.clone();
    unported["spec"]["ports"] = json!([{"port": 80, "targetPort": "none"}]);
    let portless = |service: &str| {
        let mut slice = slice(service, &["a", "b"]);
        slice["ports"] = json!([]);
        slice
    };
    let without_ports = portless("db");
    let rows = [
        (
            "a Service and an Ingress",
            json!({"services": [service("web", http())], "endpointSlices": [slice("web", &["a", "b"])],
                "ingresses": ingress(json!([path("/api", "web"), path("/old", "other")]))}),
            Some("served: Service `web` → 2 of 2 new pods on port 8080; Ingress `shop` /api"),
        ),
        (
            "an HTTPRoute that sends it requests, and nothing to a canary",
            json!({"services": [service("web", http())], "endpointSlices": [slice("web", &["a", "b"])],
                "routes": [{"metadata": {"name": "shop"}, "spec": {"rules": [{"matches": [{"path": {"value": "/api"}}],
                    "backendRefs": [{"name": "web", "port": 80}, {"name": "canary", "port": 80, "weight": 0}]}]}}]}),
            Some("served: Service `web` → 2 of 2 new pods on port 8080; HTTPRoute `shop` /api"),
        ),
        (
            "one of two pods is an endpoint",
            json!({"services": [service("web", http())], "endpointSlices": [slice("web", &["a", "other"])]}),
            Some("served: Service `web` → 1 of 2 new pods on port 8080"),
        ),
        (
            "two stacks count once",
            json!({"services": [service("web", http())], "endpointSlices": [slice("web", &["a", "b"]), slice("web", &["a", "b"])]}),
            Some("served: Service `web` → 2 of 2 new pods on port 8080"),
        ),
        (
            "two ports",
            json!({"services": [service("web", json!([{"port": 80, "targetPort": "http"}, {"port": 81, "targetPort": "metrics"}]))],
                "endpointSlices": [slice("web", &["a", "b"])]}),
            Some("served: Service `web` → 2 of 2 new pods on ports 8080, 9090"),
        ),
        (
            "a port that is the Service's own",
            json!({"services": [service("web", json!([{"port": 8080}]))], "endpointSlices": [slice("web", &["a", "b"])]}),
            Some("served: Service `web` → 2 of 2 new pods on port 8080"),
        ),
        (
            "a headless Service without ports",
            json!({"services": [headless], "endpointSlices": [slice("db", &["a", "b"])]}),
            Some("served: headless Service `db` → 2 of 2 new pods"),
        ),
        (
            "a headless Service whose port no container has",
            json!({"services": [unported], "endpointSlices": [without_ports]}),
            Some("served: headless Service `db` → 2 of 2 new pods"),
        ),
        (
            "a Service whose port no container has",
            json!({"services": [service("web", json!([{"port": 80, "targetPort": "none"}]))], "endpointSlices": [portless("web")]}),
            Some("served: Service `web` → 0 of 2 new pods"),
        ),
        (
            "the endpoints may not be listed",
            json!({"services": [service("web", http())]}),
            Some("served: Service `web` → the new pods on port 8080"),
        ),
        (
            "more Services than a line holds",
            json!({"services": [service("a", json!([])), service("b", json!([])), service("c", json!([])), service("d", json!([]))]}),
            Some(
                "served: Service `a` → the new pods; Service `b` → the new pods; Service `c` → the new pods; and 1 more",
            ),
        ),
        ("no Service", json!({"services": []}), None),
        ("the Services may not be listed", json!({}), None),
    ];
    for (says, objects, expected) in rows {
        assert_eq!(told(objects).as_deref(), expected, "{says}");
    }
}

#[test]
fn objects_are_read_as_the_api_writes_them_and_kept_by_a_trace() {
    let objects = json!({
        "services": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "uid": "u", "labels": null},
            "spec": {"selector": null, "ports": null, "type": "ClusterIP", "clusterIP": "None", "ipFamilies": ["IPv4", "IPv6"]},
            "status": {"loadBalancer": {}}}],
        "endpointSlices": [{"metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv6", "endpoints": null, "ports": null}],
        "ingresses": [{"metadata": {"name": "shop"}, "spec": {"rules": [{"host": "shop.example.com"}], "tls": [{"secretName": "shop"}]}}],
        "networkPolicies": [{"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}],
        "routes": [{"metadata": {"name": "shop", "generation": 2}, "spec": {"hostnames": ["shop.example.com"], "rules": [{"backendRefs": [{"name": "web"}]}]},
            "status": {"parents": null}}],
        "autoscalers": [{"metadata": {"name": "web"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3}}],
    });
    let objects = read(objects);
    let text = serde_json::to_string(&objects).unwrap();
    assert!(!text.contains("example.com"), "{text}");
    assert_eq!(read(serde_json::from_str(&text).unwrap()), objects);
}

#[test]
fn several_defects_of_a_code_are_told_as_one() {
    let defect = |name: &str| Defect {
        code: FindingCode::ServiceLeftBehind,
        subject: Subject::new("Service", name),
        message: format!("Service `{name}` is left behind"),
        remedy: String::new(),
    };
    let other = Defect {
        code: FindingCode::DnsChanged,
        ..defect("c")
    };
    let joined = one_for_each_code(vec![defect("a"), other, defect("b"), defect("d")]);
    let told: Vec<&str> = joined.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "Service `a` is left behind (and 2 more)",
            "Service `c` is left behind"
        ]
    );
}

#[test]
fn only_ready_pods_show_that_a_way_is_lost() {
    let former = json!({"metadata": {"labels": {"app": "old"}}, "spec": {"containers": [
        {"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}]}});
    let former: PodTemplateSpec = serde_json::from_value(former).unwrap();
    let selecting = |app: &str| {
        json!([{"metadata": {"name": "web"}, "spec": {"selector": {"app": app}, "clusterIP": "10.0.0.1",
            "publishNotReadyAddresses": true, "ports": [{"port": 80, "targetPort": "http"}]}}])
    };
    let lost = json!({"services": selecting("old"), "endpointSlices": [slice("web", &[])]});
    let published = json!({"services": selecting("web"), "endpointSlices": [slice("web", &["a"])]});
    let rows = [
        (
            "ready pods that no Service selects",
            &lost,
            true,
            vec![FindingCode::ServiceSelectsNoPod],
        ),
        ("a readiness gate is still closed", &lost, false, vec![]),
        (
            "a Service that publishes pods that are not ready",
            &published,
            false,
            vec![],
        ),
        ("and then are ready", &published, true, vec![]),
    ];
    for (says, objects, ready, expected) in rows {
        let found = defects(&Situation {
            objects: &read(objects.clone()),
            kind: "Deployment",
            name: "web",
            namespace: "shop",
            new: &template(),
            former: Some(&former),
            rolled_back: None,
            pods: &[NewPod {
                name: "a".to_owned(),
                uid: "pod-a".to_owned(),
                ready,
                settled: ready,
            }],
            tried: &[],
            read_at: None,
        });
        let codes: Vec<FindingCode> = found.iter().map(|it| it.code).collect();
        assert_eq!(codes, expected, "{says}");
    }
}

/// A template whose readiness probe asks a port.
fn probed(port: u16) -> PodTemplateSpec {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
        {"name": "app", "readinessProbe": {"httpGet": {"port": port}}}]}});
    serde_json::from_value(template).unwrap()
}

/// Objects of a Service that leads to port 8080, which the only pod refuses.
fn refused() -> NetworkObjects {
    let service = service("web", json!([{"port": 80, "targetPort": 8080}]));
    let tried = json!([{"uid": "pod-a", "port": 8080, "refused": true}]);
    read(
        json!({"services": [service], "endpointSlices": [slice("web", &["a"])], "networkPolicies": [], "tried": tried}),
    )
}

fn ready(uid: &str) -> NewPod {
    NewPod {
        name: uid.to_owned(),
        uid: uid.to_owned(),
        ready: true,
        settled: true,
    }
}

#[test]
fn only_a_former_revision_that_listened_shows_that_a_refused_port_was_a_way_in() {
    let (former, objects, new) = (probed(8080), refused(), probed(9090));
    let rows = [
        (
            "the former revision listened",
            Some(&former),
            None,
            FindingCode::NoPodListens,
        ),
        (
            "the first revision",
            None,
            None,
            FindingCode::PortNotListening,
        ),
        (
            "after a rollback the former revision is the one that was rolled back",
            Some(&former),
            Some(Timestamp::UNIX_EPOCH),
            FindingCode::PortNotListening,
        ),
    ];
    for (says, former, rolled_back, expected) in rows {
        let found = defects(&Situation {
            objects: &objects,
            kind: "Deployment",
            name: "web",
            namespace: "shop",
            new: &new,
            former,
            rolled_back,
            pods: &[ready("pod-a")],
            tried: &objects.tried,
            read_at: None,
        });
        let codes: Vec<FindingCode> = found.iter().map(|it| it.code).collect();
        assert_eq!(codes, [expected], "{says}");
    }
}

#[test]
fn the_port_of_the_readiness_probe_is_tried_beside_those_that_no_probe_asks() {
    let objects = refused();
    let rows = [
        ("the probe asks another port", 9090, vec![8080, 9090]),
        ("the probe asks the port of the Service", 8080, vec![]),
    ];
    for (says, probe, expected) in rows {
        let tried = ports_to_try(&Situation {
            objects: &objects,
            kind: "Deployment",
            name: "web",
            namespace: "shop",
            new: &probed(probe),
            former: None,
            rolled_back: None,
            pods: &[ready("pod-a")],
            tried: &objects.tried,
            read_at: None,
        });
        let ports: Vec<u16> = tried.iter().map(|it| it.port).collect();
        assert_eq!(ports, expected, "{says}");
    }
}

#[test]
fn the_path_of_a_health_probe_is_asked_and_nothing_is_tried_where_a_policy_isolates_the_pods() {
    let annotations = json!({
        "service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path": "/healthz"});
    let mut balanced = service(
        "web",
        json!([{"port": 80, "targetPort": 8080, "appProtocol": "http"}]),
    );
    balanced["spec"]["type"] = json!("LoadBalancer");
    balanced["metadata"]["annotations"] = annotations;
    let policy = json!({"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}});
    let objects =
        |policies: Value| read(json!({"services": [balanced], "networkPolicies": policies}));
    let path = Some("/healthz".to_owned());
    let rows = [
        (
            "the probe's port and the load balancer's path",
            objects(json!([])),
            vec![(8080, path), (8080, None), (9090, None)],
        ),
        (
            "a policy isolates the pods",
            objects(json!([policy])),
            vec![],
        ),
    ];
    for (says, objects, mut expected) in rows {
        let tried = ports_to_try(&Situation {
            objects: &objects,
            kind: "Deployment",
            name: "web",
            namespace: "shop",
            new: &probed(9090),
            former: None,
            rolled_back: None,
            pods: &[ready("pod-a")],
            tried: &[],
            read_at: None,
        });
        let tried: Vec<(u16, Option<String>)> =
            tried.into_iter().map(|it| (it.port, it.path)).collect();
        expected.sort();
        assert_eq!(tried, expected, "{says}");
    }
}
