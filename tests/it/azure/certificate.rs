//! A service principal that signs in with a certificate.

use anyhow::{Context as _, ensure};
use libtest_mimic::Trial;
use rollguard_azure::{AzureErrorKind, Login};
use rollguard_tests::fakes::{Answer, CLIENT_CERTIFICATE, Service};

use super::setup::{azure, cluster, failure, fake, hint_says, refused, row, with_certificate};

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "certificate: one request each to Entra and ARM, and Entra verifies the signature",
            signs_in,
        ),
        row("each token has an assertion of its own", fresh),
        row(
            "a certificate that the application does not have is named with its AADSTS code",
            not_registered,
        ),
        row(
            "an application that the tenant does not have is named with its AADSTS code",
            no_application,
        ),
        row(
            "a certificate that cannot be used is refused before anything is sent",
            unusable,
        ),
    ]
}

async fn signs_in() -> anyhow::Result<()> {
    let fake = fake()?;
    azure(&fake, with_certificate(CLIENT_CERTIFICATE))?
        .cluster_access(&cluster()?)
        .await?;
    let requests = fake.requests();
    let order: Vec<Service> = requests.iter().map(|request| request.service).collect();
    assert_eq!(order, [Service::Entra, Service::Arm]);
    let entra = requests.first().context("a request to Entra")?;
    assert_eq!(entra.form("grant_type"), Some("client_credentials"));
    assert_eq!(entra.form("client_secret"), None);
    let assertion = entra.form("client_assertion").context("an assertion")?;
    assert_eq!(assertion.split('.').count(), 3, "a signed JWT");
    Ok(())
}

async fn fresh() -> anyhow::Result<()> {
    let fake = fake()?;
    let azure = azure(&fake, with_certificate(CLIENT_CERTIFICATE))?;
    azure.cluster_access(&cluster()?).await?;
    fake.revoke_tokens();
    azure.cluster_access(&cluster()?).await?;
    let requests = fake.requests_to(Service::Entra);
    let mut assertions: Vec<&str> = requests
        .iter()
        .filter_map(|request| request.form("client_assertion"))
        .collect();
    assert_eq!(assertions.len(), 2);
    assertions.dedup();
    assert_eq!(assertions.len(), 2, "the same one twice");
    Ok(())
}

async fn not_registered() -> anyhow::Result<()> {
    let fake = fake()?;
    let text = "The certificate with identifier used to sign the client assertion is not \
                registered on application 'x'.";
    fake.answer_always(Service::Entra, Answer::aadsts(401, 700_027, text));
    let error = failure(&fake, with_certificate(CLIENT_CERTIFICATE)).await?;
    ensure!(
        matches!(error.kind(), AzureErrorKind::Auth { aadsts: Some(code), .. } if code == "AADSTS700027"),
        "{}",
        error.kind()
    );
    Ok(())
}

async fn no_application() -> anyhow::Result<()> {
    let fake = fake()?;
    let mut login = with_certificate(CLIENT_CERTIFICATE);
    if let Login::ClientCertificate { client_id, .. } = &mut login {
        "9a1f0c52-0000-4000-8000-0000000000ff".clone_into(client_id);
    }
    let error = failure(&fake, login).await?;
    ensure!(
        error.kind().to_string().contains("AADSTS700016"),
        "{}",
        error.kind()
    );
    hint_says(&error, "the client id and the tenant")
}

async fn unusable() -> anyhow::Result<()> {
    let fake = fake()?;
    let encrypted = CLIENT_CERTIFICATE.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let error = refused(rollguard_azure::Azure::new(
        with_certificate(&encrypted),
        super::setup::cloud(&fake)?,
        super::setup::transport(&fake)?,
    ))?;
    assert_eq!(
        error.kind().to_string(),
        "the certificate of the service connection cannot be used: its private key is encrypted"
    );
    hint_says(&error, "without a password")?;
    ensure!(fake.requests().is_empty());
    Ok(())
}
