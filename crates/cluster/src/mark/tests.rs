use rollguard_core::annotation::LastKnownGood;
use rollguard_core::workload::{Images, WorkloadKind};

use super::*;
use crate::error::ClusterErrorKind;
use crate::testing::{Server, ok, page, plan, refused, revision_objects, status, workload};

fn marking(kind: WorkloadKind) -> LastKnownGoodUpdate {
    let at = "2026-01-01T10:00:00Z".parse().unwrap();
    LastKnownGoodUpdate {
        workload: workload(kind),
        resource: revision_resource(kind),
        name: "web-v2".to_owned(),
        mark: LastKnownGood::new("uid-v2", at, "run 7", Images::new()),
    }
}

fn path(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => "/apis/apps/v1/namespaces/shop/replicasets/web-v2",
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
            "/apis/apps/v1/namespaces/shop/controllerrevisions/web-v2"
        }
    }
}

fn server(kind: WorkloadKind, answer: fn() -> crate::testing::Answer) -> Server {
    Server::new().on("PATCH", path(kind), move |_| answer())
}

fn sent(server: &Server) -> Value {
    let log = server.log();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].content_type, "application/merge-patch+json");
    assert_eq!(log[0].query, "&fieldManager=rollguard");
    serde_json::from_slice(&log[0].body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_mark_is_one_annotation_of_the_very_revision_object() {
    for kind in WorkloadKind::WITH_REVISIONS {
        let server = server(kind, || ok(&json!({})));
        write(&server.client(), &marking(kind)).await.unwrap();
        let body = sent(&server);
        let text = body["metadata"]["annotations"][LastKnownGood::annotation("uid-v2")]
            .as_str()
            .unwrap();
        let expected = json!({"metadata": {"uid": "uid-v2", "annotations": {LastKnownGood::annotation("uid-v2"): text}}});
        assert_eq!(body, expected, "{kind}");
        // What was written is a mark of this object, and of no other.
        assert_eq!(
            LastKnownGood::parse(text, "uid-v2"),
            Some(marking(kind).mark)
        );
        assert_eq!(LastKnownGood::parse(text, "uid-v1"), None);
    }
}

#[tokio::test]
async fn why_a_revision_came_back_is_written_on_its_own_object() {
    for kind in WorkloadKind::WITH_REVISIONS {
        let plan = plan(kind);
        let path = match kind {
            WorkloadKind::Deployment => "/apis/apps/v1/namespaces/shop/replicasets/web-v1",
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
                "/apis/apps/v1/namespaces/shop/controllerrevisions/web-v1"
            }
        };
        let server = Server::new().on("PATCH", path, |_| ok(&json!({})));
        explain(&server.client(), &plan).await.unwrap();
        let cause = "rollguard: rolled back to revision 1 by run 7 (as revision 3)";
        let annotations = json!({"kubernetes.io/change-cause": cause});
        let expected = json!({"metadata": {"uid": plan.to.uid, "annotations": annotations}});
        assert_eq!(sent(&server), expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_is_withdrawn_is_gone_from_the_revision_that_goes() {
    for kind in WorkloadKind::WITH_REVISIONS {
        let server = server(kind, || ok(&json!({})));
        let plan = plan(kind);
        withdraw(&server.client(), &plan.workload, &plan.from)
            .await
            .unwrap();
        let uid = revision_objects(kind).1[1]["metadata"]["uid"].clone();
        let expected = json!({"metadata": {"uid": uid, "annotations": {LastKnownGood::annotation(uid.as_str().unwrap()): null}}});
        assert_eq!(sent(&server), expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_cannot_be_written_says_why_and_is_sent_once() {
    type Row = (
        WorkloadKind,
        fn() -> crate::testing::Answer,
        ClusterErrorKind,
        &'static str,
    );
    let forbidden: fn() -> crate::testing::Answer = || status(403, "may not");
    let rows: [Row; 5] = [
        (
            WorkloadKind::Deployment,
            forbidden,
            ClusterErrorKind::Forbidden,
            "grant patch on replicasets.apps: apply the Role that `rollguard doctor check -n shop` prints; on \
             AKS with Azure RBAC assign `Azure Kubernetes Service RBAC Writer`",
        ),
        (
            WorkloadKind::StatefulSet,
            forbidden,
            ClusterErrorKind::Forbidden,
            "prints; on AKS with Azure RBAC it requires a custom role with \
             `Microsoft.ContainerService/managedClusters/apps/controllerrevisions/write`",
        ),
        (
            WorkloadKind::Deployment,
            || status(422, "metadata.uid: field is immutable"),
            ClusterErrorKind::Other,
            "created again in the meantime",
        ),
        (
            WorkloadKind::Deployment,
            || status(503, "shutting down"),
            ClusterErrorKind::Unreachable,
            "try again later",
        ),
        (
            WorkloadKind::DaemonSet,
            refused,
            ClusterErrorKind::Unreachable,
            "is the cluster running",
        ),
    ];
    for (kind, answer, expected, hint) in rows {
        let server = server(kind, answer);
        let error = write(&server.client(), &marking(kind)).await.unwrap_err();
        assert_eq!(error.kind(), expected);
        assert_eq!(
            error.to_string(),
            format!(
                "mark revision `web-v2` of {} in namespace `shop`",
                workload(kind)
            )
        );
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
        assert_eq!(server.log().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_is_gone_has_no_mark_to_withdraw_but_a_gateways_404_is_no_word() {
    let kind = WorkloadKind::Deployment;
    let gone = server(kind, || status(404, "not found"));
    withdraw(&gone.client(), &plan(kind).workload, &plan(kind).from)
        .await
        .unwrap();
    let gateway = server(kind, || page(404));
    let error = withdraw(&gateway.client(), &plan(kind).workload, &plan(kind).from)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ClusterErrorKind::Unreachable);
    assert_eq!(
        error.to_string(),
        "withdraw the mark of revision `web-v2` of deployment/web in namespace `shop`"
    );
}
