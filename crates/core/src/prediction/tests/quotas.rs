use super::*;

/// A Deployment of two replicas, each with so much memory, that is rolled out with these settings.
pub(super) fn update(kind: WorkloadKind, memory: &str, strategy: &Value) -> Value {
    let limits = json!({"limits": {"memory": memory}});
    let mut manifest = workload(
        kind,
        &json!({"containers": [{"name": "app", "image": "a", "resources": limits}]}),
    );
    merge(&mut manifest["spec"], strategy);
    manifest
}

pub(super) fn quota(hard: &str, used: &str) -> Value {
    json!({"metadata": {"name": "memory"}, "spec": {"hard": {"limits.memory": hard}},
        "status": {"used": {"limits.memory": used}}})
}

fn rolling(surge: i64, unavailable: i64) -> Value {
    json!({"strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}})
}

fn running(kind: WorkloadKind) -> Value {
    let mut current = update(kind, "32Mi", &json!({}));
    current["status"] =
        json!({"replicas": 2, "currentNumberScheduled": 2, "desiredNumberScheduled": 2});
    current
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn a_rollout_is_walked_through_the_quota() {
    use WorkloadKind::{DaemonSet, Deployment, StatefulSet};
    let rows = [
        (
            "the surge pod has no room, and no old pod may go",
            Deployment,
            "32Mi",
            rolling(1, 0),
            "80Mi",
            true,
        ),
        (
            "it has room",
            Deployment,
            "32Mi",
            rolling(1, 0),
            "96Mi",
            false,
        ),
        (
            "an old pod makes room",
            Deployment,
            "32Mi",
            rolling(1, 1),
            "64Mi",
            false,
        ),
        (
            "bigger pods stop half-way",
            Deployment,
            "48Mi",
            rolling(1, 1),
            "90Mi",
            true,
        ),
        (
            "bigger pods fit in the end",
            Deployment,
            "48Mi",
            rolling(1, 1),
            "96Mi",
            false,
        ),
        (
            "all old pods go first",
            Deployment,
            "48Mi",
            json!({"strategy": {"type": "Recreate"}}),
            "96Mi",
            false,
        ),
        (
            "of a StatefulSet one pod goes first",
            StatefulSet,
            "32Mi",
            json!({}),
            "64Mi",
            false,
        ),
        (
            "the bigger one has no room",
            StatefulSet,
            "48Mi",
            json!({}),
            "64Mi",
            true,
        ),
        (
            "none is updated",
            StatefulSet,
            "48Mi",
            json!({"updateStrategy": {"rollingUpdate": {"partition": 2}}}),
            "64Mi",
            false,
        ),
        (
            "of a DaemonSet as well",
            DaemonSet,
            "48Mi",
            json!({}),
            "64Mi",
            true,
        ),
    ];
    for (says, kind, memory, strategy, hard, stops) in rows {
        let cluster = Cluster {
            current: Some(running(kind)),
            quotas: Lookup::Seen(vec![quota(hard, "64Mi")]),
            ..Cluster::default()
        };
        let expected = if stops {
            vec![("QuotaExceeded", Certain)]
        } else {
            vec![]
        };
        assert_eq!(
            cluster.said(&[update(kind, memory, &strategy)]),
            expected,
            "{says}"
        );
    }
}

#[test]
fn pods_of_others_that_leave_make_a_full_quota_possible_only() {
    let leaving = Promise::read("Deployment `api`".to_owned());
    let own = Promise::read("Deployment `web`".to_owned());
    for (says, promises, certainty) in [
        ("another workload", vec![leaving], Possible),
        ("the workload itself", vec![own], Certain),
    ] {
        let cluster = Cluster {
            current: Some(running(WorkloadKind::Deployment)),
            quotas: Lookup::Seen(vec![quota("80Mi", "64Mi")]),
            promises,
            ..Cluster::default()
        };
        let update = update(WorkloadKind::Deployment, "32Mi", &rolling(1, 0));
        assert_eq!(
            cluster.said(&[update]),
            [("QuotaExceeded", certainty)],
            "{says}"
        );
    }
}

#[test]
fn two_new_workloads_that_fit_alone_may_not_fit_together() {
    let first = update(WorkloadKind::Deployment, "32Mi", &json!({}));
    let mut second = first.clone();
    second["metadata"]["name"] = json!("api");
    let cluster = |hard| Cluster {
        quotas: Lookup::Seen(vec![quota(hard, "0")]),
        ..Cluster::default()
    };
    let both = [first.clone(), second];
    let likely = ("QuotaExceeded", Likely);
    assert_eq!(cluster("100Mi").said(&both), [likely, likely]);
    assert_eq!(cluster("128Mi").said(&both), []);
    assert_eq!(cluster("100Mi").said(&[first]), []);
}

#[test]
fn where_quotas_may_not_be_listed_the_refusal_has_the_numbers() {
    let message = "pods \"web-\" is forbidden: exceeded quota: memory, requested: limits.memory=32Mi, used: limits.memory=64Mi, limited: limits.memory=80Mi";
    let cluster = Cluster {
        current: Some(running(WorkloadKind::Deployment)),
        quotas: Lookup::Unseen("may not list resourcequotas".to_owned()),
        pod: DryRun::Refused {
            code: 403,
            message: message.to_owned(),
        },
        ..Cluster::default()
    };
    for (says, strategy, stops) in [
        ("no old pod may go", rolling(1, 0), true),
        ("an old pod makes room", rolling(1, 1), false),
    ] {
        let expected = if stops {
            vec![("QuotaExceeded", Certain)]
        } else {
            vec![]
        };
        let update = update(WorkloadKind::Deployment, "32Mi", &strategy);
        assert_eq!(cluster.said(&[update]), expected, "{says}");
    }
}

/// A rollout that a full quota stops: the surge pod has no room.
fn stopped() -> (Value, Cluster) {
    let cluster = Cluster {
        current: Some(running(WorkloadKind::Deployment)),
        quotas: Lookup::Seen(vec![quota("80Mi", "64Mi")]),
        ..Cluster::default()
    };
    let update = update(WorkloadKind::Deployment, "32Mi", &rolling(1, 0));
    (update, cluster)
}

#[test]
fn pods_that_end_free_quota() {
    let takes = json!([{"name": "a", "resources": {"limits": {"memory": "16Mi"}}}]);
    let pod = |metadata: Value, spec: Value, phase: &str| {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {"containers": takes}, "status": {"phase": phase}});
        merge(&mut pod["metadata"], &metadata);
        merge(&mut pod["spec"], &spec);
        pod
    };
    let none = || json!({});
    let of =
        |kind: &str| json!({"ownerReferences": [{"kind": kind, "name": "x", "controller": true}]});
    let ends = json!({"restartPolicy": "Never"});
    let goes = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
    let rows = [
        (
            "a pod that runs on",
            pod(of("ReplicaSet"), none(), "Running"),
            Certain,
        ),
        (
            "a pod of a Job",
            pod(of("Job"), none(), "Running"),
            Possible,
        ),
        (
            "a pod of its own that ends",
            pod(none(), ends.clone(), "Running"),
            Possible,
        ),
        (
            "a pod of its own that runs on",
            pod(none(), json!({"restartPolicy": "Always"}), "Running"),
            Certain,
        ),
        (
            "a pod that ended frees nothing more",
            pod(none(), ends.clone(), "Succeeded"),
            Certain,
        ),
        (
            "a pod that is being deleted",
            pod(goes.clone(), none(), "Running"),
            Possible,
        ),
        (
            "a pod that takes nothing of the quota",
            pod(goes, json!({"containers": [{"name": "a"}]}), "Running"),
            Certain,
        ),
    ];
    for (says, pod, certainty) in rows {
        let (update, cluster) = stopped();
        let cluster = Cluster {
            lists: vec![("pods", Lookup::Seen(vec![pod]))],
            ..cluster
        };
        assert_eq!(
            cluster.said(&[update]),
            [("QuotaExceeded", certainty)],
            "{says}"
        );
    }
    let (update, cluster) = stopped();
    let cluster = Cluster {
        lists: vec![("pods", Lookup::Unseen("may not list pods".to_owned()))],
        ..cluster
    };
    assert_eq!(cluster.said(&[update]), [("QuotaExceeded", Likely)]);
}

#[test]
fn an_autoscaler_may_take_pods_away_that_fill_the_quota() {
    let scaler = |kind: &str, name: &str| {
        json!({"apiVersion": "autoscaling/v2", "kind": kind,
        "metadata": {"name": "x"}, "spec": {"minReplicas": 1, "scaleTargetRef": {"kind": "Deployment", "name": name}}})
    };
    let own = scaler("HorizontalPodAutoscaler", "web");
    let other = scaler("HorizontalPodAutoscaler", "api");
    let rows = [
        ("there is none", vec![], None, Certain),
        ("one of another workload", vec![other], None, Certain),
        ("one of its own", vec![own.clone()], None, Likely),
        ("the call brings it", vec![], Some(own), Likely),
        (
            "the call brings one of KEDA",
            vec![],
            Some(scaler("ScaledObject", "web")),
            Likely,
        ),
    ];
    for (says, listed, brought, certainty) in rows {
        let (update, cluster) = stopped();
        let cluster = Cluster {
            lists: vec![("horizontalpodautoscalers", Lookup::Seen(listed))],
            ..cluster
        };
        let call: Vec<Value> = [update].into_iter().chain(brought).collect();
        assert_eq!(
            cluster.said(&call),
            [("QuotaExceeded", certainty)],
            "{says}"
        );
    }
}

#[test]
fn a_refusal_says_what_the_pod_requests_as_it_is_stored() {
    let (update, cluster) = stopped();
    for (says, requested, expected) in [
        (
            "as the template says",
            "32Mi",
            vec![("QuotaExceeded", Certain)],
        ),
        ("a webhook lowers it", "8Mi", vec![]),
    ] {
        let message = format!(
            "pods \"web-\" is forbidden: exceeded quota: memory, requested: limits.memory={requested}, used: limits.memory=64Mi, limited: limits.memory=80Mi"
        );
        let cluster = Cluster {
            pod: DryRun::Refused { code: 403, message },
            current: cluster.current.clone(),
            quotas: cluster.quotas.clone(),
            ..Cluster::default()
        };
        let found = cluster.said(std::slice::from_ref(&update));
        assert_eq!(found, expected, "{says}");
    }
}

#[test]
fn another_workload_of_the_call_that_is_only_scaled_down_frees_quota() {
    let (update, cluster) = stopped();
    let other = |replicas: i64| {
        let mut other = update.clone();
        other["metadata"]["name"] = json!("api");
        other["spec"]["replicas"] = json!(replicas);
        other
    };
    // The template of the other stays as it is.
    let same = |change: &Change| change.workload.name == "api";
    for (says, replicas, certainty) in [
        ("it is scaled down", 1, Possible),
        ("it is scaled to zero", 0, Possible),
        ("it stays", 2, Certain),
    ] {
        let call = [update.clone(), other(replicas)];
        let found = cluster.forecast_where(&call, same).predictions;
        let found = found.iter().map(|it| (it.code.as_str(), it.certainty));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [("QuotaExceeded", certainty)],
            "{says}"
        );
    }
}

