//! Each scenario as a user lives through it: v1 is checked, v2 is checked, and where v2 fails it is
//! rolled back and checked again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use libtest_mimic::Trial;
use rollguard::run::check::Checked;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_core::duration::elapsed;
use rollguard_core::report::Report;
use rollguard_core::rollback::BatchOutcome;
use rollguard_core::rollback::RollbackHealth;
use rollguard_core::trace::Trace;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_tests::scenarios::{self, Expect, Kind, Scenario, What, When};
use serde_json::json;
use tokio::time::sleep;

use super::recorded_pods::{is_version, play_recorded_pods, recorded_image, recorded_refusal};
use super::test_cluster::{NAMESPACE, TestCluster, apply, as_error};
use crate::traces::{self, policy, replay};
use crate::trial;

/// How many scenarios fail and heal at least; fewer means that a table was cut.
const AT_LEAST: (usize, usize) = (60, 22);
/// What the embedded cluster cannot play, and why.
const NOT_HERE: &[(&str, &str)] = &[
    ("taint-not-tolerated", "its nodes have no taints"),
    ("node-cordoned", "its nodes have no labels"),
    ("agent-node-lost", "its lost nodes do not count"),
    ("agent-lost-node-blocks", "its lost nodes do not count"),
    ("db-claim-unbound", "nobody makes volumes for claims"),
];
/// The controller would not act on a rollback.
const NOTHING_TO_GO_BACK_TO: [&str; 3] = ["paused", "db-on-delete", "agent-on-delete"];
/// What makes v2 fail makes v1 fail as well.
const STILL_BROKEN: [&str; 2] = ["answers-old-page", "db-broken-stays"];
/// How long a check begins after the update: what a program takes to start.
const STARTS_IN: Duration = Duration::from_millis(200);
/// How much earlier or later than on the real cluster a verdict may come.
const TOLERANCE: Duration = Duration::from_secs(3);
/// The same where the ReplicaSet's doubling retries decide: one retry earlier or later is 10 s; and
/// where pods have been ready for longer than on the real cluster.
const RETRY_TOLERANCE: Duration = Duration::from_secs(12);
/// What stands for admission plug-ins that the embedded cluster does not have; their refusals are
/// played.
const PLAYED: [&str; 4] = [
    "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration",
    "pod-security",
    "priorityClassName",
];
/// Kinds that it does not serve, or that the recorded pods know of without them.
const NOT_SERVED: [&str; 4] = [
    "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration",
    "kind: PersistentVolumeClaim",
    "kind: Node",
];
/// The toleration of a DaemonSet that runs on two nodes.
const TWO_NODES: &str = "rollguard.test/second";
/// How long a complete rollout must stay so.
const STABLE_FOR: Duration = Duration::from_secs(10);
/// The same for the checks of v1.
const V1_STABLE_FOR: Duration = Duration::from_secs(3);
/// The timeout of the checks of v1.
const V1_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a v1 that never becomes healthy is left alone.
const V1_SETTLES: Duration = Duration::from_secs(30);

