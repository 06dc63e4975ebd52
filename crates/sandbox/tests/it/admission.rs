//! Pods that are not let in.

use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota, ServiceAccount};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use rollguard_sandbox::PodRefusal;
use serde_json::json;

use crate::support::{Shop, counts, is_version, pod, refusal, seconds, shop, template, typed};

/// The message of the ReplicaSet's `ReplicaFailure`, with the pod's name replaced by `*`.
async fn failure(shop: &Shop, version: &str) -> String {
    let set = shop.set(version).await;
    let conditions = set.status.unwrap().conditions.unwrap_or_default();
    let failure = conditions
        .into_iter()
        .find(|it| it.type_ == "ReplicaFailure");
    let message = failure.map(|it| it.message.unwrap()).unwrap_or_default();
    let name = set.metadata.name.unwrap();
    let Some((before, rest)) = message.split_once(&name) else {
        return message;
    };
    let after = rest.split_once('"').map_or(rest, |(_, after)| after);
    format!("{before}*\"{after}")
}

fn limited(version: &str) -> serde_json::Value {
    let mut template = template(version);
    template["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "1"}});
    template
}

#[tokio::test(start_paused = true)]
async fn a_quota_refuses_the_surge_pod_until_there_is_room() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let quotas: Api<ResourceQuota> = shop.api();
    let quota = typed(json!({"metadata": {"name": "team"}, "spec": {"hard": {"limits.cpu": "3"}}}));
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let shop = shop.with_web(&json!({"template": limited("v1")})).await;
    let used = quotas
        .get("team")
        .await
        .unwrap()
        .status
        .unwrap()
        .used
        .unwrap();
    assert_eq!(used["limits.cpu"].0, "3");

    let v2 = json!([{"op": "replace", "path": "/spec/template", "value": limited("v2")}]);
    shop.patch(v2).await.unwrap();
    seconds(30).await;
    let says = "pods \"*\" is forbidden: exceeded quota: team, requested: limits.cpu=1, \
                used: limits.cpu=3, limited: limits.cpu=3";
    assert_eq!(failure(&shop, "v2").await, says);
    assert_eq!(shop.condition("ReplicaFailure").await, "True/FailedCreate");
    let events = shop.messages("FailedCreate").await;
    assert!(
        events[0].starts_with("Error creating: pods \"web-"),
        "{events:?}"
    );

    quotas
        .delete("team", &DeleteParams::default())
        .await
        .unwrap();
    // The ReplicaSet tries again when its back-off is over.
    seconds(120).await;
    assert_eq!(counts(&shop.set("v2").await), (3, 3, 3));
    assert_eq!(shop.condition("ReplicaFailure").await, "");
}

