//! Where a rollout stands: the next step of one object, and what is known of it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::{Evidence, RollbackHelps, Subject};

/// The steps of a rollout, in the order in which Kubernetes takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum RolloutStep {
    /// The controller observes the newest spec.
    SpecObserved,
    /// The controller creates the ReplicaSet or ControllerRevision of the newest template.
    RevisionCreated,
    /// A pod of the new revision is created.
    PodCreated,
    /// The pod is scheduled to a node.
    PodScheduled,
    /// The node creates the pod's sandbox, with its volumes and its network.
    SandboxCreated,
    /// The pod's init containers end, and its sidecars start.
    InitContainersEnded,
    /// The pod's containers start.
    ContainersStarted,
    /// The pod becomes ready.
    PodReady,
    /// The pod has been ready for `minReadySeconds`.
    PodAvailable,
    /// A pod of a Job ends with success.
    PodSucceeded,
    /// A pod of a former revision is deleted.
    OldPodDeleted,
    /// A pod that is being deleted ends.
    OldPodEnded,
    /// The pods answer the HTTP checks.
    HttpChecked,
    /// The complete rollout stays complete.
    Stable,
}

impl RolloutStep {
    /// Every step, in order.
    pub const ALL: [Self; 14] = [
        Self::SpecObserved,
        Self::RevisionCreated,
        Self::PodCreated,
        Self::PodScheduled,
        Self::SandboxCreated,
        Self::InitContainersEnded,
        Self::ContainersStarted,
        Self::PodReady,
        Self::PodAvailable,
        Self::PodSucceeded,
        Self::OldPodDeleted,
        Self::OldPodEnded,
        Self::HttpChecked,
        Self::Stable,
    ];

    /// Names the step for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::SpecObserved => "spec observed",
            Self::RevisionCreated => "revision created",
            Self::PodCreated => "pod created",
            Self::PodScheduled => "pod scheduled",
            Self::SandboxCreated => "sandbox created",
            Self::InitContainersEnded => "init containers ended",
            Self::ContainersStarted => "containers started",
            Self::PodReady => "pod ready",
            Self::PodAvailable => "pod available",
            Self::PodSucceeded => "pod succeeded",
            Self::OldPodDeleted => "old pod deleted",
            Self::OldPodEnded => "old pod ended",
            Self::HttpChecked => "HTTP checks passed",
            Self::Stable => "stable",
        }
    }
}

/// The kind of program or person that takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum OwnerKind {
    /// A controller of the control plane; the name is the kind that it controls.
    Controller,
    /// A scheduler; the name is that of the pod's `schedulerName`.
    Scheduler,
    /// The kubelet of a node; the name is the node's.
    Kubelet,
    /// The program that creates volumes; the name is that of the StorageClass's provisioner.
    Provisioner,
    /// The application; the name is the container's.
    Application,
    /// A policy or webhook that judges requests to the API server.
    Admission,
    /// A controller outside Kubernetes; the name is the gate or finalizer that it owns.
    Other,
    /// A person: the workload is paused or suspended, or its update strategy is OnDelete.
    Person,
    /// rollguard itself, which watches for as long as it was told to.
    Rollguard,
}

/// The program or person that takes a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// What kind of owner it is.
    pub kind: OwnerKind,
    /// Its name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

impl Owner {
    /// Returns an owner with a name.
    #[must_use]
    pub fn named(kind: OwnerKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: Some(name.into()),
        }
    }

    /// Returns an owner without a name.
    #[must_use]
    pub const fn of(kind: OwnerKind) -> Self {
        Self { kind, name: None }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("unknown");
        match self.kind {
            OwnerKind::Controller => write!(f, "the {name} controller"),
            OwnerKind::Scheduler => write!(f, "scheduler `{name}`"),
            OwnerKind::Kubelet => write!(f, "the kubelet of node `{name}`"),
            OwnerKind::Provisioner => write!(f, "provisioner `{name}`"),
            OwnerKind::Application => write!(f, "the application in container `{name}`"),
            OwnerKind::Admission => f.write_str("the admission policy"),
            OwnerKind::Other => write!(f, "the controller that owns `{name}`"),
            OwnerKind::Person => f.write_str("a person"),
            OwnerKind::Rollguard => f.write_str("rollguard"),
        }
    }
}

/// The step that a rollout waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Standstill {
    /// The step.
    pub step: RolloutStep,
    /// The object that has not taken it.
    pub object: Subject,
    /// The program or person that takes it.
    pub owner: Owner,
    /// Since when the object waits.
    pub since: Timestamp,
    /// When the step is taken at the latest, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
    /// One sentence that names the step and the object.
    pub message: String,
    /// What was last heard about the object.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub heard: Option<Evidence>,
    /// Whether a rollback takes the object past this step.
    pub rollback_helps: RollbackHelps,
}
