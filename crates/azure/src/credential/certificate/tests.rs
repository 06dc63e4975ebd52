use azure_core::time::OffsetDateTime;
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;

use super::*;

/// A certificate and its key, PKCS #8.
const PEM: &str = include_str!("../../../testdata/service-principal.pem");
/// Shaped like a certificate, which nothing here looks into.
const OTHER_CERTIFICATE: &str =
    "-----BEGIN CERTIFICATE-----\nMIIBAA==\n-----END CERTIFICATE-----\n";

fn certificate() -> &'static str {
    let end = PEM.find("-----BEGIN PRIVATE KEY-----").unwrap();
    &PEM[..end]
}

fn private_key() -> &'static str {
    &PEM[certificate().len()..]
}

/// The same key, as PKCS #1: PKCS #8 has 26 bytes before it.
fn pkcs1() -> String {
    let Ok(PrivateKeyDer::Pkcs8(key)) = PrivateKeyDer::from_pem_slice(PEM.as_bytes()) else {
        panic!("another key");
    };
    block("RSA PRIVATE KEY", &key.secret_pkcs8_der()[26..])
}

fn block(label: &str, der: &[u8]) -> String {
    let lines = STANDARD.encode(der);
    let lines: Vec<&str> = lines
        .as_bytes()
        .chunks(64)
        .map(|it| std::str::from_utf8(it).unwrap())
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

fn read(pem: &str) -> Result<CertificateAssertion> {
    let pem = Secret::new(pem);
    CertificateAssertion::new(&pem, "https://login.example", "tenant", "client")
}

fn part(jwt: &str, index: usize) -> Vec<u8> {
    let part = jwt.split('.').nth(index).unwrap();
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

fn json_part(jwt: &str, index: usize) -> Value {
    serde_json::from_slice(&part(jwt, index)).unwrap()
}

#[test]
fn certificate_and_key_are_found_in_every_form_in_which_people_enter_them() {
    let rows = [
        ("certificate, then key", PEM.to_owned()),
        (
            "key, then certificate",
            format!("{}{}", private_key(), certificate()),
        ),
        ("PKCS #1", format!("{}{}", certificate(), pkcs1())),
        ("line breaks of Windows", PEM.replace('\n', "\r\n")),
        (
            "with OpenSSL's words around it",
            format!("Bag Attributes\n    localKeyID: 01\nsubject=CN = a\n{PEM}\n\n"),
        ),
        (
            "with its issuer before it",
            format!("{OTHER_CERTIFICATE}{PEM}"),
        ),
        (
            "with its issuer behind it",
            format!("{PEM}{OTHER_CERTIFICATE}"),
        ),
    ];
    let leaf = CertificateDer::from_pem_slice(certificate().as_bytes()).unwrap();
    for (says, pem) in rows {
        let assertion = read(&pem).expect(says);
        let jwt = assertion.sign(OffsetDateTime::UNIX_EPOCH).expect(says);
        let header = json_part(&jwt, 0);
        assert_eq!(
            header["x5t#S256"],
            encoded(digest(&SHA256, &leaf)),
            "{says}"
        );
        assert_eq!(header["x5c"][0], STANDARD.encode(&leaf), "{says}");
        let certificates = header["x5c"].as_array().unwrap().len();
        assert_eq!(
            certificates,
            if pem.contains("MIIBAA==") { 2 } else { 1 },
            "{says}"
        );
    }
}

#[test]
fn an_assertion_is_what_entra_expects_and_its_signature_is_right() {
    let assertion = read(PEM).unwrap();
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    let jwt = assertion.sign(now).unwrap();
    let header = json_part(&jwt, 0);
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("PS256"), &json!("JWT"))
    );
    let mut claims = json_part(&jwt, 1);
    let first = claims["jti"].take();
    let expected = json!({
        "aud": "https://login.example/tenant/oauth2/v2.0/token",
        "iss": "client",
        "sub": "client",
        "jti": null,
        "iat": 1_800_000_000,
        "nbf": 1_800_000_000,
        "exp": 1_800_000_600,
    });
    assert_eq!(claims, expected);

    let signed = jwt.rsplit_once('.').unwrap().0;
    let public = assertion.key.public_key().as_ref();
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public);
    public.verify(signed.as_bytes(), &part(&jwt, 2)).unwrap();
    public.verify(b"another", &part(&jwt, 2)).unwrap_err();

    let second = json_part(&assertion.sign(now).unwrap(), 1)["jti"].take();
    assert_ne!(first, second, "each assertion is used once");
}

#[test]
fn a_certificate_that_cannot_be_used_says_why_and_what_to_do_and_shows_nothing() {
    let rows = [
        (
            "an encrypted key",
            format!(
                "{}{}",
                certificate(),
                private_key().replace("PRIVATE", "ENCRYPTED PRIVATE")
            ),
            ENCRYPTED,
        ),
        (
            "an encrypted key of old",
            format!(
                "{}{}",
                certificate(),
                pkcs1().replace(
                    "KEY-----\nMII",
                    "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMII"
                )
            ),
            ENCRYPTED,
        ),
        ("no key", certificate().to_owned(), NO_KEY),
        ("nothing", "hunter22".to_owned(), NO_KEY),
        ("no certificate", private_key().to_owned(), NO_CERTIFICATE),
        (
            "the key of another certificate",
            format!("{OTHER_CERTIFICATE}{}", private_key()),
            OTHER_KEY,
        ),
        (
            "a key on a curve",
            format!("{}{}", certificate(), block("EC PRIVATE KEY", b"curve")),
            NO_RSA_KEY,
        ),
        (
            "a key that is none",
            format!("{}{}", certificate(), block("PRIVATE KEY", b"none")),
            NO_RSA_KEY,
        ),
        (
            "a key that is cut",
            PEM.replace("-----END PRIVATE KEY-----\n", ""),
            NO_KEY,
        ),
    ];
    for (says, pem, expected) in rows {
        let error = read(&pem).expect_err(says);
        let (detail, hint) = expected;
        assert_eq!(
            *error.kind(),
            AzureErrorKind::UnusableCertificate { detail, hint },
            "{says}"
        );
        assert_eq!(error.hint().as_deref(), Some(hint));
        let line = private_key().lines().nth(1).unwrap();
        let words = format!("{error:?}{error}{}", error.kind());
        assert!(
            !words.contains(line) && !words.contains("hunter22"),
            "{says}"
        );
    }
}
