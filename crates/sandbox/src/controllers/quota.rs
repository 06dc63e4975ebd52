//! The quota controller: keeps the usage in the status of quotas.

use crate::admission::quota_status;
use crate::cluster::Cluster;
use crate::resource::Resource;

/// Writes the usage into the status of a namespace's quotas.
pub(super) fn refresh(cluster: &mut Cluster, namespace: &str) {
    for (key, quota) in cluster.store.list(Resource::Quotas, Some(namespace)) {
        let status = quota_status(&cluster.store, namespace, &quota);
        cluster.modify(&key, |quota| quota["status"] = status);
    }
}
