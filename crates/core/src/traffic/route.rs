//! HTTPRoutes of the Gateway API: those that no gateway takes, and those that lead to Services which are not
//! there.
//!
//! Never more than notes: a route is no part of a revision. A backend with weight 0 is sent nothing, on purpose.

use super::Defect;
use super::objects::{BackendRef, HttpRoute, RouteCondition, RouteParent, Service};
use super::reach::Reach;
use crate::finding::{FindingCode, Subject};
use crate::foreign_text::{clipped, visible};

/// The longest quotation of a condition, in characters.
const QUOTED: usize = 200;

/// The routes that lead to the workload. One of others may be broken for years.
fn ours<'a>(reach: &Reach<'a>) -> impl Iterator<Item = &'a HttpRoute> {
    let objects = reach.situation.objects;
    let services = objects.services.iter().flatten();
    let ours = services.filter(|it| reach.concerns(it));
    let ours: Vec<&str> = ours.map(|it| it.metadata.name.as_str()).collect();
    let routes = objects.routes.iter().flatten();
    routes.filter(move |it| {
        it.backends()
            .any(|(_, to)| ours.contains(&to.name.as_str()))
    })
}

/// Finds routes that no gateway accepts, or whose backends a gateway does not find, as its controller says.
pub(super) fn refused(reach: &Reach<'_>) -> Vec<Defect> {
    ours(reach)
        .filter_map(|route| {
            let parents = &route.status.parents;
            let accepted = parents.iter().any(|it| says(route, it, "Accepted", "True"));
            let refusal = parents
                .iter()
                .find_map(|it| Some((it, failed(route, it, "Accepted")?)))
                .filter(|_| !accepted);
            // What is missing here stands in a finding of its own, unless its weight is 0: then it is sent nothing.
            let is_told =
                |it: &RouteCondition| it.reason == "BackendNotFound" && !route.leads_elsewhere();
            let unresolved = || {
                let mut parents = parents.iter();
                let found = parents.find_map(|it| Some((it, failed(route, it, "ResolvedRefs")?)));
                found.filter(|(_, it)| !is_told(it))
            };
            let (parent, condition) = refusal.or_else(unresolved)?;
            let (name, gateway) = (&route.metadata.name, &parent.parent_ref.name);
            let what = if condition.kind == "Accepted" {
                "does not accept it"
            } else {
                "does not find its backends"
            };
            let said = clipped(&visible(&condition.message), QUOTED);
            let said = if said.is_empty() { said } else { format!(": {said}") };
            Some(Defect::new(
                FindingCode::RouteNotAccepted,
                Subject::new("HTTPRoute", name),
                format!(
                    "HTTPRoute `{name}` leads to the pods, and Gateway `{gateway}` {what} ({}{said})",
                    condition.reason
                ),
            ))
        })
        .collect()
}

/// Returns whether a gateway has looked at the present spec and says so.
fn says(route: &HttpRoute, parent: &RouteParent, kind: &str, status: &str) -> bool {
    let condition = parent.condition(kind);
    let seen = condition.and_then(|it| it.observed_generation);
    let is_current = seen.is_none() || seen == route.metadata.generation;
    is_current && condition.is_some_and(|it| it.status == status)
}

fn failed<'a>(
    route: &HttpRoute,
    parent: &'a RouteParent,
    kind: &str,
) -> Option<&'a RouteCondition> {
    let condition = parent.condition(kind);
    condition.filter(|_| says(route, parent, kind, "False"))
}

/// Finds backends that name a Service or a port which does not exist, of routes that lead to the workload as
/// well.
pub(super) fn broken(reach: &Reach<'_>) -> Vec<Defect> {
    let Some(services) = &reach.situation.objects.services else {
        return Vec::new();
    };
    let fault = |to: &BackendRef| {
        let service = services.iter().find(|it| it.metadata.name == to.name);
        fault(to, service)
    };
    ours(reach)
        .flat_map(|route| {
            let name = &route.metadata.name;
            let broken = route.backends().filter_map(|(path, to)| {
                let what = fault(to)?;
                Some(Defect::new(
                    FindingCode::RouteBackendMissing,
                    Subject::new("HTTPRoute", name),
                    format!("HTTPRoute `{name}` leads `{path}` to {what}"),
                ))
            });
            broken.collect::<Vec<_>>()
        })
        .collect()
}

fn fault(to: &BackendRef, service: Option<&Service>) -> Option<String> {
    let name = &to.name;
    let Some(service) = service else {
        return Some(format!("Service `{name}`, which does not exist"));
    };
    let port = to.port?;
    let has = service.spec.ports.iter().any(|it| it.port == port);
    (!has).then(|| format!("port {port} of Service `{name}`, which the Service does not have"))
}
