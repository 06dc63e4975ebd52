//! Asks a pod over HTTP through the API server's proxy: no way through the network from here to the
//! pods is needed, only the permission `get pods/proxy`.
//!
//! Credentials stay with the API server: it drops `Authorization` and the headers of front proxies
//! once they are checked (apiserver `endpoints/filters/authentication.go`, `withAuthentication`).
//! What the pod does get are `X-Forwarded-*` headers with the address that the request came from.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Pod;
use kube::client::Body;
use kube::core::Status;
use kube::{Client, ResourceExt};
use rollguard_core::duration::Human;
use rollguard_core::http::{BODY_LIMIT, HttpAnswer, HttpCheck};
use rollguard_core::observation::{Answer, Blindness, NO_ANSWER, ResourceKind, Seen};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::Cause;

/// How long a pod may take, its whole answer included.
const LIMIT: Duration = Duration::from_secs(10);

/// Marks a request that is sent once: a retry would hide what a pod answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Once;

/// Sends the request of a check to a pod; `index` is the check's place in the session.
///
/// Distinguishes answers of the API server itself from the pod's: a proxy that is forbidden or
/// unreachable is blindness, a pod that the proxy cannot reach is an answer.
pub async fn ask(client: &Client, pod: &Pod, index: usize, check: &HttpCheck) -> Seen {
    match answer(client, pod, check).await {
        Ok(answer) => Seen::Answered {
            pod: pod.uid().unwrap_or_default(),
            check: index,
            answer,
        },
        Err(why) => Seen::Blind {
            resource: ResourceKind::PodProxy,
            why,
        },
    }
}

async fn answer(client: &Client, pod: &Pod, check: &HttpCheck) -> Result<Answer, Blindness> {
    let failed = |message: String| Ok(Answer::Failed { message });
    let request = match request(pod, check) {
        Ok(request) => request,
        Err(why) => return failed(why),
    };
    let begun = Instant::now();
    let response = match timeout(LIMIT, client.send(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(Cause::from(error).blindness()),
        Err(_) => return failed(format!("{NO_ANSWER} {}", Human(LIMIT))),
    };
    let status = response.status();
    let passed = passed_api_server(response.headers());
    let body = match read(response, begun + LIMIT).await {
        Ok(body) => body,
        Err(why) if !passed => return Err(why.blindness()),
        // A pod that began to answer was reached. When it breaks off, so does the API server.
        Err(why) => return failed(format!("the answer ({status}) ends early: {why}")),
    };
    if let Some(own) = of_api_server(status, &body, pod) {
        return own;
    }
    if !passed && may_be_of_gateway(status) {
        let message = format!("the answer ({status}) does not come from the API server");
        return Err(Blindness::Disconnected { message });
    }
    let body = String::from_utf8_lossy(&body);
    Ok(Answer::Came {
        answer: HttpAnswer::new(status.as_u16(), begun.elapsed(), &body),
    })
}

/// The API server takes numbers only (`pkg/registry/core/pod/strategy.go`, `ResourceLocation`).
fn request(pod: &Pod, check: &HttpCheck) -> Result<Request<Body>, String> {
    let name = pod.name_any();
    let port = check.port_of(pod)?;
    let port = port.map_or_else(String::new, |number| format!(":{number}"));
    let namespace = pod.namespace().unwrap_or_default();
    let path = check.path();
    Request::get(format!(
        "/api/v1/namespaces/{namespace}/pods/{name}{port}/proxy{path}"
    ))
    .extension(Once)
    .body(Body::empty())
    .map_err(|error| format!("`{path}` cannot be requested: {error}"))
}

/// Reads the beginning of a body. One that does not end in time is taken as far as it came: a server
/// that streams has answered.
async fn read(response: Response<Body>, until: Instant) -> Result<Bytes, Cause> {
    let mut body = response.into_body();
    let mut read = BytesMut::new();
    while read.len() < BODY_LIMIT {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                read.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
            }
            Ok(Some(Err(error))) => return Err(Cause::from(error)),
            Ok(None) | Err(_) => break,
        }
    }
    Ok(read.freeze())
}

/// Returns whether an answer came through the API server. It puts this header on every answer, on those
/// of pods too (apiserver `endpoints/filters/audit_init.go`); a gateway's own page does not have it.
fn passed_api_server(headers: &HeaderMap) -> bool {
    headers.contains_key("audit-id")
}

