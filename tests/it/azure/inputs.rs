//! Inputs that are refused before anything is sent.

use anyhow::ensure;
use libtest_mimic::Trial;
use rollguard_azure::{Azure, AzureError, AzureErrorKind, Cloud, ClusterId, Login};
use rollguard_tests::fakes::{FakeAzure, RESOURCE_GROUP, SUBSCRIPTION_ID};

use super::setup::{cloud, fake, federated, refused, row, secret_azure, transport, with_secret};

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "names that break the URL are refused before any request",
            bad_names,
        ),
        row(
            "addresses without TLS are refused before any request",
            no_tls,
        ),
        row(
            "an empty secret is refused before any request",
            empty_secret,
        ),
    ]
}

async fn bad_names() -> anyhow::Result<()> {
    let fake = fake()?;
    let azure = secret_azure(&fake)?;
    for name in ["x/../y?z", "..", "a b", ""] {
        let result = match ClusterId::new(SUBSCRIPTION_ID, RESOURCE_GROUP, name) {
            Ok(id) => azure.cluster_access(&id).await.map(|_| ()),
            Err(error) => Err(error.into()),
        };
        let error = refused(result)?;
        ensure!(
            matches!(error.kind(), AzureErrorKind::InvalidInput { .. }),
            "{name}"
        );
    }
    ensure!(fake.requests().is_empty());
    Ok(())
}

async fn no_tls() -> anyhow::Result<()> {
    let fake = fake()?;
    let plain = fake.base_url().replace("https://", "http://");
    refused(Cloud::new(&plain, fake.base_url()))?;
    refused(Cloud::new(fake.base_url(), &plain))?;
    let mut login = federated(&fake);
    if let Login::Pipelines {
        oidc_request_uri, ..
    } = &mut login
    {
        *oidc_request_uri = oidc_request_uri.replace("https://", "http://");
    }
    let error = failure_to_prepare(&fake, login)?;
    ensure!(
        error
            .kind()
            .to_string()
            .starts_with("SYSTEM_OIDCREQUESTURI"),
        "{}",
        error.kind()
    );
    ensure!(fake.requests().is_empty());
    Ok(())
}

async fn empty_secret() -> anyhow::Result<()> {
    let fake = fake()?;
    let error = failure_to_prepare(&fake, with_secret(""))?;
    assert_eq!(error.kind().to_string(), "no secret specified");
    ensure!(fake.requests().is_empty());
    Ok(())
}

fn failure_to_prepare(fake: &FakeAzure, login: Login) -> anyhow::Result<AzureError> {
    refused(Azure::new(login, cloud(fake)?, transport(fake)?))
}
