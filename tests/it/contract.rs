//! The embedded cluster keeps the contract that real API servers keep.

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use rollguard_sandbox::{Answer, Sandbox, Script};
use rollguard_tests::contract;

/// Nothing listens in a pod of this name.
fn is_closed(pod: &Pod) -> bool {
    pod.metadata.name.as_deref() == Some("closed")
}

/// The image of pods with this label is not there.
fn is_broken(pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels.is_some_and(|it| it.get("round").is_some_and(|round| round == "broken"))
}

#[tokio::test(start_paused = true)]
async fn the_embedded_cluster_answers_as_a_real_one() -> Result<()> {
    let mut broken = Vec::new();
    for case in contract::cases()? {
        let closed = Script::healthy().answering("*", Answer::refused());
        let sandbox = Sandbox::builder()
            .namespace("contract")
            .play(is_closed, closed)
            .play(is_broken, Script::image_not_found())
            .build();
        if let Err(error) = contract::run(&sandbox.client(), "contract", &case).await {
            broken.push(format!("{error:#}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}
