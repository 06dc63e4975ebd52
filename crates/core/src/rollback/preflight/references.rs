//! Finds the objects that a pod template refers to, which a rollback does not restore.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::finding::PreflightCode;
use super::{Lookup, ObjectState};
use crate::workload::raw::text;

/// A kind of object that a pod template refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferenceKind {
    /// `v1` ConfigMap.
    ConfigMap,
    /// `v1` Secret.
    Secret,
    /// `v1` ServiceAccount.
    ServiceAccount,
    /// `v1` PersistentVolumeClaim.
    PersistentVolumeClaim,
    /// `scheduling.k8s.io/v1` PriorityClass, of the whole cluster.
    PriorityClass,
}

impl ReferenceKind {
    /// Returns the API kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::ServiceAccount => "ServiceAccount",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::PriorityClass => "PriorityClass",
        }
    }

    /// Returns the finding for a missing object of this kind.
    #[must_use]
    pub const fn missing(self) -> PreflightCode {
        match self {
            Self::ConfigMap => PreflightCode::MissingConfigMap,
            Self::Secret => PreflightCode::MissingSecret,
            Self::ServiceAccount => PreflightCode::MissingServiceAccount,
            Self::PersistentVolumeClaim => PreflightCode::MissingClaim,
            Self::PriorityClass => PreflightCode::MissingPriorityClass,
        }
    }
}

/// An object that a pod template needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Its kind.
    pub kind: ReferenceKind,
    /// Its name.
    pub name: String,
    /// The keys without which a container does not start.
    pub keys: BTreeSet<String>,
    /// Whether pods start without it.
    pub optional: bool,
}

/// The part of a referenced object that a pod template lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack<'a> {
    /// The object.
    Object,
    /// Keys of it.
    Keys(Vec<&'a str>),
    /// It cannot be told, for this reason.
    Unknown(&'a str),
}

impl Reference {
    /// Returns what people call the object, such as ``Secret `db` ``.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} `{}`", self.kind.as_str(), self.name)
    }

    /// Returns what the pods lack; an object without which they start is never lacking.
    #[must_use]
    pub fn lack<'a>(&'a self, looked: &'a Lookup<ObjectState>) -> Option<Lack<'a>> {
        match looked {
            Lookup::Seen(state) => {
                let keys = state.keys.as_ref()?;
                let missing = self.keys.iter().filter(|key| !keys.contains(*key));
                let missing: Vec<&str> = missing.map(String::as_str).collect();
                (!missing.is_empty()).then_some(Lack::Keys(missing))
            }
            Lookup::Missing | Lookup::Unseen(_) if self.optional => None,
            Lookup::Missing => Some(Lack::Object),
            Lookup::Unseen(why) => Some(Lack::Unknown(why)),
        }
    }
}

/// Returns the objects that a template needs in its namespace, each once; an object that is
/// required in one place is not optional.
#[must_use]
pub fn references(template: &Value, namespace: &str) -> Vec<Reference> {
    let mut found = Found::default();
    let spec = template.pointer("/spec").unwrap_or(&Value::Null);
    for group in ["/initContainers", "/containers"] {
        for container in items(spec, group) {
            found.container(container);
        }
    }
    for volume in items(spec, "/volumes") {
        found.volume(volume);
        found.credentials(volume);
        found.azure(volume, namespace);
    }
    found.name(
        ReferenceKind::ServiceAccount,
        text(spec, "/serviceAccountName"),
        false,
    );
    found.name(
        ReferenceKind::PriorityClass,
        text(spec, "/priorityClassName"),
        false,
    );
    for secret in items(spec, "/imagePullSecrets") {
        // The kubelet tries to pull without it, which may succeed.
        found.name(ReferenceKind::Secret, text(secret, "/name"), true);
    }
    found.all()
}

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn is_optional(object: &Value) -> bool {
    object.get("optional") == Some(&Value::Bool(true))
}

/// An object that a template names in one place.
#[derive(Clone, Copy)]
struct Named<'a> {
    kind: ReferenceKind,
    name: &'a str,
    optional: bool,
}

#[derive(Default)]
struct Found(BTreeMap<(ReferenceKind, String), Reference>);

impl Found {
    fn all(self) -> Vec<Reference> {
        self.0.into_values().collect()
    }

    fn name(&mut self, kind: ReferenceKind, name: &str, optional: bool) {
        self.add(
            Named {
                kind,
                name,
                optional,
            },
            None,
        );
    }

