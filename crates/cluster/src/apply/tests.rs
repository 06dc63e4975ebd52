use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rollguard_core::annotation::ROLLBACK_RECORD;
use rollguard_core::workload::WorkloadKind;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::testing::{
    Answer, Server, deployment, later, object, ok, page, path, refused, silence, status, text,
};

const DEPLOYMENT: WorkloadKind = WorkloadKind::Deployment;

fn plan() -> RollbackPlan {
    crate::testing::plan(DEPLOYMENT)
}

fn rendered(plan: &RollbackPlan) -> Value {
    serde_json::to_value(render(plan)).unwrap()
}

#[test]
fn the_patch_tests_before_it_replaces() {
    insta::assert_json_snapshot!(render(&plan()));
}

#[test]
fn a_workload_without_annotations_gets_the_map_first() {
    let mut plan = plan();
    plan.template_change.creates_annotations = true;
    plan.template_change.removed_annotation = Some("rollguard.dev/last-known-good-a~b".into());
    let operations = rendered(&plan);
    let told = |it: &Value| {
        format!(
            "{} {}",
            it["op"].as_str().unwrap(),
            it["path"].as_str().unwrap()
        )
    };
    let told: Vec<String> = operations.as_array().unwrap().iter().map(told).collect();
    assert_eq!(
        told[3..],
        [
            "add /metadata/annotations",
            "remove /metadata/annotations/rollguard.dev~1last-known-good-a~0b",
            "add /metadata/annotations/kubernetes.io~1change-cause",
            "remove /metadata/annotations/kubernetes.io~1change-cause",
            "add /metadata/annotations/rollguard.dev~1restored",
        ]
    );
}

/// The state of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    /// The template of a version; what another run wrote, if anybody did.
    Version(&'static str),
    /// What this plan writes.
    Ours,
}

fn shown(there: There) -> Value {
    match there {
        There::Version(version) => deployment(version),
        There::Ours => {
            let mut object = deployment("v1");
            let patch = rendered(&plan());
            let last = patch.as_array().unwrap().last().unwrap();
            assert!(last["path"].as_str().unwrap().ends_with("restored"));
            object["metadata"]["annotations"][ROLLBACK_RECORD] = last["value"].clone();
            object
        }
    }
}

/// A server that answers the nth patch so, and shows what is there after that many patches.
fn server(patch: fn(usize) -> Answer, after: fn(usize) -> There) -> Server {
    let sent = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&sent);
    Server::new()
        .on("PATCH", "/deployments/web", move |asked| {
            sent.store(asked.nth, Ordering::Relaxed);
            patch(asked.nth)
        })
        .on("GET", "/deployments/web", move |_| {
            ok(&shown(after(seen.load(Ordering::Relaxed))))
        })
        .json("GET", "/replicasets", json!({"metadata": {}, "items": []}))
        .json("GET", "/pods", json!({"metadata": {}, "items": []}))
}

fn patches(server: &Server) -> usize {
    server.requests("PATCH", "/deployments/web").len()
}

/// No patch follows another without a look in between.
fn looked_between(server: &Server) -> bool {
    let methods: Vec<String> = server.log().into_iter().map(|it| it.method).collect();
    !methods.windows(2).any(|two| two == ["PATCH", "PATCH"])
}

