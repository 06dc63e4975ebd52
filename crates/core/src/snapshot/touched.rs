//! Which workloads an observation concerns: the others need not be judged again.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Event, Node};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::events::about_claim;
use super::node::not_ready_since;
use super::{Snapshot, controller_of};
use crate::finding::Lookup;
use crate::observation::{ResourceKind, Seen};
use crate::workload::WorkloadRef;

/// The workloads that may be judged otherwise after an observation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    all: bool,
    frees_quota: bool,
    tells_traffic: bool,
    lookup: Option<Lookup>,
    workloads: BTreeSet<WorkloadRef>,
}

impl Touched {
    /// Returns whether every workload is concerned.
    #[must_use]
    pub const fn concerns_all(&self) -> bool {
        self.all
    }

    /// Returns whether those are concerned that wait for their share of a quota: a pod of the namespace ends.
    #[must_use]
    pub const fn frees_quota(&self) -> bool {
        self.frees_quota
    }

    /// Returns whether the workloads are concerned that are complete: it tells of the ways to pods.
    #[must_use]
    pub const fn tells_traffic(&self) -> bool {
        self.tells_traffic
    }

    /// Returns the lookup of which it tells: the workloads are concerned that asked for it.
    #[must_use]
    pub const fn lookup(&self) -> Option<&Lookup> {
        self.lookup.as_ref()
    }

    /// The workloads whose objects it is about.
    pub fn workloads(&self) -> impl Iterator<Item = &WorkloadRef> {
        self.workloads.iter()
    }

    pub(super) fn all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }
}

impl Snapshot {
    /// Returns what an observation concerns that is about to be applied.
    pub(super) fn touched(&self, seen: &Seen) -> Touched {
        let all = Touched::all();
        match seen {
            // A sight that is lost or found concerns all.
            Seen::Listed { .. }
            | Seen::Blind { .. }
            | Seen::Gone {
                resource: ResourceKind::Node,
                ..
            } => all,
            Seen::LookedUp { lookup, .. } => Touched {
                lookup: Some(lookup.clone()),
                ..Touched::default()
            },
            Seen::Traffic { .. } => Touched {
                tells_traffic: true,
                ..Touched::default()
            },
            Seen::Workload { object } => Touched {
                workloads: BTreeSet::from([object.reference()]),
                ..Touched::default()
            },
            Seen::ReplicaSet { object } => self.by_owners(&object.metadata),
            Seen::ControllerRevision { object } => self.by_owners(&object.metadata),
            Seen::Pod { object } => Touched {
                frees_quota: object.metadata.deletion_timestamp.is_some(),
                ..self.by_owners(&object.metadata)
            },
            Seen::Node { object } => Touched {
                all: self.changes(object),
                ..Touched::default()
            },
            Seen::Answered { pod, .. } => self.by_uid(Some(pod)),
            Seen::Event { object } => self.by_event(object),
            Seen::Gone {
                resource: ResourceKind::Event,
                uid,
            } => self.of_event(uid),
            Seen::Gone { resource, uid } => Touched {
                frees_quota: *resource == ResourceKind::Pod,
                ..self.by_uid(Some(uid))
            },
            Seen::Reread(_) | Seen::Tick => Touched::default(),
        }
    }

    fn by_uid(&self, uid: Option<&str>) -> Touched {
        let workload = uid.and_then(|uid| self.workload_of(uid));
        Touched {
            workloads: workload.cloned().into_iter().collect(),
            ..Touched::default()
        }
    }

    /// An object may leave one controller for another: both are concerned.
    fn by_owners(&self, metadata: &ObjectMeta) -> Touched {
        let mut touched = self.by_uid(metadata.uid.as_deref());
        let owner = self.by_uid(controller_of(metadata));
        touched.workloads.extend(owner.workloads);
        touched
    }

    /// Returns the workload that is, or owns, the object with a uid.
    fn workload_of(&self, uid: &str) -> Option<&WorkloadRef> {
        /// A pod, its ReplicaSet, the Deployment.
        const LONGEST: usize = 3;
        let mut uid = uid;
        for _ in 0..LONGEST {
            if let Some(workload) = self.uids.get(uid) {
                return Some(workload);
            }
            let departed = || controller_of(&self.departed.get(uid)?.metadata);
            uid = self
                .pods
                .owner(uid)
                .or_else(|| self.replica_sets.owner(uid))
                .or_else(|| self.revisions.owner(uid))
                .or_else(departed)?;
        }
        None
    }

    /// Claims are tied to pods by name: an event about one concerns the workloads whose pods use it.
    fn by_event(&self, event: &Event) -> Touched {
        let Some(claim) = about_claim(event) else {
            return self.by_uid(event.involved_object.uid.as_deref());
        };
        let pods = self.pods_of_claim(claim);
        Touched {
            workloads: pods
                .filter_map(|uid| self.workload_of(uid))
                .cloned()
                .collect(),
            ..Touched::default()
        }
    }

    /// Returns what an event that has expired was about.
    fn of_event(&self, uid: &str) -> Touched {
        let event = self.events.get(uid);
        event.map_or_else(Touched::default, |event| self.by_event(event))
    }

    /// Returns whether a node differs in what a rollout depends on: kubelets report their nodes every
    /// few minutes, and mostly nothing but the time is new.
    fn changes(&self, node: &Node) -> bool {
        let uid = node.metadata.uid.as_deref().unwrap_or_default();
        self.nodes.get(uid).is_none_or(|known| {
            known.spec != node.spec
                || known.metadata.labels != node.metadata.labels
                || not_ready_since(known) != not_ready_since(node)
        })
    }
}
