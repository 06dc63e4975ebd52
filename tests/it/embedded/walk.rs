//! Each scenario as a user lives through it: v1 is checked, v2 is checked, and where v2 fails it is
//! rolled back and checked again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rollguard::run::check::Checked;
use rollguard_agent::Outcome;
use rollguard_agent::outputs::RollbackOutcome;
use rollguard_core::duration::elapsed;
use rollguard_core::report::Report;
use rollguard_core::trace::Trace;
use rollguard_tests::scenarios::{self, Expect, Scenario, What, When};
use tokio::time::sleep;

use super::cast::{cast, is_version, recorded_image, recorded_refusal};
use super::world::{NAMESPACE, World, apply, told};
use crate::traces::{self, policy, replay};
use crate::trial;

/// How many scenarios fail and heal at least; fewer means that a table was cut. All of them take
/// place here.
const AT_LEAST: (usize, usize) = (25, 10);
/// How long a check begins after the update: what a program takes to start.
const STARTS_IN: Duration = Duration::from_millis(200);
/// How much earlier or later than on the real cluster a verdict may come.
const TOLERANCE: Duration = Duration::from_secs(3);
/// The same where the ReplicaSet's doubling retries decide: one retry earlier or later is 10 s.
const RETRY_TOLERANCE: Duration = Duration::from_secs(12);
/// Kinds that the embedded cluster does not have; their refusals are played.
const PLAYED: &str = "ValidatingAdmissionPolicy";
/// How long a v1 that never becomes healthy is left alone.
const V1_SETTLES: Duration = Duration::from_secs(30);

/// One trial per scenario.
pub(crate) fn trials() -> Vec<Trial> {
    let walks = scenarios::all().map(|scenario| {
        let ends = match scenario.expect {
            Expect::Fails { .. } | Expect::TimesOut { .. } => "fails and goes back",
            Expect::Heals => "heals",
            Expect::IsSuperseded => "is superseded",
        };
        trial(format!("{} {ends}", scenario.name), move || {
            happens(scenario)
        })
    });
    walks
        .chain([
            trial("every scenario takes place", async || nothing_is_left_out()),
            trial("two runs of a scenario tell the same", runs_alike),
        ])
        .collect()
}

fn nothing_is_left_out() -> Result<()> {
    let (bad, good): (Vec<&Scenario>, Vec<_>) =
        scenarios::all().partition(|it| it.expect.code().is_some());
    let found = (bad.len(), good.len());
    ensure!(
        found.0 >= AT_LEAST.0 && found.1 >= AT_LEAST.1,
        "only {found:?} scenarios"
    );
    Ok(())
}

async fn runs_alike() -> Result<()> {
    for scenario in scenarios::all().filter(|it| it.name.starts_with("crash")) {
        let mut reports = Vec::new();
        for _ in 0..2 {
            let (_world, checked) = up_to_verdict(scenario).await?;
            reports.push(checked.report);
        }
        ensure!(reports.first() == reports.last(), "{reports:#?}");
    }
    Ok(())
}

async fn happens(scenario: &'static Scenario) -> Result<()> {
    let (world, checked) = up_to_verdict(scenario).await?;
    is_as_on_the_real_cluster(scenario, &checked.report)?;
    match scenario.expect {
        Expect::Fails { code } | Expect::TimesOut { code } => {
            is_found_bad(&checked, code)?;
            goes_back(&world, &checked).await
        }
        Expect::Heals => {
            let sentence = &checked.report.sentence;
            ensure!(checked.outcome == Outcome::Succeeded, "{sentence}");
            world.has("v2").await
        }
        Expect::IsSuperseded => world.has("v3").await,
    }
}

/// The same verdict after about the same time as the recording comes to.
fn is_as_on_the_real_cluster(scenario: &Scenario, here: &Report) -> Result<()> {
    let trace = Trace::parse(&traces::text(scenario.name)?)?;
    let there = replay(&trace, policy(scenario))?;
    ensure!(
        here.verdict == there.verdict,
        "{} here, {} on the real cluster",
        here.sentence,
        there.sentence
    );
    let [here_took, there_took] = [here, &there].map(|it| elapsed(it.started, it.ended));
    ensure!(
        here_took.abs_diff(there_took) <= tolerance(scenario),
        "{here_took:?} here, {there_took:?} on the real cluster: {:#?}",
        here.timeline
    );
    Ok(())
}

