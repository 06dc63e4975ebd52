//! Reads what stands between users and the pods of a namespace: one list for each kind, all at once, after
//! ports of the pods have been tried. How many requests that takes does not depend on the number of Services:
//! the Gateway API is asked for where the cluster has it, classes and certificates where there are Ingresses,
//! and events where a load balancer is awaited.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::core::Request;
use kube::{Api, Client};
use rollguard_core::finding::PodPort;
use rollguard_core::observation::Blindness;
use rollguard_core::traffic::{
    HttpRoute, Ingress, IngressClass, NetworkObjects, Service, ServiceEvent, TrafficKind,
    TriedPort, Unseen,
};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::error::Cause;
use crate::http::{self, Reply};
use crate::list::{list_fields_once, list_once};
use crate::lookup::{groups, preferred};
use crate::request::{READ_LIMIT, within};

const NO_ANSWER: &str = "the API server gave no usable answer";
/// How many ports are tried at once: all of a workload, so that silent ones do not hide one that refuses.
const AT_ONCE: usize = 30;
/// How long the tries may take together. A refusal comes in milliseconds.
const TRIES_LIMIT: Duration = Duration::from_secs(2);
/// How many Secrets with certificates are asked for at most.
const SECRETS: usize = 5;

/// The objects of one kind, or why there are none.
enum Read<T> {
    Listed(Vec<T>),
    /// They may not be listed, or are not understood.
    Unseen(Unseen),
    /// The API does not have the kind.
    NotServed,
}

/// Returns the objects; `None` if the cluster gave no usable answer about a kind.
pub(super) async fn traffic(
    client: &Client,
    namespace: &str,
    ports: &BTreeSet<PodPort>,
) -> Option<NetworkObjects> {
    // The answer counts as of its arrival, so that nothing slow may follow the lists.
    let (tried, forbidden) = try_ports(client, namespace, ports).await;
    let (services, slices, ingresses, policies, autoscalers, routes) = futures::join!(
        services_with_events(client, namespace),
        read(client, namespace, TrafficKind::EndpointSlice),
        ingresses_with_names(client, namespace),
        read(client, namespace, TrafficKind::NetworkPolicy),
        read(client, namespace, TrafficKind::Autoscaler),
        read_routes(client, namespace),
    );
    let mut unseen = Vec::from_iter(forbidden);
    let (services, service_events) = services?;
    Some(NetworkObjects {
        services: services.listed(&mut unseen),
        service_events: service_events.listed(&mut unseen).unwrap_or_default(),
        endpoint_slices: slices?.listed(&mut unseen),
        ingresses: ingresses.all.listed(&mut unseen),
        ingress_classes: ingresses.classes.and_then(|it| it.listed(&mut unseen)),
        missing_secrets: ingresses.missing_secrets.told(&mut unseen),
        routes: or_unseen(routes, TrafficKind::HttpRoute).listed(&mut unseen),
        network_policies: or_unseen(policies, TrafficKind::NetworkPolicy).listed(&mut unseen),
        autoscalers: or_unseen(autoscalers, TrafficKind::Autoscaler).listed(&mut unseen),
        tried,
        unseen,
    })
}

/// The Services, and the warnings about them.
async fn services_with_events(
    client: &Client,
    namespace: &str,
) -> Option<(Read<Service>, Read<ServiceEvent>)> {
    let services = read(client, namespace, TrafficKind::Service).await?;
    let events = service_events(client, namespace, services.objects()).await;
    Some((services, events))
}

/// The Ingresses, with what they name.
struct Ingresses {
    all: Read<Ingress>,
    classes: Option<Read<IngressClass>>,
    missing_secrets: MissingSecrets,
}

async fn ingresses_with_names(client: &Client, namespace: &str) -> Ingresses {
    let kind = TrafficKind::Ingress;
    let all: Read<Ingress> = or_unseen(read(client, namespace, kind).await, kind);
    let (classes, missing_secrets) = futures::join!(
        classes(client, namespace, all.objects()),
        missing_secrets(client, namespace, all.objects()),
    );
    Ingresses {
        all,
        classes,
        missing_secrets,
    }
}

