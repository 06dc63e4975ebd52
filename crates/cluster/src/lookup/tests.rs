//! A lookup and the API server's answers.

use std::time::Duration;

use rollguard_core::traffic::NetworkObjects;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::testing::{Answer, Server, bytes, ok, page, silence, status};

fn with_groups(names: &[&str]) -> Server {
    let groups = names.iter().map(|name| {
        let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    });
    let groups: Vec<Value> = groups.collect();
    Server::new().json(
        "GET",
        "/apis",
        json!({"kind": "APIGroupList", "groups": groups}),
    )
}

/// The promises of a lookup in words; `None` where there is no answer.
async fn found(server: &Server, lookup: Lookup) -> Option<Vec<String>> {
    let seen = look_up(&server.client(), "shop", lookup).await?;
    let Seen::LookedUp { promises, .. } = seen else {
        return None;
    };
    let words = promises.iter().map(|it| {
        if it.read {
            it.by.clone()
        } else {
            format!("perhaps {}", it.by)
        }
    });
    Some(words.collect())
}

fn certificate(name: &str, secret: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"secretName": secret}})
}

#[tokio::test]
async fn who_may_write_a_secret_is_found_by_discovery() {
    let secret = || Lookup::Secret { name: "db".into() };
    let certificates = "/apis/cert-manager.io/v1/namespaces/shop/certificates";
    let listed = || with_groups(&["apps", "cert-manager.io"]);
    let items = json!({"items": [certificate("other", "x"), certificate("web", "db")]});
    let rows: [(&str, Server, Option<Vec<&str>>); 5] = [
        (
            "nothing of the kind is installed: no resource is asked for",
            with_groups(&["apps"]),
            Some(vec![]),
        ),
        (
            "a Certificate names the Secret",
            listed().json("GET", certificates, items),
            Some(vec!["Certificate `web`"]),
        ),
        (
            "Certificates may not be read: their presence counts",
            listed().on("GET", certificates, |_| status(403, "forbidden")),
            Some(vec!["perhaps Certificate (cert-manager.io)"]),
        ),
        (
            "the group has no such resource",
            listed().on("GET", certificates, |_| status(404, "no")),
            Some(vec![]),
        ),
        (
            "a gateway answers: nothing is known",
            listed().on("GET", certificates, |_| page(502)),
            None,
        ),
    ];
    for (says, server, expected) in rows {
        let expected = expected.map(|it| it.into_iter().map(str::to_owned).collect());
        assert_eq!(found(&server, secret()).await, expected, "{says}");
    }
}

