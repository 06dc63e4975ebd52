//! Signed provenance of a release from Azure Pipelines, which has no attestation service of its own: an in-toto
//! statement (SLSA provenance 1) in a DSSE envelope, signed with the project's key.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde_json::{Value, json};

use crate::generate::{VERSION, root};

/// The payload's type, by the in-toto attestation framework.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What stands before the point of a P-256 key in a `SubjectPublicKeyInfo` (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Signs the provenance of everything in `dist/SHA256SUMS` with the private key (PEM, PKCS#8, P-256).
///
/// # Errors
/// Outside a run of Azure Pipelines, or when the list or the key cannot be used.
pub(crate) fn sign(key: &Path) -> Result<()> {
    let statement = statement(&sums()?, |name| env::var(name).ok())?;
    let envelope = envelope(&statement.to_string(), &read(key)?)?;
    let file = file();
    fs::write(&file, format!("{envelope}\n"))
        .with_context(|| format!("failed to write {}", file.display()))?;
    println!("wrote {}", file.display());
    Ok(())
}

/// Verifies the signature with the public key (PEM), and that it covers everything in `dist/SHA256SUMS`.
///
/// # Errors
/// When it does not, or a file cannot be read.
pub(crate) fn verify(public_key: &Path) -> Result<()> {
    let file = file();
    let envelope: Value = serde_json::from_slice(&read(&file)?)
        .with_context(|| format!("failed to read {}", file.display()))?;
    let statement = opened(&envelope, &read(public_key)?)?;
    let sums = sums()?;
    ensure!(
        statement["subject"] == subjects(&sums)?,
        "the provenance is not that of the files in SHA256SUMS"
    );
    println!("verified: {} files", sums.lines().count());
    Ok(())
}

fn file() -> PathBuf {
    let name = format!("rollguard-{VERSION}.intoto.jsonl");
    root().join("dist").join(name)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("failed to read {}", file.display()))
}

fn sums() -> Result<String> {
    Ok(String::from_utf8(read(&root().join("dist/SHA256SUMS"))?)?)
}

/// Returns the files of a list of sha256sum as subjects of a statement.
fn subjects(sums: &str) -> Result<Value> {
    let subject = |line: &str| {
        let (hash, name) = line
            .split_once("  ")
            .with_context(|| format!("`{line}` is no line of sha256sum"))?;
        Ok(json!({ "name": name, "digest": { "sha256": hash } }))
    };
    let subjects = sums.lines().map(subject).collect::<Result<Vec<_>>>()?;
    ensure!(!subjects.is_empty(), "SHA256SUMS is empty");
    Ok(Value::Array(subjects))
}

/// Returns the statement about the run that the agent's variables describe.
fn statement(sums: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Value> {
    let needed = [
        "BUILD_SOURCEVERSION",
        "BUILD_SOURCEBRANCH",
        "BUILD_REPOSITORY_URI",
        "BUILD_BUILDID",
        "SYSTEM_COLLECTIONURI",
        "SYSTEM_TEAMPROJECTID",
        "SYSTEM_DEFINITIONID",
    ];
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|name| variable(name).is_none_or(|it| it.is_empty()))
        .collect();
    if !missing.is_empty() {
        bail!(
            "only a run of Azure Pipelines can state its provenance: {} not set",
            missing.join(", ")
        );
    }
    let of = |name: &str| variable(name).unwrap_or_default();
    let collection = of("SYSTEM_COLLECTIONURI");
    let project = format!(
        "{}/{}",
        collection.trim_end_matches('/'),
        of("SYSTEM_TEAMPROJECTID")
    );
    let repository = of("BUILD_REPOSITORY_URI");
    let git_ref = of("BUILD_SOURCEBRANCH");
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects(sums)?,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://github.com/rollguard/rollguard/blob/main/docs/releasing.md",
                "externalParameters": {
                    "repository": &repository,
                    "ref": &git_ref,
                    "pipeline": ".azure-pipelines/release.yml",
                },
                "resolvedDependencies": [{
                    "uri": format!("git+{repository}@{git_ref}"),
                    "digest": { "gitCommit": of("BUILD_SOURCEVERSION") },
                }],
            },
            "runDetails": {
                "builder": { "id": format!("{project}/_build?definitionId={}", of("SYSTEM_DEFINITIONID")) },
                "metadata": {
                    "invocationId": format!("{project}/_build/results?buildId={}", of("BUILD_BUILDID")),
                },
            },
        },
    }))
}

/// Returns the bytes that DSSE signs, so that a signature holds for one type of payload only.
fn pre_authentication(payload: &str) -> Vec<u8> {
    let (kind, length) = (PAYLOAD_TYPE.len(), payload.len());
    format!("DSSEv1 {kind} {PAYLOAD_TYPE} {length} {payload}").into_bytes()
}