/// The cluster's classes, where there are Ingresses.
async fn classes(
    client: &Client,
    namespace: &str,
    ingresses: &[Ingress],
) -> Option<Read<IngressClass>> {
    if ingresses.is_empty() {
        return None;
    }
    let kind = TrafficKind::IngressClass;
    Some(or_unseen(read(client, namespace, kind).await, kind))
}

/// The `HTTPRoutes`, by the version that the API prefers; nothing more is asked where it has none.
async fn read_routes(client: &Client, namespace: &str) -> Option<Read<HttpRoute>> {
    let kind = TrafficKind::HttpRoute;
    let groups = groups(client).await.ok()?;
    let Some(version) = preferred(&groups, kind.group()) else {
        return Some(Read::NotServed);
    };
    let path = format!("/apis/{version}/namespaces/{namespace}/{}", kind.plural());
    read_from(client, path, kind).await
}

/// The Secrets that Ingresses name for TLS and that do not exist. Only their metadata is sent.
async fn missing_secrets(
    client: &Client,
    namespace: &str,
    ingresses: &[Ingress],
) -> MissingSecrets {
    let named = ingresses.iter().flat_map(Ingress::tls_secrets);
    let named: BTreeSet<&str> = named.collect();
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let asked = named.iter().take(SECRETS).map(|name| {
        let secrets = secrets.clone();
        async move { (*name, within(READ_LIMIT, secrets.get_metadata(name)).await) }
    });
    let mut missing = Vec::new();
    let more = (named.len() > SECRETS).then_some("only the first five are asked for");
    let mut why = None;
    for (name, answer) in futures::future::join_all(asked).await {
        match answer {
            Ok(_) => {}
            Err(Cause::Answer { code: 404, .. }) => missing.push(name.to_owned()),
            Err(Cause::Answer { code: 403, .. }) => why = Some("may not get secrets"),
            Err(_) => why = why.or(Some(NO_ANSWER)),
        }
    }
    MissingSecrets {
        missing,
        unseen: why.or(more),
    }
}

/// The Secrets that do not exist, and why that is not known of all.
struct MissingSecrets {
    missing: Vec<String>,
    unseen: Option<&'static str>,
}

impl MissingSecrets {
    fn told(self, unseen: &mut Vec<Unseen>) -> Vec<String> {
        unseen.extend(self.unseen.map(|why| Unseen {
            without: "whether the Secrets with the certificates of Ingresses exist".to_owned(),
            may_pass: why == NO_ANSWER,
            why: why.to_owned(),
        }));
        self.missing
    }
}

/// The warnings about Services, where one of them waits for a load balancer.
async fn service_events(
    client: &Client,
    namespace: &str,
    services: &[Service],
) -> Read<ServiceEvent> {
    if !services.iter().any(Service::awaits_load_balancer) {
        return Read::Listed(Vec::new());
    }
    let path = format!("/api/v1/namespaces/{namespace}/events");
    let fields = "involvedObject.kind=Service,type=Warning";
    let unseen = |why: &str| {
        Read::Unseen(Unseen {
            without: "why a Service has no load balancer".to_owned(),
            may_pass: why == NO_ANSWER,
            why: why.to_owned(),
        })
    };
    match list_fields_once(client, &Request::new(path), fields).await {
        // An event that is not understood explains nothing.
        Ok(events) => {
            let events = events.iter().map(ServiceEvent::deserialize);
            Read::Listed(events.filter_map(Result::ok).collect())
        }
        Err(Cause::Answer { code: 403, .. }) => unseen("may not list events"),
        Err(_) => unseen(NO_ANSWER),
    }
}

