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
