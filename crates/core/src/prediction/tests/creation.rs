//! Nothing is certain about pods that are not created.

use super::*;

/// A workload whose pods would fail certainly: the name of the image is malformed.
fn broken(kind: WorkloadKind, more: &Value) -> Value {
    let pod = json!({"containers": [{"name": "app", "image": "r.test/App:1"}]});
    let mut manifest = workload(kind, &pod);
    merge(&mut manifest["spec"], more);
    manifest
}

/// The same as it is in the cluster, with a sound image.
fn present(kind: WorkloadKind, replicas: i64) -> Value {
    let mut current = workload(kind, &json!({}));
    current["spec"]["replicas"] = json!(replicas);
    current["status"] = json!({"replicas": replicas, "desiredNumberScheduled": replicas});
    current
}

fn scaled_object(name: &str) -> Value {
    json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "scale"},
        "spec": {"scaleTargetRef": {"name": name}}})
}

fn autoscaler(least: i64) -> Value {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "scale"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": least}})
}

#[test]
fn the_replicas_say_whether_a_pod_is_created() {
    let rows = [
        ("none is wanted", json!(0), 2, None),
        ("one is wanted", json!(1), 2, Some(Certain)),
        (
            "it is scaled to 0 now, and the manifest does not say",
            json!(null),
            0,
            None,
        ),
        (
            "it is scaled to 1 now, and the manifest does not say",
            json!(null),
            1,
            Some(Certain),
        ),
        (
            "it is scaled to 0 now, and the manifest scales it up",
            json!(2),
            0,
            Some(Certain),
        ),
    ];
    for (says, replicas, now, certainty) in rows {
        for kind in [WorkloadKind::Deployment, WorkloadKind::StatefulSet] {
            let cluster = Cluster {
                current: Some(present(kind, now)),
                ..Cluster::default()
            };
            let expected: Vec<_> = certainty
                .map(|it| ("InvalidImageName", it))
                .into_iter()
                .collect();
            let manifest = broken(kind, &json!({"replicas": replicas}));
            assert_eq!(cluster.said(&[manifest]), expected, "{says}: {kind}");
        }
    }
}

#[test]
fn an_autoscaler_may_scale_from_zero() {
    let seen = |it: Value| Lookup::Seen(vec![it]);
    let rows = [
        (
            "a ScaledObject scales it",
            "scaledobjects",
            seen(scaled_object("web")),
            Some(Likely),
        ),
        (
            "a ScaledObject scales another workload",
            "scaledobjects",
            seen(scaled_object("api")),
            None,
        ),
        (
            "ScaledObjects may not be listed",
            "scaledobjects",
            Lookup::Unseen("403".to_owned()),
            Some(Likely),
        ),
        (
            "an autoscaler may go down to 0, and up from it",
            "horizontalpodautoscalers",
            seen(autoscaler(0)),
            Some(Likely),
        ),
        (
            "an autoscaler with a least number leaves 0 alone",
            "horizontalpodautoscalers",
            seen(autoscaler(1)),
            None,
        ),
    ];
    let manifest = broken(WorkloadKind::Deployment, &json!({"replicas": 0}));
    let said = |it: Option<Certainty>| -> Vec<_> {
        it.map(|it| ("InvalidImageName", it)).into_iter().collect()
    };
    for (says, plural, list, certainty) in rows {
        let cluster = Cluster {
            lists: vec![(plural, list)],
            ..Cluster::default()
        };
        let found = cluster.said(std::slice::from_ref(&manifest));
        assert_eq!(found, said(certainty), "{says}");
    }
    let of_call = [
        (
            "a ScaledObject of the call",
            scaled_object("web"),
            Some(Likely),
        ),
        (
            "a ScaledObject of the call for another",
            scaled_object("api"),
            None,
        ),
    ];
    for (says, brought, certainty) in of_call {
        let found = Cluster::default().said(&[manifest.clone(), brought]);
        assert_eq!(found, said(certainty), "{says}");
    }
}

#[test]
fn a_partition_keeps_pods_of_the_former_revision() {
    let partition = |it: i64| json!({"updateStrategy": {"rollingUpdate": {"partition": it}}});
    let set = WorkloadKind::StatefulSet;
    let rows = [
        (
            "it keeps all of them",
            partition(2),
            Some(present(set, 2)),
            vec![],
        ),
        (
            "it is higher than the replicas",
            partition(5),
            Some(present(set, 2)),
            vec![],
        ),
        (
            "it keeps one of two",
            partition(1),
            Some(present(set, 2)),
            vec![("InvalidImageName", Certain)],
        ),
        (
            "a new StatefulSet has no former revision",
            partition(2),
            None,
            vec![("InvalidImageName", Certain)],
        ),
    ];
    for (says, spec, current, expected) in rows {
        let cluster = Cluster {
            current,
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[broken(set, &spec)]), expected, "{says}");
    }
}

#[test]
fn a_person_who_must_act_first_leaves_nothing_certain() {
    let paused = broken(WorkloadKind::Deployment, &json!({"paused": true}));
    let expected = [("Paused", Likely), ("InvalidImageName", Likely)];
    assert_eq!(Cluster::default().said(&[paused]), expected);
    let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
    let manifest = broken(WorkloadKind::StatefulSet, &on_delete);
    let present = Cluster {
        current: Some(present(WorkloadKind::StatefulSet, 2)),
        ..Cluster::default()
    };
    let expected = [
        ("WaitsForDeletion", Likely),
        ("InvalidImageName", Likely),
        ("RollbackImpossible", Likely),
    ];
    assert_eq!(present.said(std::slice::from_ref(&manifest)), expected);
    // A new one creates its pods whatever the strategy.
    let expected = [
        ("InvalidImageName", Certain),
        ("RollbackImpossible", Likely),
    ];
    let found = Cluster::default().said(&[manifest]);
    assert_eq!(found, expected[..1]);
}

#[test]
fn a_daemon_set_creates_a_pod_where_a_node_is_selected() {
    let select = |disk: &str| json!({"template": {"spec": {"nodeSelector": {"disk": disk}}}});
    let taint = json!({"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}});
    let certain = vec![("InvalidImageName", Certain)];
    let rows = [
        ("a node is selected", "ssd", json!({}), certain),
        ("no node is selected", "nvme", json!({}), vec![]),
        (
            "the node has a taint that keeps it away",
            "ssd",
            taint,
            vec![],
        ),
    ];
    for (says, disk, more, expected) in rows {
        let cluster = Cluster {
            nodes: vec![node(&more)],
            ..Cluster::default()
        };
        let manifest = broken(WorkloadKind::DaemonSet, &select(disk));
        assert_eq!(cluster.said(&[manifest]), expected, "{says}");
    }
}
