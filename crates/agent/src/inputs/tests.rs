use std::collections::BTreeMap;

use proptest::prelude::*;
use rollguard_core::report::parse_approval;
use rollguard_core::workload::WorkloadKind;

use super::*;
use crate::env::AgentEnv;

const CONNECTION: &str = "5b1c2d3e-0000-4000-8000-00000000000a";
const EVIDENCE_JSON: &str = r#"{
    "version": 2,
    "verdict": "failed",
    "at": "2026-01-01T00:00:00Z",
    "codes": ["CrashAtStart"],
    "workloads": [{
        "workload": {"kind": "Deployment", "namespace": "shop", "name": "web"},
        "uid": "u1",
        "bad": {"revision": 2, "name": "web-b", "uid": "r2"},
        "target": {"revision": 1, "name": "web-a", "uid": "r1"}
    }]
}"#;

/// A task's inputs as the agent hands them over, with some of them set otherwise.
fn task(changes: &[(&str, &str)]) -> RawInputs {
    let mut inputs = vec![
        ("command", "check"),
        ("azureServiceConnection", CONNECTION),
        ("azureResourceGroup", "rg-shop"),
        ("aksCluster", "aks-shop"),
        ("namespace", "shop"),
        ("workloads", "deployment/web"),
        ("timeout", "5m"),
        ("stableFor", "10s"),
    ];
    inputs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    inputs.extend(changes);
    let variables = inputs
        .iter()
        .map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), *value));
    RawInputs::from_env(&AgentEnv::from_pairs(variables))
}

fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

fn web_check(timeout: Duration) -> CheckInputs {
    CheckInputs::of(web(), timeout, Duration::from_secs(10))
}

/// The task's inputs of a check, with some of them set otherwise.
fn checked(changes: &[(&str, &str)]) -> CheckInputs {
    match Inputs::parse(&task(changes)).unwrap().command {
        CommandInputs::Check(check) => check,
        CommandInputs::Rollback(_) | CommandInputs::Doctor(_) => panic!("another command"),
    }
}

/// The task's inputs of a rollback, with some of them set otherwise.
fn rolled_back(changes: &[(&str, &str)]) -> RollbackInputs {
    let changes: Vec<(&str, &str)> = [&[("command", "rollback")], changes].concat();
    match Inputs::parse(&task(&changes)).unwrap().command {
        CommandInputs::Rollback(rollback) => rollback,
        CommandInputs::Check(_) | CommandInputs::Doctor(_) => panic!("another command"),
    }
}

fn evidence() -> Approval {
    parse_approval(EVIDENCE_JSON).unwrap()
}

fn complaints(raw: &RawInputs) -> Vec<String> {
    let errors = Inputs::parse(raw).unwrap_err();
    errors.errors().iter().map(ToString::to_string).collect()
}

#[test]
fn the_inputs_of_a_check_task_are_understood() {
    let subscription = "00000000-AAAA-0000-0000-00000000000b";
    let inputs = Inputs::parse(&task(&[("azureSubscriptionId", subscription)])).unwrap();
    let expected = Inputs {
        command: CommandInputs::Check(web_check(Duration::from_mins(5))),
        cluster: Some(ClusterTarget::Aks(AksTarget {
            service_connection_id: Some(CONNECTION.to_owned()),
            subscription_id: Some(subscription.to_lowercase()),
            resource_group: "rg-shop".to_owned(),
            cluster: "aks-shop".to_owned(),
            use_cluster_admin: false,
            public_fqdn: false,
        })),
    };
    assert_eq!(inputs, expected);
}

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

/// The inputs of a task with a Kubernetes service connection, with some of them set otherwise.
fn kubernetes(changes: &[(&str, &str)]) -> RawInputs {
    let base = [
        ("connectionType", "kubernetesServiceConnection"),
        ("kubernetesServiceConnection", CONNECTION),
        ("azureServiceConnection", ""),
        ("azureResourceGroup", ""),
        ("aksCluster", ""),
    ];
    let kept = base
        .iter()
        .filter(|(name, _)| changes.iter().all(|(it, _)| it != name));
    task(&kept.chain(changes).copied().collect::<Vec<_>>())
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
                `azureResourceManager` or `kubernetesServiceConnection`";
    assert_eq!(
        complaints(&task(&[("connectionType", "kubernetes")])),
        [says]
    );
}

/// The flags of a check on the command line.
fn flags<'a>(given: &[(&'a str, &'a str)]) -> RawInputs {
    let base = [("command", "check"), ("workloads", "deployment/web")];
    RawInputs::from_flags(base.iter().chain(given).copied())
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

