//! A StatefulSet's status. It has counts and revisions, and never a condition.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Revisions;
use super::members::Members;
use crate::cluster::Cluster;
use crate::controllers::readiness::{is_available, ready_since};
use crate::object::{int, int_or, text};
use crate::store::Key;

/// The counts of the pods at the beginning of a sync.
pub(super) struct Status {
    generation: i64,
    replicas: i64,
    ready: i64,
    available: i64,
    current: i64,
    updated: i64,
    current_revision: String,
    update_revision: String,
}

impl Status {
    pub(super) fn of(
        set: &Value,
        revisions: &Revisions,
        members: &Members,
        now: Timestamp,
    ) -> Self {
        let mut status = Self {
            generation: int(set, "/metadata/generation"),
            replicas: 0,
            ready: 0,
            available: 0,
            current: 0,
            updated: 0,
            current_revision: revisions.current.name().to_owned(),
            update_revision: revisions.update.name().to_owned(),
        };
        for member in members.all() {
            let pod = &member.pod;
            let ready = text(pod, "/status/phase") == "Running" && ready_since(pod).is_some();
            status.replicas += 1;
            status.ready += i64::from(ready);
            status.available += i64::from(ready && is_available(set, pod, now));
            if !member.is_terminating() {
                let of = |revision: &str| i64::from(member.revision() == revision);
                status.current += of(&status.current_revision);
                status.updated += of(&status.update_revision);
            }
        }
        status
    }

    /// Counts one pod of the current revision less: it is being deleted.
    pub(super) fn one_less_current(&mut self) {
        self.current -= 1;
    }

    /// Writes it, unless nothing but the generation went back. When every pod is of the update
    /// revision, that becomes the current one (`completeRollingUpdate`).
    pub(super) fn write(mut self, cluster: &mut Cluster, key: &Key) {
        cluster.modify(key, |set| {
            let desired = int_or(set, "/spec/replicas", 1);
            let rolls = text(set, "/spec/updateStrategy/type") == "RollingUpdate";
            let all = [self.updated, self.ready, self.replicas];
            if rolls && all.iter().all(|count| *count == desired) {
                self.current = self.updated;
                self.current_revision.clone_from(&self.update_revision);
            }
            let mut status = json!({
                "observedGeneration": self.generation,
                "replicas": self.replicas,
                "availableReplicas": self.available,
                "collisionCount": int(set, "/status/collisionCount"),
                "currentRevision": self.current_revision,
                "updateRevision": self.update_revision,
            });
            for (field, count) in [
                ("readyReplicas", self.ready),
                ("currentReplicas", self.current),
                ("updatedReplicas", self.updated),
            ] {
                if count != 0 {
                    status[field] = json!(count);
                }
            }
            set["status"] = status;
        });
    }
}
