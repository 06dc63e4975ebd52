use std::collections::HashSet;

use super::*;

/// Codes that users of service connections report.
const REPORTED: [u32; 22] = [
    70_021, 70_025, 70_052, 700_211, 700_212, 700_213, 700_223, 700_238, 700_016, 700_024, 700_027,
    7_000_112, 7_000_215, 7_000_222, 7_000_229, 90_002, 90_061, 50_034, 50_166, 530_003, 53_003,
    900_382,
];

#[test]
fn the_reported_codes_and_at_least_fifty_have_one_fix_each() {
    let codes: HashSet<u32> = ENTRA_REFUSALS.iter().map(|row| row.code).collect();
    assert_eq!(codes.len(), ENTRA_REFUSALS.len(), "a code stands twice");
    assert!(codes.len() >= 50, "{}", codes.len());
    for code in REPORTED {
        assert!(codes.contains(&code), "{code}");
    }
}

#[test]
fn each_code_has_its_fix_and_the_code_beside_it_only_a_page() {
    for row in ENTRA_REFUSALS {
        let code = format!("AADSTS{}", row.code);
        assert_eq!(fix_of(&code, None), Some(row.fix), "{code}");
        let said = format!("error: {code}: No. Trace ID: 1");
        let hint = hint_for_program(&said);
        assert_eq!(hint.as_deref(), Some(row.fix.at_command_line()), "{code}");
        let beside = format!("AADSTS{}99", row.code);
        assert_eq!(fix_of(&beside, None), None, "{beside}");
        assert_eq!(
            hint_for_program(&beside),
            Some(format!(
                "Microsoft explains it at https://login.microsoftonline.com/error?code={}99",
                row.code
            ))
        );
    }
    assert_eq!(hint_for_program("exit status 1"), None);
}

#[test]
fn a_fix_speaks_of_what_its_reader_has() {
    let fixes = ENTRA_REFUSALS.iter().map(|row| row.fix);
    let arm = super::super::ARM_REFUSALS.iter().map(|row| row.fix);
    for fix in fixes.chain(arm).chain([ARM_UNKNOWN, CLUSTER_UNKNOWN]) {
        for word in ["kubeconfig", "kubelogin", "this machine"] {
            assert!(!fix.in_task().contains(word), "{}", fix.in_task());
        }
        for word in ["service connection", "input", "the agent", "the job"] {
            let text = fix.at_command_line();
            assert!(!text.contains(word), "{word}: {text}");
        }
        for text in [fix.in_task(), fix.at_command_line()] {
            assert!(text.starts_with(char::is_alphanumeric), "{text}");
            assert!(!text.ends_with('.'), "{text}");
        }
    }
}

#[test]
fn an_unknown_resource_is_told_apart_by_what_the_token_is_for() {
    let of = |scope| fix_of("AADSTS500011", scope).unwrap().in_task();
    assert!(of(Some(TokenScope::AzureResourceManager)).contains("Azure Resource Manager"));
    assert!(of(Some(TokenScope::Cluster)).contains("server application"));
    assert!(of(None).contains("server application"));
}

#[test]
fn only_what_passes_is_tried_again() {
    let rows = [
        ("AADSTS90033: A transient error has occurred.", true),
        (
            "AADSTS50166: Request to External OIDC endpoint failed.",
            true,
        ),
        ("AADSTS90055: Too many requests.", true),
        // More attempts prolong it (MSAL waits for a minute).
        ("AADSTS50196: The server terminated an operation", false),
        ("AADSTS7000215: Invalid client secret provided.", false),
        ("AADSTS90036: An unexpected, non-retryable error", false),
        ("temporarily_unavailable", false),
    ];
    for (message, passes) in rows {
        assert_eq!(may_pass(message), passes, "{message}");
    }
}

#[test]
fn entras_code_is_found_wherever_it_stands() {
    let rows = [
        (
            "AADSTS7000215: Invalid client secret provided.",
            Some("AADSTS7000215"),
        ),
        (
            "unauthorized_client: AADSTS700016: Application",
            Some("AADSTS700016"),
        ),
        ("AADSTS without a number", None),
        ("no code", None),
    ];
    for (message, code) in rows {
        assert_eq!(aadsts(message).as_deref(), code, "{message}");
    }
}