#[test]
fn the_inputs_of_a_rollback_task_are_understood() {
    let expected = RollbackInputs {
        wait: true,
        ..RollbackInputs::of(web(), Duration::from_mins(5), Duration::from_secs(10))
    };
    assert_eq!(rolled_back(&[]), expected);
    let named = RollbackInputs {
        to_revision: Some(Revision(3)),
        ..expected.clone()
    };
    assert_eq!(rolled_back(&[("toRevision", "3")]), named);
    let approved = RollbackInputs {
        evidence: Some(evidence()),
        ..expected
    };
    assert_eq!(rolled_back(&[("evidence", EVIDENCE_JSON)]), approved);
}

#[test]
fn a_rollback_checks_again_as_its_inputs_say() {
    let rollback = rolled_back(&[
        ("timeout", "3m"),
        ("stableFor", "20s"),
        ("http", "/healthz\n/ready"),
        ("graces", "ImageNotFound=2m"),
        ("wait", "False"),
    ]);
    assert_eq!(rollback.timeout, Duration::from_mins(3));
    assert_eq!(rollback.stable_for, Duration::from_secs(20));
    assert_eq!(rollback.http.len(), 2);
    let grace = (FindingCode::ImageNotFound, Duration::from_mins(2));
    assert_eq!(rollback.graces, BTreeMap::from([grace]));
    assert!(!rollback.wait);
}

#[test]
fn a_rollback_takes_many_workloads_each_once() {
    let rollback = rolled_back(&[("workloads", "deployment/web\nsts/db deploy/web")]);
    let names: Vec<String> = rollback.workloads.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["deployment/web", "statefulset/db"]);
    assert_eq!(rollback.namespace, "shop");
}

#[test]
fn the_evidence_names_the_workloads_where_nobody_else_does() {
    let approved: Vec<WorkloadRef> = workloads_of(&evidence()).into_iter().cloned().collect();
    // The task's form fills in the namespace `default`.
    for namespace in ["shop", "", "default"] {
        let given = [
            ("workloads", ""),
            ("namespace", namespace),
            ("evidence", EVIDENCE_JSON),
        ];
        let (rollback, check) = (rolled_back(&given), checked(&given));
        assert_eq!(rollback.workloads, approved, "{namespace}");
        assert_eq!(rollback.namespace, "shop", "{namespace}");
        assert_eq!(check.workloads, approved, "{namespace}");
        assert_eq!(check.namespace, "shop", "{namespace}");
        assert_eq!(check.evidence, Some(evidence()), "{namespace}");
    }
}

#[test]
fn a_workload_beside_the_evidence_is_one_of_those_it_names() {
    let same = [("workloads", "deploy/web"), ("evidence", EVIDENCE_JSON)];
    assert_eq!(rolled_back(&same).workloads, [web()]);
    assert_eq!(checked(&same).workloads, [web()]);
    for command in ["check", "rollback"] {
        let raw = task(&[
            ("command", command),
            ("workloads", "deployment/web statefulset/web"),
            ("evidence", EVIDENCE_JSON),
        ]);
        let says = "input `workloads`: `statefulset/web` is not in the evidence; name only \
                    workloads from it, or none";
        assert_eq!(complaints(&raw), [says], "{command}");
    }
}

#[test]
fn another_namespace_than_that_of_the_evidence_is_told() {
    for command in ["check", "rollback"] {
        let raw = task(&[
            ("command", command),
            ("namespace", "eu"),
            ("evidence", EVIDENCE_JSON),
        ]);
        let told = complaints(&raw);
        let says = "input `namespace`: the evidence is about the namespace `shop`; use that \
                    namespace, or leave it out";
        assert_eq!(told, [says], "{command}");
    }
    let raw = RawInputs::from_flags([
        ("command", "rollback"),
        ("namespace", "default"),
        ("evidence", EVIDENCE_JSON),
    ]);
    assert_eq!(complaints(&raw).len(), 1, "a person who writes it means it");
}

#[test]
fn a_check_after_a_rollback_takes_nothing_that_the_evidence_says_already() {
    let rows = [
        (
            "revision",
            "3",
            "input `revision`: the evidence names the revision already; give one of the two",
        ),
        (
            "selector",
            "app=web",
            "input `selector`: the evidence names the workloads; give one of the two",
        ),
    ];
    for (name, value, says) in rows {
        let raw = task(&[("evidence", EVIDENCE_JSON), (name, value)]);
        assert_eq!(complaints(&raw), [says]);
        assert!(
            Inputs::parse(&task(&[(name, value)])).is_ok(),
            "{name} alone"
        );
    }
}

