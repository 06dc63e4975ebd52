use rollguard_core::permission::{Command, Usage};
use rollguard_core::workload::WorkloadKind;
use serde_json::{Value, json};

use super::*;
use crate::error::ClusterErrorKind;
use crate::testing::{Asked, Server, ok, page, silence, status, text};

const IDENTITY: &str = "/selfsubjectreviews";
const ACCESS: &str = "/selfsubjectaccessreviews";

fn used() -> Vec<UsedPermission> {
    let usage = Usage {
        http: true,
        ..Usage::of([Command::Check])
    };
    let usage = usage.with_kinds([WorkloadKind::DaemonSet]);
    usage.permissions()
}

fn attributes(asked: &Asked) -> Value {
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    body["spec"]["resourceAttributes"].clone()
}

fn answer_to(reviewed: &[Reviewed], permission: &str) -> Answer {
    let is_it = |it: &&Reviewed| it.used.permission.to_string() == permission;
    reviewed.iter().find(is_it).unwrap().answer.clone()
}

#[tokio::test(start_paused = true)]
async fn the_identity_is_the_one_that_the_api_server_sees() {
    let answer = json!({"status": {"userInfo": {"username": "5b1c", "groups": ["ops"]}}});
    let server = Server::new().json("POST", IDENTITY, answer);
    let asked = identity(&server.client()).await.unwrap();
    assert_eq!(
        (asked.user.as_str(), asked.groups),
        ("5b1c", vec!["ops".to_owned()])
    );
    let sent: Value = serde_json::from_slice(&server.log()[0].body).unwrap();
    assert_eq!(sent["kind"], "SelfSubjectReview");
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_is_not_told_is_an_error_that_says_why() {
    type Row = (
        &'static str,
        fn(&Asked) -> crate::testing::Answer,
        ClusterErrorKind,
    );
    let rows: [Row; 4] = [
        (
            "before Kubernetes 1.28",
            |_| page(404),
            ClusterErrorKind::Unreachable,
        ),
        (
            "refused",
            |_| status(403, "no"),
            ClusterErrorKind::Forbidden,
        ),
        (
            "an expired token",
            |_| status(401, "no"),
            ClusterErrorKind::Credentials,
        ),
        (
            "a login page",
            |_| text("<html>"),
            ClusterErrorKind::Unreachable,
        ),
    ];
    for (says, answer, kind) in rows {
        let server = Server::new().on("POST", IDENTITY, answer);
        let error = identity(&server.client()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_permission_is_asked_for_where_it_is_granted() {
    let server = Server::new().on("POST", ACCESS, |asked| {
        let attributes = attributes(asked);
        let allowed = attributes["subresource"] == "log" || attributes["resource"] == "nodes";
        ok(&json!({"status": {"allowed": allowed}}))
    });
    let reviewed = permissions(&server.client(), "shop", used()).await;
    assert_eq!(answer_to(&reviewed, "get pods/log"), Answer::Granted);
    assert_eq!(answer_to(&reviewed, "get pods/proxy"), Answer::Missing);
    assert_eq!(answer_to(&reviewed, "watch nodes"), Answer::Granted);
    let sent: Vec<Value> = server
        .requests("POST", ACCESS)
        .iter()
        .map(attributes)
        .collect();
    assert_eq!(sent.len(), reviewed.len());
    let log = json!({"namespace": "shop", "verb": "get", "group": "", "resource": "pods", "subresource": "log"});
    assert!(sent.contains(&log), "{sent:?}");
    let nodes = json!({"verb": "watch", "group": "", "resource": "nodes"});
    assert!(sent.contains(&nodes), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_api_does_not_have_needs_no_permission() {
    let groups = json!({"groups": [{"name": "cert-manager.io", "preferredVersion": {"groupVersion":
        "cert-manager.io/v1"}}]});
    let refused = |_: &Asked| ok(&json!({"status": {"allowed": false}}));
    let server = Server::new()
        .json("GET", "/apis", groups)
        .on("POST", ACCESS, refused);
    let reviewed = permissions(&server.client(), "shop", used()).await;
    let rows = [
        ("list certificates.cert-manager.io", Answer::Missing),
        (
            "list externalsecrets.external-secrets.io",
            Answer::NotServed,
        ),
        (
            "list secretproviderclasses.secrets-store.csi.x-k8s.io",
            Answer::NotServed,
        ),
        // Kubernetes' own groups are there, whatever the list says.
        ("get daemonsets.apps", Answer::Missing),
    ];
    for (permission, answer) in rows {
        assert_eq!(answer_to(&reviewed, permission), answer, "{permission}");
    }
    // A list that cannot be read excuses nothing.
    let server = Server::new()
        .on("GET", "/apis", |_| status(403, "no"))
        .on("POST", ACCESS, refused);
    let reviewed = permissions(&server.client(), "shop", used()).await;
    let answer = answer_to(&reviewed, "list externalsecrets.external-secrets.io");
    assert_eq!(answer, Answer::Missing);
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_is_not_a_missing_permission() {
    type Row = (
        &'static str,
        fn(&Asked) -> crate::testing::Answer,
        &'static str,
    );
    let rows: [Row; 4] = [
        (
            "may not ask",
            |_| status(403, "no"),
            "may not create selfsubjectaccessreviews",
        ),
        (
            "an authorizer did not answer",
            |_| ok(&json!({"status": {"allowed": false, "evaluationError": "webhook timeout"}})),
            "webhook timeout",
        ),
        ("trouble", |_| status(503, "later"), "later (HTTP 503)"),
        ("silence", |_| silence(), "no answer within 30s"),
    ];
    for (says, answer, expected) in rows {
        let server = Server::new().on("POST", ACCESS, answer);
        let reviewed = permissions(&server.client(), "shop", used()).await;
        let reason = expected.to_owned();
        assert_eq!(reviewed[0].answer, Answer::Unseen { reason }, "{says}");
        let unseen = |it: &Reviewed| matches!(it.answer, Answer::Unseen { .. });
        assert!(reviewed.iter().all(unseen), "{says}");
    }
}
