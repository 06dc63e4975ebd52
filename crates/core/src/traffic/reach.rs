//! Which Services lead to the pods of a template.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::objects::{Endpoint, EndpointSlice, Ingress, Service, ServicePort};
use super::{Defect, Situation};
use crate::duration::after;
use crate::finding::{FindingCode, Subject};
use crate::workload::TEMPLATE_HASH_LABEL;

/// How many labels or ports are named at most.
const NAMED: usize = 3;

/// The names of labels that tell versions of the same pods apart.
const VERSIONS: [&str; 6] = ["version", "color", "colour", "slot", "track", "revision"];

/// Within this time a release applies its Services and then its workload. (estimated)
const RELEASE: Duration = Duration::from_secs(600);

type Labels = BTreeMap<String, String>;

/// A situation, seen from its Services.
pub(super) struct Reach<'a> {
    pub(super) situation: &'a Situation<'a>,
    /// Those that select pods and send connections to a port of theirs; headless ones and those without a
    /// selector are left alone.
    services: Vec<&'a Service>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(situation: &'a Situation<'a>) -> Self {
        let all = situation.objects.services.iter().flatten();
        Self {
            situation,
            services: all.filter(|it| selects_by_port(it)).collect(),
        }
    }

    /// The Services that led to the pods of the former template, by that sense of the word.
    fn led(&self, leads: fn(&Service, &PodTemplateSpec) -> bool) -> Vec<&'a Service> {
        let Some(former) = self.situation.former else {
            return Vec::new();
        };
        let services = self.services.iter().copied();
        services.filter(|it| leads(it, former)).collect()
    }

    /// Returns whether a Service leads to the new pods.
    pub(super) fn leads_now(&self, service: &Service) -> bool {
        leads(service, self.situation.new)
    }

    /// Returns whether a Service leads to the new pods, or led to the former ones.
    pub(super) fn concerns(&self, service: &Service) -> bool {
        let former = self.situation.former;
        self.leads_now(service) || former.is_some_and(|it| leads(service, it))
    }

    /// Finds the loss of every way in: Services led users to the former template, none leads to the new
    /// one, and none of them has an endpoint left but those of pods that terminate.
    pub(super) fn lost(&self) -> Vec<Defect> {
        let led = self.led(leads_users);
        let certain = !self.is_open_otherwise()
            && !self.has_new_endpoint()
            && !led.iter().all(|it| self.came_with_release(it))
            && !self.awaits_switch(&led)
            && !self.services.iter().any(|it| self.leads_now(it))
            && led.iter().all(|it| self.is_deserted(it));
        if !certain {
            return Vec::new();
        }
        led.into_iter().map(|it| self.loss(it)).collect()
    }

    /// Returns whether a Service was made for the release that was rolled back.
    fn came_with_release(&self, service: &Service) -> bool {
        let created = service.metadata.creation_timestamp;
        let release = self.situation.rolled_back.zip(created);
        release.is_some_and(|(release, created)| after(created, RELEASE) >= release)
    }

    /// Returns whether users are led to another version than the one of a Service that is left, and a later
    /// step of the pipeline switches them. It is left with users where an Ingress leads to it.
    fn awaits_switch(&self, left: &[&Service]) -> bool {
        let ingresses = self.situation.objects.ingresses.iter().flatten();
        let mut routes = ingresses.flat_map(Ingress::routes);
        let named = |name: &str| left.iter().any(|it| it.metadata.name == name);
        let in_use = routes.any(|it| named(&it.backend.name));
        !in_use && left.iter().any(|it| self.serves_elsewhere(it))
    }

    /// Returns whether the new pods have moved from the version of a Service to one of their own, while users
    /// are led to another by a Service that differs only in the version that it selects.
    fn serves_elsewhere(&self, service: &Service) -> bool {
        let labels = labels_of(self.situation.new);
        let has_moved = |other: &Service| {
            let mut versions = versions_apart(service, other).into_iter().flatten();
            versions.all(|(key, value)| labels.get(key).is_some_and(|it| it != value))
        };
        let others = self.services.iter();
        let mut others = others.filter(|other| versions_apart(service, other).is_some());
        others.any(|other| has_moved(other) && self.is_alive(other))
    }

    /// Returns whether a Service sends connections to a pod that is not about to end.
    fn is_alive(&self, service: &Service) -> bool {
        let mut endpoints = endpoints(self.situation, service);
        endpoints.any(|it| it.conditions.terminating != Some(true))
    }

    /// Returns whether connections to any Service are sent to a new pod: a webhook may have given the pods
    /// labels that the template does not have.
    fn has_new_endpoint(&self) -> bool {
        let slices = self.situation.objects.endpoint_slices.iter().flatten();
        // The name of a headless Service leads to its pods whatever their ports.
        let headless = |slice: &EndpointSlice| {
            let services = self.situation.objects.services.iter().flatten();
            let mut services = services.filter(|it| is_headless(it));
            services.any(|it| slice.service() == Some(it.metadata.name.as_str()))
        };
        let slices = slices.filter(|it| !it.ports.is_empty() || headless(it));
        let mut endpoints = slices.flat_map(|it| &it.endpoints);
        endpoints.any(|it| it.conditions.takes_connections() && !self.is_of_others(it))
    }

    /// Pods with ports of their nodes may be reached without a Service.
    pub(super) fn is_open_otherwise(&self) -> bool {
        let Some(spec) = &self.situation.new.spec else {
            return true;
        };
        let mut ports = spec
            .containers
            .iter()
            .flat_map(|it| it.ports.iter().flatten());
        spec.host_network == Some(true) || ports.any(|it| it.host_port.is_some())
    }

    fn loss(&self, service: &Service) -> Defect {
        let labels = labels_of(self.situation.new);
        if selects(service, labels) {
            self.port_loss(service)
        } else {
            label_loss(service, labels)
        }
    }

    fn port_loss(&self, service: &Service) -> Defect {
        let name = &service.metadata.name;
        let lost = service.spec.ports.iter().find_map(|port| {
            let target = named_target(port)?;
            resolve(port, self.situation.new)
                .is_none()
                .then_some(target)
        });
        let target = lost.unwrap_or_default();
        let other = protocol_of(self.situation.new, target);
        let message = match other {
            Some(protocol) => format!(
                "Service `{name}` leads to the port named `{target}`, which is {protocol} in the new revision and not in the Service"
            ),
            None => format!(
                "Service `{name}` leads to the port named `{target}`, which no container of the new revision has"
            ),
        };
        let remedy = format!(
            "name the container's port `{target}` again, with the protocol of Service `{name}`, or correct the Service's targetPort"
        );
        Defect::new(FindingCode::ServicePortMissing, subject(service), message).remedy(remedy)
    }

    /// Finds Services that led to the former pods and do not lead to the new ones, while that is not
    /// certain to keep users away.
    pub(super) fn left_behind(&self) -> Vec<Defect> {
        if !self.lost().is_empty() {
            return Vec::new();
        }
        let led = self.led(leads);
        let services = led.iter().filter(|it| !self.leads_now(it));
        let whole = services.map(|it| {
            let loss = self.loss(it);
            let message = if self.is_alive(it) {
                format!("{}; it still leads to the old version", loss.message)
            } else {
                loss.message
            };
            Defect {
                code: FindingCode::ServiceLeftBehind,
                message,
                ..loss
            }
        });
        let ports = led.iter().filter(|it| self.leads_now(it));
        let ports = ports.filter_map(|it| self.port_left_behind(it));
        whole.chain(ports).collect()
    }

    /// Finds a port of a Service that leads nowhere any more, or to one that is not declared any more.
    fn port_left_behind(&self, service: &Service) -> Option<Defect> {
        let (new, former) = (self.situation.new, self.situation.former?);
        let name = &service.metadata.name;
        let ports = &service.spec.ports;
        let lost = ports
            .iter()
            .find(|it| resolve(it, former).is_some() && resolve(it, new).is_none());
        if let Some(port) = lost {
            let what = named_target(port).unwrap_or_default();
            return Some(Defect::new(
                FindingCode::ServiceLeftBehind,
                subject(service),
                format!(
                    "port {} of Service `{name}` leads to the port named `{what}`, which the former revision had and the new one has not",
                    port.port
                ),
            ));
        }
        let undeclared = ports.iter().find_map(|port| {
            let number = resolve(port, new)?;
            let moved = named_target(port).is_none()
                && declares(former, number)
                && !declares(new, number)
                && !declared(new).is_empty();
            moved.then_some(number)
        })?;
        let now: Vec<String> = declared(new)
            .iter()
            .take(NAMED)
            .map(ToString::to_string)
            .collect();
        Some(Defect::new(
            FindingCode::ServiceLeftBehind,
            subject(service),
            format!(
                "Service `{name}` leads to port {undeclared}, which the new revision does not declare any more; it declares {}",
                now.join(", ")
            ),
        ))
    }

    /// Finds Services of other pods that the new labels match as well.
    pub(super) fn mixed(&self) -> Vec<Defect> {
        let Some(former) = self.situation.former else {
            return Vec::new();
        };
        let new = labels_of(self.situation.new);
        let joined = self
            .services
            .iter()
            .filter(|it| selects(it, new) && !selects(it, labels_of(former)));
        joined
            .filter_map(|service| {
                let endpoint = self.endpoints(service).find(|it| self.is_of_others(it))?;
                let other = &endpoint.target_ref.as_ref()?.name;
                let name = &service.metadata.name;
                Some(Defect::new(
                    FindingCode::ServiceMixesWorkloads,
                    subject(service),
                    format!(
                        "Service `{name}` selects the new pods, which it did not select before, beside pods of others such as `{other}`"
                    ),
                ))
            })
            .collect()
    }

    /// Finds Services that select ready pods and have none of them as a ready endpoint.
    pub(super) fn without_endpoints(&self) -> Vec<Defect> {
        if !self.situation.pods.iter().any(|it| it.settled) {
            return Vec::new();
        }
        let leading = self.services.iter().filter(|it| self.leads_now(it));
        let empty = leading.filter(|it| self.has_endpoints(it) == Some(false));
        empty
            .map(|service| {
                Defect::new(
                    FindingCode::EndpointsNotReady,
                    subject(service),
                    format!(
                        "the new pods are ready and Service `{}` selects them, but its EndpointSlices have no ready endpoint",
                        service.metadata.name
                    ),
                )
            })
            .collect()
    }

    /// The endpoints that connections are sent to.
    fn endpoints(&self, service: &Service) -> impl Iterator<Item = &'a Endpoint> {
        endpoints(self.situation, service)
    }

    /// Returns whether connections to a Service are sent anywhere; `None` where that cannot be seen.
    fn has_endpoints(&self, service: &Service) -> Option<bool> {
        self.situation.objects.endpoint_slices.as_ref()?;
        Some(self.endpoints(service).next().is_some())
    }

    /// Returns whether no endpoint of a Service serves any more, or may soon: one that is not ready yet is
    /// of another workload that starts.
    fn is_deserted(&self, service: &Service) -> bool {
        let Some(slices) = &self.situation.objects.endpoint_slices else {
            return false;
        };
        let own = slices
            .iter()
            .filter(|it| it.service() == Some(service.metadata.name.as_str()));
        let mut endpoints = own
            .filter(|it| !it.ports.is_empty())
            .flat_map(|it| &it.endpoints);
        endpoints.all(|it| it.conditions.terminating == Some(true))
    }

    fn is_of_others(&self, endpoint: &Endpoint) -> bool {
        let target = endpoint.target_ref.as_ref();
        let pods = self.situation.pods;
        target.is_none_or(|target| pods.iter().all(|it| it.uid != target.uid))
    }
}

