use super::*;
use crate::workload::WorkloadKind;

/// Findings in which every permission but these is granted.
fn findings(usage: Usage, answers: &[(&str, Answer)]) -> Findings {
    let permissions = usage.permissions().into_iter().map(|used| {
        let name = used.permission.to_string();
        let given = answers.iter().find(|(known, _)| *known == name);
        let answer = given.map_or(Answer::Granted, |(_, answer)| answer.clone());
        Reviewed { used, answer }
    });
    Findings {
        permissions: permissions.collect(),
        namespace: "shop".to_owned(),
        user: "5b1c".to_owned(),
        azure_rbac: None,
        facts: vec![
            Fact::new(About::Identity, State::Good, "5b1c"),
            Fact::new(About::Clock, State::Warning, "2m ahead of the API server's"),
            Fact::new(
                About::Credential,
                State::Unseen,
                "cannot see when the secret expires",
            )
            .hint("az ad app credential list"),
        ],
        problem: None,
        usage,
    }
}

fn web() -> Usage {
    Usage::of([Command::Check, Command::Rollback]).with_kinds([WorkloadKind::Deployment])
}

fn unseen() -> Answer {
    Answer::Unseen {
        reason: "the webhook ##vso[x] timed out".to_owned(),
    }
}

fn text(findings: &Findings) -> String {
    let lines = doctor_lines(findings);
    lines.iter().map(|it| it.text() + "\n").collect()
}

#[test]
fn only_what_a_command_cannot_do_without_keeps_the_stage_from_working() {
    let rows = [
        (
            "all granted",
            vec![],
            Diagnosis::Ready,
            "ready for check and rollback in namespace shop",
        ),
        (
            "a narrowed view",
            vec![
                ("list pods", Answer::Missing),
                ("watch pods", Answer::Missing),
            ],
            Diagnosis::Ready,
            "ready for check and rollback in namespace shop, although 2 permissions are missing",
        ),
        (
            "no mark",
            vec![("patch replicasets.apps", Answer::Missing)],
            Diagnosis::Ready,
            "ready for check and rollback in namespace shop, although one permission is missing",
        ),
        (
            "an API that the cluster does not have",
            vec![("list certificates.cert-manager.io", Answer::NotServed)],
            Diagnosis::Ready,
            "ready for check and rollback in namespace shop",
        ),
        (
            "no patch",
            vec![
                ("patch deployments.apps", Answer::Missing),
                ("list pods", unseen()),
            ],
            Diagnosis::PermissionMissing,
            "not ready for check and rollback in namespace shop: may not patch deployments.apps",
        ),
        (
            "an open question that matters",
            vec![("patch deployments.apps", unseen())],
            Diagnosis::Undetermined,
            "undetermined for check and rollback in namespace shop: the API server did not say whether all needed \
             permissions are granted",
        ),
        (
            "an open question that does not",
            vec![("list pods", unseen())],
            Diagnosis::Ready,
            "ready for check and rollback in namespace shop",
        ),
    ];
    for (says, answers, diagnosis, sentence) in rows {
        let findings = findings(web(), &answers);
        assert_eq!(findings.diagnosis(), diagnosis, "{says}");
        assert_eq!(findings.sentence(), sentence, "{says}");
    }
}

#[test]
fn a_cluster_that_could_not_be_asked_is_not_ready_whatever_else_is_known() {
    let findings = Findings {
        problem: Some(Problem {
            messages: vec!["failed to reach the API server: no answer".to_owned()],
            hint: Some("start it: az aks start".to_owned()),
        }),
        permissions: Vec::new(),
        ..findings(web(), &[])
    };
    assert_eq!(findings.diagnosis(), Diagnosis::NotConnected);
    let text = text(&findings);
    assert!(
        text.contains("error: failed to reach the API server: no answer\nhint: start it"),
        "{text}"
    );
    assert!(findings.role().is_none());
    let page = doctor_markdown(&findings);
    assert!(
        page.contains("\nWhat to do: start it: az aks start\n\n| |"),
        "{page}"
    );
    assert_eq!(findings.hint().as_deref(), Some("start it: az aks start"));
}

#[test]
fn a_hint_says_what_to_do_about_a_missing_permission() {
    let missing = [("patch deployments.apps", Answer::Missing)];
    let azure_rbac = Some(AzureRbac {
        cluster_id: "/subscriptions/0/x".to_owned(),
    });
    let rows = [
        ("nothing is missing", findings(web(), &[]), None),
        (
            "a Role is missing",
            findings(web(), &missing),
            Some("have an administrator apply the Role in the log"),
        ),
        (
            "a role assignment is missing",
            Findings {
                azure_rbac,
                ..findings(web(), &missing)
            },
            Some("so assign a role: az role assignment create"),
        ),
    ];
    for (says, findings, expected) in rows {
        let hint = findings.hint();
        assert_eq!(hint.is_some(), expected.is_some(), "{says}: {hint:?}");
        let hint = hint.unwrap_or_default();
        assert!(
            hint.contains(expected.unwrap_or_default()),
            "{says}: {hint}"
        );
    }
}

#[test]
fn a_role_is_shown_whole_and_only_where_something_is_missing() {
    assert!(findings(web(), &[]).role().is_none());
    let role = findings(
        web(),
        &[
            ("list pods", Answer::Missing),
            ("list certificates.cert-manager.io", Answer::NotServed),
        ],
    )
    .role()
    .unwrap();
    assert!(role.contains("resources: [deployments]"), "{role}");
    assert!(role.contains("name: \"5b1c\""), "{role}");
    assert!(!role.contains("certificates"), "{role}");
}

#[test]
fn on_a_cluster_with_azure_rbac_a_role_assignment_grants() {
    let missing = [("patch deployments.apps", Answer::Missing)];
    let with = |answers: &[(&str, Answer)]| Findings {
        azure_rbac: Some(AzureRbac {
            cluster_id: "/subscriptions/0/x".to_owned(),
        }),
        ..findings(web(), answers)
    };
    assert!(with(&[]).role_assignment().is_none());
    let command = with(&missing).role_assignment().unwrap();
    assert!(command.contains("--assignee-object-id 5b1c"), "{command}");
    assert!(
        command.ends_with("--scope \"/subscriptions/0/x/namespaces/shop\""),
        "{command}"
    );
}

#[test]
fn the_table_has_what_is_missing_first_and_what_to_apply_last() {
    let findings = findings(
        web(),
        &[
            ("patch deployments.apps", Answer::Missing),
            ("get pods/log", Answer::Missing),
            ("patch replicasets.apps", Answer::Missing),
            ("create pods", unseen()),
            ("list sealedsecrets.bitnami.com", Answer::NotServed),
        ],
    );
    insta::assert_snapshot!("table", text(&findings));
    insta::assert_snapshot!("page", doctor_markdown(&findings));
    let json = findings.document(5).to_json().unwrap();
    assert!(!json.contains('#'), "{json}");
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["diagnosis"], "permissionMissing");
    assert_eq!(read["exitCode"], 5);
    let missing = read["permissions"].as_array().unwrap().iter();
    let missing: Vec<_> = missing.filter(|it| it["answer"] == "missing").collect();
    assert_eq!(missing.len(), 3);
    let patch = missing
        .iter()
        .find(|it| it["resource"] == "deployments")
        .unwrap();
    assert_eq!(
        (&patch["verb"], &patch["need"]),
        (&"patch".into(), &"needed".into())
    );
    assert_eq!(patch["commands"], serde_json::json!(["rollback"]));
}
