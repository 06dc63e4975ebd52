//! The parts that stay in a trace, and those that do not.

use serde_json::{Value, json};

use super::*;

/// Every value that must not appear begins with `hush`.
fn spec(token: &str) -> Value {
    json!({
        "containers": [{
            "name": "app", "image": "web:1",
            "command": ["serve", "--password", token], "args": [token],
            "env": [{"name": "TOKEN", "value": token},
                {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pw"}}}],
            "readinessProbe": {"httpGet": {"port": 80, "path": "/",
                "httpHeaders": [{"name": "Authorization", "value": token}]}},
            "lifecycle": {"preStop": {"exec": {"command": ["stop", token]}}},
        }],
        "initContainers": [{"name": "init", "env": [{"name": "A", "value": token}]}],
        "ephemeralContainers": [{"name": "dbg", "args": [token]}],
    })
}

fn observation(seen: &Value) -> Observation {
    serde_json::from_value(json!({"at": "2026-01-01T00:00:00Z", "seen": seen})).unwrap()
}

fn workload(token: &str) -> Observation {
    observation(&json!({"kind": "workload", "object": {
        "metadata": {"name": "web", "annotations": {
            "deployment.kubernetes.io/revision": "3",
            "kubernetes.io/change-cause": "kubectl set env deployment/web PASSWORD=hush",
            "owner": "hush@example.com"}},
        "spec": {"selector": {}, "template": {
            "metadata": {"annotations": {"restartedAt": token}}, "spec": spec(token)}},
    }}))
}

fn text(observation: &Observation) -> String {
    serde_json::to_string(observation).unwrap()
}

#[test]
fn no_value_is_given_away_and_every_name_stays() {
    let pod = observation(&json!({"kind": "pod", "object": {
        "metadata": {"name": "web-1", "annotations": {"secret": "hush"}}, "spec": spec("hush"),
        "status": {"podIP": "10.9.8.7", "podIPs": [{"ip": "10.9.8.7"}], "hostIP": "10.9.8.6",
            "hostIPs": [{"ip": "10.9.8.6"}], "phase": "Pending"},
    }}));
    for redacted in [text(&redact(&workload("hush"))), text(&redact(&pod))] {
        assert!(!redacted.contains("hush"), "{redacted}");
        assert!(!redacted.contains("10.9.8."), "{redacted}");
        for name in ["TOKEN", "secretKeyRef", "serve", "Authorization", "web:1"] {
            assert!(redacted.contains(name), "{name} in {redacted}");
        }
    }
}

#[test]
fn the_revision_and_the_main_container_stay() {
    let redacted = text(&redact(&workload("hush")));
    let revision = r#""deployment.kubernetes.io/revision":"3""#;
    assert!(redacted.contains(revision), "{redacted}");
    let pod = observation(
        &json!({"kind": "pod", "object": {"metadata": {"name": "web-1",
        "annotations": {"kubectl.kubernetes.io/default-container": "app"}}}}),
    );
    assert!(text(&redact(&pod)).contains("default-container"));
}

/// A pod with a part of it filled in.
fn pod(part: &Value) -> Value {
    let mut pod = json!({"metadata": {"name": "p"}});
    pod.as_object_mut()
        .unwrap()
        .extend(part.as_object().unwrap().clone());
    json!({"kind": "pod", "object": pod})
}

/// A pod with a container in a state.
fn container(state: &Value) -> Value {
    let mut status =
        json!({"name": "a", "image": "i", "imageID": "", "ready": false, "restartCount": 1});
    status
        .as_object_mut()
        .unwrap()
        .extend(state.as_object().unwrap().clone());
    pod(&json!({"status": {"containerStatuses": [status]}}))
}

fn gives_nothing_away(rows: impl IntoIterator<Item = (&'static str, Value, &'static str)>) {
    for (says, seen, kept) in rows {
        let redacted = text(&redact(&observation(&seen)));
        let clean = !redacted.contains("hush") && !redacted.contains("10.9.8.");
        assert!(clean && redacted.contains(kept), "{says}: {redacted}");
    }
}

#[test]
fn addresses_and_queries_stand_in_no_message() {
    gives_nothing_away([
        (
            "an ask that found no one",
            json!({"kind": "answered", "pod": "u", "check": 0, "answer": {"outcome": "failed",
                "message": "error trying to reach service: dial tcp 10.9.8.7:8080: connect: connection refused"}}),
            "dial tcp ***1:8080: connect: connection refused",
        ),
        (
            "an event of a probe",
            json!({"kind": "event", "object": {"metadata": {"name": "e"}, "involvedObject": {},
                "message": "Readiness probe failed: Get \"http://10.9.8.7:8080/?a=hush\": EOF"}}),
            r#"Get \"http://***2:8080/?***1\": EOF"#,
        ),
        (
            "a condition",
            pod(&json!({"status": {"conditions": [
                {"type": "Ready", "status": "False", "message": "10.9.8.7 is away"}]}})),
            "***1 is away",
        ),
        (
            "a container that waits",
            container(&json!({"state": {"waiting": {"reason": "ErrImagePull",
                "message": "lookup r.test on 10.9.8.2:53: no such host"}}})),
            "lookup r.test on ***1:53: no such host",
        ),
        (
            "a watch that was lost",
            json!({"kind": "blind", "resource": "pod",
                "why": {"cause": "disconnected", "message": "10.9.8.7 is away"}}),
            "***1 is away",
        ),
    ]);
}

#[test]
fn secrets_stand_in_no_odd_place_either() {
    let end = |message: &str| {
        let end = json!({"exitCode": 1, "reason": "Error", "message": message});
        container(&json!({"lastState": {"terminated": end}}))
    };
    gives_nothing_away([
        (
            "a volume's own options",
            pod(&json!({"spec": {"containers": [], "volumes": [
                {"name": "v", "flexVolume": {"driver": "d", "options": {"password": "hush"}}},
                {"name": "c", "csi": {"driver": "d", "volumeAttributes": {"key": "hush-2"}}}]}})),
            r#""password":"***"#,
        ),
        (
            "host and query of a probe",
            pod(
                &json!({"spec": {"containers": [{"name": "a", "livenessProbe": {"httpGet":
                {"port": 1, "path": "/live?token=hush", "host": "10.9.8.7"}}}]}}),
            ),
            r#""path":"/live?***"#,
        ),
        (
            "the last words of a container",
            end("cannot log in with hush"),
            r#""message":"***1""#,
        ),
        (
            "last words that decide",
            end("hush: exec format error"),
            r#""message":"exec format error""#,
        ),
    ]);
}

#[test]
fn what_differs_in_a_value_still_differs_and_what_is_equal_stays_equal() {
    let mut redactor = Redactor::default();
    let first = redactor.redact(&workload("hush-1"));
    let second = redactor.redact(&workload("hush-2"));
    assert_ne!(first, second);
    assert_eq!(redactor.redact(&workload("hush-1")), first);
}

#[test]
fn redacting_twice_changes_nothing_that_matters() {
    let once = redact(&workload("hush"));
    assert_eq!(redact(&once).seen, redact(&redact(&once)).seen);
}

#[test]
fn sets_revisions_and_nodes_give_nothing_away_either() {
    let template = json!({"metadata": {}, "spec": spec("hush")});
    let set = |kind: &str| {
        json!({"kind": "workload", "object": {"kind": kind, "metadata": {"name": "db"},
            "spec": {"selector": {}, "serviceName": "", "template": template,
                "volumeClaimTemplates": [{"metadata": {"annotations": {"a": "hush"}}}]}}})
    };
    let revision = json!({"kind": "controllerRevision", "object": {"revision": 3,
        "metadata": {"name": "db-1"}, "data": {"spec": {"template": template}}}});
    let node = json!({"kind": "node", "object": {"metadata": {"name": "n-1"},
        "spec": {"providerID": "azure://hush", "podCIDR": "hush", "podCIDRs": ["hush"]},
        "status": {"addresses": [{"type": "InternalIP", "address": "hush"}],
            "conditions": [{"type": "Ready", "status": "True"}]}}});
    for (seen, kept) in [
        (set("StatefulSet"), "web:1"),
        (set("DaemonSet"), "web:1"),
        (revision, "\"revision\":3"),
        (node, "Ready"),
    ] {
        let redacted = text(&redact(&observation(&seen)));
        assert!(!redacted.contains("hush"), "{redacted}");
        assert!(redacted.contains(kept), "{kept} in {redacted}");
    }
}

#[test]
fn a_body_stays_only_where_it_decides() {
    let answered = |check: u32, body: &str| {
        observation(
            &json!({"kind": "answered", "pod": "u", "check": check, "answer":
            {"outcome": "came", "status": 200, "latency": {"secs": 0, "nanos": 1},
                "body": body}}),
        )
    };
    let checks = ["/healthz", "/ready~ok"].map(|it| HttpCheck::parse(it).unwrap());
    let mut redactor = Redactor::new(checks.to_vec());
    for (says, check, body, stays) in [
        ("only the status counts", 0, "hush ok", false),
        ("the pattern is in it", 1, "hush ok", true),
        ("the pattern is not in it", 1, "hush", false),
        ("no such check", 7, "hush ok", false),
    ] {
        let redacted = text(&redactor.redact(&answered(check, body)));
        assert_eq!(redacted.contains("hush"), stays, "{says}");
    }
}
