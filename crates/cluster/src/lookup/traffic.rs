//! Reads what stands between users and the pods of a namespace: one list for each kind, all at once, after
//! ports of the pods have been tried.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use kube::Client;
use kube::core::Request;
use rollguard_core::finding::PodPort;
use rollguard_core::observation::Blindness;
use rollguard_core::traffic::{Ingress, NetworkObjects, TrafficKind, TriedPort, Unseen};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::error::Cause;
use crate::http;
use crate::list::list_once;

/// How many ports are tried at once: all of a workload, so that silent ones do not hide one that refuses.
const AT_ONCE: usize = 30;
/// How long the tries may take together. A refusal comes in milliseconds.
const TRIES_LIMIT: Duration = Duration::from_secs(2);

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
    let (services, slices, ingresses, policies, autoscalers) = futures::join!(
        read(client, namespace, TrafficKind::Service),
        read(client, namespace, TrafficKind::EndpointSlice),
        read(client, namespace, TrafficKind::Ingress),
        read(client, namespace, TrafficKind::NetworkPolicy),
        read(client, namespace, TrafficKind::Autoscaler),
    );
    let mut unseen = Vec::from_iter(forbidden);
    let ingresses: Option<Vec<Ingress>> =
        or_unseen(ingresses, TrafficKind::Ingress).listed(&mut unseen);
    // No Role grants the classes, so that it is not said where they may not be listed.
    let classes = match &ingresses {
        Some(ingresses) if !ingresses.is_empty() => {
            let classes = read(client, namespace, TrafficKind::IngressClass).await;
            classes.and_then(|it| it.listed(&mut Vec::new()))
        }
        Some(_) | None => None,
    };
    Some(NetworkObjects {
        services: services?.listed(&mut unseen),
        endpoint_slices: slices?.listed(&mut unseen),
        ingresses,
        ingress_classes: classes,
        network_policies: or_unseen(policies, TrafficKind::NetworkPolicy).listed(&mut unseen),
        autoscalers: or_unseen(autoscalers, TrafficKind::Autoscaler).listed(&mut unseen),
        tried,
        unseen,
    })
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
        (port, answer.unwrap_or(Ok(false)))
    });
    let tries: Vec<(PodPort, Result<bool, Blindness>)> =
        stream::iter(tries).buffered(AT_ONCE).collect().await;
    let is_forbidden =
        |answer: &Result<bool, Blindness>| matches!(answer, Err(Blindness::Forbidden { .. }));
    let forbidden = tries.iter().any(|it| is_forbidden(&it.1)).then(|| Unseen {
        without: "whether the new pods listen on the ports of their Services".to_owned(),
        why: "may not get pods/proxy".to_owned(),
    });
    let known = tries.into_iter().filter_map(|(port, answer)| {
        let refused = match answer {
            Ok(refused) => refused,
            Err(Blindness::Forbidden { .. }) => false,
            // Nothing is known of the port, so that it is tried again.
            Err(Blindness::Unauthorized { .. } | Blindness::Disconnected { .. }) => return None,
        };
        Some(TriedPort {
            uid: port.uid,
            port: port.port,
            refused,
        })
    });
    (known.collect(), forbidden)
}

/// Objects that only explain hold up nothing that decides.
fn or_unseen<T>(read: Option<Read<T>>, kind: TrafficKind) -> Read<T> {
    read.unwrap_or_else(|| {
        Read::Unseen(Unseen {
            without: kind.without().to_owned(),
            why: "the API server gave no usable answer".to_owned(),
        })
    })
}

impl<T> Read<T> {
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
    let unseen = |why: String| {
        Read::Unseen(Unseen {
            without: kind.without().to_owned(),
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
        Err(cause) if cause.is_not_served() => Some(Read::NotServed),
        Err(_) => None,
    }
}
