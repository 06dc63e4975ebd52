//! Probes that keep a pod from being ready, or kill it.

use serde_json::json;

use super::*;

pub(super) fn rows() -> Vec<Row> {
    [kills(), readiness(), unrunnable(), gates()].concat()
}

fn killed(probe: &str, count: i32) -> PodBuilder {
    let text = format!("Container app failed {probe} probe, will be restarted");
    pod("a")
        .crash_loop(count, ("Error", 137, ""))
        .event("Killing", &text, count)
}

fn kills() -> Vec<Row> {
    let liveness = |count| {
        killed("liveness", count).event(
            "Unhealthy",
            "Liveness probe failed: Get \"http://10.0.0.7:8080/live\": dial tcp 10.0.0.7:8080: connect: connection refused",
            3 * count,
        )
    };
    let startup = |count| {
        killed("startup", count).with(
            "/spec/containers/0/startupProbe",
            json!({"tcpSocket": {"port": 8080}, "periodSeconds": 2, "failureThreshold": 5}),
        )
    };
    let ready = || pod("a").ready(40).seen(45);
    let starting = || {
        pod("a")
            .running(0, 0)
            .with("/status/containerStatuses/0/started", json!(false))
            .with(
                "/spec/containers/0/startupProbe",
                json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 10, "failureThreshold": 60}),
            )
    };
    vec![
        row(
            "starting for 35 s, and its startup probe allows more than the timeout",
            &[starting()],
            35,
            Noted(StillStarting),
        )
        .healed_by(45, ready()),
        row(
            "starting for 20 s",
            &[starting()],
            20,
            Absent(StillStarting),
        ),
        row(
            "killed twice by its liveness probe",
            &[liveness(2)],
            30,
            Terminal(LivenessKillsStart),
        )
        .healed_by(45, ready()),
        row(
            "killed twice by its liveness probe, and its former revision is known to start in 50 s",
            &[liveness(2), pod_of("old", "v1").ready(50)],
            60,
            Terminal(LivenessKillsStart),
        ),
        row(
            "killed twice by its liveness probe, but long ready in between",
            &[liveness(2).ready_once(30)],
            40,
            Transient(LivenessKillsStart),
        ),
        row(
            "killed once by its liveness probe",
            &[liveness(1)],
            30,
            Transient(LivenessKillsStart),
        ),
        row(
            "a kill by the liveness probe is no crash",
            &[liveness(4)],
            60,
            Absent(CrashAtStart),
        ),
        row(
            "killed twice by its startup probe",
            &[startup(2)],
            30,
            Terminal(StartupProbeExhausted),
        )
        .healed_by(45, ready()),
        row(
            "killed once by its startup probe",
            &[startup(1)],
            30,
            Transient(StartupProbeExhausted),
        ),
    ]
}

fn readiness() -> Vec<Row> {
    let fails = |answer: &str| {
        let text = format!("Readiness probe failed: {answer}");
        pod("a").running(0, 0).event("Unhealthy", &text, 9)
    };
    let unready = || fails("HTTP probe failed with statuscode: 503");
    let not_there = || fails("HTTP probe failed with statuscode: 404");
    let late = || {
        fails(
            "Get \"http://10.0.0.7:8080/ready\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
        )
    };
    vec![
        row(
            "readiness fails for 5 min",
            &[unready()],
            300,
            Terminal(ReadinessFailing),
        )
        .healed_by(302, pod("a").ready(301).seen(302)),
        row(
            "readiness answers too late for 5 min",
            &[late()],
            300,
            Terminal(ReadinessFailing),
        ),
        row(
            "the readiness path is not there for 2 min",
            &[not_there()],
            120,
            Terminal(ReadinessFailing),
        ),
        row(
            "the readiness path is not there for 1 min: some register it late",
            &[not_there()],
            60,
            Transient(ReadinessFailing),
        ),
        row(
            "readiness fails for 5 min, but the former revision took 4 min",
            &[unready(), pod_of("old", "v1").ready(240)],
            300,
            Transient(ReadinessFailing),
        ),
        row(
            "readiness fails for 5 min, and the former revision's pod had a blip an hour after its start",
            &[unready(), pod_of("old", "v1").ready(3600)],
            300,
            Terminal(ReadinessFailing),
        ),
        row(
            "readiness fails since a second, after days of being ready",
            &[unready().ready_once(299)],
            300,
            Transient(ReadinessFailing),
        ),
        row(
            "readiness fails for 1 min",
            &[unready()],
            60,
            Transient(ReadinessFailing),
        ),
        row(
            "not ready within the probe's own budget",
            &[pod("a").running(0, 0)],
            4,
            Absent(ReadinessFailing),
        ),
        row(
            "not ready beyond the probe's budget, events unseen",
            &[pod("a").running(0, 0)],
            30,
            Transient(ReadinessFailing),
        ),
    ]
}

