//! The objects of a document, and where the pod templates in them are.

use std::collections::BTreeMap;

use crate::field::Scope;
use crate::finding::ObjectName;
use crate::yaml::{NodeRef, Value};

/// The deepest nesting of `List` objects.
const MAX_LISTS: usize = 4;

/// An object of a manifest.
#[derive(Debug)]
pub(crate) struct Object<'d> {
    pub(crate) scope: Scope<'d>,
    pub(crate) api_version: &'d str,
    pub(crate) name: ObjectName,
}

/// The objects of a document.
#[derive(Debug, Default)]
pub(crate) struct Objects<'d> {
    pub(crate) objects: Vec<Object<'d>>,
    /// How many things in it are no Kubernetes objects.
    pub(crate) foreign: usize,
}

impl<'d> Objects<'d> {
    /// Finds the objects of a document; a list is replaced by its items.
    pub(crate) fn of(root: NodeRef<'d>) -> Self {
        let mut found = Self::default();
        found.add(root, String::new(), 0);
        found
    }

    fn add(&mut self, node: NodeRef<'d>, path: String, lists: usize) {
        let text = |name: &str| match node.get(name).map(|it| it.value.value()) {
            Some(Value::Text(it)) => Some(it),
            Some(_) | None => None,
        };
        match (text("apiVersion"), text("kind")) {
            (Some(_), Some(kind)) if is_list(kind, node) && lists < MAX_LISTS => {
                let items = node
                    .get("items")
                    .into_iter()
                    .flat_map(|it| it.value.items());
                let prefix = if path.is_empty() { path } else { path + "." };
                for (at, item) in items.enumerate() {
                    self.add(item, format!("{prefix}items[{at}]"), lists + 1);
                }
            }
            (Some(api_version), Some(kind)) => self.objects.push(Object {
                api_version,
                name: name_of(node, kind),
                scope: Scope::root(node, path),
            }),
            _ if node.value() == Value::Null => {}
            _ => self.foreign += 1,
        }
    }
}

/// Returns whether an object is a list of objects: `List`, `PodList`, and so on.
fn is_list(kind: &str, node: NodeRef<'_>) -> bool {
    let items = node.get("items").map(|it| it.value.value());
    kind.ends_with("List") && matches!(items, Some(Value::Sequence | Value::Null))
}

fn name_of(node: NodeRef<'_>, kind: &str) -> ObjectName {
    let metadata = node.get("metadata").map(|it| it.value);
    let text = |name: &str| {
        let field = metadata.and_then(|it| it.get(name))?;
        field.value.written().filter(|it| !it.is_empty())
    };
    ObjectName {
        kind: kind.to_owned(),
        namespace: text("namespace").map(str::to_owned),
        name: match (text("name"), text("generateName")) {
            (Some(name), _) => name.to_owned(),
            (None, Some(prefix)) => format!("{prefix}*"),
            (None, None) => "(unnamed)".to_owned(),
        },
    }
}

/// The paths of the pod templates of custom kinds.
pub(crate) type TemplatePaths = BTreeMap<String, String>;

/// A pod template, or a pod.
#[derive(Debug)]
pub(crate) struct Template<'d> {
    /// The pod's spec.
    pub(crate) spec: Scope<'d>,
    /// The template's own metadata, or the pod's.
    pub(crate) metadata: Option<Scope<'d>>,
    /// Whether its pods end by themselves.
    pub(crate) ends: bool,
}

/// Returns the path of an object's pod template: the mapping that holds `spec` and `metadata`. Empty for a pod.
fn template_path<'p>(object: &Object<'_>, custom: &'p TemplatePaths) -> Option<&'p str> {
    let kind = object.name.kind.as_str();
    let (group, _) = object.api_version.split_once('/').unwrap_or_default();
    let qualified = custom.get(&format!("{kind}.{group}"));
    if let Some(path) = qualified.or_else(|| custom.get(kind)) {
        return Some(path);
    }
    match (group, kind) {
        ("", "Pod") => Some(""),
        ("", "PodTemplate") => Some("template"),
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "DaemonSet" | "ReplicaSet")
        | ("apps", "StatefulSet")
        | ("batch", "Job") => Some("spec.template"),
        ("batch", "CronJob") => Some("spec.jobTemplate.spec.template"),
        _ => None,
    }
}

/// A pod template of an object.
#[derive(Debug)]
pub(crate) enum Found<'d> {
    /// There is one.
    Template(Template<'d>),
    /// The kind has one, but the object does not.
    Missing(&'static str),
    /// The kind has none that is known.
    NoTemplate,
}

/// Finds the pod template of an object.
pub(crate) fn template<'d>(object: &Object<'d>, custom: &TemplatePaths) -> Found<'d> {
    let Some(path) = template_path(object, custom) else {
        return Found::NoTemplate;
    };
    let holder = match path {
        "" => Some(object.scope.clone()),
        path => object.scope.below(path),
    };
    let Some(spec) = holder.as_ref().and_then(|it| it.below("spec")) else {
        return Found::Missing("the object has no pod template");
    };
    let policy = spec.at("restartPolicy").text();
    Found::Template(Template {
        ends: matches!(object.name.kind.as_str(), "Job" | "CronJob")
            || matches!(policy, Some("Never" | "OnFailure")),
        metadata: holder.and_then(|it| it.below("metadata")),
        spec,
    })
}