#[tokio::test]
async fn workloads_with_more_pods_than_they_want_are_about_to_let_some_go() {
    let object = |name: &str, wanted: i32, is: i32| json!({"metadata": {"name": name}, "spec": {"replicas": wanted}, "status": {"replicas": is}});
    let deployments = json!({"items": [object("web", 2, 2), object("api", 2, 3)]});
    let agent = json!({"metadata": {"name": "agent", "generation": 2},
        "spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}},
        "status": {"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 1}});
    let server = Server::new()
        .json("GET", "/deployments", deployments)
        .json("GET", "/statefulsets", json!({"items": null}))
        .json("GET", "/daemonsets", json!({"items": [agent]}));
    let leaving = found(&server, Lookup::LeavingPods).await;
    let expected = ["Deployment `api`", "DaemonSet `agent`"].map(str::to_owned);
    assert_eq!(leaving, Some(expected.to_vec()));
    let blind = Server::new()
        .on("GET", "/deployments", |_| status(403, "forbidden"))
        .on("GET", "/statefulsets", |_| ok(&json!({"items": []})))
        .on("GET", "/daemonsets", |_| ok(&json!({"items": []})));
    let leaving = found(&blind, Lookup::LeavingPods).await;
    let expected = "perhaps a Deployment of this namespace".to_owned();
    assert_eq!(leaving, Some(vec![expected]));
}

#[tokio::test]
async fn jobs_that_run_may_create_a_missing_object_and_unreadable_ones_promise_nothing() {
    let job = |name: &str, active: i32| json!({"metadata": {"name": name}, "status": {"active": active, "startTime": "2026-11-29T10:00:00Z"}});
    let items = json!({"items": [job("certs", 1), job("over", 0)]});
    let certs = || Some(vec!["Job `certs`".to_owned()]);
    let jobs = "/apis/batch/v1/namespaces/shop/jobs";
    let rows = [
        (
            "one runs",
            with_groups(&[]).json("GET", jobs, items),
            certs(),
        ),
        (
            "they may not be read",
            with_groups(&[]).on("GET", jobs, |_| status(403, "forbidden")),
            Some(vec![]),
        ),
        (
            "a gateway answers: nothing is known",
            with_groups(&[]).on("GET", jobs, |_| page(502)),
            None,
        ),
    ];
    for (says, server, expected) in rows {
        let map = Lookup::ConfigMap { name: "web".into() };
        let secret = Lookup::Secret { name: "db".into() };
        assert_eq!(found(&server, map).await, expected, "ConfigMap: {says}");
        assert_eq!(found(&server, secret).await, expected, "Secret: {says}");
    }
}

#[tokio::test]
async fn quotas_that_count_controller_revisions_are_found() {
    let quota = |name: &str, hard: Value| json!({"metadata": {"name": name}, "spec": {"hard": hard}, "status": {"used": {"count/controllerrevisions.apps": "3"}}});
    let items = json!({"items": [
        quota("pods", json!({"pods": "5"})),
        quota("objects", json!({"count/controllerrevisions.apps": "3"})),
    ]});
    let quotas = "/api/v1/namespaces/shop/resourcequotas";
    let full = "quota `objects` allows 3 count/controllerrevisions.apps, 3 are used";
    let rows = [
        (
            "one counts them",
            Server::new().json("GET", quotas, items),
            Some(vec![full]),
        ),
        (
            "they may not be read",
            Server::new().on("GET", quotas, |_| status(403, "forbidden")),
            Some(vec!["perhaps the quotas of the namespace"]),
        ),
        (
            "a gateway answers: nothing is known",
            Server::new().on("GET", quotas, |_| page(502)),
            None,
        ),
    ];
    for (says, server, expected) in rows {
        let expected = expected.map(|it| it.into_iter().map(str::to_owned).collect());
        assert_eq!(
            found(&server, Lookup::RevisionQuota).await,
            expected,
            "{says}"
        );
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
async fn what_stands_between_users_and_pods_is_listed_kind_by_kind() {
    type Row = (
        &'static str,
        Server,
        Option<(Option<usize>, Vec<&'static str>)>,
    );
    let paths = [
        "/api/v1/namespaces/shop/services",
        "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
        "/apis/networking.k8s.io/v1/namespaces/shop/ingresses",
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers",
    ];
    let [services, slices, ..] = paths;
    let service = json!({"metadata": {"name": "web", "uid": "u"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    let all = || {
        let server = paths.iter().fold(Server::new(), |server, path| {
            let items = if *path == services {
                json!([service])
            } else {
                json!([])
            };
            server.json("GET", path, json!({"items": items}))
        });
        server.json("GET", "/apis", json!({"groups": []}))
    };
    let rows: [Row; 5] = [
        ("all may be listed", all(), Some((Some(1), vec![]))),
        (
            "Services may not be listed",
            Server::new()
                .on("GET", services, |_| status(403, "forbidden"))
                .over(&all()),
            Some((
                None,
                vec!["whether Services lead to the new pods (may not list services)"],
            )),
        ),
        (
            "a gateway does not know EndpointSlices: nothing is known",
            Server::new()
                .on("GET", slices, |_| status(404, "not found"))
                .over(&all()),
            None,
        ),
        (
            "a Service that is not understood may be the one that leads to the pods",
            Server::new()
                .json(
                    "GET",
                    services,
                    json!({"items": [{"metadata": {"name": "web"}, "spec": {"ports": 80}}]}),
                )
                .over(&all()),
            Some((
                None,
                vec!["whether Services lead to the new pods (services are not understood: "],
            )),
        ),
        (
            "a gateway answers: nothing is known",
            Server::new()
                .on("GET", services, |_| page(502))
                .over(&all()),
            None,
        ),
    ];
    for (says, server, expected) in rows {
        let seen = look_up(&server.client(), "shop", Lookup::Traffic).await;
        let objects = if let Some(Seen::Traffic { objects }) = seen {
            Some(objects)
        } else {
            None
        };
        assert_eq!(objects.is_some(), expected.is_some(), "{says}");
        let (Some(objects), Some((listed, unseen))) = (objects, expected) else {
            continue;
        };
        assert_eq!(objects.services.map(|it| it.len()), listed, "{says}");
        let told = objects.unseen.iter();
        let told: Vec<String> = told
            .map(|it| format!("{} ({})", it.without, it.why))
            .collect();
        assert_eq!(told.len(), unseen.len(), "{says}");
        for (told, expected) in told.iter().zip(unseen) {
            assert!(told.starts_with(expected), "{says}: {told}");
        }
    }
}

/// A namespace with an Ingress that has a certificate, and a Service that waits for its load balancer.
fn front() -> Server {
    let service = json!({"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        "status": {"loadBalancer": {}}});
    let ingress =
        json!({"metadata": {"name": "shop"}, "spec": {"tls": [{"secretName": "shop-tls"}]}});
    let route = json!({"metadata": {"name": "shop"}, "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}});
    let event = json!({"involvedObject": {"kind": "Service", "name": "web"}, "reason": "SyncLoadBalancerFailed", "message": "the subnet is full",
        "lastTimestamp": null, "eventTime": null});
    let metadata = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "shop-tls"}});
    let group = json!({"name": "gateway.networking.k8s.io", "preferredVersion": {"groupVersion": "gateway.networking.k8s.io/v1beta1"}});
    let items = |of: Value| json!({"items": [of]});
    let routes = "/apis/gateway.networking.k8s.io/v1beta1/namespaces/shop/httproutes";
    Server::new()
        .json("GET", "/api/v1/namespaces/shop/services", items(service))
        .json("GET", "/ingresses", items(ingress))
        .json(
            "GET",
            "/ingressclasses",
            items(json!({"metadata": {"name": "nginx"}})),
        )
        .json("GET", "/secrets/shop-tls", metadata)
        .json("GET", "/events", items(event))
        .json("GET", routes, items(route))
        .json("GET", "/apis", json!({"groups": [group]}))
        .on("GET", "", |_| ok(&json!({"items": []})))
}

async fn objects(server: &Server) -> NetworkObjects {
    let seen = look_up(&server.client(), "shop", Lookup::Traffic).await;
    let Some(Seen::Traffic { objects }) = seen else {
        panic!("{seen:?}");
    };
    *objects
}

#[tokio::test]
async fn what_stands_in_front_of_services_is_asked_only_where_there_is_any() {
    let server = front();
    let found = objects(&server).await;
    assert_eq!(found.unseen, []);
    assert_eq!(found.routes.map(|it| it.len()), Some(1));
    assert_eq!(found.ingress_classes.map(|it| it.len()), Some(1));
    assert_eq!(found.missing_secrets, Vec::<String>::new());
    assert_eq!(found.service_events.len(), 1);
    let of_services = server.requests("GET", "/events").pop().unwrap();
    assert!(
        of_services.query.contains("involvedObject.kind") && of_services.query.contains("Warning"),
        "{}",
        of_services.query
    );
    let asked = server.requests("GET", "");
    assert_eq!(asked.len(), 10, "{asked:?}");

    let plain = Server::new()
        .json("GET", "/apis", json!({"groups": [{"name": "apps"}]}))
        .on("GET", "", |_| ok(&json!({"items": []})));
    let found = objects(&plain).await;
    assert_eq!(found.unseen, []);
    assert_eq!(found.routes, None);
    let asked = plain.requests("GET", "");
    assert_eq!(asked.len(), 6, "{asked:?}");
}

#[tokio::test]
async fn what_stands_in_front_of_services_and_may_not_be_read_is_told() {
    let rows = [
        (
            "/httproutes",
            403,
            "whether HTTPRoutes lead to the new pods (may not list httproutes)",
        ),
        (
            "/ingressclasses",
            403,
            "whether a controller serves the Ingresses (may not list ingressclasses)",
        ),
        (
            "/secrets/shop-tls",
            403,
            "whether the Secrets with the certificates of Ingresses exist (may not get secrets)",
        ),
        (
            "/events",
            403,
            "why a Service has no load balancer (may not list events)",
        ),
        (
            "/apis",
            502,
            "whether HTTPRoutes lead to the new pods (the API server gave no usable answer)",
        ),
    ];
    for (path, code, expected) in rows {
        let broken = Server::new().on("GET", path, move |_| status(code, "forbidden"));
        let found = objects(&broken.over(&front())).await;
        let told = found.unseen.iter();
        let told: Vec<String> = told
            .map(|it| format!("{} ({})", it.without, it.why))
            .collect();
        assert_eq!(told, [expected], "{path}");
    }
    let missing = Server::new().on("GET", "/secrets/shop-tls", |_| status(404, "not found"));
    let found = objects(&missing.over(&front())).await;
    assert_eq!(found.missing_secrets, ["shop-tls"]);
}

#[tokio::test]
async fn one_certificate_that_is_missing_hides_no_other_that_may_not_be_read() {
    let names =
        |count: usize| -> Vec<String> { (0..count).map(|it| format!("tls-{it}")).collect() };
    let rows: [(&str, usize, u16, &str); 3] = [
        ("all are there", 5, 200, ""),
        ("one may not be read", 2, 403, "may not get secrets"),
        (
            "there are more than are asked for",
            6,
            200,
            "only the first five are asked for",
        ),
    ];
    for (says, count, other, why) in rows {
        let tls = names(count).into_iter().map(|it| json!({"secretName": it}));
        let tls: Vec<Value> = tls.collect();
        let ingress = json!({"metadata": {"name": "shop"}, "spec": {"tls": tls}});
        let metadata = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "tls"}});
        let server = Server::new()
            .json("GET", "/ingresses", json!({"items": [ingress]}))
            .on("GET", "/secrets/tls-0", |_| status(404, "not found"))
            .on("GET", "/secrets/tls-1", move |_| match other {
                200 => ok(&metadata),
                code => status(code, "forbidden"),
            })
            .json("GET", "/apis", json!({"groups": []}))
            .on("GET", "", |_| ok(&json!({"items": []})));
        let found = objects(&server).await;
        assert_eq!(found.missing_secrets, ["tls-0"], "{says}");
        let told: Vec<&str> = found.unseen.iter().map(|it| it.why.as_str()).collect();
        let expected: Vec<&str> = Some(why).filter(|it| !it.is_empty()).into_iter().collect();
        assert_eq!(told, expected, "{says}");
    }
}

/// Tries port 8080 of these pods; returns which told something, and whether they refused.
async fn tried(server: &Server, pods: &[&str]) -> Vec<(String, bool)> {
    let ports = pods.iter().map(|pod| PodPort {
        pod: (*pod).to_owned(),
        uid: format!("u-{pod}"),
        port: 8080,
        path: None,
    });
    let lookup = Lookup::TrafficAndPorts {
        ports: ports.collect(),
    };
    let seen = look_up(&server.client(), "shop", lookup).await;
    let Some(Seen::Traffic { objects }) = seen else {
        panic!("{seen:?}");
    };
    let tried = objects.tried.into_iter();
    tried.map(|it| (it.uid, it.refused)).collect()
}

/// An error of the API server while it asks a pod.
fn of_proxy(code: u16, reason: &str, message: &str) -> Answer {
    let details = json!({"name": "web:8080", "kind": "pods"});
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "message": message, "reason": reason, "details": details});
    let code = http::StatusCode::from_u16(code).unwrap();
    Answer::Whole(code, body.to_string().into_bytes())
}

const REFUSED: &str =
    "error trying to reach service: dial tcp 10.0.0.7:8080: connect: connection refused";

#[tokio::test(start_paused = true)]
async fn silent_ports_cost_two_seconds_and_the_services_are_read_after_them() {
    let names: Vec<String> = (0..30).map(|it| format!("web-{it:02}")).collect();
    let pods: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = Server::new()
        .on("GET", "/pods/web-29:8080/proxy/", |_| {
            of_proxy(503, "ServiceUnavailable", REFUSED)
        })
        .on("GET", "/proxy/", |_| silence())
        .on("GET", "", |_| ok(&json!({"items": []})));
    let begun = Instant::now();
    let tried = tried(&server, &pods).await;
    assert!(
        begun.elapsed() <= Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(tried.len(), 30);
    let refused: Vec<&str> = tried
        .iter()
        .filter(|it| it.1)
        .map(|it| it.0.as_str())
        .collect();
    assert_eq!(refused, ["u-web-29"]);
    let services = server.requests("GET", "/services").pop().unwrap();
    assert_eq!(services.at - begun, Duration::from_secs(2));
    let log = server.log();
    let last_try = log.iter().rposition(|it| it.path.ends_with("/proxy/"));
    let first_list = log.iter().position(|it| !it.path.ends_with("/proxy/"));
    assert!(last_try < first_list, "{log:?}");
}

#[tokio::test]
async fn a_port_of_which_the_api_server_says_nothing_is_left_to_be_tried_again() {
    let server = Server::new()
        .on("GET", "/open:8080/proxy/", |_| bytes(b"fine".to_vec()))
        .on("GET", "/refusing:8080/proxy/", |_| {
            of_proxy(503, "ServiceUnavailable", REFUSED)
        })
        .on("GET", "/forbidden:8080/proxy/", |_| {
            of_proxy(403, "Forbidden", "cannot get pods/proxy")
        })
        .on("GET", "/cut:8080/proxy/", |_| {
            let message = "error trying to reach service: No agent available";
            of_proxy(503, "ServiceUnavailable", message)
        })
        .on("GET", "/broken:8080/proxy/", |_| {
            of_proxy(500, "InternalError", "no")
        })
        .on("GET", "/late:8080/proxy/", |_| {
            of_proxy(504, "Timeout", "late")
        })
        .on("GET", "", |_| ok(&json!({"items": []})));
    let pods = ["open", "refusing", "forbidden", "cut", "broken", "late"];
    let expected = [
        ("u-forbidden", false),
        ("u-open", false),
        ("u-refusing", true),
    ];
    let expected = expected.map(|(uid, refused)| (uid.to_owned(), refused));
    assert_eq!(tried(&server, &pods).await, expected);
}
