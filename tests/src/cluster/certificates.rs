//! The cluster's own certificate authority, created for every run.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

use super::run::Run;

/// Paths of what the components are started with, and the authority's certificate as text.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) ca_pem: String,
    pub(super) ca: PathBuf,
    /// The API server's serving certificate, for `127.0.0.1`.
    pub(super) server: PairFiles,
    /// What the API server shows to the kubelet (logs, exec).
    pub(super) kubelet_client: PairFiles,
    /// The key pair that signs service account tokens.
    pub(super) service_account: PairFiles,
}

/// A certificate (or public key) and its private key, as PEM files.
#[derive(Debug)]
pub(super) struct PairFiles {
    pub(super) public: PathBuf,
    pub(super) private: PathBuf,
}

impl Certificates {
    /// Makes the authority and everything it signs, and writes them into the run's folder.
    ///
    /// # Errors
    /// When a key cannot be made or a file not be written.
    pub(super) fn make(run: &Run) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(DnType::CommonName, "rollguard test cluster");
        let key = KeyPair::generate().context("failed to make the authority's key")?;
        let authority = CertifiedIssuer::self_signed(authority, key)
            .context("failed to make the authority's certificate")?;

        let names = [
            "127.0.0.1",
            "localhost",
            "kubernetes",
            "kubernetes.default.svc",
        ];
        let mut server = CertificateParams::new(names.map(String::from))
            .context("failed to name the API server")?;
        server
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];

        let mut client = CertificateParams::default();
        client
            .distinguished_name
            .push(DnType::OrganizationName, "system:masters");
        client
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver-kubelet-client");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

        let signing = KeyPair::generate().context("failed to make the token signing key")?;
        Ok(Self {
            ca_pem: authority.pem(),
            ca: run.write("pki/ca.crt", authority.pem())?,
            server: signed(run, "server", &server, &authority)?,
            kubelet_client: signed(run, "kubelet-client", &client, &authority)?,
            service_account: PairFiles {
                public: run.write("pki/service-account.pub", signing.public_key_pem())?,
                private: run.write("pki/service-account.key", signing.serialize_pem())?,
            },
        })
    }
}

fn signed(
    run: &Run,
    name: &str,
    params: &CertificateParams,
    authority: &CertifiedIssuer<'_, KeyPair>,
) -> Result<PairFiles> {
    let key = KeyPair::generate().with_context(|| format!("failed to make the {name} key"))?;
    let certificate = params
        .signed_by(&key, authority)
        .with_context(|| format!("failed to sign the {name} certificate"))?;
    Ok(PairFiles {
        public: run.write(&format!("pki/{name}.crt"), certificate.pem())?,
        private: run.write(&format!("pki/{name}.key"), key.serialize_pem())?,
    })
}
