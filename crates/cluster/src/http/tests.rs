//! Answers through the API server's proxy, told apart.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Answer as Scripted, Server, ok, page, refused, silence, status, text};

fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u-1"},
        "spec": {"containers": [
            {"name": "app", "ports": [{"name": "http", "containerPort": 8080}]},
            {"name": "side", "ports": [{"name": "admin", "containerPort": 9000}]}]},
        "status": {"podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}, {"ip": "fd00::7"}]},
    }))
    .unwrap()
}

async fn asked(server: &Server, check: &str) -> Seen {
    let check = HttpCheck::parse(check).unwrap();
    ask(&server.client(), &pod(), 2, &check).await
}

fn told(seen: &Seen) -> String {
    if let Seen::Answered { answer, .. } = seen {
        return match answer {
            Answer::Came { answer } => format!("{} {}", answer.status, answer.body),
            Answer::Failed { message } => format!("failed: {message}"),
        };
    }
    let Seen::Blind { resource, why } = seen else {
        panic!("{seen:?}");
    };
    assert_eq!(*resource, ResourceKind::PodProxy);
    match why {
        Blindness::Forbidden { .. } => "forbidden".to_owned(),
        Blindness::Unauthorized { .. } => "unauthorized".to_owned(),
        Blindness::Disconnected { message } => format!("disconnected: {message}"),
    }
}

fn own(code: u16, reason: &str, message: &str, details: &Value) -> Scripted {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": code,
        "status": "Failure", "message": message, "reason": reason, "details": details});
    let code = StatusCode::from_u16(code).unwrap();
    Scripted::Whole(code, body.to_string().into_bytes())
}

#[tokio::test]
async fn ports_and_queries_become_the_proxys_path() {
    let rows = [
        ("/healthz", "web-1:8080/proxy/healthz", ""),
        ("/", "web-1:8080/proxy/", ""),
        ("/ready?full=1:81", "web-1:81/proxy/ready", "full=1"),
        ("/healthz:http", "web-1:8080/proxy/healthz", ""),
        ("/healthz:admin", "web-1:9000/proxy/healthz", ""),
        ("service/web/healthz", "web/proxy/healthz", ""),
        ("service/web/healthz:http", "web:http/proxy/healthz", ""),
    ];
    for (check, path, query) in rows {
        let server = Server::new().on("GET", "", |_| text("fine"));
        let seen = asked(&server, check).await;
        assert_eq!(told(&seen), "200 fine", "{check}");
        let Seen::Answered {
            pod, check: index, ..
        } = &seen
        else {
            unreachable!()
        };
        assert_eq!((pod.as_str(), *index), ("u-1", 2));
        let sent = server.requests("GET", "").pop().unwrap();
        let kind = if check.starts_with("service/") {
            "services"
        } else {
            "pods"
        };
        assert_eq!(sent.path, format!("/api/v1/namespaces/shop/{kind}/{path}"));
        assert_eq!(sent.query, query);
    }
    let seen = asked(&Server::new(), "/healthz:grpc").await;
    assert_eq!(
        told(&seen),
        "failed: no container of the pod has a port `grpc`"
    );
}

#[tokio::test]
async fn the_api_servers_own_answers_are_told_apart_from_the_pods() {
    let unreached = |why: &str| format!("error trying to reach service: {why}");
    let of_pod = json!({"name": "web-1:8080", "kind": "pods"});
    let gone = json!({"name": "web-1", "kind": "pods"});
    let refused = unreached("dial tcp 10.0.0.7:8080: connect: connection refused");
    let tunnel = unreached("No agent available");
    let none = Value::Null;
    let rows = [
        (
            "may not",
            own(403, "Forbidden", "cannot get pods/proxy", &of_pod),
            "forbidden",
        ),
        (
            "the token",
            own(401, "Unauthorized", "Unauthorized", &none),
            "unauthorized",
        ),
        (
            "gone",
            own(404, "NotFound", "not found", &gone),
            "failed: not found",
        ),
        (
            "no address",
            own(400, "BadRequest", "address not allowed", &none),
            "failed: address not allowed",
        ),
        (
            "does not listen",
            own(503, "ServiceUnavailable", &refused, &none),
            &format!("failed: {refused}"),
        ),
        (
            "the tunnel to the nodes",
            own(503, "ServiceUnavailable", &tunnel, &none),
            &format!("disconnected: {tunnel} (HTTP 503)"),
        ),
        (
            "overload",
            own(429, "TooManyRequests", "later", &none),
            "disconnected: later (HTTP 429)",
        ),
    ];
    for (says, answer, expected) in rows {
        let answer = std::sync::Mutex::new(Some(answer));
        let server = Server::new().on("GET", "", move |_| answer.lock().unwrap().take().unwrap());
        assert_eq!(told(&asked(&server, "/healthz").await), expected, "{says}");
    }
}

