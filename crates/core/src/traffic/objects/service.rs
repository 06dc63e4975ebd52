//! Services and their endpoints.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::{Deserialize, Serialize};

use super::{Metadata, or_empty};

/// The label that ties an EndpointSlice to its Service (`k8s.io/api/discovery/v1`, `LabelServiceName`).
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// A Service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub metadata: Metadata,
    /// What it selects.
    #[serde(default)]
    pub spec: ServiceSpec,
    /// Its load balancer; none in a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ServiceStatus>,
}

impl Service {
    /// Returns whether it is of type `LoadBalancer` and its status names no address of one.
    #[must_use]
    pub fn awaits_load_balancer(&self) -> bool {
        let is_given = |it: &ServiceStatus| !it.load_balancer.ingress.is_empty();
        let is_pending = self.status.as_ref().is_some_and(|it| !is_given(it));
        self.spec.kind.as_deref() == Some("LoadBalancer") && is_pending
    }
}

/// The status of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// Its load balancer.
    #[serde(default, deserialize_with = "or_empty")]
    pub load_balancer: LoadBalancer,
}

/// The load balancer of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// One entry for each address.
    #[serde(
        default,
        deserialize_with = "or_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub ingress: Vec<LoadBalancerAddress>,
}

/// An address of a load balancer, of which only counts that it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerAddress {}

/// A warning about a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceEvent {
    /// The Service.
    #[serde(default)]
    pub involved_object: TargetRef,
    /// Why, in one word.
    #[serde(default, deserialize_with = "or_empty")]
    pub reason: String,
    /// Why, in a sentence; foreign text.
    #[serde(default, deserialize_with = "or_empty")]
    pub message: String,
    /// When it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<Timestamp>,
}

/// The spec of a Service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// The labels of its pods; empty where somebody else writes its endpoints.
    #[serde(
        default,
        deserialize_with = "or_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    #[serde(
        default,
        deserialize_with = "or_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub ports: Vec<ServicePort>,
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `Local` where only nodes with pods take connections: then the kubelet's neighbour answers the health
    /// probe of a load balancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<String>,
    /// Only whether it is `None`: then the Service is headless.
    #[serde(default, rename = "clusterIP", skip_serializing_if = "Option::is_none")]
    pub cluster_ip: Option<String>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its number.
    pub port: i32,
    /// Its protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The protocol of the application, such as `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
    /// The port of the pods; that of the Service where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<IntOrString>,
}

/// A part of the endpoints of a Service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSlice {
    /// Its labels.
    pub metadata: Metadata,
    /// The ports of the endpoints.
    #[serde(default, deserialize_with = "or_empty")]
    pub ports: Vec<EndpointPort>,
    /// The endpoints.
    #[serde(default, deserialize_with = "or_empty")]
    pub endpoints: Vec<Endpoint>,
}

impl EndpointSlice {
    /// Returns the name of its Service.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.metadata.labels.get(SERVICE_LABEL).map(String::as_str)
    }
}

/// A port of endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointPort {
    /// The name of the Service's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// An endpoint, without its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Whether it serves.
    #[serde(default, deserialize_with = "or_empty")]
    pub conditions: EndpointConditions,
    /// The pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<TargetRef>,
}

/// The conditions of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointConditions {
    /// Whether it is ready; an unknown state counts as ready (`k8s.io/api/discovery/v1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Whether it serves, even while it terminates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<bool>,
    /// Whether its pod terminates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminating: Option<bool>,
}

impl EndpointConditions {
    /// Returns whether connections are sent to it.
    #[must_use]
    pub fn takes_connections(&self) -> bool {
        self.ready != Some(false) || self.serving == Some(true)
    }
}

/// The object behind an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRef {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its uid.
    #[serde(default)]
    pub uid: String,
}
