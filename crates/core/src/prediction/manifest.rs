//! The manifests of a call.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::workload::raw::text;
use crate::workload::{WorkloadKind, WorkloadRef};

/// A manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The object, as it is written.
    pub object: Value,
    /// The namespace that it goes to; empty for an object of the whole cluster.
    namespace: String,
    /// Whether it was read from the cluster, and is judged as if its pods were created again.
    pub stands: bool,
}

impl Manifest {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        text(&self.object, "/kind")
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.object, "/metadata/name")
    }

    /// Returns the API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        let api = text(&self.object, "/apiVersion");
        api.split_once('/').map_or("", |(group, _)| group)
    }

    /// Returns the namespace that it goes to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns which workload it is, if it is one that is rolled out.
    #[must_use]
    pub fn workload(&self) -> Option<WorkloadRef> {
        let mut kinds = WorkloadKind::WITH_REVISIONS.into_iter();
        let kind = kinds.find(|it| it.as_str() == self.kind())?;
        let is_apps = text(&self.object, "/apiVersion") == "apps/v1";
        (is_apps && !self.name().is_empty()).then(|| WorkloadRef {
            kind,
            namespace: self.namespace.clone(),
            name: self.name().to_owned(),
        })
    }
}

/// All manifests of a call: what one of them brings is not missing for another.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifests {
    all: Vec<Manifest>,
    /// The timeout of the check after the rollout, where it is known.
    pub timeout: Option<Duration>,
}

impl Manifests {
    /// Adds a manifest; one that names no namespace goes to `default`.
    pub fn add(&mut self, object: Value, default: &str) {
        self.push(object, default, false);
    }

    /// Adds an object that was read from the cluster.
    pub fn add_standing(&mut self, object: Value, default: &str) {
        self.push(object, default, true);
    }

    fn push(&mut self, object: Value, default: &str, stands: bool) {
        let namespace = match text(&object, "/metadata/namespace") {
            "" => default.to_owned(),
            own => own.to_owned(),
        };
        self.all.push(Manifest {
            object,
            namespace,
            stands,
        });
    }

    /// Returns all of them, in the order of their indices.
    pub(super) fn all(&self) -> &[Manifest] {
        &self.all
    }

    /// Returns the workloads with their indices.
    pub(super) fn workloads(&self) -> impl Iterator<Item = (usize, &Manifest)> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, it)| it.workload().is_some())
    }

    /// Returns the manifests of a kind in a namespace.
    pub(super) fn of<'a>(
        &'a self,
        kind: &'a str,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Manifest> {
        let all = self.all.iter();
        all.filter(move |it| it.kind() == kind && it.namespace() == namespace)
    }

    /// Returns an object of a namespace.
    pub(super) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Manifest> {
        let mut all = self.all.iter();
        all.find(|it| it.kind() == kind && it.namespace() == namespace && it.name() == name)
    }

    /// Returns whether an object of the whole cluster is among them.
    pub(super) fn brings(&self, kind: &str, name: &str) -> bool {
        let mut all = self.all.iter();
        all.any(|it| it.kind() == kind && it.name() == name)
    }
}

/// Returns the merge patch (RFC 7386) that makes a workload's spec equal to that of its manifest, and sets the
/// manifest's labels and annotations.
///
/// kubectl removes what the manifest does not have any more, and lists are replaced as a whole, so that an entry of
/// a list never mixes two revisions. The number of replicas stays where the manifest leaves it out.
pub(super) fn patch(current: &Value, manifest: &Value) -> Value {
    let null = Value::Null;
    let (old, new) = (
        current.get("spec").unwrap_or(&null),
        manifest.get("spec").unwrap_or(&null),
    );
    let mut spec = replacing(old, new);
    if let Some(spec) = spec.as_object_mut()
        && new.get("replicas").is_none()
    {
        spec.remove("replicas");
    }
    let mut metadata = Map::new();
    for field in ["labels", "annotations"] {
        if let Some(value) = manifest.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let mut patch = Map::new();
    patch.insert("metadata".to_owned(), Value::Object(metadata));
    patch.insert("spec".to_owned(), spec);
    Value::Object(patch)
}

fn replacing(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = Map::new();
    for (key, value) in new {
        let old = old.get(key).unwrap_or(&Value::Null);
        patch.insert(key.clone(), replacing(old, value));
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}
