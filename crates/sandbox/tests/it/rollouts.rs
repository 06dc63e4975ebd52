//! Rollouts as the Deployment controller drives them.

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use rollguard_sandbox::{ApiFailure, Script};
use serde_json::json;

use crate::support::{
    Shop, annotation, counts, is_version, seconds, shop, shop_where_v2, template, web,
};

const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";

#[tokio::test(start_paused = true)]
async fn a_new_deployment_becomes_available() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let web = shop.web().await;
    let status = web.status.unwrap();
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(status.replicas, Some(3));
    assert_eq!(status.updated_replicas, Some(3));
    assert_eq!(status.available_replicas, Some(3));
    assert_eq!(
        shop.condition("Progressing").await,
        "True/NewReplicaSetAvailable"
    );
    assert_eq!(
        shop.condition("Available").await,
        "True/MinimumReplicasAvailable"
    );
    assert_eq!(annotation(&web.metadata, REVISION), "1");
    assert_eq!(counts(&shop.set("v1").await), (3, 3, 3));
    assert_eq!(
        shop.event_reasons().await,
        [
            "Created",
            "Pulled",
            "ScalingReplicaSet",
            "Scheduled",
            "Started",
            "SuccessfulCreate"
        ]
    );
}

/// Every status of `web` while something else goes on for two minutes.
async fn statuses(shop: &Shop, action: impl Future<Output = ()>) -> Vec<Deployment> {
    let from = shop.web().await.metadata.resource_version.unwrap();
    let params = WatchParams::default()
        .fields("metadata.name=web")
        .timeout(120);
    let stream = shop.deployments.watch(&params, &from).await.unwrap();
    let seen = stream.filter_map(async |event| match event.unwrap() {
        WatchEvent::Modified(web) => Some(web),
        WatchEvent::Added(_)
        | WatchEvent::Deleted(_)
        | WatchEvent::Bookmark(_)
        | WatchEvent::Error(_) => None,
    });
    let seen: Vec<_> = tokio::join!(seen.collect(), action).0;
    seen
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_keeps_within_surge_and_unavailability() {
    let rows = [
        (10, json!("25%"), json!("25%"), 13, 8),
        (3, json!("25%"), json!("25%"), 4, 3),
        (3, json!(0), json!(1), 3, 2),
        (1, json!(1), json!(0), 2, 1),
    ];
    for (replicas, surge, unavailable, most, least) in rows {
        let sandbox = shop().build();
        let spec = json!({
            "replicas": replicas,
            "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}},
        });
        let shop = Shop::of(&sandbox).with_web(&spec).await;
        let update = async {
            shop.update("v2").await;
        };
        for web in statuses(&shop, update).await {
            let status = web.status.unwrap();
            assert!(status.replicas.unwrap_or(0) <= most, "{spec}");
            assert!(status.available_replicas.unwrap_or(0) >= least, "{spec}");
        }
        assert_eq!(
            counts(&shop.set("v2").await),
            (replicas, replicas, replicas)
        );
        assert_eq!(counts(&shop.set("v1").await), (0, 0, 0));
        assert_eq!(annotation(&shop.web().await.metadata, REVISION), "2");
        assert_eq!(
            shop.condition("Progressing").await,
            "True/NewReplicaSetAvailable"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_change_is_seen_before_the_controller_observes_it() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let update = async {
        shop.update("v2").await;
    };
    let seen = statuses(&shop, update).await;
    let observed = seen[0].status.as_ref().unwrap().observed_generation;
    assert_eq!((seen[0].metadata.generation, observed), (Some(2), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_failing_update_stops_with_the_old_pods_in_place() {
    let sandbox = shop_where_v2(Script::crash_at_start(&["no configuration"], 1));
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    shop.update("v2").await;
    seconds(120).await;
    assert_eq!(counts(&shop.set("v1").await), (3, 3, 3));
    assert_eq!(counts(&shop.set("v2").await), (0, 1, 1));
    let status = shop.web().await.status.unwrap();
    assert_eq!(status.unavailable_replicas, Some(1));
    assert_eq!(
        shop.condition("Progressing").await,
        "True/ReplicaSetUpdated"
    );
}

#[tokio::test(start_paused = true)]
async fn going_back_reuses_the_old_replica_set_under_the_next_revision() {
    let sandbox = shop_where_v2(Script::image_not_found());
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let good = shop.set("v1").await;
    shop.update("v2").await;
    seconds(60).await;
    shop.update("v1").await;
    seconds(60).await;
    let back = shop.set("v1").await;
    assert_eq!(back.metadata.uid, good.metadata.uid);
    assert_eq!(annotation(&back.metadata, REVISION), "3");
    let history = "deployment.kubernetes.io/revision-history";
    assert_eq!(annotation(&back.metadata, history), "1");
    assert_eq!(annotation(&shop.web().await.metadata, REVISION), "3");
    assert_eq!(annotation(&shop.set("v2").await.metadata, REVISION), "2");
    assert_eq!(counts(&back), (3, 3, 3));
    assert_eq!(counts(&shop.set("v2").await), (0, 0, 0));
    assert!(shop.pods("v2").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_progress_deadline_is_exceeded_once_and_told_of() {
    let sandbox = shop_where_v2(Script::never_ready());
    let shop = Shop::of(&sandbox)
        .with_web(&json!({"progressDeadlineSeconds": 30}))
        .await;
    shop.update("v2").await;
    seconds(25).await;
    assert_eq!(
        shop.condition("Progressing").await,
        "True/ReplicaSetUpdated"
    );
    seconds(15).await;
    assert_eq!(
        shop.condition("Progressing").await,
        "False/ProgressDeadlineExceeded"
    );
}

/// `replicas: 1`: old and new counts swap one for one, so nothing seems to move and the condition
/// of the failed rollout is still there when the rollback is observed.
#[tokio::test(start_paused = true)]
async fn an_exceeded_deadline_outlives_the_beginning_of_a_rollback() {
    let sandbox = shop_where_v2(Script::never_ready());
    let shop = Shop::of(&sandbox)
        .with_web(&json!({"replicas": 1, "progressDeadlineSeconds": 30}))
        .await;
    shop.update("v2").await;
    seconds(60).await;
    let back = async {
        shop.update("v1").await;
    };
    let seen = statuses(&shop, back).await;
    let stale = seen.iter().any(|web| {
        let status = web.status.clone().unwrap();
        let observed = status.observed_generation == web.metadata.generation;
        let conditions = status.conditions.unwrap_or_default();
        observed
            && conditions
                .iter()
                .any(|it| it.reason.as_deref() == Some("ProgressDeadlineExceeded"))
    });
    assert!(stale, "the trap that rollbacks fall into");
    assert_eq!(
        shop.condition("Progressing").await,
        "True/NewReplicaSetAvailable"
    );
}

#[tokio::test(start_paused = true)]
async fn recreate_starts_new_pods_only_when_the_old_ones_are_gone() {
    let old = Script::healthy().stopping_in(std::time::Duration::from_secs(20));
    let sandbox = shop().play(|pod| is_version(pod, "v1"), old).build();
    let shop = Shop::of(&sandbox)
        .with_web(&json!({"strategy": {"type": "Recreate"}}))
        .await;
    shop.update("v2").await;
    seconds(19).await;
    assert_eq!(shop.pods("v1").await.len(), 3);
    let all = ListParams::default();
    assert_eq!(shop.sets.list(&all).await.unwrap().items.len(), 1);
    seconds(10).await;
    assert!(shop.pods("v1").await.is_empty());
    assert_eq!(counts(&shop.set("v2").await), (3, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn pods_are_available_only_after_min_ready_seconds() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let slow = web(&json!({"minReadySeconds": 20}));
    let post = kube::api::PostParams::default();
    shop.deployments.create(&post, &slow).await.unwrap();
    seconds(10).await;
    let status = shop.web().await.status.unwrap();
    assert_eq!(
        (status.ready_replicas, status.available_replicas),
        (Some(3), None)
    );
    seconds(15).await;
    let status = shop.web().await.status.unwrap();
    assert_eq!(status.available_replicas, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_does_not_roll_out() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let pause = |paused: bool| json!([{"op": "add", "path": "/spec/paused", "value": paused}]);
    shop.patch(pause(true)).await.unwrap();
    shop.update("v2").await;
    seconds(60).await;
    assert_eq!(
        shop.condition("Progressing").await,
        "Unknown/DeploymentPaused"
    );
    assert!(shop.pods("v2").await.is_empty());
    shop.patch(pause(false)).await.unwrap();
    seconds(60).await;
    assert_eq!(counts(&shop.set("v2").await), (3, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn scaling_changes_the_active_replica_set() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    for size in [5, 2, 0] {
        let patch = Patch::Merge(json!({"spec": {"replicas": size}}));
        let params = PatchParams::default();
        shop.deployments
            .patch("web", &params, &patch)
            .await
            .unwrap();
        seconds(30).await;
        assert_eq!(counts(&shop.set("v1").await), (size, size, size));
    }
}

#[tokio::test(start_paused = true)]
async fn scaling_in_the_middle_of_a_rollout_ends_at_the_new_size() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    shop.update("v2").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let patch = Patch::Merge(json!({"spec": {"replicas": 6}}));
    let params = PatchParams::default();
    shop.deployments
        .patch("web", &params, &patch)
        .await
        .unwrap();
    seconds(60).await;
    assert_eq!(counts(&shop.set("v2").await), (6, 6, 6));
    assert_eq!(counts(&shop.set("v1").await), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn old_replica_sets_are_kept_up_to_the_history_limit() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox)
        .with_web(&json!({"revisionHistoryLimit": 1}))
        .await;
    for version in ["v2", "v3"] {
        shop.update(version).await;
        seconds(60).await;
    }
    let mut versions: Vec<String> = shop
        .sets
        .list(&ListParams::default())
        .await
        .unwrap()
        .into_iter()
        .map(|set| set.metadata.labels.unwrap()["version"].clone())
        .collect();
    versions.sort();
    assert_eq!(versions, ["v2", "v3"]);
}

#[tokio::test(start_paused = true)]
async fn an_annotation_of_the_deployment_is_copied_to_its_replica_set() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let cause = "kubernetes.io/change-cause";
    shop.patch(json!([
        {"op": "replace", "path": "/spec/template", "value": template("v2")},
        {"op": "add", "path": "/metadata/annotations/kubernetes.io~1change-cause", "value": "why"},
    ]))
    .await
    .unwrap();
    seconds(60).await;
    assert_eq!(annotation(&shop.set("v2").await.metadata, cause), "why");
    assert_eq!(annotation(&shop.set("v1").await.metadata, cause), "");
}

#[tokio::test(start_paused = true)]
async fn conditions_tell_when_their_status_changed_and_when_they_were_updated() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let conditions = shop.web().await.status.unwrap().conditions.unwrap();
    let times = |kind: &str| {
        let found = conditions.iter().find(|it| it.type_ == kind).unwrap();
        let at = |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
            time.as_ref().unwrap().0.as_second() - 1_767_225_600
        };
        (at(&found.last_transition_time), at(&found.last_update_time))
    };
    assert_eq!(times("Progressing"), (0, 1));
    assert_eq!(times("Available"), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_begins_anew_with_every_step_forward() {
    let sandbox = shop_where_v2(Script::slow_start(std::time::Duration::from_secs(20)));
    let shop = Shop::of(&sandbox)
        .with_web(&json!({"replicas": 4, "progressDeadlineSeconds": 30}))
        .await;
    let update = async {
        shop.update("v2").await;
    };
    for web in statuses(&shop, update).await {
        let conditions = web.status.unwrap().conditions.unwrap();
        let late = |reason: Option<&str>| reason == Some("ProgressDeadlineExceeded");
        assert!(!conditions.iter().any(|it| late(it.reason.as_deref())));
    }
    assert_eq!(counts(&shop.set("v2").await), (4, 4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_complete_rollout_stays_complete_when_a_pod_is_replaced() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let replace = async {
        let name = shop.pods("v1").await[0].metadata.name.clone().unwrap();
        let how = kube::api::DeleteParams::default();
        shop.pods.delete(&name, &how).await.unwrap();
    };
    let seen = statuses(&shop, replace).await;
    assert!(seen.len() > 1, "the counts change");
    for web in seen {
        let conditions = web.status.unwrap().conditions.unwrap();
        let progressing = conditions
            .iter()
            .find(|it| it.type_ == "Progressing")
            .unwrap();
        assert_eq!(
            progressing.reason.as_deref(),
            Some("NewReplicaSetAvailable")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_not_ready_are_deleted_first() {
    let born = std::sync::atomic::AtomicU32::new(0);
    let second = move |_: &k8s_openapi::api::core::v1::Pod| {
        born.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1
    };
    let sandbox = shop().play(second, Script::never_ready()).build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    assert_eq!(counts(&shop.set("v1").await), (2, 3, 3));
    let patch = Patch::Merge(json!({"spec": {"replicas": 2}}));
    let params = PatchParams::default();
    shop.deployments
        .patch("web", &params, &patch)
        .await
        .unwrap();
    seconds(5).await;
    assert_eq!(counts(&shop.set("v1").await), (2, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_replica_set_that_cannot_be_created_leaves_the_observed_generation_behind() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let refused = ApiFailure::forbidden("replicasets.apps is forbidden: no");
    sandbox.faults().refuse_creation("replicasets", refused);
    shop.update("v2").await;
    seconds(60).await;
    assert_eq!(
        shop.condition("Progressing").await,
        "False/ReplicaSetCreateError"
    );
    let web = shop.web().await;
    assert_eq!(web.metadata.generation, Some(2));
    assert_eq!(web.status.unwrap().observed_generation, Some(1));
    let told = shop.messages("ReplicaSetCreateError").await;
    assert_eq!(told.len(), 1, "one event that is counted up: {told:?}");
    sandbox.faults().clear();
    seconds(120).await;
    let status = shop.web().await.status.unwrap();
    assert_eq!(status.observed_generation, Some(2));
    assert_eq!(counts(&shop.set("v2").await), (3, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_scaled_on_the_way_grows_and_shrinks_in_proportion() {
    let sandbox = shop_where_v2(Script::never_ready());
    let shop = Shop::of(&sandbox).with_web(&json!({"replicas": 10})).await;
    shop.update("v2").await;
    seconds(30).await;
    assert_eq!(counts(&shop.set("v1").await), (8, 8, 8));
    assert_eq!(counts(&shop.set("v2").await), (0, 5, 5));
    // Up to 25: 13 pods become 32.
    for (replicas, old, new) in [(20, 15, 10), (10, 8, 5), (0, 0, 0)] {
        let scale = json!([{"op": "replace", "path": "/spec/replicas", "value": replicas}]);
        shop.patch(scale).await.unwrap();
        seconds(30).await;
        assert_eq!(counts(&shop.set("v1").await).2, old, "of {replicas}");
        assert_eq!(counts(&shop.set("v2").await).2, new, "of {replicas}");
        assert_eq!(
            annotation(&shop.set("v1").await.metadata, DESIRED),
            replicas.to_string()
        );
    }
}