/// A boolean input, a command that takes it, and what is read from the inputs.
type Switch = (&'static str, &'static str, fn(&CommandInputs) -> bool);

const fn allowed(inputs: &CommandInputs) -> Allowed {
    match inputs {
        CommandInputs::Check(check) => check.allowed,
        CommandInputs::Rollback(rollback) => rollback.allowed,
        CommandInputs::Doctor(_) => panic!("another command"),
    }
}

const SWITCHES: &[Switch] = &[
    ("forceOwner", "check", |it| allowed(it).force_owner),
    ("forceOwner", "rollback", |it| allowed(it).force_owner),
    ("allowSchemaDowngrade", "check", |it| {
        allowed(it).schema_downgrade
    }),
    ("allowSchemaDowngrade", "rollback", |it| {
        allowed(it).schema_downgrade
    }),
    ("allowOnDelete", "check", |it| allowed(it).on_delete),
    ("allowOnDelete", "rollback", |it| allowed(it).on_delete),
    ("mark", "check", |it| match it {
        CommandInputs::Check(check) => check.mark,
        CommandInputs::Rollback(_) | CommandInputs::Doctor(_) => panic!("another command"),
    }),
    ("logs", "check", |it| match it {
        CommandInputs::Check(check) => check.logs,
        CommandInputs::Rollback(_) | CommandInputs::Doctor(_) => panic!("another command"),
    }),
    ("logs", "rollback", |it| match it {
        CommandInputs::Rollback(rollback) => rollback.logs,
        CommandInputs::Check(_) | CommandInputs::Doctor(_) => panic!("another command"),
    }),
    ("wait", "rollback", |it| match it {
        CommandInputs::Rollback(rollback) => rollback.wait,
        CommandInputs::Check(_) | CommandInputs::Doctor(_) => panic!("another command"),
    }),
];

#[test]
fn a_boolean_is_read_as_azure_pipelines_writes_it() {
    for (name, command, read) in SWITCHES {
        let default = InputSpec::named(name).unwrap().default == Some("true");
        let rows = [
            ("", default),
            ("true", true),
            ("True", true),
            ("TRUE", true),
            ("false", false),
            ("False", false),
        ];
        for (value, expected) in rows {
            let inputs = Inputs::parse(&task(&[("command", command), (name, value)])).unwrap();
            assert_eq!(
                read(&inputs.command),
                expected,
                "{command}: {name}={value:?}"
            );
            let others = SWITCHES.iter().filter(|(other, it, _)| {
                it == command && other != name && value.eq_ignore_ascii_case("true")
            });
            for (other, _, read) in others {
                let theirs = InputSpec::named(other).unwrap().default == Some("true");
                assert_eq!(read(&inputs.command), theirs, "{name} is not {other}");
            }
        }
        for wrong in ["yes", "1", "truee", "$true"] {
            let told = complaints(&task(&[("command", command), (name, wrong)]));
            let says = format!("input `{name}`: `{wrong}` is neither `true` nor `false`");
            assert_eq!(told, [says]);
        }
    }
}

#[test]
fn the_default_of_another_commands_input_says_nothing_and_its_contrary_is_told() {
    for (name, command, other) in [("wait", "rollback", "check"), ("mark", "check", "rollback")] {
        for (value, told) in [("true", false), ("True", false), ("false", true)] {
            let raw = task(&[("command", other), (name, value)]);
            let says = format!(
                "input `{name}`: is for the command `{command}` or `doctor` only; leave it empty"
            );
            let expected: Vec<String> = told.then_some(says).into_iter().collect();
            let found = Inputs::parse(&raw).map_or_else(|_| complaints(&raw), |_| Vec::new());
            assert_eq!(found, expected, "{other}: {name}={value}");
        }
    }
}

#[test]
fn a_revision_besides_the_evidence_is_refused_and_not_ignored() {
    let raw = task(&[
        ("command", "rollback"),
        ("toRevision", "3"),
        ("evidence", EVIDENCE_JSON),
    ]);
    let error = Inputs::parse(&raw).unwrap_err().to_string();
    assert!(
        error.contains("input `toRevision`: the evidence names the revision already"),
        "{error}"
    );
}

#[test]
fn a_revision_to_restore_belongs_to_one_workload() {
    let raw = task(&[
        ("command", "rollback"),
        ("workloads", "deployment/web deployment/api"),
        ("toRevision", "3"),
    ]);
    let says = "input `toRevision`: 2 workloads are given, but a revision belongs to one; name \
                exactly one";
    assert_eq!(complaints(&raw), [says]);
    let twice = rolled_back(&[
        ("workloads", "deployment/web deploy/web"),
        ("toRevision", "3"),
    ]);
    assert_eq!(twice.to_revision, Some(Revision(3)));
}

