//! Room on the nodes beside the pods that run there.

use super::*;

/// A pod of the template that requests so much CPU, with more in its spec.
pub(super) fn asks(cpu: &str, more: &Value) -> Value {
    let mut pod = json!({"containers": [{"name": "app", "image": "app:2",
        "resources": {"requests": {"cpu": cpu}}}]});
    merge(&mut pod, more);
    pod
}

/// A pod that is bound to a node and requests so much CPU, with more in it.
pub(super) fn runs(node: &str, cpu: &str, more: &Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": "p", "namespace": "other", "labels": {"app": "other"}},
        "spec": {"nodeName": node, "containers": [{"name": "a", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": "Running"},
    });
    merge(&mut pod, more);
    pod
}

pub(super) fn own() -> Value {
    json!({"metadata": {"namespace": "shop", "labels": {"app": "web"}}})
}

/// A node by its name, in a zone.
pub(super) fn named(name: &str, zone: &str, more: &Value) -> Value {
    let labels = json!({"kubernetes.io/hostname": name, "zone": zone});
    let mut named = node(&json!({"metadata": {"name": name, "labels": labels}}));
    merge(&mut named, more);
    named
}

pub(super) fn rolling(surge: i64, unavailable: i64) -> Value {
    json!({"replicas": 1, "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}})
}

/// A workload, and what is there of it.
pub(super) fn update(
    kind: WorkloadKind,
    pod: &Value,
    strategy: &Value,
    old: i64,
) -> (Value, Option<Value>) {
    let mut manifest = workload(kind, pod);
    merge(&mut manifest["spec"], strategy);
    let mut current = manifest.clone();
    current["status"] =
        json!({"replicas": old, "currentNumberScheduled": old, "desiredNumberScheduled": old});
    (manifest, (old > 0).then_some(current))
}

/// Predicts on nodes on which pods run; of all namespaces, or where only those of `shop` may be listed.
pub(super) fn said(
    (manifest, current): (Value, Option<Value>),
    nodes: Vec<Value>,
    pods: Lookup<Vec<Value>>,
) -> Vec<(&'static str, Certainty)> {
    let cluster = Cluster {
        current,
        nodes,
        lists: vec![("pods", pods)],
        ..Cluster::default()
    };
    cluster.said(&[manifest])
}

pub(super) const UNSCHEDULABLE: &str = "Unschedulable";

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn running_pods_leave_room_or_not() {
    use WorkloadKind::{DaemonSet, Deployment, StatefulSet};
    let none = || json!({});
    let likely = vec![(UNSCHEDULABLE, Likely)];
    let possible = vec![(UNSCHEDULABLE, Possible)];
    let ends = json!({"spec": {"restartPolicy": "Never"}});
    let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    let ended = json!({"status": {"phase": "Succeeded"}});
    let waits = json!({"spec": {"nodeName": null}});
    let rows = [
        (
            "there is room",
            Deployment,
            asks("1", &none()),
            rolling(1, 0),
            0,
            vec![runs("one", "1", &none())],
            vec![],
        ),
        (
            "there is none",
            Deployment,
            asks("1", &none()),
            rolling(1, 0),
            0,
            vec![runs("one", "1500m", &none())],
            likely.clone(),
        ),
        (
            "the pods are on another node",
            Deployment,
            asks("1", &none()),
            rolling(1, 0),
            0,
            vec![runs("two", "1500m", &none())],
            vec![],
        ),
        (
            "the surge pod has no room beside the old one",
            Deployment,
            asks("1500m", &none()),
            rolling(1, 0),
            1,
            vec![runs("one", "1500m", &own())],
            likely.clone(),
        ),
        (
            "the old pod goes first",
            Deployment,
            asks("1500m", &none()),
            rolling(1, 1),
            1,
            vec![runs("one", "1500m", &own())],
            vec![],
        ),
        (
            "all old pods go first",
            Deployment,
            asks("1500m", &none()),
            json!({"replicas": 1, "strategy": {"type": "Recreate"}}),
            1,
            vec![runs("one", "1500m", &own())],
            vec![],
        ),
        (
            "of a StatefulSet the pod goes first",
            StatefulSet,
            asks("1500m", &none()),
            json!({"replicas": 1}),
            1,
            vec![runs("one", "1500m", &own())],
            vec![],
        ),
        (
            "one of two has room",
            Deployment,
            asks("1500m", &none()),
            json!({"replicas": 2}),
            0,
            vec![],
            likely.clone(),
        ),
        (
            "a pod that ends may make room",
            Deployment,
            asks("1", &none()),
            rolling(1, 0),
            0,
            vec![runs("one", "1500m", &ends)],
            possible.clone(),
        ),
        (
            "a pod that is being deleted may make room",
            Deployment,
            asks("1", &none()),
            rolling(1, 0),
            0,
            vec![runs("one", "1500m", &going)],
            possible.clone(),
        ),
        (
            "a pod that ended takes none",
            Deployment,
            asks("1", &none()),
            rolling(1, 0),
            0,
            vec![runs("one", "1500m", &ended)],
            vec![],
        ),
        (
            "a pod that waits for a node takes none",
            Deployment,
            asks("1", &none()),
            rolling(1, 0),
            0,
            vec![runs("one", "1500m", &waits)],
            vec![],
        ),
        (
            "it is evicted for a pod of a higher priority",
            Deployment,
            asks("1", &json!({"priority": 10})),
            rolling(1, 0),
            0,
            vec![runs("one", "1500m", &none())],
            vec![],
        ),
        (
            "a priority that evicts none",
            Deployment,
            asks("1", &json!({"priority": 10, "preemptionPolicy": "Never"})),
            rolling(1, 0),
            0,
            vec![runs("one", "1500m", &none())],
            likely.clone(),
        ),
        (
            "it has the higher priority",
            Deployment,
            asks("1", &json!({"priority": 10})),
            rolling(1, 0),
            0,
            vec![runs("one", "1500m", &json!({"spec": {"priority": 20}}))],
            likely.clone(),
        ),
        (
            "a DaemonSet needs room on each node",
            DaemonSet,
            asks("1", &none()),
            none(),
            0,
            vec![runs("one", "1500m", &none())],
            likely.clone(),
        ),
        (
            "its old pod goes first",
            DaemonSet,
            asks("1", &none()),
            none(),
            1,
            vec![runs("one", "1500m", &own())],
            vec![],
        ),
        (
            "its old pod stays",
            DaemonSet,
            asks("1", &none()),
            json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}),
            1,
            vec![runs("one", "1500m", &own())],
            likely,
        ),
    ];
    for (says, kind, pod, strategy, old, pods, expected) in rows {
        let found = said(
            update(kind, &pod, &strategy, old),
            vec![node(&none())],
            Lookup::Seen(pods),
        );
        assert_eq!(found, expected, "{says}");
    }
}

#[test]
fn a_node_takes_no_more_pods_than_it_counts() {
    let full = json!({"status": {"allocatable": {"pods": "1"}}});
    for (says, pods, expected) in [
        (
            "one runs there",
            vec![runs("one", "1m", &json!({}))],
            vec![(UNSCHEDULABLE, Likely)],
        ),
        ("none runs there", vec![], vec![]),
    ] {
        let update = update(
            WorkloadKind::Deployment,
            &json!({}),
            &json!({"replicas": 1}),
            0,
        );
        assert_eq!(
            said(update, vec![node(&full)], Lookup::Seen(pods)),
            expected,
            "{says}"
        );
    }
}

#[test]
fn without_the_pods_of_other_namespaces_the_room_is_possible_only() {
    let cluster = |pods: Vec<Value>| Cluster {
        lists: vec![("pods", Lookup::Seen(pods))],
        hides_other_namespaces: true,
        ..Cluster::default()
    };
    let (manifest, _) = update(
        WorkloadKind::Deployment,
        &asks("1", &json!({})),
        &json!({"replicas": 1}),
        0,
    );
    let of_namespace = json!({"metadata": {"namespace": "shop"}});
    for (says, pods, expected) in [
        (
            "its own namespace fills the node",
            vec![runs("one", "1500m", &of_namespace)],
            vec![(UNSCHEDULABLE, Possible)],
        ),
        ("its own namespace leaves room", vec![], vec![]),
    ] {
        let forecast = cluster(pods).forecast(std::slice::from_ref(&manifest));
        let found: Vec<_> = forecast
            .predictions
            .iter()
            .map(|it| (it.code.as_str(), it.certainty))
            .collect();
        assert_eq!(found, expected, "{says}");
        let unseen = forecast.unseen.concat();
        assert!(
            unseen.contains("whether pods of other namespaces leave room on the nodes"),
            "{says}: {unseen}"
        );
    }
}

#[test]
fn the_room_is_said_in_numbers() {
    let none = json!({});
    let message = |(manifest, current): (Value, Option<Value>), pods: Vec<Value>| {
        let cluster = Cluster {
            current,
            lists: vec![("pods", Lookup::Seen(pods))],
            ..Cluster::default()
        };
        cluster.forecast(&[manifest]).predictions.remove(0).message
    };
    let deployment = WorkloadKind::Deployment;
    let first = update(deployment, &asks("1", &none), &json!({"replicas": 1}), 0);
    let rows = [
        (
            first,
            vec![runs("one", "1500m", &none)],
            "no node has room for a pod of Deployment `web`: it requests cpu 1, and 500m is free there",
        ),
        (
            update(
                deployment,
                &asks("1500m", &none),
                &json!({"replicas": 2}),
                0,
            ),
            vec![],
            "the nodes have room for 1 of 2 pods of Deployment `web`: each requests cpu 1500m",
        ),
        (
            update(deployment, &asks("1500m", &none), &rolling(1, 0), 1),
            vec![runs("one", "1500m", &own())],
            "no node has room for the first new pod of Deployment `web` beside the old ones, of which none may go before (maxUnavailable 0): it requests cpu 1500m, and 500m is free there",
        ),
        (
            update(WorkloadKind::DaemonSet, &asks("1", &none), &none, 0),
            vec![runs("one", "1500m", &none)],
            "node `one` has no room for the pod of DaemonSet `web` that it needs: it requests cpu 1, and 500m is free there",
        ),
    ];
    for (update, pods, expected) in rows {
        assert_eq!(message(update, pods), expected);
    }
}

#[test]
fn other_nodes_may_take_the_pods_later() {
    let full = || vec![runs("one", "1500m", &json!({}))];
    let cordoned = json!({"spec": {"unschedulable": true}});
    let tainted = json!({"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}});
    for (says, more, certainty) in [
        ("one that is cordoned", cordoned, Possible),
        ("one with a taint", tainted, Likely),
    ] {
        let update = update(
            WorkloadKind::Deployment,
            &asks("1", &json!({})),
            &json!({"replicas": 1}),
            0,
        );
        let nodes = vec![node(&json!({})), named("two", "a", &more)];
        let found = said(update, nodes, Lookup::Seen(full()));
        assert_eq!(found, [(UNSCHEDULABLE, certainty)], "{says}");
    }
    let status = json!({"data": {"status": "nodeGroups:\n- name: np1\n"}});
    let (manifest, _) = update(
        WorkloadKind::Deployment,
        &asks("1", &json!({})),
        &json!({"replicas": 1}),
        0,
    );
    let cluster = Cluster {
        autoscaler: Lookup::Seen(status),
        lists: vec![("pods", Lookup::Seen(full()))],
        ..Cluster::default()
    };
    let found = &cluster.forecast(&[manifest]).predictions[0];
    assert_eq!(found.certainty, Possible);
    assert!(found.message.contains("pool np1"), "{}", found.message);
}

#[test]
fn pods_of_another_workload_of_the_call_may_make_room() {
    let (manifest, _) = update(
        WorkloadKind::Deployment,
        &asks("1", &json!({})),
        &json!({"replicas": 1}),
        0,
    );
    let mut other = deployment(&json!({}));
    other["metadata"]["name"] = json!("api");
    other["spec"]["replicas"] = json!(0);
    other["spec"]["selector"]["matchLabels"] = json!({"app": "api"});
    let of = |app: &str| json!({"metadata": {"namespace": "shop", "labels": {"app": app}}});
    for (says, app, certainty) in [("of the call", "api", Possible), ("of none", "db", Likely)] {
        let cluster = Cluster {
            lists: vec![("pods", Lookup::Seen(vec![runs("one", "1500m", &of(app))]))],
            ..Cluster::default()
        };
        let found = cluster.said(&[manifest.clone(), other.clone()]);
        assert_eq!(found, [(UNSCHEDULABLE, certainty)], "{says}");
    }
}
