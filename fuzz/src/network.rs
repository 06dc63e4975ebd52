//! Headers, proxies, certificates; and the short texts of the API.

use std::collections::BTreeMap;

use rollguard_core::annotation::{LastKnownGood, RollbackRecord};
use rollguard_core::foreign_text::without_secrets;
use rollguard_core::label_selector::{Requirement, split};
use rollguard_core::quantity::Quantity;
use rollguard_core::rollback::execution::Recording;
use rollguard_network::{
    LONGEST_WAIT, Proxies, Proxy, ProxySettings, certificate_end, retry_after,
};

/// The first byte says how the rest is read.
pub(crate) fn network(data: &[u8]) {
    let [what, rest @ ..] = data else { return };
    if what % 8 == 0 {
        let _ = certificate_end(rest);
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    match what % 8 {
        1 => {
            let wait = retry_after(one, Some(other)).into_iter();
            let alone = retry_after(one, None).into_iter();
            assert!(wait.chain(alone).all(|it| it <= LONGEST_WAIT));
        }
        2 => proxied(one, other),
        3 => {
            let parsed = Quantity::parse(text);
            let sums = parsed.map(|it| it.plus(it).minus(it).times(i64::MAX));
            assert_eq!(sums.is_some(), parsed.is_some());
        }
        4 => {
            let labels = BTreeMap::from([("app".to_owned(), other.to_owned())]);
            for part in split(one) {
                let _ = Requirement::parse(part).is_some_and(|it| it.matches(&labels));
            }
        }
        5 => {
            if let Some(mark) = LastKnownGood::parse(one, other) {
                assert_eq!(mark.uid, other, "a mark counts on its own object only");
                assert_eq!(LastKnownGood::parse(&mark.to_text(), other), Some(mark));
            }
            if let Some(record) = RollbackRecord::parse(text) {
                assert_eq!(RollbackRecord::parse(&record.to_text()), Some(record));
            }
        }
        6 => drop(Recording::parse(text)),
        _ => {
            let masked = without_secrets(text);
            assert_eq!(without_secrets(&masked), masked);
            assert_eq!(masked.lines().count(), text.lines().count());
        }
    }
}

/// A proxy's password is in no error.
fn proxied(address: &str, no_proxy: &str) {
    const MARK: &str = "k3y-th4t-n0b0dy-sees";
    let address = address.replace("SECRET", MARK);
    if let Err(error) = Proxy::parse("HTTPS_PROXY", &address) {
        assert!(!format!("{error} {error:?}").contains(MARK), "{error}");
    }
    let settings = ProxySettings::from_variables(|name| match name.to_uppercase().as_str() {
        "HTTPS_PROXY" => Some(address.clone()),
        "NO_PROXY" => Some(no_proxy.to_owned()),
        _ => None,
    });
    if let Ok(proxies) = Proxies::new(&settings) {
        for url in [
            "https://10.0.0.1:443/x",
            "https://[fd00::1]/",
            "https://a.b.test/",
        ] {
            let _ = proxies.of(&url.parse().unwrap());
        }
    }
}