#[test]
fn the_arguments_of_a_command_are_understood() {
    let raw = RawInputs::from_flags([
        ("command", "check"),
        ("workloads", "deploy/web"),
        ("namespace", " shop "),
        ("timeout", "90s"),
    ]);
    let inputs = Inputs::parse(&raw).unwrap();
    let expected = CommandInputs::Check(web_check(Duration::from_secs(90)));
    assert_eq!(
        inputs,
        Inputs {
            command: expected,
            cluster: None
        }
    );
}

#[test]
fn what_is_not_given_has_the_documented_default() {
    let check = checked(&[
        ("command", ""),
        ("namespace", ""),
        ("timeout", ""),
        ("stableFor", ""),
    ]);
    assert_eq!(check.workloads[0].namespace, "default");
    assert_eq!(check.namespace, "default");
    assert_eq!(check.timeout, Duration::from_mins(5));
    assert_eq!(check.stable_for, Duration::from_secs(10));

    let raw = RawInputs::from_flags([("command", "rollback"), ("workloads", "deployment/web")]);
    let CommandInputs::Rollback(rollback) = Inputs::parse(&raw).unwrap().command else {
        panic!("another command");
    };
    assert_eq!((rollback.to_revision, rollback.evidence), (None, None));
}

/// An input of a check, a wrong value, and what is said about it.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "command",
        "undo",
        "input `command`: `undo` is not a command; write `check`, `rollback` or `doctor`",
    ),
    (
        "command",
        "Check",
        "input `command`: `Check` is not a command; write `check`, `rollback` or `doctor`",
    ),
    (
        "azureServiceConnection",
        "",
        "input `azureServiceConnection`: is missing",
    ),
    (
        "azureServiceConnection",
        "a,b",
        "input `azureServiceConnection`: `a,b` names more than one service connection; write one",
    ),
    (
        "azureSubscriptionId",
        "Production",
        "input `azureSubscriptionId`: `Production` is not a subscription id; write a UUID such as \
             `00000000-0000-0000-0000-000000000000`",
    ),
    (
        "azureResourceGroup",
        "",
        "input `azureResourceGroup`: is missing",
    ),
    (
        "azureResourceGroup",
        "rg/../x",
        "input `azureResourceGroup`: `rg/../x` is not the name of a resource group; it has at \
         most 90 letters, digits, `-`, `_`, `.`, `(` and `)`, and no `.` at its end",
    ),
    ("aksCluster", "", "input `aksCluster`: is missing"),
    (
        "aksCluster",
        "aks?x=1",
        "input `aksCluster`: `aks?x=1` is not the name of an AKS cluster; it has at most 63 \
         letters, digits, `-` and `_`, and a letter or digit at both ends",
    ),
    (
        "namespace",
        "Shop",
        "input `namespace`: `Shop` is not the name of a namespace; it has at most 63 lower-case \
             letters, digits and `-`, and a letter or digit at both ends",
    ),
    (
        "workloads",
        "",
        "input `workloads`: is missing; write for example `deployment/web`, or give input \
         `selector` instead",
    ),
    (
        "workloads",
        "web",
        "input `workloads`: `web` has no kind; write `deployment/web`",
    ),
    (
        "workloads",
        "deployment web",
        "input `workloads`: `deployment web` has a space where a slash belongs; write \
         `deployment/web`",
    ),
    (
        "workloads",
        "deploy web api\ndeployment/db",
        "input `workloads`: `deploy web api` has a space where a slash belongs; write \
         `deploy/web deploy/api`",
    ),
    (
        "workloads",
        "deployment",
        "input `workloads`: `deployment` has no name; write for example `deployment/web`",
    ),
    (
        "selector",
        "app:web",
        "input `selector`: `app:web` is not a label selector; write for example `app=web`, \
         `app!=web` or `tier in (web, api)`, and a `,` between several",
    ),
    (
        "http",
        "/ready\nhealthz",
        "input `http`: `healthz` does not begin with `/`; write `/healthz`",
    ),
    (
        "graces",
        "ImageNotFound 2m",
        "input `graces`: `ImageNotFound 2m` is not a grace; write `CODE=DURATION`, such as \
         `ImageNotFound=2m`",
    ),
    (
        "graces",
        "ImageNotFond=2m",
        "input `graces`: `ImageNotFond` is not a finding code; did you mean `ImageNotFound`?",
    ),
    (
        "graces",
        "NothingToVerify=2m",
        "input `graces`: `NothingToVerify` never decides a verdict, so it has no grace; leave it \
         out",
    ),
    (
        "graces",
        "NodeNotUpdated=2m",
        "input `graces`: `NodeNotUpdated` never decides a verdict, so it has no grace; leave it \
         out",
    ),
    (
        "graces",
        "ImageNotFound=2",
        "input `graces`: the grace of `ImageNotFound`: `2` has no unit; write `2s` or `2m`",
    ),
    (
        "graces",
        "ImageNotFound=2m\nimagenotfound=3m",
        "input `graces`: `ImageNotFound` is given twice; write it once",
    ),
    (
        "revision",
        "newest",
        "input `revision`: `newest` is not a revision; write a number as `kubectl rollout history` \
         shows it, such as `3`",
    ),
    (
        "timeout",
        "60",
        "input `timeout`: `60` has no unit; write `60s` or `60m`",
    ),
    (
        "timeout",
        "soon",
        "input `timeout`: `soon` is not a duration; write for example `90s`, `5m` or `1m30s`",
    ),
    (
        "stableFor",
        "5m",
        "input `stableFor`: 5m is not shorter than the timeout of 5m; the check could never \
         succeed",
    ),
    (
        "toRevision",
        "3",
        "input `toRevision`: is for the command `rollback` only; leave it empty",
    ),
    (
        "evidence",
        "{}",
        "input `evidence`: is not the evidence of a check: missing field `version`",
    ),
];

