use std::time::Duration;

use rollguard_core::observation::Blindness;
use serde_json::{Value, json};

use super::*;
use crate::testing::{
    Answer, Asked, Server, deployment, ended_watch, ok, open_watch, refused, replica_set, silence,
    status,
};

fn pod(name: &str, version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "resourceVersion": version, "labels": {"app": "web"},
            "managedFields": [{"manager": "kubelet"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}})
}

fn event(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Event", "message": "m",
        "metadata": {"name": format!("e-{name}"), "namespace": "shop",
            "uid": format!("uid-e-{name}"), "resourceVersion": "5"},
        "involvedObject": {"kind": kind, "name": name}})
}

fn list(items: &[Value], next: &str) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "items": items,
        "metadata": {"resourceVersion": "10", "continue": next}})
}

fn line(kind: &str, object: &Value) -> Value {
    json!({"type": kind, "object": object})
}

fn is_watch(asked: &Asked) -> bool {
    asked.query.contains("watch=true")
}

/// One route for lists and watches of a resource.
fn resource(
    server: Server,
    path: &'static str,
    items: Vec<Value>,
    watch: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
) -> Server {
    server.on("GET", path, move |asked| {
        if is_watch(asked) {
            watch(asked)
        } else {
            ok(&list(&items, ""))
        }
    })
}

/// Lists one of everything but pods and then stays quiet.
fn others() -> Server {
    let quiet = |_: &Asked| open_watch(&[]);
    let server = resource(Server::new(), "/deployments", vec![deployment("v1")], quiet);
    let server = resource(server, "/replicasets", vec![replica_set(1, "v1")], quiet);
    resource(server, "/events", vec![event("Pod", "web-v1-1")], quiet)
}

fn watch() -> Watch {
    let found = serde_json::from_value(deployment("v1")).unwrap();
    Watch::new(&[found]).unwrap()
}

fn clock() -> Clock {
    Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap())
}

fn word(seen: &Seen) -> String {
    let name = |metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        format!(
            "{}@{}",
            text(&metadata.name),
            text(&metadata.resource_version)
        )
    };
    match seen {
        Seen::Workload { object } => name(object.metadata()),
        Seen::ReplicaSet { object } => name(&object.metadata),
        Seen::ControllerRevision { object } => name(&object.metadata),
        Seen::Node { object } => name(&object.metadata),
        Seen::Answered { pod, .. } => format!("answer of {pod}"),
        Seen::Pod { object } => name(&object.metadata),
        Seen::Event { object } => name(&object.metadata),
        Seen::Gone { uid, .. } => format!("gone {uid}"),
        Seen::Listed { uids, .. } => format!("listed {}", uids.join(" ")),
        Seen::Blind { why, .. } => match why {
            Blindness::Forbidden { message } => format!("forbidden: {message}"),
            Blindness::Unauthorized { message } => format!("unauthorized: {message}"),
            Blindness::Disconnected { message } => format!("disconnected: {message}"),
        },
        Seen::Reread(read) => format!("reread {}", read.workload),
        Seen::LookedUp { lookup, .. } => format!("looked up {lookup:?}"),
        Seen::Traffic { .. } => "looked up the traffic".to_owned(),
        Seen::Tick => "tick".to_owned(),
    }
}

/// Returns what is seen of a resource until nothing more comes for a time.
async fn seen_within(server: &Server, resource: ResourceKind, time: Duration) -> Vec<String> {
    let mut stream = observe(&server.client(), &watch(), clock());
    let mut words = Vec::new();
    let end = tokio::time::sleep(time);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return words,
            observation = stream.next() => {
                let observation = observation.unwrap();
                if observation.seen.resource() == Some(resource) {
                    words.push(word(&observation.seen));
                }
            }
        }
    }
}

async fn pods_seen(server: &Server) -> Vec<String> {
    seen_within(server, ResourceKind::Pod, Duration::from_secs(3)).await
}