#[tokio::test]
async fn only_a_refused_connection_shows_that_nothing_listens() {
    let unreached = |why: &str| {
        let message = format!("{UNREACHED}{why}");
        own(503, "ServiceUnavailable", &message, &Value::Null)
    };
    let bad_request = StatusCode::BAD_REQUEST;
    let tls = b"Client sent an HTTP request to an HTTPS server.\n".to_vec();
    let refused = "dial tcp 10.0.0.7:8080: connect: connection refused";
    let of_pod = json!({"name": "web-1:8080", "kind": "pods"});
    let rows = [
        ("refused", unreached(refused), "refused"),
        ("a page", text("fine"), "open"),
        ("an error", status(500, "broken"), "open"),
        ("TLS", Scripted::Whole(bad_request, tls), "open"),
        (
            "another protocol",
            unreached("net/http: HTTP/1.x transport connection broken: malformed HTTP response"),
            "open",
        ),
        (
            "silence",
            unreached("dial tcp 10.0.0.7:8080: i/o timeout"),
            "open",
        ),
        (
            "an end of the tunnel with the same port is refused",
            unreached("dial tcp 127.0.0.1:8080: connect: connection refused"),
            "unknown",
        ),
        (
            "a pod that has an address of IPv6 only",
            unreached("dial tcp [fd00:10::7]:8080: connect: connection refused"),
            "refused",
        ),
        (
            "an end of the tunnel is refused over IPv6",
            unreached("dial tcp [::1]:8080: connect: connection refused"),
            "unknown",
        ),
        (
            "the tunnel's own connection is refused",
            unreached("dial unix /run/konnectivity: connect: connection refused"),
            "unknown",
        ),
        (
            "may not",
            own(403, "Forbidden", "cannot get pods/proxy", &of_pod),
            "unknown",
        ),
    ];
    let port = PodPort {
        pod: "web-1".to_owned(),
        uid: "u-1".to_owned(),
        port: 8080,
        path: None,
    };
    for (says, answer, expected) in rows {
        let answer = std::sync::Mutex::new(Some(answer));
        let server = Server::new().on("GET", "", move |_| answer.lock().unwrap().take().unwrap());
        let told = match try_port(&server.client(), "shop", &port).await {
            Ok(Reply::Refused) => "refused",
            Ok(Reply::Answered(_) | Reply::Silence) => "open",
            Err(_) => "unknown",
        };
        assert_eq!(told, expected, "{says}");
        let sent = server.requests("GET", "").pop().unwrap();
        let path = "/api/v1/namespaces/shop/pods/web-1:8080/proxy/";
        assert_eq!(sent.path, path, "{says}");
    }
}

/// Answers a check with the API server's own words.
async fn answered_itself(check: &str, answer: Scripted) -> String {
    let answer = std::sync::Mutex::new(Some(answer));
    let server = Server::new().on("GET", "", move |request| {
        // The ports of a Service may not be read.
        if request.path.ends_with("/services") {
            return status(403, "forbidden");
        }
        answer.lock().unwrap().take().unwrap()
    });
    told(&asked(&server, check).await)
}

#[tokio::test]
async fn a_service_is_asked_on_its_only_port_if_the_check_names_none() {
    let ports =
        |all: Value| json!({"items": [{"metadata": {"name": "web"}, "spec": {"ports": all}}]});
    let only = ports(json!([{"name": "http", "port": 8080, "targetPort": "http"}]));
    let two = ports(json!([{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090}]));
    let rows = [
        (
            "its only port",
            "service/web/healthz",
            only.clone(),
            "200 fine",
            3,
        ),
        ("two ports", "service/web/healthz", two, "disconnected: ", 2),
        (
            "no such Service",
            "service/web/healthz",
            json!({"items": []}),
            "disconnected: ",
            2,
        ),
        (
            "the check names a port",
            "service/web/healthz:http",
            only,
            "disconnected: ",
            1,
        ),
    ];
    for (says, check, services, expected, requests) in rows {
        let server = Server::new()
            .on("GET", "/services/web:8080/proxy/healthz", |_| text("fine"))
            .json("GET", "/api/v1/namespaces/shop/services", services)
            .on("GET", "/proxy/healthz", |_| {
                let message = "no endpoints available for service \"web\"";
                own(503, "ServiceUnavailable", message, &Value::Null)
            });
        let told = told(&asked(&server, check).await);
        assert!(told.starts_with(expected), "{says}: {told}");
        assert_eq!(server.requests("GET", "").len(), requests, "{says}");
    }
}

