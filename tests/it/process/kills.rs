//! A rollback whose process is killed (SIGKILL) at a random moment, and then run again: the right end state, by one
//! change. The API server is the embedded one, over TCP.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use libtest_mimic::Trial;
use rollguard_sandbox::{Sandbox, Script};
use rollguard_tests::front::{Front, Gate};
use rollguard_tests::product::Rollguard;
use rollguard_tests::troubled::Troubled;
use serde_json::json;
use tokio::time::sleep;

use crate::trial;

/// How many runs are killed. The nightly form has 200.
const RUNS: &str = "ROLLGUARD_KILLS";
const FEW: u64 = 30;
/// The first seed; else another one each time.
const SEED: &str = "ROLLGUARD_KILL_SEED";
/// Each of them mostly waits.
const AT_ONCE: usize = 10;
/// More requests than a rollback sends before its check, and more time than it takes.
const REQUESTS: u64 = 50;
const MILLISECONDS: u64 = 4_000;

pub(crate) fn trials() -> [Trial; 1] {
    [trial(
        "a rollback that is killed at any moment is finished by the next run, with one change",
        killed,
    )]
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[expect(
    clippy::print_stderr,
    reason = "the seeds must be known before anything fails"
)]
async fn killed() -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let first = number(SEED).unwrap_or(now);
    let runs = number(RUNS).unwrap_or(FEW);
    eprintln!("kills with {SEED}={first} and {RUNS}={runs}");
    let results = stream::iter(first..first + runs)
        .map(|seed| async move {
            let run = one(seed).await;
            run.with_context(|| format!("{SEED}={seed} {RUNS}=1"))
        })
        .buffer_unordered(AT_ONCE);
    let points: Vec<bool> = results.try_collect().await?;
    let before = points.iter().filter(|changed| !**changed).count();
    eprintln!("{runs} killed, {before} of them before the change");
    ensure!(
        runs < FEW || (before > 0 && before < points.len()),
        "no kill fell on both sides of the change"
    );
    Ok(())
}

/// Spreads seeds that follow one another (`SplitMix64`).
const fn spread(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Returns whether the run that was killed had changed the Deployment.
async fn one(seed: u64) -> Result<bool> {
    let sandbox = Sandbox::builder()
        .namespace("shop")
        .play(
            |pod| {
                let labels = pod.metadata.labels.as_ref();
                labels
                    .and_then(|it| it.get("version"))
                    .is_some_and(|it| it == "v2")
            },
            Script::crash_at_start(&["no database"], 1),
        )
        .build();
    let deployments: Api<Deployment> = Api::namespaced(sandbox.client(), "shop");
    bad_rollout(&deployments).await?;
    let gate = Arc::new(Troubled::new(None));
    let front = Front::start(sandbox.client(), Arc::clone(&gate) as Arc<dyn Gate>).await?;
    let rollguard = Rollguard::new(front.kubeconfig())?;
    let args = [
        "rollback",
        "deployment/web",
        "-n",
        "shop",
        "--yes",
        "--timeout",
        "60s",
        "--stable-for",
        "1s",
    ];
    let ran = rollguard.start(&args)?.killed(moment(seed, &gate)).await?;
    // A request on its way is answered or given up.
    sleep(Duration::from_millis(50)).await;
    let (version, generation) = state(&deployments).await?;
    let changed = generation == 3;
    ensure!(
        changed == (version == "v1"),
        "{version} at {generation}: {}",
        ran.all()
    );
    let again = rollguard.run(&args).await?;
    ensure!(again.code == 0, "{}\nafter {}", again.all(), ran.all());
    let (version, generation) = state(&deployments).await?;
    ensure!(
        (version.as_str(), generation) == ("v1", 3),
        "{version} at generation {generation}: {}\nafter {}",
        again.all(),
        ran.all()
    );
    Ok(changed)
}

/// Half of the moments are requests, because a rollback waits most of its time.
async fn moment(seed: u64, gate: &Troubled) {
    let random = spread(seed);
    if random.is_multiple_of(2) {
        sleep(Duration::from_millis(random / 2 % MILLISECONDS)).await;
        return;
    }
    let request = usize::try_from(1 + random / 2 % REQUESTS).unwrap_or(1);
    while gate.log().len() < request {
        sleep(Duration::from_millis(1)).await;
    }
}

/// v1 has served, and v2 crashes.
async fn bad_rollout(deployments: &Api<Deployment>) -> Result<()> {
    let labels = |version| json!({ "app": "web", "version": version });
    let v1 = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": labels("v1") },
                "spec": { "containers": [{ "name": "app", "image": "registry.test/app:1" }] },
            },
        },
    });
    deployments
        .create(&PostParams::default(), &serde_json::from_value(v1)?)
        .await?;
    for _ in 0..200 {
        let status = deployments.get("web").await?.status.unwrap_or_default();
        if status.available_replicas == Some(2) {
            let template =
                json!({ "spec": { "template": { "metadata": { "labels": labels("v2") } } } });
            let patch = Patch::Merge(template);
            deployments
                .patch("web", &PatchParams::default(), &patch)
                .await?;
            sleep(Duration::from_secs(4)).await;
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("v1 does not become available")
}

/// The version of the template, and how often the spec was changed, its creation included.
async fn state(deployments: &Api<Deployment>) -> Result<(String, i64)> {
    let deployment = deployments.get("web").await?;
    let generation = deployment.metadata.generation.context("no generation")?;
    let template = deployment.spec.context("no spec")?.template;
    let labels = template
        .metadata
        .and_then(|it| it.labels)
        .unwrap_or_default();
    Ok((
        labels.get("version").cloned().unwrap_or_default(),
        generation,
    ))
}
