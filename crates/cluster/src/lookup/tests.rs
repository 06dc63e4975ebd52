//! A lookup and the API server's answers.

use serde_json::json;

use super::*;
use crate::testing::{Server, ok, page, status};

fn with_groups(names: &[&str]) -> Server {
    let groups = names.iter().map(|name| {
        let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    });
    let groups: Vec<Value> = groups.collect();
    Server::new().json(
        "GET",
        "/apis",
        json!({"kind": "APIGroupList", "groups": groups}),
    )
}

/// The promises of a lookup in words; `None` where there is no answer.
async fn found(server: &Server, lookup: Lookup) -> Option<Vec<String>> {
    let seen = look_up(&server.client(), "shop", lookup).await?;
    let Seen::LookedUp { promises, .. } = seen else {
        return None;
    };
    let words = promises.iter().map(|it| {
        if it.read {
            it.by.clone()
        } else {
            format!("perhaps {}", it.by)
        }
    });
    Some(words.collect())
}

fn certificate(name: &str, secret: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"secretName": secret}})
}

#[tokio::test]
async fn who_may_write_a_secret_is_found_by_discovery() {
    let secret = || Lookup::Secret { name: "db".into() };
    let certificates = "/apis/cert-manager.io/v1/namespaces/shop/certificates";
    let listed = || with_groups(&["apps", "cert-manager.io"]);
    let items = json!({"items": [certificate("other", "x"), certificate("web", "db")]});
    let rows: [(&str, Server, Option<Vec<&str>>); 5] = [
        (
            "nothing of the kind is installed: no resource is asked for",
            with_groups(&["apps"]),
            Some(vec![]),
        ),
        (
            "a Certificate names the Secret",
            listed().json("GET", certificates, items),
            Some(vec!["Certificate `web`"]),
        ),
        (
            "Certificates may not be read: their presence counts",
            listed().on("GET", certificates, |_| status(403, "forbidden")),
            Some(vec!["perhaps Certificate (cert-manager.io)"]),
        ),
        (
            "the group has no such resource",
            listed().on("GET", certificates, |_| status(404, "no")),
            Some(vec![]),
        ),
        (
            "a gateway answers: nothing is known",
            listed().on("GET", certificates, |_| page(502)),
            None,
        ),
    ];
    for (says, server, expected) in rows {
        let expected = expected.map(|it| it.into_iter().map(str::to_owned).collect());
        assert_eq!(found(&server, secret()).await, expected, "{says}");
    }
}