#[test]
fn a_wrong_input_says_what_is_wrong_and_what_to_write() {
    for (name, value, says) in WRONG {
        assert_eq!(
            complaints(&task(&[(name, value)])),
            [*says],
            "{name}={value}"
        );
    }
}

#[test]
fn a_check_takes_many_workloads_each_once() {
    let check = checked(&[(
        "workloads",
        "deployment/web\n  deploy/api deployments/web\n\ndeployment/db",
    )]);
    let names: Vec<String> = check.workloads.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["deployment/web", "deployment/api", "deployment/db"]);
    assert!(check.workloads.iter().all(|it| it.namespace == "shop"));
}

#[test]
fn a_selector_stands_beside_workloads_or_for_them() {
    let beside = checked(&[("selector", "tier in (web, api),!canary")]);
    assert_eq!(beside.workloads, [web()]);
    assert_eq!(
        beside.selector.as_deref(),
        Some("tier in (web, api),!canary")
    );
    let alone = checked(&[("selector", "app=web"), ("workloads", "")]);
    assert_eq!(
        (alone.workloads.len(), alone.namespace.as_str()),
        (0, "shop")
    );
}

#[test]
fn checks_over_http_are_read_line_by_line_and_asked_once() {
    let check = checked(&[(
        "http",
        "/healthz:8080=204\n\n /ready~ok|up \n/healthz:8080=204",
    )]);
    let asked: Vec<String> = check.http.iter().map(ToString::to_string).collect();
    assert_eq!(asked, ["/healthz:8080=204", "/ready~ok|up"]);
}

#[test]
fn graces_are_read_line_by_line_in_any_case() {
    let check = checked(&[("graces", "ImageNotFound=2m\nunschedulable = 1m30s")]);
    let expected = [
        (FindingCode::ImageNotFound, Duration::from_secs(120)),
        (FindingCode::Unschedulable, Duration::from_secs(90)),
    ];
    assert_eq!(check.graces, BTreeMap::from(expected));
}

#[test]
fn a_revision_belongs_to_one_workload() {
    assert_eq!(checked(&[("revision", "3")]).revision, Some(Revision(3)));
    let says = "input `revision`: a revision belongs to one workload; name exactly one, and no \
                selector";
    for other in [
        ("workloads", "deployment/web deployment/api"),
        ("selector", "app=web"),
    ] {
        assert_eq!(complaints(&task(&[("revision", "3"), other])), [says]);
    }
    let twice = checked(&[
        ("revision", "3"),
        ("workloads", "deployment/web deploy/web"),
    ]);
    assert_eq!(twice.revision, Some(Revision(3)));
}

#[test]
fn everything_that_is_wrong_in_a_list_is_told() {
    let raw = task(&[
        ("workloads", "web\ndeployment/api\ndeployment db"),
        ("http", "a\n/b:0"),
        ("graces", "Banana=1m\nImageNotFound=x"),
    ]);
    let told = complaints(&raw);
    let of = |input: &str| told.iter().filter(|it| it.starts_with(input)).count();
    assert_eq!(told.len(), 6, "{told:#?}");
    for input in ["input `workloads`", "input `http`", "input `graces`"] {
        assert_eq!(of(input), 2, "{told:#?}");
    }
}

