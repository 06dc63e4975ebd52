//! Setup that every row needs.

use std::error::Error as StdError;
use std::future::Future;

use anyhow::ensure;
use libtest_mimic::Trial;
use rollguard_azure::{Azure, AzureError, Cloud, ClusterId, Login, Secret, Transport};
use rollguard_network::{Network, Proxies, ProxySettings, Trust};
use rollguard_tests::fakes::{
    Answer, CLIENT_ID, CLIENT_SECRET, CLUSTER, FakeAzure, FakeProxy, RESOURCE_GROUP,
    SERVICE_CONNECTION_ID, SUBSCRIPTION_ID, SYSTEM_ACCESS_TOKEN, Service, TENANT_ID,
};

/// A row: its sentence and its test, on a runtime of its own.
pub(crate) fn row<T, F>(sentence: &str, test: T) -> Trial
where
    T: FnOnce() -> F + Send + 'static,
    F: Future<Output = anyhow::Result<()>>,
{
    Trial::test(sentence, move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime
            .block_on(test())
            .map_err(|error| format!("{error:#}").into())
    })
}

pub(crate) fn fake() -> anyhow::Result<FakeAzure> {
    FakeAzure::builder().start()
}

/// Trusts the fake, and takes no proxy that the machine may have.
pub(crate) fn transport(fake: &FakeAzure) -> anyhow::Result<Transport> {
    Ok(Transport::new(&trusting(fake))?)
}

pub(crate) fn trusting(fake: &FakeAzure) -> Network {
    Network {
        proxies: Proxies::default(),
        trust: Trust {
            extra_roots_pem: fake.ca_pem().as_bytes().to_vec(),
            ..Trust::default()
        },
        ..Network::default()
    }
}

/// Trusts the fake, and reaches it through `proxy` under the name that only the proxy knows.
pub(crate) fn behind(
    proxy: &FakeProxy,
    fake: &FakeAzure,
    settings: ProxySettings,
) -> anyhow::Result<Azure> {
    let network = Network {
        proxies: Proxies::new(&ProxySettings {
            https: Some(proxy.url().to_owned()),
            ..settings
        })?,
        ..trusting(fake)
    };
    let url = fake.proxied_url();
    let cloud = Cloud::new(&url, &url)?;
    let transport = Transport::new(&network)?;
    Ok(Azure::new(with_secret(CLIENT_SECRET), cloud, transport)?)
}

pub(crate) fn cloud(fake: &FakeAzure) -> anyhow::Result<Cloud> {
    Ok(Cloud::new(fake.base_url(), fake.base_url())?)
}

/// Signs in by workload identity federation.
pub(crate) fn federated(fake: &FakeAzure) -> Login {
    Login::Pipelines {
        tenant_id: TENANT_ID.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        service_connection_id: SERVICE_CONNECTION_ID.to_owned(),
        system_access_token: Secret::new(SYSTEM_ACCESS_TOKEN),
        oidc_request_uri: fake.oidc_request_uri(),
    }
}

/// Signs in by a certificate.
pub(crate) fn with_certificate(pem: &str) -> Login {
    Login::ClientCertificate {
        tenant_id: TENANT_ID.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        certificate: Secret::new(pem),
    }
}

/// Signs in by a client secret.
pub(crate) fn with_secret(secret: &str) -> Login {
    Login::ClientSecret {
        tenant_id: TENANT_ID.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Secret::new(secret),
    }
}

pub(crate) fn azure(fake: &FakeAzure, login: Login) -> anyhow::Result<Azure> {
    Ok(Azure::new(login, cloud(fake)?, transport(fake)?)?)
}

/// The usual one: a client secret, which needs no OIDC.
pub(crate) fn secret_azure(fake: &FakeAzure) -> anyhow::Result<Azure> {
    azure(fake, with_secret(CLIENT_SECRET))
}

pub(crate) fn cluster() -> anyhow::Result<ClusterId> {
    Ok(ClusterId::new(SUBSCRIPTION_ID, RESOURCE_GROUP, CLUSTER)?)
}

/// The error of something that must fail.
pub(crate) fn refused<T>(result: Result<T, AzureError>) -> anyhow::Result<AzureError> {
    result.err().ok_or_else(|| anyhow::anyhow!("it succeeded"))
}

/// All that an error can say: to a user, to a log, through its sources.
pub(crate) fn all_words(error: &AzureError) -> String {
    let own = format!("{error:?}\n{error:#?}\n{error}\n{:?}", error.hint());
    let sources = std::iter::successors(error.source(), |&error| error.source());
    std::iter::once(own)
        .chain(sources.map(|error| format!("{error:?}\n{error}")))
        .collect()
}

/// The error of asking for the cluster's kubeconfig.
pub(crate) async fn failure(fake: &FakeAzure, login: Login) -> anyhow::Result<AzureError> {
    refused(azure(fake, login)?.cluster_access(&cluster()?).await)
}

/// The same, when ARM gives `answer`.
pub(crate) async fn arm_failure(answer: Answer) -> anyhow::Result<AzureError> {
    let fake = fake()?;
    fake.answer_always(Service::Arm, answer);
    failure(&fake, with_secret(CLIENT_SECRET)).await
}

/// The hint tells the user `words`.
pub(crate) fn hint_says(error: &AzureError, words: &str) -> anyhow::Result<()> {
    let hint = error.hint().unwrap_or_default();
    ensure!(hint.contains(words), "hint: {hint}");
    Ok(())
}
