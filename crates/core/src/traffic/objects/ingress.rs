//! Ingresses.

use serde::{Deserialize, Serialize};

use super::{Metadata, or_empty};

/// An Ingress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ingress {
    /// Its name.
    pub metadata: Metadata,
    /// Its rules.
    #[serde(default)]
    pub spec: IngressSpec,
}

/// A path of an Ingress with the Service behind it.
pub(in crate::traffic) struct Route<'a> {
    /// The path; empty for the default backend.
    pub(in crate::traffic) path: &'a str,
    /// The Service and its port.
    pub(in crate::traffic) backend: &'a ServiceBackend,
}

impl Ingress {
    /// The Secrets with its certificates.
    pub fn tls_secrets(&self) -> impl Iterator<Item = &str> {
        let all = self.spec.tls.iter();
        let named = all.filter_map(|it| it.secret_name.as_deref());
        named.filter(|it| !it.is_empty())
    }

    /// The ways to Services.
    pub(in crate::traffic) fn routes(&self) -> impl Iterator<Item = Route<'_>> {
        let rules = self.spec.rules.iter().flat_map(|it| &it.http.paths);
        let rules = rules.map(|it| (it.path.as_deref().unwrap_or("/"), &it.backend));
        let default = self.spec.default_backend.iter().map(|it| ("", it));
        rules.chain(default).filter_map(|(path, backend)| {
            Some(Route {
                path,
                backend: backend.service.as_ref()?,
            })
        })
    }
}

/// The spec of an Ingress.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressSpec {
    /// The class, whose controller serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_class_name: Option<String>,
    /// The backend of everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_backend: Option<Backend>,
    /// The certificates.
    #[serde(
        default,
        deserialize_with = "or_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tls: Vec<IngressTls>,
    /// Its rules.
    #[serde(
        default,
        deserialize_with = "or_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub rules: Vec<IngressRule>,
}

/// A certificate of an Ingress, without the hosts that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressTls {
    /// The Secret that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
}

/// A rule of an Ingress, without its host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngressRule {
    /// Its paths.
    #[serde(default, deserialize_with = "or_empty")]
    pub http: HttpRule,
}

/// The paths of a rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpRule {
    /// The paths.
    #[serde(default, deserialize_with = "or_empty")]
    pub paths: Vec<HttpPath>,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpPath {
    /// The path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where it leads.
    pub backend: Backend,
}

/// A backend of an Ingress; another resource than a Service is left alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// The Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceBackend>,
}

/// A Service as the backend of an Ingress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceBackend {
    /// Its name.
    pub name: String,
    /// Its port.
    #[serde(default, deserialize_with = "or_empty")]
    pub port: BackendPort,
}

/// The port of a backend, by name or number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendPort {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i32>,
}

/// An `IngressClass`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngressClass {
    /// Its name, and whether it is the default.
    pub metadata: Metadata,
}
