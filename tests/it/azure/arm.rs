//! Refusals of Azure Resource Manager, and what the user reads.

use std::time::{Duration, Instant};

use anyhow::ensure;
use libtest_mimic::Trial;
use rollguard_azure::{ARM_REFUSALS, AzureError, AzureErrorKind, ClusterId, Task};
use rollguard_tests::fakes::{
    Answer, CLIENT_SECRET, CLUSTER, FakeAzure, OBJECT_ID, RESOURCE_GROUP, SUBSCRIPTION_ID, Service,
};
use serde_json::json;

use super::setup::{
    arm_failure, cluster, failure, fake, hint_says, refused, row, secret_azure, with_secret,
};

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "403 names the role, the scope and the identity to grant it to",
            forbidden,
        ),
        row(
            "403 by a policy does not send the user after a role",
            denied_by_policy,
        ),
        row("each refusal of the table has its fix", all_codes),
        row("404 names what was not found", not_found),
        row(
            "a retired API version falls back to the next one served",
            retired_version,
        ),
        row(
            "a cloud that lags falls back to its newest API version",
            lagging_cloud,
        ),
        row(
            "an API version without substitute is an error that lists what is served",
            no_version,
        ),
        row("429 waits as long as ARM asks and goes on", waits),
        row(
            "429 that asks for an hour is an error at once",
            asks_too_much,
        ),
        row("503 is tried again", tries_again),
        row("a redirect is not followed", redirect),
        row(
            "an answer without a user kubeconfig is an error",
            no_kubeconfig,
        ),
    ]
}

async fn forbidden() -> anyhow::Result<()> {
    let error = arm_failure(Answer::forbidden()).await?;
    let scope = cluster()?.resource_id();
    assert_eq!(
        *error.kind(),
        AzureErrorKind::Forbidden {
            action: "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"
                .to_owned(),
            scope: scope.clone(),
            code: Some("AuthorizationFailed".to_owned()),
            object_id: Some(OBJECT_ID.to_owned()),
            detail: None,
        }
    );
    assert_eq!(
        error.to_string(),
        format!(
            "list the user credentials of AKS cluster `{CLUSTER}` in resource group \
             `{RESOURCE_GROUP}` (request fake-arm-request-id)"
        )
    );
    assert_eq!(
        error.hint().unwrap_or_default(),
        format!(
            "check the names first (Azure gives the same answer if they do not exist), then \
             grant the role \"Azure Kubernetes Service Cluster User Role\": az role assignment \
             create --assignee-object-id {OBJECT_ID} --assignee-principal-type ServicePrincipal \
             --role \"Azure Kubernetes Service Cluster User Role\" --scope \"{scope}\" (takes \
             some minutes to become effective)"
        )
    );
    Ok(())
}

async fn denied_by_policy() -> anyhow::Result<()> {
    let text = "Resource 'aks-shop' was disallowed by policy 'only-from-hub'.";
    let answer = Answer::arm_error(403, "RequestDisallowedByPolicy", text);
    let error = arm_failure(answer).await?;
    let reason = error.kind().to_string();
    ensure!(reason.ends_with(text), "{reason}");
    hint_says(&error, "an Azure policy denies it, which no role changes")?;
    // One that no table knows.
    let error = arm_failure(Answer::arm_error(403, "Teapot", "Not today.")).await?;
    let reason = error.kind().to_string();
    ensure!(reason.ends_with("Not today."), "{reason}");
    hint_says(&error, "Azure says Teapot: a role alone may not help")
}

/// Every code of the table, as Azure answers it.
async fn all_codes() -> anyhow::Result<()> {
    let fake = fake()?;
    let azure = secret_azure(&fake)?;
    for row in ARM_REFUSALS.iter().filter(|row| !row.code.is_empty()) {
        // Not 5xx, which would be repeated for seconds.
        fake.answer_always(Service::Arm, Answer::arm_error(409, row.code, "No."));
        let error = refused(azure.cluster_access(&cluster()?).await)?;
        assert_eq!(
            error.hint().as_deref(),
            Some(row.fix.in_task()),
            "{}",
            row.code
        );
        assert_eq!(
            error.hint_at_command_line().as_deref(),
            Some(row.fix.at_command_line()),
            "{}",
            row.code
        );
    }
    Ok(())
}

