//! Predictions from pods that may be stored otherwise than they are seen.

use super::*;

fn app(more: &Value) -> Value {
    let mut app = json!({"name": "app", "image": "app:2"});
    merge(&mut app, more);
    deployment(&json!({"containers": [app]}))
}

fn memory(amount: &str) -> Value {
    json!({"resources": {"requests": {"memory": amount}}})
}

/// One prediction of each kind that depends on the pod alone or on its size.
fn predicted_from_the_pod() -> [(&'static str, Value, &'static str); 5] {
    let mount = json!({"volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": "$(A)"}]});
    let mut selects = app(&json!({}));
    selects["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "nvme"});
    [
        (
            "its image",
            app(&json!({"image": "r.test/App:1"})),
            "InvalidImageName",
        ),
        ("its volume", app(&mount), "SubPathNotPrepared"),
        ("its size", app(&memory("8Gi")), "Unschedulable"),
        ("its node", selects, "NoNodeMatches"),
        ("the quota", app(&memory("100Mi")), "QuotaExceeded"),
    ]
}

fn full() -> Lookup<Vec<Value>> {
    Lookup::Seen(vec![
        json!({"metadata": {"name": "memory"}, "spec": {"hard": {"requests.memory": "80Mi"}},
            "status": {"used": {"requests.memory": "0"}}}),
    ])
}

fn brought(api: &str, kind: &str) -> Value {
    json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}})
}

#[test]
fn a_pod_that_was_not_seen_as_stored_leaves_nothing_certain() {
    let lacks = "pods is forbidden: User \"ci\" cannot create resource \"pods\" in API group \"\"";
    let rows = [
        ("it was tried", DryRun::Accepted, Certain),
        (
            "it may not be tried",
            DryRun::Refused {
                code: 403,
                message: lacks.to_owned(),
            },
            Likely,
        ),
        (
            "the API server did not answer",
            DryRun::NotTried("timed out".to_owned()),
            Likely,
        ),
    ];
    for (says, pod, certainty) in rows {
        for (of, manifest, code) in predicted_from_the_pod() {
            let cluster = Cluster {
                pod: pod.clone(),
                quotas: if code == "QuotaExceeded" {
                    full()
                } else {
                    Lookup::Missing
                },
                ..Cluster::default()
            };
            assert_eq!(
                cluster.said(&[manifest]),
                [(code, certainty)],
                "{says}: {of}"
            );
        }
    }
}

#[test]
fn what_the_call_brings_may_change_the_pod() {
    let namespace = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    let admission = "admissionregistration.k8s.io/v1";
    let rows = [
        ("a Service", brought("v1", "Service"), Certain, Certain),
        ("a LimitRange", brought("v1", "LimitRange"), Certain, Likely),
        (
            "a VerticalPodAutoscaler",
            brought("autoscaling.k8s.io/v1", "VerticalPodAutoscaler"),
            Certain,
            Likely,
        ),
        (
            "a policy of Kyverno",
            brought("kyverno.io/v1", "ClusterPolicy"),
            Likely,
            Likely,
        ),
        (
            "an assignment of Gatekeeper",
            brought("mutations.gatekeeper.sh/v1", "Assign"),
            Likely,
            Likely,
        ),
        (
            "webhooks that change pods",
            brought(admission, "MutatingWebhookConfiguration"),
            Likely,
            Likely,
        ),
        (
            "a policy that changes pods",
            brought(admission, "MutatingAdmissionPolicy"),
            Likely,
            Likely,
        ),
        (
            "webhooks that only refuse",
            brought(admission, "ValidatingWebhookConfiguration"),
            Certain,
            Certain,
        ),
        (
            "the namespace with a label that webhooks select",
            namespace("shop", json!({"istio-injection": "enabled"})),
            Likely,
            Likely,
        ),
        (
            "the namespace with a level of Pod Security",
            namespace(
                "shop",
                json!({"pod-security.kubernetes.io/enforce": "baseline"}),
            ),
            Certain,
            Certain,
        ),
        (
            "another namespace",
            namespace("other", json!({"istio-injection": "enabled"})),
            Certain,
            Certain,
        ),
    ];
    for (says, brought, of_pod, of_size) in rows {
        for (of, manifest, code) in predicted_from_the_pod() {
            let cluster = Cluster {
                quotas: if code == "QuotaExceeded" {
                    full()
                } else {
                    Lookup::Missing
                },
                ..Cluster::default()
            };
            let by_size = ["QuotaExceeded", "Unschedulable"].contains(&code);
            let certainty = if by_size { of_size } else { of_pod };
            let call = [manifest, brought.clone()];
            assert_eq!(cluster.said(&call), [(code, certainty)], "{says}: {of}");
        }
    }
}

