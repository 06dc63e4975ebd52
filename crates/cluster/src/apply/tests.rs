use rollguard_core::history::History;
use rollguard_core::rollback::{Request, RollbackDecision, decide};
use rollguard_core::workload::Revision;
use serde_json::json;

use super::*;
use crate::testing::{Answer, Server, deployment, ok, refused, replica_set, silence, status, web};

/// From v2 back to v1.
fn plan() -> RollbackPlan {
    let sets = vec![replica_set(1, "v1"), replica_set(2, "v2")];
    let request = Request {
        to_revision: Some(Revision(1)),
        cause: "test".to_owned(),
        ..Request::default()
    };
    match decide(&web(), &History::new(deployment("v2"), sets), &request) {
        RollbackDecision::Apply(plan) => *plan,
        other @ (RollbackDecision::Already(_) | RollbackDecision::Refuse(_)) => panic!("{other:?}"),
    }
}

/// A server that answers the patch so, and then shows this template.
fn server(patch: impl Fn() -> Answer + Send + Sync + 'static, then: &'static str) -> Server {
    let sets = json!({"metadata": {}, "items": [replica_set(1, "v1"), replica_set(2, "v2")]});
    Server::new()
        .on("PATCH", "/deployments/web", move |_| patch())
        .json("GET", "/deployments/web", deployment(then))
        .json("GET", "/replicasets", sets)
}

fn patches(server: &Server) -> usize {
    server.requests("PATCH", "/deployments/web").len()
}

#[tokio::test]
async fn the_patch_is_sent_as_planned() {
    let server = server(|| ok(&deployment("v1")), "v1");
    let plan = plan();
    let applied = apply(&server.client(), &plan, false).await.unwrap();
    assert_eq!(applied, Applied::Done);
    let sent = server.requests("PATCH", "/deployments/web").remove(0);
    assert_eq!(sent.content_type, "application/json-patch+json");
    assert!(
        sent.query.contains("fieldManager=rollguard"),
        "{}",
        sent.query
    );
    assert!(!sent.query.contains("dryRun"), "{}", sent.query);
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body, plan.patch);
}

#[tokio::test]
async fn a_template_with_an_ampersand_is_written_as_go_writes_it() {
    let server = server(|| ok(&deployment("v1")), "v1");
    let mut plan = plan();
    plan.patch[1]["value"] = json!("a && b < c > d \u{2028}\u{2029}");
    apply(&server.client(), &plan, false).await.unwrap();
    let sent = server.requests("PATCH", "/deployments/web").remove(0);
    let text = String::from_utf8(sent.body.clone()).unwrap();
    let escaped = r#""a \u0026\u0026 b \u003c c \u003e d \u2028\u2029""#;
    assert!(text.contains(escaped), "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), plan.patch);
}

#[tokio::test]
async fn a_dry_run_asks_the_server_to_change_nothing() {
    let server = server(|| ok(&deployment("v1")), "v2");
    let applied = apply(&server.client(), &plan(), true).await.unwrap();
    assert_eq!(applied, Applied::DryRun);
    let sent = server.requests("PATCH", "/deployments/web").remove(0);
    assert!(sent.query.contains("dryRun=All"), "{}", sent.query);
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_read_back_and_no_patch_is_sent_twice() {
    type Row = (&'static str, fn() -> Answer, &'static str, Applied);
    // What a failed `test` operation looks like (apiserver `endpoints/handlers/patch.go`).
    let test_failed: fn() -> Answer = || {
        status(
            422,
            "the server rejected our request due to an error in our request",
        )
    };
    let rows: [Row; 6] = [
        (
            "failed test, a newer template",
            test_failed,
            "v3",
            Applied::Superseded,
        ),
        (
            "failed test, the target is there",
            test_failed,
            "v1",
            Applied::AlreadyThere,
        ),
        (
            "connection lost after the write",
            refused,
            "v1",
            Applied::Done,
        ),
        ("no answer, but written", silence, "v1", Applied::Done),
        (
            "timeout after the write",
            || status(504, "timeout"),
            "v1",
            Applied::Done,
        ),
        (
            "connection lost, newer rollout",
            refused,
            "v3",
            Applied::Superseded,
        ),
    ];
    for (says, patch, then, expected) in rows {
        let server = server(patch, then);
        let applied = apply(&server.client(), &plan(), false).await.unwrap();
        assert_eq!(applied, expected, "{says}");
        assert_eq!(patches(&server), 1, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_did_not_arrive_says_that_nothing_was_changed() {
    let server = server(refused, "v2");
    let error = apply(&server.client(), &plan(), false).await.unwrap_err();
    assert_eq!(error.kind(), ClusterErrorKind::Unreachable);
    assert_eq!(
        error.to_string(),
        "patch deployment/web in namespace `shop`"
    );
    assert!(error.hint().unwrap().contains("unchanged"));
    assert_eq!(patches(&server), 1);
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_takes_effect_late_is_waited_for() {
    let server = Server::new()
        .on("PATCH", "/deployments/web", |_| refused())
        .on("GET", "/deployments/web", |asked| {
            ok(&deployment(if asked.nth < 3 { "v2" } else { "v1" }))
        })
        .json("GET", "/replicasets", json!({"metadata": {}, "items": []}));
    let applied = apply(&server.client(), &plan(), false).await.unwrap();
    assert_eq!(applied, Applied::Done);
    assert_eq!(patches(&server), 1);
}

#[tokio::test]
async fn a_change_that_is_refused_for_itself_is_an_error_with_the_servers_words() {
    let server = server(
        || status(422, "Deployment is invalid: policy says no"),
        "v2",
    );
    let error = apply(&server.client(), &plan(), false).await.unwrap_err();
    assert_eq!(error.kind(), ClusterErrorKind::Other);
    let cause = error.cause().unwrap().to_string();
    assert_eq!(cause, "Deployment is invalid: policy says no (HTTP 422)");
}

#[tokio::test]
async fn clear_refusals_need_no_reading_back() {
    let rows = [
        (401, ClusterErrorKind::Credentials, "sign in again"),
        (403, ClusterErrorKind::Forbidden, "--verb=patch"),
        (404, ClusterErrorKind::NotFound, ""),
        (409, ClusterErrorKind::Conflict, "try again"),
    ];
    for (code, kind, hint) in rows {
        let server = server(move || status(code, "m"), "v2");
        let error = apply(&server.client(), &plan(), false).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{code}");
        assert_eq!(server.requests("GET", "").len(), 0, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_nothing_can_be_read_back_the_outcome_is_said_to_be_unknown() {
    let server = Server::new()
        .on("PATCH", "/deployments/web", |_| refused())
        .on("GET", "/deployments/web", |_| refused());
    let error = apply(&server.client(), &plan(), false).await.unwrap_err();
    assert_eq!(error.kind(), ClusterErrorKind::Unreachable);
    let text = error.to_string();
    assert!(
        text.starts_with("learn whether deployment/web was rolled back"),
        "{text}"
    );
}
