use super::*;
use crate::finding::{SecretWriter, Sibling};
use crate::observation::ResourceKind;
use crate::traffic::TrafficKind;
use WorkloadKind::{DaemonSet, Deployment, StatefulSet};

fn used(usage: &Usage) -> Vec<String> {
    let all = usage.permissions();
    all.iter().map(|it| it.permission.to_string()).collect()
}

fn need(usage: &Usage, permission: &str) -> Option<Need> {
    let all = usage.permissions();
    let found = all
        .iter()
        .find(|it| it.permission.to_string() == permission);
    found.map(UsedPermission::need)
}

fn of(command: Command, kind: WorkloadKind) -> Usage {
    Usage::of([command]).with_kinds([kind])
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of named rows")]
fn what_a_permission_is_needed_for_decides_how_much_depends_on_it() {
    use Command::{Check, Drill, Rollback};
    use Need::{Narrows, Needed, Optional};
    let with = |change: fn(&mut Usage), mut usage: Usage| {
        change(&mut usage);
        usage
    };
    let check = of(Check, Deployment);
    let rollback = of(Rollback, StatefulSet);
    let rows = [
        (
            "a check follows the workload",
            check.clone(),
            "watch deployments.apps",
            Some(Needed),
        ),
        (
            "of its own kind",
            check.clone(),
            "watch statefulsets.apps",
            None,
        ),
        (
            "other kinds may free quota",
            check.clone(),
            "list statefulsets.apps",
            Some(Narrows),
        ),
        (
            "without pods the counts remain",
            check.clone(),
            "list pods",
            Some(Narrows),
        ),
        (
            "over HTTP pods must be seen",
            with(|it| it.http = true, check.clone()),
            "list pods",
            Some(Needed),
        ),
        (
            "over HTTP pods are asked",
            with(|it| it.http = true, check.clone()),
            "get pods/proxy",
            Some(Needed),
        ),
        (
            "without HTTP they are asked for the ports of Services only",
            check.clone(),
            "get pods/proxy",
            Some(Narrows),
        ),
        (
            "without HTTP and traffic they are not",
            with(|it| it.traffic = false, check.clone()),
            "get pods/proxy",
            None,
        ),
        (
            "a Service is asked over HTTP",
            with(|it| it.http_service = true, check.clone()),
            "get services/proxy",
            Some(Needed),
        ),
        (
            "with HTTP checks of pods only it is not",
            with(|it| it.http = true, check.clone()),
            "get services/proxy",
            None,
        ),
        (
            "logs are read",
            check.clone(),
            "get pods/log",
            Some(Narrows),
        ),
        (
            "unless they are not wanted",
            with(|it| it.logs = false, check.clone()),
            "get pods/log",
            None,
        ),
        (
            "Services are read",
            check.clone(),
            "list services",
            Some(Narrows),
        ),
        (
            "unless the traffic is not followed",
            with(|it| it.traffic = false, check.clone()),
            "list endpointslices.discovery.k8s.io",
            None,
        ),
        (
            "a mark is a convenience",
            check.clone(),
            "patch replicasets.apps",
            Some(Optional),
        ),
        (
            "unless it is not wanted",
            with(|it| it.mark = false, check.clone()),
            "patch replicasets.apps",
            None,
        ),
        (
            "a selector lists every kind",
            with(|it| it.selector = true, check.clone()),
            "list daemonsets.apps",
            Some(Needed),
        ),
        (
            "a check changes no workload",
            check.clone(),
            "patch deployments.apps",
            None,
        ),
        (
            "nodes matter for a DaemonSet",
            of(Check, DaemonSet),
            "list nodes",
            Some(Narrows),
        ),
        ("and for no other kind", check, "list nodes", None),
        (
            "a rollback restores",
            rollback.clone(),
            "patch statefulsets.apps",
            Some(Needed),
        ),
        (
            "it reads the history",
            rollback.clone(),
            "list controllerrevisions.apps",
            Some(Needed),
        ),
        (
            "it replaces stuck pods",
            rollback.clone(),
            "delete pods",
            Some(Needed),
        ),
        (
            "of no other kind",
            of(Rollback, Deployment),
            "delete pods",
            None,
        ),
        (
            "it checks again",
            rollback.clone(),
            "watch statefulsets.apps",
            Some(Needed),
        ),
        (
            "unless it does not wait",
            with(|it| it.wait = false, rollback.clone()),
            "watch statefulsets.apps",
            None,
        ),
        (
            "it writes the change cause at most",
            rollback,
            "patch controllerrevisions.apps",
            Some(Optional),
        ),
        (
            "a drill creates its namespace",
            of(Drill, Deployment),
            "create namespaces",
            Some(Needed),
        ),
        (
            "and deploys into it",
            of(Drill, Deployment),
            "create deployments.apps",
            Some(Needed),
        ),
        (
            "nothing else deletes namespaces",
            of(Rollback, Deployment),
            "delete namespaces",
            None,
        ),
    ];
    for (says, usage, permission, expected) in rows {
        assert_eq!(need(&usage, permission), expected, "{says}");
    }
}

#[test]
fn every_permission_is_listed_once_and_says_what_for() {
    let everything = Usage {
        selector: true,
        http: true,
        ..Usage::of(Command::ALL)
    };
    let all = everything.permissions();
    let mut distinct: Vec<Permission> = all.iter().map(|it| it.permission).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), all.len());
    for used in all {
        assert!(used.why().starts_with("to "), "{}", used.permission);
        assert!(!used.commands().is_empty(), "{}", used.permission);
    }
}

