//! Domains of a topology spread that take the next pod, or not.

use super::room::{UNSCHEDULABLE, asks, named, own, rolling, runs, said, update};
use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn a_topology_spread_needs_a_domain_that_takes_the_next_pod() {
    let none = json!({});
    let spread = |more: &Value| {
        let mut rule = json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}}});
        merge(&mut rule, more);
        json!({"topologySpreadConstraints": [rule]})
    };
    let tainted = json!({"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}});
    let two = |more: &Value| vec![named("one", "a", &none), named("two", "b", more)];
    let likely = vec![(UNSCHEDULABLE, Likely)];
    let replicas = |count: i64| json!({"replicas": count});
    let rows = [
        (
            "both zones take pods",
            spread(&none),
            replicas(4),
            0,
            two(&none),
            vec![],
            vec![],
        ),
        (
            "one pod for each zone that has a node",
            spread(&none),
            replicas(1),
            0,
            two(&tainted),
            vec![],
            vec![],
        ),
        (
            "the second pod waits for the other zone",
            spread(&none),
            replicas(2),
            0,
            two(&tainted),
            vec![],
            likely.clone(),
        ),
        (
            "a larger skew allows it",
            spread(&json!({"maxSkew": 2})),
            replicas(2),
            0,
            two(&tainted),
            vec![],
            vec![],
        ),
        (
            "the spread is only wished for",
            spread(&json!({"whenUnsatisfiable": "ScheduleAnyway"})),
            replicas(2),
            0,
            two(&tainted),
            vec![],
            vec![],
        ),
        (
            "tainted nodes do not count",
            spread(&json!({"nodeTaintsPolicy": "Honor"})),
            replicas(2),
            0,
            two(&tainted),
            vec![],
            vec![],
        ),
        (
            "the other zone has no room",
            spread(&none),
            replicas(2),
            0,
            two(&none),
            vec![runs("two", "2", &none)],
            likely.clone(),
        ),
        (
            "a single zone, and two are demanded",
            spread(&json!({"minDomains": 2})),
            replicas(2),
            0,
            vec![named("one", "a", &none)],
            vec![],
            likely.clone(),
        ),
        (
            "nodes that are not selected do not count",
            {
                let mut it = spread(&none);
                it["nodeSelector"] = json!({"zone": "a"});
                it
            },
            replicas(2),
            0,
            two(&tainted),
            vec![],
            vec![],
        ),
        (
            "pods that are not alike do not count",
            spread(&json!({"labelSelector": {"matchLabels": {"app": "db"}}})),
            replicas(2),
            0,
            two(&tainted),
            vec![],
            vec![],
        ),
        (
            "the surge pod finds the old one in its zone",
            spread(&none),
            rolling(1, 0),
            1,
            two(&tainted),
            vec![runs("one", "1m", &own())],
            likely,
        ),
        (
            "each revision is spread alone",
            spread(&json!({"matchLabelKeys": ["pod-template-hash"]})),
            rolling(1, 0),
            1,
            two(&tainted),
            vec![runs(
                "one",
                "1m",
                &json!({"metadata": {"namespace": "shop",
                "labels": {"app": "web", "pod-template-hash": "1"}}}),
            )],
            vec![],
        ),
        (
            "the old pod goes first",
            spread(&none),
            rolling(1, 1),
            1,
            two(&tainted),
            vec![runs("one", "1m", &own())],
            vec![],
        ),
    ];
    for (says, pod, strategy, old, nodes, pods, expected) in rows {
        let update = update(WorkloadKind::Deployment, &asks("10m", &pod), &strategy, old);
        assert_eq!(said(update, nodes, Lookup::Seen(pods)), expected, "{says}");
    }
}