/// The endpoints that connections to a Service are sent to. A slice without ports holds the pods that
/// lack every port that the Service names. The users of a headless Service get its addresses whatever its ports
/// (`CoreDNS`, `plugin/kubernetes/object/endpoint.go`).
pub(super) fn endpoints<'a>(
    situation: &Situation<'a>,
    service: &Service,
) -> impl Iterator<Item = &'a Endpoint> + use<'a> {
    let name = service.metadata.name.clone();
    let without = service.spec.ports.is_empty() || is_headless(service);
    let slices = situation.objects.endpoint_slices.iter().flatten();
    slices
        .filter(move |it: &&EndpointSlice| it.service() == Some(name.as_str()))
        .filter(move |it| without || !it.ports.is_empty())
        .flat_map(|it| &it.endpoints)
        .filter(|it| it.conditions.takes_connections())
}

/// Returns the labels by which a Service selects another version of the same pods than the other one;
/// `None` where they do not differ in that alone.
fn versions_apart<'a>(one: &'a Service, other: &Service) -> Option<Vec<(&'a String, &'a String)>> {
    let (one, other) = (&one.spec.selector, &other.spec.selector);
    let differing = one
        .iter()
        .filter(|(key, value)| other.get(*key) != Some(value));
    let differing: Vec<(&String, &String)> = differing.collect();
    let is_version = |(key, _): &(&String, &String)| {
        let name = key.rsplit('/').next().unwrap_or_default();
        VERSIONS.contains(&name)
    };
    let apart = one.keys().eq(other.keys()) && differing.iter().all(is_version);
    (apart && !differing.is_empty()).then_some(differing)
}