fn unrunnable() -> Vec<Row> {
    let port = |probe: &str, port| {
        let pointer = format!("/spec/containers/0/{probe}");
        pod("a")
            .running(0, 0)
            .with(&pointer, json!({"httpGet": {"path": "/", "port": port}}))
    };
    let no_port = || port("readinessProbe", "web");
    let named = no_port().with(
        "/spec/containers/0/ports",
        json!([{"name": "web", "containerPort": 8080}]),
    );
    let no_command = |count| {
        let text = "Readiness probe errored and resulted in unknown state: rpc error: code = Unknown desc = failed to exec in container: exec: \"curl\": executable file not found in $PATH: unknown";
        pod("a")
            .running(0, 0)
            .with(
                "/spec/containers/0/readinessProbe",
                json!({"exec": {"command": ["curl", "-f", "localhost"]}}),
            )
            .event("Unhealthy", text, count)
    };
    vec![
        row(
            "the readiness probe names a port that is not there, 5 s",
            &[no_port()],
            5,
            Terminal(ProbeCannotRun),
        )
        .healed_by(10, pod("a").ready(9).seen(10)),
        row(
            "the readiness probe names a port that is not there, just seen",
            &[no_port()],
            2,
            Transient(ProbeCannotRun),
        ),
        row(
            "the readiness probe names a port of the container",
            &[named],
            60,
            Absent(ProbeCannotRun),
        ),
        row(
            "a port number written as text is a number",
            &[port("readinessProbe", "8080")],
            60,
            Absent(ProbeCannotRun),
        ),
        row(
            "a liveness probe that cannot run never kills",
            &[port("livenessProbe", "web")],
            60,
            Absent(ProbeCannotRun),
        ),
        row(
            "the readiness command is not in the image, tried twice",
            &[no_command(2)],
            10,
            Terminal(ProbeCannotRun),
        ),
        row(
            "the readiness command is not in the image, tried once",
            &[no_command(1)],
            10,
            Transient(ProbeCannotRun),
        ),
    ]
}

fn gates() -> Vec<Row> {
    let gated = |since: u64| {
        pod("a")
            .running(0, 0)
            .with("/status/containerStatuses/0/ready", json!(true))
            .with(
                "/spec/readinessGates",
                json!([{"conditionType": "gateway.test/attached"}]),
            )
            .with(
                "/status/conditions",
                json!([
                    {"type": "ContainersReady", "status": "True", "lastTransitionTime": at(since)},
                    {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady",
                     "message": "corresponding condition of pod readiness gate \"gateway.test/attached\" does not exist.",
                     "lastTransitionTime": at(0)}
                ]),
            )
    };
    let redirected = pod("a").ready(5).event(
        "ProbeWarning",
        "Readiness probe warning: Probe terminated redirects, Response body: <a href=\"https://login.test/\">",
        4,
    );
    vec![
        row(
            "a readiness gate is closed for 5 min",
            &[gated(10)],
            310,
            Terminal(ReadinessGateClosed),
        )
        .healed_by(320, pod("a").ready(315).seen(320)),
        row(
            "a readiness gate is closed, and the containers were ready 1 min ago only",
            &[gated(250)],
            310,
            Transient(ReadinessGateClosed),
        ),
        row(
            "the readiness probe is sent to a login page",
            &[redirected],
            20,
            Noted(ProbeRedirected),
        )
        .healed_by(
            60,
            vec![Observation::new(
                at(60),
                crate::observation::Seen::Gone {
                    resource: crate::observation::ResourceKind::Pod,
                    uid: "pod-a".into(),
                },
            )],
        ),
        row(
            "a probe that fails is not redirected",
            &[pod("a").running(0, 0).event(
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 302",
                2,
            )],
            20,
            Absent(ProbeRedirected),
        ),
    ]
}
