//! A rollout that has long been stable is called good at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::traffic;
use rollguard_measured::verdicts::{Judgement, Stable};
use rollguard_tests::cluster::{RealCluster, apply, wait_for_rollout, with_namespace};
use rollguard_tests::counting::Counting;
use rollguard_tests::product::Rollguard;
use rollguard_tests::scenarios::Kind;

use crate::peers::{Peer, Update};
use crate::smoke::WEB;
use crate::{Stage, compares};

/// How often each tool is run in a comparison, in turns.
const RUNS: usize = 5;
/// Longer than a rollout must have been complete (`--stable-for`, 10 s).
const LONG: Duration = Duration::from_secs(12);

/// Leads to the pods of [`WEB`].
const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
";

/// It is, and without one watch: the lists say it all.
pub(crate) async fn passes_at_once(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, "stable", async |client, namespace| {
        apply(&client, &namespace, WEB).await?;
        let limit = Duration::from_secs(60);
        wait_for_rollout::<Deployment>(&client, &namespace, "web", limit).await?;
        tokio::time::sleep(LONG).await;
        let mut stable = Stable::default();
        let runs = if compares() { RUNS } else { 1 };
        for _ in 0..runs {
            let look = rollguard(cluster, &namespace, &[]);
            stable.rollguard.push(look.await?);
            if compares() {
                let update = Update {
                    namespace: &namespace,
                    kind: Kind::Deployment,
                    timeout: 60,
                    sign: "",
                };
                stable
                    .kubectl
                    .push(Peer::Kubectl.follows(cluster, update).await?);
                stable
                    .kubedog
                    .push(Peer::Kubedog.follows(cluster, update).await?);
            }
        }
        stage.keep_stable(stable);
        Ok(())
    })
    .await
}

/// It is, with a Service before the pods; without a look at it, and by kubectl, in turns.
pub(crate) async fn serves_at_once(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, "stable", async |client, namespace| {
        apply(&client, &namespace, WEB).await?;
        apply(&client, &namespace, SERVICE).await?;
        let limit = Duration::from_secs(60);
        wait_for_rollout::<Deployment>(&client, &namespace, "web", limit).await?;
        tokio::time::sleep(LONG).await;
        let mut stable = traffic::Stable::default();
        for _ in 0..2 * RUNS {
            let look = rollguard(cluster, &namespace, &[]);
            stable.rollguard.push(look.await?);
            let look = rollguard(cluster, &namespace, &["--no-traffic"]);
            stable.without.push(look.await?);
            let update = Update {
                namespace: &namespace,
                kind: Kind::Deployment,
                timeout: 60,
                sign: "",
            };
            let look = Peer::Kubectl.follows(cluster, update);
            stable.kubectl.push(look.await?);
        }
        stage.keep_serving(stable);
        Ok(())
    })
    .await
}

async fn rollguard(cluster: &RealCluster, namespace: &str, more: &[&str]) -> Result<Judgement> {
    let counting = Counting::start(cluster.client()).await?;
    let rollguard = Rollguard::new(counting.kubeconfig())?;
    let started = Instant::now();
    let args = [
        "check",
        "deployment/web",
        "-n",
        namespace,
        "--output",
        "json",
    ];
    let ran = rollguard.run(&[&args[..], more].concat()).await?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(ran.code == 0, "not healthy: {}", ran.all());
    let events = ran.json()?;
    let waited = &events["timeline"];
    ensure!(
        waited.as_array().is_some_and(|it| it.len() == 1),
        "it waited for something: {waited}"
    );
    let load = counting.load();
    // Version, the workload, one list for each of four resources, five lists of what stands before the
    // pods, and the mark; a watch may have begun.
    ensure!(load.requests <= 17, "{load:?} for one look");
    Ok(Judgement {
        verdict: VerdictKind::Succeeded,
        named: false,
        cause_seconds: None,
        seconds,
        load: Some(load),
    })
}
