//! The proof of identity that a service principal's certificate makes: a signed JWT.
//!
//! `azure_identity::ClientCertificateCredential` takes PKCS #12 and needs OpenSSL. Azure DevOps holds PEM, and
//! ring signs. The format is from
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>.

use std::time::SystemTime;

use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_core::time::OffsetDateTime;
use azure_core::{Error, Uuid};
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use crate::error::{AzureError, AzureErrorKind, Task};
use crate::{Result, Secret};

/// How long an assertion is valid. One is made for each token, so it needs no longer.
const LIFETIME: i64 = 600;

/// Signs an assertion for each sign-in.
pub(super) struct CertificateAssertion {
    key: RsaKeyPair,
    /// The JWT's header, encoded.
    header: String,
    /// The token endpoint.
    audience: String,
    client_id: String,
}

/// It holds a key.
impl std::fmt::Debug for CertificateAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAssertion")
            .finish_non_exhaustive()
    }
}

impl CertificateAssertion {
    /// Reads certificate and key, in any order, with or without a chain.
    pub(super) fn new(
        pem: &Secret,
        authority: &str,
        tenant_id: &str,
        client_id: &str,
    ) -> Result<Self> {
        let pem = pem.expose();
        let key = key(pem).map_err(unusable)?;
        let chain = chain(pem, &key).map_err(unusable)?;
        Ok(Self {
            key,
            header: header(&chain),
            audience: format!("{authority}/{tenant_id}/oauth2/v2.0/token"),
            client_id: client_id.to_owned(),
        })
    }

    fn sign(&self, now: OffsetDateTime) -> std::result::Result<String, ring::error::Unspecified> {
        let now = now.unix_timestamp();
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": Uuid::new_v4().to_string(),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        });
        let signed = format!("{}.{}", self.header, encoded(claims.to_string()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(&RSA_PSS_SHA256, &random, signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", encoded(signature)))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.sign(OffsetDateTime::now_utc())
            .map_err(|_| Error::with_message(ErrorKind::Credential, "the key does not sign"))
    }
}

/// Both thumbprint and certificates: an application trusts one certificate, or an issuer and a name.
fn header(chain: &[CertificateDer<'_>]) -> String {
    let thumbprint = chain
        .first()
        .map(|leaf| encoded(digest(&SHA256, leaf.as_ref())));
    let certificates: Vec<String> = chain.iter().map(|it| STANDARD.encode(it)).collect();
    let header = json!({
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": thumbprint,
        "x5c": certificates,
    });
    encoded(header.to_string())
}

/// Returns when the certificate of a service connection ends; `None` for one that cannot be used.
#[must_use]
pub fn certificate_end(pem: &Secret) -> Option<SystemTime> {
    let pem = pem.expose();
    let chain = chain(pem, &key(pem).ok()?).ok()?;
    rollguard_network::certificate_end(chain.first()?)
}

/// A certificate that cannot be used, and what to do about it.
type Unusable = (&'static str, &'static str);

const ENCRYPTED: Unusable = (
    "its private key is encrypted",
    "enter the key without a password: openssl pkcs12 -in app.pfx -nodes",
);
const NO_KEY: Unusable = (
    "it has no private key",
    "enter certificate and key, both as PEM, one after the other",
);
const NO_CERTIFICATE: Unusable = (
    "it has no certificate",
    "enter certificate and key, both as PEM, one after the other",
);
const NO_RSA_KEY: Unusable = (
    "its private key is not an RSA key of 2048 to 4096 bits",
    "Microsoft Entra takes RSA keys only; make a certificate with one",
);
const OTHER_KEY: Unusable = (
    "its private key belongs to another certificate",
    "enter the key that the certificate was made for",
);

fn unusable((detail, hint): Unusable) -> AzureError {
    AzureError::new(
        Task::Prepare,
        AzureErrorKind::UnusableCertificate { detail, hint },
    )
}

fn key(pem: &str) -> std::result::Result<RsaKeyPair, Unusable> {
    // PKCS #8 says so in the label, PKCS #1 in a header of the block.
    let encrypted = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];
    if encrypted.iter().any(|it| pem.contains(it)) {
        return Err(ENCRYPTED);
    }
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| NO_KEY)?;
    let key = match &key {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(_) | _ => return Err(NO_RSA_KEY),
    };
    key.map_err(|_| NO_RSA_KEY)
}

/// The certificates, that of the key first.
fn chain(
    pem: &str,
    key: &RsaKeyPair,
) -> std::result::Result<Vec<CertificateDer<'static>>, Unusable> {
    let mut chain = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|_| NO_CERTIFICATE)?;
    if chain.is_empty() {
        return Err(NO_CERTIFICATE);
    }
    // A certificate holds its public key in the very encoding that ring has for it (RFC 3279, section 2.3.1).
    let public = key.public_key().as_ref();
    let is_of_key = |it: &CertificateDer<'_>| it.windows(public.len()).any(|part| part == public);
    let leaf = chain.iter().position(is_of_key).ok_or(OTHER_KEY)?;
    chain.swap(0, leaf);
    Ok(chain)
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests;
