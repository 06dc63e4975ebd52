//! A rollback of what a selector finds: without evidence, only what shows a failure goes back.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use libtest_mimic::Trial;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_core::rollback::BatchOutcome::{AlreadyRolledBack, Refused, RolledBack};
use rollguard_sandbox::{Script, Verb};
use tokio::time::sleep;

use super::super::test_cluster::{
    NAMESPACE, TestCluster, as_error, rollback_inputs, web, workload,
};
use super::{done, not_done, says};
use crate::trial;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "what a selector finds goes back where it fails, and is left alone where it is healthy",
            only_what_fails,
        ),
        trial(
            "a rollback by a selector that is run again continues with what it restored",
            run_again,
        ),
        trial(
            "where everything that a selector finds is healthy, nothing is rolled back and that is no success",
            all_healthy,
        ),
        trial(
            "a rollout that is under way holds up a rollback by a selector, until it is named",
            under_way,
        ),
        trial(
            "a selector that finds nothing is an error, and nothing is changed",
            nothing_found,
        ),
        trial(
            "a kind that may not be listed is named beside what goes back",
            kind_forbidden,
        ),
    ]
}

/// By the labels of the two.
fn by_label() -> RollbackInputs {
    RollbackInputs {
        workloads: Vec::new(),
        selector: Some("app in (web, api)".to_owned()),
        wait: true,
        ..rollback_inputs(None)
    }
}

async fn deploy(cluster: &TestCluster, name: &str, version: &str) -> Result<()> {
    cluster.apply(&web(version).replace("web", name)).await
}

async fn version_of(cluster: &TestCluster, name: &str) -> Result<String> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client(), NAMESPACE);
    let deployment = deployments.get(name).await?;
    let template = deployment.spec.map(|it| it.template).unwrap_or_default();
    let labels = template
        .metadata
        .and_then(|it| it.labels)
        .unwrap_or_default();
    Ok(labels.get("version").cloned().unwrap_or_default())
}

/// `web` fails in v2 by this script, `api` is healthy in v1.
async fn one_fails(script: Script) -> Result<TestCluster> {
    let cluster = TestCluster::where_v2(script).await?;
    deploy(&cluster, "web", "v1").await?;
    deploy(&cluster, "api", "v1").await?;
    cluster.is_healthy("v1").await?;
    sleep(Duration::from_secs(30)).await;
    deploy(&cluster, "web", "v2").await?;
    Ok(cluster)
}

async fn only_what_fails() -> Result<()> {
    let scripts: [fn() -> Script; 3] = [
        || Script::crash_at_start(&["no database"], 1),
        Script::image_not_found,
        Script::invalid_image_name,
    ];
    for script in scripts {
        let cluster = one_fails(script()).await?;
        sleep(Duration::from_secs(600)).await;
        let went = cluster.rollback_as(&by_label()).await.map_err(as_error)?;
        done(&went, RolledBack, &cluster)?;
        ensure!(went.ended.len() == 1, "{went:#?}");
        says(
            &cluster,
            "deployment/api is left alone: its rollout is complete, and nothing shows that it fails",
        )?;
        let versions = (
            version_of(&cluster, "web").await?,
            version_of(&cluster, "api").await?,
        );
        ensure!(
            versions == ("v1".to_owned(), "v1".to_owned()),
            "{versions:?}"
        );
    }
    Ok(())
}

async fn run_again() -> Result<()> {
    let cluster = one_fails(Script::crash_at_start(&["no database"], 1)).await?;
    sleep(Duration::from_secs(600)).await;
    let went = cluster.rollback_as(&by_label()).await.map_err(as_error)?;
    done(&went, RolledBack, &cluster)?;
    let again = cluster.rollback_as(&by_label()).await.map_err(as_error)?;
    done(&again, AlreadyRolledBack, &cluster)
}

async fn all_healthy() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    for (name, version) in [("web", "v1"), ("api", "v1"), ("web", "v2")] {
        deploy(&cluster, name, version).await?;
        sleep(Duration::from_secs(60)).await;
    }
    let before = cluster.patches();
    let left = cluster.rollback_as(&by_label()).await.map_err(as_error)?;
    not_done(&left, Refused, "nothing shows that it fails")?;
    ensure!(cluster.patches() == before, "a patch was sent");
    let version = version_of(&cluster, "web").await?;
    ensure!(version == "v2", "{version}");
    let named = RollbackInputs {
        workloads: vec![workload()],
        ..by_label()
    };
    let went = cluster.rollback_as(&named).await.map_err(as_error);
    // By name a person decides: a healthy one goes back, if its target is known to be good.
    let said = cluster.said();
    ensure!(went.is_ok(), "{said}");
    ensure!(said.contains("deployment/api is left alone"), "{said}");
    Ok(())
}

async fn under_way() -> Result<()> {
    let cluster = one_fails(Script::slow_start(Duration::from_secs(120))).await?;
    sleep(Duration::from_secs(20)).await;
    let before = cluster.patches();
    let held = cluster.rollback_as(&by_label()).await.map_err(as_error)?;
    not_done(&held, Refused, "nothing shows yet that it fails")?;
    ensure!(cluster.patches() == before, "a patch was sent");
    says(&cluster, "name the workload to roll it back all the same")?;
    let named = RollbackInputs {
        selector: None,
        workloads: vec![workload()],
        ..by_label()
    };
    let went = cluster.rollback_as(&named).await.map_err(as_error)?;
    done(&went, RolledBack, &cluster)
}

async fn nothing_found() -> Result<()> {
    let cluster = one_fails(Script::crash_at_start(&["no database"], 1)).await?;
    let before = cluster.patches();
    let elsewhere = RollbackInputs {
        selector: Some("app=warehouse".to_owned()),
        ..by_label()
    };
    let Err(failure) = cluster.rollback_as(&elsewhere).await else {
        anyhow::bail!("{}", cluster.said());
    };
    ensure!(failure.outcome == Outcome::BadInput, "{failure:?}");
    let message = failure.messages().join("; ");
    ensure!(message.ends_with("; nothing was changed"), "{message}");
    ensure!(message.contains("app=warehouse"), "{message}");
    ensure!(cluster.patches() == before, "a patch was sent");
    Ok(())
}

async fn kind_forbidden() -> Result<()> {
    let cluster = one_fails(Script::crash_at_start(&["no database"], 1)).await?;
    sleep(Duration::from_secs(600)).await;
    cluster.faults().forbid(Verb::List, "statefulsets");
    let went = cluster.rollback_as(&by_label()).await.map_err(as_error)?;
    done(&went, RolledBack, &cluster)?;
    says(&cluster, "note: may not list statefulsets")
}
