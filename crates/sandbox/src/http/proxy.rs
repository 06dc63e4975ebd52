//! `…/pods/[SCHEME:]NAME[:PORT]/proxy/PATH`: the API server asks the pod; `…/services/…`: one of the ready
//! pods that the Service selects.

use serde_json::Value;

use super::Call;
use crate::cluster::Cluster;
use crate::fake_kubelet::{Answer, PodRequest};
use crate::object::{being_deleted, int, int_or, items, labels, text, texts};
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
    if call.resource() == Some(Resource::Services) {
        return ask_service(cluster, namespace, &place, &call.tail);
    }
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
    Ok(answered(cluster, &pod, port, &call.tail))
}

fn answered(cluster: &Cluster, pod: &Value, port: u16, tail: &str) -> Asked {
    let path = if tail.is_empty() { "/" } else { tail };
    Asked::Answered {
        answer: cluster.answer_of(pod, PodRequest { port, path }),
        address: format!("{}:{port}", text(pod, "/status/podIP")),
    }
}

/// Asks a ready pod by the Service's port: by its number or name, or without either the one that has no
/// name (`pkg/registry/core/service/storage/storage.go`, `ResourceLocation`).
fn ask_service(
    cluster: &Cluster,
    namespace: &str,
    place: &Place<'_>,
    tail: &str,
) -> Result<Asked, ApiFailure> {
    let service = cluster.find(&Key::new(Resource::Services, namespace, place.name))?;
    let selector = texts(&service, "/spec/selector");
    let wanted = place.port.unwrap_or_default();
    let port = items(&service, "/spec/ports").iter().find(|it| {
        text(it, "/name") == wanted
            || (!wanted.is_empty() && int(it, "/port").to_string() == wanted)
    });
    let selected = |pod: &Value| {
        let labels = labels(pod);
        !selector.is_empty()
            && selector
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
    };
    let pods = cluster.store.all();
    let mut pods = pods
        .filter(|(key, _)| key.resource == Resource::Pods && key.namespace == namespace)
        .map(|(_, pod)| pod)
        .filter(|pod| selected(pod) && is_ready(pod) && !being_deleted(pod));
    let found = port.zip(pods.next());
    let target = found.and_then(|(port, pod)| Some((target(port, pod)?, pod)));
    let Some((port, pod)) = target else {
        let message = format!("no endpoints available for service \"{}\"", place.name);
        return Err(ApiFailure::new(503, "ServiceUnavailable", message));
    };
    Ok(answered(cluster, pod, port, tail))
}

/// The port of a pod that a Service's port leads to.
fn target(port: &Value, pod: &Value) -> Option<u16> {
    let name = text(port, "/targetPort");
    let number = if name.is_empty() {
        int_or(port, "/targetPort", int(port, "/port"))
    } else {
        let containers = items(pod, "/spec/containers").iter();
        let mut ports = containers.flat_map(|it| items(it, "/ports"));
        int(
            ports.find(|it| text(it, "/name") == name)?,
            "/containerPort",
        )
    };
    u16::try_from(number).ok()
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = items(pod, "/status/conditions").iter();
    conditions.any(|it| text(it, "/type") == "Ready" && text(it, "/status") == "True")
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
