//! The shortest time of a rollout, against the timeout of the check after it.

use std::time::Duration;

use super::*;

fn slow(kind: WorkloadKind, more: &Value) -> Value {
    let mut manifest = workload(kind, &json!({}));
    manifest["spec"]["replicas"] = json!(3);
    manifest["spec"]["minReadySeconds"] = json!(60);
    merge(&mut manifest["spec"], more);
    manifest
}

/// The certainty of the prediction, and its message.
fn predicted(manifest: &Value, is_new: bool, timeout: Option<u64>) -> Option<(Certainty, String)> {
    let mut current = manifest.clone();
    current["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:1");
    let cluster = Cluster {
        current: (!is_new).then_some(current),
        timeout: timeout.map(Duration::from_secs),
        ..Cluster::default()
    };
    let found = cluster.forecast(std::slice::from_ref(manifest)).predictions;
    let found = found
        .into_iter()
        .find(|it| it.code.as_str() == "TimeoutTooShort");
    found.map(|it| (it.certainty, it.message))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn a_rollout_that_needs_longer_than_the_timeout_is_named() {
    let surge = |surge: Value| json!({"strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": 0}}});
    let ready = |probe: Value| {
        json!({"minReadySeconds": 0, "template": {"spec": {"containers": [
        {"name": "app", "image": "app:2", "readinessProbe": probe}]}}})
    };
    let (deployment, set) = (WorkloadKind::Deployment, WorkloadKind::StatefulSet);
    let rows = [
        (
            "three pods, one by one",
            deployment,
            surge(json!(1)),
            false,
            Some(179),
            Some(Likely),
        ),
        (
            "as long as it needs",
            deployment,
            surge(json!(1)),
            false,
            Some(180),
            None,
        ),
        (
            "all at once",
            deployment,
            surge(json!("100%")),
            false,
            Some(60),
            None,
        ),
        (
            "a new one starts all at once",
            deployment,
            surge(json!(1)),
            true,
            Some(60),
            None,
        ),
        (
            "a new StatefulSet one by one",
            set,
            json!({}),
            true,
            Some(179),
            Some(Likely),
        ),
        (
            "a new StatefulSet all at once",
            set,
            json!({"podManagementPolicy": "Parallel"}),
            true,
            Some(60),
            None,
        ),
        (
            "none is created",
            deployment,
            json!({"replicas": 0}),
            false,
            Some(1),
            None,
        ),
        (
            "a person has to act first",
            deployment,
            json!({"paused": true}),
            false,
            Some(1),
            None,
        ),
        (
            "a probe waits before it asks",
            deployment,
            ready(json!({"initialDelaySeconds": 30})),
            false,
            Some(89),
            Some(Likely),
        ),
        (
            "a probe waits no longer than that",
            deployment,
            ready(json!({"initialDelaySeconds": 30})),
            false,
            Some(90),
            None,
        ),
        (
            "longer than a check waits by default",
            deployment,
            json!({"minReadySeconds": 101}),
            false,
            None,
            Some(Possible),
        ),
        (
            "as long as a check waits by default",
            deployment,
            json!({"minReadySeconds": 100}),
            false,
            None,
            None,
        ),
    ];
    for (says, kind, more, is_new, timeout, expected) in rows {
        let found = predicted(&slow(kind, &more), is_new, timeout);
        assert_eq!(found.map(|(it, _)| it), expected, "{says}");
    }
    let (_, message) = predicted(&slow(deployment, &surge(json!(1))), false, Some(120)).unwrap();
    assert_eq!(
        message,
        "a new pod of Deployment `web` is available after 1m at the earliest (minReadySeconds), and the next ones follow, 3 times in all: the rollout takes at least 3m, longer than the timeout of 2m"
    );
}

/// A pod of the present revision that was ready so many seconds after its start.
fn started(seconds: u32) -> Value {
    json!({
        "metadata": {"name": "p", "uid": "p", "labels": {"app": "web"}},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": format!("2026-01-01T00:{:02}:{:02}Z", seconds / 60, seconds % 60)}],
            "containerStatuses": [{"name": "app", "image": "a", "imageID": "", "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
        },
    })
}

#[test]
fn the_time_that_a_rollout_needs_is_said_also_where_it_is_enough() {
    let plain = || json!({"minReadySeconds": 0, "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}}});
    let probe = json!({"minReadySeconds": 3, "template": {"spec": {"containers": [{"name": "app", "image": "app:2",
        "readinessProbe": {"initialDelaySeconds": 60}}]}}});
    let (deployment, none) = (WorkloadKind::Deployment, vec![]);
    let least = "the rollout of Deployment `web` needs at least";
    let rows = [
        ("no wait is demanded", plain(), none.clone(), None, None),
        ("its settings", json!({"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}), none.clone(),
            Some(format!("{least} 3m")), None),
        ("a probe and a time to stay ready", { let mut it = plain(); merge(&mut it, &probe); it }, none,
            Some(format!("{least} 1m3s")), None),
        ("the start of the present pods", plain(), vec![started(63)],
            Some("the settings of Deployment `web` demand no wait; about 1m3s if new pods start as the present ones did (1m3s)".to_owned()), None),
        ("a start that the default timeout does not allow", plain(), vec![started(301)],
            Some("the settings of Deployment `web` demand no wait; about 5m1s if new pods start as the present ones did (5m1s)".to_owned()),
            Some(Possible)),
    ];
    for (says, more, pods, message, certainty) in rows {
        let manifest = slow(deployment, &more);
        let mut current = manifest.clone();
        current["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:1");
        let cluster = Cluster {
            current: Some(current),
            pods,
            ..Cluster::default()
        };
        let forecast = cluster.forecast(&[manifest]);
        let said = forecast.needs.first().map(|it| it.message.clone());
        assert_eq!(said, message, "{says}");
        let found = forecast.predictions.first().map(|it| it.certainty);
        assert_eq!(found, certainty, "{says}");
    }
}