async fn not_found() -> anyhow::Result<()> {
    let other = "00000000-0000-4000-8000-00000000000f";
    let rows = [
        (
            other,
            RESOURCE_GROUP,
            CLUSTER,
            format!("subscription `{other}` was not found"),
        ),
        (
            SUBSCRIPTION_ID,
            "rg-none",
            CLUSTER,
            format!("resource group `rg-none` in subscription `{SUBSCRIPTION_ID}` was not found"),
        ),
        (
            SUBSCRIPTION_ID,
            RESOURCE_GROUP,
            "aks-none",
            format!(
                "AKS cluster `aks-none` in resource group `{RESOURCE_GROUP}` of subscription \
                 `{SUBSCRIPTION_ID}` was not found"
            ),
        ),
    ];
    let fake = fake()?;
    let azure = secret_azure(&fake)?;
    for (subscription, group, name, reason) in rows {
        let id = ClusterId::new(subscription, group, name)?;
        let error = refused(azure.cluster_access(&id).await)?;
        assert_eq!(error.kind().to_string(), reason);
    }
    Ok(())
}

/// The API versions that ARM was asked for, given what it serves.
async fn asked(served: &[&str]) -> anyhow::Result<(Vec<String>, Option<AzureError>)> {
    let fake = FakeAzure::builder().api_versions(served).start()?;
    let result = secret_azure(&fake)?.cluster_access(&cluster()?).await;
    let asked = fake
        .requests_to(Service::Arm)
        .iter()
        .filter_map(|request| request.query("api-version").map(str::to_owned))
        .collect();
    Ok((asked, result.err()))
}

async fn retired_version() -> anyhow::Result<()> {
    let (asked, error) = asked(&["2028-02-01", "2027-03-01", "2027-01-01-preview"]).await?;
    assert_eq!(asked, ["2025-10-01", "2027-03-01"]);
    ensure!(error.is_none());
    Ok(())
}

async fn lagging_cloud() -> anyhow::Result<()> {
    let (asked, error) = asked(&["2023-02-01", "2024-05-01", "2025-08-02-preview"]).await?;
    assert_eq!(asked, ["2025-10-01", "2024-05-01"]);
    ensure!(error.is_none());
    Ok(())
}

async fn no_version() -> anyhow::Result<()> {
    let (asked, error) = asked(&["2025-08-02-preview"]).await?;
    assert_eq!(asked, ["2025-10-01"]);
    let kind = error
        .map(|error| error.kind().to_string())
        .unwrap_or_default();
    assert_eq!(
        kind,
        "API version `2025-10-01` is not served, only 2025-08-02-preview"
    );
    Ok(())
}

async fn waits() -> anyhow::Result<()> {
    let fake = fake()?;
    fake.answer_next(Service::Arm, Answer::throttled(1));
    let before = Instant::now();
    secret_azure(&fake)?.cluster_access(&cluster()?).await?;
    ensure!(
        before.elapsed() >= Duration::from_secs(1),
        "{:?}",
        before.elapsed()
    );
    assert_eq!(fake.requests_to(Service::Arm).len(), 2);
    Ok(())
}

async fn asks_too_much() -> anyhow::Result<()> {
    let before = Instant::now();
    let error = arm_failure(Answer::throttled(3600)).await?;
    ensure!(
        before.elapsed() < Duration::from_secs(20),
        "{:?}",
        before.elapsed()
    );
    let retry_after = Some(Duration::from_secs(3600));
    ensure!(matches!(
        error.kind(),
        AzureErrorKind::Throttled { retry_after: found, .. } if *found == retry_after
    ));
    Ok(())
}

async fn tries_again() -> anyhow::Result<()> {
    let fake = fake()?;
    fake.answer_next(
        Service::Arm,
        Answer::arm_error(503, "ServerBusy", "Try again."),
    );
    secret_azure(&fake)?.cluster_access(&cluster()?).await?;
    assert_eq!(fake.requests_to(Service::Arm).len(), 2);
    Ok(())
}

async fn redirect() -> anyhow::Result<()> {
    let fake = fake()?;
    let elsewhere = format!("{}/elsewhere", fake.base_url());
    let answer = Answer::json(307, &json!({})).header("location", elsewhere);
    fake.answer_always(Service::Arm, answer);
    let error = failure(&fake, with_secret(CLIENT_SECRET)).await?;
    ensure!(matches!(
        error.kind(),
        AzureErrorKind::Other { status: 307, .. }
    ));
    ensure!(
        fake.requests_to(Service::Unknown).is_empty(),
        "the token went elsewhere"
    );
    Ok(())
}

async fn no_kubeconfig() -> anyhow::Result<()> {
    let admin = json!({ "kubeconfigs": [{ "name": "clusterAdmin", "value": "YQ==" }] });
    let odd = json!({ "kubeconfigs": [{ "name": "clusterUser", "value": "%%%" }] });
    for body in [
        json!({ "kubeconfigs": [] }),
        json!({ "kubeconfigs": null }),
        admin,
        odd,
    ] {
        let error = arm_failure(Answer::json(200, &body)).await?;
        ensure!(
            matches!(error.kind(), AzureErrorKind::Kubeconfig { .. }),
            "{body}"
        );
        ensure!(
            matches!(error.task(), Task::ReadKubeconfig { .. }),
            "{body}"
        );
    }
    Ok(())
}