#[tokio::test(start_paused = true)]
async fn everything_is_listed_and_then_watched() {
    let modified = line("MODIFIED", &pod("web-v1-1", "11"));
    let deleted = line("DELETED", &pod("web-v1-1", "12"));
    let server = resource(others(), "/pods", vec![pod("web-v1-1", "9")], move |_| {
        open_watch(&[modified.clone(), deleted.clone()])
    });
    let expected = [
        "web-v1-1@9",
        "listed uid-web-v1-1",
        "web-v1-1@11",
        "gone uid-web-v1-1",
    ];
    assert_eq!(pods_seen(&server).await, expected);
    for (resource, expected) in [
        (ResourceKind::Deployment, ["web@10", "listed d-1"]),
        (ResourceKind::ReplicaSet, ["web-v1@9", "listed rs-v1"]),
        (
            ResourceKind::Event,
            ["e-web-v1-1@5", "listed uid-e-web-v1-1"],
        ),
    ] {
        let seen = seen_within(&server, resource, Duration::from_secs(3)).await;
        assert_eq!(seen, expected, "{resource:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_and_watches_ask_for_pages_bookmarks_and_the_right_objects() {
    let server = resource(others(), "/pods", vec![], |_: &Asked| open_watch(&[]));
    pods_seen(&server).await;
    let asked = server.requests("GET", "");
    for asked in &asked {
        let of_watch = [
            "allowWatchBookmarks=true",
            "resourceVersion=10",
            "timeoutSeconds=10",
        ];
        let wanted: &[&str] = if is_watch(asked) {
            &of_watch
        } else {
            &["limit=500"]
        };
        for wanted in wanted {
            assert!(asked.query.contains(wanted), "{wanted} in {asked:?}");
        }
        assert!(!asked.query.contains("sendInitialEvents"), "{asked:?}");
        let narrowed = match asked.path.rsplit('/').next() {
            Some("deployments") => "fieldSelector=metadata.name%3Dweb",
            Some("replicasets" | "pods") => "labelSelector=app%3Dweb",
            _ => "",
        };
        assert!(asked.query.contains(narrowed), "{narrowed} in {asked:?}");
    }
    assert_eq!(asked.len(), 8, "four lists and four watches");
}

#[tokio::test(start_paused = true)]
async fn bookkeeping_is_dropped() {
    let server = resource(
        others(),
        "/pods",
        vec![pod("web-v1-1", "9")],
        |_: &Asked| open_watch(&[]),
    );
    let mut stream = observe(&server.client(), &watch(), clock());
    while let Some(observation) = stream.next().await {
        if let Seen::Pod { object } = observation.seen {
            assert_eq!(object.metadata.managed_fields, None);
            assert_eq!(object.metadata.annotations, None);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_list_is_not_told() {
    let server = others().on("GET", "/pods", |asked| match asked.nth {
        1 => ok(&list(&[pod("web-v1-1", "9")], "more")),
        2 => status(500, "etcd: boom"),
        3 => ok(&list(&[pod("web-v1-2", "9")], "more")),
        4 => ok(&list(&[pod("web-v1-3", "9")], "")),
        _ => open_watch(&[]),
    });
    let expected = [
        "disconnected: etcd: boom (HTTP 500)",
        "web-v1-2@9",
        "web-v1-3@9",
        "listed uid-web-v1-2 uid-web-v1-3",
    ];
    assert_eq!(pods_seen(&server).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_or_breaks_resumes_where_it_was_without_a_word() {
    for end in [Ok(()), Err("connection reset by peer")] {
        let server = resource(
            others(),
            "/pods",
            vec![pod("web-v1-1", "9")],
            move |asked| {
                if asked.query.contains("resourceVersion=10") {
                    ended_watch(&[line("MODIFIED", &pod("web-v1-1", "11"))], end)
                } else {
                    open_watch(&[line("MODIFIED", &pod("web-v1-1", "12"))])
                }
            },
        );
        let expected = [
            "web-v1-1@9",
            "listed uid-web-v1-1",
            "web-v1-1@11",
            "web-v1-1@12",
        ];
        assert_eq!(pods_seen(&server).await, expected);
        let resumed = server.requests("GET", "/pods").pop().unwrap();
        assert!(resumed.query.contains("resourceVersion=11"), "{resumed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_too_old_is_listed_anew_without_a_word() {
    let server = others().on("GET", "/pods", |asked| match asked.nth {
        1 => ok(&list(&[pod("web-v1-1", "9")], "")),
        2 => open_watch(&[line(
            "ERROR",
            &json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}),
        )]),
        3 => ok(&list(&[pod("web-v1-2", "20")], "")),
        _ => open_watch(&[]),
    });
    let expected = [
        "web-v1-1@9",
        "listed uid-web-v1-1",
        "web-v1-2@20",
        "listed uid-web-v1-2",
    ];
    assert_eq!(pods_seen(&server).await, expected);
}

#[tokio::test(start_paused = true)]
async fn sight_that_comes_back_is_told_by_a_list_even_if_nothing_changed() {
    let server = others().on("GET", "/pods", |asked| match asked.nth {
        1 | 5 => ok(&list(&[pod("web-v1-1", "9")], "")),
        2 => ended_watch(&[], Err("connection reset by peer")),
        3 | 4 => refused(),
        _ => open_watch(&[]),
    });
    let expected = [
        "web-v1-1@9",
        "listed uid-web-v1-1",
        "disconnected: connection refused",
        "web-v1-1@9",
        "listed uid-web-v1-1",
    ];
    let seen = seen_within(&server, ResourceKind::Pod, Duration::from_secs(6)).await;
    assert_eq!(seen, expected);
}

/// The shortest time between a request and the one after the next.
fn shortest_pair(asked: &[Asked]) -> Duration {
    let pairs = asked.windows(3).map(|it| it[2].at - it[0].at);
    pairs.min().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_for_ever_is_replaced_by_lists_without_a_rush() {
    for code in [405, 410, 500] {
        let pods = vec![pod("web-v1-1", "9")];
        let server = resource(others(), "/pods", pods, move |_| status(code, "no watches"));
        let minute = Duration::from_secs(60);
        let seen = seen_within(&server, ResourceKind::Pod, minute).await;
        let expected = ["web-v1-1@9", "listed uid-web-v1-1"];
        let told = |it: &String| expected.contains(&it.as_str());
        assert!(seen.iter().all(told), "{code}: {seen:?}");
        let lists = seen.len() / 2;
        assert!((12..=25).contains(&lists), "{code}: {lists} lists a minute");
        let asked = server.requests("GET", "/pods");
        assert!(asked.len() <= 60, "{code}: {} a minute", asked.len());
        // The first refusal of an old version is followed by a list at once.
        let steady = asked.get(4..).unwrap();
        let shortest = shortest_pair(steady);
        assert!(shortest >= Duration::from_secs(2), "{code}: {shortest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_that_fail_are_asked_for_once_a_second_at_most() {
    for code in [429, 500, 503] {
        let server = others().on("GET", "/pods", move |_| status(code, "no"));
        let minute = Duration::from_secs(60);
        seen_within(&server, ResourceKind::Pod, minute).await;
        let asked = server.requests("GET", "/pods");
        assert!((15..=24).contains(&asked.len()), "{code}: {}", asked.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_events_leaves_the_rest_in_sight_and_is_asked_about_every_30_s() {
    let quiet = |_: &Asked| open_watch(&[]);
    let server = resource(Server::new(), "/deployments", vec![deployment("v1")], quiet);
    let server = resource(server, "/replicasets", vec![replica_set(1, "v1")], quiet);
    let server =
        resource(server, "/pods", vec![pod("web-v1-1", "9")], quiet)
            .on("GET", "/events", |_| status(403, "may not list events"));
    let minute = Duration::from_secs(59);
    let events = seen_within(&server, ResourceKind::Event, minute).await;
    assert_eq!(events, ["forbidden: may not list events"]);
    assert_eq!(server.requests("GET", "/events").len(), 2);
    let expected = ["web-v1-1@9", "listed uid-web-v1-1"];
    assert_eq!(pods_seen(&server).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_arrives_later_opens_the_eyes() {
    let server = others().on("GET", "/pods", |asked| match asked.nth {
        1 => status(403, "may not list pods"),
        2 => ok(&list(&[], "")),
        _ => open_watch(&[]),
    });
    let seen = seen_within(&server, ResourceKind::Pod, Duration::from_secs(31)).await;
    assert_eq!(seen, ["forbidden: may not list pods", "listed "]);
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_are_told_as_such() {
    let server = others().on("GET", "/pods", |_| status(401, "Unauthorized"));
    assert_eq!(pods_seen(&server).await, ["unauthorized: Unauthorized"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_told_and_asked_again() {
    let server = others().on("GET", "/pods", |asked| match asked.nth {
        1 => silence(),
        2 => ok(&list(&[], "")),
        _ => open_watch(&[]),
    });
    let seen = seen_within(&server, ResourceKind::Pod, Duration::from_secs(32)).await;
    assert_eq!(seen, ["disconnected: no answer within 30s", "listed "]);
}

#[tokio::test(start_paused = true)]
async fn one_reason_is_told_once_however_often_it_is_met() {
    let server = others().on("GET", "/pods", |_| refused());
    let seen = seen_within(&server, ResourceKind::Pod, Duration::from_secs(60)).await;
    assert_eq!(seen, ["disconnected: connection refused"]);
    let attempts = server.requests("GET", "/pods").len();
    assert!((15..=24).contains(&attempts), "{attempts} in a minute");
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_at_once_are_not_begun_in_a_rush() {
    let at_once = |_: &Asked| ended_watch(&[], Ok(()));
    let server = resource(others(), "/pods", vec![pod("web-v1-1", "9")], at_once);
    let seen = seen_within(&server, ResourceKind::Pod, Duration::from_secs(10)).await;
    // Watches that say nothing are compared with a list, with growing pauses.
    let once = ["web-v1-1@9", "listed uid-web-v1-1"];
    assert!(seen.chunks(2).all(|it| *it == once), "{seen:?}");
    assert!((4..=8).contains(&seen.len()), "{seen:?}");
    let watches = server
        .requests("GET", "/pods")
        .into_iter()
        .filter(is_watch)
        .count();
    assert!((9..=21).contains(&watches), "{watches} in 10 s");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_is_never_left_out_in_silence() {
    let broken = line(
        "MODIFIED",
        &json!({"metadata": {"name": "web-v1-1", "uid": 7}}),
    );
    let server = resource(
        others(),
        "/pods",
        vec![pod("web-v1-1", "9")],
        move |asked| {
            if asked.nth == 2 {
                open_watch(std::slice::from_ref(&broken))
            } else {
                open_watch(&[])
            }
        },
    );
    let expected = [
        "web-v1-1@9",
        "listed uid-web-v1-1",
        "web-v1-1@9",
        "listed uid-web-v1-1",
    ];
    assert_eq!(pods_seen(&server).await, expected);
}

#[tokio::test(start_paused = true)]
async fn time_comes_from_the_clock() {
    let server = resource(others(), "/pods", vec![], |_: &Asked| open_watch(&[]));
    let first = observe(&server.client(), &watch(), clock())
        .next()
        .await
        .unwrap();
    assert_eq!(first.at, "2026-01-01T00:00:00Z".parse().unwrap());
}

fn workload(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "resourceVersion": "10"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "serviceName": name, "template": {}}})
}

fn labelled(name: &str, app: &str) -> Value {
    let mut pod = pod(name, "9");
    pod["metadata"]["labels"]["app"] = json!(app);
    pod
}

fn watch_of(workloads: &[Value]) -> Watch {
    let found = workloads.iter().cloned().map(serde_json::from_value);
    let found: Vec<Workload> = found.collect::<Result<_, _>>().unwrap();
    Watch::new(&found).unwrap()
}

/// Returns what is seen of each resource within three seconds, in its order.
async fn all_seen(server: &Server, watch: &Watch) -> Vec<(ResourceKind, String)> {
    let stream = observe(&server.client(), watch, clock());
    let end = tokio::time::sleep(Duration::from_secs(3));
    let seen: Vec<Observation> = stream.take_until(Box::pin(end)).collect().await;
    let mut seen: Vec<(ResourceKind, String)> = seen
        .iter()
        .map(|it| (it.seen.resource().unwrap(), word(&it.seen)))
        .collect();
    seen.sort_by_key(|(resource, _)| *resource);
    seen
}

#[tokio::test(start_paused = true)]
async fn each_kind_has_the_watches_that_it_needs_and_no_others() {
    let rows: [(&str, &[&str]); 3] = [
        (
            "Deployment",
            &["deployments", "events", "pods", "replicasets"],
        ),
        (
            "StatefulSet",
            &["controllerrevisions", "events", "pods", "statefulsets"],
        ),
        (
            "DaemonSet",
            &[
                "controllerrevisions",
                "daemonsets",
                "events",
                "nodes",
                "pods",
            ],
        ),
    ];
    for (kind, expected) in rows {
        let server = Server::new().on("GET", "", |asked| {
            if is_watch(asked) {
                open_watch(&[])
            } else {
                ok(&list(&[], ""))
            }
        });
        all_seen(&server, &watch_of(&[workload(kind, "web")])).await;
        let asked = server.requests("GET", "");
        let mut watched: Vec<&str> = asked
            .iter()
            .filter(|it| is_watch(it))
            .filter_map(|it| it.path.rsplit('/').next())
            .collect();
        watched.sort_unstable();
        assert_eq!(watched, expected, "{kind}");
        let nodes = asked.iter().find(|it| it.path.ends_with("nodes"));
        assert!(nodes.is_none_or(|it| it.path == "/api/v1/nodes"), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_workloads_share_one_watch_of_each_resource() {
    let quiet = |_: &Asked| open_watch(&[]);
    let sets = ["db-0", "other-0"].map(|name| labelled(name, name.trim_end_matches("-0")));
    let pods = [
        sets.as_slice(),
        &[labelled("web-v1-1", "web"), labelled("api-v1-1", "api")],
    ];
    let names = ["web", "api", "stranger"];
    let deployments = names.map(|name| workload("Deployment", name));
    let server = resource(Server::new(), "/deployments", deployments.into(), quiet);
    let server = resource(
        server,
        "/statefulsets",
        vec![workload("StatefulSet", "db")],
        quiet,
    );
    let server = resource(server, "/pods", pods.concat(), quiet);
    let server = resource(server, "/events", vec![event("Pod", "db-0")], quiet);
    let server = resource(server, "/replicasets", vec![], quiet);
    let server = resource(server, "/controllerrevisions", vec![], quiet);
    let watch = watch_of(&[
        workload("Deployment", "web"),
        workload("Deployment", "api"),
        workload("StatefulSet", "db"),
    ]);
    let seen = all_seen(&server, &watch).await;
    let expected = [
        (ResourceKind::Deployment, "web@10"),
        (ResourceKind::Deployment, "api@10"),
        (ResourceKind::Deployment, "listed uid-web uid-api"),
        (ResourceKind::StatefulSet, "db@10"),
        (ResourceKind::StatefulSet, "listed uid-db"),
        (ResourceKind::ReplicaSet, "listed "),
        (ResourceKind::ControllerRevision, "listed "),
        (ResourceKind::Pod, "db-0@9"),
        (ResourceKind::Pod, "web-v1-1@9"),
        (ResourceKind::Pod, "api-v1-1@9"),
        (
            ResourceKind::Pod,
            "listed uid-db-0 uid-web-v1-1 uid-api-v1-1",
        ),
        (ResourceKind::Event, "e-db-0@5"),
        (ResourceKind::Event, "listed uid-e-db-0"),
    ];
    assert_eq!(seen, expected.map(|(kind, text)| (kind, text.to_owned())));
    let asked = server.requests("GET", "");
    assert_eq!(asked.len(), 12, "six lists and six watches");
    let narrowed = |path: &str, by: &str| {
        let mut of = asked.iter().filter(|it| it.path.ends_with(path));
        of.all(|it| it.query.contains(by))
    };
    assert!(narrowed(
        "/statefulsets",
        "fieldSelector=metadata.name%3Ddb"
    ));
    assert!(narrowed("/controllerrevisions", "labelSelector=app%3Ddb"));
    assert!(!narrowed("/deployments", "Selector") && !narrowed("/pods", "Selector"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_loses_its_labels_is_gone_even_where_the_server_does_not_sort() {
    let mut orphan = labelled("web-v1-1", "nobody");
    orphan["metadata"]["resourceVersion"] = json!("11");
    let watches = [
        line("MODIFIED", &orphan),
        line("MODIFIED", &labelled("x-1", "x")),
    ];
    let server = Server::new().on("GET", "", move |asked| {
        match asked.path.rsplit('/').next() {
            Some("pods") if is_watch(asked) => open_watch(&watches),
            Some("pods") => ok(&list(&[labelled("web-v1-1", "web")], "")),
            _ if is_watch(asked) => open_watch(&[]),
            _ => ok(&list(&[], "")),
        }
    });
    let watch = watch_of(&[workload("Deployment", "web"), workload("Deployment", "api")]);
    let seen = all_seen(&server, &watch).await;
    let pods: Vec<String> = seen
        .into_iter()
        .filter(|(resource, _)| *resource == ResourceKind::Pod)
        .map(|(_, text)| text)
        .collect();
    assert_eq!(
        pods,
        ["web-v1-1@9", "listed uid-web-v1-1", "gone uid-web-v1-1"]
    );
}

#[tokio::test(start_paused = true)]
async fn of_nodes_only_what_is_judged_is_told() {
    let node = json!({"kind": "Node", "apiVersion": "v1",
        "metadata": {"name": "n-1", "uid": "n-1", "resourceVersion": "1"},
        "status": {"images": [{"names": ["web:1"]}], "addresses": [],
            "conditions": [{"type": "Ready", "status": "False"}]}});
    let server = Server::new().on("GET", "", move |asked| {
        let nodes = asked.path.ends_with("/nodes");
        match (is_watch(asked), nodes) {
            (true, _) => open_watch(&[]),
            (false, true) => ok(&list(std::slice::from_ref(&node), "")),
            (false, false) => ok(&list(&[], "")),
        }
    });
    let mut stream = observe(
        &server.client(),
        &watch_of(&[workload("DaemonSet", "agent")]),
        clock(),
    );
    while let Some(observation) = stream.next().await {
        if let Seen::Node { object } = observation.seen {
            let status = object.status.unwrap();
            assert_eq!((status.images, status.addresses), (None, None));
            assert_eq!(status.conditions.unwrap().len(), 1);
            return;
        }
    }
}
