//! The real API server keeps the contract that the embedded one is held to.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rollguard_tests::cluster::with_namespace;
use rollguard_tests::contract;

use crate::Stage;

/// Every case, each in a namespace of its own.
pub(crate) async fn is_kept(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    let client = plain(&Kubeconfig::read_from(cluster.kubeconfig_path())?).await?;
    let mut broken = Vec::new();
    for case in contract::cases()? {
        let kept = with_namespace(cluster, "contract", async |_, namespace| {
            contract::run(&client, &namespace, &case).await
        });
        if let Err(error) = kept.await {
            broken.push(format!("{error:#}"));
        }
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

/// A client that takes the first answer: kube's own asks again for minutes after a 503.
async fn plain(kubeconfig: &Kubeconfig) -> Result<Client> {
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options)
        .await
        .context("failed to use the kubeconfig")?;
    config.default_retry = false;
    Client::try_from(config).context("failed to make a client")
}
