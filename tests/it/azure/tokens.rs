//! Tokens that end, are refused or cannot be renewed.

use std::time::Duration;

use libtest_mimic::Trial;
use rollguard_azure::BearerTokens as _;
use rollguard_tests::fakes::{AKS_SERVER_ID, Answer, FakeAzure, Service};

use super::setup::{azure, cluster, fake, federated, refused, row, secret_azure};

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row("a token is kept while it is good", kept),
        row(
            "a token near its end is renewed, with a fresh OIDC token",
            renewed,
        ),
        row(
            "a cluster token that was rejected is replaced by a new sign-in",
            rejected,
        ),
        row(
            "a token that ARM rejects is replaced once, within the call",
            rejected_by_arm,
        ),
        row("a second rejection by ARM is an error", rejected_twice),
        row("while Entra fails a still-good token is handed out", outage),
        row(
            "while Entra fails a rejected token is not handed out",
            outage_after_rejection,
        ),
    ]
}

/// Lets the client's time pass; the fake has a runtime of its own.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

async fn kept() -> anyhow::Result<()> {
    let fake = fake()?;
    let tokens = azure(&fake, federated(&fake))?.cluster_tokens(AKS_SERVER_ID);
    let first = tokens.token(None).await?;
    let second = tokens.token(None).await?;
    assert_eq!(first.expose(), second.expose());
    assert_eq!(fake.requests().len(), 2);
    Ok(())
}

async fn renewed() -> anyhow::Result<()> {
    let fake = FakeAzure::builder().token_lifetime(200).start()?;
    let tokens = azure(&fake, federated(&fake))?.cluster_tokens(AKS_SERVER_ID);
    let first = tokens.token(None).await?;
    pass(Duration::from_secs(150)).await;
    let second = tokens.token(None).await?;
    assert_ne!(first.expose(), second.expose());
    let assertions: Vec<_> = fake
        .requests_to(Service::Entra)
        .iter()
        .map(|request| request.form("client_assertion").map(str::to_owned))
        .collect();
    assert_eq!(assertions.len(), 2);
    assert_ne!(assertions[0], assertions[1]);
    Ok(())
}

async fn rejected() -> anyhow::Result<()> {
    let fake = fake()?;
    let tokens = azure(&fake, federated(&fake))?.cluster_tokens(AKS_SERVER_ID);
    let first = tokens.token(None).await?;
    let second = tokens.token(Some(first.expose())).await?;
    assert_ne!(first.expose(), second.expose());
    assert_eq!(fake.requests_to(Service::Oidc).len(), 2);
    let late = tokens.token(Some(first.expose())).await?;
    assert_eq!(
        late.expose(),
        second.expose(),
        "an older rejection changes nothing"
    );
    Ok(())
}

async fn rejected_by_arm() -> anyhow::Result<()> {
    let fake = fake()?;
    let azure = secret_azure(&fake)?;
    azure.cluster_access(&cluster()?).await?;
    fake.revoke_tokens();
    azure.cluster_access(&cluster()?).await?;
    assert_eq!(fake.requests_to(Service::Arm).len(), 3);
    assert_eq!(fake.requests_to(Service::Entra).len(), 2);
    Ok(())
}

async fn rejected_twice() -> anyhow::Result<()> {
    let fake = fake()?;
    let no = Answer::arm_error(401, "InvalidAuthenticationTokenTenant", "The wrong issuer.");
    fake.answer_always(Service::Arm, no);
    let error = refused(secret_azure(&fake)?.cluster_access(&cluster()?).await)?;
    assert_eq!(fake.requests_to(Service::Arm).len(), 2);
    let host = fake.base_url().trim_start_matches("https://");
    assert_eq!(
        error.kind().to_string(),
        format!("`{host}` does not accept the token: The wrong issuer.")
    );
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("another tenant than the service connection"))
    );
    Ok(())
}

async fn outage() -> anyhow::Result<()> {
    let fake = FakeAzure::builder().token_lifetime(200).start()?;
    let tokens = azure(&fake, federated(&fake))?.cluster_tokens(AKS_SERVER_ID);
    let first = tokens.token(None).await?;
    fake.answer_always(
        Service::Entra,
        Answer::aadsts(400, 50_000, "A problem of the service."),
    );
    pass(Duration::from_secs(150)).await;
    let second = tokens.token(None).await?;
    assert_eq!(first.expose(), second.expose());
    assert_eq!(
        fake.requests_to(Service::Entra).len(),
        2,
        "a renewal was tried"
    );
    Ok(())
}

async fn outage_after_rejection() -> anyhow::Result<()> {
    let fake = fake()?;
    let tokens = azure(&fake, federated(&fake))?.cluster_tokens(AKS_SERVER_ID);
    let first = tokens.token(None).await?;
    fake.answer_always(
        Service::Entra,
        Answer::aadsts(400, 50_000, "A problem of the service."),
    );
    refused(tokens.token(Some(first.expose())).await)?;
    refused(tokens.token(None).await)?;
    Ok(())
}
