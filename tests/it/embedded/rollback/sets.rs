//! StatefulSets whose pods stay stuck although the template is back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use libtest_mimic::Trial;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_core::rollback::BatchOutcome;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_sandbox::{ApiFailure, Fault, Requests, Script, Verb};
use tokio::time::sleep;

use super::super::recorded_pods::is_version;
use super::super::test_cluster::{NAMESPACE, TestCluster, as_error, check_of};
use super::{done, not_done, says};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(120);
const STABLE_FOR: Duration = Duration::from_secs(3);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a StatefulSet stuck on its only pod comes back",
            async || comes_back(1, true).await,
        ),
        trial(
            "a StatefulSet with a healthy ordinal and a stuck one comes back",
            async || comes_back(3, true).await,
        ),
        trial(
            "a StatefulSet is got going even if nobody waits",
            async || comes_back(2, false).await,
        ),
        trial(
            "three stuck pods come back one by one, though nobody waits for so long",
            async || one_by_one(false).await,
        ),
        trial(
            "three stuck pods come back one by one before a check runs out of time",
            async || one_by_one(true).await,
        ),
        trial(
            "a pod that stays stuck is no success, and the next run goes on with it",
            goes_on,
        ),
        trial(
            "deletions that fail are told with one outcome, with a check and without",
            async || {
                deletions_fail(true).await?;
                deletions_fail(false).await
            },
        ),
        trial(
            "reads that fail before and after the patch are repeated, and the stuck pod is deleted",
            async || {
                reads_fail(true).await?;
                reads_fail(false).await
            },
        ),
        trial(
            "a check that runs out of time before a stuck pod's turn says so",
            runs_out,
        ),
        trial(
            "pods that only take their time are no error",
            takes_its_time,
        ),
        trial(
            "a StatefulSet whose pods may not be deleted is refused before anything",
            may_not_delete,
        ),
    ]
}

pub(super) fn db() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::StatefulSet,
        namespace: NAMESPACE.to_owned(),
        name: "db".to_owned(),
    }
}

fn yaml(version: &str, replicas: i32) -> String {
    format!(
        "
apiVersion: apps/v1
kind: StatefulSet
metadata: {{ name: db, labels: {{ app: db }} }}
spec:
  replicas: {replicas}
  serviceName: db
  selector: {{ matchLabels: {{ app: db }} }}
  template:
    metadata: {{ labels: {{ app: db, version: {version} }} }}
    spec:
      containers:
        - name: app
          image: registry.test/app:{version}
          readinessProbe: {{ httpGet: {{ path: /, port: 8080 }}, periodSeconds: 1 }}
"
    )
}

pub(super) fn plain() -> RollbackInputs {
    RollbackInputs {
        wait: true,
        ..RollbackInputs::of(db(), TIMEOUT, STABLE_FOR)
    }
}

/// v1 was healthy, and v2 does not come up.
pub(super) async fn stuck(replicas: i32) -> Result<TestCluster> {
    let crashes = Script::crash_at_start(&["no disk"], 1);
    let builder = TestCluster::blank()?.play(|pod| is_version(pod, "v2"), crashes);
    let cluster = TestCluster::new(builder).await?;
    cluster.apply(&yaml("v1", replicas)).await?;
    let check = check_of(db(), TIMEOUT, STABLE_FOR);
    let good = cluster.check_as(&check).await.map_err(as_error)?;
    ensure!(good.outcome == Outcome::Succeeded, "{}", cluster.said());
    cluster.apply(&yaml("v2", replicas)).await?;
    let bad = cluster.check_as(&check).await.map_err(as_error)?;
    ensure!(bad.outcome == Outcome::Failed, "{}", cluster.said());
    Ok(cluster)
}

pub(super) async fn has(cluster: &TestCluster, version: &str) -> Result<()> {
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client(), NAMESPACE);
    let set = sets.get("db").await?;
    let template = set.spec.context("no spec")?.template;
    let labels = template.metadata.and_then(|it| it.labels);
    let found = labels.and_then(|it| it.get("version").cloned());
    ensure!(found.as_deref() == Some(version), "{found:?}");
    Ok(())
}

