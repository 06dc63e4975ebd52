//! The short texts that people and former jobs hand in.

use std::time::Duration;

use rollguard_core::duration::{self, Human};
use rollguard_core::handover::Handover;
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
    if let Ok(handover) = Handover::parse(text) {
        let written = handover.to_json().unwrap();
        assert!(!written.contains('\n'));
        assert_eq!(Handover::parse(&written).unwrap(), handover);
    }
}
