//! Single requests, as every Kubernetes API server answers them.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::json;

use crate::support::{Shop, config_map, pod, refusal, seconds, shop, template, typed, web};

#[tokio::test(start_paused = true)]
async fn an_object_is_read_as_it_was_created_with_the_servers_fields() {
    let sandbox = shop().build();
    let maps: Api<ConfigMap> = Shop::of(&sandbox).api();
    seconds(90).await;
    let created = maps
        .create(&PostParams::default(), &config_map("a"))
        .await
        .unwrap();
    let read = maps.get("a").await.unwrap();
    assert_eq!(read, created);
    assert!(read.metadata.uid.is_some() && read.metadata.resource_version.is_some());
    let created_at = read.metadata.creation_timestamp.unwrap().0.to_string();
    assert_eq!(created_at, "2026-01-01T00:01:30Z");
}

#[tokio::test(start_paused = true)]
async fn refusals_have_the_code_and_the_words_of_the_real_server() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let maps: Api<ConfigMap> = shop.api();
    let elsewhere: Api<ConfigMap> = Api::namespaced(shop.client.clone(), "nowhere");
    let post = PostParams::default();
    maps.create(&post, &config_map("a")).await.unwrap();
    let rows = [
        (
            refusal(shop.deployments.get("web").await),
            404,
            "deployments.apps \"web\" not found",
        ),
        (
            refusal(maps.create(&post, &config_map("a")).await),
            409,
            "configmaps \"a\" already exists",
        ),
        (
            refusal(elsewhere.get("a").await),
            404,
            "configmaps \"a\" not found",
        ),
        (
            refusal(elsewhere.create(&post, &config_map("a")).await),
            404,
            "namespaces \"nowhere\" not found",
        ),
        (
            refusal(maps.delete("b", &DeleteParams::default()).await.map(drop)),
            404,
            "configmaps \"b\" not found",
        ),
    ];
    for ((code, message), expected, says) in rows {
        assert_eq!((code, message.as_str()), (expected, says));
    }
    let listed = elsewhere.list(&ListParams::default()).await.unwrap();
    assert!(
        listed.items.is_empty(),
        "an unknown namespace has an empty list"
    );
}

#[tokio::test(start_paused = true)]
async fn invalid_deployments_are_refused() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let post = PostParams::default();
    let other = json!({"selector": {"matchLabels": {"app": "other"}}});
    let (code, message) = refusal(shop.deployments.create(&post, &web(&other)).await);
    assert_eq!(code, 422);
    assert_eq!(
        message,
        "Deployment.apps \"web\" is invalid: spec.template.metadata.labels: Invalid value: \
         {\"app\":\"web\",\"version\":\"v1\"}: `selector` does not match template `labels`"
    );
    let shop = shop.with_web(&json!({})).await;
    let moved = json!([
        {"op": "add", "path": "/spec/selector/matchLabels/version", "value": "v1"},
    ]);
    let (code, message) = refusal(shop.patch(moved).await);
    assert_eq!(code, 422);
    assert!(message.ends_with("field is immutable"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_stale_replace_is_a_conflict_and_changes_nothing() {
    let sandbox = shop().build();
    let maps: Api<ConfigMap> = Shop::of(&sandbox).api();
    let post = PostParams::default();
    let stale = maps.create(&post, &config_map("a")).await.unwrap();
    let mut newer = stale.clone();
    newer
        .data
        .as_mut()
        .unwrap()
        .insert("key".into(), "newer".into());
    let newer = maps.replace("a", &post, &newer).await.unwrap();
    assert_ne!(
        newer.metadata.resource_version,
        stale.metadata.resource_version
    );
    let (code, message) = refusal(maps.replace("a", &post, &stale).await);
    assert_eq!(code, 409);
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; \
         please apply your changes to the latest version and try again"
    );
    assert_eq!(maps.get("a").await.unwrap(), newer);
}

#[tokio::test(start_paused = true)]
async fn a_json_patch_applies_when_its_tests_hold() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let web = shop.web().await;
    let patched = shop
        .patch(json!([
            {"op": "test", "path": "/metadata/uid", "value": web.metadata.uid},
            {"op": "test", "path": "/spec/template", "value": web.spec.unwrap().template},
            {"op": "replace", "path": "/spec/template", "value": template("v2")},
        ]))
        .await
        .unwrap();
    assert_eq!(patched.metadata.generation, Some(2));
    let refused = shop
        .patch(json!([
            {"op": "test", "path": "/metadata/uid", "value": "another"},
            {"op": "replace", "path": "/spec/template", "value": template("v3")},
        ]))
        .await;
    let (code, message) = refusal(refused);
    assert_eq!(code, 422);
    assert_eq!(
        message,
        "the server rejected our request due to an error in our request"
    );
    assert_eq!(shop.web().await.metadata.generation, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_patch_of_uid_or_resource_version_is_refused() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let replace = |path: &str| json!([{"op": "replace", "path": path, "value": "1"}]);
    let (code, message) = refusal(shop.patch(replace("/metadata/uid")).await);
    assert_eq!(code, 422);
    assert!(message.contains("metadata.uid: Invalid value"), "{message}");
    let (code, _) = refusal(shop.patch(replace("/metadata/resourceVersion")).await);
    assert_eq!(code, 409);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_is_answered_and_leaves_nothing_behind() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let before = shop.web().await;
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let created = shop.pods.create(&dry, &pod("probe")).await.unwrap();
    assert!(created.metadata.uid.is_some());
    assert!(shop.pods.get_opt("probe").await.unwrap().is_none());
    let merge = Patch::Merge(json!({"spec": {"replicas": 9}}));
    let params = PatchParams::default().dry_run();
    let patched = shop
        .deployments
        .patch("web", &params, &merge)
        .await
        .unwrap();
    assert_eq!(patched.spec.unwrap().replicas, Some(9));
    assert_eq!(shop.web().await, before);
    let params = DeleteParams::default().dry_run();
    shop.deployments.delete("web", &params).await.unwrap();
    assert_eq!(shop.web().await, before);
}

#[tokio::test(start_paused = true)]
async fn the_generation_counts_specs_and_a_deployments_annotations_but_no_statuses() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let params = PatchParams::default();
    assert_eq!(shop.web().await.metadata.generation, Some(1));
    let rows = [
        (json!({"spec": {"minReadySeconds": 1}}), 2),
        (json!({"spec": {"minReadySeconds": 1}}), 2),
        (json!({"metadata": {"labels": {"a": "b"}}}), 2),
        (json!({"metadata": {"annotations": {"a": "b"}}}), 3),
        (json!({"status": {"replicas": 7}}), 3),
    ];
    for (patch, generation) in rows {
        let merge = Patch::Merge(&patch);
        let patched = shop
            .deployments
            .patch("web", &params, &merge)
            .await
            .unwrap();
        assert_eq!(patched.metadata.generation, Some(generation), "{patch}");
        assert_ne!(patched.status.unwrap().replicas, Some(7));
    }
}

