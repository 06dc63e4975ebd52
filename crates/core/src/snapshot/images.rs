//! Collects the digests of the images that pods run.

use k8s_openapi::api::core::v1::Pod;

use super::{PodView, Rollout};
use crate::workload::Images;

/// Returns the digests of the images that pods run, by container.
pub(crate) fn images_of<'a>(pods: impl Iterator<Item = &'a Pod>) -> Images {
    let mut images = Images::new();
    for status in pods.filter_map(|pod| pod.status.as_ref()) {
        for container in status.container_statuses.iter().flatten() {
            if let Some(digest) = digest(&container.image_id) {
                let known = images.entry(container.name.clone()).or_default();
                known.insert(digest.to_owned());
            }
        }
    }
    images
}

/// Returns the digest of an image id: `registry/app@sha256:…`, or the bare digest of an image that
/// was built on the node.
fn digest(image_id: &str) -> Option<&str> {
    let digest = image_id.rsplit_once('@').map_or(image_id, |(_, it)| it);
    digest.contains(':').then_some(digest)
}

/// Returns the digests of the images that the pods of the newest revision run.
pub(crate) fn running(rollout: &Rollout<'_>) -> Images {
    let pods = rollout.new_pods();
    images_of(pods.iter().map(PodView::object))
}
