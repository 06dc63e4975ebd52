//! Proxies and gateways between us and Azure, and refusals of the step before Entra.

use anyhow::ensure;
use libtest_mimic::Trial;
use rollguard_azure::{Azure, AzureErrorKind, Login, Task};
use rollguard_network::ProxySettings;
use rollguard_tests::fakes::{Answer, CLIENT_SECRET, FakeAzure, FakeProxy, Service};

use super::setup::{
    arm_failure, behind, cloud, cluster, failure, fake, federated, hint_says, refused, row,
    transport, with_secret,
};

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "an HTML page instead of a token raises the question of a proxy",
            html_from_entra,
        ),
        row(
            "an HTML page instead of a kubeconfig raises the same question",
            html_from_arm,
        ),
        row("a proxy that refuses is named as the cause", refusing_proxy),
        row(
            "a certificate that is not trusted is an error at once, with a way out",
            untrusted,
        ),
        row(
            "a job token that Azure DevOps refuses is an error of that step",
            job_token_refused,
        ),
        row(
            "a service connection that does not exist is named",
            no_service_connection,
        ),
    ]
}

async fn html_from_entra() -> anyhow::Result<()> {
    for status in [200, 403] {
        let fake = fake()?;
        fake.answer_always(Service::Entra, Answer::html(status));
        let error = failure(&fake, with_secret(CLIENT_SECRET)).await?;
        let host = fake.base_url().trim_start_matches("https://");
        assert_eq!(
            error.kind().to_string(),
            format!("`{host}` answered {status} with text/html instead of JSON")
        );
        hint_says(&error, "is there a proxy or firewall in between?")?;
    }
    Ok(())
}

async fn html_from_arm() -> anyhow::Result<()> {
    let error = arm_failure(Answer::html(403)).await?;
    ensure!(
        matches!(error.kind(), AzureErrorKind::Proxy { .. }),
        "{:?}",
        error.kind()
    );
    Ok(())
}

async fn refusing_proxy() -> anyhow::Result<()> {
    let fake = fake()?;
    let proxy = FakeProxy::start(true)?;
    let azure = behind(&proxy, &fake, ProxySettings::default())?;
    let error = refused(azure.cluster_access(&cluster()?).await)?;
    ensure!(
        matches!(error.kind(), AzureErrorKind::Proxy { .. }),
        "{:?}",
        error.kind()
    );
    assert_eq!(proxy.tunnels().len(), 1, "a refusal is not tried again");
    ensure!(fake.requests().is_empty());
    Ok(())
}

async fn untrusted() -> anyhow::Result<()> {
    let fake = fake()?;
    let other = FakeAzure::builder().start()?;
    let untrusting = transport(&other)?;
    let azure = Azure::new(with_secret(CLIENT_SECRET), cloud(&fake)?, untrusting)?;
    let error = refused(azure.cluster_access(&cluster()?).await)?;
    ensure!(
        matches!(error.kind(), AzureErrorKind::Certificate { .. }),
        "{:?}",
        error.kind()
    );
    hint_says(&error, "SSL_CERT_FILE")
}

async fn job_token_refused() -> anyhow::Result<()> {
    let fake = fake()?;
    let mut login = federated(&fake);
    if let Login::Pipelines {
        system_access_token,
        ..
    } = &mut login
    {
        *system_access_token = rollguard_azure::Secret::new("expired");
    }
    let error = failure(&fake, login).await?;
    ensure!(
        matches!(error.task(), Task::GetOidcToken { .. }),
        "{:?}",
        error.task()
    );
    ensure!(
        matches!(error.kind(), AzureErrorKind::Auth { .. }),
        "{:?}",
        error.kind()
    );
    assert_eq!(fake.requests().len(), 1, "neither followed nor tried again");
    hint_says(&error, "authorised for the service connection")
}

async fn no_service_connection() -> anyhow::Result<()> {
    let fake = fake()?;
    let mut login = federated(&fake);
    if let Login::Pipelines {
        service_connection_id,
        ..
    } = &mut login
    {
        "00000000-0000-4000-8000-00000000000e".clone_into(service_connection_id);
    }
    let error = failure(&fake, login).await?;
    ensure!(
        error
            .kind()
            .to_string()
            .contains("00000000-0000-4000-8000-00000000000e")
    );
    Ok(())
}