/// Returns whether something between here and the API server answers so: without a route, or without the
/// API server behind it. Where a gateway drops the header above, such an answer of a pod looks the same;
/// then the pod was not seen.
fn may_be_of_gateway(status: StatusCode) -> bool {
    matches!(status.as_u16(), 404 | 502..=504)
}

/// Returns what the API server itself says; `None` for an answer that came from the pod, even if that
/// looks much like it.
fn of_api_server(code: StatusCode, body: &[u8], pod: &Pod) -> Option<Result<Answer, Blindness>> {
    if code.is_success() {
        return None;
    }
    let status: Status = serde_json::from_slice(body).ok()?;
    let told: serde_json::Value = serde_json::from_slice(body).ok()?;
    let is = |field: &str, value: &str| told.get(field).and_then(|it| it.as_str()) == Some(value);
    if !is("kind", "Status") || !is("apiVersion", "v1") || status.code != code.as_u16() {
        return None;
    }
    let about_pod = status
        .details
        .as_ref()
        .is_some_and(|it| it.kind == "pods" && it.name.split(':').next() == Some(&pod.name_any()));
    let message = status.message.clone();
    let failed = Some(Ok(Answer::Failed {
        message: message.clone(),
    }));
    let blind = || Some(Err(Cause::from(status.clone()).blindness()));
    match (status.reason.as_str(), code.as_u16()) {
        ("Unauthorized", 401)
        | ("TooManyRequests", 429)
        | ("InternalError", 500)
        | ("Timeout", 504) => blind(),
        ("Forbidden", 403) if about_pod => blind(),
        ("NotFound", 404) if about_pod => failed,
        // The pod has no address, or one that is not asked.
        ("BadRequest", 400) if message == "address not allowed" => failed,
        ("ServiceUnavailable", 503) => match message.strip_prefix(UNREACHED) {
            Some(why) if of_tunnel(why, pod) => blind(),
            // Nothing refused the connection either: a NetworkPolicy may have swallowed it.
            Some(why) if why.contains("i/o timeout") => Some(Ok(Answer::Failed {
                message: format!("{NO_ANSWER} the API server's own limit: {why}"),
            })),
            Some(_) => failed,
            None => blind(),
        },
        _ => None,
    }
}

/// How the API server begins when it cannot reach a pod (apimachinery `util/proxy/transport.go`).
const UNREACHED: &str = "error trying to reach service: ";
/// What it says when its own way to the nodes is cut: apiserver-network-proxy
/// `konnectivity-client/pkg/client/client.go` and `pkg/server/server.go`, apiserver
/// `pkg/server/egressselector/egress_selector.go`.
const TUNNEL: [&str; 10] = [
    "No agent available",
    "rpc error: ",
    "tunnel closed",
    "dial closed",
    "dial timeout, ",
    "timed out waiting for backend dial",
    "currently no tunnels available",
    "proxy error from ",
    "reading HTTP response from CONNECT to ",
    "dial unix ",
];

/// Returns whether the API server's way to the nodes is cut, which is no word about the pod.
fn of_tunnel(why: &str, pod: &Pod) -> bool {
    TUNNEL.iter().any(|it| why.contains(it)) || is_elsewhere(why, pod)
}

/// Returns whether a connection failed to something that is not the pod: Go's `dial tcp ADDRESS: …`.
fn is_elsewhere(why: &str, pod: &Pod) -> bool {
    let Some((_, dialled)) = why.split_once("dial tcp") else {
        return false;
    };
    let status = pod.status.as_ref();
    let first = status.and_then(|it| it.pod_ip.as_ref());
    let others = status.and_then(|it| it.pod_ips.as_ref());
    let mut own = first
        .into_iter()
        .chain(others.into_iter().flatten().map(|it| &it.ip))
        .filter_map(|ip| ip.parse::<IpAddr>().ok())
        .peekable();
    // An unknown address cannot be compared.
    if own.peek().is_none() {
        return false;
    }
    let address = dialled.split(": ").next().unwrap_or_default();
    let address = address.rsplit("->").next().unwrap_or_default().trim();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    // What does not name an address was a name, and pods are asked by address.
    host.parse()
        .map_or(true, |host: IpAddr| !own.any(|ip| ip == host))
}

#[cfg(test)]
mod tests {
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
            assert_eq!(sent.path, format!("/api/v1/namespaces/shop/pods/{path}"));
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
            let server =
                Server::new().on("GET", "", move |_| answer.lock().unwrap().take().unwrap());
            assert_eq!(told(&asked(&server, "/healthz").await), expected, "{says}");
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
            let server =
                Server::new().on("GET", "", move |_| answer.lock().unwrap().take().unwrap());
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
}
