//! Probes that keep a pod from being ready, or kill it.

use k8s_openapi::api::core::v1::Container;
use serde_json::json;

use super::*;

pub(super) fn rows() -> Vec<Row> {
    [
        kills(),
        failing(),
        kills_again(),
        readiness(),
        unrunnable(),
        gates(),
    ]
    .concat()
}

fn killed(probe: &str, count: i32) -> PodBuilder {
    let text = format!("Container app failed {probe} probe, will be restarted");
    pod("a")
        .crash_loop(count - 1, ("Error", 137, ""))
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
            "starting for 14 s",
            &[starting()],
            14,
            Absent(StillStarting),
        ),
        row(
            "killed three times by its liveness probe, as long after the first as two more starts take, twice over",
            &[liveness(3)],
            45,
            Terminal(LivenessKillsStart),
        )
        .healed_by(95, pod("a").ready(80).seen(80)),
        row(
            "killed twice by its liveness probe, and the third start is under way",
            &[liveness(2), liveness(2).running(36, 2)],
            75,
            Transient(LivenessKillsStart),
        )
        .healed_by(80, pod("a").ready(60).seen(60)),
        row(
            "killed three times by its liveness probe, 80 % of that time after the first",
            &[liveness(3)],
            35,
            Transient(LivenessKillsStart),
        )
        .healed_by(75, pod("a").ready(54).seen(54)),
        row(
            "killed twice by its liveness probe, and its node does not start it a third time",
            &[liveness(2)],
            120,
            Transient(LivenessKillsStart),
        )
        .healed_by(160, pod("a").ready(145).seen(145)),
        row(
            "killed three times by its liveness probe, and its former revision is known to start in 50 s",
            &[liveness(3), pod_of("old", "v1").ready(50)],
            45,
            Terminal(LivenessKillsStart),
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
            "killed three times by its startup probe",
            &[startup(3)],
            60,
            Terminal(StartupProbeExhausted),
        )
        .healed_by(45, ready()),
        row(
            "killed twice by its startup probe",
            &[startup(2)],
            60,
            Transient(StartupProbeExhausted),
        ),
        row(
            "killed once by its startup probe",
            &[startup(1)],
            30,
            Transient(StartupProbeExhausted),
        ),
    ]
}

/// Ready pods with a liveness probe (10 s × 3) that fails and has not killed yet.
fn failing() -> Vec<Row> {
    let ready = |readiness: serde_json::Value| {
        pod("a")
            .ready(2)
            .with("/spec/containers/0/readinessProbe", readiness)
            .with(
                "/spec/containers/0/livenessProbe",
                json!({"tcpSocket": {"port": 9999}}),
            )
    };
    let probed = || ready(json!({"tcpSocket": {"port": 8080}}));
    let refused = "dial tcp 10.0.0.7:9999: connect: connection refused";
    let liveness = format!("Liveness probe failed: {refused}");
    let readiness = format!("Readiness probe failed: {refused}");
    let failed = |pod: PodBuilder, text: &str| pod.event_until(11, ("Unhealthy", text), 1);
    vec![
        row(
            "ready, and its liveness probe has failed once",
            &[failed(probed(), &liveness)],
            12,
            Transient(LivenessKillsAgain),
        )
        .healed_by(30, probed().seen(30)),
        row(
            "its readiness probe has failed",
            &[failed(probed(), &readiness)],
            12,
            Absent(LivenessKillsAgain),
        ),
        row(
            "ready without a readiness probe, and its liveness probe has failed once",
            &[failed(ready(json!(null)), &liveness)],
            12,
            Transient(LivenessKillsStart),
        ),
        row(
            "the next try was not heard to fail",
            &[failed(ready(json!(null)), &liveness)],
            25,
            Absent(LivenessKillsStart),
        ),
    ]
}

/// Ready for 9 s out of 15 and then killed by a probe, so often; `ready` says whether it becomes ready
/// again after its first kill.
fn killed_at_work(name: &str, probe: &str, (kills, ready): (i32, bool)) -> Vec<Observation> {
    let text = format!("Container app failed {probe} probe, will be restarted");
    let mut all = Vec::new();
    for kill in 0..kills {
        let second = u64::try_from(kill).unwrap() * 15;
        let run = json!({"terminated": {"exitCode": 137, "reason": "Error",
            "startedAt": at(second), "finishedAt": at(second + 10)}});
        if ready || kill == 0 {
            all.extend(pod(name).ready(second).seen(second));
            // Readiness goes before the instance does.
            let unready = pod(name).running(second, kill).ready_once(second + 9);
            all.extend(unready.seen(second + 9));
        }
        let down = pod(name)
            .crash_loop(kill, ("Error", 137, ""))
            .with("/status/containerStatuses/0/lastState", run)
            .ready_once(second + 9)
            .event_until(second + 10, ("Killing", &text), kill + 1);
        all.extend(down.seen(second + 10));
    }
    all
}

