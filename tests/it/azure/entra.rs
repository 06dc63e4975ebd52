//! Refusals of Microsoft Entra, and what the user reads.

use anyhow::ensure;
use libtest_mimic::Trial;
use rollguard_azure::{AzureError, AzureErrorKind, ENTRA_REFUSALS, Task};
use rollguard_tests::fakes::{Answer, CLIENT_SECRET, Service};
use serde_json::json;

use super::setup::{azure, cluster, failure, fake, federated, hint_says, row, with_secret};

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "a wrong secret is named with its AADSTS code and asked once",
            wrong_secret,
        ),
        row(
            "a stale OIDC token is named with its AADSTS code",
            stale_assertion,
        ),
        row(
            "a federated credential that does not match is explained",
            no_federation,
        ),
        row("each refusal of the table has its fix", all_codes),
        row(
            "a transient refusal that lasts is named at last",
            lasting_outage,
        ),
        row(
            "an unknown AADSTS code leads to Microsoft's page about it",
            unknown_code,
        ),
    ]
}

fn aadsts(error: &AzureError) -> Option<&str> {
    if let AzureErrorKind::Auth { aadsts, .. } = error.kind() {
        aadsts.as_deref()
    } else {
        None
    }
}

async fn wrong_secret() -> anyhow::Result<()> {
    let fake = fake()?;
    let error = failure(&fake, with_secret("not-the-secret")).await?;
    assert_eq!(aadsts(&error), Some("AADSTS7000215"));
    assert!(matches!(error.task(), Task::SignIn { .. }));
    assert_eq!(
        fake.requests().len(),
        1,
        "a wrong secret does not become right"
    );
    hint_says(&error, "instead of its value")?;
    let reason = error.kind().to_string();
    ensure!(
        reason.contains("app 'x'") && !reason.contains("Timestamp"),
        "{reason}"
    );
    Ok(())
}

async fn stale_assertion() -> anyhow::Result<()> {
    let fake = fake()?;
    let text = "Client assertion is not within its valid time range.";
    fake.answer_always(Service::Entra, Answer::aadsts(401, 700_024, text));
    let error = failure(&fake, federated(&fake)).await?;
    assert_eq!(aadsts(&error), Some("AADSTS700024"));
    hint_says(&error, "clock")
}

async fn no_federation() -> anyhow::Result<()> {
    let fake = fake()?;
    fake.answer_always(
        Service::Oidc,
        Answer::json(200, &json!({ "oidcToken": "of another" })),
    );
    let error = failure(&fake, federated(&fake)).await?;
    assert_eq!(aadsts(&error), Some("AADSTS700213"));
    hint_says(
        &error,
        "the subject that the service connection's page shows",
    )
}

/// Every code of the table, as Entra answers it.
async fn all_codes() -> anyhow::Result<()> {
    let fake = fake()?;
    for row in ENTRA_REFUSALS {
        let code = format!("AADSTS{}", row.code);
        let before = fake.requests_to(Service::Entra).len();
        let asked = || fake.requests_to(Service::Entra).len() - before;
        if row.may_pass {
            fake.answer_next(Service::Entra, Answer::aadsts(400, row.code, "No."));
            let azure = azure(&fake, with_secret(CLIENT_SECRET))?;
            azure.cluster_access(&cluster()?).await?;
            assert_eq!(asked(), 2, "{code}");
            continue;
        }
        fake.answer_always(Service::Entra, Answer::aadsts(400, row.code, "No."));
        let error = failure(&fake, with_secret(CLIENT_SECRET)).await?;
        fake.recover(Service::Entra);
        assert_eq!(aadsts(&error), Some(code.as_str()));
        assert_eq!(error.hint().as_deref(), Some(row.fix.in_task()), "{code}");
        assert_eq!(
            error.hint_at_command_line().as_deref(),
            Some(row.fix.at_command_line()),
            "{code}"
        );
        assert_eq!(asked(), 1, "{code}");
    }
    Ok(())
}

async fn lasting_outage() -> anyhow::Result<()> {
    let fake = fake()?;
    fake.answer_always(
        Service::Entra,
        Answer::aadsts(503, 90_033, "A transient error."),
    );
    let error = failure(&fake, with_secret(CLIENT_SECRET)).await?;
    assert_eq!(aadsts(&error), Some("AADSTS90033"));
    assert_eq!(fake.requests().len(), 5, "four repetitions");
    hint_says(&error, "status.azure.com")
}

async fn unknown_code() -> anyhow::Result<()> {
    let fake = fake()?;
    fake.answer_always(Service::Entra, Answer::aadsts(400, 4_711, "Something new."));
    let error = failure(&fake, with_secret(CLIENT_SECRET)).await?;
    assert_eq!(
        error.request_id(),
        Some("1c1a8ee5-0000-4000-8000-000000000006")
    );
    hint_says(&error, "https://login.microsoftonline.com/error?code=4711")
}
