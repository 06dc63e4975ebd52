//! The short texts that people and former jobs hand in.

use std::time::Duration;

use rollguard_core::approval;
use rollguard_core::duration::{self, Human};
use rollguard_core::finding::FindingCode;
use rollguard_core::http::{HttpAnswer, HttpCheck};
use rollguard_core::report::parse_approval;
use rollguard_core::workload::{Revision, WorkloadName, is_dns_label, is_dns_subdomain};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn words(text: &str) {
    if let Ok(read) = duration::parse(text) {
        assert!(!read.is_zero() && read <= DAY);
        let shown = Human(read).to_string();
        // What is shown leaves out what is too small to matter, so it may come to nothing.
        if read.as_secs() > 0 {
            let again = duration::parse(&shown).unwrap();
            assert!(again <= read && read < again + MINUTE, "{shown}");
        }
    }
    match WorkloadName::parse(text) {
        Ok(name) => {
            assert!(is_dns_subdomain(&name.name));
            let shown = name.clone().in_namespace("shop").to_string();
            assert_eq!(WorkloadName::parse(&shown), Ok(name));
        }
        Err(error) => assert!(error.to_string().starts_with('`')),
    }
    if let Some(revision) = Revision::parse(text) {
        assert_eq!(Revision::parse(&revision.to_string()), Some(revision));
    }
    assert!(!is_dns_label(text) || is_dns_subdomain(text));
    if let Ok(approval) = parse_approval(text) {
        // More workloads than fit have no JSON form.
        let Some(written) = approval.to_json().unwrap() else {
            return;
        };
        assert!(!written.contains('\n') && written.len() <= approval::LIMIT);
        let read = parse_approval(&written).unwrap();
        assert_eq!(read.workloads.len(), approval.workloads.len());
    }
}

/// The check is the first line, what a pod answers the rest.
pub(crate) fn http(text: &str) {
    let (check, answer) = text.split_once('\n').unwrap_or((text, ""));
    // A code is one word or refused with a suggestion.
    if let Ok(code) = FindingCode::parse(check) {
        assert_eq!(FindingCode::parse(code.as_str()), Ok(code));
    }
    let check = match HttpCheck::parse(check) {
        Ok(check) => check,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(HttpCheck::parse(&check.to_string()), Ok(check.clone()));
    assert!(check.path().starts_with('/'));
    let (status, body) = answer.split_once(' ').unwrap_or(("200", answer));
    let status = status.parse().unwrap_or(200);
    // What it says may quote the user's own words, and never those of the pod.
    let _ = check.judge(&HttpAnswer::new(status, MINUTE, body));
}