#[test]
fn what_a_session_watches_stands_in_the_table() {
    for kind in WorkloadKind::ALL {
        let listed = used(&of(Command::Check, kind));
        for resource in ResourceKind::needed_for(kind) {
            for verb in ["list", "watch"] {
                let plural = resource.plural();
                let is_it = |it: &String| {
                    it.strip_prefix(verb)
                        .is_some_and(|it| it.trim_start().split('.').next() == Some(plural))
                };
                assert!(listed.iter().any(is_it), "{verb} {plural} for {kind}");
            }
        }
    }
}

#[test]
fn what_a_session_looks_up_stands_in_the_table() {
    let listed = used(&of(Command::Check, Deployment));
    let writers = SecretWriter::ALL.iter().map(|it| (it.plural, it.group));
    let siblings = Sibling::ALL.iter().map(|it| (it.plural, "apps"));
    // Classes are the cluster's, and read only with what the identity has anyway.
    let traffic = TrafficKind::ALL.iter().filter(|it| it.is_namespaced());
    let traffic = traffic.map(|it| (it.plural(), it.group()));
    for (plural, group) in writers.chain(siblings).chain(traffic) {
        let permission = format!("list {plural}.{group}");
        let permission = permission.trim_end_matches('.').to_owned();
        assert!(listed.contains(&permission), "{permission}");
    }
}

#[test]
fn a_subresource_is_told_from_its_resource() {
    let permission = |resource| Permission {
        scope: Scope::Namespace,
        group: "",
        resource,
        verb: "get",
    };
    let log = permission("pods/log");
    assert_eq!((log.plural(), log.subresource()), ("pods", Some("log")));
    let pods = permission("pods");
    assert_eq!((pods.plural(), pods.subresource()), ("pods", None));
}

#[test]
fn a_role_binds_users_and_service_accounts_as_the_api_wants_them() {
    let rows = [
        (
            "5b1c2d3e-0000-4000-8000-00000000000a",
            "  - { kind: User, name: \"5b1c2d3e-0000-4000-8000-00000000000a\", apiGroup: rbac.authorization.k8s.io }",
        ),
        (
            "system:serviceaccount:ci:deployer",
            "  - { kind: ServiceAccount, name: \"deployer\", namespace: \"ci\" }",
        ),
        (
            "a\"b\n  - kind: Group",
            "  - { kind: User, name: \"a\\\"b\\n  - kind: Group\", apiGroup: rbac.authorization.k8s.io }",
        ),
        (
            "",
            "  - { kind: User, name: \"<user>\", apiGroup: rbac.authorization.k8s.io }",
        ),
    ];
    for (user, line) in rows {
        let binding = Binding {
            namespace: "shop".to_owned(),
            subject: Subject::of_user(user),
        };
        let text = role(&of(Command::Check, Deployment).permissions(), &binding);
        assert_eq!(text.lines().last(), Some(line));
    }
}

#[test]
fn the_role_of_a_check_of_a_deployment_is_minimal() {
    let binding = Binding {
        namespace: "shop".to_owned(),
        subject: Subject::Unknown,
    };
    let usage = Usage {
        logs: false,
        traffic: false,
        mark: false,
        ..of(Command::Check, Deployment)
    };
    insta::assert_snapshot!(role(&usage.permissions(), &binding));
    let drill = role(&of(Command::Drill, Deployment).permissions(), &binding);
    assert!(!drill.contains("kind: Role\n"), "{drill}");
    let all = role(&of(Command::Rollback, DaemonSet).permissions(), &binding);
    let kinds: Vec<&str> = all
        .lines()
        .filter_map(|it| it.strip_prefix("kind: "))
        .collect();
    assert_eq!(
        kinds,
        ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]
    );
}

#[test]
fn no_role_replaces_that_of_another_command_or_of_another_namespace() {
    use Command::{Check, Drill, Rollback};
    let rows: [(&str, &[Command], &str, &[&str]); 5] = [
        (
            "a check",
            &[Check],
            "shop",
            &["rollguard-check", "rollguard-check-shop"],
        ),
        (
            "in another namespace",
            &[Check],
            "bank",
            &["rollguard-check", "rollguard-check-bank"],
        ),
        (
            "a rollback",
            &[Rollback],
            "shop",
            &["rollguard-rollback", "rollguard-rollback-shop"],
        ),
        (
            "both",
            &[Rollback, Check],
            "shop",
            &["rollguard-check-rollback", "rollguard-check-rollback-shop"],
        ),
        (
            "a drill, which makes its namespace",
            &[Drill],
            "shop",
            &["rollguard-drill"],
        ),
    ];
    for (says, commands, namespace, expected) in rows {
        let binding = Binding {
            namespace: namespace.to_owned(),
            subject: Subject::Unknown,
        };
        let usage = Usage::of(commands.iter().copied()).with_kinds(WorkloadKind::ALL);
        let text = role(&usage.permissions(), &binding);
        let names = text.lines().filter_map(|it| it.strip_prefix("  name: "));
        let names: std::collections::BTreeSet<&str> = names.collect();
        let expected: std::collections::BTreeSet<&str> = expected.iter().copied().collect();
        assert_eq!(names, expected, "{says}");
    }
}
