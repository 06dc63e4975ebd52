use super::*;

#[test]
fn each_row_is_found_and_hides_no_other() {
    for row in OIDC_REFUSALS {
        let found = match row.sign {
            Sign::Words(words) => row_of(200, None, words),
            Sign::Status(from, _) => row_of(from, None, ""),
        };
        assert_eq!(found.map(|it| it.sign), Some(row.sign));
    }
}

#[test]
fn answers_as_they_come() {
    let rows: &[(&str, u16, &str, &str, Option<OidcSubject>)] = &[
        (
            "a connection that the stage does not name",
            200,
            "",
            "There is no explicit reference to service connection 5d0a from current stage Deploy.Job.__default.",
            Some(OidcSubject::Connection),
        ),
        (
            "a connection that is not there",
            404,
            "ServiceEndpointException",
            "The service connection does not exist or has not been authorized for use.",
            Some(OidcSubject::Connection),
        ),
        (
            "a run that has ended",
            404,
            "TaskOrchestrationPlanNotFoundException",
            "No plan found for identifier 3c0d.",
            Some(OidcSubject::Job),
        ),
        (
            "a project that was renamed",
            404,
            "ProjectDoesNotExistWithNameException",
            "TF200016: The following project does not exist: shop.",
            Some(OidcSubject::Job),
        ),
        (
            "a Conditional Access policy",
            401,
            "",
            "VS403463: The conditional access policy defined by your administrator has failed.",
            Some(OidcSubject::Token),
        ),
        (
            "rights",
            403,
            "UnauthorizedRequestException",
            "TF400813: The user 'x' is not authorized to access this resource.",
            Some(OidcSubject::Token),
        ),
        ("a sign-in page", 203, "", "", Some(OidcSubject::Token)),
        ("a redirect", 302, "", "", Some(OidcSubject::Token)),
        ("404 alone", 404, "", "", Some(OidcSubject::Connection)),
        (
            "an old server",
            400,
            "VssInvalidPreviewVersionException",
            "",
            Some(OidcSubject::Address),
        ),
        (
            "an internal error",
            500,
            "",
            "TF400898: An Internal Error Occurred. Activity Id: 1.",
            Some(OidcSubject::Service),
        ),
        ("a token", 200, "", "", None),
        (
            "something else",
            400,
            "ArgumentException",
            "Value cannot be null.",
            None,
        ),
    ];
    for (says, status, code, message, expected) in rows {
        let found = row_of(*status, Some(code), message).map(|row| row.subject);
        assert_eq!(found, *expected, "{says}");
    }
}
