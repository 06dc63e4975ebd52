//! A check that follows a rollout for ten minutes: what it takes must not grow. It is for a nightly run.

use std::env;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rollguard_tests::cluster::{apply, with_namespace};
use rollguard_tests::counting::Counting;
use rollguard_tests::product::Rollguard;
use tokio::time::{Instant, sleep};

use crate::Stage;

/// Asks for it.
const SOAK: &str = "ROLLGUARD_SOAK";
const MINUTES: u64 = 10;
/// The most that the memory in use may grow from the third minute on, in KiB.
const GROWTH: u64 = 4096;
/// The most requests in a minute: four watches of ten seconds each, and some lists.
const REQUESTS: u64 = 60;
/// Two pods that run and never are ready, and of which no probe says so before the end.
const WAITS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: rollguard.test/busybox:1
          command: [sleep, "3600"]
          startupProbe: { exec: { command: ["false"] }, periodSeconds: 10, failureThreshold: 200 }
"#;

/// Returns whether it is to run; says aloud that it is not.
pub(crate) fn is_asked_for() -> bool {
    let asked = env::var_os(SOAK).is_some_and(|value| value == "1");
    if !asked {
        eprintln!("left out: {MINUTES} minutes of one check (set {SOAK}=1)");
    }
    asked
}

/// The needs of a program at a moment.
struct Taken {
    kibibytes: u64,
    threads: u64,
    requests: u64,
}

pub(crate) async fn leaves_no_trace(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, "soak", async |client, namespace| {
        apply(&client, &namespace, WAITS).await?;
        let counting = Counting::start(cluster.client()).await?;
        let timeout = format!("{MINUTES}m");
        let args = [
            "check",
            "deployment/web",
            "-n",
            namespace.as_str(),
            "--timeout",
            timeout.as_str(),
        ];
        let running = Rollguard::new(counting.kubeconfig())?.start(&args)?;
        let begun = Instant::now();
        let mut taken = Vec::new();
        for minute in 1..MINUTES {
            tokio::time::sleep_until(begun + Duration::from_secs(minute * 60)).await;
            let (kibibytes, threads) = of_process(running.id())?;
            let requests = counting.load().requests;
            taken.push(Taken {
                kibibytes,
                threads,
                requests,
            });
        }
        let ran = running.ended().await?;
        sleep(Duration::from_secs(1)).await;
        for (minute, taken) in (1..).zip(&taken) {
            eprintln!(
                "minute {minute}: {} KiB, {} threads, {} requests so far",
                taken.kibibytes, taken.threads, taken.requests
            );
        }
        ensure!(
            ran.all().contains("did not complete in time"),
            "{}",
            ran.all()
        );
        let settled = taken.get(2).context("too few minutes")?;
        for pair in taken.windows(2).skip(2) {
            let [before, after] = pair else { continue };
            ensure!(
                after.kibibytes <= settled.kibibytes + GROWTH,
                "the memory grew"
            );
            ensure!(after.threads <= settled.threads, "the threads grew");
            ensure!(
                after.requests - before.requests <= REQUESTS,
                "too many requests"
            );
        }
        Ok(())
    })
    .await
}

/// The memory in use and the number of threads.
fn of_process(pid: i32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|it| it.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("no {name} in the status of a process"))
    };
    Ok((field("VmRSS:")?, field("Threads:")?))
}
