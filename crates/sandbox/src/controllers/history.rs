//! Revisions: the templates that a StatefulSet or DaemonSet had
//! (kubernetes `pkg/controller/history`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::readiness::controller_reference;
use crate::cluster::{Cluster, Deletion};
use crate::names::template_hash;
use crate::object::{controller_uid, int, labels, name, text, uid, unset};
use crate::resource::Resource;
use crate::status::ApiFailure;
use crate::store::Key;

/// One revision of a workload's template.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) key: Key,
    pub(super) object: Arc<Value>,
}

impl Revision {
    pub(super) fn name(&self) -> &str {
        &self.key.name
    }

    pub(super) fn number(&self) -> i64 {
        int(&self.object, "/revision")
    }

    /// The template that it keeps.
    pub(super) fn template(&self) -> Value {
        let mut template = self.object["data"]["spec"]["template"].clone();
        unset(&mut template, "", "$patch");
        template
    }
}

/// The revisions that a workload controls, by number, then by age and name.
pub(super) fn list(cluster: &Cluster, workload: &Value) -> Vec<Revision> {
    let namespace = text(workload, "/metadata/namespace");
    let mut revisions: Vec<Revision> = cluster
        .store
        .list(Resource::ControllerRevisions, Some(namespace))
        .into_iter()
        .filter(|(_, it)| controller_uid(it) == Some(uid(workload)))
        .map(|(key, object)| Revision { key, object })
        .collect();
    revisions.sort_by_cached_key(|it| {
        let created = text(&it.object, "/metadata/creationTimestamp").to_owned();
        (it.number(), created, it.key.name.clone())
    });
    revisions
}

/// The patch that brings the present template back.
pub(super) fn patch(workload: &Value) -> Value {
    let mut template = workload["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

/// A revision of the present template; its hash stands in the label `label`. Two templates with
/// one hash are told apart by the status' `collisionCount`.
pub(super) fn create(
    cluster: &mut Cluster,
    workload: &Value,
    number: i64,
    label: &str,
) -> Result<Revision, ApiFailure> {
    let namespace = text(workload, "/metadata/namespace");
    let data = patch(workload);
    let hash = template_hash(&data, int(workload, "/status/collisionCount"));
    let key = Key::new(
        Resource::ControllerRevisions,
        namespace,
        &format!("{}-{hash}", name(workload)),
    );
    if let Some(object) = cluster.store.get(&key).cloned()
        && object["data"] == data
        && controller_uid(&object) == Some(uid(workload))
    {
        return Ok(Revision { key, object });
    }
    let mut all_labels = labels(&workload["spec"]["template"]);
    all_labels.insert(label.to_owned(), hash);
    let revision = json!({
        "metadata": {
            "name": key.name, "labels": all_labels,
            "annotations": workload["metadata"].get("annotations"),
            "ownerReferences": controller_reference(workload),
        },
        "data": data,
        "revision": number,
    });
    let object = cluster.create(Resource::ControllerRevisions, namespace, revision)?;
    let object = Arc::new(object);
    Ok(Revision { key, object })
}

/// Gives an older revision the next number: it is the newest again.
pub(super) fn renumber(cluster: &mut Cluster, revision: &Revision, number: i64) -> Revision {
    cluster.modify(&revision.key, |it| it["revision"] = json!(number));
    let object = cluster.store.get(&revision.key).cloned();
    Revision {
        key: revision.key.clone(),
        object: object.unwrap_or_else(|| Arc::clone(&revision.object)),
    }
}

/// How many of so many revisions are beyond `revisionHistoryLimit`.
pub(super) fn surplus(workload: &Value, count: usize) -> usize {
    let limit = int(workload, "/spec/revisionHistoryLimit");
    count.saturating_sub(usize::try_from(limit).unwrap_or_default())
}

/// Deletes the first `surplus` of these revisions.
pub(super) fn truncate(cluster: &mut Cluster, old: &[&Revision], surplus: usize) {
    for revision in old.iter().take(surplus) {
        // Gone already is as good.
        let _ = cluster.delete(&revision.key, &Deletion::default());
    }
}
