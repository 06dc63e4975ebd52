//! A request, understood: verb, resource, namespace, name and query.

use std::collections::BTreeMap;
use std::fmt;

use form_urlencoded::parse;
use http::Method;

use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;

/// The verb of a request, as RBAC rules name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads many.
    List,
    /// Follows the changes of many.
    Watch,
    /// Makes one.
    Create,
    /// Replaces one.
    Update,
    /// Changes a part of one.
    Patch,
    /// Removes one.
    Delete,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        })
    }
}

/// One line of the request log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it did.
    pub verb: Verb,
    /// Its path and query as they were sent.
    pub path: String,
}

/// The subject of a request's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// `/version`
    Version,
    /// `/apis`
    Groups,
    /// `/livez`, `/readyz`, `/healthz`
    Health,
    /// A resource; the rest stands in the [`Call`].
    Resource(Resource),
}

/// A request, understood.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) path: Path,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    /// What follows `…/proxy`, with its slash.
    pub(crate) tail: String,
    query: BTreeMap<String, String>,
}

impl Call {
    /// Understands a request line.
    pub(crate) fn parse(method: &Method, uri: &http::Uri) -> Result<Self, ApiFailure> {
        let query: BTreeMap<_, _> = parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        let segments: Vec<&str> = uri.path().split('/').filter(|it| !it.is_empty()).collect();
        let place = Place::parse(&segments).ok_or_else(ApiFailure::no_such_path)?;
        let verb = verb(method, place.name.is_some(), &query)?;
        Ok(Self {
            verb,
            path: place.path,
            namespace: place.namespace.map(str::to_owned),
            name: place.name.map(str::to_owned),
            subresource: place.subresource.map(str::to_owned),
            tail: tail(uri.path(), &place),
            query,
        })
    }

    /// Another request of the same kind, for access reviews.
    pub(crate) fn hypothetical(verb: Verb, resource: Resource) -> Self {
        Self {
            verb,
            path: Path::Resource(resource),
            namespace: None,
            name: None,
            subresource: None,
            tail: String::new(),
            query: BTreeMap::new(),
        }
    }

    /// A parameter of the query, empty when absent.
    pub(crate) fn query(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.query(name).parse().ok()
    }

    pub(crate) fn is_set(&self, name: &str) -> bool {
        matches!(self.query(name), "true" | "1")
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.query("dryRun") == "All"
    }

    pub(crate) fn resource(&self) -> Option<Resource> {
        match self.path {
            Path::Resource(resource) => Some(resource),
            Path::Version | Path::Groups | Path::Health => None,
        }
    }

    /// As faults and RBAC rules name it: `pods`, `pods/log`.
    pub(crate) fn resource_path(&self) -> String {
        let plural = self.resource().map(Resource::plural).unwrap_or_default();
        match &self.subresource {
            Some(subresource) => format!("{plural}/{subresource}"),
            None => plural.to_owned(),
        }
    }

    /// The object that the request names.
    pub(crate) fn key(&self) -> Result<Key, ApiFailure> {
        match (self.resource(), &self.name) {
            (Some(resource), Some(name)) => Ok(Key::new(
                resource,
                self.namespace.as_deref().unwrap_or_default(),
                name,
            )),
            (_, _) => Err(ApiFailure::method_not_allowed()),
        }
    }

    /// The refusal of the real authorizer (k8s.io/apiserver
    /// `pkg/endpoints/handlers/responsewriters/errors.go`, `forbiddenMessage`).
    pub(crate) fn forbidden(&self) -> ApiFailure {
        let Some(resource) = self.resource() else {
            return ApiFailure::forbidden(format!(
                "forbidden: User \"sandbox\" cannot {} path",
                self.verb
            ));
        };
        let scope = match &self.namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let because = format!(
            "User \"sandbox\" cannot {} resource \"{}\" in API group \"{}\" {scope}",
            self.verb,
            self.resource_path(),
            resource.group(),
        );
        ApiFailure::not_allowed(resource, self.name.as_deref().unwrap_or_default(), &because)
    }
}

fn verb(
    method: &Method,
    named: bool,
    query: &BTreeMap<String, String>,
) -> Result<Verb, ApiFailure> {
    let watch = query
        .get("watch")
        .is_some_and(|it| matches!(it.as_str(), "true" | "1"));
    match (method.as_str(), named) {
        ("GET", true) => Ok(Verb::Get),
        ("GET", false) if watch => Ok(Verb::Watch),
        ("GET", false) => Ok(Verb::List),
        ("POST", _) => Ok(Verb::Create),
        ("PUT", true) => Ok(Verb::Update),
        ("PATCH", true) => Ok(Verb::Patch),
        ("DELETE", true) => Ok(Verb::Delete),
        (_, _) => Err(ApiFailure::method_not_allowed()),
    }
}

/// The path that a proxied request is for, as it was sent.
fn tail(path: &str, place: &Place<'_>) -> String {
    let (Some(name), Some("proxy")) = (place.name, place.subresource) else {
        return String::new();
    };
    let after = path.split_once(&format!("/{name}/proxy"));
    after.map_or_else(String::new, |(_, tail)| tail.to_owned())
}

