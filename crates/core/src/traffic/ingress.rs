//! Ingresses that lead to Services which are not there.

use super::Defect;
use super::objects::{Ingress, IngressClass, Route, Service};
use super::reach::Reach;
use crate::finding::{FindingCode, Subject};

/// The Ingresses that lead to the workload. One of others may be broken for years.
fn ours<'a>(reach: &Reach<'a>) -> impl Iterator<Item = &'a Ingress> {
    let objects = reach.situation.objects;
    let known = objects.services.iter().flatten();
    let ours: Vec<&str> = known
        .clone()
        .filter(|it| reach.concerns(it))
        .map(|it| it.metadata.name.as_str())
        .collect();
    let missing = known
        .clone()
        .all(|it| it.metadata.name != reach.situation.name);
    let own = reach.situation.name;
    let leads = move |route: Route<'_>| {
        let name = route.backend.name.as_str();
        ours.contains(&name) || (missing && name == own)
    };
    let ingresses = objects.ingresses.iter().flatten();
    ingresses.filter(move |it| it.routes().any(&leads))
}

/// Finds Ingresses whose class does not exist, or that have none while no class is the default: then
/// perhaps no controller serves them. A class in the old annotation is the controller's own affair.
pub(super) fn unclassed(reach: &Reach<'_>) -> Vec<Defect> {
    let objects = reach.situation.objects;
    let (Some(classes), Some(_)) = (&objects.ingress_classes, &objects.services) else {
        return Vec::new();
    };
    let is_default =
        |it: &IngressClass| it.metadata.annotations.is_default_class.as_deref() == Some("true");
    ours(reach)
        .filter(|it| it.metadata.annotations.ingress_class.is_none())
        .filter_map(|ingress| {
            let name = &ingress.metadata.name;
            let message = match &ingress.spec.ingress_class_name {
                Some(class) if classes.iter().any(|it| it.metadata.name == *class) => return None,
                Some(class) => {
                    format!("Ingress `{name}` names IngressClass `{class}`, which does not exist")
                }
                None if classes.iter().any(is_default) => return None,
                None => format!("Ingress `{name}` names no IngressClass, and none is the default"),
            };
            let subject = Subject::new("Ingress", name);
            Some(Defect::new(
                FindingCode::IngressClassMissing,
                subject,
                message,
            ))
        })
        .collect()
}

/// Finds Ingresses whose Secret with the certificate does not exist: most controllers then serve one of their
/// own, which browsers do not trust.
pub(super) fn uncertified(reach: &Reach<'_>) -> Vec<Defect> {
    let missing = &reach.situation.objects.missing_secrets;
    ours(reach)
        .filter_map(|ingress| {
            let mut secrets = ingress.tls_secrets();
            let secret = secrets.find(|it| missing.iter().any(|missing| missing == it))?;
            let name = &ingress.metadata.name;
            Some(Defect::new(
                FindingCode::IngressSecretMissing,
                Subject::new("Ingress", name),
                format!("Ingress `{name}` takes its certificate from Secret `{secret}`, which does not exist"),
            ))
        })
        .collect()
}

/// Finds paths that lead to a Service or a port that does not exist, of Ingresses that lead to the
/// workload as well.
pub(super) fn broken(reach: &Reach<'_>) -> Vec<Defect> {
    let Some(services) = &reach.situation.objects.services else {
        return Vec::new();
    };
    let named = |name: &str| services.iter().find(|it| it.metadata.name == name);
    ours(reach)
        .flat_map(|ingress| {
            let broken = ingress.routes().filter_map(move |route| {
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
