//! Stateful sets: identity, order, revisions and what they tell.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use rollguard_sandbox::{Sandbox, Script};
use serde_json::{Value, json};

use crate::support::{Shop, refusal, seconds, shop, shop_where_v2, template, typed};

struct Db {
    shop: Shop,
    sets: Api<StatefulSet>,
}

impl Db {
    /// Creates `db`, three replicas of version v1, and lets a minute pass.
    async fn of(sandbox: &Sandbox, spec: &Value) -> Self {
        let shop = Shop::of(sandbox);
        let sets = shop.api();
        let mut db = json!({"metadata": {"name": "db"}, "spec": {
            "replicas": 3, "serviceName": "db",
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("v1"),
        }});
        for (field, value) in spec.as_object().unwrap() {
            db["spec"][field] = value.clone();
        }
        sets.create(&PostParams::default(), &typed(db))
            .await
            .unwrap();
        seconds(60).await;
        Self { shop, sets }
    }

    async fn patch(&self, spec: Value) -> StatefulSet {
        let patch = Patch::Merge(json!({"spec": spec}));
        let params = PatchParams::default();
        self.sets.patch("db", &params, &patch).await.unwrap()
    }

    async fn update(&self, version: &str) {
        let template = json!([{"op": "replace", "path": "/spec/template",
                               "value": template(version)}]);
        let patch = Patch::Json::<()>(typed(template));
        let params = PatchParams::default();
        self.sets.patch("db", &params, &patch).await.unwrap();
    }

    async fn status(&self) -> StatefulSetStatus {
        self.sets.get("db").await.unwrap().status.unwrap()
    }

    /// `name=version` of every pod, in order.
    async fn pods(&self) -> Vec<String> {
        let pods = self.shop.pods.list(&ListParams::default()).await.unwrap();
        let shown = |pod: Pod| {
            format!(
                "{}={}",
                pod.metadata.name.as_deref().unwrap(),
                version(&pod)
            )
        };
        pods.items.into_iter().map(shown).collect()
    }

    async fn revisions(&self) -> Vec<ControllerRevision> {
        let api: Api<ControllerRevision> = self.shop.api();
        let mut all = api.list(&ListParams::default()).await.unwrap().items;
        all.sort_by_key(|it| it.revision);
        all
    }
}

fn version(pod: &Pod) -> String {
    label(pod, "version")
}

