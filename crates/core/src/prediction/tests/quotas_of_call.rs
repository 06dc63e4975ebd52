//! Predictions of quotas by everything that a call brings: quotas, a DaemonSet for each node, other pods.

use super::quotas::{quota, update};
use super::*;

#[test]
fn a_quota_that_the_call_brings_counts_what_runs() {
    let brought = |hard: &str, more: &Value| {
        let mut quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "new"},
            "spec": {"hard": {"limits.memory": hard}}});
        merge(&mut quota["spec"], more);
        quota
    };
    let limits = json!([{"name": "a", "resources": {"limits": {"memory": "32Mi"}}}]);
    let pod = |phase: &str| json!({"metadata": {"name": "p"}, "spec": {"containers": limits}, "status": {"phase": phase}});
    let running = || Lookup::Seen(vec![pod("Running"), pod("Running")]);
    let none = || json!({});
    let likely = vec![("QuotaExceeded", Likely)];
    let rows = [
        (
            "it has no room beside what runs",
            brought("100Mi", &none()),
            running(),
            likely.clone(),
        ),
        ("it has room", brought("128Mi", &none()), running(), vec![]),
        (
            "pods that ended do not count",
            brought("100Mi", &none()),
            Lookup::Seen(vec![pod("Succeeded"), pod("Failed")]),
            vec![],
        ),
        (
            "it counts other pods only",
            brought("100Mi", &json!({"scopes": ["BestEffort"]})),
            running(),
            vec![],
        ),
        (
            "pods may not be listed, and those of the rollout are enough",
            brought("60Mi", &none()),
            Lookup::Unseen("403".to_owned()),
            likely,
        ),
    ];
    for (says, quota, pods, expected) in rows {
        let cluster = Cluster {
            lists: vec![("pods", pods)],
            ..Cluster::default()
        };
        let update = update(WorkloadKind::Deployment, "32Mi", &json!({}));
        assert_eq!(cluster.said(&[update, quota]), expected, "{says}");
    }
}

#[test]
fn a_new_daemon_set_takes_a_pod_for_each_node_that_it_selects() {
    let two = |more: &Value| {
        vec![node(&json!({})), {
            let mut other = node(more);
            merge(&mut other, &json!({"metadata": {"name": "two"}}));
            other
        }]
    };
    let tainted = json!({"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}});
    for (says, nodes, expected) in [
        (
            "two nodes",
            two(&json!({})),
            vec![("QuotaExceeded", Certain)],
        ),
        ("one of them repels it", two(&tainted), vec![]),
    ] {
        let cluster = Cluster {
            nodes,
            quotas: Lookup::Seen(vec![quota("40Mi", "0")]),
            ..Cluster::default()
        };
        let update = update(WorkloadKind::DaemonSet, "32Mi", &json!({}));
        assert_eq!(cluster.said(&[update]), expected, "{says}");
    }
}

#[test]
fn other_pods_of_the_call_take_from_the_quota_as_well() {
    let containers = json!({"containers": [{"name": "a", "image": "a", "resources": {"limits": {"memory": "32Mi"}}}]});
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": containers});
    let job = |spec: Value| {
        let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
            "spec": {"template": {"spec": containers}}});
        merge(&mut job["spec"], &spec);
        job
    };
    let possible = vec![("QuotaExceeded", Possible)];
    let of_job = json!({"metadata": {"name": "j-1", "ownerReferences": [{"kind": "Job", "name": "j"}]}, "spec": {}});
    let rows = [
        ("nothing else", "64Mi", vec![], vec![], vec![]),
        ("a Pod", "80Mi", vec![pod.clone()], vec![], possible.clone()),
        ("a Pod that has room", "96Mi", vec![pod], vec![], vec![]),
        (
            "a Job",
            "80Mi",
            vec![job(json!({}))],
            vec![],
            possible.clone(),
        ),
        (
            "a Job of two pods at once",
            "96Mi",
            vec![job(json!({"parallelism": 2}))],
            vec![],
            possible,
        ),
        (
            "a Job of one pod",
            "96Mi",
            vec![job(json!({"parallelism": 2, "completions": 1}))],
            vec![],
            vec![],
        ),
        (
            "a Job that is suspended",
            "80Mi",
            vec![job(json!({"suspend": true}))],
            vec![],
            vec![],
        ),
        (
            "a Job whose pod is there",
            "80Mi",
            vec![job(json!({}))],
            vec![of_job],
            vec![],
        ),
    ];
    for (says, hard, more, pods, expected) in rows {
        let cluster = Cluster {
            quotas: Lookup::Seen(vec![quota(hard, "0")]),
            lists: vec![("pods", Lookup::Seen(pods))],
            ..Cluster::default()
        };
        let update = update(WorkloadKind::Deployment, "32Mi", &json!({}));
        let call: Vec<Value> = [update].into_iter().chain(more).collect();
        assert_eq!(cluster.said(&call), expected, "{says}");
    }
}
