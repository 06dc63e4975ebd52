use super::*;

fn cluster(name: &str) -> ClusterId {
    ClusterId::new("7b795fb9-0000-4000-8000-000000000005", "rg-shop", name).unwrap()
}

fn fix(status: u16, code: &str, message: &str) -> Option<&'static str> {
    let code = Some(code).filter(|code| !code.is_empty());
    fix_of(&cluster("deleting-test"), status, code, message).map(Fix::in_task)
}

#[test]
fn each_row_is_found_and_hides_no_other() {
    for row in ARM_REFUSALS {
        let found = fix(409, row.code, row.words);
        assert_eq!(found, Some(row.fix.in_task()), "{} {}", row.code, row.words);
    }
    assert!(ARM_REFUSALS.len() >= 25);
}

#[test]
fn refusals_in_azures_words() {
    let rows: &[(&str, u16, &str, &str, Option<&str>)] = &[
        (
            "a stopped cluster",
            409,
            "OperationNotAllowed",
            "managed cluster is in Provisioning State(Succeeded) and Power State(Stopped), stopping cannot be performed",
            Some("the cluster is stopped"),
        ),
        (
            "an upgrade",
            409,
            "OperationNotAllowed",
            "Operation is not allowed because there's an in progress upgrade managed cluster operation",
            Some("being changed or upgraded"),
        ),
        (
            "a deletion",
            409,
            "Conflict",
            "The cluster is in deleting state.",
            Some("being deleted"),
        ),
        (
            "a cluster whose name says otherwise",
            409,
            "Conflict",
            "Cluster deleting-test in rg-shop has a conflict.",
            Some("state of the cluster forbids it"),
        ),
        (
            "a missing cluster whose name says otherwise",
            404,
            "ResourceNotFound",
            "The Resource 'Microsoft.ContainerService/managedClusters/deleting-test' was not found.",
            Some("check the inputs `aksCluster`"),
        ),
        (
            "a policy that mentions a deletion",
            403,
            "RequestDisallowedByPolicy",
            "Resource was disallowed by policy 'no deleting while an audit is in progress'.",
            Some("an Azure policy denies it"),
        ),
        (
            "local accounts",
            400,
            "BadRequest",
            "Getting static credential is not allowed because this cluster is set to disable local accounts.",
            Some("no local accounts"),
        ),
        (
            "a lock",
            409,
            "ScopeLocked",
            "The scope '/x' cannot perform write operation because following scope(s) are locked: '/x'.",
            Some("a read-only lock"),
        ),
        (
            "in another case",
            403,
            "linkedauthorizationfailed",
            "",
            Some("a linked resource"),
        ),
        ("an unknown code", 418, "Teapot", "in progress", None),
        ("no code", 500, "", "in progress", None),
    ];
    for (says, status, code, message, expected) in rows {
        let found = fix(*status, code, message);
        match expected {
            Some(words) => assert!(
                found.is_some_and(|it| it.contains(words)),
                "{says}: {found:?}"
            ),
            None => assert_eq!(found, None, "{says}"),
        }
    }
}
