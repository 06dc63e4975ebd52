//! Refusals of a rollback before anything is changed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::DeleteParams;
use libtest_mimic::Trial;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_core::rollback::Allowed;
use rollguard_core::rollback::BatchOutcome::{self, Healed, Refused, RolledBack, Superseded};
use rollguard_sandbox::Script;
use serde_json::json;
use tokio::time::sleep;

use super::super::test_cluster::{NAMESPACE, TestCluster, as_error, rollback_inputs, workload};
use super::{change, done, not_done, plain, says, where_only_v1_is_good};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "what Helm owns is refused unless a person insists",
            owned_by_helm,
        ),
        trial("a paused Deployment is refused until it is resumed", paused),
        trial(
            "a ConfigMap that is gone is refused until it is back",
            missing_config_map,
        ),
        trial(
            "a full quota is reported, and no reason to stay broken",
            quota,
        ),
        trial(
            "a quota that is smaller than a pod is refused until it is raised",
            small_quota,
        ),
        trial("a rollout that healed before the yes is left alone", healed),
        trial(
            "one that has just healed is given a moment to prove it",
            healing,
        ),
        trial("a newer rollout before the yes is left alone", superseded),
        trial(
            "a history that may not be read changes nothing and says so",
            unreadable,
        ),
        trial(
            "a revisionHistoryLimit of 0 leaves nothing to go back to",
            no_history,
        ),
    ]
}

async fn bad() -> Result<TestCluster> {
    let cluster = where_only_v1_is_good().await?;
    cluster.deploy("v2").await?;
    cluster.check(TIMEOUT).await.map_err(as_error)?;
    Ok(cluster)
}

/// Refused as it is, with nothing changed.
async fn refuses(cluster: &TestCluster, why: &str) -> Result<()> {
    let (before, said) = (cluster.patches(), cluster.said().len());
    let refused = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    not_done(&refused, Refused, why)?;
    let said = cluster.said().split_off(said);
    ensure!(said.matches("no rollback of").count() == 1, "{said}");
    ensure!(said.matches("hint: ").count() == 1, "{said}");
    ensure!(said.trim_end().ends_with("nothing was changed"), "{said}");
    ensure!(cluster.patches() == before, "a patch was sent");
    cluster.has("v2").await
}

async fn goes(cluster: &TestCluster, inputs: &RollbackInputs) -> Result<()> {
    let went = cluster.rollback_as(inputs).await.map_err(as_error)?;
    done(&went, RolledBack, cluster)?;
    cluster.has("v1").await
}

async fn owned_by_helm() -> Result<()> {
    let cluster = bad().await?;
    let owner = json!({"metadata": {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "shop"},
    }});
    change(&cluster, owner).await?;
    refuses(&cluster, "Helm").await?;
    let insisting = RollbackInputs {
        allowed: Allowed {
            force_owner: true,
            ..Allowed::default()
        },
        ..plain()
    };
    goes(&cluster, &insisting).await
}

async fn paused() -> Result<()> {
    let cluster = bad().await?;
    change(&cluster, json!({"spec": {"paused": true}})).await?;
    refuses(&cluster, "paused").await?;
    change(&cluster, json!({"spec": {"paused": false}})).await?;
    goes(&cluster, &plain()).await
}

async fn missing_config_map() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    let settings = "
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { level: info }
";
    cluster.apply(settings).await?;
    let env_from = json!([{"configMapRef": {"name": "settings"}}]);
    let with = |env_from: &serde_json::Value, version: &str| {
        json!({"spec": {"template": {
            "metadata": {"labels": {"version": version}},
            "spec": {"containers": [{"name": "app", "image": format!("registry.test/app:{version}"),
                "envFrom": env_from}]},
        }}})
    };
    change(&cluster, with(&env_from, "v1")).await?;
    cluster.is_healthy("v1").await?;
    change(&cluster, with(&json!([]), "v2")).await?;
    cluster.check(TIMEOUT).await.map_err(as_error)?;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), NAMESPACE);
    maps.delete("settings", &DeleteParams::default()).await?;
    refuses(&cluster, "ConfigMap `settings`").await?;
    cluster.apply(settings).await?;
    goes(&cluster, &plain()).await
}

