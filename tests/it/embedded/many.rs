//! Several workloads in one check, and how little one takes.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use libtest_mimic::Trial;
use rollguard::run::check::Checked;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_core::duration::elapsed;
use rollguard_core::report::{Proposal, summary};
use rollguard_core::workload::WorkloadRef;
use rollguard_sandbox::{Fault, Requests, Script, Verb};
use tokio::time::{Instant, sleep};

use super::test_cluster::{NAMESPACE, TestCluster, as_error, check_of, web, workload};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(120);
const STABLE_FOR: Duration = Duration::from_secs(10);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what has long been stable passes at once", passes_at_once),
        trial("all of several workloads are healthy", all_healthy),
        trial(
            "a selector that may leave some out is no success",
            some_kind_is_forbidden,
        ),
        trial(
            "one of several workloads fails: only that one would go back",
            one_fails,
        ),
        trial("a workload that does not exist is named", one_is_missing),
        trial(
            "of forty that fail the approver reads the first few and the remedy",
            forty_fail,
        ),
        trial(
            "a node that gives no logs holds up the report once, not for each cause",
            logs_that_hang,
        ),
        trial(
            "nobody asks for the log of what never started",
            logs_of_nothing,
        ),
    ]
}

fn api() -> WorkloadRef {
    WorkloadRef {
        name: "api".to_owned(),
        ..workload()
    }
}

/// `web` and `api`, both healthy in v1; pods of v2 crash.
async fn two() -> Result<TestCluster> {
    let cluster = TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    deploy_api(&cluster, "v1").await?;
    Ok(cluster)
}

async fn deploy_api(cluster: &TestCluster, version: &str) -> Result<()> {
    cluster.apply(&web(version).replace("web", "api")).await
}

fn both() -> CheckInputs {
    CheckInputs {
        workloads: vec![workload(), api()],
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    }
}

async fn check(cluster: &TestCluster) -> Result<Checked> {
    cluster.check_as(&both()).await.map_err(as_error)
}

async fn passes_at_once() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    sleep(Duration::from_secs(600)).await;
    let before = cluster.reads().len();
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    let report = checked.report;
    ensure!(checked.outcome == Outcome::Succeeded, "{report:#?}");
    ensure!(report.ended == report.started, "{report:#?}");
    let reads = cluster.reads().split_off(before);
    let watches = |path: &&String| path.contains("watch=true");
    let others: Vec<&String> = reads.iter().filter(|path| !watches(path)).collect();
    // The Deployment itself, a list of each of four resources, and one round of six more for the traffic, with the groups
    // of the API.
    ensure!(others.len() == 12, "{others:#?}");
    Ok(())
}

async fn all_healthy() -> Result<()> {
    let cluster = two().await?;
    let checked = check(&cluster).await?;
    let sentence = &checked.report.sentence;
    ensure!(checked.outcome == Outcome::Succeeded, "{sentence}");
    ensure!(checked.report.workloads.len() == 2, "{sentence}");
    ensure!(sentence.starts_with("all 2 workloads"), "{sentence}");
    Ok(())
}

async fn some_kind_is_forbidden() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    cluster.faults().forbid(Verb::List, "statefulsets");
    let inputs = CheckInputs {
        workloads: Vec::new(),
        selector: Some("app=web".to_owned()),
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    };
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    let sentence = &checked.report.sentence;
    ensure!(checked.outcome == Outcome::Undetermined, "{sentence}");
    ensure!(
        sentence.starts_with("all visible workloads are healthy")
            && sentence.contains("statefulsets"),
        "{sentence}"
    );
    Ok(())
}

async fn one_fails() -> Result<()> {
    let cluster = two().await?;
    check(&cluster).await?;
    deploy_api(&cluster, "v2").await?;
    let checked = check(&cluster).await?;
    let report = &checked.report;
    ensure!(checked.outcome == Outcome::Failed, "{report:#?}");
    let Proposal::Apply {
        workloads,
        left_alone,
        evidence,
    } = &report.rollback
    else {
        anyhow::bail!("{report:#?}");
    };
    let proposed: Vec<&WorkloadRef> = workloads.iter().map(|it| &it.workload).collect();
    ensure!(proposed == [&api()], "{proposed:?}");
    ensure!(*left_alone == [workload()], "{left_alone:?}");
    ensure!(
        evidence.of(&api()).is_some() && evidence.of(&workload()).is_none(),
        "{evidence:?}"
    );
    let told = format!("{:?}", report.findings.first());
    ensure!(told.contains("no database"), "{told}");
    Ok(())
}

async fn one_is_missing() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    let Err(failure) = cluster.check_as(&both()).await else {
        anyhow::bail!("it was found");
    };
    ensure!(failure.outcome == Outcome::BadInput, "{failure:?}");
    let text = failure.messages().join(" ");
    ensure!(text.contains("deployment/api"), "{text}");
    Ok(())
}

/// `count` workloads with pods of v2, each with a container of its own name.
async fn several(cluster: &TestCluster, count: usize) -> Result<CheckInputs> {
    for n in 0..count {
        let yaml = web("v2")
            .replace("name: web", &format!("name: w{n}"))
            .replace("app: web", &format!("app: w{n}"))
            .replace("- name: app", &format!("- name: c{n}"));
        cluster.apply(&yaml).await?;
    }
    let workloads = (0..count).map(|n| WorkloadRef {
        name: format!("w{n}"),
        ..workload()
    });
    Ok(CheckInputs {
        workloads: workloads.collect(),
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    })
}

async fn forty_fail() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::invalid_image_name()).await?;
    let inputs = several(&cluster, 40).await?;
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    let report = &checked.report;
    ensure!(checked.outcome == Outcome::Failed, "{}", report.sentence);
    let said = summary(report, 2400);
    let named = said.matches(" (failed): ").count();
    ensure!(named == 5 && said.contains("… and 35 more"), "{said}");
    ensure!(said.contains("Remedy: "), "{said}");
    let refused = matches!(report.rollback, Proposal::Refused { .. });
    ensure!(refused, "{report:#?}");
    Ok(())
}

async fn logs_that_hang() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    let inputs = several(&cluster, 5).await?;
    let logs = Requests::all().resource("pods/log");
    cluster.faults().inject(logs, Fault::NeverAnswer);
    let begun = Instant::now();
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    let report = &checked.report;
    ensure!(checked.outcome == Outcome::Failed, "{}", report.sentence);
    let verdict = elapsed(report.started, report.ended);
    let held_up = begun.elapsed().saturating_sub(verdict);
    ensure!(held_up < Duration::from_secs(12), "{held_up:?}");
    let notes = report.blind_spots.join("; ");
    ensure!(notes.contains("no answer within 10s"), "{notes}");
    Ok(())
}

async fn logs_of_nothing() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::image_not_found()).await?;
    let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
    let former = pods.list(&ListParams::default()).await?.items;
    let former: Vec<String> = former.iter().map(ResourceExt::name_any).collect();
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    ensure!(checked.outcome == Outcome::Failed, "{:?}", checked.report);
    // The logs of the former pods are read to be compared with.
    let of_former = |log: &String| former.iter().any(|pod| log.contains(pod));
    let logs = cluster
        .reads()
        .into_iter()
        .filter(|it| it.contains("/log?") && !of_former(it));
    let logs: Vec<String> = logs.collect();
    ensure!(logs.is_empty(), "{logs:?}");
    Ok(())
}
