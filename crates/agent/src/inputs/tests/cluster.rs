//! The inputs that lead to the cluster, by each type of connection and on the command line.

use super::*;

/// The AKS cluster that inputs name.
fn aks(raw: &RawInputs) -> AksTarget {
    match Inputs::parse(raw).unwrap().cluster {
        Some(ClusterTarget::Aks(target)) => target,
        Some(ClusterTarget::Kubernetes { .. }) | None => panic!("another way"),
    }
}

#[test]
fn the_cluster_admin_and_the_public_name_are_used_only_on_request() {
    for (value, expected) in [
        ("True", true),
        ("true", true),
        ("false", false),
        ("", false),
    ] {
        let target = aks(&task(&[("useClusterAdmin", value)]));
        assert_eq!(
            (target.use_cluster_admin, target.public_fqdn),
            (expected, false)
        );
        let target = aks(&task(&[("publicFqdn", value)]));
        assert_eq!(
            (target.use_cluster_admin, target.public_fqdn),
            (false, expected)
        );
    }
}

#[test]
fn a_kubernetes_connection_needs_nothing_of_azure() {
    let inputs = Inputs::parse(&kubernetes(&[])).unwrap();
    let expected = ClusterTarget::Kubernetes {
        service_connection_id: CONNECTION.to_owned(),
    };
    assert_eq!(inputs.cluster, Some(expected));
}

#[test]
fn an_input_of_the_other_type_of_connection_is_told_and_not_ignored() {
    let of_azure = [
        ("azureServiceConnection", CONNECTION),
        (
            "azureSubscriptionId",
            "00000000-0000-0000-0000-00000000000b",
        ),
        ("azureResourceGroup", "rg-shop"),
        ("aksCluster", "aks-shop"),
        ("useClusterAdmin", "true"),
        ("publicFqdn", "true"),
    ];
    for (name, value) in of_azure {
        let says = format!(
            "input `{name}`: is read only with `connectionType: azureResourceManager`; write that, \
             or leave the input empty"
        );
        assert_eq!(complaints(&kubernetes(&[(name, value)])), [says]);
    }
    let says = "input `kubernetesServiceConnection`: is read only with `connectionType: \
                kubernetesServiceConnection`; write that, or leave the input empty";
    let raw = task(&[("kubernetesServiceConnection", CONNECTION)]);
    assert_eq!(complaints(&raw), [says]);
    // The task's form fills the defaults in.
    let filled_in = [("useClusterAdmin", "false"), ("publicFqdn", "False")];
    assert!(Inputs::parse(&kubernetes(&filled_in)).is_ok());
}

#[test]
fn each_type_of_connection_needs_its_own_inputs_and_all_that_are_missing_are_told() {
    let missing = complaints(&kubernetes(&[("kubernetesServiceConnection", "")]));
    assert_eq!(missing, ["input `kubernetesServiceConnection`: is missing"]);
    let missing = complaints(&task(&[
        ("azureServiceConnection", ""),
        ("azureResourceGroup", ""),
        ("aksCluster", ""),
        ("workloads", "web"),
    ]));
    let names: Vec<&str> = missing
        .iter()
        .map(|it| it.split('`').nth(1).unwrap_or_default())
        .collect();
    let expected = [
        "azureServiceConnection",
        "azureResourceGroup",
        "aksCluster",
        "workloads",
    ];
    assert_eq!(names, expected);
    let says = "input `connectionType`: `kubernetes` is not a type of service connection; write \
                `azureResourceManager`, `kubernetesServiceConnection` or, to lint without a cluster, `none`";
    assert_eq!(
        complaints(&task(&[("connectionType", "kubernetes")])),
        [says]
    );
}

#[test]
fn the_command_line_takes_the_kubeconfig_or_an_aks_cluster() {
    assert_eq!(Inputs::parse(&flags(&[])).unwrap().cluster, None);
    let given = [
        ("aksCluster", "aks-shop"),
        ("azureResourceGroup", "rg-shop"),
        (
            "azureSubscriptionId",
            "00000000-0000-0000-0000-00000000000b",
        ),
        ("publicFqdn", "true"),
    ];
    let expected = AksTarget {
        service_connection_id: None,
        subscription_id: Some("00000000-0000-0000-0000-00000000000b".to_owned()),
        resource_group: "rg-shop".to_owned(),
        cluster: "aks-shop".to_owned(),
        use_cluster_admin: false,
        public_fqdn: true,
    };
    assert_eq!(aks(&flags(&given)), expected);
}

/// Flags, and what is said about them.
type Incomplete = (
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

#[test]
fn a_part_of_an_aks_cluster_on_the_command_line_asks_for_the_rest() {
    let rows: &[Incomplete] = &[
        (
            &[("aksCluster", "aks-shop")],
            &["`--aks-subscription`: is missing", "`--aks-rg`: is missing"],
        ),
        (
            &[("useClusterAdmin", "true")],
            &[
                "`--aks-subscription`: is missing",
                "`--aks-rg`: is missing",
                "`--aks-name`: is missing",
            ],
        ),
        (
            &[
                ("aksCluster", "aks-shop"),
                ("azureResourceGroup", "rg-shop"),
                ("azureSubscriptionId", "Pay-As-You-Go"),
            ],
            &[
                "`--aks-subscription`: `Pay-As-You-Go` is not a subscription id; write a UUID such \
                 as `00000000-0000-0000-0000-000000000000`",
            ],
        ),
    ];
    for (given, says) in rows {
        assert_eq!(complaints(&flags(given)), *says);
    }
}