fn again(says: &'static str, seen: Vec<Observation>, judged: (u64, Expect)) -> Row {
    let mut row = row(says, &[], judged.0, judged.1);
    row.observations.extend(seen);
    row
}

/// The same pods, their containers made otherwise.
fn altered(seen: Vec<Observation>, alter: fn(&mut Container)) -> Vec<Observation> {
    let alter = |mut observation: Observation| {
        if let Seen::Pod { object } = &mut observation.seen {
            alter(&mut object.spec.as_mut().unwrap().containers[0]);
        }
        observation
    };
    seen.into_iter().map(alter).collect()
}

fn unprobed(seen: Vec<Observation>) -> Vec<Observation> {
    altered(seen, |container| container.readiness_probe = None)
}

fn kills_again() -> Vec<Row> {
    let at_work = |kills| killed_at_work("a", "liveness", (kills, true));
    let lost = |kills| killed_at_work("a", "liveness", (kills, false));
    let startup = |kills| {
        let seen = killed_at_work("a", "startup", (kills, false));
        altered(seen, |container| {
            let probe =
                json!({"tcpSocket": {"port": 8080}, "periodSeconds": 2, "failureThreshold": 5});
            container.startup_probe = Some(serde_json::from_value(probe).unwrap());
        })
    };
    let well = |second| {
        let ended = json!({"terminated": {"exitCode": 137, "reason": "Error", "startedAt": at(30), "finishedAt": at(40)}});
        pod("a")
            .ready(second)
            .with("/status/containerStatuses/0/lastState", ended)
            .with("/status/containerStatuses/0/restartCount", json!(3))
            .seen(second)
    };
    let last_week = killed("liveness", 3).ready_once(30);
    let blip = || {
        let before = killed("liveness", 2).seen(20);
        let ready = pod("a").ready(30).seen(30);
        let ended = json!({"terminated": {"exitCode": 137, "reason": "Error", "startedAt": at(10), "finishedAt": at(20)}});
        let after = pod("a")
            .running(25, 2)
            .with("/status/containerStatuses/0/lastState", ended)
            .ready_once(40);
        [before, ready, after.seen(40)].concat()
    };
    vec![
        again(
            "killed three times by its liveness probe, each time after it had been ready",
            at_work(3),
            (160, Terminal(LivenessKillsAgain)),
        )
        .healed_by(175, well(150)),
        again(
            "killed three times at work, and ready again for a moment: not well before it outlives the last run",
            [at_work(3), well(50)].concat(),
            (65, Transient(LivenessKillsAgain)),
        ),
        again(
            "killed twice at work: what it depends on may be back",
            at_work(2),
            (45, Transient(LivenessKillsAgain)),
        ),
        again(
            "killed three times and not ready since the first: what it lost may be back",
            lost(3),
            (45, Transient(LivenessKillsAgain)),
        ),
        again(
            "killed four times and not ready since the first",
            lost(4),
            (160, Terminal(LivenessKillsAgain)),
        ),
        again(
            "killed three times at work, but another pod stays ready",
            [at_work(3), pod("b").ready(1).seen(1)].concat(),
            (45, Transient(LivenessKillsAgain)),
        ),
        again(
            "killed three times at work, as the other pod is just up between two of its own kills",
            [
                at_work(3),
                killed_at_work("b", "liveness", (3, true)),
                pod("b").ready_after_crash(159, 8).seen(159),
            ]
            .concat(),
            (160, Terminal(LivenessKillsAgain)),
        ),
        row(
            "killed three times by its liveness probe last week",
            &[last_week],
            60,
            Transient(LivenessKillsAgain),
        ),
        again(
            "killed twice on its way to being ready, and unready for a moment since",
            blip(),
            (50, Absent(LivenessKillsAgain)),
        ),
        again(
            "answers to its readiness probe count again once it was ready",
            blip(),
            (50, Transient(ReadinessFailing)),
        ),
        again(
            "killed at work is no crash of its own",
            at_work(3),
            (45, Absent(CrashAfterReady)),
        ),
        again(
            "without a readiness probe every start is ready, and three kills of it are the arithmetic",
            unprobed(at_work(3)),
            (45, Terminal(LivenessKillsStart)),
        ),
        again(
            "without a readiness probe, killed once",
            unprobed(at_work(1)),
            (45, Transient(LivenessKillsStart)),
        ),
        again(
            "killed three times by its startup probe after it had been ready",
            startup(3),
            (160, Terminal(StartupProbeExhausted)),
        ),
        again(
            "killed twice by its startup probe after it had been ready: what it lost may be back",
            startup(2),
            (45, Transient(StartupProbeExhausted)),
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
            "readiness fails for 5 min, and pods of another workload took 4 min",
            &[unready(), pod_of("other", "x1").ready(240)],
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
