//! Containers on their way to running.

use super::*;

/// The container's postStart hook failed so often, and the kubelet ended it each time.
fn hook(count: i32) -> PodBuilder {
    pod("a")
        .crash_loop(count - 1, ("Error", 137, ""))
        .with(
            "/spec/containers/0/lifecycle",
            json!({"postStart": {"exec": {"command": ["/warm-up", "--all"]}}}),
        )
        .event("FailedPostStartHook", "PostStartHook failed", count)
}

/// An init container that runs since second 1.
fn init(spec: &serde_json::Value) -> PodBuilder {
    let status = json!({"name": spec["name"], "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "started": false, "state": {"running": {"startedAt": at(1)}}});
    pod("a")
        .waiting("PodInitializing", "")
        .with("/spec/initContainers", json!([spec]))
        .with("/status/initContainerStatuses", json!([status]))
}

fn migration() -> PodBuilder {
    init(&json!({"name": "migrate", "image": "m"}))
}

fn proxy() -> PodBuilder {
    init(
        &json!({"name": "proxy", "image": "p", "restartPolicy": "Always", "startupProbe": {"periodSeconds": 2, "failureThreshold": 5}}),
    )
}

pub(super) fn rows() -> Vec<Row> {
    [on_the_way()].into_iter().flatten().collect()
}

fn on_the_way() -> Vec<Row> {
    vec![
        row(
            "the postStart hook failed three times",
            &[hook(3)],
            30,
            Terminal(PostStartHookFailing),
        ),
        row(
            "the postStart hook failed twice: it may race with its own container",
            &[hook(2)],
            20,
            Transient(PostStartHookFailing),
        )
        .healed_by(50, well(40)),
        row(
            "an end after a failed hook is no crash of its own",
            &[hook(4)],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "an init container runs for two minutes",
            &[migration()],
            120,
            Noted(InitRunsLong),
        )
        .healed_by(150, well(140)),
        row(
            "an init container runs for ten seconds",
            &[migration()],
            11,
            Absent(InitRunsLong),
        ),
        row(
            "a sidecar has not started for a minute",
            &[proxy()],
            60,
            Noted(SidecarNotStarted),
        )
        .healed_by(90, well(80)),
        row(
            "a sidecar has not started for ten seconds",
            &[proxy()],
            11,
            Absent(SidecarNotStarted),
        ),
        row(
            "a sidecar runs beside the others for as long as they do",
            &[proxy()],
            600,
            Absent(InitRunsLong),
        ),
        row(
            "a sidecar killed three times by its startup probe",
            &[proxy()
                .event("Killing", "Init container proxy failed startup probe", 3)
                .with(
                    "/status/initContainerStatuses/0/state",
                    json!({"waiting": {"reason": "CrashLoopBackOff"}}),
                )],
            60,
            Terminal(StartupProbeExhausted),
        ),
    ]
}
