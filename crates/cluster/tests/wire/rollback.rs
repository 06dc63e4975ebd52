//! A plan, its patch, and what came of it.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use rollguard_cluster::apply::{Applied, apply};
use rollguard_cluster::history::history;
use rollguard_cluster::{ClusterErrorKind, Connection};
use rollguard_core::rollback::{Request, RollbackDecision, RollbackPlan, decide};
use rollguard_core::verdict::Verdict;
use rollguard_core::workload::Revision;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Sandbox, Verb};
use serde_json::json;

use crate::support::{cluster, deploy, deployments, follow, healthy, web};

/// v1 was healthy, v2 is bad, and this would bring v1 back.
async fn bad_rollout(sandbox: &Sandbox) -> (Connection, RollbackPlan) {
    let connection = healthy(sandbox).await;
    deploy(sandbox, "v2").await;
    let verdict = follow(&connection).await;
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    let plan = plan(&connection.client).await;
    (connection, plan)
}

async fn plan(client: &Client) -> RollbackPlan {
    let history = history(client, &web()).await.unwrap();
    let request = Request {
        to_revision: Some(Revision(1)),
        cause: "rolled back by a test".to_owned(),
        ..Request::default()
    };
    match decide(&web(), &history, &request) {
        RollbackDecision::Apply(plan) => *plan,
        other @ (RollbackDecision::Already(_) | RollbackDecision::Refuse(_)) => panic!("{other:?}"),
    }
}

async fn deployment(sandbox: &Sandbox) -> Deployment {
    deployments(sandbox).get("web").await.unwrap()
}

async fn version(sandbox: &Sandbox) -> String {
    let template = deployment(sandbox).await.spec.unwrap().template;
    template.metadata.unwrap().labels.unwrap()["version"].clone()
}

fn patches() -> Requests {
    Requests::all().verb(Verb::Patch)
}

fn sent(sandbox: &Sandbox) -> usize {
    let ours = |it: &&rollguard_sandbox::Request| it.path.contains("fieldManager=rollguard");
    sandbox.requests().iter().filter(ours).count()
}

#[tokio::test(start_paused = true)]
async fn a_rollback_restores_the_template_and_adds_one_annotation() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    let applied = apply(&connection.client, &plan, false).await.unwrap();
    assert_eq!(applied, Applied::Done);
    assert_eq!(version(&sandbox).await, "v1");
    let annotations = deployment(&sandbox).await.annotations().clone();
    assert_eq!(annotations["team"], "checkout");
    assert_eq!(
        annotations["kubernetes.io/change-cause"],
        "rolled back by a test"
    );
    assert_eq!(follow(&connection).await, Verdict::Succeeded);
    let again = apply(&connection.client, &plan, false).await.unwrap();
    assert_eq!(again, Applied::AlreadyThere);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_leaves_the_object_alone() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    let before = deployment(&sandbox).await;
    let applied = apply(&connection.client, &plan, true).await.unwrap();
    assert_eq!(applied, Applied::DryRun);
    assert_eq!(
        deployment(&sandbox).await.metadata.generation,
        before.metadata.generation
    );
    assert_eq!(version(&sandbox).await, "v2");
}

#[tokio::test(start_paused = true)]
async fn a_newer_rollout_is_never_undone() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    deploy(&sandbox, "v3").await;
    for dry_run in [true, false] {
        let applied = apply(&connection.client, &plan, dry_run).await.unwrap();
        assert_eq!(applied, Applied::Superseded);
    }
    assert_eq!(version(&sandbox).await, "v3");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_read_back_and_the_patch_not_repeated() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    sandbox.faults().inject(patches(), Fault::LoseAnswer);
    let applied = apply(&connection.client, &plan, false).await.unwrap();
    assert_eq!(applied, Applied::Done);
    assert_eq!(version(&sandbox).await, "v1");
    assert_eq!(sent(&sandbox), 1);
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_did_not_arrive_is_an_error_that_says_so() {
    for fault in [Fault::Disconnect, Fault::NeverAnswer] {
        let sandbox = cluster().build();
        let (connection, plan) = bad_rollout(&sandbox).await;
        sandbox.faults().inject(patches(), fault.clone());
        let error = apply(&connection.client, &plan, false).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Unreachable, "{fault:?}");
        assert!(error.hint().unwrap().contains("unchanged"), "{fault:?}");
        assert_eq!(
            (version(&sandbox).await.as_str(), sent(&sandbox)),
            ("v2", 1),
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_of_the_patch_are_told_apart_and_change_nothing() {
    let rows = [
        ("no permission", Fault::Forbid, ClusterErrorKind::Forbidden),
        (
            "conflict",
            Fault::Answer(ApiFailure::conflict("the object has been modified")),
            ClusterErrorKind::Conflict,
        ),
        (
            "expired",
            Fault::Answer(ApiFailure::unauthorized()),
            ClusterErrorKind::Credentials,
        ),
        (
            "invalid for itself",
            Fault::Answer(ApiFailure::new(422, "Invalid", "policy says no")),
            ClusterErrorKind::Other,
        ),
    ];
    for (says, fault, kind) in rows {
        let sandbox = cluster().build();
        let (connection, plan) = bad_rollout(&sandbox).await;
        sandbox.faults().inject(patches(), fault);
        let error = apply(&connection.client, &plan, false).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{says}");
        assert!(error.hint().is_some(), "{says}");
        sandbox.faults().clear();
        assert_eq!(version(&sandbox).await, "v2", "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_history_of_several_pages_is_read_whole() {
    let sandbox = cluster().build();
    let connection = healthy(&sandbox).await;
    let owner = deployment(&sandbox).await;
    let sets: Api<ReplicaSet> = Api::namespaced(sandbox.client(), "shop");
    for number in 0..520 {
        let set = json!({
            "metadata": {"name": format!("other-{number}"), "labels": {"app": "web"}},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "other"}},
                "template": {"metadata": {"labels": {"app": "other"}},
                    "spec": {"containers": [{"name": "app", "image": "x"}]}}},
        });
        let set = serde_json::from_value(set).unwrap();
        sets.create(&PostParams::default(), &set).await.unwrap();
    }
    let history = history(&connection.client, &web()).await.unwrap();
    assert_eq!(history.uid(), owner.metadata.uid.unwrap());
    assert_eq!(
        history.entries().count(),
        1,
        "only what the Deployment controls"
    );
    let pages = |it: &&rollguard_sandbox::Request| {
        it.path.contains("/replicasets?") && it.path.contains("continue=")
    };
    assert_eq!(sandbox.requests().iter().filter(pages).count(), 1);
}
