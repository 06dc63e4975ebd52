//! HTTPRoutes of the Gateway API (`sigs.k8s.io/gateway-api/apis/v1`, `httproute_types.go`).

use serde::{Deserialize, Serialize};

use super::{Metadata, or_empty};

/// An HTTPRoute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRoute {
    /// Its name.
    pub metadata: Metadata,
    /// Its rules.
    #[serde(default, deserialize_with = "or_empty")]
    pub spec: RouteSpec,
    /// How its gateways took it.
    #[serde(default, deserialize_with = "or_empty")]
    pub status: RouteStatus,
}

impl HttpRoute {
    /// The Services of its namespace that it sends requests to, with the path of each; those without a
    /// weight of 0.
    pub(in crate::traffic) fn backends(&self) -> impl Iterator<Item = (&str, &BackendRef)> {
        self.spec.rules.iter().flat_map(|rule| {
            let first = rule.matches.first();
            let path = first.and_then(|it| it.path.as_ref()?.value.as_deref());
            let own = rule.backend_refs.iter().filter(|it| it.is_service());
            let own = own.filter(|it| it.weight != Some(0));
            own.map(move |it| (path.unwrap_or("/"), it))
        })
    }

    /// Returns whether it sends requests elsewhere as well: to another namespace or another kind, which is not judged.
    pub(in crate::traffic) fn leads_elsewhere(&self) -> bool {
        let mut refs = self.spec.rules.iter().flat_map(|it| &it.backend_refs);
        refs.any(|it| !it.is_service())
    }

    /// The messages in it, which are foreign text.
    pub fn messages_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let parents = self.status.parents.iter_mut();
        parents.flat_map(|it| it.conditions.iter_mut().map(|it| &mut it.message))
    }
}

/// The spec of an HTTPRoute, without its host names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// Its rules.
    #[serde(default, deserialize_with = "or_empty")]
    pub rules: Vec<RouteRule>,
}

/// A rule of an HTTPRoute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteRule {
    /// Which requests it takes.
    #[serde(default, deserialize_with = "or_empty")]
    pub matches: Vec<RouteMatch>,
    /// Where they are sent.
    #[serde(default, deserialize_with = "or_empty")]
    pub backend_refs: Vec<BackendRef>,
}

/// The requests that a rule takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteMatch {
    /// By their path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathMatch {
    /// The path, or its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A place that requests are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendRef {
    /// The API group; that of Services where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The kind; a Service where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The namespace; that of the route where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The port of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Its share of the requests; 1 where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

impl BackendRef {
    /// Returns whether it is a Service of the route's own namespace.
    fn is_service(&self) -> bool {
        let core = self.group.as_deref().unwrap_or_default().is_empty();
        let kind = self.kind.as_deref().unwrap_or("Service");
        core && kind == "Service" && self.namespace.is_none()
    }
}

/// The status of an HTTPRoute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// One entry for each gateway whose controller has looked at it.
    #[serde(default, deserialize_with = "or_empty")]
    pub parents: Vec<RouteParent>,
}

/// How a gateway took a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteParent {
    /// The gateway.
    #[serde(default, deserialize_with = "or_empty")]
    pub parent_ref: ParentRef,
    /// Its conditions.
    #[serde(default, deserialize_with = "or_empty")]
    pub conditions: Vec<RouteCondition>,
}

impl RouteParent {
    /// Returns a condition of a type.
    pub(in crate::traffic) fn condition(&self, kind: &str) -> Option<&RouteCondition> {
        self.conditions.iter().find(|it| it.kind == kind)
    }
}

/// A gateway by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentRef {
    /// The name.
    #[serde(default)]
    pub name: String,
}

/// A condition of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteCondition {
    /// `Accepted`, `ResolvedRefs` or another.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default)]
    pub status: String,
    /// Why, in one word.
    #[serde(default)]
    pub reason: String,
    /// Why, in a sentence; foreign text.
    #[serde(default)]
    pub message: String,
    /// The generation of the route that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
