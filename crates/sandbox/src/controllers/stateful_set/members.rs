//! The pods of a StatefulSet: their names, ordinals and identity (`stateful_set_utils.go`).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{REVISION, Revisions};
use crate::cluster::Cluster;
use crate::controllers::history::Revision;
use crate::controllers::readiness::{controller_reference, is_available};
use crate::object::{being_deleted, controller_uid, int, int_or, items, name, set, text, uid};
use crate::resource::Resource;
use crate::store::Key;

/// One pod of a set.
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) pod: Arc<Value>,
    ordinal: i64,
}

impl Member {
    /// The name of the ControllerRevision that it was made of.
    pub(super) fn revision(&self) -> &str {
        self.pod["metadata"]["labels"][REVISION]
            .as_str()
            .unwrap_or_default()
    }

    pub(super) fn is_terminating(&self) -> bool {
        being_deleted(&self.pod)
    }

    /// Running, ready, and for long enough.
    pub(super) fn is_available(&self, set: &Value, now: Timestamp) -> bool {
        is_available(set, &self.pod, now)
    }

    fn is_unavailable(&self, set: &Value, now: Timestamp) -> bool {
        self.is_terminating() || !self.is_available(set, now)
    }
}

/// All pods of a set, by ordinal.
pub(super) struct Members {
    pods: Vec<Member>,
    start: i64,
    wanted: i64,
}

impl Members {
    pub(super) fn load(cluster: &Cluster, set: &Value) -> Self {
        let namespace = text(set, "/metadata/namespace");
        let prefix = format!("{}-", name(set));
        let mut pods: Vec<Member> = cluster
            .store
            .list(Resource::Pods, Some(namespace))
            .into_iter()
            .filter(|(_, pod)| controller_uid(pod) == Some(uid(set)))
            .filter_map(|(key, pod)| {
                let ordinal = key.name.strip_prefix(&prefix)?.parse().ok()?;
                Some(Member { key, pod, ordinal })
            })
            .collect();
        pods.sort_by_key(|member| member.ordinal);
        Self {
            pods,
            start: int(set, "/spec/ordinals/start"),
            wanted: int_or(set, "/spec/replicas", 1),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Member> {
        self.pods.iter()
    }

    /// Every ordinal that should have a pod, lowest first, with the pod if it is there.
    pub(super) fn replicas(
        &self,
    ) -> impl DoubleEndedIterator<Item = (i64, Option<&Member>)> + ExactSizeIterator {
        let wanted = usize::try_from(self.wanted).unwrap_or_default();
        let ordinals: Vec<i64> = (self.start..).take(wanted).collect();
        ordinals.into_iter().map(|ordinal| {
            let member = self.pods.iter().find(|it| it.ordinal == ordinal);
            (ordinal, member)
        })
    }

    /// The pods that are too many, highest ordinal first.
    pub(super) fn condemned(&self) -> impl Iterator<Item = &Member> {
        let wanted = self.start..self.start + self.wanted;
        self.pods
            .iter()
            .rev()
            .filter(move |it| !wanted.contains(&it.ordinal))
    }

    /// The first pod that is not available: wanted ones before condemned ones.
    pub(super) fn first_unavailable(&self, set: &Value, now: Timestamp) -> Option<&Member> {
        let mut condemned: Vec<&Member> = self.condemned().collect();
        condemned.reverse();
        self.replicas()
            .filter_map(|(_, member)| member)
            .chain(condemned)
            .find(|it| it.is_unavailable(set, now))
    }
}

/// The revision that a new pod of this ordinal is made of (`newVersionedStatefulSetPod`).
pub(super) fn revision_for<'a>(
    set: &Value,
    revisions: &'a Revisions,
    ordinal: i64,
) -> &'a Revision {
    let strategy = &set["spec"]["updateStrategy"];
    let kept = match strategy.get("rollingUpdate") {
        Some(rolling) => int(rolling, "/partition"),
        None if strategy["type"] == "RollingUpdate" => int(set, "/status/currentReplicas"),
        None => 0,
    };
    if ordinal < int(set, "/spec/ordinals/start") + kept {
        &revisions.current
    } else {
        &revisions.update
    }
}

/// A new pod with the identity of an ordinal.
pub(super) fn pod(workload: &Value, revision: &Revision, ordinal: i64) -> Value {
    let mut template = revision.template();
    let pod_name = format!("{}-{ordinal}", name(workload));
    for (label, value) in [
        ("statefulset.kubernetes.io/pod-name", pod_name.clone()),
        ("apps.kubernetes.io/pod-index", ordinal.to_string()),
        (REVISION, revision.name().to_owned()),
    ] {
        set(&mut template, &["metadata", "labels", label], json!(value));
    }
    let mut metadata = template["metadata"].take();
    metadata["name"] = json!(pod_name);
    // Of no use beside a name, and there all the same (`GetPodFromTemplate`).
    metadata["generateName"] = json!(format!("{}-", name(workload)));
    metadata["ownerReferences"] = controller_reference(workload);
    let mut spec = template["spec"].take();
    spec["hostname"] = json!(pod_name);
    spec["subdomain"] = workload["spec"]["serviceName"].clone();
    let claims = claims(workload, ordinal);
    if !claims.is_empty() {
        let others = items(&spec, "/volumes")
            .iter()
            .filter(|it| claims.iter().all(|claim| claim["name"] != it["name"]));
        spec["volumes"] = json!(claims.iter().chain(others).collect::<Vec<_>>());
    }
    json!({"metadata": metadata, "spec": spec})
}

/// A volume per claim template; the claims themselves are not made here.
fn claims(workload: &Value, ordinal: i64) -> Vec<Value> {
    items(workload, "/spec/volumeClaimTemplates")
        .iter()
        .map(|template| {
            let claim = format!("{}-{}-{ordinal}", name(template), name(workload));
            json!({"name": name(template), "persistentVolumeClaim": {"claimName": claim}})
        })
        .collect()
}