/// Tries ports of pods. One that does not answer in time has not refused.
async fn try_ports(
    client: &Client,
    namespace: &str,
    ports: &BTreeSet<PodPort>,
) -> (Vec<TriedPort>, Option<Unseen>) {
    let until = Instant::now() + TRIES_LIMIT;
    let tries = ports.iter().cloned();
    let tries = tries.map(|port| async move {
        let answer = timeout_at(until, http::try_port(client, namespace, &port)).await;
        (port, answer.unwrap_or(Ok(Reply::Silence)))
    });
    let tries: Vec<(PodPort, Result<Reply, Blindness>)> =
        stream::iter(tries).buffered(AT_ONCE).collect().await;
    let is_forbidden =
        |answer: &Result<Reply, Blindness>| matches!(answer, Err(Blindness::Forbidden { .. }));
    let forbidden = tries.iter().any(|it| is_forbidden(&it.1)).then(|| Unseen {
        without: "whether the new pods listen on the ports of their Services".to_owned(),
        may_pass: false,
        why: "may not get pods/proxy".to_owned(),
    });
    let known = tries.into_iter().filter_map(|(port, answer)| {
        let reply = match answer {
            Ok(reply) => reply,
            Err(Blindness::Forbidden { .. }) => Reply::Silence,
            // Nothing is known of the port, so that it is tried again.
            Err(Blindness::Unauthorized { .. } | Blindness::Disconnected { .. }) => return None,
        };
        Some(TriedPort {
            uid: port.uid,
            port: port.port,
            refused: reply == Reply::Refused,
            status: reply.status().filter(|_| port.path.is_some()),
            path: port.path,
        })
    });
    (known.collect(), forbidden)
}

/// Objects that only explain hold up nothing that decides.
fn or_unseen<T>(read: Option<Read<T>>, kind: TrafficKind) -> Read<T> {
    read.unwrap_or_else(|| {
        Read::Unseen(Unseen {
            without: kind.without().to_owned(),
            may_pass: true,
            why: NO_ANSWER.to_owned(),
        })
    })
}

impl<T> Read<T> {
    /// The objects; none where they were not seen.
    fn objects(&self) -> &[T] {
        match self {
            Self::Listed(objects) => objects,
            Self::Unseen(_) | Self::NotServed => &[],
        }
    }

    fn listed(self, unseen: &mut Vec<Unseen>) -> Option<Vec<T>> {
        match self {
            Self::Listed(objects) => Some(objects),
            Self::Unseen(why) => {
                unseen.push(why);
                None
            }
            Self::NotServed => None,
        }
    }
}

async fn read<T: DeserializeOwned>(
    client: &Client,
    namespace: &str,
    kind: TrafficKind,
) -> Option<Read<T>> {
    let (group, version, plural) = (kind.group(), kind.version(), kind.plural());
    let prefix = match group {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    };
    let path = if kind.is_namespaced() {
        format!("{prefix}/namespaces/{namespace}/{plural}")
    } else {
        format!("{prefix}/{plural}")
    };
    read_from(client, path, kind).await
}

async fn read_from<T: DeserializeOwned>(
    client: &Client,
    path: String,
    kind: TrafficKind,
) -> Option<Read<T>> {
    let plural = kind.plural();
    let unseen = |why: String| {
        Read::Unseen(Unseen {
            without: kind.without().to_owned(),
            may_pass: false,
            why,
        })
    };
    match list_once(client, &Request::new(path), "").await {
        Ok(objects) => {
            // One that is not understood may be the one that leads to the pods.
            let all: Result<Vec<T>, _> = objects.iter().map(T::deserialize).collect();
            Some(match all {
                Ok(all) => Read::Listed(all),
                Err(error) => unseen(format!("{plural} are not understood: {error}")),
            })
        }
        Err(Cause::Answer { code: 403, .. }) => Some(unseen(format!("may not list {plural}"))),
        // Without these nothing can be judged, and every cluster has them: a gateway answers.
        Err(_) if matches!(kind, TrafficKind::Service | TrafficKind::EndpointSlice) => None,
        Err(cause) if cause.is_not_served() => Some(Read::NotServed),
        Err(_) => None,
    }
}
