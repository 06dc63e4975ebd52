//! Starts the real cluster of rung 5 and keeps it until Ctrl-C, for trying things by hand:
//! `cargo run -p rollguard-tests --example cluster`.
#![expect(clippy::print_stdout, reason = "it tells where the cluster is")]

use anyhow::Result;
use rollguard_tests::cluster::{Pace, RealCluster};

#[tokio::main]
async fn main() -> Result<()> {
    let cluster = RealCluster::start(Pace::Ordinary).await?;
    println!("export KUBECONFIG={}", cluster.kubeconfig_path().display());
    println!("alias kubectl={}", cluster.kubectl().display());
    println!(
        "images: rollguard.test/busybox:1, {}/app:good",
        cluster.registry()
    );
    tokio::signal::ctrl_c().await?;
    cluster.stop()
}
