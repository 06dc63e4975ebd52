//! Nodes on which kwok plays the pods: thousands of them on the real control plane.

use std::process::Command;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use super::RealCluster;
use super::control_plane::flag;

/// The taint of every fake node, and its label: only pods that ask for them get there.
pub const FAKE: &str = "rollguard.test/fake";

/// Which node objects are kwok's.
const ANNOTATION: &str = "kwok.x-k8s.io/node";

/// The image of a container that never can be pulled, as kwok plays it.
pub const IMAGE_GONE: &str = "registry.test/app:gone";

/// The image of a container that crashes, as kwok plays it.
pub const IMAGE_CRASHES: &str = "registry.test/app:crashes";

/// The life of nodes and pods, as kwok plays it.
const STAGES: &str = include_str!("../../cluster/kwok/stages.yaml");

impl RealCluster {
    /// Starts kwok, adds fake nodes and waits until they are ready.
    ///
    /// # Errors
    /// When kwok was not built, or a node does not get ready.
    pub async fn add_fake_nodes(&self, count: usize) -> Result<()> {
        let stages = self.run.write("kwok/stages.yaml", STAGES)?;
        let mut command = Command::new(self.run.built("kwok")?);
        command
            .arg(flag("--kubeconfig", &self.kubeconfig))
            .arg(flag("--config", &stages))
            .args(["--manage-all-nodes=false", "--cidr=10.200.0.0/16"])
            .arg(format!(
                "--manage-nodes-with-annotation-selector={ANNOTATION}=fake"
            ))
            // Without a lease a node goes NotReady, and with it each of its pods.
            .arg("--node-lease-duration-seconds=40")
            .arg(format!("--server-address=127.0.0.1:{}", self.run.port()?));
        self.run.spawn("kwok", command)?;
        let client = self.client();
        for number in 0..count {
            add(&client, number).await?;
        }
        let ready = || async {
            let listed: Api<Node> = Api::all(client.clone());
            let nodes = listed.list(&ListParams::default().labels(FAKE)).await?;
            let ready = nodes.items.iter().filter(|node| is_ready(node)).count();
            ensure!(ready == count, "{ready} of {count} fake nodes are ready");
            Ok(())
        };
        self.until("kwok", ready).await
    }
}

async fn add(client: &Client, number: usize) -> Result<()> {
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": format!("fake-{number}"),
            "annotations": { ANNOTATION: "fake" },
            "labels": { FAKE: "true", "kubernetes.io/os": "linux" },
        },
        "spec": { "taints": [{ "key": FAKE, "effect": "NoSchedule" }] },
    });
    let nodes: Api<Node> = Api::all(client.clone());
    let node = serde_json::from_value(node)?;
    nodes.create(&PostParams::default(), &node).await?;
    Ok(())
}

/// Returns whether the node is ready and the controllers have seen it.
fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|it| it.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let taints = node.spec.as_ref().and_then(|it| it.taints.as_ref());
    let mut taints = taints.into_iter().flatten();
    conditions.any(|it| it.type_ == "Ready" && it.status == "True")
        && taints.all(|it| it.key == FAKE)
}
