//! A shop with one Deployment, and a loop that follows it.

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use rollguard_cluster::{Connection, Login, Watch, access, connect, observe};
use rollguard_core::observation::{Blindness, Observation, ResourceKind, Seen};
use rollguard_core::policy::Policy;
use rollguard_core::session::Session;
use rollguard_core::verdict::Verdict;
use rollguard_core::workload::{WorkloadName, WorkloadRef};
use rollguard_sandbox::{Sandbox, SandboxBuilder, Script};
use serde_json::{Value, json};

pub(crate) fn web() -> WorkloadRef {
    let name = WorkloadName::parse("deployment/web").unwrap();
    name.in_namespace("shop")
}

fn is_version(pod: &Pod, version: &str) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get("version"))
        .is_some_and(|it| it == version)
}

/// A cluster with the namespace `shop`, where v2 crashes at start.
pub(crate) fn cluster() -> SandboxBuilder {
    Sandbox::builder()
        .origin("2026-01-01T10:00:00Z".parse().unwrap())
        .namespace("shop")
        .play(
            |pod| is_version(pod, "v2"),
            Script::crash_at_start(&["cannot open /data", "giving up"], 1),
        )
}

/// Connects as the command line does.
pub(crate) async fn connected(sandbox: &Sandbox) -> Connection {
    let local = Timestamp::UNIX_EPOCH;
    connect(&Login::Client(sandbox.client()), local)
        .await
        .unwrap()
}

pub(crate) fn deployments(sandbox: &Sandbox) -> Api<Deployment> {
    Api::namespaced(sandbox.client(), "shop")
}

/// A Deployment with a version of its template.
fn manifest_of(name: &str, version: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "annotations": {"team": "checkout"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name, "version": version}},
                "spec": {"containers": [{"name": "app", "image": format!("web:{version}")}]},
            },
        },
    })
}

pub(crate) async fn deploy(sandbox: &Sandbox, version: &str) {
    deploy_as(sandbox, "web", version).await;
}

/// Deploys a version under a name of its own.
pub(crate) async fn deploy_as(sandbox: &Sandbox, name: &str, version: &str) {
    let deployments = deployments(sandbox);
    let manifest = manifest_of(name, version);
    if deployments.get_opt(name).await.unwrap().is_none() {
        let object = serde_json::from_value(manifest).unwrap();
        deployments
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    } else {
        let patch = Patch::Merge(manifest);
        deployments
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }
}

/// A connected cluster where v1 is healthy.
pub(crate) async fn healthy(sandbox: &Sandbox) -> Connection {
    deploy(sandbox, "v1").await;
    let connection = connected(sandbox).await;
    assert_eq!(follow(&connection).await, Verdict::Succeeded);
    connection
}

/// Follows `web` to its verdict.
pub(crate) async fn follow(connection: &Connection) -> Verdict {
    follow_all(connection, vec![web()]).await
}

/// Follows some workloads to their verdict.
pub(crate) async fn follow_all(connection: &Connection, workloads: Vec<WorkloadRef>) -> Verdict {
    let found = access::find_all(&connection.client, &workloads);
    let watch = Watch::new(&found.await.unwrap()).unwrap();
    let mut session = Session::new(workloads, Policy::default(), connection.clock.now());
    let mut observations = observe(&connection.client, &watch, connection.clock);
    let mut wake_at = session.started();
    loop {
        let observation = tokio::select! {
            biased;
            seen = observations.next() => seen.unwrap(),
            () = connection.clock.sleep_until(wake_at) => Session::tick(connection.clock.now()),
        };
        let step = session.observe(observation);
        if step.verdict.is_terminal() {
            return step.verdict;
        }
        wake_at = step.wake_at;
    }
}

/// Returns what is observed of one resource; `during` runs beside.
pub(crate) async fn seen(
    connection: &Connection,
    resource: ResourceKind,
    mut during: impl Future<Output = ()> + Unpin,
) -> Vec<Seen> {
    let found = access::find(&connection.client, &web()).await.unwrap();
    let watch = Watch::new(&[found]).unwrap();
    let mut observations = observe(&connection.client, &watch, connection.clock);
    let mut seen = Vec::new();
    loop {
        tokio::select! {
            biased;
            observation = observations.next() => {
                let Observation { seen: one, .. } = observation.unwrap();
                if one.resource() == Some(resource) {
                    seen.push(one);
                }
            }
            () = &mut during => return seen,
        }
    }
}

pub(crate) async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// How often a complete list was told.
pub(crate) fn lists(seen: &[Seen]) -> usize {
    seen.iter()
        .filter(|it| matches!(it, Seen::Listed { .. }))
        .count()
}

/// The blindnesses that were told.
pub(crate) fn blind(seen: &[Seen]) -> Vec<Blindness> {
    let why = |seen: &'_ Seen| match seen {
        Seen::Blind { why, .. } => Some(why.clone()),
        Seen::Workload { .. }
        | Seen::ReplicaSet { .. }
        | Seen::ControllerRevision { .. }
        | Seen::Node { .. }
        | Seen::Answered { .. }
        | Seen::Pod { .. }
        | Seen::Event { .. }
        | Seen::Gone { .. }
        | Seen::Listed { .. }
        | Seen::LookedUp { .. }
        | Seen::Traffic { .. }
        | Seen::Reread(_)
        | Seen::Tick => None,
    };
    seen.iter().filter_map(why).collect()
}

/// The template versions of the workload, in the order in which they were seen.
pub(crate) fn versions(seen: &[Seen]) -> Vec<String> {
    let mut versions: Vec<String> = seen.iter().filter_map(version).collect();
    versions.dedup();
    versions
}

fn version(seen: &Seen) -> Option<String> {
    let Seen::Workload { object } = seen else {
        return None;
    };
    let labels = object.template()?.metadata.as_ref()?.labels.as_ref()?;
    labels.get("version").cloned()
}