/// A Deployment that runs, its ReplicaSet, and a pod with so much memory.
fn running(asks: &str, has: &str) -> Cluster {
    let template = |amount: &str| {
        let mut template = app(&memory(amount))["spec"]["template"].clone();
        template["metadata"]["labels"]["pod-template-hash"] = json!("1");
        template
    };
    let mut current = app(&memory(asks));
    merge(
        &mut current["metadata"],
        &json!({"uid": "d", "namespace": "shop"}),
    );
    let owned = |kind: &str, name: &str, uid: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}]);
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "r", "labels": {"app": "web", "pod-template-hash": "1"},
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": owned("Deployment", "web", "d")},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template(asks)}});
    let pod = json!({"metadata": {"name": "web-1-a", "namespace": "shop", "uid": "p", "labels": {"app": "web", "pod-template-hash": "1"},
            "ownerReferences": owned("ReplicaSet", "web-1", "r")},
        "spec": template(has)["spec"], "status": {"phase": "Running"}});
    Cluster {
        current: Some(current),
        revisions: vec![set],
        pods: vec![pod],
        ..Cluster::default()
    }
}

#[test]
fn pods_that_an_autoscaler_resizes_leave_no_size_certain() {
    let range =
        json!({"spec": {"limits": [{"type": "Container", "defaultRequest": {"cpu": "100m"}}]}});
    let mut defaulted = running("1Gi", "1Gi");
    defaulted.pods[0]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("0.1");
    defaulted.lists = vec![("limitranges", Lookup::Seen(vec![range]))];
    let mut injected = running("1Gi", "1Gi");
    let containers = injected.pods[0].pointer_mut("/spec/containers");
    let containers = containers.and_then(Value::as_array_mut).unwrap();
    containers.push(json!({"name": "proxy", "resources": {"requests": {"memory": "1Gi"}}}));
    let rows = [
        (
            "they have what the template asks for",
            running("1Gi", "1024Mi"),
            Certain,
        ),
        ("they have less", running("1Gi", "200Mi"), Likely),
        (
            "they have the defaults of the namespace",
            defaulted,
            Certain,
        ),
        ("a container was injected", injected, Certain),
    ];
    for (says, cluster, certainty) in rows {
        let update = app(&memory("8Gi"));
        let found = cluster.said(&[update]);
        assert!(
            found.contains(&("Unschedulable", certainty)),
            "{says}: {found:?}"
        );
    }
}

/// An API server whose webhook changes the pods of the present ReplicaSet only.
fn finds_the_deployment(pod: &Value) -> Option<DryRun> {
    let name = pod.pointer("/metadata/ownerReferences/0/name");
    let refused = DryRun::Refused {
        code: 403,
        message: "admission webhook \"vpa.k8s.io\" denied the request: no".to_owned(),
    };
    (name != Some(&json!("web-1"))).then_some(refused)
}

#[test]
fn a_pod_is_tried_as_one_of_the_present_replica_set() {
    let cluster = Cluster {
        judges_pod: finds_the_deployment,
        ..running("1Gi", "1Gi")
    };
    assert_eq!(cluster.said(&[app(&memory("2Gi"))]), []);
    let new = Cluster {
        judges_pod: finds_the_deployment,
        ..Cluster::default()
    };
    let expected = [("AdmissionDenied", Certain)];
    assert_eq!(
        new.said(&[app(&memory("2Gi"))]),
        expected,
        "it has none yet"
    );
}
