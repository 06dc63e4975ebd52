//! Plays scenarios on the real cluster of rung 5 and tells what the cluster shows, without any
//! judgement: `cargo run -p rollguard-tests --example play -- SECONDS NAME…`.
//!
//! For authors of a scenario: which event, status or condition comes when, and for how long.
#![expect(clippy::print_stdout, reason = "it tells what it sees")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use rollguard_tests::cluster::{Pace, RealCluster, dump, with_namespace};
use rollguard_tests::scenarios::{self, Play, Scenario};
use tokio::time::{Instant, sleep};

/// How many are played at a time.
const AT_ONCE: usize = 6;
/// How often the cluster is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments
        .next()
        .context("for how many seconds, and which scenarios?")?
        .parse()?;
    let names: BTreeSet<String> = arguments.collect();
    let chosen: Vec<&Scenario> = scenarios::all()
        .filter(|it| names.is_empty() || names.contains(it.name))
        .collect();
    if chosen.is_empty() {
        bail!("there is no such scenario");
    }
    let cluster = Arc::new(RealCluster::start(Pace::Ordinary).await?);
    let told = futures::stream::iter(chosen)
        .map(|scenario| tell(&cluster, scenario, Duration::from_secs(seconds)))
        .buffer_unordered(AT_ONCE)
        .for_each(async |told| println!("{told}"));
    tokio::select! {
        () = told => (),
        _ = tokio::signal::ctrl_c() => (),
    }
    cluster.stop()
}

async fn tell(cluster: &Arc<RealCluster>, scenario: &'static Scenario, limit: Duration) -> String {
    let mut told = format!("=== {}: {}\n", scenario.name, scenario.says);
    let played = with_namespace(cluster, scenario.name, async |client, namespace| {
        let mut play = Play::new(cluster, &namespace, scenario)?;
        play.deploy_v1().await?;
        let mut seen: BTreeSet<String> = lines(&dump(&client, &namespace).await).collect();
        play.deploy_v2().await?;
        let start = Instant::now();
        let mut sign_at = None;
        while start.elapsed() < limit {
            let dumped = dump(&client, &namespace).await;
            let at = start.elapsed().as_secs_f32();
            if dumped.contains(scenario.sign) {
                sign_at.get_or_insert(at);
            }
            for line in lines(&dumped) {
                if seen.insert(line.clone()) {
                    // Writing to a string cannot fail.
                    let _ = writeln!(told, "{at:>5.1} s  {line}");
                }
            }
            sleep(LOOK_AGAIN).await;
        }
        let sign = scenario.sign;
        let _ = match sign_at {
            Some(at) => writeln!(told, "`{sign}` shown after {at:.1} s"),
            None => writeln!(told, "`{sign}` not shown"),
        };
        Ok(())
    })
    .await;
    if let Err(error) = played {
        let _ = writeln!(told, "error: {error:#}");
    }
    told
}

/// The lines of a dump without what differs each time.
fn lines(dump: &str) -> impl Iterator<Item = String> {
    dump.lines().map(|line| match line.split_once("Z ") {
        // An event: its time is when it is seen.
        Some((_, event)) if line.starts_with("20") => event.to_owned(),
        Some(_) | None => line.to_owned(),
    })
}
