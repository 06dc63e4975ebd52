//! Sizes of ReplicaSets during a rollout (`rolling.go`, `recreate.go`, `sync.go`).

use serde_json::json;

use super::rollout::{DESIRED, MAX, Rollout, Set};
use crate::cluster::Cluster;
use crate::event::{Happening, Source};
use crate::object::set as set_field;
use crate::store::Key;

/// Scales the new ReplicaSet as far as the surge allows. Whether it changed.
pub(super) fn new_set_up(cluster: &mut Cluster, key: &Key) -> Option<bool> {
    let rollout = Rollout::load(cluster, key)?;
    let new = rollout.new_set()?;
    let size = new_set_size(&rollout, new.desired());
    let new = new.key.clone();
    Some(set_to(cluster, &rollout, &new, size))
}

/// How large the new ReplicaSet may be now (`NewRSNewReplicas`).
pub(super) fn new_set_size(rollout: &Rollout, present: i64) -> i64 {
    let desired = rollout.desired();
    if rollout.recreates() || present > desired {
        return desired;
    }
    let total: i64 = rollout.sets.iter().map(Set::desired).sum();
    let room = desired + rollout.max_surge() - total;
    present + room.min(desired - present).max(0)
}

/// Scales old ReplicaSets down as far as availability allows: first their pods that are not
/// available anyway, then others, oldest first. Whether any changed.
pub(super) fn old_sets_down(cluster: &mut Cluster, key: &Key) -> Option<bool> {
    let rollout = Rollout::load(cluster, key)?;
    let new = rollout.new_set()?;
    let total: i64 = rollout.sets.iter().map(Set::desired).sum();
    let least = rollout.desired() - rollout.max_unavailable();
    let unavailable_new = new.desired() - new.available();
    let most = total - least - unavailable_new;
    if most <= 0 || rollout.old_sets().all(|set| set.desired() == 0) {
        return Some(false);
    }
    let cleaned = unhealthy_down(cluster, &rollout, most);
    let rollout = Rollout::load(cluster, key)?;
    let available: i64 = rollout.sets.iter().map(Set::available).sum();
    let scaled = healthy_down(cluster, &rollout, available - least);
    Some(cleaned || scaled)
}

fn unhealthy_down(cluster: &mut Cluster, rollout: &Rollout, most: i64) -> bool {
    let mut left = most;
    let mut changed = false;
    for set in rollout.old_sets() {
        let unavailable = set.desired() - set.available();
        let fewer = unavailable.min(left).max(0);
        if set.desired() == 0 || fewer == 0 {
            continue;
        }
        left -= fewer;
        changed |= set_to(cluster, rollout, &set.key, set.desired() - fewer);
    }
    changed
}

fn healthy_down(cluster: &mut Cluster, rollout: &Rollout, most: i64) -> bool {
    let mut left = most;
    let mut changed = false;
    for set in rollout.old_sets() {
        let fewer = set.desired().min(left);
        if fewer <= 0 {
            continue;
        }
        left -= fewer;
        changed |= set_to(cluster, rollout, &set.key, set.desired() - fewer);
    }
    changed
}

/// Scales every old ReplicaSet to zero. Whether any changed.
pub(super) fn old_sets_to_zero(cluster: &mut Cluster, key: &Key) -> Option<bool> {
    let rollout = Rollout::load(cluster, key)?;
    let mut changed = false;
    for set in rollout.old_sets().filter(|set| set.desired() > 0) {
        changed |= set_to(cluster, &rollout, &set.key, 0);
    }
    Some(changed)
}

/// Follows a change of `replicas`. With several active ReplicaSets only the annotations follow;
/// the rolling update does the rest (the real one scales them in proportion).
pub(super) fn to_size(cluster: &mut Cluster, key: &Key) -> Option<()> {
    let rollout = Rollout::load(cluster, key)?;
    let active: Vec<&Set> = rollout.sets.iter().filter(|it| it.desired() > 0).collect();
    match active.as_slice() {
        [] => {
            let newest = rollout.new_set().or(rollout.sets.last())?.key.clone();
            set_to(cluster, &rollout, &newest, rollout.desired());
        }
        [only] => {
            set_to(cluster, &rollout, &only.key, rollout.desired());
        }
        several => {
            for set in several {
                set_to(cluster, &rollout, &set.key, set.desired());
            }
        }
    }
    Some(())
}

/// Sets a ReplicaSet's size and the annotations that say what for. Whether the size changed.
pub(super) fn set_to(cluster: &mut Cluster, rollout: &Rollout, key: &Key, size: i64) -> bool {
    let desired = rollout.desired();
    let most = desired + rollout.max_surge();
    let mut before = size;
    cluster.modify(key, |set| {
        before = set["spec"]["replicas"].as_i64().unwrap_or(0);
        set["spec"]["replicas"] = json!(size);
        for (name, value) in [(DESIRED, desired), (MAX, most)] {
            set_field(
                set,
                &["metadata", "annotations", name],
                json!(value.to_string()),
            );
        }
    });
    if before == size {
        return false;
    }
    let way = if size > before { "up" } else { "down" };
    let message = format!(
        "Scaled {way} replica set {} from {before} to {size}",
        key.name
    );
    let source = Source::DeploymentController;
    let happening = Happening::normal(source, "ScalingReplicaSet", message);
    cluster.record(&rollout.key, &happening);
    true
}
