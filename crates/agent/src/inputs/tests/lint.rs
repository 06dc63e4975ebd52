use super::*;

const WITHOUT_CLUSTER: [(&str, &str); 6] = [
    ("command", "lint"),
    ("connectionType", "none"),
    ("azureServiceConnection", ""),
    ("azureResourceGroup", ""),
    ("aksCluster", ""),
    ("workloads", ""),
];

/// The inputs of a lint without a cluster, and some more.
fn without_cluster(more: &[(&str, &str)]) -> RawInputs {
    task(&[&WITHOUT_CLUSTER, more].concat())
}

#[test]
fn manifests_are_judged_without_a_connection() {
    let raw = without_cluster(&[
        ("manifests", "k8s/*.yaml\n\n  charts/web"),
        ("failOn", "error"),
    ]);
    let inputs = Inputs::parse(&raw).unwrap();
    assert_eq!(inputs.cluster, None);
    let CommandInputs::Lint(lint) = inputs.command else {
        panic!("another command");
    };
    assert_eq!(lint.manifests, ["k8s/*.yaml", "charts/web"]);
    assert_eq!(lint.fail_on.as_deref(), Some("error"));
    assert!(lint.workloads.is_empty());
}

#[test]
fn with_a_connection_the_cluster_is_asked() {
    let inputs = Inputs::parse(&task(&[("command", "lint"), ("manifests", "k8s")])).unwrap();
    assert!(matches!(inputs.cluster, Some(ClusterTarget::Aks(_))));
    let CommandInputs::Lint(lint) = inputs.command else {
        panic!("another command");
    };
    assert_eq!(lint.workloads, [web()]);
    assert_eq!(lint.fail_on, None);
}

#[test]
fn what_cannot_be_judged_is_refused_by_name() {
    let rows = [
        (
            without_cluster(&[]),
            "input `manifests`: is missing; write for example `k8s/*.yaml`",
        ),
        (
            without_cluster(&[("workloads", "deployment/web")]),
            "input `workloads`: names workloads of a cluster, which `connectionType: none` does not ask",
        ),
        (
            without_cluster(&[("manifests", "k8s"), ("selector", "app=web")]),
            "input `selector`: names workloads of a cluster",
        ),
        (
            without_cluster(&[("manifests", "k8s"), ("failOn", "errors")]),
            "input `failOn`: `errors` is not a severity; write `error`, `warning`, `info` or `never`",
        ),
        (
            without_cluster(&[("manifests", "k8s"), ("http", "/healthz")]),
            "input `http`: is for the command `check`, `rollback` or `doctor` only",
        ),
        (
            without_cluster(&[("manifests", "k8s"), ("aksCluster", "aks-shop")]),
            "input `aksCluster`: is read only with `connectionType: azureResourceManager`",
        ),
        (
            task(&[("manifests", "k8s")]),
            "input `manifests`: is for the command `lint` only",
        ),
    ];
    for (raw, expected) in rows {
        let said = complaints(&raw);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(expected), "{said:?}");
    }
}

#[test]
fn without_a_connection_nothing_but_manifests_is_judged() {
    let raw = task(&[
        ("connectionType", "none"),
        ("azureServiceConnection", ""),
        ("azureResourceGroup", ""),
        ("aksCluster", ""),
    ]);
    let said = complaints(&raw);
    assert_eq!(
        said,
        [
            "input `connectionType`: `none` is for the command `lint` only, because `check` needs a cluster; write \
             `azureResourceManager` or `kubernetesServiceConnection`"
        ]
    );
}

#[test]
fn the_timeout_of_the_check_is_one_that_differs_from_the_default() {
    let rows = [
        ("the default, which an agent sends", Some("5m"), None),
        ("none", None, None),
        ("another one", Some("90s"), Some(Duration::from_secs(90))),
    ];
    for (says, timeout, expected) in rows {
        let given = timeout.map(|it| ("timeout", it));
        let more: Vec<_> = [("manifests", "k8s")].into_iter().chain(given).collect();
        let inputs = Inputs::parse(&without_cluster(&more)).unwrap();
        let CommandInputs::Lint(lint) = inputs.command else {
            panic!("another command");
        };
        assert_eq!(lint.timeout, expected, "{says}");
    }
    let wrong = without_cluster(&[("manifests", "k8s"), ("timeout", "soon")]);
    let said = complaints(&wrong);
    assert!(said[0].starts_with("input `timeout`: "), "{said:?}");
}
