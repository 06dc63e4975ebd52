//! Load balancers in front of Services: those that do not come, and those whose health probe the new pods
//! do not answer.
//!
//! Never more than notes: a load balancer is no part of a revision, and users inside the cluster do not need it.

use std::time::Duration;

use super::objects::{Service, ServiceEvent, ServicePort, TriedPort};
use super::reach::{Reach, is_for_users, is_selecting, leads, resolve};
use super::tries::{is_isolated, is_tcp, tried_pods};
use super::{Defect, NewPod, Situation};
use crate::duration::{Human, elapsed};
use crate::finding::{FindingCode, Subject};
use crate::foreign_text::{clipped, visible};

/// How long a cloud usually takes at most to bring a load balancer up. (estimated)
const USUAL: Duration = Duration::from_secs(180);

/// The longest quotation of an event, in characters.
const QUOTED: usize = 300;

/// Why the cloud gave no load balancer: words of its error, and what helps.
const CAUSES: [(&[&str], &str, &str); 4] = [
    (
        &[
            "SubnetIsFull",
            "does not have enough capacity",
            "SubnetFull",
        ],
        "the subnet has no free address",
        "free an address in the subnet, or name a larger subnet in the annotation `service.beta.kubernetes.io/azure-load-balancer-internal-subnet`",
    ),
    (
        &[
            "QuotaExceeded",
            "CountLimitReached",
            "quota",
            "LimitExceeded",
        ],
        "a quota of the cloud is used up",
        "raise the quota of the subscription for public IP addresses and load balancers, or release unused ones",
    ),
    (
        &["AuthorizationFailed", "does not have authorization"],
        "the cluster's identity lacks a permission in Azure",
        "grant the cluster's identity the role Network Contributor on the subnet and the resource group of the address",
    ),
    (
        &[
            "SubnetNotFound",
            "PublicIPAddressNotFound",
            "InvalidParameter",
            "annotation",
        ],
        "an annotation or an address of the Service does not fit",
        "correct the annotations `service.beta.kubernetes.io/azure-…` of the Service, its loadBalancerIP and its loadBalancerClass",
    ),
];

/// Finds Services that wait for a load balancer: a warning says why, or it takes longer than usual.
pub(super) fn pending(reach: &Reach<'_>) -> Vec<Defect> {
    let situation = reach.situation;
    let services = situation.objects.services.iter().flatten();
    let waiting = services.filter(|it| reach.concerns(it) && it.awaits_load_balancer());
    waiting
        .filter_map(|service| {
            let name = &service.metadata.name;
            let events = situation.objects.service_events.iter();
            let own = events.filter(|it| it.involved_object.name == *name);
            let warning = own.max_by_key(|it| it.last_timestamp);
            let created = service.metadata.creation_timestamp;
            let age = created.zip(situation.read_at);
            let age = age.map(|(created, now)| elapsed(created, now));
            let late = age.filter(|it| *it >= USUAL);
            let for_long = late.map_or_else(String::new, |it| format!(" for {}", Human(it)));
            let found = Defect::new(
                FindingCode::LoadBalancerPending,
                Subject::new("Service", name),
                format!(
                    "Service `{name}` is of type LoadBalancer and has had no address{for_long}"
                ),
            );
            match warning {
                Some(warning) => Some(explained(found, warning)),
                None => late.map(|_| found),
            }
        })
        .collect()
}

fn explained(found: Defect, warning: &ServiceEvent) -> Defect {
    let said = clipped(&visible(&warning.message), QUOTED);
    let is_of = |words: &[&str]| words.iter().any(|it| warning.message.contains(it));
    let cause = CAUSES.iter().find(|(words, _, _)| is_of(words));
    let why = cause.map_or_else(String::new, |(_, why, _)| format!(": {why}"));
    let message = format!("{}{why} ({}: {said})", found.message, warning.reason);
    match cause {
        Some((_, _, remedy)) => Defect { message, ..found }.remedy((*remedy).to_owned()),
        None => Defect { message, ..found },
    }
}

/// A path that the health probe of a load balancer asks on a port of the new pods.
pub(super) struct Probed<'a> {
    service: &'a Service,
    pub(super) port: i32,
    pub(super) path: &'a str,
}

/// Returns what the health probes of Azure load balancers ask.
///
/// They ask a path only over HTTP; without TLS it can be asked through the API server as well. With
/// `externalTrafficPolicy: Local` they ask kube-proxy (cloud-provider-azure, `azure_loadbalancer_healthprobe.go`).
pub(super) fn probed<'a>(situation: &Situation<'a>) -> Vec<Probed<'a>> {
    let services = situation.objects.services.iter().flatten();
    let services = services.filter(|it| is_selecting(it) && leads(it, situation.new));
    services
        .filter(|it| it.spec.kind.as_deref() == Some("LoadBalancer"))
        .filter(|it| it.spec.external_traffic_policy.as_deref() != Some("Local"))
        .filter_map(|service| {
            let path = service.metadata.annotations.probe_path.as_deref()?;
            let mut ports = service.spec.ports.iter();
            let port = ports.find(|it| is_for_users(it) && is_tcp(it) && is_http(service, it))?;
            Some(Probed {
                service,
                port: resolve(port, situation.new)?,
                path,
            })
        })
        .filter(|it| it.path.starts_with('/'))
        .collect()
}

fn is_http(service: &Service, port: &ServicePort) -> bool {
    let annotated = service.metadata.annotations.probe_protocol.as_deref();
    let protocol = annotated.or(port.app_protocol.as_deref());
    protocol.is_some_and(|it| it.eq_ignore_ascii_case("http"))
}

/// Finds health probes that no new pod answers with 200, the only status that an Azure load balancer takes.
pub(super) fn unanswered(reach: &Reach<'_>) -> Vec<Defect> {
    let situation = reach.situation;
    if is_isolated(situation) {
        return Vec::new();
    }
    let found = probed(situation).into_iter();
    found
        .filter_map(|probed| {
            let answers: Option<Vec<u16>> = tried_pods(situation)
                .map(|pod| situation.tried.iter().find(|it| is_of(it, pod, &probed))?.status)
                .collect();
            let answers = answers.filter(|it| !it.contains(&200))?;
            let status = answers.first()?;
            let (name, port, path) = (&probed.service.metadata.name, probed.port, probed.path);
            Some(
                Defect::new(
                    FindingCode::HealthProbeFailing,
                    Subject::new("Service", name),
                    format!("the load balancer of Service `{name}` probes `{path}`, and every new pod answers it on port {port} with {status}; it takes 200 only"),
                )
                .remedy(format!("answer `{path}` with 200 on port {port}, or correct the annotation `service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path` of Service `{name}`")),
            )
        })
        .collect()
}

fn is_of(tried: &TriedPort, pod: &NewPod, probed: &Probed<'_>) -> bool {
    tried.path.as_deref() == Some(probed.path)
        && tried.uid == pod.uid
        && i32::from(tried.port) == probed.port
}
