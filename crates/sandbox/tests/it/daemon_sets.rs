//! Daemon sets and nodes.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use rollguard_sandbox::{Sandbox, SandboxBuilder, Script};
use serde_json::{Value, json};

use crate::support::{Shop, is_version, pod, seconds, shop, template, typed};

fn three_nodes() -> SandboxBuilder {
    shop().node("a").node("b").node("c")
}

struct Agents {
    shop: Shop,
    sets: Api<DaemonSet>,
}

impl Agents {
    /// Creates `agent` of version v1, and lets a minute pass.
    async fn of(sandbox: &Sandbox, spec: &Value) -> Self {
        let shop = Shop::of(sandbox);
        let sets = shop.api();
        let mut agent = json!({"metadata": {"name": "agent"}, "spec": {
            "selector": {"matchLabels": {"app": "web"}}, "template": template("v1"),
        }});
        for (field, value) in spec.as_object().unwrap() {
            agent["spec"][field] = value.clone();
        }
        sets.create(&PostParams::default(), &typed(agent))
            .await
            .unwrap();
        seconds(60).await;
        Self { shop, sets }
    }

    async fn update_to(&self, template: Value) {
        let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
        let patch = Patch::Json::<()>(typed(patch));
        let params = PatchParams::default();
        self.sets.patch("agent", &params, &patch).await.unwrap();
    }

    async fn update(&self, version: &str) {
        self.update_to(template(version)).await;
    }

    async fn status(&self) -> DaemonSetStatus {
        self.sets.get("agent").await.unwrap().status.unwrap()
    }

    /// Desired, current, updated, ready, available, misscheduled.
    async fn counts(&self) -> [i32; 6] {
        let status = self.status().await;
        [
            status.desired_number_scheduled,
            status.current_number_scheduled,
            status.updated_number_scheduled.unwrap_or(0),
            status.number_ready,
            status.number_available.unwrap_or(0),
            status.number_misscheduled,
        ]
    }

    async fn all(&self) -> Vec<Pod> {
        self.shop
            .pods
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
    }

    /// `node=version` of every pod, in order.
    async fn pods(&self) -> Vec<String> {
        let mut shown: Vec<String> = self.all().await.iter().map(shown).collect();
        shown.sort();
        shown
    }
}

