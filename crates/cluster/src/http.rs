//! Asks a pod over HTTP through the API server's proxy: no way through the network from here to the
//! pods is needed, only the permission `get pods/proxy`.
//!
//! Credentials stay with the API server: it drops `Authorization` and the headers of front proxies
//! once they are checked (apiserver `endpoints/filters/authentication.go`, `withAuthentication`).
//! What the pod does get are `X-Forwarded-*` headers with the address that the request came from.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Pod;
use kube::client::Body;
use kube::core::Status;
use kube::{Client, ResourceExt};
use rollguard_core::duration::Human;
use rollguard_core::http::{BODY_LIMIT, HttpAnswer, HttpCheck, HttpPort};
use rollguard_core::observation::{Answer, Blindness, ResourceKind, Seen};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::Cause;

/// How long a pod may take, its whole answer included.
const LIMIT: Duration = Duration::from_secs(10);

/// Marks a request that is sent once: what a pod answers is told, not smoothed over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Once;

/// Asks a pod what a check asks; `index` is the check's place in the session.
///
/// An answer of the API server itself is told apart from the pod's: that the proxy may not be used
/// or is out of reach is blindness, that it cannot reach the pod is an answer of its own.
pub async fn ask(client: &Client, pod: &Pod, (index, check): (usize, &HttpCheck)) -> Seen {
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
        Err(_) => return failed(format!("no answer within {}", Human(LIMIT))),
    };
    let status = response.status();
    let body = read(response, begun + LIMIT).await?;
    if let Some(own) = of_api_server(status, &body, &pod.name_any()) {
        return own;
    }
    let body = String::from_utf8_lossy(&body);
    Ok(Answer::Came {
        answer: HttpAnswer::new(status.as_u16(), begun.elapsed(), &body),
    })
}

/// The API server takes numbers only (`pkg/registry/core/pod/strategy.go`, `ResourceLocation`), and
/// without one the first port of the first container that has any.
fn request(pod: &Pod, check: &HttpCheck) -> Result<Request<Body>, String> {
    let name = pod.name_any();
    let port = match check.port() {
        None => String::new(),
        Some(HttpPort::Number(number)) => format!(":{number}"),
        Some(HttpPort::Name(wanted)) => match port_named(pod, wanted) {
            Some(number) => format!(":{number}"),
            None => return Err(format!("no container of the pod has a port `{wanted}`")),
        },
    };
    let namespace = pod.namespace().unwrap_or_default();
    let path = check.path();
    Request::get(format!(
        "/api/v1/namespaces/{namespace}/pods/{name}{port}/proxy{path}"
    ))
    .extension(Once)
    .body(Body::empty())
    .map_err(|error| format!("`{path}` cannot be asked for: {error}"))
}

fn port_named(pod: &Pod, name: &str) -> Option<i32> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten();
    let ports = spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|it| it.ports.iter().flatten());
    let mut named = ports.filter(|port| port.name.as_deref() == Some(name));
    named.next().map(|port| port.container_port)
}

/// The beginning of a body. One that does not end in time is taken as far as it came: whoever
/// streams has answered.
async fn read(response: Response<Body>, until: Instant) -> Result<Bytes, Blindness> {
    let mut body = response.into_body();
    let mut read = BytesMut::new();
    while read.len() < BODY_LIMIT {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                read.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
            }
            Ok(Some(Err(error))) => return Err(Cause::from(error).blindness()),
            Ok(None) | Err(_) => break,
        }
    }
    Ok(read.freeze())
}

/// What the API server itself says; `None` for an answer that came from the pod, even if that looks
/// much like it.
fn of_api_server(code: StatusCode, body: &[u8], pod: &str) -> Option<Result<Answer, Blindness>> {
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
        .is_some_and(|it| it.kind == "pods" && it.name.split(':').next() == Some(pod));
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
            Some(why) if TUNNEL.iter().any(|it| why.contains(it)) => blind(),
            Some(_) => failed,
            None => blind(),
        },
        _ => None,
    }
}

/// How the API server begins when it cannot reach a pod (apimachinery `util/proxy/transport.go`).
const UNREACHED: &str = "error trying to reach service: ";
/// What it says when its own way to the nodes is cut (apiserver-network-proxy `pkg/server`): no
/// word about the pod.
const TUNNEL: [&str; 2] = ["No agent available", "rpc error: "];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Answer as Scripted, Server, ok, refused, silence, status, text};

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "u-1"},
            "spec": {"containers": [
                {"name": "app", "ports": [{"name": "http", "containerPort": 8080}]},
                {"name": "side", "ports": [{"name": "admin", "containerPort": 9000}]}]},
        }))
        .unwrap()
    }

    async fn asked(server: &Server, check: &str) -> Seen {
        let check = HttpCheck::parse(check).unwrap();
        ask(&server.client(), &pod(), (2, &check)).await
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
            ("/healthz", "web-1/proxy/healthz", ""),
            ("/", "web-1/proxy/", ""),
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
