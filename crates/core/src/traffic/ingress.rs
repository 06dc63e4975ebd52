//! Ingresses that lead to Services which are not there.

use super::Defect;
use super::objects::{Ingress, Service, ServiceBackend};
use super::reach::Reach;
use crate::finding::{FindingCode, Subject};

/// A path of an Ingress with the Service behind it.
pub(super) struct Route<'a> {
    /// The path; empty for the default backend.
    pub(super) path: &'a str,
    /// The Service and its port.
    pub(super) backend: &'a ServiceBackend,
}

/// The ways of an Ingress to Services.
pub(super) fn routes(ingress: &Ingress) -> impl Iterator<Item = Route<'_>> {
    let rules = ingress.spec.rules.iter().flat_map(|it| &it.http.paths);
    let rules = rules.map(|it| (it.path.as_deref().unwrap_or("/"), &it.backend));
    let default = ingress.spec.default_backend.iter().map(|it| ("", it));
    rules.chain(default).filter_map(|(path, backend)| {
        Some(Route {
            path,
            backend: backend.service.as_ref()?,
        })
    })
}

/// Finds paths that lead to a Service or a port that does not exist, of Ingresses that lead to the
/// workload as well. An Ingress of others may be broken for years.
pub(super) fn broken(reach: &Reach<'_>) -> Vec<Defect> {
    let objects = reach.situation.objects;
    let (Some(services), Some(ingresses)) = (&objects.services, &objects.ingresses) else {
        return Vec::new();
    };
    let named = |name: &str| services.iter().find(|it| it.metadata.name == name);
    let ours = |route: &Route<'_>| match named(&route.backend.name) {
        Some(service) => reach.concerns(service),
        None => route.backend.name == reach.situation.name,
    };
    let ingresses = ingresses.iter().filter(|it| routes(it).any(|it| ours(&it)));
    ingresses
        .flat_map(|ingress| {
            let broken = routes(ingress).filter_map(move |route| {
                let service = named(&route.backend.name);
                let what = fault(&route, service)?;
                Some(defect(ingress, &route, &what))
            });
            broken.collect::<Vec<_>>()
        })
        .collect()
}

fn fault(route: &Route<'_>, service: Option<&Service>) -> Option<String> {
    let name = &route.backend.name;
    let Some(service) = service else {
        return Some(format!("Service `{name}`, which does not exist"));
    };
    let wanted = &route.backend.port;
    let has = service.spec.ports.iter().any(|port| match &wanted.name {
        Some(name) => port.name.as_ref() == Some(name),
        None => wanted.number == Some(port.port),
    });
    let port = match (&wanted.name, wanted.number) {
        (Some(name), _) => format!("`{name}`"),
        (None, Some(number)) => number.to_string(),
        (None, None) => return None,
    };
    (!has).then(|| format!("port {port} of Service `{name}`, which the Service does not have"))
}

fn defect(ingress: &Ingress, route: &Route<'_>, what: &str) -> Defect {
    let name = &ingress.metadata.name;
    let path = match route.path {
        "" => "by default".to_owned(),
        path => format!("`{path}`"),
    };
    Defect::new(
        FindingCode::IngressBackendMissing,
        Subject::new("Ingress", name),
        format!("Ingress `{name}` leads {path} to {what}"),
    )
}
