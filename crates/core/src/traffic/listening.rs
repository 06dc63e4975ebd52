//! Ports that Services lead to and on which no new pod listens.
//!
//! A port that is not declared may be listened on all the same, and one that is declared need not be.
//! The readiness probe of a ready pod shows that its own port is listened on; every other port is tried
//! through the API server. Only a refused connection says something: silence may be a policy's, and
//! every answer, an error or another protocol included, shows that somebody listens. A refusal may be
//! that of a network plugin's own policy, so the port of the readiness probe is tried as well. Where a
//! NetworkPolicy isolates the pods, neither refusal nor silence says anything, and nothing is tried.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::load_balancer::probed;
use super::objects::{Service, ServicePort, TriedPort};
use super::reach::{
    Reach, containers, is_for_users, is_headless, is_selecting, labels_of, leads, resolve, selects,
};
use super::tries::{is_isolated, is_tcp, tried_pods};
use super::{Defect, NewPod, Situation};
use crate::finding::{FindingCode, PodPort, Subject};

/// How many ports of each are tried at most, beside that of a readiness probe.
const PORTS: usize = 3;

/// A port of a Service, and the port of the pods behind it.
struct Way<'a> {
    service: &'a Service,
    port: &'a ServicePort,
    number: i32,
}

/// Returns the ports of the new pods that are to be tried.
#[must_use]
pub fn ports_to_try(situation: &Situation<'_>) -> BTreeSet<PodPort> {
    if is_isolated(situation) {
        return BTreeSet::new();
    }
    let ways = ways(situation).filter(|it| !is_proven(situation.new, it.number));
    let numbers: BTreeSet<i32> = ways.map(|it| it.number).collect();
    let control = control(situation.new).filter(|_| !numbers.is_empty());
    let ports = numbers.into_iter().take(PORTS).chain(control);
    let ports = ports.map(|it| (it, None));
    let paths = probed(situation).into_iter().take(PORTS);
    let paths = paths.map(|it| (it.port, Some(it.path.to_owned())));
    let ports = ports.chain(paths);
    let ports: Vec<(u16, Option<String>)> = ports
        .filter_map(|(port, path)| Some((port.try_into().ok()?, path)))
        .collect();
    tried_pods(situation)
        .flat_map(|pod| {
            ports.iter().map(|(port, path)| PodPort {
                pod: pod.name.clone(),
                uid: pod.uid.clone(),
                port: *port,
                path: path.clone(),
            })
        })
        .collect()
}

/// Finds ports of Services on which every new pod that was tried refused the connection.
///
/// That keeps users away for certain if no other port is a way in, nothing but the pod can have
/// refused, and the former revision listened there.
pub(super) fn refused(reach: &Reach<'_>) -> Vec<Defect> {
    let situation = reach.situation;
    if is_control_refused(situation) || is_isolated(situation) {
        return Vec::new();
    }
    let refused: Vec<Way<'_>> = ways(situation)
        .filter(|it| is_refused(situation, it.number))
        .collect();
    let all = refused.len() == ways(situation).count();
    // After a rollback the former revision is the one that was rolled back: it is no measure.
    let certain = all
        && situation.objects.network_policies.is_some()
        && situation.rolled_back.is_none()
        && !reach.is_open_otherwise()
        && !has_untried_way(situation)
        && refused
            .iter()
            .all(|it| shows_readiness(situation.new, it.number) && listened(situation, it));
    let code = if certain {
        FindingCode::NoPodListens
    } else {
        FindingCode::PortNotListening
    };
    refused.iter().map(|it| defect(it, code)).collect()
}

fn defect(way: &Way<'_>, code: FindingCode) -> Defect {
    let (name, number) = (&way.service.metadata.name, way.number);
    Defect::new(
        code,
        Subject::new("Service", name),
        format!(
            "Service `{name}` leads to port {number}, and every new pod refuses connections to it"
        ),
    )
    .remedy(format!(
        "let the application listen on port {number} at the pod's address, not only on localhost, or correct the targetPort of Service `{name}`"
    ))
}

/// The ports over TCP by which Services lead users to the new pods. A headless one redirects no port.
fn ways<'a>(situation: &Situation<'a>) -> impl Iterator<Item = Way<'a>> {
    let (services, new) = (situation.objects.services.iter().flatten(), situation.new);
    let services = services.filter(move |it| is_selecting(it) && leads(it, new));
    services
        .filter(|it| !is_headless(it))
        .flat_map(move |service| {
            let ports = service.spec.ports.iter();
            let ports = ports.filter(|it| is_for_users(it) && is_tcp(it));
            ports.filter_map(move |port| {
                let number = resolve(port, new)?;
                Some(Way {
                    service,
                    port,
                    number,
                })
            })
        })
}

