//! Nodes that may still change beside those that stay as they are.

use super::*;

fn requests(resource: &str, amount: &str) -> Value {
    json!({"containers": [{"name": "app", "image": "a", "resources": {"limits": {resource: amount}}}]})
}

fn taint(key: &str) -> Value {
    json!({"spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}})
}

fn with(mut one: Value, more: &Value) -> Value {
    merge(&mut one, more);
    one
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn a_node_that_may_become_fit_leaves_nothing_certain() {
    let (big, small) = (
        json!({"status": {"allocatable": {"memory": "16Gi"}}}),
        json!({}),
    );
    let not_ready = json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    let startup = taint("startup.example.test/agent-not-ready");
    let many = requests("memory", "8Gi");
    let gpu = requests("nvidia.com/gpu", "1");
    let rows = [
        (
            "the only node is too small",
            many.clone(),
            vec![small.clone()],
            ("Unschedulable", Certain),
        ),
        (
            "a big node has a taint that may go",
            many.clone(),
            vec![small.clone(), with(big.clone(), &startup)],
            ("Unschedulable", Likely),
        ),
        (
            "the node with the taint is too small as well",
            many.clone(),
            vec![small.clone(), startup.clone()],
            ("Unschedulable", Certain),
        ),
        (
            "a small node is not ready, and may have more once it is",
            many.clone(),
            vec![not_ready.clone()],
            ("Unschedulable", Possible),
        ),
        (
            "a device that no node has, whose plugin may come",
            gpu.clone(),
            vec![small.clone()],
            ("Unschedulable", Likely),
        ),
        (
            "more devices than a node has",
            requests("nvidia.com/gpu", "2"),
            vec![json!({"status": {"allocatable": {"nvidia.com/gpu": "1"}}})],
            ("Unschedulable", Likely),
        ),
        (
            "a device, and more memory than a node has",
            with(
                many.clone(),
                &json!({"containers": [{"name": "app", "image": "a",
                "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "8Gi"}}}]}),
            ),
            vec![small.clone()],
            ("Unschedulable", Certain),
        ),
        (
            "huge pages are no device",
            requests("hugepages-2Mi", "4Mi"),
            vec![small.clone()],
            ("Unschedulable", Certain),
        ),
        (
            "another scheduler decides by rules of its own",
            with(many.clone(), &json!({"schedulerName": "batch"})),
            vec![small.clone()],
            ("Unschedulable", Possible),
        ),
        (
            "the default scheduler by its name",
            with(many.clone(), &json!({"schedulerName": "default-scheduler"})),
            vec![small.clone()],
            ("Unschedulable", Certain),
        ),
        (
            "a gate keeps the pods from the scheduler",
            with(
                many,
                &json!({"schedulingGates": [{"name": "example.test/queue"}]}),
            ),
            vec![small],
            ("Unschedulable", Possible),
        ),
    ];
    for (says, pod, nodes, expected) in rows {
        let cluster = Cluster {
            nodes: nodes.iter().map(node).collect(),
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[deployment(&pod)]), [expected], "{says}");
    }
}

#[test]
fn a_node_that_is_not_initialised_yet_may_get_its_labels() {
    let zone = json!({"nodeSelector": {"topology.kubernetes.io/zone": "1"}});
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]});
    let not_ready = json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    let new = taint("node.cloudprovider.kubernetes.io/uninitialized");
    let rows = [
        ("it is ready", &zone, json!({}), Certain),
        ("it has another taint", &zone, taint("gpu"), Certain),
        (
            "the cloud provider has not seen it",
            &zone,
            new.clone(),
            Likely,
        ),
        ("it is not ready", &zone, not_ready, Likely),
        (
            "all nodes have their labels to spread by",
            &spread,
            json!({}),
            Certain,
        ),
    ];
    for (says, pod, more, certainty) in rows {
        let cluster = Cluster {
            nodes: vec![node(&json!({})), node(&more)],
            ..Cluster::default()
        };
        let found = cluster.said(&[deployment(pod)]);
        assert_eq!(found, [("NoNodeMatches", certainty)], "{says}");
    }
    let cluster = Cluster {
        nodes: vec![node(&json!({})), node(&new)],
        ..Cluster::default()
    };
    let found = cluster.said(&[deployment(&spread)]);
    assert_eq!(
        found,
        [("NoNodeMatches", Likely)],
        "a node may get the label to spread by"
    );
}

#[test]
fn a_surge_pod_shares_a_node_where_nothing_excludes_it() {
    let port = |ip: &str| {
        json!({"containers": [{"name": "app", "image": "a",
        "ports": [{"containerPort": 80, "hostPort": 80, "hostIP": ip}]}]})
    };
    let alone = |more: Value| {
        let mut term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}});
        merge(&mut term, &more);
        json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let by_version = alone(json!({"labelSelector": {"matchLabels": {"version": "2"}}}));
    let by_hash = alone(json!({"matchLabelKeys": ["pod-template-hash"]}));
    let same = json!({"app": "web", "version": "2"});
    let old = json!({"app": "web", "version": "1"});
    let likely = vec![("Unschedulable", Likely)];
    let rows = [
        (
            "a port of all addresses",
            port("0.0.0.0"),
            port("10.0.0.1"),
            &same,
            likely.clone(),
        ),
        (
            "the port of one address",
            port("10.0.0.1"),
            port("10.0.0.1"),
            &same,
            likely.clone(),
        ),
        (
            "ports of two addresses",
            port("10.0.0.1"),
            port("10.0.0.2"),
            &same,
            vec![],
        ),
        (
            "old pods have the label",
            by_version.clone(),
            by_version.clone(),
            &same,
            likely,
        ),
        (
            "old pods have another version",
            by_version.clone(),
            by_version,
            &old,
            vec![],
        ),
        (
            "each revision counts alone",
            by_hash.clone(),
            by_hash,
            &same,
            vec![],
        ),
    ];
    for (says, new, before, labels, expected) in rows {
        let mut manifest = deployment(&new);
        manifest["spec"]["template"]["metadata"]["labels"] = same.clone();
        manifest["spec"]["strategy"] =
            json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        let mut current = deployment(&before);
        current["spec"]["template"]["metadata"]["labels"] = labels.clone();
        current["status"] = json!({"replicas": 1});
        let cluster = Cluster {
            current: Some(current),
            ..Cluster::default()
        };
        assert_eq!(cluster.said(&[manifest]), expected, "{says}");
    }
}

#[test]
fn the_pod_is_placed_as_the_api_server_would_store_it() {
    let update = deployment(&requests("memory", "8Gi"));
    for (says, memory, expected) in [
        ("as it is", "8Gi", vec![("Unschedulable", Certain)]),
        ("an autoscaler lowers its requests", "1Gi", vec![]),
    ] {
        let cluster = Cluster {
            stored: Some(requests("memory", memory)),
            ..Cluster::default()
        };
        assert_eq!(
            cluster.said(std::slice::from_ref(&update)),
            expected,
            "{says}"
        );
    }
}

#[test]
fn a_daemon_set_needs_room_on_each_node_that_it_selects() {
    let small = |more: &Value| with(json!({"status": {"allocatable": {"memory": "1Gi"}}}), more);
    let many = requests("memory", "2Gi");
    let certain = vec![("Unschedulable", Certain)];
    let cordoned = json!({"spec": {"unschedulable": true,
        "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]}});
    let gpu = requests("nvidia.com/gpu", "1");
    let rows = [
        (
            "a node is too small",
            &many,
            small(&json!({})),
            certain.clone(),
        ),
        (
            "its taint keeps the DaemonSet away",
            &many,
            small(&taint("gpu")),
            vec![],
        ),
        (
            "a cordoned node gets its pod as well",
            &many,
            small(&cordoned),
            certain,
        ),
        (
            "a device whose plugin may come",
            &gpu,
            json!({}),
            vec![("Unschedulable", Likely)],
        ),
    ];
    for (says, pod, more, expected) in rows {
        let cluster = Cluster {
            nodes: vec![node(&more)],
            ..Cluster::default()
        };
        let manifest = workload(WorkloadKind::DaemonSet, pod);
        assert_eq!(cluster.said(&[manifest]), expected, "{says}");
    }
}

#[test]
fn pools_and_nodes_of_the_call_and_of_karpenter_may_take_the_pods() {
    let update = deployment(&json!({"nodeSelector": {"disk": "nvme"}}));
    let pool =
        json!({"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "nvme"}});
    let labels = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one", "labels": {"disk": "nvme"}}});
    let listed = |list: Lookup<Vec<Value>>| vec![("nodepools", list)];
    let unseen = || Lookup::Unseen("404".to_owned());
    let made = json!({"metadata": {"labels": {"karpenter.sh/nodepool": "general"}}});
    let rows = [
        ("nothing adds nodes", vec![], None, json!({}), Certain),
        (
            "a pool of Karpenter",
            listed(Lookup::Seen(vec![pool.clone()])),
            None,
            json!({}),
            Possible,
        ),
        (
            "pools that cannot be seen",
            listed(unseen()),
            None,
            json!({}),
            Likely,
        ),
        (
            "a pool of the call",
            vec![],
            Some(pool),
            json!({}),
            Possible,
        ),
        (
            "a node of the call",
            vec![],
            Some(labels),
            json!({}),
            Likely,
        ),
        ("a node that Karpenter made", vec![], None, made, Likely),
    ];
    for (says, lists, brought, more, certainty) in rows {
        let cluster = Cluster {
            lists,
            nodes: vec![node(&more)],
            ..Cluster::default()
        };
        let call: Vec<Value> = [update.clone()].into_iter().chain(brought).collect();
        assert_eq!(
            cluster.said(&call),
            [("NoNodeMatches", certainty)],
            "{says}"
        );
    }
}
