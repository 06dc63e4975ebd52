//! Asks a pod or a Service over HTTP through the API server's proxy: no way through the network from here
//! to the pods is needed, only the permission `get pods/proxy` or `get services/proxy`.
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
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::client::Body;
use kube::core::Status;
use kube::{Client, ResourceExt};
use rollguard_core::duration::Human;
use rollguard_core::finding::PodPort;
use rollguard_core::http::{BODY_LIMIT, HttpAnswer, HttpCheck, HttpPort};
use rollguard_core::observation::{Answer, Blindness, NO_ANSWER, ResourceKind, Seen};
use rollguard_core::traffic::Service;
use serde::Deserialize as _;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::Cause;
use crate::list::list_fields_once;

/// How long a pod may take, its whole answer included.
const LIMIT: Duration = Duration::from_secs(10);

/// Marks a request that is sent once: a retry would hide what a pod answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Once;

/// Marks a request that a pod answers: its 401 says nothing about the token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfPod;

/// Sends the request of a check to a pod; `index` is the check's place in the session.
///
/// Distinguishes answers of the API server itself from the pod's: a proxy that is forbidden or
/// unreachable is blindness, a pod that the proxy cannot reach is an answer.
pub async fn ask(client: &Client, pod: &Pod, index: usize, check: &HttpCheck) -> Seen {
    match answer_of(client, pod, check).await {
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

/// A Service that is asked without a port is asked on its only one: the API server itself takes it only if it
/// has no name.
async fn answer_of(client: &Client, pod: &Pod, check: &HttpCheck) -> Result<Answer, Blindness> {
    let told = answer(client, pod, check).await;
    let (Err(Blindness::Disconnected { .. }), Some(service), None) =
        (&told, check.service(), check.port())
    else {
        return told;
    };
    let namespace = pod.namespace().unwrap_or_default();
    match only_port(client, &namespace, service).await {
        Some(port) => answer(client, pod, &check.on_port(port)).await,
        None => told,
    }
}

/// Returns the only port of a Service.
async fn only_port(client: &Client, namespace: &str, service: &str) -> Option<u16> {
    let path = format!("/api/v1/namespaces/{namespace}/services");
    let fields = format!("metadata.name={service}");
    let found = list_fields_once(client, &kube::core::Request::new(path), &fields).await;
    let service = Service::deserialize(found.ok()?.first()?).ok()?;
    match service.spec.ports.as_slice() {
        [only] => only.port.try_into().ok(),
        _ => None,
    }
}

/// How a pod took a try of one of its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It refused the connection, as the API server that dialled it tells.
    Refused,
    /// Something that listens answered with this status.
    Answered(u16),
    /// Nothing is known that tells a port on which something listens from another.
    Silence,
}

impl Reply {
    /// Returns the status of an answer.
    pub(crate) const fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status),
            Self::Refused | Self::Silence => None,
        }
    }
}

/// Tries a port of a pod, and asks a path there if it names one.
///
/// Any answer, one that is not HTTP included, comes from something that listens.
pub(crate) async fn try_port(
    client: &Client,
    namespace: &str,
    port: &PodPort,
) -> Result<Reply, Blindness> {
    let metadata = ObjectMeta {
        name: Some(port.pod.clone()),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    };
    let pod = Pod {
        metadata,
        ..Pod::default()
    };
    let path = port.path.as_deref().unwrap_or("/");
    let Ok(check) = HttpCheck::parse(&format!("{path}:{}", port.port)) else {
        return Ok(Reply::Silence);
    };
    let refused = format!(":{}: connect: connection refused", port.port);
    Ok(match answer(client, &pod, &check).await? {
        Answer::Failed { message } if message.ends_with(&refused) => Reply::Refused,
        Answer::Failed { .. } => Reply::Silence,
        Answer::Came { answer } => Reply::Answered(answer.status),
    })
}