    fn add<'k>(&mut self, named: Named<'_>, keys: impl IntoIterator<Item = &'k str>) {
        let Named {
            kind,
            name,
            optional,
        } = named;
        if name.is_empty() {
            return;
        }
        let new = || Reference {
            kind,
            name: name.to_owned(),
            keys: BTreeSet::new(),
            optional: true,
        };
        let key = (kind, name.to_owned());
        let reference = self.0.entry(key).or_insert_with(new);
        reference.optional &= optional;
        if !optional {
            let keys = keys.into_iter().filter(|it| !it.is_empty());
            reference.keys.extend(keys.map(str::to_owned));
        }
    }

    fn container(&mut self, container: &Value) {
        for variable in items(container, "/env") {
            for (kind, pointer) in [
                (ReferenceKind::ConfigMap, "/valueFrom/configMapKeyRef"),
                (ReferenceKind::Secret, "/valueFrom/secretKeyRef"),
            ] {
                if let Some(source) = variable.pointer(pointer) {
                    let named = Named {
                        kind,
                        name: text(source, "/name"),
                        optional: is_optional(source),
                    };
                    self.add(named, [text(source, "/key")]);
                }
            }
        }
        for source in items(container, "/envFrom") {
            for (kind, pointer) in [
                (ReferenceKind::ConfigMap, "/configMapRef"),
                (ReferenceKind::Secret, "/secretRef"),
            ] {
                if let Some(source) = source.pointer(pointer) {
                    self.name(kind, text(source, "/name"), is_optional(source));
                }
            }
        }
    }

    fn volume(&mut self, volume: &Value) {
        self.source(volume, "/secret/secretName");
        for source in items(volume, "/projected/sources") {
            self.source(source, "/secret/name");
        }
        let claim = text(volume, "/persistentVolumeClaim/claimName");
        self.name(ReferenceKind::PersistentVolumeClaim, claim, false);
    }

    /// Adds the Secrets that a volume is mounted with.
    ///
    /// The kubelet mounts no such volume without its Secret (kubernetes
    /// `pkg/volume/csi/csi_mounter.go`; an `azureFile` is mounted by its CSI driver, with the
    /// Secret of the pod's namespace). The Secret of a `cinder` volume is not passed to its driver.
    fn credentials(&mut self, volume: &Value) {
        for pointer in [
            "/azureFile/secretName",
            "/csi/nodePublishSecretRef/name",
            "/cephfs/secretRef/name",
            "/flexVolume/secretRef/name",
            "/rbd/secretRef/name",
            "/scaleIO/secretRef/name",
            "/storageos/secretRef/name",
        ] {
            self.name(ReferenceKind::Secret, text(volume, pointer), false);
        }
        // Without CHAP it is not read (`pkg/volume/iscsi/iscsi.go`, `createSecretMap`).
        let chap = ["/iscsi/chapAuthDiscovery", "/iscsi/chapAuthSession"];
        let is_read = chap
            .iter()
            .any(|it| volume.pointer(it) == Some(&Value::Bool(true)));
        let secret = text(volume, "/iscsi/secretRef/name");
        self.name(ReferenceKind::Secret, secret, !is_read);
    }

    /// Adds the Secret that the attributes of a volume of Azure's drivers name, ignoring the case
    /// of the attributes.
    ///
    /// The drivers read it from the pod's namespace, whatever `secretNamespace` is
    /// (azurefile-csi-driver and blob-csi-driver, `NodePublishVolume`); older versions used that
    /// namespace.
    fn azure(&mut self, volume: &Value, namespace: &str) {
        let driver = text(volume, "/csi/driver");
        if !matches!(driver, "file.csi.azure.com" | "blob.csi.azure.com") {
            return;
        }
        let attributes = volume.pointer("/csi/volumeAttributes");
        let attributes = attributes.and_then(Value::as_object);
        let attribute = |name: &str| {
            let mut all = attributes.into_iter().flatten();
            let found = all.find(|(it, _)| it.eq_ignore_ascii_case(name));
            found
                .and_then(|(_, value)| value.as_str())
                .unwrap_or_default()
        };
        let elsewhere = !["", namespace].contains(&attribute("secretNamespace"));
        // With an identity the driver needs no account key.
        let identity = [
            "clientID",
            "mountWithManagedIdentity",
            "AzureStorageAuthType",
        ];
        let by_identity = identity
            .iter()
            .any(|it| !["", "false", "key"].contains(&attribute(it).to_ascii_lowercase().as_str()));
        self.name(
            ReferenceKind::Secret,
            attribute("secretName"),
            elsewhere || by_identity,
        );
    }

    /// Adds a ConfigMap or Secret that is mounted as files; the field for a Secret's name differs
    /// in a projected volume.
    fn source(&mut self, source: &Value, secret_name: &str) {
        for (kind, pointer, name) in [
            (ReferenceKind::ConfigMap, "/configMap", "/configMap/name"),
            (ReferenceKind::Secret, "/secret", secret_name),
        ] {
            if let Some(object) = source.pointer(pointer) {
                let keys = items(object, "/items").map(|item| text(item, "/key"));
                let named = Named {
                    kind,
                    name: text(source, name),
                    optional: is_optional(object),
                };
                self.add(named, keys);
            }
        }
    }
}