/// One trial per scenario.
pub(crate) fn trials() -> Vec<Trial> {
    let walks = here().map(|scenario| {
        let ends = match scenario.expect {
            Expect::Fails { .. } | Expect::TimesOut { .. } => "does not come to a good end",
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

/// The scenarios that take place here.
fn here() -> impl Iterator<Item = &'static Scenario> {
    let not_here = |name: &str| NOT_HERE.iter().any(|(it, _)| *it == name);
    scenarios::all().filter(move |it| !not_here(it.name))
}

fn nothing_is_left_out() -> Result<()> {
    let (bad, good): (Vec<&Scenario>, Vec<_>) = here().partition(|it| it.expect.code().is_some());
    let found = (bad.len(), good.len());
    ensure!(
        found.0 >= AT_LEAST.0 && found.1 >= AT_LEAST.1,
        "only {found:?} scenarios"
    );
    Ok(())
}

async fn runs_alike() -> Result<()> {
    for scenario in here().filter(|it| it.name.contains("crash")) {
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
    let (cluster, checked) = up_to_verdict(scenario).await?;
    is_as_on_the_real_cluster(scenario, &checked.report)?;
    match scenario.expect {
        Expect::Fails { code } | Expect::TimesOut { code } => {
            is_found_bad(&checked, code)?;
            let known = !NOTHING_TO_GO_BACK_TO.contains(&scenario.name);
            let approved = checked.approval().is_some();
            ensure!(approved == known, "{:?}", checked.report.rollback);
            if known {
                goes_back(&cluster, scenario, &checked).await?;
            }
            Ok(())
        }
        Expect::Heals => {
            let sentence = &checked.report.sentence;
            ensure!(checked.outcome == Outcome::Succeeded, "{sentence}");
            has(&cluster, scenario, "v2").await
        }
        Expect::IsSuperseded => has(&cluster, scenario, "v3").await,
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
        "quota-frees-itself" | "deadline-is-stale" => RETRY_TOLERANCE,
        _ => TOLERANCE,
    }
}

/// Sets the scene and checks v2.
async fn up_to_verdict(scenario: &'static Scenario) -> Result<(TestCluster, Checked)> {
    let trace = traces::text(scenario.name)?;
    let mut blank = TestCluster::blank()?;
    if scenario.v2.contains(TWO_NODES) && scenario.kind == Kind::DaemonSet {
        blank = blank.node("first-node").node("second-node");
    }
    let cluster = TestCluster::new(play_recorded_pods(blank, (scenario, &trace))?).await?;
    extras(&cluster, scenario, When::BeforeV1).await?;
    cluster.apply(scenario.v1).await?;
    if scenario.v1_is_healthy {
        is_healthy(&cluster, scenario).await.context("v1")?;
    } else {
        sleep(V1_SETTLES).await;
    }
    extras(&cluster, scenario, When::BeforeV2).await?;
    if is_played(scenario) {
        let refusal = recorded_refusal(&trace)?;
        cluster
            .faults()
            .refuse_pods(|pod| is_version(pod, "v2"), refusal);
    }
    cluster
        .apply(&with_recorded_image(scenario.v2, &trace)?)
        .await?;
    later(&cluster, scenario);
    sleep(STARTS_IN).await;
    let policy = policy(scenario);
    let inputs = CheckInputs {
        http: policy.http,
        ..CheckInputs::of(workload(scenario), policy.timeout, STABLE_FOR)
    };
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    Ok((cluster, checked))
}

fn workload(scenario: &Scenario) -> WorkloadRef {
    WorkloadRef {
        kind: match scenario.kind {
            Kind::Deployment => WorkloadKind::Deployment,
            Kind::StatefulSet => WorkloadKind::StatefulSet,
            Kind::DaemonSet => WorkloadKind::DaemonSet,
        },
        namespace: NAMESPACE.to_owned(),
        name: scenario.kind.name().to_owned(),
    }
}

/// Checks whether v1 is there and healthy.
async fn is_healthy(cluster: &TestCluster, scenario: &Scenario) -> Result<()> {
    let inputs = CheckInputs::of(workload(scenario), V1_TIMEOUT, V1_STABLE_FOR);
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    let sentence = checked.report.sentence;
    ensure!(checked.outcome == Outcome::Succeeded, "{sentence}");
    has(cluster, scenario, "v1").await
}

/// Checks whether the workload has the template of a version.
async fn has(cluster: &TestCluster, scenario: &Scenario, version: &str) -> Result<()> {
    let name = scenario.kind.name();
    let workload = objects(&cluster.client(), "apps", &format!("{:?}", scenario.kind))
        .get(name)
        .await?;
    let found = &workload.data["spec"]["template"]["metadata"]["labels"]["version"];
    ensure!(found == version, "{found} instead of {version}");
    Ok(())
}

fn objects(client: &Client, group: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    Api::namespaced_with(client.clone(), NAMESPACE, &resource)
}

/// Returns whether an admission plug-in refuses v2 that only a real cluster has.
fn is_played(scenario: &Scenario) -> bool {
    let played = |yaml: &str| PLAYED.iter().any(|it| yaml.contains(it));
    let extras = scenario.extras.iter().any(|extra| match extra.what {
        What::Objects(yaml) => played(yaml),
        What::Await(_)
        | What::PushLateTag
        | What::WakeRegistry
        | What::Scale(_)
        | What::EvictNewPod => false,
    });
    extras || played(scenario.v2)
}

async fn extras(cluster: &TestCluster, scenario: &Scenario, when: When) -> Result<()> {
    for extra in scenario.extras.iter().filter(|extra| extra.when == when) {
        perform(&cluster.client(), scenario, extra.what).await?;
    }
    Ok(())
}

async fn perform(client: &Client, scenario: &Scenario, what: What) -> Result<()> {
    match what {
        What::Objects(yaml) if NOT_SERVED.iter().any(|it| yaml.contains(it)) => {}
        What::Objects(yaml) => apply(client, &filled(yaml)).await?,
        What::Await(_) => sleep(V1_SETTLES).await,
        What::Scale(replicas) => {
            let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
            objects(client, "apps", "Deployment")
                .patch(scenario.kind.name(), &PatchParams::default(), &patch)
                .await?;
        }
        What::EvictNewPod => {
            let pods = objects(client, "", "Pod");
            let of_v2 = ListParams::default().labels("version=v2");
            let pod = pods.list(&of_v2).await?.items.into_iter().next();
            let name = pod.and_then(|it| it.metadata.name).context("no new pod")?;
            pods.delete(&name, &DeleteParams::default()).await?;
        }
        // The recorded pods play what a registry does.
        What::PushLateTag | What::WakeRegistry => {}
    }
    Ok(())
}

/// Carries out what follows once v2 is applied, at its time.
fn later(cluster: &TestCluster, scenario: &'static Scenario) {
    for extra in scenario.extras {
        if let When::AfterV2(delay) = extra.when {
            let client = cluster.client();
            tokio::spawn(async move {
                sleep(delay).await;
                // A failure shows: the scenario does not heal.
                let _ = perform(&client, scenario, extra.what).await;
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
    Ok(())
}

/// Back to v1, healthy; and a second rollback, which knows of the first only what stands in the
/// cluster, finds it done.
async fn goes_back(cluster: &TestCluster, scenario: &Scenario, checked: &Checked) -> Result<()> {
    let policy = policy(scenario);
    let plain = RollbackInputs {
        http: policy.http,
        wait: true,
        ..RollbackInputs::of(workload(scenario), V1_TIMEOUT, V1_STABLE_FOR)
    };
    let approved = RollbackInputs {
        evidence: checked.approval().cloned(),
        ..plain.clone()
    };
    for (inputs, word) in [
        (approved, BatchOutcome::RolledBack),
        (plain, BatchOutcome::AlreadyRolledBack),
    ] {
        let done = cluster.rollback_as(&inputs).await.map_err(as_error)?;
        let said = cluster.said();
        ensure!(done.word == Some(word), "{done:#?}{said}");
        let healthy = done.health == Some(RollbackHealth::Healthy);
        let expected = !STILL_BROKEN.contains(&scenario.name);
        ensure!(healthy == expected, "{done:#?}{said}");
        let outcome = if healthy {
            Outcome::RolledBack
        } else {
            Outcome::RolledBackUnhealthy
        };
        ensure!(done.outcome == outcome, "{done:#?}{said}");
        has(cluster, scenario, "v1").await?;
    }
    Ok(())
}