#[tokio::test(start_paused = true)]
async fn retries_back_off_and_events_are_combined() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let quotas: Api<ResourceQuota> = shop.api();
    let quota = typed(json!({"metadata": {"name": "team"}, "spec": {"hard": {"pods": "0"}}}));
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let shop = shop.with_web(&json!({})).await;
    seconds(540).await;
    let messages = shop.messages("FailedCreate").await;
    let events = shop.events.list(&ListParams::default()).await.unwrap();
    let failed = events
        .iter()
        .filter(|it| it.reason.as_deref() == Some("FailedCreate"));
    let tries: i32 = failed.filter_map(|it| it.count).sum();
    // 5 ms doubled 17 times is eleven minutes; a change of the status brings one more.
    assert!((17..=19).contains(&tries), "{tries}");
    let combined = messages
        .iter()
        .filter(|it| it.starts_with("(combined from similar events): "));
    assert_eq!(combined.count(), 1);
    assert_eq!(
        messages.len(),
        10,
        "nine in their own words, and the combined one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_limit_range_refuses_and_fills_in() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let ranges: Api<LimitRange> = shop.api();
    let range = json!({"metadata": {"name": "sizes"}, "spec": {"limits": [
        {"type": "Container", "max": {"cpu": "500m"}, "default": {"cpu": "100m"}},
    ]}});
    ranges
        .create(&PostParams::default(), &typed(range))
        .await
        .unwrap();
    let created = shop
        .pods
        .create(&PostParams::default(), &pod("small"))
        .await
        .unwrap();
    let resources = created.spec.unwrap().containers[0]
        .resources
        .clone()
        .unwrap();
    assert_eq!(resources.limits.unwrap()["cpu"].0, "100m");
    let shop = shop.with_web(&json!({"template": limited("v1")})).await;
    assert_eq!(
        failure(&shop, "v1").await,
        "pods \"*\" is forbidden: maximum cpu usage per Container is 500m, but limit is 1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_service_account_refuses_until_it_is_created() {
    let sandbox = shop().build();
    let mut template = template("v1");
    template["spec"]["serviceAccountName"] = json!("robot");
    let shop = Shop::of(&sandbox)
        .with_web(&json!({"template": template}))
        .await;
    assert_eq!(
        failure(&shop, "v1").await,
        "pods \"*\" is forbidden: error looking up service account shop/robot: \
         serviceaccount \"robot\" not found"
    );
    let accounts: Api<ServiceAccount> = shop.api();
    let robot = typed(json!({"metadata": {"name": "robot"}}));
    accounts
        .create(&PostParams::default(), &robot)
        .await
        .unwrap();
    seconds(120).await;
    assert_eq!(counts(&shop.set("v1").await), (3, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_missing_priority_class_refuses_until_it_is_created() {
    let sandbox = shop().build();
    let mut template = template("v1");
    template["spec"]["priorityClassName"] = json!("high");
    let shop = Shop::of(&sandbox)
        .with_web(&json!({"template": template}))
        .await;
    let set = shop.set("v1").await;
    let says = format!(
        "pods \"{}-\" is forbidden: no PriorityClass with name high was found",
        set.metadata.name.unwrap()
    );
    let conditions = set.status.unwrap().conditions.unwrap_or_default();
    assert_eq!(conditions[0].message.as_deref(), Some(&*says));
    let classes: Api<PriorityClass> = Api::all(shop.client.clone());
    let high = typed(json!({"metadata": {"name": "high"}, "value": 7}));
    classes.create(&PostParams::default(), &high).await.unwrap();
    seconds(120).await;
    assert_eq!(counts(&shop.set("v1").await), (3, 3, 3));
    let priority = shop.pods("v1").await.remove(0).spec.unwrap().priority;
    assert_eq!(priority, Some(7));
}

#[tokio::test(start_paused = true)]
async fn injected_refusals_have_the_form_of_the_real_plug_ins() {
    let rows = [
        (
            PodRefusal::Forbidden("violates PodSecurity \"restricted:latest\": x".into()),
            "pods \"*\" is forbidden: violates PodSecurity \"restricted:latest\": x",
        ),
        (
            PodRefusal::Webhook {
                name: "validation.gatekeeper.sh".into(),
                message: "[no-latest] use a tag".into(),
            },
            "admission webhook \"validation.gatekeeper.sh\" denied the request: \
             [no-latest] use a tag",
        ),
    ];
    for (refused, says) in rows {
        let sandbox = shop().build();
        let shop = Shop::of(&sandbox).with_web(&json!({})).await;
        let faults = sandbox.faults();
        faults.refuse_pods(|pod| is_version(pod, "v2"), refused);
        shop.update("v2").await;
        seconds(30).await;
        assert_eq!(failure(&shop, "v2").await, says);
        assert_eq!(counts(&shop.set("v1").await), (3, 3, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_of_a_pod_goes_through_admission() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let quotas: Api<ResourceQuota> = shop.api();
    let quota = typed(json!({"metadata": {"name": "team"}, "spec": {"hard": {"pods": "0"}}}));
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let (code, message) = refusal(shop.pods.create(&dry, &pod("probe")).await);
    assert_eq!(code, 403);
    assert_eq!(
        message,
        "pods \"probe\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=0, \
         limited: pods=0"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_of_a_pod_meets_injected_refusals_and_is_not_charged() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let quotas: Api<ResourceQuota> = shop.api();
    let quota = typed(json!({"metadata": {"name": "team"}, "spec": {"hard": {"pods": "1"}}}));
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    for _ in 0..2 {
        shop.pods.create(&dry, &pod("probe")).await.unwrap();
    }
    seconds(1).await;
    let status = quotas.get("team").await.unwrap().status.unwrap();
    assert_eq!(status.used.unwrap()["pods"].0, "0");
    let violates = "violates PodSecurity \"restricted:latest\": x";
    sandbox.faults().refuse_pods(
        |pod| is_version(pod, "v1"),
        PodRefusal::Forbidden(violates.into()),
    );
    let (code, message) = refusal(shop.pods.create(&dry, &pod("probe")).await);
    assert_eq!(code, 403);
    assert_eq!(message, format!("pods \"probe\" is forbidden: {violates}"));
}
