//! Scripts of the fake kubelet.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams, PostParams};
use rollguard_sandbox::{LogLines, Sandbox, Script};
use serde_json::json;

use crate::support::{Shop, container, is_version, pod, seconds, shop, typed, waiting_reason};

/// One pod `web-1` that plays a script.
async fn playing(script: Script) -> (Sandbox, Shop) {
    let sandbox = shop().play(|_| true, script).build();
    let shop = Shop::of(&sandbox);
    let post = PostParams::default();
    shop.pods.create(&post, &pod("web-1")).await.unwrap();
    (sandbox, shop)
}

async fn now(shop: &Shop) -> Pod {
    shop.pods.get("web-1").await.unwrap()
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().unwrap().phase.as_deref().unwrap()
}

fn condition(pod: &Pod, kind: &str) -> String {
    let conditions = pod.status.as_ref().unwrap().conditions.clone();
    let found = conditions.into_iter().flatten().find(|it| it.type_ == kind);
    let found = found.unwrap();
    format!("{}/{}", found.status, found.reason.unwrap_or_default())
}

/// When a condition last changed its status.
fn since(pod: &Pod, kind: &str) -> String {
    let conditions = pod.status.as_ref().unwrap().conditions.clone();
    let found = conditions.into_iter().flatten().find(|it| it.type_ == kind);
    found.unwrap().last_transition_time.unwrap().0.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_healthy_pod_is_ready_after_a_second() {
    let (_sandbox, shop) = playing(Script::healthy()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pod = now(&shop).await;
    assert_eq!(
        (phase(&pod), waiting_reason(&pod).as_str()),
        ("Pending", "ContainerCreating")
    );
    assert_eq!(condition(&pod, "Ready"), "False/ContainersNotReady");
    seconds(1).await;
    let pod = now(&shop).await;
    assert_eq!(phase(&pod), "Running");
    assert_eq!(condition(&pod, "Ready"), "True/");
    assert_eq!(since(&pod, "Initialized"), "2026-01-01T00:00:00Z");
    assert_eq!(since(&pod, "Ready"), "2026-01-01T00:00:01Z");
    assert!(container(&pod).ready);
    assert_eq!(
        shop.event_reasons().await,
        ["Created", "Pulled", "Scheduled", "Started"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_crashing_container_is_restarted_with_the_kubelets_back_off() {
    let (_sandbox, shop) = playing(Script::crash_at_start(&["starting", "no database"], 3)).await;
    // Crashes at 1.1 s, is restarted a second later, crashes again at 2.4 s, waits 10 s, then 20 s.
    seconds(3).await;
    assert!(
        shop.messages("BackOff").await.is_empty(),
        "the first restart comes at once"
    );
    for (at, restarts, state) in [
        (3, 1, "terminated"),
        (4, 1, "CrashLoopBackOff"),
        (11, 1, "CrashLoopBackOff"),
        (15, 2, "CrashLoopBackOff"),
        (31, 2, "CrashLoopBackOff"),
        (36, 3, "CrashLoopBackOff"),
    ] {
        seconds_until(&shop, at).await;
        let pod = now(&shop).await;
        let status = container(&pod);
        let seen = if status.state.as_ref().unwrap().terminated.is_some() {
            "terminated".to_owned()
        } else {
            waiting_reason(&pod)
        };
        assert_eq!(
            (status.restart_count, seen.as_str()),
            (restarts, state),
            "{at} s"
        );
        assert_eq!(phase(&pod), "Running");
    }
    let last = container(&now(&shop).await)
        .last_state
        .unwrap()
        .terminated
        .unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (3, Some("Error")));
    let waiting = container(&now(&shop).await).state.unwrap().waiting.unwrap();
    let says = waiting.message.unwrap();
    assert!(
        says.starts_with("back-off 40s restarting failed container=app pod=web-1_shop("),
        "{says}"
    );
    let previous = LogParams {
        previous: true,
        ..LogParams::default()
    };
    let log = shop.pods.logs("web-1", &previous).await.unwrap();
    assert_eq!(log, "starting\nno database\n");
}

/// Waits until the cluster's clock shows a second of its first minute.
async fn seconds_until(shop: &Shop, second: i64) {
    let origin: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let request = http::Request::get("/version");
    let request = request.body(kube::client::Body::empty()).unwrap();
    let answer = shop.client.send(request).await.unwrap();
    let date = answer.headers()["date"].to_str().unwrap();
    let shown = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(date)
        .unwrap();
    let passed = shown.duration_since(origin).as_secs();
    seconds(u64::try_from(second - passed).unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_heals_becomes_ready_and_stays_so() {
    let (_sandbox, shop) = playing(Script::crashes_then_heals(2)).await;
    seconds(60).await;
    let pod = now(&shop).await;
    assert_eq!(condition(&pod, "Ready"), "True/");
    assert_eq!(container(&pod).restart_count, 2);
    let log = shop
        .pods
        .logs("web-1", &LogParams::default())
        .await
        .unwrap();
    assert_eq!(log, "connected to the database\n");
}

#[tokio::test(start_paused = true)]
async fn waiting_reasons_and_events_are_those_of_the_cause() {
    let rows: [(Script, &str, &str, &str); 7] = [
        (
            Script::image_not_found(),
            "ImagePullBackOff",
            "Failed",
            "registry.test/app:v1: not found",
        ),
        (
            Script::image_pull_denied(),
            "ImagePullBackOff",
            "Failed",
            "401 Unauthorized",
        ),
        (
            Script::invalid_image_name(),
            "InvalidImageName",
            "InspectFailed",
            "invalid reference format",
        ),
        (
            Script::config_key_missing("PORT", "settings"),
            "CreateContainerConfigError",
            "Failed",
            "Error: couldn't find key PORT in ConfigMap shop/settings",
        ),
        (
            Script::config_object_missing("secret", "db"),
            "CreateContainerConfigError",
            "Failed",
            "Error: secret \"db\" not found",
        ),
        (
            Script::run_as_non_root_refused(),
            "CreateContainerConfigError",
            "Failed",
            "container has runAsNonRoot and image will run as root",
        ),
        (
            Script::command_not_runnable("app"),
            "CrashLoopBackOff",
            "Failed",
            "exec: \"app\": executable file not found in $PATH",
        ),
    ];
    for (script, waiting, reason, says) in rows {
        let (_sandbox, shop) = playing(script).await;
        seconds(8).await;
        assert_eq!(waiting_reason(&now(&shop).await), waiting);
        let messages = shop.messages(reason).await;
        assert!(
            messages.iter().any(|it| it.contains(says)),
            "{says}: {messages:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn pulls_are_tried_again_at_15_and_35_seconds() {
    let (_sandbox, shop) = playing(Script::image_not_found()).await;
    for (until, pulls) in [(10, 1), (14, 2), (14, 3)] {
        seconds(until).await;
        let events = shop.events.list(&ListParams::default()).await.unwrap();
        let pulling = events
            .into_iter()
            .find(|it| it.reason.as_deref() == Some("Pulling"));
        assert_eq!(pulling.unwrap().count, Some(pulls));
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_appears_late_is_run() {
    let (_sandbox, shop) = playing(Script::image_appears_after(2)).await;
    seconds(60).await;
    assert_eq!(condition(&now(&shop).await, "Ready"), "True/");
}

#[tokio::test(start_paused = true)]
async fn an_unschedulable_pod_has_no_node_and_no_containers() {
    let message = "0/1 nodes are available: 1 Insufficient cpu.";
    let (_sandbox, shop) = playing(Script::unschedulable(message)).await;
    seconds(30).await;
    let pod = now(&shop).await;
    assert_eq!(condition(&pod, "PodScheduled"), "False/Unschedulable");
    assert!(pod.spec.as_ref().unwrap().node_name.is_none());
    assert!(pod.status.as_ref().unwrap().container_statuses.is_none());
    assert_eq!(shop.messages("FailedScheduling").await, [message]);
    let log = shop
        .pods
        .logs("web-1", &LogParams::default())
        .await
        .unwrap();
    assert_eq!(log, "");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_scheduled_late_becomes_ready() {
    let late = Script::scheduled_late("0/1 nodes are available", Duration::from_secs(90));
    let (_sandbox, shop) = playing(late).await;
    seconds(89).await;
    assert_eq!(
        condition(&now(&shop).await, "PodScheduled"),
        "False/Unschedulable"
    );
    seconds(5).await;
    let pod = now(&shop).await;
    assert_eq!(condition(&pod, "PodScheduled"), "True/");
    assert_eq!(condition(&pod, "Ready"), "True/");
}

#[tokio::test(start_paused = true)]
async fn probes_that_fail_are_counted_events() {
    let (_sandbox, shop) = playing(Script::never_ready()).await;
    seconds(30).await;
    let pod = now(&shop).await;
    assert_eq!(phase(&pod), "Running");
    assert_eq!(condition(&pod, "Ready"), "False/ContainersNotReady");
    let events = shop.events.list(&ListParams::default()).await.unwrap();
    let unhealthy = events
        .into_iter()
        .find(|it| it.reason.as_deref() == Some("Unhealthy"));
    let unhealthy = unhealthy.unwrap();
    assert_eq!(unhealthy.type_.as_deref(), Some("Warning"));
    assert!(unhealthy.count.unwrap() > 10);
    assert_eq!(
        unhealthy.message.unwrap(),
        "Readiness probe failed: HTTP probe failed with statuscode: 503"
    );
}

#[tokio::test(start_paused = true)]
async fn a_chatty_source_is_cut_off_and_its_events_counted_all_the_same() {
    let (_sandbox, shop) = playing(Script::never_ready()).await;
    let count = async || {
        let events = shop.events.list(&ListParams::default()).await.unwrap();
        let unhealthy = events
            .into_iter()
            .find(|it| it.reason.as_deref() == Some("Unhealthy"));
        unhealthy.unwrap().count.unwrap()
    };
    // One every two seconds, after the three events of the start.
    seconds(250).await;
    assert_eq!(count().await, 22);
    // One more is let through every five minutes; it carries the count of all.
    seconds(100).await;
    assert!(count().await > 130);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_stop_is_gone_after_its_grace_period() {
    let stubborn = Script::healthy().stopping_in(Duration::from_secs(600));
    let (_sandbox, shop) = playing(stubborn).await;
    seconds(5).await;
    let how = kube::api::DeleteParams::default().grace_period(10);
    shop.pods.delete("web-1", &how).await.unwrap();
    seconds(9).await;
    assert!(now(&shop).await.metadata.deletion_timestamp.is_some());
    seconds(2).await;
    assert!(shop.pods.get_opt("web-1").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn liveness_kills_and_memory_kills_show_their_exit() {
    for (script, reason, exit_code) in [
        (Script::liveness_kills_start(), "Error", 143),
        (Script::out_of_memory(), "OOMKilled", 137),
    ] {
        let (_sandbox, shop) = playing(script).await;
        seconds(25).await;
        let last = container(&now(&shop).await)
            .last_state
            .unwrap()
            .terminated
            .unwrap();
        assert_eq!(
            (last.reason.as_deref(), last.exit_code),
            (Some(reason), exit_code)
        );
        let killed = shop.messages("Killing").await;
        let says = "Container app failed liveness probe, will be restarted";
        assert_eq!(killed.iter().any(|it| it == says), exit_code == 143);
    }
}

/// A recording of one pod `old-1` in namespace `was`, ready three seconds after its creation.
fn recording() -> String {
    let header = json!({"rollguardTrace": 2, "workloads": [{"kind": "Deployment", "namespace": "was", "name": "old"}],
        "kubernetes": "v1.35.4", "provenance": "cluster"});
    let seen = |at: &str, object: serde_json::Value, kind: &str| json!({"at": at, "seen": {"kind": kind, "object": object}});
    let pod = |phase: &str, node: Option<&str>| {
        json!({
            "metadata": {"name": "old-1", "namespace": "was", "uid": "u-old",
                         "creationTimestamp": "2025-06-01T12:00:00Z", "labels": {"version": "v2"}},
            "spec": {"nodeName": node, "containers": [{"name": "app"}]},
            "status": {"phase": phase, "startTime": node.map(|_| "2025-06-01T12:00:02Z"),
                       "message": "pod old-1_was(u-old)"},
        })
    };
    let event = json!({
        "metadata": {"name": "e", "namespace": "was"},
        "involvedObject": {"uid": "u-old", "name": "old-1", "namespace": "was"},
        "reason": "BackOff", "type": "Warning",
        "message": "Back-off restarting failed container app in pod old-1_was(u-old)",
    });
    [
        header,
        seen("2025-06-01T12:00:00.400Z", pod("Pending", None), "pod"),
        seen("2025-06-01T12:00:02.400Z", event, "event"),
        seen(
            "2025-06-01T12:00:03.400Z",
            pod("Running", Some("node-7")),
            "pod",
        ),
    ]
    .map(|line| line.to_string())
    .join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_played_in_the_name_and_the_time_of_another_pod() {
    let script = Script::from_trace(&recording(), |pod| is_version(pod, "v2")).unwrap();
    let script = script.logging(&LogLines {
        container: "app",
        instance: 0,
        after: Duration::from_secs(1),
        lines: &["hello"],
    });
    let (_sandbox, shop) = playing(script).await;
    tokio::time::sleep(Duration::from_millis(2900)).await;
    assert_eq!(phase(&now(&shop).await), "Pending");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let pod = now(&shop).await;
    let uid = pod.metadata.uid.clone().unwrap();
    assert_eq!(phase(&pod), "Running");
    assert_eq!(
        pod.spec.as_ref().unwrap().node_name.as_deref(),
        Some("sandbox-node-1")
    );
    let status = pod.status.unwrap();
    assert_eq!(
        status.start_time.unwrap().0.to_string(),
        "2026-01-01T00:00:01Z"
    );
    assert_eq!(status.message.unwrap(), format!("pod web-1_shop({uid})"));
    assert_eq!(
        shop.messages("BackOff").await,
        [format!(
            "Back-off restarting failed container app in pod web-1_shop({uid})"
        )]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_recording_is_an_error_and_a_recording_without_the_pod_stays_pending() {
    assert!(Script::from_trace("nonsense", |_| true).is_err());
    let nobody = Script::from_trace(&recording(), |_| false).unwrap();
    let (_sandbox, shop) = playing(nobody).await;
    seconds(60).await;
    assert_eq!(phase(&now(&shop).await), "Pending");
}

#[tokio::test(start_paused = true)]
async fn other_containers_run_and_init_containers_are_done() {
    let sandbox = shop().build();
    let shop = Shop::of(&sandbox);
    let pod: Pod = typed(json!({
        "metadata": {"name": "web-1"},
        "spec": {
            "initContainers": [{"name": "migrate", "image": "m:1"}],
            "containers": [{"name": "app", "image": "a:1"}, {"name": "proxy", "image": "p:1"}],
        },
    }));
    shop.pods
        .create(&PostParams::default(), &pod)
        .await
        .unwrap();
    seconds(5).await;
    let status = now(&shop).await.status.unwrap();
    assert!(status.container_statuses.unwrap().iter().all(|it| it.ready));
    let init = status.init_container_statuses.unwrap();
    let done = init[0].state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!(done.exit_code, 0);
}
