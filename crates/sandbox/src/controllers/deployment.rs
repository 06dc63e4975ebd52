//! The Deployment controller (kubernetes `pkg/controller/deployment`, 1.35), without adoption of
//! ReplicaSets that it did not create.

mod revision;
mod rollout;
mod scale;
mod status;

use jiff::Timestamp;

use super::retry::Retries;
use crate::cluster::{Cluster, Deletion};
use crate::object::{being_deleted, int_or, text};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;
use rollout::Rollout;

/// Moves a Deployment one step on and reports. Returns when to look again.
pub(super) fn sync(cluster: &mut Cluster, key: &Key, retries: &mut Retries) -> Option<Timestamp> {
    let Some(rollout) = Rollout::load(cluster, key) else {
        retries.forget(key);
        return None;
    };
    if let Ok(next) = step(cluster, &rollout) {
        retries.forget(key);
        return next;
    }
    // Nothing more is written: `observedGeneration` stays behind as long as this goes on.
    Some(retries.failed(key, cluster.now()))
}

fn step(cluster: &mut Cluster, rollout: &Rollout) -> Result<Option<Timestamp>, ApiFailure> {
    let key = &rollout.key;
    if being_deleted(&rollout.object) {
        return Ok(status::write(cluster, key, false));
    }
    status::mark_paused(cluster, rollout);
    if rollout.paused() {
        revision::keep(cluster, key, false)?;
        scale::to_size(cluster, key);
        clean_up(cluster, key);
        return Ok(status::write(cluster, key, false));
    }
    if rollout.is_scaled() {
        revision::keep(cluster, key, false)?;
        scale::to_size(cluster, key);
        return Ok(status::write(cluster, key, false));
    }
    if rollout.recreates() {
        recreate(cluster, key)?;
    } else {
        revision::keep(cluster, key, true)?;
        roll(cluster, key);
    }
    Ok(status::write(cluster, key, true))
}

/// New pods before old ones go, within the bounds of surge and unavailability.
fn roll(cluster: &mut Cluster, key: &Key) -> Option<()> {
    if scale::new_set_up(cluster, key)? || scale::old_sets_down(cluster, key)? {
        return Some(());
    }
    clean_up_when_complete(cluster, key)
}

/// All old pods are gone before the first new one.
fn recreate(cluster: &mut Cluster, key: &Key) -> Result<(), ApiFailure> {
    revision::keep(cluster, key, false)?;
    if scale::old_sets_to_zero(cluster, key) == Some(true) {
        return Ok(());
    }
    if Rollout::load(cluster, key).is_none_or(|rollout| old_pods_run(cluster, &rollout)) {
        return Ok(());
    }
    revision::keep(cluster, key, true)?;
    start_all(cluster, key);
    Ok(())
}

fn start_all(cluster: &mut Cluster, key: &Key) -> Option<()> {
    let rollout = Rollout::load(cluster, key)?;
    let new = rollout.new_set()?.key.clone();
    scale::set_to(cluster, &rollout, &new, rollout.desired());
    clean_up_when_complete(cluster, key)
}

/// Pods that are being deleted count until they are gone.
fn old_pods_run(cluster: &Cluster, rollout: &Rollout) -> bool {
    if rollout.old_sets().any(|set| set.current() > 0) {
        return true;
    }
    let pods = cluster
        .store
        .list(Resource::Pods, Some(&rollout.key.namespace));
    rollout.old_sets().any(|set| {
        pods.iter().any(|(_, pod)| {
            crate::object::controller_uid(pod) == Some(set.uid())
                && !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
        })
    })
}

fn clean_up_when_complete(cluster: &mut Cluster, key: &Key) -> Option<()> {
    let rollout = Rollout::load(cluster, key)?;
    if status::is_complete(&rollout, &rollout.object) {
        clean_up(cluster, key);
    }
    Some(())
}

/// Deletes old ReplicaSets beyond `revisionHistoryLimit`, lowest revision first.
fn clean_up(cluster: &mut Cluster, key: &Key) {
    let Some(rollout) = Rollout::load(cluster, key) else {
        return;
    };
    let limit = int_or(&rollout.object, "/spec/revisionHistoryLimit", 10);
    let mut old: Vec<_> = rollout.old_sets().collect();
    let surplus = old
        .len()
        .saturating_sub(usize::try_from(limit).unwrap_or_default());
    old.sort_by_key(|set| set.revision());
    for set in old.into_iter().take(surplus) {
        if set.current() == 0 && set.desired() == 0 && set.is_observed() {
            // Gone already is as good.
            let _ = cluster.delete(&set.key, &Deletion::default());
        }
    }
}
