//! A preflight, the mark and a stuck pod on a cluster with a memory.

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use rollguard_cluster::history::history;
use rollguard_cluster::preflight::ask;
use rollguard_cluster::{Connection, mark, stuck};
use rollguard_core::annotation::LastKnownGood;
use rollguard_core::history::History;
use rollguard_core::observation::ResourceKind;
use rollguard_core::rollback::preflight::{Answers, DryRun, Lookup, questions};
use rollguard_core::rollback::{LastKnownGoodUpdate, RollbackPlan, StuckPod};
use rollguard_core::workload::Images;
use rollguard_sandbox::{Fault, Requests, Sandbox, Verb};
use serde_json::json;

use crate::rollback::bad_rollout;
use crate::support::{cluster, web};

async fn read(connection: &Connection) -> History {
    history(&connection.client, &web()).await.unwrap()
}

async fn asked(connection: &Connection, plan: &RollbackPlan, history: &History) -> Answers {
    ask(&connection.client, plan, questions(plan, history)).await
}

/// The plan, whose target needs more than it did.
fn needing(mut plan: RollbackPlan) -> RollbackPlan {
    plan.template_change.target["spec"]["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "gone"}}, {"configMapRef": {"name": "all"}}]);
    plan.template_change.target["spec"]["containers"][0]["env"] = json!([{"name": "A", "valueFrom":
        {"secretKeyRef": {"name": "login", "key": "password"}}}]);
    plan
}

async fn furnish(sandbox: &Sandbox) {
    let maps: Api<ConfigMap> = Api::namespaced(sandbox.client(), "shop");
    let map = json!({"metadata": {"name": "all"}, "data": {"mode": "fast"}});
    let map = serde_json::from_value(map).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(sandbox.client(), "shop");
    let secret = json!({"metadata": {"name": "login"}, "data": {"user": "aHVudGVyMg=="}});
    let secret = serde_json::from_value(secret).unwrap();
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_preflight_sees_what_is_there_and_leaves_everything_as_it_is() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    furnish(&sandbox).await;
    let before = read(&connection).await;
    let answers = asked(&connection, &needing(plan), &before).await;
    assert_eq!(answers.patch, DryRun::Accepted);
    assert_eq!(answers.pod, DryRun::Accepted);
    assert_eq!(answers.jobs, Lookup::Seen(Vec::new()));
    assert!(
        answers
            .rights
            .iter()
            .all(|(_, it)| *it == Lookup::Seen(true))
    );
    let told: Vec<String> = answers
        .references
        .iter()
        .map(|(reference, looked)| match looked {
            Lookup::Seen(kept) => {
                assert!(kept.changed.is_some(), "{reference:?}");
                format!("{} {:?}", reference.name, kept.keys)
            }
            Lookup::Missing => format!("{} missing", reference.name),
            Lookup::Unseen(why) => format!("{} unseen: {why}", reference.name),
        })
        .collect();
    assert_eq!(told, ["all None", "gone missing", "login Some({\"user\"})"]);
    let after = read(&connection).await;
    assert_eq!(
        after.object()["metadata"]["generation"],
        before.object()["metadata"]["generation"]
    );
    assert_eq!(after.template(), before.template());
    assert_eq!(after.pods().count(), before.pods().count());
}

#[tokio::test(start_paused = true)]
async fn a_preflight_that_may_look_at_nothing_says_so_and_does_not_fail() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    let before = read(&connection).await;
    sandbox.faults().inject(Requests::all(), Fault::Forbid);
    let answers = asked(&connection, &needing(plan), &before).await;
    for (reference, looked) in &answers.references {
        assert!(matches!(looked, Lookup::Unseen(_)), "{reference:?}");
    }
    assert!(matches!(answers.pod, DryRun::Refused { code: 403, .. }));
    assert!(matches!(answers.patch, DryRun::Refused { code: 403, .. }));
    assert_eq!(answers.jobs, Lookup::Unseen("may not list jobs".to_owned()));
}

fn marking(history: &History, uid: &str) -> LastKnownGoodUpdate {
    let name = history.current().unwrap().name().to_owned();
    LastKnownGoodUpdate {
        workload: web(),
        resource: ResourceKind::ReplicaSet,
        name,
        mark: LastKnownGood::new(
            uid,
            "2026-01-01T10:00:00Z".parse().unwrap(),
            "run 7",
            Images::new(),
        ),
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_is_written_on_the_very_revision_and_withdrawn_again() {
    let sandbox = cluster().build();
    let (connection, plan) = bad_rollout(&sandbox).await;
    let before = read(&connection).await;
    let uid = before.current().unwrap().uid().to_owned();
    let another = marking(&before, "00000000-0000-0000-0000-000000000000");
    mark::write(&connection.client, &another).await.unwrap_err();
    assert_eq!(read(&connection).await.current().unwrap().mark(), None);

    mark::write(&connection.client, &marking(&before, &uid))
        .await
        .unwrap();
    let marked = read(&connection).await;
    assert_eq!(marked.current().unwrap().mark().unwrap().uid, uid);
    assert_eq!(marked.former().filter(|it| it.mark().is_some()).count(), 0);

    mark::withdraw(&connection.client, &plan.workload, &plan.from)
        .await
        .unwrap();
    assert_eq!(read(&connection).await.current().unwrap().mark(), None);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_has_changed_since_is_not_deleted() {
    let sandbox = cluster().build();
    let (connection, _) = bad_rollout(&sandbox).await;
    let pods: Api<Pod> = Api::namespaced(sandbox.client(), "shop");
    let name = read(&connection).await.pods().next().unwrap().name_any();
    let pod = pods.get(&name).await.unwrap();
    let exact = StuckPod {
        name: name.clone(),
        uid: pod.uid().unwrap(),
        resource_version: pod.resource_version().unwrap(),
    };
    for not_it in [
        StuckPod {
            uid: "another".to_owned(),
            ..exact.clone()
        },
        StuckPod {
            resource_version: "1".to_owned(),
            ..exact.clone()
        },
        StuckPod {
            name: "web-gone".to_owned(),
            ..exact.clone()
        },
    ] {
        let deleted = stuck::delete(&connection.client, "shop", &not_it).await;
        assert!(!deleted.unwrap(), "{not_it:?}");
        assert_eq!(
            pods.get(&name).await.unwrap().metadata.deletion_timestamp,
            None
        );
    }
    // The answer to the first is lost: the second finds it changed, by the first.
    let once = Requests::all().verb(Verb::Delete);
    sandbox.faults().inject_next(1, once, Fault::LoseAnswer);
    assert!(
        stuck::delete(&connection.client, "shop", &exact)
            .await
            .unwrap()
    );
    let gone = pods.get_opt(&name).await.unwrap();
    assert!(gone.is_none_or(|it| it.metadata.deletion_timestamp.is_some()));
}
