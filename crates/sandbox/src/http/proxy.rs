//! `…/pods/[SCHEME:]NAME[:PORT]/proxy/PATH`: the API server asks the pod.

use super::Call;
use crate::cluster::Cluster;
use crate::fake_kubelet::{Answer, PodRequest};
use crate::object::{items, text};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;

/// The result of a request to a pod.
pub(super) enum Asked {
    Answered {
        answer: Answer,
        /// What was asked, as errors name it.
        address: String,
    },
    /// A port by its name: the real server resolves none and drops the connection.
    Aborted,
}

/// The API server's words for a pod that cannot be reached (k8s.io/apimachinery
/// `pkg/util/proxy/transport.go`).
pub(super) fn unreachable(address: &str, because: &str) -> ApiFailure {
    let message = format!("error trying to reach service: dial tcp {address}: {because}");
    ApiFailure::new(503, "ServiceUnavailable", message)
}

/// Asks the pod that the request names.
pub(super) fn ask(cluster: &Cluster, call: &Call) -> Result<Asked, ApiFailure> {
    let id = call.name.as_deref().unwrap_or_default();
    let place = Place::parse(id)
        .ok_or_else(|| ApiFailure::bad_request(format!("invalid pod request \"{id}\"")))?;
    let namespace = call.namespace.as_deref().unwrap_or_default();
    let pod = cluster.find(&Key::new(Resource::Pods, namespace, place.name))?;
    let ip = text(&pod, "/status/podIP");
    if ip.is_empty() {
        return Err(ApiFailure::bad_request("address not allowed"));
    }
    // Without a port the first one that any container states; without that the scheme's.
    let stated = items(&pod, "/spec/containers")
        .iter()
        .find_map(|it| it.pointer("/ports/0/containerPort")?.as_u64())
        .and_then(|port| u16::try_from(port).ok());
    let default = if place.scheme == "https" { 443 } else { 80 };
    let port = match place.port {
        Some(port) => port.parse().ok(),
        None => Some(stated.unwrap_or(default)),
    };
    let Some(port) = port else {
        return Ok(Asked::Aborted);
    };
    let path = if call.tail.is_empty() {
        "/"
    } else {
        &call.tail
    };
    Ok(Asked::Answered {
        answer: cluster.answer_of(&pod, PodRequest { port, path }),
        address: format!("{ip}:{port}"),
    })
}

/// The parts of `[SCHEME:]NAME[:PORT]` (k8s.io/apimachinery `pkg/util/net/port_split.go`).
struct Place<'a> {
    scheme: &'a str,
    name: &'a str,
    port: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn parse(id: &'a str) -> Option<Self> {
        let parts: Vec<&str> = id.split(':').collect();
        let (scheme, name, port) = match parts.as_slice() {
            [name] => ("", *name, ""),
            [name, port] => ("", *name, *port),
            [scheme @ ("" | "http" | "https"), name, port] => (*scheme, *name, *port),
            _ => return None,
        };
        let port = (!port.is_empty()).then_some(port);
        (!name.is_empty()).then_some(Self { scheme, name, port })
    }
}
