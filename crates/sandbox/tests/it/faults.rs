//! Faults that are injected on purpose.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use rollguard_sandbox::{ApiFailure, Fault, Requests, Verb};
use serde_json::json;

use crate::support::{Shop, config_map, refusal, seconds, shop, template, typed};

#[tokio::test(start_paused = true)]
async fn the_next_requests_get_the_failure_and_later_ones_do_not() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let one = || {
        Requests::all()
            .verb(Verb::Get)
            .resource("deployments")
            .name("web")
    };
    for (failure, code) in [
        (ApiFailure::unauthorized(), 401),
        (ApiFailure::forbidden("no"), 403),
        (ApiFailure::conflict("no"), 409),
        (ApiFailure::expired("no"), 410),
        (ApiFailure::too_many_requests(7), 429),
        (ApiFailure::internal("etcdserver: request timed out"), 500),
    ] {
        sandbox
            .faults()
            .inject_next(2, one(), Fault::Answer(failure));
        // Another object and another verb are not meant.
        assert_eq!(refusal(shop.deployments.get("api").await).0, 404);
        shop.deployments.list(&ListParams::default()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(refusal(shop.deployments.get("web").await).0, code);
        }
        shop.deployments.get("web").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_is_told_when_to_come_back() {
    let sandbox = shop().build();
    let failure = ApiFailure::too_many_requests(7);
    sandbox
        .faults()
        .inject_next(1, Requests::all(), Fault::Answer(failure));
    let request = http::Request::get("/version");
    let request = request.body(kube::client::Body::empty()).unwrap();
    let answer = sandbox.client().send(request).await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_taken_away_shows_in_reviews_and_answers() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    sandbox.faults().forbid(Verb::List, "pods");
    let (code, message) = refusal(shop.pods.list(&ListParams::default()).await);
    assert_eq!(code, 403);
    assert_eq!(
        message,
        "pods is forbidden: User \"sandbox\" cannot list resource \"pods\" in API group \"\" \
         in the namespace \"shop\""
    );
    let mut attributes = json!({"verb": "list", "resource": "pods", "namespace": "shop"});
    assert!(!may(&shop, &attributes).await);
    attributes["verb"] = json!("get");
    assert!(may(&shop, &attributes).await);
}

/// Returns what an access review says.
async fn may(shop: &Shop, attributes: &serde_json::Value) -> bool {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(shop.client.clone());
    let review = typed(json!({"spec": {"resourceAttributes": attributes}}));
    let answer = reviews.create(&PostParams::default(), &review).await;
    answer.unwrap().status.unwrap().allowed
}

#[tokio::test(start_paused = true)]
async fn a_review_can_be_about_one_object_a_part_of_it_or_any_group() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let faults = sandbox.faults();
    let patches = Requests::all().verb(Verb::Patch).resource("deployments");
    faults.inject(patches.name("web"), Fault::Forbid);
    faults.forbid(Verb::Get, "pods/log");
    faults.forbid(Verb::List, "horizontalpodautoscalers");
    faults.inject_next(0, Requests::all().verb(Verb::Delete), Fault::Forbid);
    let rows = [
        (
            json!({"verb": "patch", "group": "apps", "resource": "deployments", "name": "web"}),
            false,
        ),
        (
            json!({"verb": "patch", "group": "apps", "resource": "deployments", "name": "api"}),
            true,
        ),
        (
            json!({"verb": "get", "resource": "pods", "subresource": "log"}),
            false,
        ),
        (json!({"verb": "get", "resource": "pods"}), true),
        (
            json!({"verb": "list", "group": "autoscaling", "version": "v2",
                   "resource": "horizontalpodautoscalers"}),
            false,
        ),
        (
            json!({"verb": "list", "group": "batch", "resource": "jobs"}),
            true,
        ),
        (json!({"verb": "delete", "resource": "pods"}), true),
    ];
    for (attributes, allowed) in rows {
        assert_eq!(may(&shop, &attributes).await, allowed, "{attributes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_spare_dry_runs() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let writes = Requests::all().verb(Verb::Patch).dry_run(false);
    sandbox.faults().inject(writes, Fault::Forbid);
    let merge = Patch::Merge(json!({"spec": {"replicas": 5}}));
    let dry = PatchParams::default().dry_run();
    let patched = shop.deployments.patch("web", &dry, &merge).await.unwrap();
    assert_eq!(patched.spec.unwrap().replicas, Some(5));
    let params = PatchParams::default();
    let refused = shop.deployments.patch("web", &params, &merge).await;
    assert_eq!(refusal(refused).0, 403);
}

#[tokio::test(start_paused = true)]
async fn a_request_can_stay_without_an_answer() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let faults = sandbox.faults();
    faults.inject(Requests::all().resource("deployments"), Fault::NeverAnswer);
    let patience = Duration::from_secs(3600);
    let answer = tokio::time::timeout(patience, shop.deployments.get("web")).await;
    assert!(answer.is_err());
    faults.clear();
    assert_eq!(refusal(shop.deployments.get("web").await).0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_hides_that_the_write_was_applied() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let patches = || Requests::all().verb(Verb::Patch);
    let v2 = || json!([{"op": "replace", "path": "/spec/template", "value": template("v2")}]);
    sandbox
        .faults()
        .inject_next(1, patches(), Fault::Disconnect);
    let refused = shop.patch(v2()).await;
    assert!(matches!(refused, Err(kube::Error::Service(_))));
    assert_eq!(shop.web().await.metadata.generation, Some(1));
    sandbox
        .faults()
        .inject_next(1, patches(), Fault::LoseAnswer);
    let lost = shop.patch(v2()).await;
    assert!(matches!(lost, Err(kube::Error::Service(_))));
    assert_eq!(shop.web().await.metadata.generation, Some(2));
}

#[tokio::test(start_paused = true)]
async fn controllers_do_not_meet_the_faults_of_clients() {
    let sandbox = shop().build();
    let faults = sandbox.faults();
    faults.inject(Requests::all().resource("pods"), Fault::Disconnect);
    let shop = Shop::of(&sandbox).with_web(&json!({})).await;
    let status = shop.web().await.status.unwrap();
    assert_eq!(status.available_replicas, Some(3));
    faults.clear();
    seconds(1).await;
    let maps: Api<_> = shop.api();
    maps.create(&PostParams::default(), &config_map("a"))
        .await
        .unwrap();
}