#[tokio::test(start_paused = true)]
async fn the_patch_is_sent_as_planned_to_every_kind() {
    for kind in WorkloadKind::WITH_REVISIONS {
        let server = Server::new().json("PATCH", path(kind), object(kind, "v1"));
        let plan = crate::testing::plan(kind);
        let applied = apply(&server.client(), &plan).await.unwrap();
        assert_eq!(applied, Applied::Done, "{kind}");
        let sent = server.requests("PATCH", path(kind)).remove(0);
        assert!(sent.path.starts_with("/apis/apps/v1/namespaces/shop/"));
        assert_eq!(sent.content_type, "application/json-patch+json");
        assert_eq!(sent.query, "&fieldManager=rollguard", "{kind}");
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(body, rendered(&plan));
        assert_eq!(server.log().len(), 1, "an answer needs no look");
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_with_an_ampersand_is_written_as_go_writes_it() {
    let server = server(|_| ok(&deployment("v1")), |_| There::Ours);
    let mut plan = plan();
    plan.template_change.judged = json!("a && b < c > d \u{2028}\u{2029}");
    apply(&server.client(), &plan).await.unwrap();
    let sent = server.requests("PATCH", "/deployments/web").remove(0);
    let text = String::from_utf8(sent.body.clone()).unwrap();
    let escaped = r#""a \u0026\u0026 b \u003c c \u003e d \u2028\u2029""#;
    assert!(text.contains(escaped), "{text}");
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        rendered(&plan)
    );
}

/// Returns what a failed `test` operation looks like (apiserver `endpoints/handlers/patch.go`).
fn test_failed() -> Answer {
    let words = "the server rejected our request due to an error in our request";
    status(422, words)
}

type Row = (
    &'static str,
    fn(usize) -> Answer,
    fn(usize) -> There,
    (Applied, usize),
);

async fn run(rows: &[Row]) {
    for (says, patch, after, (applied, sent)) in rows {
        let server = server(*patch, *after);
        let came = apply(&server.client(), &plan()).await;
        assert_eq!(came.unwrap(), *applied, "{says}");
        assert_eq!(patches(&server), *sent, "{says}");
        assert!(looked_between(&server), "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_object_shows_is_the_outcome_and_nothing_is_sent_again() {
    let v3 = |_| There::Version("v3");
    let ours = |_| There::Ours;
    let theirs = |_| There::Version("v1");
    run(&[
        (
            "failed test, a newer template",
            |_| test_failed(),
            v3,
            (Applied::Superseded, 1),
        ),
        (
            "failed test, another run restored the target",
            |_| test_failed(),
            theirs,
            (Applied::AlreadyThere, 1),
        ),
        (
            "failed test, because a gateway sent it twice",
            |_| test_failed(),
            ours,
            (Applied::Done, 1),
        ),
        (
            "connection lost after the write",
            |_| refused(),
            ours,
            (Applied::Done, 1),
        ),
        (
            "no answer, but written",
            |_| silence(),
            ours,
            (Applied::Done, 1),
        ),
        (
            "timeout after the write",
            |_| status(504, "timeout"),
            ours,
            (Applied::Done, 1),
        ),
        (
            "a login page instead of an answer",
            |_| text("<html>"),
            ours,
            (Applied::Done, 1),
        ),
        (
            "connection lost, and another run was faster",
            |_| refused(),
            theirs,
            (Applied::AlreadyThere, 1),
        ),
        (
            "connection lost, newer rollout",
            |_| refused(),
            v3,
            (Applied::Superseded, 1),
        ),
        (
            "conflict with a newer rollout",
            |_| status(409, "modified"),
            v3,
            (Applied::Superseded, 1),
        ),
        (
            "turned away, and superseded while waiting",
            |_| later(429, "3"),
            v3,
            (Applied::Superseded, 1),
        ),
    ])
    .await;
}

/// The first patch is answered so, the others are carried out.
macro_rules! once {
    ($answer:expr) => {
        |nth| {
            if nth == 1 {
                $answer
            } else {
                ok(&deployment("v1"))
            }
        }
    };
}

#[tokio::test(start_paused = true)]
async fn what_did_not_happen_is_sent_again() {
    let untouched = |_| There::Version("v2");
    run(&[
        (
            "conflict",
            once!(status(409, "the object has been modified")),
            untouched,
            (Applied::Done, 2),
        ),
        (
            "overload",
            once!(later(429, "1")),
            untouched,
            (Applied::Done, 2),
        ),
        (
            "restarting",
            once!(status(503, "apiserver is shutting down")),
            untouched,
            (Applied::Done, 2),
        ),
        ("gateway", once!(page(502)), untouched, (Applied::Done, 2)),
        (
            "connection lost on the way there",
            once!(refused()),
            untouched,
            (Applied::Done, 2),
        ),
        (
            "never answered",
            once!(silence()),
            untouched,
            (Applied::Done, 2),
        ),
        (
            "twice in trouble",
            |nth| {
                if nth < 3 {
                    refused()
                } else {
                    ok(&deployment("v1"))
                }
            },
            untouched,
            (Applied::Done, 3),
        ),
        (
            "the lost one arrived after all, just before the second",
            |nth| if nth == 1 { refused() } else { test_failed() },
            |sent| {
                if sent < 2 {
                    There::Version("v2")
                } else {
                    There::Ours
                }
            },
            (Applied::Done, 2),
        ),
        (
            "overload, then a newer rollout",
            |nth| {
                if nth == 1 {
                    later(429, "1")
                } else {
                    test_failed()
                }
            },
            |sent| There::Version(if sent < 2 { "v2" } else { "v3" }),
            (Applied::Superseded, 2),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn three_patches_in_vain_are_an_error_that_says_that_nothing_was_changed() {
    type Row = (&'static str, fn(usize) -> Answer, ClusterErrorKind);
    let rows: [Row; 5] = [
        (
            "refused connections",
            |_| refused(),
            ClusterErrorKind::Unreachable,
        ),
        ("silence", |_| silence(), ClusterErrorKind::Unreachable),
        (
            "overload",
            |_| later(429, "1"),
            ClusterErrorKind::Unreachable,
        ),
        (
            "trouble",
            |_| status(500, "etcd"),
            ClusterErrorKind::Unreachable,
        ),
        (
            "conflicts",
            |_| status(409, "m"),
            ClusterErrorKind::Conflict,
        ),
    ];
    for (says, patch, kind) in rows {
        let server = server(patch, |_| There::Version("v2"));
        let began = Instant::now();
        let error = apply(&server.client(), &plan()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{says}");
        assert!(began.elapsed() >= BLIND_LIMIT, "{says}");
        assert_eq!(
            error.to_string(),
            "patch deployment/web in namespace `shop`"
        );
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("nothing was changed: "), "{says}: {hint}");
        assert!((3..=16).contains(&patches(&server)), "{says}");
        assert!(looked_between(&server), "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
    type Row = (&'static str, fn(usize) -> Answer, u64);
    let rows: [Row; 6] = [
        ("three seconds", once!(later(429, "3")), 3),
        ("ten minutes", once!(later(429, "600")), 10),
        ("at once", once!(later(429, "0")), 1),
        (
            "a date",
            once!(later(429, "Thu, 01 Jan 2026 10:00:07 GMT")),
            7,
        ),
        ("nothing", once!(status(429, "later")), 1),
        // Two looks more, since the answer leaves open whether it was done.
        ("in trouble, five seconds", once!(later(503, "5")), 7),
    ];
    for (says, patch, seconds) in rows {
        let server = server(patch, |_| There::Version("v2"));
        apply(&server.client(), &plan()).await.unwrap();
        let sent = server.requests("PATCH", "/deployments/web");
        assert_eq!((sent[1].at - sent[0].at).as_secs(), seconds, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_takes_effect_late_is_waited_for() {
    let server = Server::new()
        .on("PATCH", "/deployments/web", |_| refused())
        .on("GET", "/deployments/web", |asked| {
            ok(&shown(if asked.nth < 3 {
                There::Version("v2")
            } else {
                There::Ours
            }))
        });
    let applied = apply(&server.client(), &plan()).await.unwrap();
    assert_eq!((applied, patches(&server)), (Applied::Done, 1));
}

/// Returns what our patch becomes when a webhook adds to every template, before and after the controller
/// has seen it.
fn ours_with_an_addition(observed: i64) -> Value {
    let mut object = shown(There::Ours);
    object["spec"]["template"]["metadata"]["annotations"] = json!({"added": "by a webhook"});
    object["metadata"]["generation"] = json!(4);
    object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("1");
    object["status"] = json!({"observedGeneration": observed});
    object
}

#[tokio::test(start_paused = true)]
async fn a_template_that_a_webhook_has_added_to_is_known_by_its_revision() {
    let sets = |known: bool| {
        let mut set = crate::testing::replica_set(1, "v1");
        if !known {
            set["metadata"]["uid"] = json!("rs-v3");
        }
        json!({"metadata": {}, "items": [set]})
    };
    let rows = [
        ("the target's revision", true, Applied::Done),
        ("another one", false, Applied::Superseded),
    ];
    for (says, known, expected) in rows {
        let server = Server::new()
            .on("PATCH", "/deployments/web", |_| refused())
            .on("GET", "/deployments/web", |asked| {
                // Each look that needs the revisions reads the Deployment twice.
                ok(&ours_with_an_addition(if asked.nth < 3 { 3 } else { 4 }))
            })
            .json("GET", "/replicasets", sets(known))
            .json("GET", "/pods", json!({"metadata": {}, "items": []}));
        let applied = apply(&server.client(), &plan()).await.unwrap();
        assert_eq!((applied, patches(&server)), (expected, 1), "{says}");
        assert_eq!(server.requests("GET", "/replicasets").len(), 2, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_refused_for_itself_is_an_error_with_the_servers_words() {
    let server = server(
        |_| status(422, "Deployment is invalid: policy says no"),
        |_| There::Version("v2"),
    );
    let error = apply(&server.client(), &plan()).await.unwrap_err();
    assert_eq!(error.kind(), ClusterErrorKind::Other);
    let cause = error.cause().unwrap().to_string();
    assert_eq!(cause, "Deployment is invalid: policy says no (HTTP 422)");
    assert!(error.hint().unwrap().contains("nothing was changed"));
    assert_eq!(patches(&server), 1);
}

#[tokio::test(start_paused = true)]
async fn clear_refusals_need_no_reading_back() {
    let rows = [
        (400, ClusterErrorKind::Other, "nothing was changed"),
        (401, ClusterErrorKind::Credentials, "sign in again"),
        (
            403,
            ClusterErrorKind::Forbidden,
            "grant patch on deployments.apps: apply the Role",
        ),
        (404, ClusterErrorKind::NotFound, ""),
    ];
    for (code, kind, hint) in rows {
        let server = Server::new().on("PATCH", "/deployments/web", move |_| status(code, "m"));
        let error = apply(&server.client(), &plan()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{code}");
        assert_eq!(server.log().len(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_for_some_seconds_is_waited_for() {
    let server = Server::new()
        .on("PATCH", "/deployments/web", |_| refused())
        .on("GET", "/deployments/web", |asked| {
            if asked.nth < 5 {
                refused()
            } else {
                ok(&shown(There::Ours))
            }
        });
    let began = Instant::now();
    let applied = apply(&server.client(), &plan()).await.unwrap();
    assert_eq!((applied, patches(&server)), (Applied::Done, 1));
    let pauses = 1 + (1 + 2 + 4 + 5);
    let took = began.elapsed().as_secs();
    assert!((pauses..=pauses + 3).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn when_nothing_can_be_read_back_the_outcome_is_said_to_be_unknown() {
    type Row = (
        &'static str,
        fn() -> Answer,
        ClusterErrorKind,
        std::ops::RangeInclusive<usize>,
    );
    let rows: [Row; 2] = [
        ("unreachable", refused, ClusterErrorKind::Unreachable, 6..=9),
        (
            "forbidden",
            || status(403, "may not"),
            ClusterErrorKind::Forbidden,
            1..=1,
        ),
    ];
    for (says, look, kind, looks) in rows {
        let server = Server::new()
            .on("PATCH", "/deployments/web", |_| refused())
            .on("GET", "/deployments/web", move |_| look());
        let error = apply(&server.client(), &plan()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{says}");
        let text = error.to_string();
        let begin = "find out whether deployment/web was rolled back";
        assert!(text.starts_with(begin), "{says}: {text}");
        assert!(error.hint().unwrap().contains("run the rollback again"));
        let looked = server.requests("GET", "/deployments/web").len();
        assert!(looks.contains(&looked), "{says}: {looked}");
        assert_eq!(patches(&server), 1, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_turned_away_for_sure_changed_nothing_even_if_it_cannot_be_read_back() {
    for code in [409, 422, 429] {
        let server = Server::new()
            .on("PATCH", "/deployments/web", move |_| status(code, "m"))
            .on("GET", "/deployments/web", |_| status(403, "may not"));
        let error = apply(&server.client(), &plan()).await.unwrap_err();
        assert_eq!(
            error.cause().unwrap().to_string(),
            format!("m (HTTP {code})")
        );
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("nothing was changed; "), "{code}: {hint}");
        assert!(hint.contains("may not (HTTP 403)"), "{code}: {hint}");
        assert_eq!(patches(&server), 1, "{code}");
    }
}
