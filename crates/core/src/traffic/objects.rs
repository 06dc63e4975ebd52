//! The objects on the way to pods, narrowed to the fields that are judged.
//!
//! They are read from the API's own JSON, and a trace keeps them in that form. Addresses and hosts that
//! no judgement needs are not read at all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

mod autoscaler;
mod ingress;
mod policy;
mod route;
mod service;

pub use autoscaler::Autoscaler;
pub(super) use ingress::Route;
pub use ingress::{Ingress, IngressClass};
pub use policy::NetworkPolicy;
pub(super) use policy::{PolicyPort, PolicyRule};
pub use route::HttpRoute;
pub(super) use route::{BackendRef, RouteCondition, RouteParent};
pub(super) use service::{Endpoint, ServicePort};
pub use service::{EndpointSlice, Service, ServiceEvent};

/// The kinds of objects on the way to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficKind {
    /// Services.
    Service,
    /// Their EndpointSlices.
    EndpointSlice,
    /// Ingresses.
    Ingress,
    /// The cluster's `IngressClasses`.
    IngressClass,
    /// NetworkPolicies.
    NetworkPolicy,
    /// HorizontalPodAutoscalers.
    Autoscaler,
    /// HTTPRoutes of the Gateway API, where the cluster has it.
    HttpRoute,
}

impl TrafficKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Service,
        Self::EndpointSlice,
        Self::Ingress,
        Self::IngressClass,
        Self::NetworkPolicy,
        Self::Autoscaler,
        Self::HttpRoute,
    ];

    /// Returns the API group; empty for the core group.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::Service => "",
            Self::EndpointSlice => "discovery.k8s.io",
            Self::Ingress | Self::IngressClass | Self::NetworkPolicy => "networking.k8s.io",
            Self::Autoscaler => "autoscaling",
            Self::HttpRoute => "gateway.networking.k8s.io",
        }
    }

    /// Returns the version that is read; of HTTPRoutes the API says which one it prefers.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Service
            | Self::EndpointSlice
            | Self::Ingress
            | Self::IngressClass
            | Self::NetworkPolicy
            | Self::HttpRoute => "v1",
            Self::Autoscaler => "v2",
        }
    }

    /// Returns the plural, as in RBAC rules.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Service => "services",
            Self::EndpointSlice => "endpointslices",
            Self::Ingress => "ingresses",
            Self::IngressClass => "ingressclasses",
            Self::NetworkPolicy => "networkpolicies",
            Self::Autoscaler => "horizontalpodautoscalers",
            Self::HttpRoute => "httproutes",
        }
    }

    /// Returns whether its objects are in a namespace.
    #[must_use]
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::IngressClass)
    }

    /// Returns what cannot be told without it, as the end of a sentence.
    #[must_use]
    pub const fn without(self) -> &'static str {
        match self {
            Self::Service => "whether Services lead to the new pods",
            Self::EndpointSlice => "whether Services have endpoints",
            Self::Ingress => "whether Ingresses lead to the new pods",
            Self::IngressClass => "whether a controller serves the Ingresses",
            Self::NetworkPolicy => "whether NetworkPolicies shut the new pods off",
            Self::Autoscaler => "whether HorizontalPodAutoscalers can act",
            Self::HttpRoute => "whether HTTPRoutes lead to the new pods",
        }
    }
}

/// The objects of a namespace. What could not be listed is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkObjects {
    /// Its Services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<Service>>,
    /// Their EndpointSlices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_slices: Option<Vec<EndpointSlice>>,
    /// Its Ingresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingresses: Option<Vec<Ingress>>,
    /// The cluster's `IngressClasses`, where the namespace has Ingresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_classes: Option<Vec<IngressClass>>,
    /// Its NetworkPolicies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policies: Option<Vec<NetworkPolicy>>,
    /// Its HorizontalPodAutoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscalers: Option<Vec<Autoscaler>>,
    /// Its HTTPRoutes, where the cluster has the Gateway API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<HttpRoute>>,
    /// The Secrets that Ingresses name for TLS and that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_secrets: Vec<String>,
    /// Warnings about Services, where a load balancer is awaited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_events: Vec<ServiceEvent>,
    /// The ports that were tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<TriedPort>,
    /// What may not be listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Unseen>,
}

/// A port of a pod that was tried through the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriedPort {
    /// The pod's uid.
    pub uid: String,
    /// The port.
    pub port: u16,
    /// The path that was asked there; without one only the port was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether the pod refused the connection.
    pub refused: bool,
    /// The HTTP status of the pod's answer, where a path was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// A resource that may not be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unseen {
    /// The effect, as the end of a sentence.
    pub without: String,
    /// Why.
    pub why: String,
    /// Whether the next answer may show it: the API server gave no usable answer this time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_pass: bool,
}

/// The parts of an object's metadata that are judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The name.
    #[serde(default)]
    pub name: String,
    /// The generation of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// When the object was created.
    #[serde(
        default,
        rename = "creationTimestamp",
        skip_serializing_if = "Option::is_none"
    )]
    pub creation_timestamp: Option<Timestamp>,
    /// The annotations that are judged.
    #[serde(
        default,
        deserialize_with = "or_empty",
        skip_serializing_if = "is_empty"
    )]
    pub annotations: Annotations,
    /// The labels.
    #[serde(
        default,
        deserialize_with = "or_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
}

/// The annotations that are judged; others may say more than a trace should.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotations {
    /// The class of an Ingress, as it was written before there were `IngressClasses`.
    #[serde(
        default,
        rename = "kubernetes.io/ingress.class",
        skip_serializing_if = "Option::is_none"
    )]
    pub ingress_class: Option<String>,
    /// Whether an `IngressClass` is that of Ingresses without one.
    #[serde(
        default,
        rename = "ingressclass.kubernetes.io/is-default-class",
        skip_serializing_if = "Option::is_none"
    )]
    pub is_default_class: Option<String>,
    /// The path that the health probe of an Azure load balancer asks.
    #[serde(
        default,
        rename = "service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path",
        skip_serializing_if = "Option::is_none"
    )]
    pub probe_path: Option<String>,
    /// The protocol of that probe.
    #[serde(
        default,
        rename = "service.beta.kubernetes.io/azure-load-balancer-health-probe-protocol",
        skip_serializing_if = "Option::is_none"
    )]
    pub probe_protocol: Option<String>,
}

fn is_empty(annotations: &Annotations) -> bool {
    *annotations == Annotations::default()
}

/// The API writes `null` for an empty list.
fn or_empty<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
