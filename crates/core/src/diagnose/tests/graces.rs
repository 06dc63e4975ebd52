//! The user's grace for a cause overrides circumstances and rules.

use super::*;

/// Rows, each with the grace in seconds that the user set for the code it is about.
fn rows() -> Vec<(u64, Row)> {
    let unmounted = |last| pod("a").mount_failure(last, "timed out waiting for the disk");
    let sandbox = |last| {
        let text = "Failed to create pod sandbox: plugin type=\"azure-vnet\" failed (add)";
        pod("a")
            .with("/spec/nodeName", json!("node-1"))
            .event_until(last, ("FailedCreatePodSandBox", text), 9)
    };
    let cordoned =
        || pod("a").unschedulable("0/1 nodes are available: 1 node(s) were unschedulable.");
    let not_there = || {
        let text = "Readiness probe failed: HTTP probe failed with statuscode: 404";
        pod("a").running(0, 0).event("Unhealthy", text, 9)
    };
    vec![
        (
            60,
            row(
                "1m for a volume: the try after it has failed as well",
                &[unmounted(63)],
                63,
                Terminal(VolumeNotMounted),
            ),
        ),
        (
            60,
            row(
                "1m for a volume: none has failed since",
                &[unmounted(31)],
                62,
                Transient(VolumeNotMounted),
            ),
        ),
        (
            600,
            row(
                "10m for a volume: the rule's time is not enough",
                &[unmounted(430)],
                430,
                Transient(VolumeNotMounted),
            ),
        ),
        (
            60,
            row(
                "1m for a sandbox: it still failed after the half of it",
                &[sandbox(40)],
                60,
                Terminal(SandboxNotCreated),
            ),
        ),
        (
            900,
            row(
                "15m for a sandbox: the half of the rule's time is not enough",
                &[sandbox(400)],
                900,
                Transient(SandboxNotCreated),
            ),
        ),
        (
            60,
            row(
                "1m for what cannot be placed, although nodes are cordoned",
                &[cordoned()],
                60,
                Terminal(Unschedulable),
            ),
        ),
        (
            600,
            row(
                "10m for readiness, although the path is not there",
                &[not_there()],
                300,
                Transient(ReadinessFailing),
            ),
        ),
    ]
}

#[test]
fn a_grace_of_the_user_stands_above_circumstances() {
    let mut wrong = Vec::new();
    for (seconds, row) in rows() {
        let (code, expected) = row.expect.parts();
        let policy = Policy {
            graces: [(code, Duration::from_secs(seconds))].into(),
            ..Policy::default()
        };
        let found = judged_by(&policy, &row.observations, row.seconds);
        if prognosis(&found, code) != expected {
            wrong.push(format!("{}: {found:#?}", row.says));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
