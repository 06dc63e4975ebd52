//! The assertion that a service principal's certificate signs, as Microsoft Entra checks it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaKeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::{Answer, CLIENT_CERTIFICATE, CLIENT_ID, TENANT_ID};

/// A JWT that names the certificate of its key.
pub(super) struct Signed {
    header: Value,
    claims: Value,
    text: String,
    signature: Vec<u8>,
}

impl Signed {
    /// Reads an assertion; `None`: it is that of somebody else, such as an OIDC token.
    pub(super) fn read(assertion: &str) -> Option<Self> {
        let (text, signature) = assertion.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let part = |text| URL_SAFE_NO_PAD.decode(text).ok();
        let header: Value = serde_json::from_slice(&part(header)?).ok()?;
        header.get("x5t#S256").or_else(|| header.get("x5t"))?;
        Some(Self {
            header,
            claims: serde_json::from_slice(&part(claims)?).ok()?,
            text: text.to_owned(),
            signature: part(signature)?,
        })
    }

    /// Why it is not accepted.
    pub(super) fn refusal(&self, base_url: &str) -> Option<Answer> {
        let Some((certificate, public)) = own() else {
            return Some(Answer::aadsts(
                500,
                90_033,
                "A transient error has occurred.",
            ));
        };
        // MSAL for Python, as the Azure CLI uses it, signs in the older way and sends no x5c.
        let (name, hash, algorithm): (_, _, &dyn VerificationAlgorithm) =
            match self.header["alg"].as_str() {
                Some("RS256") => (
                    "x5t",
                    &SHA1_FOR_LEGACY_USE_ONLY,
                    &RSA_PKCS1_2048_8192_SHA256,
                ),
                _ => ("x5t#S256", &SHA256, &RSA_PSS_2048_8192_SHA256),
            };
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(hash, &certificate));
        let named = self.header[name].as_str().unwrap_or_default();
        // The same client pads it.
        if named.trim_end_matches('=') != thumbprint {
            let text = "The certificate with identifier used to sign the client assertion is not \
                        registered on application 'x'.";
            return Some(Answer::aadsts(401, 700_027, text));
        }
        let chain = self.header.get("x5c");
        if chain.is_some_and(|it| it[0] != STANDARD.encode(&certificate)) {
            return Some(Answer::aadsts(401, 700_027, "The x5c is not of the x5t."));
        }
        let key = UnparsedPublicKey::new(algorithm, public);
        if key.verify(self.text.as_bytes(), &self.signature).is_err() {
            let text = "Client assertion contains an invalid signature.";
            return Some(Answer::aadsts(401, 700_027, text));
        }
        let audience = format!("{base_url}/{TENANT_ID}/oauth2/v2.0/token");
        if self.claims["aud"] != audience {
            let text = "Client assertion audience claim does not match Realm issuer.";
            return Some(Answer::aadsts(401, 700_023, text));
        }
        if self.claims["iss"] != CLIENT_ID || self.claims["sub"] != CLIENT_ID {
            let text = "Client assertion has an invalid issuer or subject.";
            return Some(Answer::aadsts(401, 700_021, text));
        }
        let text = "Client assertion is not within its valid time range.";
        (!self.is_valid_now()).then(|| Answer::aadsts(401, 700_024, text))
    }

    fn is_valid_now(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0.0, |it| it.as_secs_f64());
        // MSAL for Python writes fractions of a second, and no `nbf`.
        let time = |name: &str| self.claims[name].as_f64();
        let (Some(from), Some(to)) = (time("nbf").or_else(|| time("iat")), time("exp")) else {
            return false;
        };
        // Entra allows for five minutes between the clocks.
        from <= now + 300.0 && now <= to + 300.0
    }
}

/// The certificate of the fake service principal, and the public key that belongs to it.
fn own() -> Option<(CertificateDer<'static>, Vec<u8>)> {
    let pem = CLIENT_CERTIFICATE.as_bytes();
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok()?;
    Some((certificate, key.public_key().as_ref().to_vec()))
}
