//! Sizes of ReplicaSets during a rollout (`rolling.go`, `recreate.go`, `sync.go`).

use serde_json::json;

use super::rollout::{DESIRED, MAX, Rollout, Set};
use crate::cluster::Cluster;
use crate::event::{NewEvent, Source};
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

/// Follows a change of `replicas` (`sync.go`, `scale`).
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
        several if is_saturated(&rollout) => {
            let new = rollout.new_set().map(|it| it.key.clone());
            for set in several.iter().filter(|it| Some(&it.key) != new.as_ref()) {
                set_to(cluster, &rollout, &set.key, 0);
            }
        }
        several if !rollout.recreates() => {
            for (key, size) in proportions(&rollout, several) {
                set_to(cluster, &rollout, &key, size);
            }
        }
        _ => {}
    }
    Some(())
}

/// Returns whether the new ReplicaSet alone is the whole Deployment, and available (`IsSaturated`).
fn is_saturated(rollout: &Rollout) -> bool {
    let desired = rollout.desired();
    rollout.new_set().is_some_and(|new| {
        let stated = new.annotation(DESIRED).and_then(|it| it.parse().ok());
        new.desired() == desired && stated == Some(desired) && new.available() == desired
    })
}

/// The size of each ReplicaSet when all grow or shrink alike; what is left over by rounding goes
/// to the largest.
fn proportions(rollout: &Rollout, active: &[&Set]) -> Vec<(Key, i64)> {
    let desired = rollout.desired();
    let most = if desired > 0 {
        desired + rollout.max_surge()
    } else {
        0
    };
    let more = most - active.iter().map(|it| it.desired()).sum::<i64>();
    // Oldest first; of two of one size the newer grows first and the older shrinks first.
    let mut sets = active.to_vec();
    if more > 0 {
        sets.reverse();
    }
    sets.sort_by_key(|it| std::cmp::Reverse(it.desired()));
    let mut added = 0;
    let mut sizes: Vec<(Key, i64)> = Vec::new();
    for set in sets {
        let share = fraction(rollout, set);
        let part = if more > 0 {
            share.min(more - added)
        } else {
            share.max(more - added)
        };
        let part = if more == added { 0 } else { part };
        added += part;
        sizes.push((set.key.clone(), set.desired() + part));
    }
    if let Some((_, size)) = sizes.first_mut() {
        *size = (*size + more - added).max(0);
    }
    sizes
}

/// By how much one ReplicaSet grows with the Deployment (`getReplicaSetFraction`).
fn fraction(rollout: &Rollout, set: &Set) -> i64 {
    if rollout.desired() == 0 {
        return -set.desired();
    }
    let before = set
        .annotation(MAX)
        .and_then(|it| it.parse().ok())
        .filter(|most| *most > 0)
        .unwrap_or_else(|| crate::object::int(&rollout.object, "/status/replicas"));
    if before == 0 {
        return 0;
    }
    let now = rollout.desired() + rollout.max_surge();
    // Rounded half up; all numbers are positive.
    (2 * set.desired() * now + before) / (2 * before) - set.desired()
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
    let event = NewEvent::normal(source, "ScalingReplicaSet", message);
    cluster.record(&rollout.key, &event);
    true
}
