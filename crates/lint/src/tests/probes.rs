//! Rows of probes and what their arithmetic forbids.

use std::time::Duration;

use super::{codes, deployment, findings, report, rules};
use crate::severity::Severity;

const READY: &str = "readinessProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 3}";

#[test]
fn the_classic_example_is_said_before() {
    // It serves `/` at once and `/health` after 60 s.
    let liveness = |path: &str| {
        format!(
            "livenessProbe: {{httpGet: {{path: {path}, port: 8080}}, initialDelaySeconds: 3, periodSeconds: 3}}"
        )
    };
    let startup = "startupProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 3, failureThreshold: 40}";
    let killed = "the liveness probe kills every start of container \"web\" 9s to 12s after it began: the application answers after 1m";
    let healthy =
        "container \"web\" is ready 1m to 1m3s after its start: a check needs a timeout above 1m3s";
    for (says, container, expected, fix) in [
        (
            "readiness only",
            format!("{READY}, livenessProbe: null"),
            healthy,
            "more than 1m3s",
        ),
        (
            "liveness asks what answers at once",
            format!("{READY}, {}", liveness("/")),
            healthy,
            "more than 1m3s",
        ),
        (
            "liveness asks the same",
            format!("{READY}, {}", liveness("/health")),
            killed,
            "add a startupProbe with the same request, periodSeconds: 3 and failureThreshold: 40, which allow 2m",
        ),
        (
            "the startupProbe resolves it",
            format!("{READY}, {}, {startup}", liveness("/health")),
            "container \"web\" is ready 1m to 1m6s after its start: a check needs a timeout above 1m6s",
            "more than 1m6s",
        ),
    ] {
        let mut rules = rules();
        rules.startup_time = Some(Duration::from_secs(60));
        let report = report(&[&deployment("", &container)], &rules);
        let arithmetic = ["LivenessKillsStart", "NeedsTimeout"];
        let found: Vec<_> = report
            .findings()
            .filter(|it| arithmetic.contains(&it.code.as_str()))
            .collect();
        let messages: Vec<_> = found.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(messages, [expected], "{says}");
        assert!(found[0].fix.contains(fix), "{says}: {}", found[0].fix);
    }
}

#[test]
fn a_kill_that_depends_on_the_tries_is_a_warning() {
    let text = deployment("", "livenessProbe: {httpGet: {path: /up, port: http}}");
    for (seconds, expected) in [
        (20, None),
        (25, Some(Severity::Warning)),
        (30, Some(Severity::Error)),
    ] {
        let mut rules = rules();
        rules.startup_time = Some(Duration::from_secs(seconds));
        let report = report(&[&text], &rules);
        let found = report
            .findings()
            .find(|it| it.code.as_str() == "LivenessKillsStart");
        assert_eq!(found.map(|it| it.severity), expected, "{seconds}");
    }
}

#[test]
fn a_startup_time_may_stand_in_an_annotation() {
    let container = format!(
        "{READY}, livenessProbe: {{httpGet: {{path: /health, port: 8080}}, failureThreshold: 30}}"
    );
    let text = deployment("", &container).replace(
        "labels: {app: web}",
        "labels: {app: web}, annotations: {rollguard.dev/startup-time: 60s}",
    );
    assert_eq!(codes(&text), ["NeedsTimeout"]);
    let wrong = text.replace("startup-time: 60s", "startup-time: '60'");
    assert_eq!(codes(&wrong), ["WrongType"]);
}

#[test]
fn what_the_probes_say_of_each_other_is_judged_without_a_startup_time() {
    let get = |path: &str, more: &str| format!("{{httpGet: {{path: {path}, port: http}}{more}}}");
    let both = |readiness: String, liveness: String| {
        format!("readinessProbe: {readiness}, livenessProbe: {liveness}")
    };
    let rows: &[(&str, String, &[&str])] = &[
        (
            "the same request",
            both(get("/up", ""), get("/up", "")),
            &["SameProbe"],
        ),
        (
            "the same port by its number",
            both(
                get("/up", ""),
                "{httpGet: {path: /up, port: 8080}}".to_owned(),
            ),
            &["SameProbe"],
        ),
        ("another path", both(get("/up", ""), get("/alive", "")), &[]),
        (
            "the same, and three times as patient",
            both(get("/up", ""), get("/up", ", failureThreshold: 9")),
            &[],
        ),
        (
            "the same command",
            both(
                "{exec: {command: [x, z]}}".to_owned(),
                "{exec: {command: [x, z]}}".to_owned(),
            ),
            &["SameProbe"],
        ),
        (
            "another command",
            both(
                "{exec: {command: [x, z]}}".to_owned(),
                "{exec: {command: [x]}}".to_owned(),
            ),
            &[],
        ),
        (
            "readiness expects nothing before liveness gives up",
            both(get("/up", ", initialDelaySeconds: 60"), get("/up", "")),
            &["LivenessKillsStart", "SameProbe"],
        ),
        (
            "a startup probe comes first",
            format!(
                "{}, startupProbe: {}",
                both(
                    get("/up", ", initialDelaySeconds: 60"),
                    get("/up", ", failureThreshold: 9")
                ),
                get("/up", ", failureThreshold: 60")
            ),
            &[],
        ),
        (
            "liveness waits as long",
            both(
                get("/up", ", initialDelaySeconds: 60"),
                get("/up", ", initialDelaySeconds: 60, failureThreshold: 9"),
            ),
            &[],
        ),
        (
            "a timeout above the period",
            both(get("/up", ", timeoutSeconds: 11"), get("/alive", "")),
            &["TimeoutLongerThanPeriod"],
        ),
        (
            "a timeout as long as the period",
            both(get("/up", ", timeoutSeconds: 10"), get("/alive", "")),
            &[],
        ),
        (
            "liveness asks a database",
            both(get("/up", ""), get("/health/db", "")),
            &["LivenessAsksDependency"],
        ),
        (
            "liveness asks for readiness",
            both(get("/up", ""), get("/readyz", "")),
            &["LivenessAsksDependency"],
        ),
        (
            "a word that holds another",
            both(get("/up", ""), get("/feedback", "")),
            &[],
        ),
        (
            "a port that is not declared",
            both(get("/up", ""), "{tcpSocket: {port: htpp}}".to_owned()),
            &["ProbePortUnknown"],
        ),
    ];
    for (says, container, expected) in rows {
        assert_eq!(codes(&deployment("", container)), *expected, "{says}");
    }
    let found = findings(&deployment(
        "",
        "livenessProbe: {httpGet: {path: /db, port: http}}",
    ));
    assert_eq!(
        found[0].severity,
        Severity::Info,
        "a heuristic only informs"
    );
}