/// Returns whether users may reach the new pods by what is not tried: a port over another protocol, or the
/// pods' own addresses, which a headless Service tells.
fn has_untried_way(situation: &Situation<'_>) -> bool {
    let services = situation.objects.services.iter().flatten();
    let labels = labels_of(situation.new);
    let mut services = services.filter(|it| is_selecting(it) && selects(it, labels));
    services.any(|service| {
        let ports = &service.spec.ports;
        let mut for_users = ports.iter().filter(|it| is_for_users(it));
        if is_headless(service) {
            ports.is_empty() || for_users.next().is_some()
        } else {
            for_users.any(|it| !is_tcp(it) && resolve(it, situation.new).is_some())
        }
    })
}

/// Returns whether every pod that was to be tried has refused.
fn is_refused(situation: &Situation<'_>, number: i32) -> bool {
    let mut pods = tried_pods(situation).peekable();
    let refused = |pod: &NewPod| {
        let mut tried = situation.tried.iter();
        tried.any(|it| is_of(it, pod, number) && it.refused)
    };
    pods.peek().is_some() && pods.all(refused)
}

/// Returns whether a pod refused the port that its readiness probe asks: then something else than the pods
/// refuses, such as a policy of the network plugin, and no refusal says anything.
fn is_control_refused(situation: &Situation<'_>) -> bool {
    control(situation.new).is_some_and(|number| {
        let mut tried = situation.tried.iter();
        tried.any(|tried| {
            let mut pods = tried_pods(situation);
            tried.refused && pods.any(|pod| is_of(tried, pod, number))
        })
    })
}

fn is_of(tried: &TriedPort, pod: &NewPod, number: i32) -> bool {
    tried.path.is_none() && tried.uid == pod.uid && i32::from(tried.port) == number
}

/// Returns whether the former revision listened on the port behind a Service's port.
fn listened(situation: &Situation<'_>, way: &Way<'_>) -> bool {
    situation.former.is_some_and(|former| {
        leads(way.service, former)
            && resolve(way.port, former).is_some_and(|it| is_proven(former, it))
    })
}

/// Returns whether the pods of a template, once ready, listen on a port, because a probe of theirs asks it.
fn is_proven(template: &PodTemplateSpec, number: i32) -> bool {
    let mut containers = containers(template);
    containers.any(|container| {
        let probes = [&container.readiness_probe, &container.startup_probe];
        let mut ports = probes
            .into_iter()
            .flatten()
            .filter_map(|it| asked(it, container));
        ports.any(|it| it == number)
    })
}

/// Returns the first port that a readiness probe asks.
fn control(template: &PodTemplateSpec) -> Option<i32> {
    let mut containers = containers(template);
    containers.find_map(|it| asked(it.readiness_probe.as_ref()?, it))
}

/// Returns whether a ready pod shows that what listens on a port has started: the containers that declare it
/// have a readiness probe, and all but sidecars where none does.
fn shows_readiness(template: &PodTemplateSpec, number: i32) -> bool {
    let declares = |it: &&Container| {
        let mut ports = it.ports.iter().flatten();
        ports.any(|it| it.container_port == number)
    };
    let declaring: Vec<&Container> = containers(template).filter(declares).collect();
    let main = template.spec.iter().flat_map(|it| &it.containers);
    let listening: Vec<&Container> = if declaring.is_empty() {
        main.collect()
    } else {
        declaring
    };
    listening.iter().all(|it| it.readiness_probe.is_some())
}

/// Returns the port of the pod that a probe asks.
fn asked(probe: &Probe, container: &Container) -> Option<i32> {
    let (host, port) = match (&probe.http_get, &probe.tcp_socket, &probe.grpc) {
        (Some(http), _, _) => (&http.host, &http.port),
        (None, Some(tcp), _) => (&tcp.host, &tcp.port),
        (None, None, Some(grpc)) => return Some(grpc.port),
        (None, None, None) => return None,
    };
    match port {
        _ if host.as_ref().is_some_and(|it| !it.is_empty()) => None,
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            let named = ports.find(|it| it.name.as_ref() == Some(name));
            named.map(|it| it.container_port)
        }
    }
}