#[test]
fn workloads_can_be_placed_in_the_namespace_of_the_context() {
    let mut check = checked(&[("workloads", "deployment/web deployment/api")]);
    check.place_in("eu");
    assert_eq!(check.namespace, "eu");
    assert!(check.workloads.iter().all(|it| it.namespace == "eu"));
    let mut rollback = rolled_back(&[("workloads", "deployment/web deployment/api")]);
    rollback.place_in("eu");
    assert_eq!(rollback.namespace, "eu");
    assert!(rollback.workloads.iter().all(|it| it.namespace == "eu"));
}

#[test]
fn workloads_of_the_evidence_stay_where_the_check_found_them() {
    let given = |command| {
        let said = [("command", command), ("evidence", EVIDENCE_JSON)];
        Inputs::parse(&RawInputs::from_flags(said)).unwrap().command
    };
    let CommandInputs::Check(mut check) = given("check") else {
        panic!("another command");
    };
    check.place_in("eu");
    assert_eq!(
        (check.namespace.as_str(), check.workloads),
        ("shop", vec![web()])
    );
    let CommandInputs::Rollback(mut rollback) = given("rollback") else {
        panic!("another command");
    };
    rollback.place_in("eu");
    assert_eq!(
        (rollback.namespace.as_str(), rollback.workloads),
        ("shop", vec![web()])
    );
}

#[test]
fn a_wrong_input_of_a_rollback_says_what_is_wrong() {
    let rows: &[(&str, &str, &str)] = &[
        (
            "workloads",
            "",
            "input `workloads`: is missing; write for example `deployment/web`, or give input \
             `evidence`, which names the workloads",
        ),
        (
            "workloads",
            "web",
            "input `workloads`: `web` has no kind; write `deployment/web`",
        ),
        (
            "selector",
            "app=web",
            "input `selector`: is for the command `check` or `doctor` only; leave it empty",
        ),
        (
            "revision",
            "3",
            "input `revision`: is for the command `check` only; leave it empty",
        ),
        (
            "http",
            "healthz",
            "input `http`: `healthz` does not begin with `/`; write `/healthz`",
        ),
        (
            "stableFor",
            "5m",
            "input `stableFor`: 5m is not shorter than the timeout of 5m; the check could never \
             succeed",
        ),
        (
            "toRevision",
            "latest",
            "input `toRevision`: `latest` is not a revision; write a number as `kubectl rollout \
             history` shows it, such as `3`",
        ),
        (
            "evidence",
            "yes",
            "input `evidence`: is not the evidence of a check: expected value at line 1 column 1",
        ),
        (
            "evidence",
            "{\"version\":99}",
            "input `evidence`: is not the evidence of a check: its version is 99, this build \
             knows 2",
        ),
    ];
    for (name, value, says) in rows {
        assert_eq!(
            complaints(&task(&[("command", "rollback"), (name, value)])),
            [*says]
        );
    }
}

#[test]
fn evidence_that_is_none_comes_with_what_to_do() {
    let as_it_is = "unchanged";
    let rows = [
        ("no JSON", "yes", as_it_is),
        (
            "about nothing",
            r#"{"version":2,"verdict":"failed","at":"2026-11-20T09:12:00Z","codes":[],"workloads":[]}"#,
            as_it_is,
        ),
        (
            "the report of a good check",
            r#"{"schemaVersion":1,"rollback":{"decision":"none"}}"#,
            "name a workload",
        ),
        (
            "of a newer rollguard",
            r#"{"version":99}"#,
            "the same rollguard",
        ),
    ];
    for (says, evidence, expected) in rows {
        let raw = task(&[("command", "rollback"), ("evidence", evidence)]);
        let hint = Inputs::parse(&raw).unwrap_err().hint();
        let hint = hint.unwrap_or_default();
        assert!(hint.contains(expected), "{says}: {hint}");
        let blames = hint.contains(as_it_is);
        assert_eq!(blames, expected == as_it_is, "{says}: {hint}");
    }
    let raw = task(&[("command", "rollback"), ("evidence", EVIDENCE_JSON)]);
    assert!(Inputs::parse(&raw).is_ok());
}

