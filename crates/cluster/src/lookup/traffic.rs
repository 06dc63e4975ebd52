//! Reads what stands between users and the pods of a namespace: one list for each kind, all at once.

use kube::Client;
use kube::core::Request;
use rollguard_core::traffic::{NetworkObjects, TrafficKind, Unseen};
use serde::de::DeserializeOwned;

use crate::error::Cause;
use crate::list::list_once;

/// The objects of one kind, or why there are none.
enum Read<T> {
    Listed(Vec<T>),
    /// They may not be listed, or are not understood.
    Unseen(Unseen),
    /// The API does not have the kind.
    NotServed,
}

/// Returns the objects; `None` if the cluster gave no usable answer about a kind.
pub(super) async fn traffic(client: &Client, namespace: &str) -> Option<NetworkObjects> {
    let (services, slices, ingresses, policies, autoscalers) = futures::join!(
        read(client, namespace, TrafficKind::Service),
        read(client, namespace, TrafficKind::EndpointSlice),
        read(client, namespace, TrafficKind::Ingress),
        read(client, namespace, TrafficKind::NetworkPolicy),
        read(client, namespace, TrafficKind::Autoscaler),
    );
    let mut unseen = Vec::new();
    Some(NetworkObjects {
        services: services?.listed(&mut unseen),
        endpoint_slices: slices?.listed(&mut unseen),
        ingresses: or_unseen(ingresses, TrafficKind::Ingress).listed(&mut unseen),
        network_policies: or_unseen(policies, TrafficKind::NetworkPolicy).listed(&mut unseen),
        autoscalers: or_unseen(autoscalers, TrafficKind::Autoscaler).listed(&mut unseen),
        unseen,
    })
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
    let path = format!("{prefix}/namespaces/{namespace}/{plural}");
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