fn envelope(payload: &str, key: &[u8]) -> Result<Value> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(key)
        .context("the key is no private key in PEM (PKCS#8)")?;
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        key.secret_pkcs8_der(),
        &random,
    )
    .ok()
    .context("the key is not of the curve P-256")?;
    let signature = key
        .sign(&random, &pre_authentication(payload))
        .ok()
        .context("failed to sign")?;
    Ok(json!({
        "payloadType": PAYLOAD_TYPE,
        "payload": BASE64.encode(payload),
        "signatures": [{ "keyid": "", "sig": BASE64.encode(signature) }],
    }))
}

/// Returns the statement of an envelope whose signature is that of the key.
fn opened(envelope: &Value, public_key: &[u8]) -> Result<Value> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(public_key)
        .context("the public key is not in PEM")?;
    let point = key
        .strip_prefix(P256_PREFIX.as_slice())
        .context("the public key is not of the curve P-256")?;
    ensure!(
        envelope["payloadType"] == PAYLOAD_TYPE,
        "the payload is no in-toto statement"
    );
    let decoded = |it: &Value| BASE64.decode(it.as_str().unwrap_or_default());
    let payload = String::from_utf8(decoded(&envelope["payload"])?)?;
    let signature = decoded(&envelope["signatures"][0]["sig"])?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(&pre_authentication(&payload), &signature)
        .ok()
        .context("the signature is not that of the key")?;
    Ok(serde_json::from_str(&payload)?)
}

#[cfg(test)]
mod tests {
    use ring::signature::KeyPair as _;

    use super::*;

    const SUMS: &str = "aa  rollguard-1.0.0-linux-x64.tar.gz\nbb  rollguard-1.0.0.cdx.json\n";

    #[expect(
        clippy::unnecessary_wraps,
        reason = "a variable may be unset elsewhere"
    )]
    fn of_a_run(name: &str) -> Option<String> {
        Some(
            match name {
                "SYSTEM_COLLECTIONURI" => "https://dev.azure.com/shop/",
                "BUILD_BUILDID" => "41",
                _ => "some",
            }
            .to_owned(),
        )
    }

    fn pem(label: &str, der: &[u8]) -> Vec<u8> {
        let body = BASE64.encode(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").into_bytes()
    }

    /// A private and a public key, in PEM.
    fn keys() -> (Vec<u8>, Vec<u8>) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random);
        let point = key.unwrap().public_key().as_ref().to_vec();
        let public = [P256_PREFIX.as_slice(), &point].concat();
        (
            pem("PRIVATE KEY", pkcs8.as_ref()),
            pem("PUBLIC KEY", &public),
        )
    }

    #[test]
    fn what_was_signed_is_read_back_with_the_public_key() {
        let (private, public) = keys();
        let said = statement(SUMS, of_a_run).unwrap();
        let read = opened(&envelope(&said.to_string(), &private).unwrap(), &public).unwrap();
        assert_eq!(read, said);
        assert_eq!(read["subject"][1]["digest"]["sha256"], "bb");
        assert_eq!(
            read["predicate"]["runDetails"]["metadata"]["invocationId"],
            "https://dev.azure.com/shop/some/_build/results?buildId=41"
        );
    }

    #[test]
    fn a_changed_statement_another_key_and_another_type_are_refused() {
        let (private, public) = keys();
        let signed = envelope(&statement(SUMS, of_a_run).unwrap().to_string(), &private).unwrap();
        let mut changed = signed.clone();
        changed["payload"] = json!(BASE64.encode(r#"{"subject":[]}"#));
        let mut other_type = signed.clone();
        other_type["payloadType"] = json!("text/plain");
        let rows = [
            ("the signature is not that of the key", &changed, &public),
            ("the signature is not that of the key", &signed, &keys().1),
            ("no in-toto statement", &other_type, &public),
            ("not in PEM", &signed, &private),
        ];
        for (why, envelope, key) in rows {
            let error = format!("{:#}", opened(envelope, key).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_machine_that_is_no_agent_states_nothing() {
        let error = statement(SUMS, |_| None).unwrap_err().to_string();
        assert!(
            error.contains("BUILD_SOURCEVERSION, BUILD_SOURCEBRANCH"),
            "{error}"
        );
        assert!(statement("", of_a_run).is_err());
        assert!(statement("no list", of_a_run).is_err());
    }

    #[test]
    fn a_key_of_another_kind_signs_nothing() {
        let error = envelope("{}", b"secret").unwrap_err().to_string();
        assert!(error.contains("no private key in PEM"), "{error}");
        let error = envelope("{}", &pem("PRIVATE KEY", b"short"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("P-256"), "{error}");
    }
}
