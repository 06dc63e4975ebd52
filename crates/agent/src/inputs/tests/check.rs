//! A check: workloads, selector, HTTP checks, graces, revision.

use super::*;

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
        ("workloads", "web\ndeployment/api\ndeployment db,x"),
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