fn subject(service: &Service) -> Subject {
    Subject::new("Service", &service.metadata.name)
}

fn label_loss(service: &Service, labels: &Labels) -> Defect {
    let name = &service.metadata.name;
    let differing = service.spec.selector.iter();
    let differing = differing.filter(|(key, value)| labels.get(*key) != Some(value));
    let differing: Vec<(&String, &String)> = differing.take(NAMED).collect();
    let wanted: Vec<String> = differing
        .iter()
        .map(|(key, value)| format!("`{key}: {value}`"))
        .collect();
    let present: Vec<String> = differing
        .iter()
        .map(|(key, _)| match labels.get(*key) {
            Some(value) => format!("`{key}: {value}`"),
            None => format!("no label `{key}`"),
        })
        .collect();
    let (wanted, present) = (wanted.join(", "), present.join(", "));
    Defect::new(
        FindingCode::ServiceSelectsNoPod,
        subject(service),
        format!("Service `{name}` selects {wanted}, and the new pods have {present}"),
    )
    .remedy(format!(
        "give the pod template the labels that Service `{name}` selects ({wanted}), or let the Service select what the new pods have"
    ))
}

/// Returns whether a Service selects pods and sends connections to them by a port of its own. One that
/// selects a single ReplicaSet is moved by a controller.
pub(super) fn selects_by_port(service: &Service) -> bool {
    is_selecting(service)
        && !is_headless(service)
        && !service.spec.selector.contains_key(TEMPLATE_HASH_LABEL)
}