async fn quota() -> Result<()> {
    let cluster = bad().await?;
    // Of the two replicas both of v1 and one of v2 are there.
    has_room_for(3, &cluster).await?;
    goes(&cluster, &plain()).await?;
    says(&cluster, "exceeded quota")
}

async fn small_quota() -> Result<()> {
    let cluster = where_only_v1_is_good().await?;
    // Where all of the target's pods are still there, none of them has to fit.
    let at_once = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
    change(&cluster, at_once).await?;
    cluster.deploy("v2").await?;
    cluster.check(TIMEOUT).await.map_err(as_error)?;
    has_room_for(0, &cluster).await?;
    refuses(&cluster, "can never fit into the quota (pods)").await?;
    says(&cluster, "hint: raise the quota")?;
    has_room_for(3, &cluster).await?;
    goes(&cluster, &plain()).await
}

async fn has_room_for(pods: u8, cluster: &TestCluster) -> Result<()> {
    let quota = format!(
        "
apiVersion: v1
kind: ResourceQuota
metadata: {{ name: pods }}
spec: {{ hard: {{ pods: '{pods}' }} }}
"
    );
    cluster.apply(&quota).await?;
    sleep(Duration::from_secs(5)).await;
    Ok(())
}

/// Seen too early, and then healthy after all.
async fn healed() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::slow_start(Duration::from_secs(35))).await?;
    cluster.deploy("v2").await?;
    let early = CheckInputs::of(workload(), Duration::from_secs(10), Duration::from_secs(3));
    let checked = cluster.check_as(&early).await.map_err(as_error)?;
    let evidence = checked.approval().cloned().context(cluster.said())?;
    sleep(Duration::from_secs(120)).await;
    let left = cluster.rollback(Some(&evidence)).await.map_err(as_error)?;
    not_done(&left, Healed, "has become healthy")?;
    cluster.has("v2").await
}

/// Seen too early, and just up when somebody approves: given the time to prove it, and no more.
async fn healing() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::slow_start(Duration::from_secs(35))).await?;
    cluster.deploy("v2").await?;
    let early = CheckInputs::of(workload(), Duration::from_secs(10), Duration::from_secs(3));
    let checked = cluster.check_as(&early).await.map_err(as_error)?;
    let evidence = checked.approval().cloned().context(cluster.said())?;
    while cluster.updated_and_available().await? < 2 {
        sleep(Duration::from_secs(1)).await;
    }
    let left = cluster.rollback(Some(&evidence)).await.map_err(as_error)?;
    says(
        &cluster,
        "is complete, but not yet for long enough: checking again in",
    )?;
    not_done(&left, Healed, "has become healthy")?;
    cluster.has("v2").await
}

async fn superseded() -> Result<()> {
    let cluster = bad().await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    let evidence = checked.approval().cloned().context(cluster.said())?;
    cluster.deploy("v3").await?;
    let before = cluster.patches();
    let inputs = RollbackInputs {
        wait: true,
        ..rollback_inputs(Some(&evidence))
    };
    let left = cluster.rollback_as(&inputs).await.map_err(as_error)?;
    not_done(&left, Superseded, "a newer rollout began")?;
    ensure!(cluster.patches() == before, "a patch was sent");
    cluster.has("v3").await
}

async fn unreadable() -> Result<()> {
    let cluster = bad().await?;
    cluster
        .faults()
        .forbid(rollguard_sandbox::Verb::List, "replicasets");
    let Err(failure) = cluster.rollback_as(&plain()).await else {
        anyhow::bail!("{}", cluster.said());
    };
    let text = failure.messages().join("; ");
    ensure!(text.ends_with("nothing was changed"), "{text}");
    cluster.has("v2").await
}

async fn no_history() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    change(&cluster, json!({"spec": {"revisionHistoryLimit": 0}})).await?;
    cluster.deploy("v4").await?;
    cluster.is_healthy("v4").await?;
    sleep(Duration::from_secs(5)).await;
    let expected: BatchOutcome = Refused;
    let refused = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    not_done(&refused, expected, "revisions: ")?;
    cluster.has("v4").await
}
