//! Garbage collection: deletes objects whose owners are all gone.

use crate::cluster::{Cluster, Deletion};
use crate::object::{items, uid};

/// Deletes the dependents of an owner that is gone, unless another owner is left.
pub(super) fn collect(cluster: &mut Cluster, owner: &str) {
    for key in cluster.dependents(owner) {
        let Some(object) = cluster.store.get(&key) else {
            continue;
        };
        let owners = items(object, "/metadata/ownerReferences");
        let owned_still = owners.iter().any(|reference| {
            cluster
                .store
                .all()
                .any(|(_, candidate)| reference["uid"] == uid(candidate))
        });
        if !owned_still {
            // Gone already is as good.
            let _ = cluster.delete(&key, &Deletion::default());
        }
    }
}
