//! A pod template as its rules see it.

use crate::manifest::Template;
use crate::spot::{Scope, Spot};

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
    pub(crate) fn at<'s>(&'s self, rest: &'s str) -> Spot<'s, 'd> {
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
}

impl<'d> Pod<'d> {
    pub(crate) fn new(template: Template<'d>) -> Self {
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
        Self {
            spec,
            metadata,
            containers,
            ends,
        }
    }

    pub(crate) fn at<'s>(&'s self, rest: &'s str) -> Spot<'s, 'd> {
        self.spec.at(rest)
    }

    /// Returns whether it runs on Windows: as Pod Security sees it, by `os.name` alone.
    pub(crate) fn is_windows(&self) -> bool {
        self.at("os.name").text() == Some("windows")
    }

    /// Returns whether it has a user namespace of its own, in which root is no one on the node.
    pub(crate) fn has_user_namespace(&self) -> bool {
        self.at("hostUsers").bool() == Some(false)
    }

    /// Returns the containers that a template can have: ephemeral ones are only in pods.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = &Container<'d>> {
        let all = self.containers.iter();
        all.filter(|it| it.role != Role::Ephemeral)
    }
}

/// Returns the place of a field of the security context that a container may take from its pod: the container's
/// own if it is set, else the pod's if it is set, else the container's.
pub(crate) fn inherited<'s, 'd>(
    pod: &'s Pod<'d>,
    container: &'s Container<'d>,
    rest: &'s str,
) -> Spot<'s, 'd> {
    let own = container.at(rest);
    let of_pod = pod.at(rest);
    if own.is_set() || !of_pod.is_set() {
        own
    } else {
        of_pod
    }
}
