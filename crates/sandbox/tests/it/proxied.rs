//! Answers of pods through the API server's proxy.

use std::time::Duration;

use http::{Method, Request};
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::PostParams;
use rollguard_sandbox::{Answer, Sandbox, Script, Verb};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Shop, pod, seconds, shop};

/// The status and the body of a request through the proxy.
async fn ask(sandbox: &Sandbox, pod: &str, path: &str) -> (u16, String) {
    send(sandbox, &format!("pods/{pod}/proxy{path}")).await
}

async fn send(sandbox: &Sandbox, path: &str) -> (u16, String) {
    let uri = format!("/api/v1/namespaces/shop/{path}");
    let request = Request::builder().method(Method::GET).uri(uri);
    let request = request.body(kube::client::Body::empty()).unwrap();
    let response = sandbox.client().send(request).await.unwrap();
    let code = response.status().as_u16();
    let body = response.into_body().collect_bytes().await.unwrap();
    (code, String::from_utf8_lossy(&body).into_owned())
}

async fn with_pod(script: Script) -> Sandbox {
    let sandbox = shop().play(|_| true, script).build();
    let shop = Shop::of(&sandbox);
    shop.pods
        .create(&PostParams::default(), &pod("web-1"))
        .await
        .unwrap();
    seconds(5).await;
    sandbox
}

#[tokio::test(start_paused = true)]
async fn a_pod_answers_what_its_script_says() {
    let script = Script::healthy()
        .answering("/health", Answer::new(503, "database away"))
        .answering_after(Duration::from_secs(60), "/health", Answer::new(200, "fine"))
        .answering("9090/*", Answer::refused());
    let sandbox = with_pod(script).await;
    let rows = [
        ("web-1", "/", 200, "ok"),
        ("web-1", "/health", 503, "database away"),
        ("web-1:8080", "/health?full=1", 503, "database away"),
        ("http:web-1:8080", "/health", 503, "database away"),
        ("https:web-1:", "/health", 503, "database away"),
    ];
    for (pod, path, code, body) in rows {
        assert_eq!(
            ask(&sandbox, pod, path).await,
            (code, body.to_owned()),
            "{pod}{path}"
        );
    }
    seconds(60).await;
    assert_eq!(
        ask(&sandbox, "web-1", "/health").await,
        (200, "fine".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_is_said_by_the_api_server() {
    let refusing = Script::healthy().answering("9090/*", Answer::refused());
    let sandbox = with_pod(refusing).await;
    let (code, body) = ask(&sandbox, "web-1:9090", "/").await;
    assert_eq!(code, 503);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "error trying to reach service: dial tcp 10.244.0.10:9090: connect: \
                        connection refused",
            "reason": "ServiceUnavailable", "code": 503,
        })
    );
    for (pod, code, says) in [
        ("web-2", 404, "pods \"web-2\" not found"),
        ("ftp:web-1:21", 400, "invalid pod request \"ftp:web-1:21\""),
    ] {
        let (found, body) = ask(&sandbox, pod, "/").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((found, body["message"].as_str()), (code, Some(says)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_run_is_not_reached() {
    let pulling = with_pod(Script::image_not_found()).await;
    let (code, body) = ask(&pulling, "web-1", "/").await;
    assert_eq!(code, 400, "{body}");
    assert!(body.contains("address not allowed"), "{body}");
    let crashed = with_pod(Script::crash_at_start(&["no database"], 1)).await;
    let (code, body) = ask(&crashed, "web-1", "/").await;
    assert_eq!(code, 503);
    assert!(body.contains("connect: connection refused"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_its_time_or_never_comes() {
    let script = Script::healthy()
        .answering(
            "/slow",
            Answer::new(200, "at last").delayed(Duration::from_secs(7)),
        )
        .answering("/never", Answer::silence());
    let sandbox = with_pod(script).await;
    let before = Instant::now();
    assert_eq!(ask(&sandbox, "web-1", "/slow").await.1, "at last");
    assert_eq!(before.elapsed().as_secs(), 7);
    let never = tokio::time::timeout(Duration::from_secs(3600), ask(&sandbox, "web-1", "/never"));
    assert!(never.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_proxy_can_be_forbidden() {
    let sandbox = with_pod(Script::healthy()).await;
    sandbox.faults().forbid(Verb::Get, "pods/proxy");
    let (code, body) = ask(&sandbox, "web-1:8080", "/").await;
    assert_eq!(code, 403);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body["message"],
        "pods \"web-1:8080\" is forbidden: User \"sandbox\" cannot get resource \"pods/proxy\" in \
         API group \"\" in the namespace \"shop\""
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_asks_one_of_its_ready_pods() {
    let script = Script::healthy().answering("9090/*", Answer::new(200, "metrics"));
    let sandbox = with_pod(script).await;
    let services: Api<Service> = Api::namespaced(sandbox.client(), "shop");
    let create = |name: &str, selector: Value, ports: Value| {
        let service =
            json!({"metadata": {"name": name}, "spec": {"selector": selector, "ports": ports}});
        let service: Service = serde_json::from_value(service).unwrap();
        let services = services.clone();
        async move { services.create(&PostParams::default(), &service).await }
    };
    let labelled = json!({"app": "web"});
    let ports = json!([{"name": "http", "port": 80, "targetPort": 8080}, {"name": "metrics", "port": 81, "targetPort": 9090}]);
    create("web", labelled.clone(), ports).await.unwrap();
    let unnamed = json!([{"port": 80, "targetPort": 9090}]);
    create("one", labelled, unnamed.clone()).await.unwrap();
    create("none", json!({"app": "other"}), unnamed)
        .await
        .unwrap();
    let rows = [
        ("web:http", 200, "ok"),
        ("web:81", 200, "metrics"),
        ("one", 200, "metrics"),
        ("web", 503, "no endpoints available for service"),
        ("none", 503, "no endpoints available for service"),
        ("gone", 404, "services \\\"gone\\\" not found"),
    ];
    for (service, code, says) in rows {
        let (found, body) = send(&sandbox, &format!("services/{service}/proxy/")).await;
        assert_eq!(found, code, "{service}: {body}");
        assert!(body.contains(says), "{service}: {body}");
    }
}
