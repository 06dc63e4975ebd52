use serde_json::json;

use super::*;
use crate::error::ClusterErrorKind;
use crate::testing::{
    Server, deployment, object, ok, path, refused, replica_set, revision_objects, status, web,
    workload,
};

fn page(items: &[Value], next: &str) -> Value {
    json!({"kind": "List", "items": items,
        "metadata": {"resourceVersion": "7", "continue": next}})
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("p-{name}")}})
}

/// The workload with two revisions; how its pods are listed is for the row to say.
fn server(kind: WorkloadKind) -> Server {
    let (list, all) = revision_objects(kind);
    Server::new()
        .json("GET", path(kind), object(kind, "v2"))
        .json("GET", list, page(&all, ""))
}

fn revisions(history: &History) -> Vec<u64> {
    history.entries().map(|it| it.revision().0).collect()
}

#[tokio::test(start_paused = true)]
async fn every_kind_is_read_with_its_revisions_and_pods() {
    for kind in WorkloadKind::WITH_REVISIONS {
        let server = server(kind).json("GET", "/pods", page(&[pod("web-1")], ""));
        let history = history(&server.client(), &workload(kind)).await.unwrap();
        assert_eq!(revisions(&history), [2, 1], "{kind}");
        assert_eq!(history.current().unwrap().revision().0, 2, "{kind}");
        assert_eq!(history.object(), &object(kind, "v2"), "{kind}");
        let pods: Vec<_> = history.pods().map(|it| it.metadata.name.clone()).collect();
        assert_eq!(pods, [Some("web-1".to_owned())], "{kind}");
        let lists = [revision_objects(kind).0, "/pods"];
        for list in lists.map(|path| server.requests("GET", path)) {
            let query = "&labelSelector=app%3Dweb&limit=500";
            let asked: Vec<_> = list.iter().map(|it| it.query.as_str()).collect();
            assert_eq!(asked, [query], "{kind}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_revisions_and_pods_are_read() {
    let server = Server::new()
        .json("GET", "/deployments/web", deployment("v2"))
        .on("GET", "/replicasets", |request| {
            if request.query.contains("continue=more") {
                ok(&page(&[replica_set(1, "v1")], ""))
            } else {
                ok(&page(&[replica_set(2, "v2")], "more"))
            }
        })
        .on("GET", "/pods", |request| {
            if request.query.contains("continue=more") {
                ok(&page(&[pod("web-2")], ""))
            } else {
                ok(&page(&[pod("web-1")], "more"))
            }
        });
    let history = history(&server.client(), &web()).await.unwrap();
    assert_eq!(revisions(&history), [2, 1]);
    assert_eq!(history.pods().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn pages_that_expire_are_read_anew_and_not_for_ever() {
    let expired = |request: &crate::testing::Asked| request.query.contains("continue=");
    let gone = || status(410, "the provided continue parameter is too old");
    let server = server(WorkloadKind::Deployment).on("GET", "/pods", move |request| {
        match (request.nth, expired(request)) {
            (2, true) => gone(),
            (_, true) => ok(&page(&[pod("web-1")], "")),
            (_, false) => ok(&page(&[pod("web-2")], "more")),
        }
    });
    let read = history(&server.client(), &web()).await.unwrap();
    assert_eq!(read.pods().count(), 2);
    assert_eq!(server.requests("GET", "/pods").len(), 4);

    let server = self::server(WorkloadKind::Deployment).on("GET", "/pods", move |request| {
        if expired(request) {
            gone()
        } else {
            ok(&page(&[pod("web-2")], "more"))
        }
    });
    let error = history(&server.client(), &web()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "list the pods of deployment/web in namespace `shop`"
    );
    let asked = server.requests("GET", "/pods").len();
    assert!((12..=18).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn pages_without_end_are_not_read_for_ever() {
    type Next = fn(usize) -> String;
    let rows: [(&str, Next, usize); 2] = [
        ("each names the same", |_| "more".to_owned(), 2),
        ("each names a new one", |nth| format!("more-{nth}"), 2_000),
    ];
    for (says, next, asked) in rows {
        let server = server(WorkloadKind::Deployment).on("GET", "/pods", move |request| {
            ok(&page(&[], &next(request.nth)))
        });
        let error = history(&server.client(), &web()).await.unwrap_err();
        assert!(
            format!("{error:?}").contains("Endless"),
            "{says}: {error:?}"
        );
        assert_eq!(server.requests("GET", "/pods").len(), asked, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_a_history_without_revisions() {
    let empty = json!({"metadata": {}, "items": null});
    let server = Server::new()
        .json("GET", "/deployments/web", deployment("v1"))
        .json("GET", "/replicasets", empty.clone())
        .json("GET", "/pods", empty);
    let history = history(&server.client(), &web()).await.unwrap();
    assert_eq!(history.entries().count(), 0);
    assert_eq!(history.pods().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn fields_that_no_struct_knows_are_kept() {
    let mut raw = deployment("v1");
    raw["spec"]["template"]["spec"]["fieldOfTomorrow"] = json!({"x": 1});
    let server = Server::new()
        .json("GET", "/deployments/web", raw.clone())
        .json("GET", "/replicasets", page(&[], ""))
        .json("GET", "/pods", page(&[], ""));
    let history = history(&server.client(), &web()).await.unwrap();
    assert_eq!(history.object(), &raw);
}

#[tokio::test(start_paused = true)]
async fn refused_lists_name_what_to_grant() {
    type Row = (WorkloadKind, &'static str, &'static str, &'static str);
    let rows: [Row; 4] = [
        (
            WorkloadKind::Deployment,
            "/replicasets",
            "list the ReplicaSets of deployment/web in namespace `shop`",
            "replicasets.apps",
        ),
        (
            WorkloadKind::StatefulSet,
            "/controllerrevisions",
            "list the ControllerRevisions of statefulset/web in namespace `shop`",
            "controllerrevisions.apps",
        ),
        (
            WorkloadKind::StatefulSet,
            "/pods",
            "list the pods of statefulset/web in namespace `shop`",
            ",pods,",
        ),
        (
            WorkloadKind::DaemonSet,
            "/pods",
            "list the pods of daemonset/web in namespace `shop`",
            ",pods,",
        ),
    ];
    for (kind, forbidden, text, hint) in rows {
        let refusing = Server::new().on("GET", forbidden, |_| status(403, "may not"));
        let (list, all) = revision_objects(kind);
        let server = refusing
            .json("GET", path(kind), object(kind, "v2"))
            .json("GET", list, page(&all, ""))
            .json("GET", "/pods", page(&[], ""));
        let error = history(&server.client(), &workload(kind))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Forbidden);
        assert_eq!(error.to_string(), text);
        assert!(error.hint().unwrap().contains(hint), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_needs_no_pods_but_is_not_read_without_them_by_accident() {
    let kind = WorkloadKind::Deployment;
    let forbidden = server(kind).on("GET", "/pods", |_| status(403, "may not"));
    let read = history(&forbidden.client(), &web()).await.unwrap();
    assert_eq!((revisions(&read), read.pods().count()), (vec![2, 1], 0));

    let lost = server(kind).on("GET", "/pods", |_| refused());
    let error = history(&lost.client(), &web()).await.unwrap_err();
    assert_eq!(error.kind(), ClusterErrorKind::Unreachable);
}