/// The segments of a path.
struct Place<'a> {
    path: Path,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    subresource: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn parse(segments: &[&'a str]) -> Option<Self> {
        let (group, version, rest) = match segments {
            // Named, so that a GET of them is a get and not a list.
            ["version"] => return Some(Self::root(Path::Version)),
            ["apis"] => return Some(Self::root(Path::Groups)),
            ["livez" | "readyz" | "healthz"] => return Some(Self::root(Path::Health)),
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, plural, rest) = match rest {
            ["namespaces"] => (None, "namespaces", &rest[1..]),
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => {
                (None, "namespaces", &rest[1..])
            }
            ["namespaces", namespace, plural, rest @ ..] => (Some(*namespace), *plural, rest),
            [plural, rest @ ..] => (None, *plural, rest),
            [] => return None,
        };
        let resource = Resource::find(group, version, plural)?;
        let (name, subresource) = match rest {
            [] => (None, None),
            [name] => (Some(*name), None),
            [name, subresource] => (Some(*name), Some(*subresource)),
            [name, "proxy", ..] if matches!(resource, Resource::Pods | Resource::Services) => {
                (Some(*name), Some("proxy"))
            }
            _ => return None,
        };
        let scoped = resource.namespaced();
        // A namespaced object is named inside its namespace only.
        if scoped && name.is_some() && namespace.is_none() || !scoped && namespace.is_some() {
            return None;
        }
        Some(Self {
            path: Path::Resource(resource),
            namespace,
            name,
            subresource,
        })
    }

    fn root(path: Path) -> Self {
        Self {
            path,
            namespace: None,
            name: Some(""),
            subresource: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(method: &Method, uri: &str) -> Result<Call, u16> {
        Call::parse(method, &uri.parse().unwrap()).map_err(|failure| failure.code())
    }

    #[test]
    fn requests_are_understood_by_method_and_path() {
        let rows = [
            ("GET", "/version", "get  - -"),
            ("GET", "/api/v1/namespaces", "list namespaces - -"),
            ("GET", "/api/v1/namespaces/shop", "get namespaces - shop"),
            ("GET", "/api/v1/pods", "list pods - -"),
            (
                "GET",
                "/api/v1/namespaces/shop/pods?watch=1",
                "watch pods shop -",
            ),
            (
                "GET",
                "/api/v1/namespaces/shop/pods/a/log",
                "get pods/log shop a",
            ),
            (
                "GET",
                "/api/v1/namespaces/shop/pods/http:a:80/proxy/live/",
                "get pods/proxy shop http:a:80",
            ),
            ("GET", "/api/v1/nodes/n", "get nodes - n"),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/shop/deployments/web?",
                "patch deployments shop web",
            ),
            (
                "POST",
                "/apis/apps/v1/namespaces/shop/deployments?dryRun=All",
                "create deployments shop -",
            ),
        ];
        for (method, uri, says) in rows {
            let call = parse(&method.parse().unwrap(), uri).unwrap();
            let part = |it: &Option<String>| match it.as_deref() {
                None | Some("") => "-".to_owned(),
                Some(text) => text.to_owned(),
            };
            let seen = format!(
                "{} {} {} {}",
                call.verb,
                call.resource_path(),
                part(&call.namespace),
                part(&call.name)
            );
            assert_eq!(seen, says, "{uri}");
        }
    }

    #[test]
    fn a_refusal_says_what_it_is_about() {
        let rows = [
            (
                "/api/v1/namespaces/shop/pods/web-1:8080/proxy/",
                "pods \"web-1:8080\" is forbidden: User \"sandbox\" cannot get resource \"pods/proxy\" in \
                 API group \"\" in the namespace \"shop\"",
                json!({"name": "web-1:8080", "kind": "pods"}),
            ),
            (
                "/apis/apps/v1/namespaces/shop/deployments",
                "deployments.apps is forbidden: User \"sandbox\" cannot list resource \"deployments\" in \
                 API group \"apps\" in the namespace \"shop\"",
                json!({"group": "apps", "kind": "deployments"}),
            ),
        ];
        for (uri, message, details) in rows {
            let body = parse(&Method::GET, uri).unwrap().forbidden().body();
            assert_eq!(
                (&body["message"], &body["details"]),
                (&json!(message), &details)
            );
        }
    }

    #[test]
    fn unknown_paths_and_methods_are_refused() {
        for uri in [
            "/",
            "/apis/apps/v1beta1/deployments",
            "/api/v1/namespaces/shop/cronjobs",
            "/apis/apps/v1/deployments/web",
        ] {
            assert_eq!(parse(&Method::GET, uri).unwrap_err(), 404, "{uri}");
        }
        let list = "/api/v1/namespaces/shop/pods";
        assert_eq!(parse(&Method::PUT, list).unwrap_err(), 405);
    }
}