/// Returns whether a Service has no address of its own: it redirects no port, and its users know the pods'.
pub(super) fn is_headless(service: &Service) -> bool {
    service.spec.cluster_ip.as_deref() == Some("None")
}

/// Returns whether a Service selects pods at all: one without a selector, or for an external name,
/// leads elsewhere.
pub(super) fn is_selecting(service: &Service) -> bool {
    !service.spec.selector.is_empty() && service.spec.kind.as_deref() != Some("ExternalName")
}

/// Returns whether a Service leads to the pods of a template by at least one port.
pub(super) fn leads(service: &Service, template: &PodTemplateSpec) -> bool {
    leads_by(service, template, |_| true)
}

/// Returns whether it does so by a port that is for users.
pub(super) fn leads_users(service: &Service, template: &PodTemplateSpec) -> bool {
    leads_by(service, template, is_for_users)
}

/// Returns whether a port is not for collecting metrics: a worker without users may have such a Service.
pub(super) fn is_for_users(port: &ServicePort) -> bool {
    const METRICS: [&str; 2] = ["metric", "prom"];
    let names = [port.name.as_deref(), named_target(port)];
    let mut names = names.into_iter().flatten();
    !names.any(|name| METRICS.iter().any(|it| name.contains(it)))
}

fn leads_by(
    service: &Service,
    template: &PodTemplateSpec,
    counts: impl Fn(&ServicePort) -> bool,
) -> bool {
    let mut ports = service.spec.ports.iter().filter(|it| counts(it));
    selects(service, labels_of(template)) && ports.any(|it| resolve(it, template).is_some())
}

