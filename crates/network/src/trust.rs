//! The certificates that are trusted.

/// Certificates that are trusted besides the platform's, and the one that is shown to a server that asks.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Certificate authorities, PEM: `AGENT_CAINFO`, `NODE_EXTRA_CA_CERTS`.
    pub extra_roots_pem: Vec<u8>,
    /// A client certificate and its key, PEM: `AGENT_CLIENTCERT` and `AGENT_CLIENTCERTKEY`.
    pub client_identity_pem: Option<Vec<u8>>,
    /// `AGENT_SKIPCERTVALIDATION`. The API server's certificate is verified all the same: its authority comes
    /// with the kubeconfig.
    pub skip_verification: bool,
}

/// What to do on a machine without certificate authorities, such as a slim container image.
pub const NO_ROOTS_HINT: &str = "install the package ca-certificates, or name a file of certificate authorities \
    (PEM): in SSL_CERT_FILE instead of the platform's, in NODE_EXTRA_CA_CERTS besides them";

/// Returns whether a TLS library's error says that the machine has no certificate authorities; there is no type for
/// it (rustls-platform-verifier 0.7, `verification/others.rs`).
#[must_use]
pub fn says_no_roots(error: &str) -> bool {
    error.contains("No CA certificates were loaded")
}