#[tokio::test]
async fn a_path_that_is_asked_beside_the_port_tells_its_status() {
    let port = PodPort {
        pod: "web-1".to_owned(),
        uid: "u-1".to_owned(),
        port: 8080,
        path: Some("/healthz".to_owned()),
    };
    let server = Server::new().on("GET", "", |_| page(404));
    let told = try_port(&server.client(), "shop", &port).await;
    assert_eq!(
        told.ok().and_then(Reply::status),
        None,
        "a gateway's own page"
    );
    let server = Server::new().on("GET", "", |_| text("fine"));
    let told = try_port(&server.client(), "shop", &port).await;
    assert_eq!(told.ok().and_then(Reply::status), Some(200));
    let sent = server.requests("GET", "").pop().unwrap();
    assert_eq!(
        sent.path,
        "/api/v1/namespaces/shop/pods/web-1:8080/proxy/healthz"
    );
}

#[tokio::test]
async fn a_service_without_endpoints_is_an_answer_and_its_pods_are_any() {
    let own = |message: &str| own(503, "ServiceUnavailable", message, &Value::Null);
    let none = "no endpoints available for service \"web\"";
    let elsewhere = format!("{UNREACHED}dial tcp 10.0.0.99:8080: connect: connection refused");
    let rows = [
        ("no endpoints", none, format!("failed: {none}")),
        ("another pod", &elsewhere, format!("failed: {elsewhere}")),
    ];
    for (says, message, expected) in rows {
        let told = answered_itself("service/web/healthz:80", own(message)).await;
        assert_eq!(told, expected, "{says}");
    }
}

#[tokio::test]
async fn a_service_that_the_check_may_name_wrongly_decides_nothing() {
    let no_endpoints = |id: &str| {
        let message = format!("no endpoints available for service \"{id}\"");
        own(503, "ServiceUnavailable", &message, &Value::Null)
    };
    let missing = |kind: &str| {
        let message = format!("{kind} \"web\" not found");
        let details = json!({"name": "web", "kind": kind});
        own(404, "NotFound", &message, &details)
    };
    let rows = [
        (
            "its ports may have names",
            "service/web/healthz",
            no_endpoints("web"),
        ),
        (
            "the name of the port may be misspelt",
            "service/web/healthz:htttp",
            no_endpoints("web:htttp"),
        ),
        (
            "no such Service, by number",
            "service/web/healthz:80",
            missing("services"),
        ),
        (
            "no such Service, by name",
            "service/web/healthz:http",
            missing("endpoints"),
        ),
        (
            "no such Service, without a port",
            "service/web/healthz",
            missing("endpoints"),
        ),
    ];
    for (says, check, answer) in rows {
        let told = answered_itself(check, answer).await;
        assert!(told.starts_with("disconnected: "), "{says}: {told}");
        assert!(told.contains("Service `web`"), "{says}: {told}");
        assert!(told.contains("`service/web/healthz:80`"), "{says}: {told}");
    }
    let details = json!({"name": "orders", "kind": "endpoints"});
    let of_pod = own(404, "NotFound", "endpoints not found", &details);
    let told = answered_itself("service/web/healthz", of_pod).await;
    assert!(told.starts_with("404 "), "another object: {told}");
}

#[tokio::test]
async fn a_cut_tunnel_is_no_word_about_a_service() {
    for why in [
        "dial tcp 127.0.0.1:8132: connect: connection refused",
        "dial tcp [::1]:8132: connect: connection refused",
        "dial tcp: lookup konnectivity-server: no such host",
    ] {
        let message = format!("{UNREACHED}{why}");
        let answer = own(503, "ServiceUnavailable", &message, &Value::Null);
        let told = answered_itself("service/web/healthz:80", answer).await;
        assert!(told.starts_with("disconnected: "), "{why}: {told}");
    }
}

async fn unreached(why: &str) -> String {
    let message = format!("{UNREACHED}{why}");
    let server = Server::new().on("GET", "", move |_| {
        own(503, "ServiceUnavailable", &message, &Value::Null)
    });
    told(&asked(&server, "/healthz").await)
}

