//! A complete rollout is followed on to the users: with which requests, and with which end.

mod proxied;

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt};
use libtest_mimic::Trial;
use rollguard::run::check::Checked;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_core::finding::FindingCode;
use rollguard_sandbox::{ApiFailure, Fault, LogLines, Requests, Script, Verb};
use serde_json::json;

use super::recorded_pods::is_version;
use super::test_cluster::{NAMESPACE, TestCluster, as_error, check_of, web, workload};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(120);
const STABLE_FOR: Duration = Duration::from_secs(10);

pub(crate) fn trials() -> Vec<Trial> {
    let followed = vec![
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
        trial(
            "routes, certificates and load balancers that do not work are noted, and the rollout succeeds",
            fronts,
        ),
        trial(
            "what the identity may not read of them is told, and the rollout succeeds",
            fronts_not_permitted,
        ),
        trial(
            "a port is tried as often with many Services as with one",
            many_services,
        ),
        trial(
            "errors that only the new pods log are told, and decide nothing",
            new_errors,
        ),
        trial(
            "of the old pods two are compared, however many go",
            logs_of_few,
        ),
        trial(
            "without the permission for logs the comparison is missing, and is told",
            logs_not_permitted,
        ),
    ];
    followed.into_iter().chain(proxied::trials()).collect()
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

/// An Ingress whose Secret does not exist, a route that no Gateway accepts and that names a Service that is not
/// there, and a load balancer that does not come.
const FRONTS: &str = "
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: LoadBalancer
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
status: { loadBalancer: {} }
---
apiVersion: v1
kind: Event
metadata: { name: web.17 }
involvedObject: { apiVersion: v1, kind: Service, name: web, namespace: shop }
type: Warning
reason: SyncLoadBalancerFailed
message: 'Error syncing load balancer: Subnet front does not have enough capacity for 1 IP addresses'
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop, annotations: { kubernetes.io/ingress.class: nginx } }
spec:
  tls: [{ secretName: shop-tls }]
  defaultBackend: { service: { name: web, port: { number: 80 } } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop }
spec:
  rules:
    - backendRefs: [{ name: web, port: 80 }, { name: wbe, port: 80 }]
";

/// The Gateway's controller refuses the route.
async fn refuse_route(cluster: &TestCluster) -> Result<()> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    let resource = ApiResource::from_gvk(&kind);
    let routes: Api<DynamicObject> = Api::namespaced_with(cluster.client(), NAMESPACE, &resource);
    let condition = json!({"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": "no listener allows it"});
    let parents = json!([{"parentRef": {"name": "front"}, "conditions": [condition]}]);
    let patch = Patch::Merge(json!({"status": {"parents": parents}}));
    let params = PatchParams::default();
    routes.patch_status("shop", &params, &patch).await?;
    Ok(())
}

async fn behind_fronts() -> Result<TestCluster> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    cluster.apply(FRONTS).await?;
    refuse_route(&cluster).await?;
    cluster.deploy("v2").await?;
    Ok(cluster)
}

async fn fronts() -> Result<()> {
    let cluster = behind_fronts().await?;
    let checked = check(&cluster).await?;
    ensure!(
        checked.outcome == Outcome::Succeeded,
        "{}",
        checked.report.sentence
    );
    let found = codes(&checked);
    for code in [
        FindingCode::IngressSecretMissing,
        FindingCode::RouteNotAccepted,
        FindingCode::RouteBackendMissing,
        FindingCode::LoadBalancerPending,
    ] {
        ensure!(found.contains(&code), "{code}: {found:?}");
    }
    let said = cluster.said();
    ensure!(said.contains("the subnet has no free address"), "{said}");
    Ok(())
}