#[tokio::test(start_paused = true)]
async fn lists_are_selected_and_paged() {
    let sandbox = shop().build();
    let maps: Api<ConfigMap> = Shop::of(&sandbox).api();
    for name in ["a", "b", "c", "d", "e"] {
        let post = PostParams::default();
        maps.create(&post, &config_map(name)).await.unwrap();
    }
    let names = |list: &kube::core::ObjectList<ConfigMap>| -> Vec<String> {
        let names = list.items.iter().filter_map(|it| it.metadata.name.clone());
        names.collect()
    };
    let some = ListParams::default().labels("app in (a, c)");
    assert_eq!(names(&maps.list(&some).await.unwrap()), ["a", "c"]);
    let one = ListParams::default().fields("metadata.name=d");
    assert_eq!(names(&maps.list(&one).await.unwrap()), ["d"]);

    let page = ListParams::default().limit(2);
    let first = maps.list(&page).await.unwrap();
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    // The next page shows the state of the first one.
    maps.delete("c", &DeleteParams::default()).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    let second = maps
        .list(&page.clone().continue_token(&token))
        .await
        .unwrap();
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(
        second.metadata.resource_version,
        first.metadata.resource_version
    );
    sandbox.faults().compact_history();
    let token = second.metadata.continue_.unwrap();
    let (code, _) = refusal(maps.list(&page.continue_token(&token)).await);
    assert_eq!(code, 410);
}

#[tokio::test(start_paused = true)]
async fn a_field_that_cannot_be_selected_by_is_refused() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let by = |field: &str| ListParams::default().fields(&format!("{field}=x"));
    shop.pods.list(&by("status.phase")).await.unwrap();
    let (code, message) = refusal(shop.pods.list(&by("status.reason")).await);
    assert_eq!(code, 400);
    assert_eq!(message, "field label not supported: status.reason");
    let (_, message) = refusal(shop.sets.list(&by("status.phase")).await);
    assert!(message.starts_with("\"status.phase\" is not a known field selector"));
}