/// Returns whether a Service selects pods with these labels.
pub(super) fn selects(service: &Service, labels: &Labels) -> bool {
    let mut selector = service.spec.selector.iter();
    selector.all(|(key, value)| labels.get(key) == Some(value))
}

/// The labels of a template.
pub(super) fn labels_of(template: &PodTemplateSpec) -> &Labels {
    static NONE: Labels = Labels::new();
    let metadata = template.metadata.as_ref();
    metadata.and_then(|it| it.labels.as_ref()).unwrap_or(&NONE)
}

/// Returns the number of the pods' port that a port of a Service leads to. A name is that of a port of a
/// container, or of a sidecar, with the same protocol (`pkg/api/v1/pod/util.go`, `FindPort`).
pub(super) fn resolve(port: &ServicePort, template: &PodTemplateSpec) -> Option<i32> {
    let Some(target) = named_target(port) else {
        return match port.target_port {
            Some(IntOrString::Int(number)) if number != 0 => Some(number),
            Some(_) | None => Some(port.port),
        };
    };
    let wanted = port.protocol.as_deref().unwrap_or("TCP");
    ports_named(template, target)
        .find(|it| it.protocol.as_deref().unwrap_or("TCP") == wanted)
        .map(|it| it.container_port)
}

fn named_target(port: &ServicePort) -> Option<&str> {
    match &port.target_port {
        Some(IntOrString::String(name)) if !name.is_empty() => Some(name),
        Some(IntOrString::String(_) | IntOrString::Int(_)) | None => None,
    }
}

/// Returns the protocol of the template's port of a name.
fn protocol_of(template: &PodTemplateSpec, name: &str) -> Option<String> {
    let port = ports_named(template, name).next()?;
    Some(port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()))
}

fn ports_named<'a>(
    template: &'a PodTemplateSpec,
    name: &str,
) -> impl Iterator<Item = &'a k8s_openapi::api::core::v1::ContainerPort> {
    let ports = containers(template).flat_map(|it| it.ports.iter().flatten());
    ports.filter(move |it| it.name.as_deref() == Some(name))
}

/// The containers that serve: sidecars among the init containers included.
pub(super) fn containers(template: &PodTemplateSpec) -> impl Iterator<Item = &Container> {
    let spec = template.spec.iter();
    spec.flat_map(|it| {
        let init = it.init_containers.iter().flatten();
        let sidecars = init.filter(|it| it.restart_policy.as_deref() == Some("Always"));
        it.containers.iter().chain(sidecars)
    })
}

fn declared(template: &PodTemplateSpec) -> Vec<i32> {
    let ports = containers(template).flat_map(|it| it.ports.iter().flatten());
    ports.map(|it| it.container_port).collect()
}

fn declares(template: &PodTemplateSpec, number: i32) -> bool {
    declared(template).contains(&number)
}
