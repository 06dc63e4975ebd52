//! A plan, its patch, and what came of it.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use rollguard_cluster::apply::{Applied, apply};
use rollguard_cluster::history::history;
use rollguard_cluster::{ClusterErrorKind, Connection, mark};
use rollguard_core::annotation::CHANGE_CAUSE;
use rollguard_core::rollback::{Request, RollbackDecision, RollbackPlan, decide};
use rollguard_core::verdict::Verdict;
use rollguard_core::workload::Revision;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Sandbox, Verb};
use serde_json::json;

use crate::support::{cluster, deploy, deployments, follow, healthy, seconds, web};

/// v1 was healthy, v2 is bad, and this would bring v1 back.
pub(crate) async fn bad_rollout(sandbox: &Sandbox) -> (Connection, RollbackPlan) {
    let connection = healthy(sandbox).await;
    deploy(sandbox, "v2").await;
    let verdict = follow(&connection).await;
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    let plan = plan(&connection.client, "run 7").await;
    (connection, plan)
}

async fn plan(client: &Client, run: &str) -> RollbackPlan {
    plan_to(client, 1, run).await
}

async fn plan_to(client: &Client, revision: u64, run: &str) -> RollbackPlan {
    let history = history(client, &web()).await.unwrap();
    let request = Request {
        to_revision: Some(Revision(revision)),
        run: run.to_owned(),
        ..Request::default()
    };
    match decide(&history, &request) {
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
async fn a_rollback_restores_the_template_and_says_who_did_it() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    let other = self::plan(&connection.client, "run 8").await;
    let applied = apply(&connection.client, &plan).await.unwrap();
    assert_eq!(applied, Applied::Done);
    assert_eq!(version(&sandbox).await, "v1");
    let annotations = deployment(&sandbox).await.annotations().clone();
    assert_eq!(annotations["team"], "checkout");
    assert_eq!(annotations.get(CHANGE_CAUSE), None);
    assert_eq!(follow(&connection).await, Verdict::Succeeded);
    // The precondition fails; whose work is in place is written there.
    let again = apply(&connection.client, &other).await.unwrap();
    assert_eq!(again, Applied::AlreadyThere);
    assert_eq!(sent(&sandbox), 2);
}

/// Returns what `kubectl rollout history` shows, the lowest revision first.
async fn causes(sandbox: &Sandbox) -> Vec<(u64, String)> {
    let sets: Api<ReplicaSet> = Api::namespaced(sandbox.client(), "shop");
    let sets = sets.list(&ListParams::default()).await.unwrap();
    let row = |it: &ReplicaSet| {
        let annotation = |name: &str| it.annotations().get(name).cloned().unwrap_or_default();
        let revision = annotation("deployment.kubernetes.io/revision");
        (revision.parse().unwrap(), annotation(CHANGE_CAUSE))
    };
    let mut rows: Vec<_> = sets.iter().map(row).collect();
    rows.sort();
    rows
}

/// Writes a change cause, as some pipelines do.
async fn because(sandbox: &Sandbox, cause: &str) {
    let patch = json!({"metadata": {"annotations": {CHANGE_CAUSE: cause}}});
    let params = PatchParams::default();
    let web = deployments(sandbox);
    web.patch("web", &params, &Patch::Merge(patch))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_cause_of_a_rollback_is_shown_for_its_revision_and_for_no_later_one() {
    for own_causes in [false, true] {
        let sandbox = cluster().build();
        let connection = healthy(&sandbox).await;
        let go = async |version: &str| {
            deploy(&sandbox, version).await;
            if own_causes {
                because(&sandbox, &format!("release {version}")).await;
            }
            seconds(60).await;
        };
        let back = async |revision: u64, killed: bool| {
            let client = &connection.client;
            let plan = plan_to(client, revision, "run 7").await;
            assert_eq!(apply(client, &plan).await.unwrap(), Applied::Done);
            if !killed {
                mark::explain(client, &plan).await.unwrap();
            }
            seconds(60).await;
        };
        go("v2").await;
        back(1, false).await;
        for version in ["v3", "v4"] {
            deploy(&sandbox, version).await;
            seconds(60).await;
        }
        back(4, false).await;
        deploy(&sandbox, "v5").await;
        seconds(60).await;
        let bad = if own_causes { "release v2" } else { "" };
        let shown = |rows: &[(u64, &str)]| -> Vec<(u64, String)> {
            rows.iter().map(|(it, why)| (*it, (*why).into())).collect()
        };
        let first = "rollguard: rolled back to revision 1 by run 7 (as revision 3)";
        let second = "rollguard: rolled back to revision 4 by run 7 (as revision 6)";
        let rows = [(2, bad), (3, first), (5, ""), (6, second), (7, "")];
        assert_eq!(causes(&sandbox).await, shown(&rows));
        // Between the two writes the run is killed: the revision keeps what it had.
        back(5, true).await;
        let rows = [(2, bad), (3, first), (6, second), (7, ""), (8, "")];
        assert_eq!(causes(&sandbox).await, shown(&rows));
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_rollout_is_never_undone() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    deploy(&sandbox, "v3").await;
    let applied = apply(&connection.client, &plan).await.unwrap();
    assert_eq!(applied, Applied::Superseded);
    assert_eq!(
        (version(&sandbox).await.as_str(), sent(&sandbox)),
        ("v3", 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_read_back_and_the_patch_not_repeated() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    sandbox.faults().inject(patches(), Fault::LoseAnswer);
    let applied = apply(&connection.client, &plan).await.unwrap();
    assert_eq!(applied, Applied::Done);
    assert_eq!(
        (version(&sandbox).await.as_str(), sent(&sandbox)),
        ("v1", 1)
    );
}

fn conflict() -> Fault {
    Fault::Answer(ApiFailure::conflict("the object has been modified"))
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_outlasted_and_what_does_not_is_given_up() {
    for fault in [Fault::Disconnect, Fault::NeverAnswer, conflict()] {
        let sandbox = cluster().build();
        let (connection, plan) = bad_rollout(&sandbox).await;
        sandbox.faults().inject(patches(), fault.clone());
        let error = apply(&connection.client, &plan).await.unwrap_err();
        let hint = error.hint().unwrap();
        assert!(
            hint.starts_with("nothing was changed: "),
            "{fault:?}: {hint}"
        );
        assert_eq!(version(&sandbox).await, "v2", "{fault:?}");
        let in_vain = sent(&sandbox);
        assert!((3..=16).contains(&in_vain), "{fault:?}: {in_vain}");

        sandbox.faults().clear();
        sandbox.faults().inject_next(2, patches(), fault.clone());
        let applied = apply(&connection.client, &plan).await.unwrap();
        assert_eq!(applied, Applied::Done, "{fault:?}");
        assert_eq!(version(&sandbox).await, "v1", "{fault:?}");
        assert_eq!(sent(&sandbox), in_vain + 3, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_of_the_patch_are_told_apart_and_change_nothing() {
    let rows = [
        ("no permission", Fault::Forbid, ClusterErrorKind::Forbidden),
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
        let error = apply(&connection.client, &plan).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{says}");
        assert!(error.hint().is_some(), "{says}");
        sandbox.faults().clear();
        assert_eq!(
            (version(&sandbox).await.as_str(), sent(&sandbox)),
            ("v2", 1),
            "{says}"
        );
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
    assert_eq!(history.pods().count(), 2);
    let pages = |it: &&rollguard_sandbox::Request| {
        it.path.contains("/replicasets?") && it.path.contains("continue=")
    };
    assert_eq!(sandbox.requests().iter().filter(pages).count(), 1);
}
