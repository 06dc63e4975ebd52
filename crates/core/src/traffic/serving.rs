//! The way of users to the new pods, in one line.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Situation;
use super::objects::Service;
use super::reach::{endpoints, is_headless, is_selecting, labels_of, resolve, selects};

/// How many Services and paths are named in a line at most.
const NAMED: usize = 3;

/// The Services that lead to the new pods, and the Ingresses before them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Serving {
    /// The Services that select the new pods.
    pub services: Vec<ServedBy>,
    /// The paths of Ingresses that lead to one of them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub paths: Vec<ServingPath>,
    /// The paths of HTTPRoutes that lead to one of them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub routes: Vec<ServingRoute>,
}

/// A path of an HTTPRoute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServingRoute {
    /// The HTTPRoute.
    pub route: String,
    /// The path.
    pub path: String,
    /// The Service.
    pub service: String,
}

/// A Service that selects the new pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServedBy {
    /// The Service.
    pub service: String,
    /// Whether it is headless.
    pub headless: bool,
    /// The ports of the pods that it leads to.
    pub ports: Vec<i32>,
    /// How many of the new pods are its ready endpoints; left out where EndpointSlices may not be listed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoints: Option<usize>,
    /// How many new pods there are.
    pub pods: usize,
}

/// A path of an Ingress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServingPath {
    /// The Ingress.
    pub ingress: String,
    /// The path; empty for everything that no rule matches.
    pub path: String,
    /// The Service.
    pub service: String,
}

/// Returns how users reach the new pods; `None` where no Service selects them.
#[must_use]
pub fn serving(situation: &Situation<'_>) -> Option<Serving> {
    let all = situation.objects.services.iter().flatten();
    let labels = labels_of(situation.new);
    let ours = all.filter(|it| is_selecting(it) && selects(it, labels));
    let services: Vec<ServedBy> = ours.map(|it| served_by(situation, it)).collect();
    if services.is_empty() {
        return None;
    }
    let ingresses = situation.objects.ingresses.iter().flatten();
    let paths = ingresses.flat_map(|ingress| {
        ingress.routes().map(|route| ServingPath {
            ingress: ingress.metadata.name.clone(),
            path: route.path.to_owned(),
            service: route.backend.name.clone(),
        })
    });
    let mut led: Vec<ServingPath> = Vec::new();
    for path in paths {
        // Several hosts may share a path.
        if services.iter().any(|it| it.service == path.service) && !led.contains(&path) {
            led.push(path);
        }
    }
    let routes = situation.objects.routes.iter().flatten();
    let routes = routes.flat_map(|route| {
        route.backends().map(|(path, to)| ServingRoute {
            route: route.metadata.name.clone(),
            path: path.to_owned(),
            service: to.name.clone(),
        })
    });
    let routes = routes.filter(|it| services.iter().any(|of| of.service == it.service));
    Some(Serving {
        routes: routes.collect(),
        services,
        paths: led,
    })
}

fn served_by(situation: &Situation<'_>, service: &Service) -> ServedBy {
    let name = &service.metadata.name;
    let ports = service.spec.ports.iter();
    let mut ports: Vec<i32> = ports.filter_map(|it| resolve(it, situation.new)).collect();
    ports.dedup();
    let ready: BTreeSet<&str> = endpoints(situation, service)
        .filter_map(|it| Some(it.target_ref.as_ref()?.uid.as_str()))
        .collect();
    let seen = situation.objects.endpoint_slices.is_some();
    let pods = situation.pods.iter();
    ServedBy {
        service: name.clone(),
        headless: is_headless(service),
        ports,
        endpoints: seen.then(|| pods.filter(|it| ready.contains(it.uid.as_str())).count()),
        pods: situation.pods.len(),
    }
}

impl fmt::Display for ServedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headless = if self.headless { "headless " } else { "" };
        write!(f, "{headless}Service `{}` → ", self.service)?;
        match self.endpoints {
            Some(ready) => write!(f, "{ready} of {} new pods", self.pods)?,
            None => write!(f, "the new pods")?,
        }
        let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
        match ports.as_slice() {
            [] => Ok(()),
            [only] => write!(f, " on port {only}"),
            many => write!(f, " on ports {}", many.join(", ")),
        }
    }
}

impl fmt::Display for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.services.iter().map(ToString::to_string);
        let paths = self.paths.iter().map(|it| {
            let path = if it.path.is_empty() {
                "by default"
            } else {
                &it.path
            };
            format!("Ingress `{}` {path}", it.ingress)
        });
        let routes = self.routes.iter();
        let routes = routes.map(|it| format!("HTTPRoute `{}` {}", it.route, it.path));
        let services: Vec<String> = services.collect();
        let paths: Vec<String> = paths.chain(routes).collect();
        let told = [services, paths].map(|all| {
            let more = all.len().saturating_sub(NAMED);
            let mut named: Vec<String> = all.into_iter().take(NAMED).collect();
            named.extend((more > 0).then(|| format!("and {more} more")));
            named.join("; ")
        });
        let told: Vec<&str> = told
            .iter()
            .map(String::as_str)
            .filter(|it| !it.is_empty())
            .collect();
        write!(f, "served: {}", told.join("; "))
    }
}
