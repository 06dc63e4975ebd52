//! A Deployment's status: counts, conditions and the progress deadline (`progress.go`, `sync.go`).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rollout::{Rollout, Set};
use crate::clock::{later, seconds};
use crate::cluster::Cluster;
use crate::controllers::condition::{self, Condition};
use crate::object::{int, items, text, time};
use crate::store::Key;

const PROGRESSING: &str = "Progressing";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const AVAILABLE: &str = "NewReplicaSetAvailable";

/// Writes the status; with `progress` also how the rollout comes along. Returns when the deadline
/// is to be looked at.
pub(super) fn write(cluster: &mut Cluster, key: &Key, progress: bool) -> Option<Timestamp> {
    let rollout = Rollout::load(cluster, key)?;
    let now = cluster.now();
    let mut status = counts(&rollout);
    let mut conditions = items(&rollout.object, "/status/conditions").to_vec();
    condition::set(
        &mut conditions,
        &availability(&rollout, &status),
        &seconds(now),
    );
    if progress {
        update_progress(&rollout, &status, &mut conditions, now);
        pass_on_failure(&rollout, &mut conditions);
    }
    status["conditions"] = json!(conditions);
    cluster.modify(key, |object| object["status"] = status);
    let rollout = Rollout::load(cluster, key)?;
    next_look(&rollout, now)
}

/// Sets one condition, as the controller does in the middle of a sync.
pub(super) fn set_condition(cluster: &mut Cluster, key: &Key, new: &Condition) {
    let now = seconds(cluster.now());
    cluster.modify(key, |object| {
        let mut conditions = items(object, "/status/conditions").to_vec();
        condition::set(&mut conditions, new, &now);
        object["status"]["conditions"] = json!(conditions);
    });
}

/// Says so when the Deployment was paused or resumed (`checkPausedConditions`).
pub(super) fn mark_paused(cluster: &mut Cluster, rollout: &Rollout) {
    let reason = condition::reason(&rollout.object, PROGRESSING);
    if rollout.deadline().is_none() || reason == TIMED_OUT {
        return;
    }
    let (reason, message) = match (rollout.paused(), reason == "DeploymentPaused") {
        (true, false) => ("DeploymentPaused", "Deployment is paused"),
        (false, true) => ("DeploymentResumed", "Deployment is resumed"),
        (true, true) | (false, false) => return,
    };
    let marked = Condition::new(PROGRESSING, "Unknown", reason, message);
    set_condition(cluster, &rollout.key, &marked);
}

/// Returns whether every replica is of the new revision and available (`DeploymentComplete`).
pub(super) fn is_complete(rollout: &Rollout, object: &Value) -> bool {
    let desired = rollout.desired();
    ["updatedReplicas", "replicas", "availableReplicas"]
        .iter()
        .all(|field| int(&object["status"], &format!("/{field}")) == desired)
        && int(&object["status"], "/observedGeneration")
            >= int(&rollout.object, "/metadata/generation")
}

