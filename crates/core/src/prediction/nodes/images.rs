//! Images that must not be pulled, and that no node has.

use k8s_openapi::api::core::v1::{Node, PodSpec};

use crate::finding::FindingCode;
use crate::prediction::certainty::{Certainty, Prediction};
use crate::prediction::planned::Planned;

/// Finds an image that must not be pulled and that no node lists.
pub(super) fn never_pulled(plan: &Planned<'_>, spec: &PodSpec, open: &[&Node]) -> Vec<Prediction> {
    let init = spec.init_containers.iter().flatten();
    let containers = init.chain(&spec.containers);
    let never = containers.filter(|it| it.image_pull_policy.as_deref() == Some("Never"));
    let missing = never.filter(|it| {
        let image = it.image.as_deref().unwrap_or_default();
        !open.is_empty() && !open.iter().any(|node| lists(node, image))
    });
    missing
        .map(|it| {
            let image = it.image.as_deref().unwrap_or_default();
            let message = format!(
                "container `{}` must not pull its image (imagePullPolicy Never), and no node lists `{image}`",
                it.name
            );
            // A kubelet lists no more than its 50 largest images (`nodeStatusMaxImages`).
            Prediction::finding(FindingCode::ImageNeverPulled, plan.index, message)
                .surely(Certainty::Likely)
                .about(format!("container `{}`", it.name))
                .at(plan.named(&["image"], image))
        })
        .collect()
}

fn lists(node: &Node, image: &str) -> bool {
    let images = node.status.as_ref().and_then(|it| it.images.as_ref());
    let mut names = images
        .into_iter()
        .flatten()
        .flat_map(|it| it.names.iter().flatten());
    let wanted = [
        image.to_owned(),
        format!("{image}:latest"),
        format!("docker.io/{image}"),
        format!("docker.io/library/{image}"),
        format!("docker.io/library/{image}:latest"),
    ];
    names.any(|name| wanted.contains(name))
}
