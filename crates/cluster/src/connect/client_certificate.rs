//! When the client certificate ends with which a kubeconfig's user signs in.

use jiff::Timestamp;
use k8s_openapi::ByteString;
use kube::config::AuthInfo;
use rollguard_network::certificate_end;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use crate::error::{Cause, ClusterError};

/// Returns when it ends; `None` where the user has none that can be read.
pub(super) fn end_of(user: &AuthInfo) -> Option<Timestamp> {
    // The first is the user's own, those of its authorities follow.
    let certificate = CertificateDer::from_pem_slice(&pem_of(user)?).ok()?;
    Timestamp::try_from(certificate_end(&certificate)?).ok()
}

#[expect(clippy::disallowed_methods, reason = "a kubeconfig may name a file")]
fn pem_of(user: &AuthInfo) -> Option<Vec<u8>> {
    let Some(data) = &user.client_certificate_data else {
        return std::fs::read(user.client_certificate.as_ref()?).ok();
    };
    let ByteString(pem) = serde_json::from_value(Value::String(data.clone())).ok()?;
    Some(pem)
}

/// Says that a refused certificate has ended: the API server only says that it does not accept it.
pub(super) fn explained(
    error: ClusterError,
    end: Option<Timestamp>,
    now: Timestamp,
) -> ClusterError {
    let refused = matches!(
        error.cause(),
        Some(Cause::Answer { code: 401, .. } | Cause::Tls(_))
    );
    match end.filter(|end| *end <= now) {
        Some(end) if refused => error.with_hint(format!(
            "the client certificate with which you sign in ended at {end:.0}: get a new one"
        )),
        Some(_) | None => error,
    }
}