#[tokio::test]
async fn workloads_with_more_pods_than_they_want_are_about_to_let_some_go() {
    let object = |name: &str, wanted: i32, is: i32| json!({"metadata": {"name": name}, "spec": {"replicas": wanted}, "status": {"replicas": is}});
    let deployments = json!({"items": [object("web", 2, 2), object("api", 2, 3)]});
    let agent = json!({"metadata": {"name": "agent", "generation": 2},
        "spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}},
        "status": {"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 1}});
    let server = Server::new()
        .json("GET", "/deployments", deployments)
        .json("GET", "/statefulsets", json!({"items": null}))
        .json("GET", "/daemonsets", json!({"items": [agent]}));
    let leaving = found(&server, Lookup::LeavingPods).await;
    let expected = ["Deployment `api`", "DaemonSet `agent`"].map(str::to_owned);
    assert_eq!(leaving, Some(expected.to_vec()));
    let blind = Server::new()
        .on("GET", "/deployments", |_| status(403, "forbidden"))
        .on("GET", "/statefulsets", |_| ok(&json!({"items": []})))
        .on("GET", "/daemonsets", |_| ok(&json!({"items": []})));
    let leaving = found(&blind, Lookup::LeavingPods).await;
    let expected = "perhaps a Deployment of this namespace".to_owned();
    assert_eq!(leaving, Some(vec![expected]));
}

#[tokio::test]
async fn jobs_that_run_may_create_a_missing_object_and_unreadable_ones_promise_nothing() {
    let job = |name: &str, active: i32| json!({"metadata": {"name": name}, "status": {"active": active, "startTime": "2026-11-29T10:00:00Z"}});
    let items = json!({"items": [job("certs", 1), job("over", 0)]});
    let certs = || Some(vec!["Job `certs`".to_owned()]);
    let jobs = "/apis/batch/v1/namespaces/shop/jobs";
    let rows = [
        (
            "one runs",
            with_groups(&[]).json("GET", jobs, items),
            certs(),
        ),
        (
            "they may not be read",
            with_groups(&[]).on("GET", jobs, |_| status(403, "forbidden")),
            Some(vec![]),
        ),
        (
            "a gateway answers: nothing is known",
            with_groups(&[]).on("GET", jobs, |_| page(502)),
            None,
        ),
    ];
    for (says, server, expected) in rows {
        let map = Lookup::ConfigMap { name: "web".into() };
        let secret = Lookup::Secret { name: "db".into() };
        assert_eq!(found(&server, map).await, expected, "ConfigMap: {says}");
        assert_eq!(found(&server, secret).await, expected, "Secret: {says}");
    }
}

#[tokio::test]
async fn quotas_that_count_controller_revisions_are_found() {
    let quota = |name: &str, hard: Value| json!({"metadata": {"name": name}, "spec": {"hard": hard}, "status": {"used": {"count/controllerrevisions.apps": "3"}}});
    let items = json!({"items": [
        quota("pods", json!({"pods": "5"})),
        quota("objects", json!({"count/controllerrevisions.apps": "3"})),
    ]});
    let quotas = "/api/v1/namespaces/shop/resourcequotas";
    let full = "quota `objects` allows 3 count/controllerrevisions.apps, 3 are used";
    let rows = [
        (
            "one counts them",
            Server::new().json("GET", quotas, items),
            Some(vec![full]),
        ),
        (
            "they may not be read",
            Server::new().on("GET", quotas, |_| status(403, "forbidden")),
            Some(vec!["perhaps the quotas of the namespace"]),
        ),
        (
            "a gateway answers: nothing is known",
            Server::new().on("GET", quotas, |_| page(502)),
            None,
        ),
    ];
    for (says, server, expected) in rows {
        let expected = expected.map(|it| it.into_iter().map(str::to_owned).collect());
        assert_eq!(
            found(&server, Lookup::RevisionQuota).await,
            expected,
            "{says}"
        );
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
async fn what_stands_between_users_and_pods_is_listed_kind_by_kind() {
    type Row = (
        &'static str,
        Server,
        Option<(Option<usize>, Vec<&'static str>)>,
    );
    let paths = [
        "/api/v1/namespaces/shop/services",
        "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
        "/apis/networking.k8s.io/v1/namespaces/shop/ingresses",
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers",
    ];
    let [services, slices, ..] = paths;
    let service = json!({"metadata": {"name": "web", "uid": "u"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    let all = || {
        paths.iter().fold(Server::new(), |server, path| {
            let items = if *path == services {
                json!([service])
            } else {
                json!([])
            };
            server.json("GET", path, json!({"items": items}))
        })
    };
    let rows: [Row; 5] = [
        ("all may be listed", all(), Some((Some(1), vec![]))),
        (
            "Services may not be listed",
            Server::new()
                .on("GET", services, |_| status(403, "forbidden"))
                .over(&all()),
            Some((
                None,
                vec!["whether Services lead to the new pods (may not list services)"],
            )),
        ),
        (
            "EndpointSlices are not served",
            Server::new()
                .on("GET", slices, |_| status(404, "not found"))
                .over(&all()),
            Some((Some(1), vec![])),
        ),
        (
            "a Service that is not understood may be the one that leads to the pods",
            Server::new()
                .json(
                    "GET",
                    services,
                    json!({"items": [{"metadata": {"name": "web"}, "spec": {"ports": 80}}]}),
                )
                .over(&all()),
            Some((
                None,
                vec!["whether Services lead to the new pods (services are not understood: "],
            )),
        ),
        (
            "a gateway answers: nothing is known",
            Server::new()
                .on("GET", services, |_| page(502))
                .over(&all()),
            None,
        ),
    ];
    for (says, server, expected) in rows {
        let seen = look_up(&server.client(), "shop", Lookup::Traffic).await;
        let objects = if let Some(Seen::Traffic { objects }) = seen {
            Some(objects)
        } else {
            None
        };
        assert_eq!(objects.is_some(), expected.is_some(), "{says}");
        let (Some(objects), Some((listed, unseen))) = (objects, expected) else {
            continue;
        };
        assert_eq!(objects.services.map(|it| it.len()), listed, "{says}");
        let told = objects.unseen.iter();
        let told: Vec<String> = told
            .map(|it| format!("{} ({})", it.without, it.why))
            .collect();
        assert_eq!(told.len(), unseen.len(), "{says}");
        for (told, expected) in told.iter().zip(unseen) {
            assert!(told.starts_with(expected), "{says}: {told}");
        }
    }
}