#[test]
fn names_at_their_limits_are_accepted() {
    let long_group = "g".repeat(90);
    let long_cluster = "c".repeat(63);
    for (name, value) in [
        ("azureResourceGroup", "Rg_(a).b-ü"),
        ("azureResourceGroup", long_group.as_str()),
        ("aksCluster", "A-b_9"),
        ("aksCluster", long_cluster.as_str()),
        ("timeout", "24h"),
    ] {
        assert!(
            Inputs::parse(&task(&[(name, value)])).is_ok(),
            "{name}={value}"
        );
    }
    for (name, value) in [
        ("azureResourceGroup", "rg."),
        ("azureResourceGroup", &format!("{long_group}g")),
        ("aksCluster", "-aks"),
        ("aksCluster", &format!("{long_cluster}c")),
    ] {
        assert!(
            Inputs::parse(&task(&[(name, value)])).is_err(),
            "{name}={value}"
        );
    }
}

#[test]
fn a_macro_that_was_not_replaced_names_its_variable() {
    for spec in INPUTS.iter().filter(|spec| spec.task) {
        let command = spec.commands[0].as_str();
        let changes = [("command", command), (spec.name, "$(my.variable)")];
        let raw = match spec.connection {
            Some(ConnectionType::KubernetesServiceConnection) => kubernetes(&changes),
            Some(ConnectionType::AzureResourceManager) | None => task(&changes),
        };
        let complaints = complaints(&raw);
        let says = format!(
            "input `{}`: `$(my.variable)` was not replaced, because there is no variable \
             `my.variable`",
            spec.name
        );
        assert_eq!(complaints, [says]);
    }
    let errors = Inputs::parse(&task(&[("timeout", "$(t)")])).unwrap_err();
    assert!(errors.hint().unwrap().contains("`t`"));
}

#[test]
fn an_expression_that_was_not_evaluated_says_how_to_write_it() {
    let raw = task(&[
        ("command", "rollback"),
        ("evidence", "$[ dependencies.a.outputs['x.y'] ]"),
    ]);
    assert_eq!(
        complaints(&raw),
        [
            "input `evidence`: `$[ dependencies.a.outputs['x.y'] ]` was not evaluated; map it to \
             a variable of the job and write `$(variable)`"
        ]
    );
}

#[test]
fn all_wrong_inputs_are_reported_together() {
    let raw = task(&[
        ("azureResourceGroup", ""),
        ("workloads", "web"),
        ("timeout", "60"),
        ("stableFor", "x"),
    ]);
    let errors = Inputs::parse(&raw).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "read the inputs: input `azureResourceGroup`: is missing; input `workloads`: `web` has no \
         kind; write `deployment/web`; input `timeout`: `60` has no unit; write `60s` or `60m`; \
         input `stableFor`: `x` is not a duration; write for example `90s`, `5m` or `1m30s`"
    );
    assert_eq!(errors.errors().len(), 4);
    assert_eq!(errors.hint(), None);
}

#[test]
fn on_the_command_line_inputs_are_named_as_they_are_written_there() {
    let raw = RawInputs::from_flags([
        ("command", "check"),
        ("workloads", "deployment"),
        ("workloads", "web"),
        ("http", "/a:0"),
        ("graces", "x"),
        ("timeout", "$(x)"),
        ("stableFor", "0s"),
        ("mark", "maybe"),
        ("forceOwner", "maybe"),
    ]);
    assert_eq!(
        complaints(&raw),
        [
            "`WORKLOAD`: `deployment web` has a space where a slash belongs; write \
             `deployment/web`",
            "`--timeout`: `$(x)` is not a duration; write for example `90s`, `5m` or `1m30s`",
            "`--stable-for`: `0s` is not longer than zero; write for example `90s` or `5m`",
            "`--http`: `/a:0`: `0` is not a port; write a number from 1 to 65535 or the name of a \
             container port, and `%3A` for a `:` of the path",
            "`--grace`: `x` is not a grace; write `CODE=DURATION`, such as `ImageNotFound=2m`",
            "`--no-mark`: `maybe` is neither `true` nor `false`",
            "`--force-owner`: `maybe` is neither `true` nor `false`",
        ]
    );
}

#[test]
fn a_flag_with_nothing_in_it_is_told_and_not_ignored() {
    let rows = [
        ("namespace", "", "`--namespace`"),
        ("selector", " ", "`--selector`"),
        ("http", "", "`--http`"),
        ("graces", "", "`--grace`"),
        ("timeout", "", "`--timeout`"),
        ("revision", "", "`--revision`"),
        ("evidence", "", "`--evidence`"),
        ("workloads", "", "`WORKLOAD`"),
    ];
    for (name, empty, written) in rows {
        let right = [("command", "check"), ("workloads", "deployment/web")];
        let raw = RawInputs::from_flags(right.into_iter().chain([(name, empty)]));
        let told = format!("{written}: is empty; give a value, or leave it out");
        assert_eq!(complaints(&raw), [told], "{name}");
    }
    let raw = RawInputs::from_flags([("command", "check"), ("workloads", "")]);
    let told = "`WORKLOAD`: is empty; give a value, or leave it out";
    assert_eq!(complaints(&raw), [told]);
    assert_eq!(
        checked(&[("selector", ""), ("http", "")]),
        checked(&[]),
        "a task's empty inputs"
    );
}

