//! A Deployment and its ReplicaSets, as they are now.

use std::sync::Arc;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::object::{controller_uid, int, int_or, text, uid, unset};
use crate::resource::Resource;
use crate::store::Key;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";
pub(super) const HASH: &str = "pod-template-hash";

/// A Deployment and its ReplicaSets, oldest first.
pub(super) struct Rollout {
    pub(super) key: Key,
    pub(super) object: Arc<Value>,
    pub(super) sets: Vec<Set>,
    new: Option<usize>,
}

/// One ReplicaSet.
pub(super) struct Set {
    pub(super) key: Key,
    pub(super) object: Arc<Value>,
}

impl Rollout {
    pub(super) fn load(cluster: &Cluster, key: &Key) -> Option<Self> {
        let object = cluster.store.get(key)?.clone();
        let mut sets: Vec<Set> = cluster
            .store
            .list(Resource::ReplicaSets, Some(&key.namespace))
            .into_iter()
            .filter(|(_, set)| controller_uid(set) == Some(uid(&object)))
            .map(|(key, object)| Set { key, object })
            .collect();
        sets.sort_by_cached_key(|set| {
            let created = text(&set.object, "/metadata/creationTimestamp").to_owned();
            (created, set.key.name.clone())
        });
        // The oldest with the template, not the highest revision (`FindNewReplicaSet`).
        let template = without_hash(&object["spec"]["template"]);
        let new = sets
            .iter()
            .position(|set| without_hash(&set.object["spec"]["template"]) == template);
        Some(Self {
            key: key.clone(),
            object,
            sets,
            new,
        })
    }

    /// The ReplicaSet of the current template.
    pub(super) fn new_set(&self) -> Option<&Set> {
        self.sets.get(self.new?)
    }

    /// All others, oldest first.
    pub(super) fn old_sets(&self) -> impl Iterator<Item = &Set> {
        self.sets
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != self.new)
            .map(|(_, set)| set)
    }

    pub(super) fn desired(&self) -> i64 {
        int_or(&self.object, "/spec/replicas", 1)
    }

    pub(super) fn paused(&self) -> bool {
        self.object["spec"]["paused"] == true
    }

    pub(super) fn recreates(&self) -> bool {
        text(&self.object, "/spec/strategy/type") == "Recreate"
    }

    /// `progressDeadlineSeconds`, unless it is the number that means none.
    pub(super) fn deadline(&self) -> Option<u64> {
        let seconds = self.object["spec"]["progressDeadlineSeconds"].as_u64()?;
        (seconds != u64::from(i32::MAX.unsigned_abs())).then_some(seconds)
    }

    /// Pods over the desired number during a rolling update.
    pub(super) fn max_surge(&self) -> i64 {
        self.bounds().0
    }

    /// Pods under the desired number during a rolling update.
    pub(super) fn max_unavailable(&self) -> i64 {
        self.bounds().1.min(self.desired())
    }

    /// Returns whether `replicas` changed since it was written on the ReplicaSets (`isScalingEvent`).
    pub(super) fn is_scaled(&self) -> bool {
        self.sets
            .iter()
            .filter(|set| set.desired() > 0)
            .filter_map(|set| set.annotation(DESIRED)?.parse::<i64>().ok())
            .any(|stated| stated != self.desired())
    }

    /// Surge is rounded up, unavailability down, and both cannot be zero (`ResolveFenceposts`).
    fn bounds(&self) -> (i64, i64) {
        if self.recreates() || self.desired() == 0 {
            return (0, 0);
        }
        let rolling = &self.object["spec"]["strategy"]["rollingUpdate"];
        let surge = scaled(&rolling["maxSurge"], self.desired(), true);
        let unavailable = scaled(&rolling["maxUnavailable"], self.desired(), false);
        if surge == 0 && unavailable == 0 {
            return (0, 1);
        }
        (surge, unavailable)
    }
}

impl Set {
    pub(super) fn uid(&self) -> &str {
        uid(&self.object)
    }

    pub(super) fn desired(&self) -> i64 {
        int(&self.object, "/spec/replicas")
    }

    pub(super) fn current(&self) -> i64 {
        int(&self.object, "/status/replicas")
    }

    pub(super) fn available(&self) -> i64 {
        int(&self.object, "/status/availableReplicas")
    }

    pub(super) fn is_observed(&self) -> bool {
        int(&self.object, "/status/observedGeneration") >= int(&self.object, "/metadata/generation")
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.object["metadata"]["annotations"][name].as_str()
    }

    pub(super) fn revision(&self) -> i64 {
        self.annotation(REVISION)
            .and_then(|it| it.parse().ok())
            .unwrap_or(0)
    }
}

/// A pod template without the label that distinguishes ReplicaSets.
pub(super) fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    unset(&mut template, "/metadata/labels", HASH);
    template
}

/// A number, or a percentage of the total.
fn scaled(value: &Value, total: i64, up: bool) -> i64 {
    let Some(text) = value.as_str() else {
        return value.as_i64().unwrap_or(0);
    };
    let percent: i64 = text
        .strip_suffix('%')
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    let exact = percent * total;
    if up { (exact + 99) / 100 } else { exact / 100 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percentages_are_rounded_up_for_surge_and_down_for_unavailability() {
        for (value, total, up, down) in [
            (json!("25%"), 3, 1, 0),
            (json!("25%"), 10, 3, 2),
            (json!("50%"), 3, 2, 1),
            (json!("0%"), 3, 0, 0),
            (json!(2), 3, 2, 2),
        ] {
            assert_eq!(scaled(&value, total, true), up, "{value} of {total}");
            assert_eq!(scaled(&value, total, false), down, "{value} of {total}");
        }
    }
}