async fn comes_back(replicas: i32, wait: bool) -> Result<()> {
    let cluster = stuck(replicas).await?;
    let inputs = RollbackInputs { wait, ..plain() };
    let back = cluster.rollback_as(&inputs).await.map_err(as_error)?;
    ensure!(back.outcome == Outcome::RolledBack, "{}", cluster.said());
    ensure!(
        cluster.deleted_pods() == 1,
        "{} pods deleted: {}",
        cluster.deleted_pods(),
        cluster.said()
    );
    says(&cluster, &format!("deleted Pod db-{}", replicas - 1))?;
    has(&cluster, "v1").await?;
    let again = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    done(&again, BatchOutcome::AlreadyRolledBack, &cluster)?;
    ensure!(cluster.deleted_pods() == 1, "{}", cluster.said());
    Ok(())
}

/// How long a pod of v1 takes: three of them take longer than a rollback may.
const SLOW: Duration = Duration::from_secs(40);
const SHORT: Duration = Duration::from_secs(60);

fn short(wait: bool, timeout: Duration) -> RollbackInputs {
    RollbackInputs {
        wait,
        ..RollbackInputs::of(db(), timeout, STABLE_FOR)
    }
}

/// v1 was healthy and starts slowly; of v2, which had come up, these pods are not ready any more.
async fn broken_later(unready: &[u32]) -> Result<TestCluster> {
    let builder = TestCluster::blank()?.play(|pod| is_version(pod, "v1"), Script::slow_start(SLOW));
    let cluster = TestCluster::new(builder).await?;
    cluster.apply(&yaml("v1", 3)).await?;
    let check = check_of(db(), 5 * SHORT, STABLE_FOR);
    let good = cluster.check_as(&check).await.map_err(as_error)?;
    ensure!(good.outcome == Outcome::Succeeded, "{}", cluster.said());
    cluster.apply(&yaml("v2", 3)).await?;
    sleep(SHORT).await;
    let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
    for ordinal in unready {
        let mut pod = pods.get(&format!("db-{ordinal}")).await?;
        ensure!(is_version(&pod, "v2"), "db-{ordinal} is not of v2");
        let status = pod.status.as_mut().context("no status")?;
        for condition in status.conditions.iter_mut().flatten() {
            if ["Ready", "ContainersReady"].contains(&condition.type_.as_str()) {
                "False".clone_into(&mut condition.status);
            }
        }
        let name = format!("db-{ordinal}");
        pods.replace_status(&name, &PostParams::default(), &pod)
            .await?;
    }
    Ok(cluster)
}

async fn one_by_one(wait: bool) -> Result<()> {
    let cluster = broken_later(&[0, 1, 2]).await?;
    let back = cluster.rollback_as(&short(wait, SHORT)).await;
    let back = back.map_err(as_error)?;
    ensure!(back.outcome == Outcome::RolledBack, "{}", cluster.said());
    ensure!(back.errors.is_empty(), "{back:#?}");
    ensure!(cluster.deleted_pods() == 3, "{}", cluster.said());
    if wait {
        says(&cluster, "one after the other: the check may take 3m")?;
    }
    has(&cluster, "v1").await
}

