//! Wrong inputs: what is said about them, in a pipeline and on the command line.

use proptest::prelude::*;

use super::*;

/// An input of a check, a wrong value, and what is said about it.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "command",
        "undo",
        "input `command`: `undo` is not a command; write `check`, `rollback`, `doctor` or `lint`",
    ),
    (
        "command",
        "Check",
        "input `command`: `Check` is not a command; write `check`, `rollback`, `doctor` or `lint`",
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
        "deployment/db deploy web api",
        "input `workloads`: `deploy web api` has a space where the other workloads have a slash; \
         write `deploy/web deploy/api`",
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
            Some(ConnectionType::AzureResourceManager | ConnectionType::NoConnection) | None => {
                task(&changes)
            }
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
        ("workloads", "web,api"),
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
            "`WORKLOAD`: `deployment web,api` has a comma between names; write `deployment web api`",
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

#[test]
fn a_job_has_no_revision_to_go_back_to_or_to_name() {
    let rows = [
        ("a rollback of a Job", "rollback", "job/migrate", ""),
        ("of the Job of a CronJob", "rollback", "cronjob/nightly", ""),
        (
            "of a Job beside others",
            "rollback",
            "deployment/web\njob/migrate",
            "",
        ),
        (
            "a check of a revision of a Job",
            "check",
            "job/migrate",
            "3",
        ),
    ];
    for (says, command, workloads, revision) in rows {
        let inputs = [
            ("command", command),
            ("workloads", workloads),
            ("revision", revision),
        ];
        let kept: Vec<(&str, &str)> = inputs
            .into_iter()
            .filter(|(_, it)| !it.is_empty())
            .collect();
        let said = complaints(&task(&kept)).join("\n");
        assert!(
            said.contains("Jobs have no revisions to go back to"),
            "{says}: {said}"
        );
    }
}

#[test]
fn a_cron_job_is_kept_apart_until_its_newest_job_is_known() {
    let inputs = checked(&[("workloads", "cronjob/nightly deployment/web\ncj nightly")]);
    assert_eq!(inputs.cron_jobs, ["nightly"]);
    let named: Vec<String> = inputs.workloads.iter().map(ToString::to_string).collect();
    assert_eq!(named, ["deployment/web"]);
}
