//! Requests of a rollback: templates that are put back, and the objects that it looks at.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use rollguard_sandbox::Script;
use serde_json::json;

use crate::support::{Shop, annotation, config_map, counts, seconds, shop, shop_where_v2, typed};

const REVISION: &str = "deployment.kubernetes.io/revision";

/// Where the restored ReplicaSet is whole, a paused Deployment lets the broken pods go all the
/// same (`sync.go`, `scale`); where it is not, nothing moves before it is resumed.
#[tokio::test(start_paused = true)]
async fn a_paused_deployment_takes_the_old_replica_set_up() {
    let rows = [
        (json!("25%"), (0, 1, 1), (3, 3, 3), (0, 0, 0)),
        (json!(1), (0, 2, 2), (2, 2, 2), (0, 2, 2)),
    ];
    for (unavailable, stuck, good, broken) in rows {
        let sandbox = shop_where_v2(Script::image_not_found());
        let strategy = json!({"strategy": {"rollingUpdate": {"maxUnavailable": unavailable}}});
        let shop = Shop::of(&sandbox).with_web(&strategy).await;
        shop.update("v2").await;
        seconds(60).await;
        assert_eq!(counts(&shop.set("v2").await), stuck);
        let pause = |paused: bool| json!([{"op": "add", "path": "/spec/paused", "value": paused}]);
        shop.patch(pause(true)).await.unwrap();
        shop.update("v1").await;
        seconds(60).await;
        let back = shop.set("v1").await;
        assert_eq!(annotation(&back.metadata, REVISION), "3");
        assert_eq!(counts(&back), good);
        assert_eq!(counts(&shop.set("v2").await), broken);
        shop.patch(pause(false)).await.unwrap();
        seconds(60).await;
        assert_eq!(counts(&shop.set("v1").await), (3, 3, 3));
        assert_eq!(counts(&shop.set("v2").await), (0, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn recreate_goes_back_to_the_old_replica_set_when_the_broken_pods_are_gone() {
    let broken = Script::image_not_found().stopping_in(std::time::Duration::from_secs(20));
    let sandbox = shop_where_v2(broken);
    let shop = Shop::of(&sandbox)
        .with_web(&json!({"strategy": {"type": "Recreate"}}))
        .await;
    let good = shop.set("v1").await.metadata.uid;
    shop.update("v2").await;
    seconds(60).await;
    assert_eq!(counts(&shop.set("v1").await), (0, 0, 0));
    shop.update("v1").await;
    seconds(19).await;
    assert!(shop.pods("v1").await.is_empty());
    seconds(30).await;
    let back = shop.set("v1").await;
    assert_eq!(back.metadata.uid, good);
    assert_eq!(annotation(&back.metadata, REVISION), "3");
    assert_eq!(counts(&back), (3, 3, 3));
    assert_eq!(
        shop.condition("Progressing").await,
        "True/NewReplicaSetAvailable"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_of_no_replicas_goes_back_as_well() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({"replicas": 0})).await;
    let good = shop.set("v1").await.metadata.uid;
    for version in ["v2", "v1"] {
        shop.update(version).await;
        seconds(10).await;
    }
    let back = shop.set("v1").await;
    assert_eq!(back.metadata.uid, good);
    assert_eq!(annotation(&back.metadata, REVISION), "3");
    let web = shop.web().await;
    let status = web.status.unwrap();
    assert_eq!(status.observed_generation, web.metadata.generation);
    assert_eq!(status.replicas, None);
    assert_eq!(
        shop.condition("Progressing").await,
        "True/NewReplicaSetAvailable"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_history_limit_the_old_replica_set_goes_when_the_rollout_is_complete() {
    let sandbox = shop_where_v2(Script::image_not_found());
    let spec = json!({"revisionHistoryLimit": 0});
    let shop = Shop::of(&sandbox).with_web(&spec).await;
    let versions = async |shop: &Shop| -> Vec<String> {
        let sets = shop.sets.list(&ListParams::default()).await.unwrap().items;
        let version = |it: k8s_openapi::api::apps::v1::ReplicaSet| {
            it.metadata.labels.unwrap()["version"].clone()
        };
        let mut versions: Vec<_> = sets.into_iter().map(version).collect();
        versions.sort();
        versions
    };
    shop.update("v2").await;
    seconds(60).await;
    assert_eq!(versions(&shop).await, ["v1", "v2"], "it is still serving");
    shop.update("v3").await;
    seconds(60).await;
    assert_eq!(versions(&shop).await, ["v3"]);
}

#[tokio::test(start_paused = true)]
async fn a_mark_stays_on_its_replica_set_and_changes_nothing() {
    let sandbox = shop_where_v2(Script::image_not_found());
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let set = shop.set("v1").await;
    let mark = Patch::Merge(json!({"metadata": {"annotations": {"mark": "good"}}}));
    let params = PatchParams::default();
    let name = set.metadata.name.unwrap();
    let marked = shop.sets.patch(&name, &params, &mark).await.unwrap();
    assert_eq!(marked.metadata.generation, set.metadata.generation);
    for version in ["v2", "v1"] {
        shop.update(version).await;
        seconds(60).await;
    }
    let marked = |it: &kube::api::ObjectMeta| annotation(it, "mark");
    assert_eq!(marked(&shop.set("v1").await.metadata), "good");
    assert_eq!(marked(&shop.set("v2").await.metadata), "");
    assert_eq!(marked(&shop.web().await.metadata), "");
}

/// When an object was last written, of its `managedFields`.
fn changed(metadata: &kube::api::ObjectMeta) -> Option<String> {
    let entries = metadata.managed_fields.as_ref()?;
    let times = entries.iter().filter_map(|it| Some(it.time.as_ref()?.0));
    times.max().map(|it| it.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_change_since_some_moment_can_be_told() {
    let sandbox = shop().build();
    let maps: Api<ConfigMap> = Shop::of(&sandbox).api();
    let created = maps.create(&PostParams::default(), &config_map("a")).await;
    let created = created.unwrap().metadata;
    assert_eq!(changed(&created).as_deref(), Some("2026-01-01T00:00:00Z"));
    seconds(60).await;
    let change = |value: &str| Patch::Merge(json!({"data": {"key": value}}));
    let params = PatchParams::apply("somebody");
    let rows = [
        (params.clone().dry_run(), "other", "2026-01-01T00:00:00Z"),
        (params.clone(), "value", "2026-01-01T00:00:00Z"),
        (params, "other", "2026-01-01T00:01:00Z"),
    ];
    for (params, value, at) in rows {
        maps.patch("a", &params, &change(value)).await.unwrap();
        let found = maps.get("a").await.unwrap().metadata;
        assert_eq!(changed(&found).as_deref(), Some(at), "{value}");
    }
    let entries = maps.get("a").await.unwrap().metadata.managed_fields;
    let managers: Vec<_> = entries.unwrap().into_iter().map(|it| it.manager).collect();
    assert_eq!(managers.last(), Some(&Some("somebody".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_job_is_kept_as_it_is_given_and_its_status_is_a_part_of_its_own() {
    let sandbox = shop().build();
    let jobs: Api<Job> = Shop::of(&sandbox).api();
    let job = json!({
        "metadata": {"name": "migrate", "labels": {"app": "web"}},
        "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [
            {"name": "app", "image": "registry.test/app:v2"},
        ]}}},
        "status": {"succeeded": 1},
    });
    let created = jobs.create(&PostParams::default(), &typed(job)).await;
    assert_eq!(created.unwrap().status.unwrap().succeeded, None);
    let done = json!({"status": {"succeeded": 1, "completionTime": "2026-01-01T00:00:30Z"}});
    let (params, done) = (PatchParams::default(), Patch::Merge(done));
    let ignored = jobs.patch("migrate", &params, &done).await.unwrap();
    assert_eq!(ignored.status.unwrap().succeeded, None);
    jobs.patch_status("migrate", &params, &done).await.unwrap();
    seconds(60).await;
    let listed = jobs.list(&ListParams::default().labels("app=web")).await;
    let status = listed.unwrap().items.remove(0).status.unwrap();
    assert_eq!(status.succeeded, Some(1));
    let completed = status.completion_time.unwrap().0.to_string();
    assert_eq!(completed, "2026-01-01T00:00:30Z");
}

#[tokio::test(start_paused = true)]
async fn a_secret_given_as_text_is_kept_as_data() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let secrets: Api<Secret> = shop.api();
    let given = typed(json!({"metadata": {"name": "keys"}, "stringData": {"a": "two"}}));
    let created = secrets.create(&PostParams::default(), &given).await;
    let created = created.unwrap();
    assert_eq!(created.string_data, None);
    assert_eq!(created.data.unwrap()["a"].0, b"two");
}

#[tokio::test(start_paused = true)]
async fn the_scripts_of_a_dry_runs_pod_do_not_begin() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut probe: Pod = crate::support::pod("probe");
    probe.metadata.name = None;
    probe.metadata.generate_name = Some("probe-".to_owned());
    let first = shop.pods.create(&dry, &probe).await.unwrap();
    let name = first.metadata.name.unwrap();
    assert!(name.starts_with("probe-") && name.len() == "probe-".len() + 5);
    seconds(60).await;
    let pods = shop.pods.list(&ListParams::default()).await.unwrap();
    let events = shop.events.list(&ListParams::default()).await.unwrap();
    assert!(pods.items.is_empty() && events.items.is_empty());
}