#[tokio::test(start_paused = true)]
async fn quantities_are_stored_in_one_form() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let mut template = template("v1");
    template["spec"]["containers"][0]["resources"] =
        json!({"limits": {"cpu": "0.5", "memory": "1024Mi"}});
    let shop = shop.with_web(&json!({"template": template})).await;
    let pod = shop.pods("v1").await.remove(0);
    let resources = pod.spec.unwrap().containers[0].resources.clone().unwrap();
    for amounts in [resources.limits.unwrap(), resources.requests.unwrap()] {
        assert_eq!(
            (amounts["cpu"].0.as_str(), amounts["memory"].0.as_str()),
            ("500m", "1Gi")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn deletion_respects_its_preconditions() {
    let sandbox = shop().build();
    let maps: Api<ConfigMap> = Shop::of(&sandbox).api();
    let post = PostParams::default();
    let created = maps.create(&post, &config_map("a")).await.unwrap();
    let only_if = |uid: &str, version: &str| {
        DeleteParams::default().preconditions(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
        })
    };
    let uid = created.metadata.uid.unwrap();
    let version = created.metadata.resource_version.unwrap();
    for (uid, version) in [("other", version.as_str()), (uid.as_str(), "1")] {
        let refused = maps.delete("a", &only_if(uid, version)).await;
        assert_eq!(refusal(refused.map(drop)).0, 409);
    }
    maps.delete("a", &only_if(&uid, &version)).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_stops_first_and_an_unscheduled_one_is_gone_at_once() {
    let sandbox = shop().build();
    let pods: Api<Pod> = Shop::of(&sandbox).api();
    let post = PostParams::default();
    pods.create(&post, &pod("running")).await.unwrap();
    seconds(5).await;
    pods.create(&post, &pod("fresh")).await.unwrap();
    for name in ["running", "fresh"] {
        pods.delete(name, &DeleteParams::default()).await.unwrap();
    }
    assert!(pods.get_opt("fresh").await.unwrap().is_none());
    let stopping = pods.get("running").await.unwrap();
    assert!(stopping.metadata.deletion_timestamp.is_some());
    assert_eq!(stopping.metadata.deletion_grace_period_seconds, Some(30));
    seconds(1).await;
    assert!(pods.get_opt("running").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn deleting_a_deployment_deletes_what_it_owns() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    shop.deployments
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    seconds(5).await;
    let all = ListParams::default();
    assert!(shop.sets.list(&all).await.unwrap().items.is_empty());
    assert!(shop.pods.list(&all).await.unwrap().items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn deleting_a_namespace_deletes_what_is_in_it() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let namespaces: Api<Namespace> = Api::all(shop.client.clone());
    namespaces
        .delete("shop", &DeleteParams::default())
        .await
        .unwrap();
    seconds(5).await;
    assert!(namespaces.get_opt("shop").await.unwrap().is_none());
    assert!(
        shop.pods
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn server_side_apply_creates_and_then_changes() {
    let sandbox = shop().build();
    let maps: Api<ConfigMap> = Shop::of(&sandbox).api();
    let params = PatchParams::apply("test");
    for value in ["one", "two"] {
        let map: ConfigMap = typed(json!({"metadata": {"name": "a"}, "data": {"key": value}}));
        let mut map = serde_json::to_value(map).unwrap();
        map["apiVersion"] = json!("v1");
        map["kind"] = json!("ConfigMap");
        let applied = maps.patch("a", &params, &Patch::Apply(map)).await.unwrap();
        assert_eq!(applied.data.unwrap()["key"], value);
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_has_the_clusters_date() {
    let sandbox = shop().build();
    let client = sandbox.client();
    seconds(61).await;
    let request = http::Request::get("/version");
    let request = request.body(kube::client::Body::empty()).unwrap();
    let answer = client.send(request).await.unwrap();
    assert_eq!(answer.headers()["date"], "Thu, 01 Jan 2026 00:01:01 GMT");
    assert_eq!(client.apiserver_version().await.unwrap().minor, "35");
}

#[tokio::test(start_paused = true)]
async fn metadata_alone_is_answered_when_it_is_asked_for() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let full = shop.web().await.metadata;
    let one = shop.deployments.get_metadata("web").await.unwrap();
    assert_eq!(one.types.unwrap().kind, "PartialObjectMetadata");
    assert_eq!(one.metadata, full);
    let all = ListParams::default();
    let many = shop.deployments.list_metadata(&all).await.unwrap();
    assert_eq!(many.types.kind, "PartialObjectMetadataList");
    assert_eq!(many.items[0].metadata, full);
}

#[tokio::test(start_paused = true)]
async fn requests_are_logged_in_order() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let _ = shop.deployments.get("web").await;
    let _ = shop.pods.list(&ListParams::default().limit(5)).await;
    let seen: Vec<String> = sandbox
        .requests()
        .iter()
        .map(|it| format!("{} {}", it.verb, it.path))
        .collect();
    assert_eq!(
        seen,
        [
            "get /apis/apps/v1/namespaces/shop/deployments/web",
            "list /api/v1/namespaces/shop/pods?&limit=5",
        ]
    );
}
