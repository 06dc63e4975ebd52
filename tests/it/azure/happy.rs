//! From a login to a kubeconfig: what goes over the wire, and what comes back.

use anyhow::{Context as _, ensure};
use libtest_mimic::Trial;
use rollguard_azure::{Authentication, BearerTokens as _};
use rollguard_network::ProxySettings;
use rollguard_tests::fakes::{
    AKS_SERVER_ID, CLIENT_ID, CLIENT_SECRET, CLUSTER, FakeAzure, FakeProxy, RESOURCE_GROUP,
    SERVICE_CONNECTION_ID, SUBSCRIPTION_ID, SYSTEM_ACCESS_TOKEN, Service, TENANT_ID,
};

use super::setup::{azure, behind, cluster, fake, federated, row, secret_azure};

const EMBEDDED: &str = "\
apiVersion: v1
kind: Config
current-context: aks-shop
clusters: [{name: aks-shop, cluster: {server: 'https://shop.example:443'}}]
contexts: [{name: aks-shop, context: {cluster: aks-shop, user: clusterUser}}]
users:
- name: clusterUser
  user: {client-certificate-data: Y2VydA==, client-key-data: a2V5}
";

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row(
            "federation: one request each to OIDC, Entra and ARM, as documented",
            federation,
        ),
        row(
            "client secret: one request each to Entra and ARM",
            client_secret,
        ),
        row(
            "ARM is asked for the exec format at the default API version",
            arm_request,
        ),
        row(
            "a kubeconfig with a certificate is handed on and needs no token",
            embedded,
        ),
        row(
            "an Entra kubeconfig gives the server id and leaves no program behind",
            entra,
        ),
        row(
            "the token for an Entra cluster has the scope of its server application",
            scope,
        ),
        row("an explicit proxy carries all requests", proxy),
        row("two clusters need one sign-in", one_sign_in),
    ]
}

async fn federation() -> anyhow::Result<()> {
    let fake = fake()?;
    azure(&fake, federated(&fake))?
        .cluster_access(&cluster()?)
        .await?;
    let requests = fake.requests();
    let order: Vec<Service> = requests.iter().map(|request| request.service).collect();
    assert_eq!(order, [Service::Oidc, Service::Entra, Service::Arm]);

    let oidc = &requests[0];
    assert_eq!(oidc.method, "POST");
    assert_eq!(oidc.query("api-version"), Some("7.1"));
    assert_eq!(
        oidc.query("serviceConnectionId"),
        Some(SERVICE_CONNECTION_ID)
    );
    assert_eq!(oidc.bearer(), Some(SYSTEM_ACCESS_TOKEN));
    assert_eq!(oidc.header("x-tfs-fedauthredirect"), Some("Suppress"));
    assert_eq!(oidc.header("content-length"), Some("0"));

    let entra = &requests[1];
    assert_eq!(entra.path, format!("/{TENANT_ID}/oauth2/v2.0/token"));
    assert_eq!(entra.form("client_id"), Some(CLIENT_ID));
    assert_eq!(entra.form("client_assertion"), Some("fake-oidc-token-1"));
    assert_eq!(
        entra.form("scope"),
        Some(format!("{}/.default", fake.base_url()).as_str())
    );
    assert_eq!(entra.form("client_secret"), None);

    let agent = concat!("rollguard/", env!("CARGO_PKG_VERSION"));
    for request in &requests {
        assert_eq!(
            request.header("user-agent"),
            Some(agent),
            "{:?}",
            request.service
        );
    }
    Ok(())
}

async fn client_secret() -> anyhow::Result<()> {
    let fake = fake()?;
    secret_azure(&fake)?.cluster_access(&cluster()?).await?;
    let requests = fake.requests();
    let order: Vec<Service> = requests.iter().map(|request| request.service).collect();
    assert_eq!(order, [Service::Entra, Service::Arm]);
    assert_eq!(requests[0].form("client_secret"), Some(CLIENT_SECRET));
    assert_eq!(requests[0].form("grant_type"), Some("client_credentials"));
    Ok(())
}

async fn arm_request() -> anyhow::Result<()> {
    let fake = fake()?;
    secret_azure(&fake)?.cluster_access(&cluster()?).await?;
    let requests = fake.requests_to(Service::Arm);
    let request = requests.first().context("a request to ARM")?;
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.path,
        format!(
            "/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/{RESOURCE_GROUP}/providers\
             /Microsoft.ContainerService/managedClusters/{CLUSTER}/listClusterUserCredential"
        )
    );
    assert_eq!(request.raw_query, "format=exec&api-version=2025-10-01");
    assert_eq!(request.bearer(), Some("fake-arm-token-1"));
    assert_eq!(request.header("content-length"), Some("0"));
    Ok(())
}

async fn embedded() -> anyhow::Result<()> {
    let fake = FakeAzure::builder().kubeconfig(EMBEDDED).start()?;
    let access = secret_azure(&fake)?.cluster_access(&cluster()?).await?;
    assert_eq!(access.authentication, Authentication::Embedded);
    let text = access.kubeconfig.expose();
    ensure!(text.contains("Y2VydA==") && text.contains("https://shop.example:443"));
    assert_eq!(
        fake.requests_to(Service::Entra).len(),
        1,
        "only the token for ARM"
    );
    Ok(())
}

async fn entra() -> anyhow::Result<()> {
    let fake = fake()?;
    let access = secret_azure(&fake)?.cluster_access(&cluster()?).await?;
    let server_id = AKS_SERVER_ID.to_owned();
    assert_eq!(access.authentication, Authentication::Entra { server_id });
    ensure!(!access.kubeconfig.expose().contains("kubelogin"));
    Ok(())
}

async fn scope() -> anyhow::Result<()> {
    let fake = FakeAzure::builder().issue_token("admin-token").start()?;
    let tokens = azure(&fake, federated(&fake))?.cluster_tokens(AKS_SERVER_ID);
    assert_eq!(tokens.token(None).await?.expose(), "admin-token");
    let requests = fake.requests_to(Service::Entra);
    let expected = format!("{AKS_SERVER_ID}/.default");
    assert_eq!(
        requests.first().and_then(|it| it.form("scope")),
        Some(expected.as_str())
    );
    Ok(())
}

async fn proxy() -> anyhow::Result<()> {
    let fake = fake()?;
    let proxy = FakeProxy::start(false)?;
    let azure = behind(&proxy, &fake, ProxySettings::default())?;
    azure.cluster_access(&cluster()?).await?;
    let target = fake.proxied_url().trim_start_matches("https://").to_owned();
    ensure!(!proxy.tunnels().is_empty(), "no tunnel was asked for");
    ensure!(proxy.tunnels().iter().all(|tunnel| *tunnel == target));
    Ok(())
}

async fn one_sign_in() -> anyhow::Result<()> {
    let fake = fake()?;
    let azure = secret_azure(&fake)?;
    azure.cluster_access(&cluster()?).await?;
    azure.cluster_access(&cluster()?).await?;
    assert_eq!(fake.requests_to(Service::Entra).len(), 1);
    assert_eq!(fake.requests_to(Service::Arm).len(), 2);
    Ok(())
}
