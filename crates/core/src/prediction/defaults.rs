//! The requests and limits that limit ranges give to containers that set none, those of the call included.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::items;
use super::manifest::Manifest;
use super::pod::read;
use super::question::Collection;
use super::view::{Found, View};
use crate::quantity::Quantity;
use crate::workload::raw::text;

/// The resources of which a container of a namespace has a request or a limit by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerDefaults {
    /// The resources with a request.
    pub requests: BTreeSet<String>,
    /// The resources with a limit.
    pub limits: BTreeSet<String>,
}

/// Where the pod's spec is in a Pod, in a workload, in a `CronJob`.
const SPECS: [&str; 3] = [
    "/spec/containers",
    "/spec/template/spec/containers",
    "/spec/jobTemplate/spec/template/spec/containers",
];

/// Returns the defaults of each namespace in which the call has pods.
pub(super) fn judge(view: &View<'_>) -> BTreeMap<String, ContainerDefaults> {
    let manifests = view.manifests.all().iter();
    let has_pods = |it: &&Manifest| SPECS.iter().any(|at| it.object.pointer(at).is_some());
    let namespaces: BTreeSet<&str> = manifests
        .filter(has_pods)
        .map(Manifest::namespace)
        .collect();
    let each = namespaces.into_iter();
    each.map(|it| (it.to_owned(), of_namespace(view, it)))
        .collect()
}

fn of_namespace(view: &View<'_>, namespace: &str) -> ContainerDefaults {
    let mut defaults = ContainerDefaults::default();
    for brought in view.manifests.of("LimitRange", namespace) {
        defaults.add(&brought.object);
    }
    if let Found::There(ranges) = ranges(view, namespace) {
        for range in ranges {
            let name = text(range, "/metadata/name");
            // The manifest of the same call replaces it.
            if view.manifests.find("LimitRange", namespace, name).is_none() {
                defaults.add(range);
            }
        }
    }
    defaults
}

/// Lists the limit ranges of a namespace.
pub(super) fn ranges<'a>(view: &View<'a>, namespace: &str) -> Found<&'a Vec<Value>> {
    let collection = Collection {
        api: "v1",
        plural: "limitranges",
        namespace: Some(namespace.to_owned()),
    };
    view.list(collection, "the defaults of the namespace's limit ranges")
}

impl ContainerDefaults {
    /// Adds those of a range. A maximum is the default limit where there is none, a default limit the default request,
    /// a minimum likewise (`pkg/apis/core/v1/defaults.go`, `SetDefaults_LimitRangeItem`).
    fn add(&mut self, range: &Value) {
        let limits = items(range, "/spec/limits");
        for limit in limits.filter(|it| text(it, "/type") == "Container") {
            let named = |fields: &[&str]| {
                let amounts = fields.iter().filter_map(|it| limit.get(it)).flat_map(read);
                let set = amounts.filter(|(_, amount)| *amount != Quantity::default());
                set.map(|(name, _)| name).collect::<Vec<_>>()
            };
            self.limits.extend(named(&["default", "max"]));
            let requests = named(&["defaultRequest", "default", "max", "min"]);
            self.requests.extend(requests);
        }
    }
}
