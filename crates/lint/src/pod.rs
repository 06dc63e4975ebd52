//! A pod template as its rules see it.

use crate::field::{FieldRef, Scope};
use crate::level::KubernetesVersion;
use crate::manifest::Template;

/// The part that a container plays in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs to its end before the others.
    Init,
    /// An init container with `restartPolicy: Always`, which runs beside the others.
    Sidecar,
    /// One of `containers`.
    Regular,
    /// Added to a running pod; it has no resources, ports or probes.
    Ephemeral,
}

/// A container.
#[derive(Debug)]
pub(crate) struct Container<'d> {
    pub(crate) scope: Scope<'d>,
    pub(crate) name: &'d str,
    pub(crate) role: Role,
}

impl<'d> Container<'d> {
    pub(crate) fn at<'s>(&'s self, rest: &'s str) -> FieldRef<'s, 'd> {
        self.scope.at(rest)
    }
}

/// A pod or pod template.
#[derive(Debug)]
pub(crate) struct Pod<'d> {
    pub(crate) spec: Scope<'d>,
    pub(crate) metadata: Option<Scope<'d>>,
    /// Init containers, containers and ephemeral containers, in the order in which Pod Security visits them.
    pub(crate) containers: Vec<Container<'d>>,
    /// Whether its pods end by themselves.
    pub(crate) ends: bool,
    /// Whether it runs on Windows: as Pod Security sees it, by `os.name` alone.
    pub(crate) is_windows: bool,
    /// Whether it has a user namespace of its own, in which root is no one on the node.
    pub(crate) has_user_namespace: bool,
}

/// The version from which a user namespace counts, as in Pod Security (`relaxPolicyForUserNamespacePod`): before 1.33
/// the API server drops the field, and before 1.35 a node of a supported older version may ignore it.
const USER_NAMESPACE: u32 = 35;

impl<'d> Pod<'d> {
    pub(crate) fn new(template: Template<'d>, version: KubernetesVersion) -> Self {
        let Template {
            spec,
            metadata,
            ends,
        } = template;
        let mut containers = Vec::new();
        for (list, role) in [
            ("initContainers", Role::Init),
            ("containers", Role::Regular),
            ("ephemeralContainers", Role::Ephemeral),
        ] {
            containers.extend(spec.items(list).into_iter().map(|scope| {
                let name = scope.at("name").written().unwrap_or("(unnamed)");
                let always = scope.at("restartPolicy").text() == Some("Always");
                let role = if role == Role::Init && always {
                    Role::Sidecar
                } else {
                    role
                };
                Container { scope, name, role }
            }));
        }
        let is_windows = spec.at("os.name").text() == Some("windows");
        let own_users = spec.at("hostUsers").bool() == Some(false);
        Self {
            metadata,
            containers,
            ends,
            is_windows,
            has_user_namespace: own_users && version.at_least(USER_NAMESPACE),
            spec,
        }
    }

    pub(crate) fn at<'s>(&'s self, rest: &'s str) -> FieldRef<'s, 'd> {
        self.spec.at(rest)
    }

    /// Returns the containers that a template can have: ephemeral ones are only in pods.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = &Container<'d>> {
        let all = self.containers.iter();
        all.filter(|it| it.role != Role::Ephemeral)
    }
}

/// A field of the security context that a container may take from its pod.
pub(crate) struct Inherited<'s, 'd> {
    pub(crate) field: FieldRef<'s, 'd>,
    /// The container that sets it, or would; `None` for a value of the pod, which is reported once for all containers.
    pub(crate) container: Option<&'d str>,
}

impl Inherited<'_, '_> {
    /// Returns who sets it.
    pub(crate) fn owner(&self) -> String {
        owner(self.container)
    }
}

/// Returns a container, or the pod, in words.
pub(crate) fn owner(container: Option<&str>) -> String {
    container.map_or_else(|| "the pod".to_owned(), |it| format!("container \"{it}\""))
}

/// Looks up a field: the container's own if it is set, else the pod's if it is set, else the container's.
pub(crate) fn inherited<'s, 'd>(
    pod: &'s Pod<'d>,
    container: &'s Container<'d>,
    rest: &'s str,
) -> Inherited<'s, 'd> {
    let own = container.at(rest);
    let of_pod = pod.at(rest);
    if own.is_set() || !of_pod.is_set() {
        Inherited {
            field: own,
            container: Some(container.name),
        }
    } else {
        Inherited {
            field: of_pod,
            container: None,
        }
    }
}
