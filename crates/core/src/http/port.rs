//! Finds the port of a pod for a check that names none, or one by name.

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{HttpCheck, HttpPort};

/// The annotation that names the main container of a pod (k8s.io/kubectl
/// `pkg/cmd/util/podcmd/podcmd.go`, `DefaultContainerAnnotationName`).
pub const DEFAULT_CONTAINER_ANNOTATION: &str = "kubectl.kubernetes.io/default-container";

impl HttpCheck {
    /// The number of the port that is asked of a pod; `None` where a Service is asked.
    ///
    /// A check without a port asks the container that [`DEFAULT_CONTAINER_ANNOTATION`] names, else the
    /// first one whose readiness probe asks a port, else the first one that has ports: an injected
    /// proxy that happens to stand first must not answer for the application. Of that container it is
    /// the port of the readiness probe, else the first. `None` where no port is known: the API server
    /// then asks port 80.
    ///
    /// # Errors
    /// When no container has a port of that name; the error says so.
    pub fn port_of(&self, pod: &Pod) -> Result<Option<i32>, String> {
        if self.service.is_some() {
            return Ok(None);
        }
        match &self.port {
            Some(HttpPort::Number(number)) => Ok(Some(i32::from(*number))),
            Some(HttpPort::Name(name)) => named(pod, name)
                .map(Some)
                .ok_or_else(|| format!("no container of the pod has a port `{name}`")),
            None => Ok(default(pod)),
        }
    }
}

fn named(pod: &Pod, name: &str) -> Option<i32> {
    let sidecars = pod.spec.as_ref()?.init_containers.iter().flatten();
    containers(pod)
        .iter()
        .chain(sidecars)
        .find_map(|container| of_name(container, name))
}

fn of_name(container: &Container, name: &str) -> Option<i32> {
    let ports = container.ports.iter().flatten();
    let mut same = ports.filter(|port| port.name.as_deref() == Some(name));
    same.next().map(|port| port.container_port)
}

fn default(pod: &Pod) -> Option<i32> {
    let annotations = pod.metadata.annotations.as_ref();
    let main = annotations.and_then(|it| it.get(DEFAULT_CONTAINER_ANNOTATION));
    let containers = containers(pod);
    let mut mains = containers.iter().filter(|it| Some(&it.name) == main);
    mains
        .find_map(|it| probed(it).or_else(|| first(it)))
        .or_else(|| containers.iter().find_map(probed))
        .or_else(|| containers.iter().find_map(first))
}

fn containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().map_or(&[], |spec| &spec.containers)
}

/// Returns the port of the readiness probe.
fn probed(container: &Container) -> Option<i32> {
    let probe = container.readiness_probe.as_ref()?;
    let http = probe.http_get.as_ref().map(|it| &it.port);
    match http.or(probe.tcp_socket.as_ref().map(|it| &it.port))? {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => of_name(container, name),
    }
}

fn first(container: &Container) -> Option<i32> {
    let mut ports = container.ports.iter().flatten();
    ports
        .find(|port| matches!(port.protocol.as_deref(), None | Some("TCP")))
        .map(|port| port.container_port)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(
        check: &str,
        annotation: Option<&str>,
        containers: &Value,
    ) -> Result<Option<i32>, String> {
        let annotations = annotation.map(|name| json!({ DEFAULT_CONTAINER_ANNOTATION: name }));
        let pod =
            json!({"metadata": {"annotations": annotations}, "spec": {"containers": containers}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        HttpCheck::parse(check).unwrap().port_of(&pod)
    }

    #[test]
    fn a_check_without_a_port_asks_the_application_and_not_what_stands_beside_it() {
        let proxy =
            json!({"name": "proxy", "ports": [{"containerPort": 15090, "name": "metrics"}]});
        let app = json!({"name": "app", "ports": [{"containerPort": 53, "protocol": "UDP"},
            {"containerPort": 9090, "name": "admin"}, {"containerPort": 8080, "name": "http"}]});
        let probed = |probe: Value| {
            let mut app = app.clone();
            app["readinessProbe"] = probe;
            app
        };
        let by_http = probed(json!({"httpGet": {"port": "http"}}));
        let by_tcp = probed(json!({"tcpSocket": {"port": 7070}}));
        let by_command = probed(json!({"exec": {"command": ["true"]}}));
        let rows = [
            (
                "the annotated one, its first port over TCP",
                Some("app"),
                json!([proxy, app]),
                Some(9090),
            ),
            (
                "the annotated one, the port of its probe",
                Some("app"),
                json!([proxy, by_http]),
                Some(8080),
            ),
            (
                "the annotation wins over a probe",
                Some("proxy"),
                json!([proxy, by_http]),
                Some(15090),
            ),
            (
                "an annotation that names nobody",
                Some("web"),
                json!([proxy, by_tcp]),
                Some(7070),
            ),
            (
                "the one with a probe over HTTP",
                None,
                json!([proxy, by_http]),
                Some(8080),
            ),
            (
                "the one with a probe over TCP",
                None,
                json!([proxy, by_tcp]),
                Some(7070),
            ),
            (
                "a probe that asks no port",
                None,
                json!([proxy, by_command]),
                Some(15090),
            ),
            (
                "the first that has ports",
                None,
                json!([{"name": "a"}, app]),
                Some(9090),
            ),
            ("no port at all", None, json!([{"name": "a"}]), None),
        ];
        for (says, annotation, containers, port) in rows {
            assert_eq!(asked("/", annotation, &containers), Ok(port), "{says}");
        }
        let both = json!([proxy, app]);
        assert_eq!(asked("/:81", None, &both), Ok(Some(81)));
        assert_eq!(asked("/:http", None, &both), Ok(Some(8080)));
        let error = asked("/:grpc", None, &both).unwrap_err();
        assert_eq!(error, "no container of the pod has a port `grpc`");
    }
}