#[test]
fn without_workload_and_selector_both_ways_are_named_as_they_are_written() {
    let raw = RawInputs::from_flags([("command", "check")]);
    assert_eq!(
        complaints(&raw),
        [
            "`WORKLOAD`: is missing; write for example `deployment/web`, or give `--selector` \
             instead"
        ]
    );
}

proptest! {
    #[test]
    fn no_input_makes_the_parser_panic(
        values in prop::collection::vec((0..INPUTS.len(), ".{0,40}"), 0..12),
        from_task in any::<bool>(),
    ) {
        let given = values.iter().filter_map(|(index, value)| Some((INPUTS.get(*index)?.name, value)));
        let raw = if from_task {
            let pairs = given.map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value));
            RawInputs::from_env(&AgentEnv::from_pairs(pairs))
        } else {
            RawInputs::from_flags(given)
        };
        if let Err(errors) = Inputs::parse(&raw) {
            prop_assert!(!errors.errors().is_empty());
            prop_assert!(errors.to_string().starts_with("read the inputs: "));
        }
    }
}

/// The doctor's inputs of a task, with some of them set otherwise.
fn examined(changes: &[(&str, &str)]) -> DoctorInputs {
    let doctor = [("command", "doctor"), ("workloads", "")];
    let all: Vec<_> = doctor
        .into_iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name))
        .chain(changes.iter().copied())
        .collect();
    match Inputs::parse(&task(&all)).unwrap().command {
        CommandInputs::Doctor(inputs) => inputs,
        CommandInputs::Check(_) | CommandInputs::Rollback(_) => panic!("another command"),
    }
}

#[test]
fn a_doctor_asks_for_what_the_commands_would_use() {
    use rollguard_core::permission::Command::{Check, Drill, Rollback};
    let all = Usage::of([Check, Rollback]);
    let rows = [
        ("nothing said", vec![], all.clone()),
        (
            "one command",
            vec![("doctorCommands", "check")],
            Usage::of([Check]),
        ),
        (
            "commands, however they are separated",
            vec![("doctorCommands", "drill, check\nrollback")],
            Usage::of([Check, Rollback, Drill]),
        ),
        (
            "the kinds of the workloads",
            vec![("workloads", "deployment/web\nsts/db deploy/api")],
            all.clone()
                .with_kinds([WorkloadKind::Deployment, WorkloadKind::StatefulSet]),
        ),
        (
            "a selector, which may find any kind",
            vec![("workloads", "deployment/web"), ("selector", "app=web")],
            Usage {
                selector: true,
                ..all.clone()
            },
        ),
        (
            "options",
            vec![
                ("http", "/healthz"),
                ("mark", "False"),
                ("logs", "false"),
                ("wait", "false"),
            ],
            Usage {
                http: true,
                mark: false,
                logs: false,
                wait: false,
                ..all
            },
        ),
    ];
    for (says, changes, usage) in rows {
        assert_eq!(examined(&changes).usage, usage, "{says}");
    }
    let named = examined(&[("workloads", "deployment/web deployment/web")]);
    assert_eq!(named.workloads, [web()]);
}

#[test]
fn a_doctor_refuses_what_it_would_ignore() {
    let rows = [
        (
            ("doctorCommands", "undo"),
            "input `doctorCommands`: `undo` is not a command that needs permissions; write `check`, `rollback` or \
             `drill`",
        ),
        (
            ("doctorCommands", ","),
            "input `doctorCommands`: `,` is not a command that needs permissions; write `check`, `rollback` or `drill`",
        ),
        (
            ("toRevision", "3"),
            "input `toRevision`: is for the command `rollback` only; leave it empty",
        ),
        (
            ("graces", "ImageNotFound=2m"),
            "input `graces`: is for the command `check` or `rollback` only; leave it empty",
        ),
    ];
    for (change, says) in rows {
        assert_eq!(complaints(&task(&[("command", "doctor"), change])), [says]);
    }
    let check = complaints(&task(&[("doctorCommands", "drill")]));
    assert_eq!(
        check,
        ["input `doctorCommands`: is for the command `doctor` only; leave it empty"]
    );
}