fn counts(rollout: &Rollout) -> Value {
    let sum = |count: &str| -> i64 {
        let pointer = format!("/status/{count}");
        rollout
            .sets
            .iter()
            .map(|set| int(&set.object, &pointer))
            .sum()
    };
    let available = sum("availableReplicas");
    let wanted: i64 = rollout.sets.iter().map(Set::desired).sum();
    let mut status = json!({
        "observedGeneration": int(&rollout.object, "/metadata/generation"),
        "terminatingReplicas": sum("terminatingReplicas"),
    });
    // Zero counts are left out, as `omitempty` does.
    for (field, count) in [
        ("replicas", sum("replicas")),
        ("updatedReplicas", rollout.new_set().map_or(0, Set::current)),
        ("readyReplicas", sum("readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (wanted - available).max(0)),
        (
            "collisionCount",
            int(&rollout.object, "/status/collisionCount"),
        ),
    ] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    status
}

fn availability(rollout: &Rollout, status: &Value) -> Condition {
    let least = rollout.desired() - rollout.max_unavailable();
    if int(status, "/availableReplicas") >= least {
        Condition::new(
            "Available",
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        Condition::new(
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    }
}

/// Complete, progressing, or timed out: a timeout stays until something moves
/// (`syncRolloutStatus`).
fn update_progress(rollout: &Rollout, status: &Value, conditions: &mut Vec<Value>, now: Timestamp) {
    let Some(deadline) = rollout.deadline() else {
        condition::remove(conditions, PROGRESSING);
        return;
    };
    let current = condition::find(&rollout.object, PROGRESSING);
    let was_complete = int(status, "/replicas") == int(status, "/updatedReplicas")
        && current.is_some_and(|it| it["reason"] == AVAILABLE);
    if was_complete {
        return;
    }
    let subject = match rollout.new_set() {
        Some(set) => format!("ReplicaSet \"{}\"", set.key.name),
        None => format!("Deployment \"{}\"", rollout.key.name),
    };
    let stamp = seconds(now);
    if is_complete(rollout, &json!({"status": status})) {
        let message = format!("{subject} has successfully progressed.");
        let done = Condition::new(PROGRESSING, "True", AVAILABLE, message);
        condition::set(conditions, &done, &stamp);
    } else if has_moved(&rollout.object, status) {
        let message = format!("{subject} is progressing.");
        let moved = Condition::new(PROGRESSING, "True", "ReplicaSetUpdated", message);
        condition::replace(conditions, &moved, &stamp);
    } else if timed_out(current, deadline, now) {
        let message = format!("{subject} has timed out progressing.");
        let late = Condition::new(PROGRESSING, "False", TIMED_OUT, message);
        condition::set(conditions, &late, &stamp);
    }
}

/// Returns whether the counts came nearer to completion since the last status (`DeploymentProgressing`).
fn has_moved(object: &Value, status: &Value) -> bool {
    let before = |field: &str| int(&object["status"], &format!("/{field}"));
    let after = |field: &str| int(status, &format!("/{field}"));
    let rose = |field| after(field) > before(field);
    let old = |count: &dyn Fn(&str) -> i64| count("replicas") - count("updatedReplicas");
    rose("updatedReplicas")
        || old(&after) < old(&before)
        || rose("readyReplicas")
        || rose("availableReplicas")
}

fn timed_out(current: Option<&Value>, deadline: u64, now: Timestamp) -> bool {
    let Some(current) = current else {
        return false;
    };
    match text(current, "/reason") {
        AVAILABLE => false,
        TIMED_OUT => true,
        _ => time(current, "/lastUpdateTime")
            .is_some_and(|from| later(from, Duration::from_secs(deadline)) < now),
    }
}

/// The failure of the new ReplicaSet, else that of any other one (`getReplicaFailures`).
fn pass_on_failure(rollout: &Rollout, conditions: &mut Vec<Value>) {
    let failure = rollout
        .new_set()
        .into_iter()
        .chain(&rollout.sets)
        .find_map(|set| condition::find(&set.object, "ReplicaFailure"));
    match failure {
        Some(failure) => {
            let since = text(failure, "/lastTransitionTime").to_owned();
            let passed_on = Condition::new(
                "ReplicaFailure",
                "True",
                text(failure, "/reason"),
                text(failure, "/message"),
            );
            condition::set(conditions, &passed_on, &since);
        }
        None => condition::remove(conditions, "ReplicaFailure"),
    }
}

/// A second after the deadline ends, unless the rollout is over (`requeueStuckDeployment`).
fn next_look(rollout: &Rollout, now: Timestamp) -> Option<Timestamp> {
    let deadline = rollout.deadline()?;
    let current = condition::find(&rollout.object, PROGRESSING)?;
    let over = matches!(text(current, "/reason"), TIMED_OUT | "DeploymentPaused");
    if over || is_complete(rollout, &rollout.object) {
        return None;
    }
    let end = later(
        time(current, "/lastUpdateTime")?,
        Duration::from_secs(deadline + 1),
    );
    // With a reason that cannot time out there is nothing to look at.
    (end > now).then_some(end)
}
