//! A rollback and its evidence.

use super::*;

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
fn a_selector_of_a_rollback_stands_beside_workloads_or_for_them() {
    let beside = rolled_back(&[("selector", "app=web")]);
    assert_eq!(beside.workloads, [web()]);
    assert_eq!(beside.selector.as_deref(), Some("app=web"));
    let alone = rolled_back(&[("selector", "app=web"), ("workloads", "")]);
    assert_eq!(alone.workloads, []);
    let rows = [
        (
            ("toRevision", "3"),
            "input `toRevision`: a revision belongs to one workload; name it instead of a selector",
        ),
        (
            ("evidence", EVIDENCE_JSON),
            "input `selector`: the evidence names the workloads; give one of the two",
        ),
    ];
    for (beside, says) in rows {
        let raw = task(&[
            ("command", "rollback"),
            ("workloads", ""),
            ("selector", "app=web"),
            beside,
        ]);
        assert_eq!(complaints(&raw), [says]);
    }
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
             `selector`, or input `evidence`, which names the workloads",
        ),
        (
            "workloads",
            "web",
            "input `workloads`: `web` has no kind; write `deployment/web`",
        ),
        (
            "selector",
            "app:web",
            "input `selector`: `app:web` is not a label selector; write for example `app=web`, \
             `app!=web` or `tier in (web, api)`, and a `,` between several",
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