async fn goes_on() -> Result<()> {
    let cluster = broken_later(&[0, 1]).await?;
    // Too short for one pod.
    let back = cluster.rollback_as(&short(false, SLOW / 2)).await;
    let back = back.map_err(as_error)?;
    let said = cluster.said();
    ensure!(back.outcome == Outcome::PartlyRolledBack, "{said}");
    let part = Some(BatchOutcome::PartlyRolledBack);
    ensure!(back.word == part, "{back:#?}");
    let why = "Pod db-1 of revision 2 is stuck; run the rollback again";
    says(&cluster, why)?;
    ensure!(back.errors.join("; ").contains(why), "{back:#?}");
    ensure!(cluster.deleted_pods() == 1, "{said}");
    let again = cluster.rollback_as(&short(false, SHORT)).await;
    let again = again.map_err(as_error)?;
    ensure!(again.outcome == Outcome::RolledBack, "{}", cluster.said());
    let before = Some(BatchOutcome::AlreadyRolledBack);
    ensure!(again.word == before, "{again:#?}");
    ensure!(again.errors.is_empty(), "{again:#?}");
    ensure!(cluster.deleted_pods() == 2, "{}", cluster.said());
    Ok(())
}

async fn runs_out() -> Result<()> {
    let cluster = broken_later(&[0, 1]).await?;
    let back = cluster.rollback_as(&short(true, SLOW / 2)).await;
    let back = back.map_err(as_error)?;
    ensure!(back.outcome == Outcome::PartlyRolledBack, "{back:#?}");
    let part = Some(BatchOutcome::PartlyRolledBack);
    ensure!(back.word == part, "{back:#?}");
    let why = "Pod db-1 of revision 2 is stuck; run the rollback again";
    says(&cluster, why)?;
    ensure!(back.errors.join("; ").contains(why), "{back:#?}");
    Ok(())
}

/// The others are ready, and the controller replaces them by itself.
async fn takes_its_time() -> Result<()> {
    let cluster = broken_later(&[2]).await?;
    let back = cluster.rollback_as(&short(false, SLOW / 2)).await;
    let back = back.map_err(as_error)?;
    ensure!(back.outcome == Outcome::RolledBack, "{}", cluster.said());
    ensure!(back.errors.is_empty(), "{back:#?}");
    ensure!(cluster.deleted_pods() == 1, "{}", cluster.said());
    Ok(())
}

/// A webhook, say, refuses every deletion.
async fn deletions_fail(wait: bool) -> Result<()> {
    let cluster = stuck(2).await?;
    let deletions = Requests::all()
        .verb(Verb::Delete)
        .resource("pods")
        .dry_run(false);
    let refused = ApiFailure::forbidden("admission webhook \"guard\" denied the request: no");
    cluster.faults().inject(deletions, Fault::Answer(refused));
    let inputs = RollbackInputs { wait, ..plain() };
    let back = cluster.rollback_as(&inputs).await.map_err(as_error)?;
    ensure!(back.outcome == Outcome::PartlyRolledBack, "{back:#?}");
    let part = Some(BatchOutcome::PartlyRolledBack);
    ensure!(back.word == part, "{back:#?}");
    says(&cluster, "admission webhook")?;
    has(&cluster, "v1").await
}

/// The connection breaks for some seconds before the first read, and once more after the patch.
async fn reads_fail(wait: bool) -> Result<()> {
    let cluster = stuck(2).await?;
    let faults = cluster.faults();
    faults.inject_next(3, Requests::all(), Fault::Disconnect);
    let patches = cluster.patches();
    let trouble = async {
        while cluster.patches() == patches {
            sleep(Duration::from_millis(1)).await;
        }
        faults.inject(Requests::all(), Fault::Disconnect);
        faults.drop_watches(&Requests::all());
        sleep(Duration::from_secs(10)).await;
        faults.clear();
    };
    let inputs = RollbackInputs { wait, ..plain() };
    let (back, ()) = tokio::join!(cluster.rollback_as(&inputs), trouble);
    let back = back.map_err(as_error)?;
    ensure!(back.outcome == Outcome::RolledBack, "{}", cluster.said());
    ensure!(cluster.deleted_pods() >= 1, "{}", cluster.said());
    has(&cluster, "v1").await
}

async fn may_not_delete() -> Result<()> {
    let cluster = stuck(2).await?;
    cluster.faults().forbid(Verb::Delete, "pods");
    let refused = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    not_done(&refused, BatchOutcome::Refused, "may not delete pods")?;
    has(&cluster, "v2").await
}