fn shown(pod: &Pod) -> String {
    let node = pod.spec.as_ref().unwrap().node_name.clone();
    let version = &pod.metadata.labels.as_ref().unwrap()["version"];
    format!("{}={version}", node.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn every_node_gets_one_pod() {
    let sandbox = three_nodes().build();
    let agents = Agents::of(&sandbox, &json!({})).await;
    assert_eq!(agents.pods().await, ["a=v1", "b=v1", "c=v1"]);
    assert_eq!(agents.counts().await, [3, 3, 3, 3, 3, 0]);
    let status = agents.status().await;
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(status.number_unavailable, None);
    assert!(status.conditions.is_none(), "the controller sets none");
    let revisions: Api<ControllerRevision> = agents.shop.api();
    let revision = &revisions.list(&ListParams::default()).await.unwrap().items[0];
    let hash = &revision.metadata.labels.as_ref().unwrap()["controller-revision-hash"];
    assert_eq!(revision.metadata.name, Some(format!("agent-{hash}")));
    for pod in agents.all().await {
        let labels = pod.metadata.labels.unwrap();
        assert_eq!(&labels["controller-revision-hash"], hash);
        assert_eq!(labels["pod-template-generation"], "1");
    }
    let told = agents.shop.messages("SuccessfulCreate").await;
    assert!(told[0].starts_with("Created pod: agent-"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_update_takes_one_node_after_the_other() {
    let slow = Script::slow_start(Duration::from_secs(10));
    let sandbox = three_nodes()
        .play(|pod| is_version(pod, "v2"), slow)
        .build();
    let agents = Agents::of(&sandbox, &json!({})).await;
    agents.update("v2").await;
    seconds(5).await;
    assert_eq!(agents.counts().await, [3, 3, 1, 2, 2, 0]);
    assert_eq!(agents.status().await.number_unavailable, Some(1));
    assert_eq!(agents.pods().await, ["a=v2", "b=v1", "c=v1"]);
    seconds(60).await;
    assert_eq!(agents.pods().await, ["a=v2", "b=v2", "c=v2"]);
    assert_eq!(agents.counts().await, [3, 3, 3, 3, 3, 0]);
}

#[tokio::test(start_paused = true)]
async fn max_unavailable_may_be_a_percentage_rounded_up() {
    let sandbox = three_nodes()
        .play(|pod| is_version(pod, "v2"), Script::never_ready())
        .build();
    let rolling = json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": "50%"}}});
    let agents = Agents::of(&sandbox, &rolling).await;
    agents.update("v2").await;
    seconds(60).await;
    assert_eq!(agents.pods().await, ["a=v2", "b=v2", "c=v1"]);
    assert_eq!(agents.counts().await, [3, 3, 2, 1, 1, 0]);
    agents.update("v1").await;
    seconds(60).await;
    assert_eq!(agents.counts().await, [3, 3, 3, 3, 3, 0]);
}

#[tokio::test(start_paused = true)]
async fn with_surge_the_old_pod_stays_until_the_new_one_is_available() {
    let sandbox = three_nodes()
        .play(|pod| is_version(pod, "v2"), Script::never_ready())
        .build();
    let surge = json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}});
    let agents = Agents::of(&sandbox, &surge).await;
    agents.update("v2").await;
    seconds(60).await;
    assert_eq!(agents.pods().await, ["a=v1", "a=v2", "b=v1", "c=v1"]);
    assert_eq!(agents.status().await.number_available, Some(3));
    agents.update("v3").await;
    seconds(60).await;
    assert_eq!(agents.pods().await, ["a=v3", "b=v3", "c=v3"]);
}

#[tokio::test(start_paused = true)]
async fn on_delete_waits_for_somebody_to_delete_pods() {
    let sandbox = three_nodes().build();
    let agents = Agents::of(&sandbox, &json!({"updateStrategy": {"type": "OnDelete"}})).await;
    agents.update("v2").await;
    seconds(60).await;
    assert_eq!(agents.counts().await, [3, 3, 0, 3, 3, 0]);
    let first = agents.all().await[0].metadata.name.clone().unwrap();
    agents
        .shop
        .pods
        .delete(&first, &DeleteParams::default())
        .await
        .unwrap();
    seconds(30).await;
    assert_eq!(agents.counts().await, [3, 3, 1, 3, 3, 0]);
}

/// A lost node is tainted `NoSchedule`, which daemon pods do not tolerate by themselves. Its pod
/// still uses up `maxUnavailable`.
#[tokio::test(start_paused = true)]
async fn a_lost_node_no_longer_counts_and_yet_stops_the_update() {
    let sandbox = three_nodes().build();
    let agents = Agents::of(&sandbox, &json!({})).await;
    sandbox.faults().lose_node("b");
    seconds(5).await;
    assert_eq!(agents.counts().await, [2, 2, 2, 2, 2, 1]);
    agents.update("v2").await;
    seconds(60).await;
    assert_eq!(agents.counts().await, [2, 2, 0, 2, 2, 1]);
    sandbox.faults().find_node("b");
    seconds(60).await;
    assert_eq!(agents.pods().await, ["a=v2", "b=v2", "c=v2"]);
    assert_eq!(agents.counts().await, [3, 3, 3, 3, 3, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_tolerates_everything_waits_for_the_pod_on_a_lost_node_for_ever() {
    let sandbox = three_nodes().build();
    sandbox.faults().break_node("b");
    let mut tolerant = template("v1");
    tolerant["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    let agents = Agents::of(&sandbox, &json!({"template": tolerant})).await;
    seconds(600).await;
    assert_eq!(agents.counts().await, [3, 3, 3, 2, 2, 0]);
    let stuck = agents.all().await;
    let stuck = stuck.iter().find(|it| shown(it) == "b=v1").unwrap();
    let status = stuck.status.as_ref().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    assert!(status.container_statuses.is_none());
    sandbox.faults().find_node("b");
    seconds(5).await;
    assert_eq!(agents.counts().await, [3, 3, 3, 3, 3, 0]);
}

#[tokio::test(start_paused = true)]
async fn pods_on_a_lost_node_are_not_ready_until_it_is_back() {
    let sandbox = three_nodes().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    sandbox.faults().lose_node("a");
    seconds(5).await;
    assert_eq!(
        shop.condition("Available").await,
        "False/MinimumReplicasUnavailable"
    );
    assert_eq!(shop.messages("NodeNotReady").await, ["Node is not ready"]);
    sandbox.faults().find_node("a");
    seconds(5).await;
    assert_eq!(
        shop.condition("Available").await,
        "True/MinimumReplicasAvailable"
    );
}

#[tokio::test(start_paused = true)]
async fn pods_wait_while_no_node_will_have_them() {
    let sandbox = shop().node("a").build();
    let nodes: Api<Node> = Api::all(sandbox.client());
    let cordon = |on: bool| Patch::Merge(json!({"spec": {"unschedulable": on}}));
    let params = PatchParams::default();
    nodes.patch("a", &params, &cordon(true)).await.unwrap();
    let shop = Shop::of(&sandbox);
    shop.pods
        .create(&PostParams::default(), &pod("late"))
        .await
        .unwrap();
    seconds(10).await;
    let late = shop.pods.get("late").await.unwrap();
    let condition = &late.status.unwrap().conditions.unwrap()[0];
    assert_eq!(condition.reason.as_deref(), Some("Unschedulable"));
    assert_eq!(
        condition.message.as_deref(),
        Some(
            "0/1 nodes are available: 1 node(s) were unschedulable. no new claims to deallocate, \
             preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        )
    );
    nodes.patch("a", &params, &cordon(false)).await.unwrap();
    seconds(10).await;
    let late = shop.pods.get("late").await.unwrap();
    assert_eq!(late.status.unwrap().phase.as_deref(), Some("Running"));
}

#[tokio::test(start_paused = true)]
async fn a_cordoned_node_still_gets_its_daemon() {
    let sandbox = three_nodes().build();
    let nodes: Api<Node> = Api::all(sandbox.client());
    let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
    nodes
        .patch("a", &PatchParams::default(), &cordon)
        .await
        .unwrap();
    let selected = ListParams::default().fields("spec.unschedulable=true");
    assert_eq!(nodes.list(&selected).await.unwrap().items.len(), 1);
    let agents = Agents::of(&sandbox, &json!({})).await;
    assert_eq!(agents.counts().await, [3, 3, 3, 3, 3, 0]);
}

#[tokio::test(start_paused = true)]
async fn node_selectors_and_new_nodes_are_followed() {
    let sandbox = three_nodes().build();
    let mut chosen = template("v1");
    chosen["spec"]["nodeSelector"] = json!({"disk": "ssd"});
    let agents = Agents::of(&sandbox, &json!({"template": chosen})).await;
    assert_eq!(agents.counts().await, [0; 6]);
    let nodes: Api<Node> = Api::all(sandbox.client());
    let disk = |kind: Value| Patch::Merge(json!({"metadata": {"labels": {"disk": kind}}}));
    let params = PatchParams::default();
    nodes
        .patch("c", &params, &disk(json!("ssd")))
        .await
        .unwrap();
    seconds(10).await;
    assert_eq!(agents.pods().await, ["c=v1"]);
    nodes.patch("c", &params, &disk(Value::Null)).await.unwrap();
    seconds(10).await;
    assert!(agents.pods().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_refuses_the_pods_is_told_by_an_event_alone() {
    let sandbox = three_nodes().build();
    let shop = Shop::of(&sandbox);
    let quotas: Api<ResourceQuota> = shop.api();
    let quota = typed(json!({"metadata": {"name": "team"}, "spec": {"hard": {"pods": "1"}}}));
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let agents = Agents::of(&sandbox, &json!({})).await;
    let told = agents.shop.messages("FailedCreate").await;
    assert!(
        told[0].starts_with("Error creating: pods \"agent-"),
        "{told:?}"
    );
    assert!(
        told[0].contains("is forbidden: exceeded quota: team"),
        "{told:?}"
    );
    assert_eq!(agents.counts().await, [3, 1, 1, 1, 1, 0]);
    quotas
        .delete("team", &DeleteParams::default())
        .await
        .unwrap();
    seconds(120).await;
    assert_eq!(agents.counts().await, [3, 3, 3, 3, 3, 0]);
}

#[tokio::test(start_paused = true)]
async fn going_back_takes_the_old_revision_up_again() {
    let sandbox = three_nodes().build();
    let agents = Agents::of(&sandbox, &json!({})).await;
    agents.update("v2").await;
    seconds(60).await;
    agents.update("v1").await;
    seconds(60).await;
    let api: Api<ControllerRevision> = agents.shop.api();
    let mut numbers: Vec<_> = api
        .list(&ListParams::default())
        .await
        .unwrap()
        .iter()
        .map(|it| it.revision)
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
    let set = agents.sets.get("agent").await.unwrap();
    let count = &set.metadata.annotations.unwrap()["deprecated.daemonset.template.generation"];
    assert_eq!(count, "3");
}

#[tokio::test(start_paused = true)]
async fn a_broken_daemon_is_replaced_at_once_when_the_old_template_is_back() {
    let sandbox = three_nodes()
        .play(|pod| is_version(pod, "v2"), Script::image_not_found())
        .build();
    let agents = Agents::of(&sandbox, &json!({"revisionHistoryLimit": 0})).await;
    agents.update("v2").await;
    seconds(60).await;
    let versions = agents.pods().await;
    let broken = versions.iter().filter(|it| it.contains("v2")).count();
    assert_eq!(broken, 1, "{versions:?}");
    agents.update("v1").await;
    seconds(30).await;
    let versions = agents.pods().await;
    assert!(versions.iter().all(|it| it.contains("v1")), "{versions:?}");
    assert_eq!(agents.counts().await, [3, 3, 3, 3, 3, 0]);
    let api: Api<ControllerRevision> = agents.shop.api();
    let left = api.list(&ListParams::default()).await.unwrap().items;
    let numbers: Vec<_> = left.iter().map(|it| it.revision).collect();
    assert_eq!(numbers, [3], "the broken one was of no use any more");
}
