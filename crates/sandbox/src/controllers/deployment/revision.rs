//! Revisions: which ReplicaSet is the new one, and its number (`sync.go`, `getNewReplicaSet`).

use serde_json::{Map, Value, json};

use super::rollout::{DESIRED, HASH, MAX, REVISION, REVISION_HISTORY, Rollout, Set, without_hash};
use super::scale::new_set_size;
use super::status;
use crate::cluster::Cluster;
use crate::controllers::condition::{Condition, find};
use crate::event::{NewEvent, Source};
use crate::names::template_hash;
use crate::object::{int, labels, set, uid};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;

/// Annotations of a Deployment that are not copied to its ReplicaSets (`annotationsToSkip`).
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// Brings the new ReplicaSet's revision up to date; creates it if it is missing and may be.
///
/// # Errors
/// When it could not be created: the sync ends there.
pub(super) fn keep(cluster: &mut Cluster, key: &Key, create: bool) -> Result<(), ApiFailure> {
    let Some(rollout) = Rollout::load(cluster, key) else {
        return Ok(());
    };
    let next = rollout.old_sets().map(Set::revision).max().unwrap_or(0) + 1;
    match rollout.new_set() {
        Some(new) => renew(cluster, &rollout, new, next),
        None if create => create_set(cluster, &rollout, next)?,
        None => {}
    }
    Ok(())
}

/// An existing ReplicaSet of the template: after a rollback it gets the highest revision.
fn renew(cluster: &mut Cluster, rollout: &Rollout, new: &Set, next: i64) {
    let copied = copied_annotations(&rollout.object);
    let settle = rollout.object["spec"].get("minReadySeconds").cloned();
    let revision = new.revision();
    cluster.modify(&new.key, |object| {
        for (name, value) in copied {
            set(object, &["metadata", "annotations", &name], value);
        }
        if revision < next {
            let annotation = |name: &'static str| ["metadata", "annotations", name];
            set(object, &annotation(REVISION), json!(next.to_string()));
            if revision > 0 {
                let history = match object["metadata"]["annotations"][REVISION_HISTORY].as_str() {
                    Some(history) => format!("{history},{revision}"),
                    None => revision.to_string(),
                };
                set(object, &annotation(REVISION_HISTORY), json!(history));
            }
        }
        set(
            object,
            &["spec", "minReadySeconds"],
            settle.unwrap_or(Value::Null),
        );
    });
    write_revision(cluster, &rollout.key, revision.max(next));
    if rollout.deadline().is_some() && find(&rollout.object, "Progressing").is_none() {
        let message = format!("Found new replica set \"{}\"", new.key.name);
        let found = Condition::new("Progressing", "True", "FoundNewReplicaSet", message);
        status::set_condition(cluster, &rollout.key, &found);
    }
}

fn create_set(cluster: &mut Cluster, rollout: &Rollout, next: i64) -> Result<(), ApiFailure> {
    let object = &rollout.object;
    let hash = template_hash(
        &without_hash(&object["spec"]["template"]),
        int(object, "/status/collisionCount"),
    );
    let name = format!("{}-{hash}", rollout.key.name);
    let size = new_set_size(rollout, 0);
    let new = NewSet {
        name: &name,
        hash: &hash,
        size,
        revision: next,
    };
    let new = replica_set(rollout, &new);
    match cluster.create(Resource::ReplicaSets, &rollout.key.namespace, new) {
        Ok(_) => {}
        Err(failure) if failure.code() == 409 => {
            cluster.modify(&rollout.key, |object| {
                let count = int(object, "/status/collisionCount") + 1;
                set(object, &["status", "collisionCount"], json!(count));
            });
            return Err(failure);
        }
        Err(failure) => {
            let message = format!(
                "Failed to create new replica set \"{name}\": {}",
                failure.message()
            );
            let reason = "ReplicaSetCreateError";
            report(
                cluster,
                &rollout.key,
                &NewEvent::warning(SOURCE, reason, &*message),
            );
            if rollout.deadline().is_some() {
                let failed = Condition::new("Progressing", "False", reason, message);
                status::set_condition(cluster, &rollout.key, &failed);
            }
            return Err(failure);
        }
    }
    if size > 0 {
        let message = format!("Scaled up replica set {name} from 0 to {size}");
        let event = NewEvent::normal(SOURCE, "ScalingReplicaSet", message);
        report(cluster, &rollout.key, &event);
    }
    write_revision(cluster, &rollout.key, next);
    if rollout.deadline().is_some() {
        let message = format!("Created new replica set \"{name}\"");
        let created = Condition::new("Progressing", "True", "NewReplicaSetCreated", message);
        status::set_condition(cluster, &rollout.key, &created);
    }
    Ok(())
}

const SOURCE: Source = Source::DeploymentController;

fn report(cluster: &mut Cluster, key: &Key, event: &NewEvent) {
    cluster.record(key, event);
}

/// A ReplicaSet that is to be created.
struct NewSet<'a> {
    name: &'a str,
    hash: &'a str,
    size: i64,
    revision: i64,
}

fn replica_set(rollout: &Rollout, new: &NewSet<'_>) -> Value {
    let NewSet {
        name,
        hash,
        size,
        revision,
    } = *new;
    let object = &rollout.object;
    let mut template = object["spec"]["template"].clone();
    set(&mut template, &["metadata", "labels", HASH], json!(hash));
    let mut selector = object["spec"]["selector"].clone();
    set(&mut selector, &["matchLabels", HASH], json!(hash));
    let mut annotations = copied_annotations(object);
    let most = rollout.desired() + rollout.max_surge();
    for (name, value) in [
        (REVISION, revision),
        (DESIRED, rollout.desired()),
        (MAX, most),
    ] {
        annotations.insert(name.to_owned(), json!(value.to_string()));
    }
    json!({
        "metadata": {
            "name": name,
            "labels": labels(&template),
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "name": rollout.key.name,
                "uid": uid(object), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "replicas": size,
            "minReadySeconds": object["spec"].get("minReadySeconds"),
            "selector": selector,
            "template": template,
        },
    })
}

fn copied_annotations(deployment: &Value) -> Map<String, Value> {
    let mut annotations = deployment["metadata"]["annotations"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for name in NOT_COPIED {
        annotations.remove(name);
    }
    annotations
}

/// Writes the new ReplicaSet's revision on the Deployment. The real controller does so with
/// `UpdateStatus`, which does not touch the generation.
fn write_revision(cluster: &mut Cluster, key: &Key, revision: i64) {
    cluster.modify(key, |object| {
        let revision = json!(revision.to_string());
        set(object, &["metadata", "annotations", REVISION], revision);
    });
}