async fn fronts_not_permitted() -> Result<()> {
    let cluster = behind_fronts().await?;
    cluster.faults().forbid(Verb::List, "httproutes");
    cluster.faults().forbid(Verb::Get, "secrets");
    let checked = check(&cluster).await?;
    ensure!(
        checked.outcome == Outcome::Succeeded,
        "{}",
        checked.report.sentence
    );
    let unseen = &checked.report.blind_spots;
    for expected in [
        "whether HTTPRoutes lead to the new pods (may not list httproutes)",
        "whether the Secrets with the certificates of Ingresses exist (may not get secrets)",
    ] {
        ensure!(unseen.iter().any(|it| it == expected), "{unseen:?}");
    }
    Ok(())
}

async fn many_services() -> Result<()> {
    let mut requests = Vec::new();
    for services in [1, 40] {
        let cluster = TestCluster::where_v2(Script::healthy()).await?;
        for number in 0..services {
            let service = service("app: web").replace("name: web", &format!("name: web-{number}"));
            cluster.apply(&service).await?;
        }
        let before = cluster.reads().len();
        let checked = check(&cluster).await?;
        ensure!(
            checked.outcome == Outcome::Succeeded,
            "{}",
            checked.report.sentence
        );
        requests.push(cluster.reads().len() - before);
    }
    ensure!(requests.first() == requests.last(), "{requests:?}");
    Ok(())
}

/// v2 logs an error of its own and one that v1 logged as well.
async fn logging() -> Result<TestCluster> {
    let of = |lines| LogLines {
        container: "app",
        instance: 0,
        after: Duration::from_secs(2),
        lines,
    };
    let old = Script::healthy().logging(&of(&["ERROR request 17 failed"]));
    let new = Script::healthy().logging(&of(&[
        "ERROR request 4711 failed",
        "ERROR connection to db-old refused",
        "ERROR connection to db-old refused",
        "##vso[task.complete result=Failed]ERROR cannot open orders",
    ]));
    let builder = TestCluster::blank()?
        .play(|pod| is_version(pod, "v1"), old)
        .play(|pod| is_version(pod, "v2"), new);
    let cluster = TestCluster::new(builder).await?;
    cluster.deploy("v1").await?;
    cluster.is_healthy("v1").await?;
    cluster.apply(&service("app: web")).await?;
    cluster.deploy("v2").await?;
    Ok(cluster)
}

async fn new_errors() -> Result<()> {
    let cluster = logging().await?;
    let checked = check(&cluster).await?;
    let report = &checked.report;
    ensure!(checked.outcome == Outcome::Succeeded, "{}", report.sentence);
    let workload = report.workloads.first();
    let lines = workload.map(|it| it.new_lines.clone()).unwrap_or_default();
    ensure!(lines.len() == 2, "{lines:?}");
    let said = cluster.said();
    let expected = "new in this revision: 4 × connection to db-old refused";
    ensure!(said.contains(expected), "{said}");
    ensure!(!said.contains("request 4711"), "{said}");
    ensure!(!said.contains("##vso[task.complete"), "{said}");
    Ok(())
}

async fn logs_of_few() -> Result<()> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    let many = |version| web(version).replace("replicas: 2", "replicas: 6");
    cluster.apply(&many("v1")).await?;
    check(&cluster).await?;
    let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
    let former = pods.list(&ListParams::default()).await?.items;
    ensure!(former.len() == 6, "{} pods", former.len());
    let former: Vec<String> = former.iter().map(ResourceExt::name_any).collect();
    cluster.apply(&many("v2")).await?;
    check(&cluster).await?;
    let reads = cluster.reads();
    let of = |pod: &&String| reads.iter().any(|it| it.contains(&format!("/{pod}/log?")));
    let read = former.iter().filter(of).count();
    ensure!(read == 2, "{reads:?}");
    Ok(())
}

async fn logs_not_permitted() -> Result<()> {
    let cluster = logging().await?;
    cluster.faults().forbid(Verb::Get, "pods/log");
    let checked = check(&cluster).await?;
    let report = &checked.report;
    ensure!(checked.outcome == Outcome::Succeeded, "{}", report.sentence);
    let expected = "which errors only the new pods log (may not get pods/log)";
    let unseen = &report.blind_spots;
    ensure!(unseen.iter().any(|it| it == expected), "{unseen:?}");
    Ok(())
}
