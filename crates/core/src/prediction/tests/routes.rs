//! Ways to the pods: Services by labels and named ports, and the classes of Ingresses.

use super::*;

/// An update of a workload whose present pods have label `tier: web` and a port that is named `http`.
fn predicted(
    pod: &Value,
    services: Vec<Value>,
    brought: Option<Value>,
) -> Vec<(&'static str, Certainty)> {
    let template = |pod: &Value| {
        let port = json!({"name": "http", "containerPort": 8080});
        let mut manifest =
            deployment(&json!({"containers": [{"name": "app", "image": "a", "ports": [port]}]}));
        manifest["spec"]["template"]["metadata"]["labels"] = json!({"app": "web", "tier": "web"});
        merge(&mut manifest["spec"]["template"], pod);
        manifest
    };
    let cluster = Cluster {
        current: Some(template(&json!({}))),
        services,
        ..Cluster::default()
    };
    let call: Vec<Value> = [template(pod)].into_iter().chain(brought).collect();
    cluster.said(&call)
}

fn service(selector: &Value, port: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": selector, "ports": [{"port": 80, "targetPort": port}]}})
}

#[test]
fn a_service_that_would_lose_its_pods_is_named() {
    let by = |tier: &str| service(&json!({"app": "web", "tier": tier}), &json!(8080));
    let labels = |tier: &str| json!({"metadata": {"labels": {"tier": tier}}});
    let lost = vec![("ServiceSelectsNoPod", Likely)];
    let rows = [
        ("the label changes", labels("api"), by("web"), None, lost),
        ("the label stays", labels("web"), by("web"), None, vec![]),
        (
            "the Service never led to the pods",
            labels("api"),
            by("db"),
            None,
            vec![],
        ),
        (
            "the Service of the call follows",
            labels("api"),
            by("web"),
            Some(by("api")),
            vec![],
        ),
    ];
    for (says, pod, service, brought, expected) in rows {
        assert_eq!(predicted(&pod, vec![service], brought), expected, "{says}");
    }
}

#[test]
fn a_named_target_port_that_the_pods_lose_is_named() {
    let by = |port: Value| service(&json!({"app": "web"}), &port);
    let ports = |ports: Value| json!({"spec": {"containers": [{"name": "app", "image": "b", "ports": ports}]}});
    let renamed = || ports(json!([{"name": "web", "containerPort": 8080}]));
    let kept = ports(json!([{"name": "http", "containerPort": 9090}]));
    let lost = vec![("ServicePortMissing", Likely)];
    let rows = [
        (
            "the port has another name",
            renamed(),
            by(json!("http")),
            None,
            lost,
        ),
        (
            "the port has another number",
            kept,
            by(json!("http")),
            None,
            vec![],
        ),
        (
            "the Service names a number",
            renamed(),
            by(json!(8080)),
            None,
            vec![],
        ),
        (
            "the Service of the call follows",
            renamed(),
            by(json!("http")),
            Some(by(json!("web"))),
            vec![],
        ),
    ];
    for (says, pod, service, brought, expected) in rows {
        assert_eq!(predicted(&pod, vec![service], brought), expected, "{says}");
    }
}

#[test]
fn an_ingress_names_a_class_that_exists() {
    let ingress = |spec: Value| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "web", "annotations": {"kubernetes.io/ingress.class": "nginx"}}, "spec": spec})
    };
    let named = || ingress(json!({"ingressClassName": "nginx"}));
    let class = |name: &str| json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": name}});
    let missing = || vec![("IngressClassMissing", Likely)];
    let none = Lookup::Missing;
    let rows = [
        ("it does not exist", vec![named()], none.clone(), missing()),
        (
            "it exists",
            vec![named()],
            Lookup::Seen(class("nginx")),
            vec![],
        ),
        (
            "it may not be read",
            vec![named()],
            Lookup::Unseen("403".to_owned()),
            vec![],
        ),
        (
            "the call brings it",
            vec![named(), class("nginx")],
            none.clone(),
            vec![],
        ),
        (
            "the call brings another",
            vec![named(), class("traefik")],
            none.clone(),
            missing(),
        ),
        (
            "only the annotation names it",
            vec![ingress(json!({}))],
            none,
            vec![],
        ),
    ];
    for (says, call, class, expected) in rows {
        let is_unseen = matches!(class, Lookup::Unseen(_));
        let cluster = Cluster {
            class,
            ..Cluster::default()
        };
        let forecast = cluster.forecast(&call);
        let found = forecast.predictions.iter();
        let found: Vec<_> = found.map(|it| (it.code.as_str(), it.certainty)).collect();
        assert_eq!(found, expected, "{says}");
        assert_eq!(!forecast.unseen.is_empty(), is_unseen, "{says}");
    }
}
