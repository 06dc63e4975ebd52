//! A complete rollout is followed on to the users: with which requests, and with which end.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rollguard::run::check::Checked;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_core::finding::FindingCode;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Script, Verb};

use super::test_cluster::{TestCluster, as_error, check_of, workload};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(120);
const STABLE_FOR: Duration = Duration::from_secs(10);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "an update that no Service selects any more fails and is rolled back",
            lost,
        ),
        trial(
            "a Service that is applied some seconds later heals it",
            applied_late,
        ),
        trial("with --no-traffic no Service is read", not_followed),
        trial(
            "who may not list Services is told, and the rollout succeeds",
            not_permitted,
        ),
        trial(
            "Services that cannot be listed hold up a success for ten seconds",
            not_answered,
        ),
        trial("a Service that leads to the pods is told", served),
    ]
}

fn service(selector: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{ name: web }}
spec:
  selector: {{ {selector} }}
  ports: [{{ port: 80, targetPort: 8080 }}]
"
    )
}

/// v2 is healthy, and the Service selects v1 only. The embedded cluster writes no EndpointSlices, so
/// that no Service has an endpoint.
async fn updated(selector: &str) -> Result<TestCluster> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    cluster.apply(&service(selector)).await?;
    cluster.deploy("v2").await?;
    Ok(cluster)
}

async fn check(cluster: &TestCluster) -> Result<Checked> {
    cluster.check(TIMEOUT).await.map_err(as_error)
}

fn codes(checked: &Checked) -> Vec<FindingCode> {
    checked.report.findings.iter().map(|it| it.code).collect()
}

async fn lost() -> Result<()> {
    let cluster = updated("app: web, version: v1").await?;
    let checked = check(&cluster).await?;
    let sentence = &checked.report.sentence;
    ensure!(checked.outcome == Outcome::Failed, "{sentence}");
    ensure!(
        sentence.contains("is rolled out, but not reachable: Service `web` selects `version: v1`"),
        "{sentence}"
    );
    ensure!(codes(&checked) == [FindingCode::ServiceSelectsNoPod]);
    let rolled_back = cluster.rollback(checked.approval()).await;
    let rolled_back = rolled_back.map_err(as_error)?;
    ensure!(
        rolled_back.outcome == Outcome::RolledBack,
        "{}",
        cluster.said()
    );
    cluster.has("v1").await
}

async fn applied_late() -> Result<()> {
    let cluster = updated("app: web, version: v1").await?;
    let repair = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        cluster.apply(&service("app: web, version: v2")).await
    };
    let (checked, repaired) = tokio::join!(check(&cluster), repair);
    repaired?;
    let checked = checked?;
    ensure!(
        checked.outcome == Outcome::Succeeded,
        "{}",
        checked.report.sentence
    );
    Ok(())
}

fn lists(cluster: &TestCluster) -> usize {
    let used = cluster.permissions_used();
    used.iter().filter(|it| *it == "list services").count()
}

async fn not_followed() -> Result<()> {
    let cluster = updated("app: web, version: v1").await?;
    let before = lists(&cluster);
    let inputs = CheckInputs {
        traffic: false,
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    };
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    ensure!(
        checked.outcome == Outcome::Succeeded,
        "{}",
        checked.report.sentence
    );
    ensure!(lists(&cluster) == before, "Services were listed");
    Ok(())
}

async fn not_permitted() -> Result<()> {
    let cluster = updated("app: web, version: v1").await?;
    cluster.faults().forbid(Verb::List, "services");
    let checked = check(&cluster).await?;
    ensure!(
        checked.outcome == Outcome::Succeeded,
        "{}",
        checked.report.sentence
    );
    let expected = "whether Services lead to the new pods (may not list services)";
    let unseen = &checked.report.blind_spots;
    ensure!(unseen.iter().any(|it| it == expected), "{unseen:?}");
    Ok(())
}

async fn not_answered() -> Result<()> {
    let cluster = updated("app: web, version: v1").await?;
    let broken = Requests::all().verb(Verb::List).resource("services");
    let failure = ApiFailure::internal("etcd is away");
    cluster.faults().inject(broken, Fault::Answer(failure));
    let checked = check(&cluster).await?;
    ensure!(
        checked.outcome == Outcome::Succeeded,
        "{}",
        checked.report.sentence
    );
    let expected =
        "whether Services lead to the new pods: the API server did not list them in time";
    let unseen = &checked.report.blind_spots;
    ensure!(unseen.iter().any(|it| it == expected), "{unseen:?}");
    Ok(())
}

async fn served() -> Result<()> {
    let cluster = updated("app: web").await?;
    let checked = check(&cluster).await?;
    ensure!(
        checked.outcome == Outcome::Succeeded,
        "{}",
        checked.report.sentence
    );
    let expected = "served: Service `web` → 0 of 2 new pods on port 8080";
    ensure!(cluster.said().contains(expected), "{}", cluster.said());
    ensure!(codes(&checked) == [FindingCode::EndpointsNotReady]);
    Ok(())
}
