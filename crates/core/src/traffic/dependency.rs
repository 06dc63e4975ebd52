//! Services that the new revision names and that are not there.
//!
//! Only what the new revision changed is looked at, and of a value only the host and the port: values
//! may be secrets.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec, Probe};

use super::objects::Service;
use super::reach::{endpoints, is_selecting, leads};
use super::{Defect, Situation};
use crate::finding::{FindingCode, Subject};

/// A host in a value, which may be a Service of the namespace.
#[derive(Debug, PartialEq, Eq)]
struct Host<'a> {
    service: &'a str,
    port: Option<i32>,
    /// Whether it is a cluster DNS name, and therefore a Service or nothing.
    certain: bool,
}

/// Finds Services that a changed value names and that do not exist, lack the port, or have no endpoint.
pub(super) fn missing(situation: &Situation<'_>) -> Vec<Defect> {
    let (Some(services), Some(former)) = (&situation.objects.services, situation.former) else {
        return Vec::new();
    };
    let before = values(former);
    let now = values(situation.new);
    let changed = now
        .iter()
        .filter(|(place, value)| before.get(*place) != Some(*value));
    changed
        .flat_map(|(place, value)| {
            let knew = before.get(place).is_some_and(|it| {
                let mut hosts = hosts(it, situation.namespace);
                hosts.any(|host| named(services, host.service).is_some())
            });
            let found = hosts(value, situation.namespace);
            let found = found.filter_map(move |it| fault(situation, services, &it, knew));
            found.map(move |what| (place, what)).collect::<Vec<_>>()
        })
        .map(|(place, what)| {
            Defect::new(
                FindingCode::DependencyNotServed,
                Subject::new(situation.kind, situation.name),
                format!("{place} names {what}"),
            )
        })
        .collect()
}

fn fault(
    situation: &Situation<'_>,
    services: &[Service],
    host: &Host<'_>,
    knew: bool,
) -> Option<String> {
    let name = host.service;
    let Some(service) = named(services, name) else {
        let certain = host.certain || knew;
        return certain.then(|| format!("Service `{name}`, which does not exist in the namespace"));
    };
    let ports = &service.spec.ports;
    if let Some(port) = host.port
        && !ports.is_empty()
        && !ports.iter().any(|it| it.port == port)
        && service.spec.cluster_ip.as_deref() != Some("None")
    {
        return Some(format!(
            "port {port} of Service `{name}`, which the Service does not have"
        ));
    }
    let seen = situation.objects.endpoint_slices.is_some();
    let own = leads(service, situation.new);
    let empty = endpoints(situation, service).next().is_none();
    (seen && !own && is_selecting(service) && empty)
        .then(|| format!("Service `{name}`, which has no ready endpoint"))
}

fn named<'a>(services: &'a [Service], name: &str) -> Option<&'a Service> {
    services.iter().find(|it| it.metadata.name == name)
}

/// Every value of a template that may name a host, by the words for its place.
fn values(template: &PodTemplateSpec) -> BTreeMap<String, &str> {
    let mut values = BTreeMap::new();
    for container in template.spec.iter().flat_map(|it| &it.containers) {
        let of = format!("of container `{}`", container.name);
        for variable in container.env.iter().flatten() {
            if let Some(value) = &variable.value {
                let place = format!("variable `{}` {of}", variable.name);
                values.insert(place, value.as_str());
            }
        }
        for (number, value) in arguments(container).enumerate() {
            values.insert(format!("argument {} {of}", number + 1), value.as_str());
        }
        for (probe, what) in probes(container) {
            let host = probe.http_get.as_ref().and_then(|it| it.host.as_ref());
            let host = host.or_else(|| probe.tcp_socket.as_ref()?.host.as_ref());
            if let Some(host) = host {
                values.insert(format!("the {what} {of}"), host.as_str());
            }
        }
    }
    values
}

fn arguments(container: &Container) -> impl Iterator<Item = &String> {
    let command = container.command.iter().flatten();
    command.chain(container.args.iter().flatten())
}

fn probes(container: &Container) -> impl Iterator<Item = (&Probe, &'static str)> {
    let probes = [
        (&container.startup_probe, "startup probe"),
        (&container.readiness_probe, "readiness probe"),
        (&container.liveness_probe, "liveness probe"),
    ];
    probes
        .into_iter()
        .filter_map(|(probe, what)| Some((probe.as_ref()?, what)))
}

/// The hosts in a value. A single word counts only where it stands for a host: alone, with a port, or
/// after `://` or `@`.
fn hosts<'a>(value: &'a str, namespace: &'a str) -> impl Iterator<Item = Host<'a>> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    let mut end = 0;
    let pieces = value.split_inclusive(move |c: char| !inside(c));
    pieces.filter_map(move |piece| {
        let before = value.get(..end).unwrap_or_default();
        end += piece.len();
        let token = piece.trim_end_matches(|c: char| !inside(c));
        let addressed = token == value || before.ends_with("://") || before.ends_with('@');
        host(token, namespace, addressed)
    })
}

fn host<'a>(token: &'a str, namespace: &str, addressed: bool) -> Option<Host<'a>> {
    let (name, port) = match token.split_once(':') {
        Some((name, port)) => (name, Some(port.parse::<u16>().ok()?)),
        None => (token, None),
    };
    let parts: Vec<&str> = name.split('.').collect();
    let service = *parts.first().filter(|it| is_name(it))?;
    let certain = match parts.as_slice() {
        [_] if addressed || port.is_some() => false,
        [_, of] if *of == namespace => false,
        [_, of, "svc"] | [_, of, "svc", "cluster", "local"] if *of == namespace => true,
        _ => return None,
    };
    Some(Host {
        service,
        port: port.map(i32::from),
        certain,
    })
}

/// Returns whether a word may name a Service: it begins with a letter (`IsDNS1035Label`).
fn is_name(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(allowed)
}
