//! Which credentials Azure Resource Manager is asked for, and for which audience its tokens are.

use anyhow::{Context as _, ensure};
use libtest_mimic::Trial;
use rollguard_azure::{Authentication, Azure, AzureErrorKind, Cloud, Credentials, Task};
use rollguard_tests::fakes::{
    ADMIN_ACCOUNT_TOKEN, Answer, CLIENT_SECRET, FakeAzure, Recorded, Service,
};

use super::setup::{
    azure, cluster, fake, federated, hint_says, refused, row, secret_azure, transport, with_secret,
};

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "useClusterAdmin: the admin credentials are asked for, and need no token",
            admin,
        ),
        row(
            "useClusterAdmin where local accounts are disabled is explained",
            local_accounts_disabled,
        ),
        row(
            "the same words about the user's credentials are Azure's own",
            same_words_for_the_user,
        ),
        row(
            "403 for the admin credentials names the admin role",
            admin_forbidden,
        ),
        row(
            "publicFqdn: the public name is asked for, with either credentials",
            public_fqdn,
        ),
        row(
            "Azure Stack Hub: the token is for the audience of the connection",
            audience,
        ),
        row(
            "federation does not look into the OIDC token: both issuers sign in",
            both_issuers,
        ),
    ]
}

fn asked(fake: &FakeAzure) -> anyhow::Result<Recorded> {
    let requests = fake.requests_to(Service::Arm);
    requests.into_iter().next().context("a request to ARM")
}

async fn admin() -> anyhow::Result<()> {
    let fake = FakeAzure::builder().local_accounts().start()?;
    let azure = secret_azure(&fake)?.with_credentials(Credentials::Admin);
    let access = azure.cluster_access(&cluster()?).await?;
    assert_eq!(access.authentication, Authentication::Embedded);
    ensure!(access.kubeconfig.expose().contains(ADMIN_ACCOUNT_TOKEN));
    let request = asked(&fake)?;
    ensure!(
        request.path.ends_with("/listClusterAdminCredential"),
        "{}",
        request.path
    );
    assert_eq!(request.raw_query, "api-version=2025-10-01");
    Ok(())
}

async fn local_accounts_disabled() -> anyhow::Result<()> {
    let fake = fake()?;
    let azure = secret_azure(&fake)?.with_credentials(Credentials::Admin);
    let error = refused(azure.cluster_access(&cluster()?).await)?;
    assert_eq!(
        error.kind().to_string(),
        "local accounts are disabled on AKS cluster `aks-shop`, so it has no admin credentials"
    );
    hint_says(&error, "leave useClusterAdmin out")
}

async fn same_words_for_the_user() -> anyhow::Result<()> {
    let fake = fake()?;
    let text = "Getting static credential is not allowed because this cluster is set to disable \
                local accounts.";
    fake.answer_always(Service::Arm, Answer::arm_error(400, "BadRequest", text));
    let error = refused(secret_azure(&fake)?.cluster_access(&cluster()?).await)?;
    ensure!(
        matches!(error.kind(), AzureErrorKind::Other { status: 400, .. }),
        "{}",
        error.kind()
    );
    Ok(())
}

async fn admin_forbidden() -> anyhow::Result<()> {
    let fake = fake()?;
    fake.answer_always(Service::Arm, Answer::forbidden());
    let azure = secret_azure(&fake)?.with_credentials(Credentials::Admin);
    let error = refused(azure.cluster_access(&cluster()?).await)?;
    ensure!(matches!(
        error.task(),
        Task::ListCredentials {
            credentials: Credentials::Admin,
            ..
        }
    ));
    ensure!(
        error.to_string().starts_with("list the admin credentials"),
        "{error}"
    );
    hint_says(&error, "\"Azure Kubernetes Service Cluster Admin Role\"")
}

async fn public_fqdn() -> anyhow::Result<()> {
    let rows = [
        (
            Credentials::User,
            true,
            "format=exec&server-fqdn=public&api-version=2025-10-01",
        ),
        (
            Credentials::Admin,
            true,
            "server-fqdn=public&api-version=2025-10-01",
        ),
        (
            Credentials::User,
            false,
            "format=exec&api-version=2025-10-01",
        ),
    ];
    for (credentials, public, expected) in rows {
        let fake = FakeAzure::builder().local_accounts().start()?;
        let azure = secret_azure(&fake)?.with_credentials(credentials);
        let azure = azure.with_public_fqdn(public);
        azure.cluster_access(&cluster()?).await?;
        let mut found: Vec<String> = query(&asked(&fake)?);
        let mut expected: Vec<String> = expected.split('&').map(str::to_owned).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{credentials:?}");
    }
    Ok(())
}

fn query(request: &Recorded) -> Vec<String> {
    request.raw_query.split('&').map(str::to_owned).collect()
}

async fn audience() -> anyhow::Result<()> {
    let audience = "https://management.contoso.onmicrosoft.com/4de154de";
    let fake = FakeAzure::builder().audience(audience).start()?;
    let cloud = Cloud::new(fake.base_url(), fake.base_url())?;
    let own = Azure::new(
        with_secret(CLIENT_SECRET),
        cloud.clone().with_audience(audience)?,
        transport(&fake)?,
    )?;
    own.cluster_access(&cluster()?).await?;
    let without = Azure::new(with_secret(CLIENT_SECRET), cloud, transport(&fake)?)?;
    let error = refused(without.cluster_access(&cluster()?).await)?;
    ensure!(
        error.kind().to_string().contains("AADSTS500011"),
        "{}",
        error.kind()
    );
    Ok(())
}

async fn both_issuers() -> anyhow::Result<()> {
    let issuers = [
        "https://vstoken.dev.azure.com/8f1b2c3d-0000-4000-8000-000000000008",
        "https://login.microsoftonline.com/72f988bf-0000-4000-8000-000000000001/v2.0",
    ];
    for issuer in issuers {
        let fake = FakeAzure::builder().oidc_issuer(issuer).start()?;
        azure(&fake, federated(&fake))?
            .cluster_access(&cluster()?)
            .await?;
        let requests = fake.requests_to(Service::Entra);
        let sent = requests.first().and_then(|it| it.form("client_assertion"));
        ensure!(
            sent.is_some_and(|it| it.split('.').count() == 3),
            "{issuer}: {sent:?}"
        );
    }
    Ok(())
}