fn label(pod: &Pod, name: &str) -> String {
    let labels = pod.metadata.labels.as_ref().unwrap();
    labels.get(name).cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn pods_are_made_in_order_and_bear_their_identity() {
    let sandbox = shop().build();
    let db = Db::of(&sandbox, &json!({})).await;
    let pods = db
        .shop
        .pods
        .list(&ListParams::default())
        .await
        .unwrap()
        .items;
    let created: Vec<_> = pods
        .iter()
        .map(|pod| pod.metadata.creation_timestamp.clone().unwrap().0)
        .collect();
    assert!(
        created[0] < created[1] && created[1] < created[2],
        "{created:?}"
    );
    let status = db.status().await;
    let revision = status.update_revision.clone().unwrap();
    let last = &pods[2];
    assert_eq!(last.metadata.name.as_deref(), Some("db-2"));
    assert_eq!(label(last, "statefulset.kubernetes.io/pod-name"), "db-2");
    assert_eq!(label(last, "apps.kubernetes.io/pod-index"), "2");
    assert_eq!(label(last, "controller-revision-hash"), revision);
    let spec = last.spec.as_ref().unwrap();
    assert_eq!(spec.hostname.as_deref(), Some("db-2"));
    assert_eq!(spec.subdomain.as_deref(), Some("db"));

    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(status.current_revision.as_deref(), Some(&*revision));
    let counts = (
        status.replicas,
        status.ready_replicas,
        status.available_replicas,
    );
    assert_eq!(counts, (3, Some(3), Some(3)));
    assert_eq!(
        (status.current_replicas, status.updated_replicas),
        (Some(3), Some(3))
    );
    assert!(status.conditions.is_none(), "the controller sets none");
    let told = db.shop.messages("SuccessfulCreate").await;
    assert!(
        told.contains(&"Create Pod db-0 in StatefulSet db successful".to_owned()),
        "{told:?}"
    );

    let kept = &db.revisions().await[0];
    assert_eq!(kept.metadata.name.as_deref(), Some(&*revision));
    let hash = &kept.metadata.labels.as_ref().unwrap()["controller.kubernetes.io/hash"];
    assert_eq!(revision, format!("db-{hash}"));
    assert_eq!(
        kept.data.as_ref().unwrap().0["spec"]["template"]["$patch"],
        "replace"
    );
}

#[tokio::test(start_paused = true)]
async fn parallel_pods_are_made_at_once() {
    let sandbox = shop_where_v2(Script::healthy());
    let parallel = json!({"podManagementPolicy": "Parallel"});
    let db = Db::of(&sandbox, &parallel).await;
    let pods = db
        .shop
        .pods
        .list(&ListParams::default())
        .await
        .unwrap()
        .items;
    let mut created: Vec<_> = pods
        .iter()
        .map(|pod| pod.metadata.creation_timestamp.clone().unwrap().0)
        .collect();
    created.dedup();
    assert_eq!(created.len(), 1, "{created:?}");
}

#[tokio::test(start_paused = true)]
async fn an_update_goes_from_the_highest_ordinal_down_and_ends_with_one_revision() {
    let sandbox = shop_where_v2(Script::slow_start(Duration::from_secs(10)));
    let db = Db::of(&sandbox, &json!({})).await;
    let before = db.status().await.current_revision;
    db.update("v2").await;
    seconds(5).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v2"]);
    let status = db.status().await;
    assert_eq!(status.current_revision, before);
    assert_ne!(status.update_revision, before);
    assert_eq!(status.updated_replicas, Some(1));
    assert_eq!(status.current_replicas, Some(2));
    assert_eq!(status.ready_replicas, Some(2));
    seconds(60).await;
    assert_eq!(db.pods().await, ["db-0=v2", "db-1=v2", "db-2=v2"]);
    let status = db.status().await;
    assert_eq!(status.current_revision, status.update_revision);
    assert_eq!(
        (status.current_replicas, status.updated_replicas),
        (Some(3), Some(3))
    );
}

#[tokio::test(start_paused = true)]
async fn pods_below_the_partition_keep_their_revision_even_when_they_are_made_anew() {
    let sandbox = shop().build();
    let partition = json!({"updateStrategy": {"rollingUpdate": {"partition": 2}}});
    let db = Db::of(&sandbox, &partition).await;
    db.update("v2").await;
    seconds(60).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v2"]);
    db.shop
        .pods
        .delete("db-0", &DeleteParams::default())
        .await
        .unwrap();
    seconds(30).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v2"]);
    assert_eq!(db.status().await.updated_replicas, Some(1));
    db.patch(json!({"updateStrategy": {"rollingUpdate": {"partition": 0}}}))
        .await;
    seconds(60).await;
    assert_eq!(db.pods().await, ["db-0=v2", "db-1=v2", "db-2=v2"]);
}

#[tokio::test(start_paused = true)]
async fn on_delete_waits_for_somebody_to_delete_pods() {
    let sandbox = shop().build();
    let db = Db::of(&sandbox, &json!({"updateStrategy": {"type": "OnDelete"}})).await;
    db.update("v2").await;
    seconds(60).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v1"]);
    assert_eq!(db.status().await.observed_generation, Some(2));
    db.shop
        .pods
        .delete("db-1", &DeleteParams::default())
        .await
        .unwrap();
    seconds(30).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v2", "db-2=v1"]);
}

/// kubernetes#67250: the template is right again, but the broken pod stays until it is deleted.
#[tokio::test(start_paused = true)]
async fn a_broken_pod_keeps_the_repaired_template_out_until_it_is_deleted() {
    let sandbox = shop_where_v2(Script::image_not_found());
    let db = Db::of(&sandbox, &json!({})).await;
    db.update("v2").await;
    seconds(60).await;
    let failing = db.status().await;
    assert_ne!(failing.current_revision, failing.update_revision);
    db.update("v1").await;
    seconds(600).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v2"]);
    let repaired = db.status().await;
    assert_eq!(repaired.update_revision, failing.current_revision);
    assert_eq!(repaired.current_revision, failing.current_revision);
    assert_eq!((repaired.replicas, repaired.updated_replicas), (3, Some(2)));
    db.shop
        .pods
        .delete("db-2", &DeleteParams::default())
        .await
        .unwrap();
    seconds(30).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v1"]);
    let status = db.status().await;
    assert_eq!(status.current_revision, status.update_revision);
    assert_eq!(status.ready_replicas, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_broken_parallel_pod_is_replaced_by_itself() {
    let sandbox = shop_where_v2(Script::image_not_found());
    let db = Db::of(&sandbox, &json!({"podManagementPolicy": "Parallel"})).await;
    db.update("v2").await;
    seconds(60).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v2"]);
    db.update("v1").await;
    seconds(60).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v1"]);
}

#[tokio::test(start_paused = true)]
async fn an_equal_template_takes_its_old_revision_up_again_under_the_next_number() {
    let sandbox = shop().build();
    let db = Db::of(&sandbox, &json!({"revisionHistoryLimit": 1})).await;
    let first = db.status().await.update_revision;
    db.update("v2").await;
    seconds(60).await;
    db.update("v1").await;
    seconds(60).await;
    let revisions = db.revisions().await;
    let numbers: Vec<_> = revisions.iter().map(|it| it.revision).collect();
    assert_eq!(numbers, [2, 3]);
    assert_eq!(revisions[1].metadata.name, first);
    assert_eq!(db.status().await.update_revision, first);
    db.update("v3").await;
    seconds(60).await;
    db.update("v4").await;
    seconds(60).await;
    let numbers: Vec<_> = db.revisions().await.iter().map(|it| it.revision).collect();
    assert_eq!(numbers, [4, 5], "the limit counts what is not in use");
}

#[tokio::test(start_paused = true)]
async fn without_a_history_limit_only_revisions_in_use_are_kept() {
    let sandbox = shop_where_v2(Script::image_not_found());
    let db = Db::of(&sandbox, &json!({"revisionHistoryLimit": 0})).await;
    db.update("v2").await;
    seconds(60).await;
    assert_eq!(db.revisions().await.len(), 2, "pods are of both");
    db.update("v3").await;
    seconds(60).await;
    assert_eq!(db.pods().await, ["db-0=v1", "db-1=v1", "db-2=v2"]);
    assert_eq!(db.revisions().await.len(), 3, "the new one has no pods yet");
    let params = DeleteParams::default();
    db.shop.pods.delete("db-2", &params).await.unwrap();
    seconds(60).await;
    assert_eq!(db.pods().await, ["db-0=v3", "db-1=v3", "db-2=v3"]);
    let left = db.revisions().await;
    let numbers: Vec<_> = left.iter().map(|it| it.revision).collect();
    assert_eq!(numbers, [3]);
}

#[tokio::test(start_paused = true)]
async fn min_ready_seconds_holds_the_next_pod_back() {
    let sandbox = shop().build();
    let db = Db::of(&sandbox, &json!({"minReadySeconds": 20})).await;
    let status = db.status().await;
    assert_eq!(
        (status.ready_replicas, status.available_replicas),
        (Some(3), Some(2))
    );
    seconds(20).await;
    assert_eq!(db.status().await.available_replicas, Some(3));
}

#[tokio::test(start_paused = true)]
async fn scaling_takes_the_highest_ordinals() {
    let sandbox = shop().build();
    let db = Db::of(&sandbox, &json!({})).await;
    db.patch(json!({"replicas": 1})).await;
    seconds(30).await;
    assert_eq!(db.pods().await, ["db-0=v1"]);
    db.patch(json!({"replicas": 2, "ordinals": {"start": 1}}))
        .await;
    seconds(30).await;
    assert_eq!(db.pods().await, ["db-1=v1", "db-2=v1"]);
}

#[tokio::test(start_paused = true)]
async fn what_refuses_the_pod_is_told_by_an_event_alone() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let quotas: Api<ResourceQuota> = shop.api();
    let quota = typed(json!({"metadata": {"name": "team"}, "spec": {"hard": {"pods": "1"}}}));
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let db = Db::of(&sandbox, &json!({})).await;
    assert_eq!(
        db.shop.messages("FailedCreate").await,
        [
            "Create Pod db-1 in StatefulSet db failed error: pods \"db-1\" is forbidden: exceeded \
          quota: team, requested: pods=1, used: pods=1, limited: pods=1"
        ]
    );
    let status = db.status().await;
    assert!(status.conditions.is_none());
    assert_eq!((status.replicas, status.observed_generation), (1, Some(1)));
    quotas
        .delete("team", &DeleteParams::default())
        .await
        .unwrap();
    seconds(120).await;
    assert_eq!(db.status().await.ready_replicas, Some(3));
}

#[tokio::test(start_paused = true)]
async fn only_some_fields_may_be_changed() {
    let sandbox = shop().build();
    let db = Db::of(&sandbox, &json!({})).await;
    let patch = Patch::Merge(json!({"spec": {"serviceName": "other"}}));
    let refused = db.sets.patch("db", &PatchParams::default(), &patch).await;
    let (code, message) = refusal(refused);
    assert_eq!(code, 422);
    assert_eq!(
        message,
        "StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for \
         fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
         'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' \
         are forbidden"
    );
}

#[tokio::test(start_paused = true)]
async fn deleting_the_set_takes_its_pods_and_revisions_along() {
    let sandbox = shop().build();
    let db = Db::of(&sandbox, &json!({})).await;
    db.sets
        .delete("db", &DeleteParams::default())
        .await
        .unwrap();
    seconds(30).await;
    assert!(db.pods().await.is_empty());
    assert!(db.revisions().await.is_empty());
}