#[test]
fn a_quota_that_the_call_lowers_may_come_after_the_pods() {
    let brought = |hard: &str| {
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "memory"},
        "spec": {"hard": {"limits.memory": hard}}})
    };
    for (says, now, then, expected) in [
        (
            "it is full now and then",
            "80Mi",
            "80Mi",
            vec![("QuotaExceeded", Certain)],
        ),
        (
            "the call fills it",
            "128Mi",
            "80Mi",
            vec![("QuotaExceeded", Likely)],
        ),
        ("the call makes room", "80Mi", "128Mi", vec![]),
    ] {
        let (update, cluster) = stopped();
        let cluster = Cluster {
            quotas: Lookup::Seen(vec![quota(now, "64Mi")]),
            ..cluster
        };
        assert_eq!(cluster.said(&[update, brought(then)]), expected, "{says}");
    }
}

#[test]
fn the_defaults_of_containers_are_those_of_the_namespaces_limit_ranges() {
    let range = |name: &str, kind: &str, fields: &Value| {
        let mut limit = json!({"type": kind});
        merge(&mut limit, fields);
        json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": name}, "spec": {"limits": [limit]}})
    };
    let both = || json!({"default": {"memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}});
    let container = |fields: Value| Some(range("live", "Container", &fields));
    let rows = [
        ("there is none", None, None, vec![], vec![]),
        (
            "a limit is a request as well",
            container(both()),
            None,
            vec!["cpu", "memory"],
            vec!["memory"],
        ),
        (
            "a maximum is a limit",
            container(json!({"max": {"cpu": "2"}})),
            None,
            vec!["cpu"],
            vec!["cpu"],
        ),
        (
            "a minimum is a request",
            container(json!({"min": {"cpu": "1m"}})),
            None,
            vec!["cpu"],
            vec![],
        ),
        (
            "zero is none",
            container(json!({"defaultRequest": {"cpu": "0"}})),
            None,
            vec![],
            vec![],
        ),
        (
            "of pods there is no default",
            Some(range("live", "Pod", &both())),
            None,
            vec![],
            vec![],
        ),
        (
            "the call brings it",
            None,
            Some(range("new", "Container", &both())),
            vec!["cpu", "memory"],
            vec!["memory"],
        ),
        (
            "the call replaces it",
            container(both()),
            Some(range("live", "Container", &json!({}))),
            vec![],
            vec![],
        ),
    ];
    for (says, live, brought, requests, limits) in rows {
        let cluster = Cluster {
            lists: vec![("limitranges", Lookup::Seen(live.into_iter().collect()))],
            ..Cluster::default()
        };
        let call: Vec<Value> = [deployment(&json!({}))]
            .into_iter()
            .chain(brought)
            .collect();
        let found = cluster.forecast(&call).defaults["shop"].clone();
        let names = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect();
        let expected = ContainerDefaults {
            requests: names(&requests),
            limits: names(&limits),
        };
        assert_eq!(found, expected, "{says}");
    }
}