async fn answer(client: &Client, pod: &Pod, check: &HttpCheck) -> Result<Answer, Blindness> {
    let failed = |message: String| Ok(Answer::Failed { message });
    let subject = Subject::of(pod, check);
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
    if let Some(own) = of_api_server(status, &body, &subject) {
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

/// The object that the API server is to ask.
struct Subject<'a> {
    kind: &'static str,
    name: String,
    /// The pod whose address it has; none for a Service, which leads to any of its endpoints.
    pod: Option<&'a Pod>,
    check: &'a HttpCheck,
}

impl<'a> Subject<'a> {
    fn of(pod: &'a Pod, check: &'a HttpCheck) -> Self {
        match check.service() {
            Some(service) => Self {
                kind: "services",
                name: service.to_owned(),
                pod: None,
                check,
            },
            None => Self {
                kind: "pods",
                name: pod.name_any(),
                pod: Some(pod),
                check,
            },
        }
    }

    /// Returns whether the API server may mean something else than that the Service leads to no pod.
    ///
    /// It finds a port by number at the Service. Any other text, an empty one too, must be the name of a
    /// port of its endpoints (`pkg/registry/core/service/storage/storage.go`, `ResourceLocation`).
    const fn may_name_port_wrongly(&self) -> bool {
        !matches!(self.check.port(), Some(HttpPort::Number(_)))
    }

    /// Returns whether the Service does not exist, or has no endpoints to look a port up in.
    fn is_missing_service(&self, status: &Status) -> bool {
        let details = status.details.as_ref();
        let of_it = details.filter(|it| matches!(it.kind.as_str(), "services" | "endpoints"));
        self.pod.is_none() && of_it.is_some_and(|it| it.name == self.name)
    }

    /// Says what to write for a Service that is not found, which is no word about its pods.
    fn misnamed(&self, message: &str) -> Blindness {
        let (name, path) = (&self.name, self.check.path());
        let port = match self.check.port() {
            Some(HttpPort::Number(_)) => "exists".to_owned(),
            Some(HttpPort::Name(port)) => format!("has ready pods behind a port `{port}`"),
            None => "has ready pods behind a port without a name".to_owned(),
        };
        Blindness::Disconnected {
            message: format!(
                "{message}: make sure that Service `{name}` {port}, and name its port by number, as in `service/{name}{path}:80`"
            ),
        }
    }
}

/// The API server takes numbers only for the port of a pod (`pkg/registry/core/pod/strategy.go`,
/// `ResourceLocation`), and names as well for that of a Service (`pkg/registry/core/service/storage`).
fn request(pod: &Pod, check: &HttpCheck) -> Result<Request<Body>, String> {
    let subject = Subject::of(pod, check);
    let (kind, name) = (subject.kind, subject.name);
    let port = match check.service() {
        Some(_) => check.port().map(ToString::to_string),
        None => check.port_of(pod)?.map(|it| it.to_string()),
    };
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let namespace = pod.namespace().unwrap_or_default();
    let path = check.path();
    Request::get(format!(
        "/api/v1/namespaces/{namespace}/{kind}/{name}{port}/proxy{path}"
    ))
    .extension(Once)
    .extension(OfPod)
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
fn of_api_server(
    code: StatusCode,
    body: &[u8],
    subject: &Subject<'_>,
) -> Option<Result<Answer, Blindness>> {
    if code.is_success() {
        return None;
    }
    let status: Status = serde_json::from_slice(body).ok()?;
    let told: serde_json::Value = serde_json::from_slice(body).ok()?;
    let is = |field: &str, value: &str| told.get(field).and_then(|it| it.as_str()) == Some(value);
    if !is("kind", "Status") || !is("apiVersion", "v1") || status.code != code.as_u16() {
        return None;
    }
    // A Service that the check misspells is not a rollout that failed.
    let misnamed = || Some(Err(subject.misnamed(&status.message)));
    let about_it = status.details.as_ref().is_some_and(|it| {
        it.kind == subject.kind && it.name.split(':').next() == Some(&subject.name)
    });
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
        ("Forbidden", 403) if about_it => blind(),
        ("NotFound", 404) if subject.is_missing_service(&status) => misnamed(),
        ("NotFound", 404) if about_it => failed,
        // The pod has no address, or one that is not asked.
        ("BadRequest", 400) if message == "address not allowed" => failed,
        ("ServiceUnavailable", 503) => match message.strip_prefix(UNREACHED) {
            Some(why) if of_tunnel(why, subject.pod) => blind(),
            // Nothing refused the connection either: a NetworkPolicy may have swallowed it.
            Some(why) if why.contains("i/o timeout") => Some(Ok(Answer::Failed {
                message: format!("{NO_ANSWER} the API server's own limit: {why}"),
            })),
            Some(_) => failed,
            // The Service has no endpoint for the port (`pkg/registry/core/service/storage/storage.go`).
            None if subject.pod.is_none() && message.starts_with(NO_ENDPOINTS) => {
                if subject.may_name_port_wrongly() {
                    misnamed()
                } else {
                    failed
                }
            }
            None => blind(),
        },
        _ => None,
    }
}

/// How the API server begins when it cannot reach a pod (apimachinery `util/proxy/transport.go`).
const UNREACHED: &str = "error trying to reach service: ";
/// How it begins when a Service leads to no pod.
const NO_ENDPOINTS: &str = "no endpoints available for service";
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
fn of_tunnel(why: &str, pod: Option<&Pod>) -> bool {
    TUNNEL.iter().any(|it| why.contains(it)) || is_elsewhere(why, pod)
}

/// Returns whether a connection failed to something that is not the pod, or any pod of a Service: Go's
/// `dial tcp ADDRESS: …`.
fn is_elsewhere(why: &str, pod: Option<&Pod>) -> bool {
    let Some((_, dialled)) = why.split_once("dial tcp") else {
        return false;
    };
    let status = pod.and_then(|it| it.status.as_ref());
    let first = status.and_then(|it| it.pod_ip.as_ref());
    let others = status.and_then(|it| it.pod_ips.as_ref());
    let own: Vec<IpAddr> = first
        .into_iter()
        .chain(others.into_iter().flatten().map(|it| &it.ip))
        .filter_map(|ip| ip.parse::<IpAddr>().ok())
        .collect();
    let address = dialled.split(": ").next().unwrap_or_default();
    let address = address.rsplit("->").next().unwrap_or_default().trim();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    // What does not name an address was a name, and pods are asked by address.
    host.parse().map_or(true, |host: IpAddr| {
        if own.is_empty() {
            // An unknown address cannot be compared, but no pod has this one.
            host.to_canonical().is_loopback()
        } else {
            !own.contains(&host)
        }
    })
}

#[cfg(test)]
mod tests;
