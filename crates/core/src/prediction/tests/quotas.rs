use super::*;

/// A Deployment of two replicas, each with so much memory, that is rolled out with these settings.
fn update(kind: WorkloadKind, memory: &str, strategy: &Value) -> Value {
    let limits = json!({"limits": {"memory": memory}});
    let mut manifest = workload(
        kind,
        &json!({"containers": [{"name": "app", "image": "a", "resources": limits}]}),
    );
    merge(&mut manifest["spec"], strategy);
    manifest
}

fn quota(hard: &str, used: &str) -> Value {
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
