//! Proxies and gateways between us and Azure, and refusals of the step before Entra.

use anyhow::ensure;
use libtest_mimic::Trial;
use rollguard_azure::{Azure, AzureErrorKind, Login, Task};
use rollguard_network::ProxySettings;
use rollguard_tests::fakes::{Answer, CLIENT_SECRET, FakeAzure, FakeProxy, Service};
use serde_json::json;

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
            "each answer of the OIDC endpoint is understood",
            oidc_answers,
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
    hint_says(&error, "the job's access token is not accepted")
}

/// An answer of the OIDC endpoint, and what the user reads of it.
struct OidcRow {
    says: &'static str,
    answer: Answer,
    reason: &'static str,
    fix: &'static str,
}

fn oidc_row(
    says: &'static str,
    answer: Answer,
    reason: &'static str,
    fix: &'static str,
) -> OidcRow {
    OidcRow {
        says,
        answer,
        reason,
        fix,
    }
}

fn oidc_rows() -> Vec<OidcRow> {
    let unnamed = "There is no explicit reference to service connection 5d0a from stage Deploy.";
    let wrapped = |status| Answer::json(status, &json!({ "count": 151, "value": unnamed }));
    let says = |status, text: &str| {
        let body = json!({ "$id": "1", "message": text, "typeKey": "Odd" });
        Answer::json(status, &body)
    };
    let bare = |status| Answer::json(status, &json!({}));
    let empty = Answer::json(200, &json!({ "oidcToken": "" }));
    let project = "TF200016: The following project does not exist: shop.";
    let user = "TF400813: The user is not authorized.";
    let refused = "for the job's access token";
    vec![
        oidc_row(
            "wrapped, with success",
            wrapped(200),
            unnamed,
            "the stage names",
        ),
        oidc_row("wrapped", wrapped(400), unnamed, "the stage names"),
        oidc_row(
            "a project that is gone",
            says(404, project),
            "TF200016",
            "was renamed",
        ),
        oidc_row(
            "a sign-in page",
            Answer::html(203),
            refused,
            "run the job again",
        ),
        oidc_row("401", bare(401), refused, "run the job again"),
        oidc_row(
            "403",
            says(403, user),
            "TF400813",
            "Limit job authorization scope",
        ),
        oidc_row(
            "404 alone",
            bare(404),
            "was not found",
            "this pipeline may use it",
        ),
        oidc_row("no token", bare(200), "answered 200", ""),
        oidc_row("an empty token", empty, "answered 200", ""),
        oidc_row(
            "a portal's page",
            Answer::html(200),
            "instead of JSON",
            "proxy or firewall",
        ),
    ]
}

/// Answers of the OIDC endpoint as they come, whatever their status.
async fn oidc_answers() -> anyhow::Result<()> {
    for row in oidc_rows() {
        let OidcRow {
            says, answer, fix, ..
        } = row;
        let fake = fake()?;
        fake.answer_always(Service::Oidc, answer);
        let error = failure(&fake, federated(&fake)).await?;
        let task = error.task();
        ensure!(matches!(task, Task::GetOidcToken { .. }), "{says}: {task}");
        let kind = error.kind().to_string();
        ensure!(kind.contains(row.reason), "{says}: {kind}");
        let hint = error.hint().unwrap_or_default();
        ensure!(hint.contains(fix), "{says}: {hint}");
        ensure!(fake.requests_to(Service::Entra).is_empty(), "{says}");
    }
    Ok(())
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
            .to_string()
            .contains("00000000-0000-4000-8000-00000000000e")
    );
    hint_says(&error, "authorise this pipeline for it")
}