fn tolerance(scenario: &Scenario) -> Duration {
    match scenario.name {
        "quota-frees-itself" => RETRY_TOLERANCE,
        _ => TOLERANCE,
    }
}

/// Sets the scene and checks v2.
async fn up_to_verdict(scenario: &'static Scenario) -> Result<(World, Checked)> {
    let trace = traces::text(scenario.name)?;
    let world = World::new(cast(World::blank()?, (scenario, &trace))?).await?;
    extras(&world, scenario, When::BeforeV1).await?;
    world.apply(scenario.v1).await?;
    if scenario.v1_is_healthy {
        world.is_healthy("v1").await.context("v1")?;
    } else {
        sleep(V1_SETTLES).await;
    }
    extras(&world, scenario, When::BeforeV2).await?;
    if is_played(scenario) {
        let refusal = recorded_refusal(&trace)?;
        world
            .faults()
            .refuse_pods(|pod| is_version(pod, "v2"), refusal);
    }
    world
        .apply(&with_recorded_image(scenario.v2, &trace)?)
        .await?;
    later(&world, scenario);
    sleep(STARTS_IN).await;
    let checked = world.check(policy(scenario).timeout).await.map_err(told)?;
    Ok((world, checked))
}

/// Whether an admission plug-in refuses v2 that only a real cluster has.
fn is_played(scenario: &Scenario) -> bool {
    scenario.extras.iter().any(|extra| match extra.what {
        What::Objects(yaml) => yaml.contains(PLAYED) || yaml.contains("pod-security"),
        What::Await(_)
        | What::PushLateTag
        | What::WakeRegistry
        | What::Scale(_)
        | What::EvictNewPod => false,
    })
}

async fn extras(world: &World, scenario: &Scenario, when: When) -> Result<()> {
    for extra in scenario.extras.iter().filter(|extra| extra.when == when) {
        match extra.what {
            What::Objects(yaml) if yaml.contains(PLAYED) => {}
            What::Objects(yaml) => world.apply(&filled(yaml)).await?,
            // The recorded pods play what a registry does.
            What::Await(_)
            | What::PushLateTag
            | What::WakeRegistry
            | What::Scale(_)
            | What::EvictNewPod => {}
        }
    }
    Ok(())
}

/// What is done after v2 was applied, at its time.
fn later(world: &World, scenario: &Scenario) {
    for extra in scenario.extras {
        if let (When::AfterV2(delay), What::Objects(yaml)) = (extra.when, extra.what) {
            let client = world.client();
            tokio::spawn(async move {
                sleep(delay).await;
                // A failure shows: the scenario does not heal.
                let _ = apply(&client, &filled(yaml)).await;
            });
        }
    }
}

/// With the names that only a cluster knows.
fn filled(yaml: &str) -> String {
    yaml.replace("${NAMESPACE}", NAMESPACE)
}

/// Where the image is in a registry of the real cluster, the recorded pods speak of that one.
fn with_recorded_image(yaml: &str, trace: &str) -> Result<String> {
    let image = recorded_image(trace)?;
    let lines = yaml.lines().map(|line| match line.split_once("image: ") {
        Some((indent, placeholder)) if placeholder.contains("${") => {
            format!("{indent}image: \"{image}\"\n")
        }
        Some(_) | None => format!("{line}\n"),
    });
    Ok(lines.collect())
}

fn is_found_bad(checked: &Checked, code: &str) -> Result<()> {
    let report = &checked.report;
    let expected = [Outcome::Failed, Outcome::TimedOut];
    ensure!(expected.contains(&checked.outcome), "{}", report.sentence);
    let first = report.findings.first().map(|it| it.code.to_string());
    ensure!(
        first.as_deref() == Some(code),
        "{first:?} instead of {code}"
    );
    ensure!(report.sentence.contains(code), "{}", report.sentence);
    ensure!(checked.handover.is_some(), "{:?}", report.rollback);
    Ok(())
}

/// Back to v1, healthy; and a second rollback never goes to the failed revision.
async fn goes_back(world: &World, checked: &Checked) -> Result<()> {
    let rolled_back = world
        .rollback(checked.handover.as_ref())
        .await
        .map_err(told)?;
    ensure!(
        rolled_back.word == Some(RollbackOutcome::RolledBack),
        "{rolled_back:?}"
    );
    world.is_healthy("v1").await.context("after the rollback")?;
    let again = world.rollback(None).await.map_err(told)?;
    ensure!(again.outcome == Outcome::Refused, "{again:?}");
    world.has("v1").await
}