#[tokio::test]
async fn a_cut_tunnel_is_no_word_about_the_pod() {
    for why in [
        "No agent available",
        "tunnel closed",
        "dial timeout, backstop",
        "timed out waiting for backend dial",
        "proxy error from 127.0.0.1:8132 while dialing 10.0.0.7:8080, code 500: 500 Internal Server Error",
        "reading HTTP response from CONNECT to 10.0.0.7:8080 via proxy 127.0.0.1:8132 failed: EOF",
        "dial tcp 127.0.0.1:8132: connect: connection refused",
        "dial tcp 10.1.0.4:40312->10.1.0.9:8132: i/o timeout",
        "dial tcp [fd00::8]:8132: connect: connection refused",
        "dial tcp: lookup konnectivity-server: no such host",
        "dial unix /etc/konnectivity-server.socket: connect: connection refused",
    ] {
        let told = unreached(why).await;
        assert!(told.starts_with("disconnected: "), "{why}: {told}");
    }
}

#[tokio::test]
async fn a_pod_that_is_dialled_in_vain_does_not_listen() {
    for why in [
        "dial tcp 10.0.0.7:8080: connect: connection refused",
        "dial tcp 10.1.0.4:40312->10.0.0.7:8080: connect: no route to host",
        "dial tcp [fd00:0::7]:8080: connect: connection refused",
        "EOF",
        "read tcp 10.1.0.4:40312->10.0.0.7:8080: read: connection reset by peer",
    ] {
        let told = unreached(why).await;
        assert_eq!(told, format!("failed: {UNREACHED}{why}"));
    }
}

#[tokio::test]
async fn a_pod_that_swallows_the_connection_does_not_answer() {
    let why = "dial tcp 10.0.0.7:8080: i/o timeout";
    assert_eq!(
        unreached(why).await,
        format!("failed: no answer within the API server's own limit: {why}")
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_pods() {
    let server = Server::new().on("GET", "", |_| {
        crate::testing::ended_watch(&[json!("half")], Err("unexpected end of file"))
    });
    assert_eq!(
        told(&asked(&server, "/healthz").await),
        "failed: the answer (200 OK) ends early: unexpected end of file"
    );
}

#[tokio::test]
async fn a_pod_that_talks_like_an_api_server_is_a_pod() {
    let elsewhere = json!({"name": "node-1", "kind": "nodes"});
    let rows = [
        own(
            403,
            "Forbidden",
            "system:anonymous cannot get path",
            &json!({}),
        ),
        own(404, "NotFound", "nodes not found", &elsewhere),
        own(400, "BadRequest", "no such field", &Value::Null),
        own(418, "Teapot", "short and stout", &Value::Null),
        status(503, "no reason given"),
        ok(&json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
        Scripted::Whole(StatusCode::FOUND, b"moved".to_vec()),
        Scripted::Whole(StatusCode::SERVICE_UNAVAILABLE, b"warming up".to_vec()),
    ];
    for answer in rows {
        let answer = std::sync::Mutex::new(Some(answer));
        let server = Server::new().on("GET", "", move |_| answer.lock().unwrap().take().unwrap());
        let seen = asked(&server, "/healthz").await;
        let came = matches!(
            &seen,
            Seen::Answered {
                answer: Answer::Came { .. },
                ..
            }
        );
        assert!(came, "{seen:?}");
    }
}

#[tokio::test]
async fn a_gateways_page_is_not_the_pods_answer() {
    for code in [404, 502, 503, 504] {
        let server = Server::new().on("GET", "", move |_| page(code));
        let code = StatusCode::from_u16(code).unwrap();
        let expected =
            format!("disconnected: the answer ({code}) does not come from the API server");
        assert_eq!(told(&asked(&server, "/healthz").await), expected);
        // The same page through the API server is the pod's.
        let server = Server::new().on("GET", "", move |_| {
            Scripted::Whole(code, b"<html>gateway</html>".to_vec())
        });
        let expected = format!("{} <html>gateway</html>", code.as_u16());
        assert_eq!(told(&asked(&server, "/healthz").await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_the_pods_and_no_connection_is_ours() {
    let server = Server::new().on("GET", "", |_| silence());
    assert_eq!(
        told(&asked(&server, "/").await),
        "failed: no answer within 10s"
    );
    let server = Server::new().on("GET", "", |_| refused());
    let seen = asked(&server, "/").await;
    assert_eq!(told(&seen), "disconnected: connection refused");
}

#[tokio::test(start_paused = true)]
async fn a_long_or_endless_body_is_cut() {
    let long = "x".repeat(10 * BODY_LIMIT);
    let server = Server::new().on("GET", "", move |_| text(&long));
    assert_eq!(
        told(&asked(&server, "/").await).len(),
        "200 ".len() + BODY_LIMIT
    );
    let server = Server::new().on("GET", "", |_| crate::testing::open_watch(&[json!(1)]));
    assert_eq!(told(&asked(&server, "/").await), "200 1\n");
}
