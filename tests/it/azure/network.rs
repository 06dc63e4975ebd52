//! Real TLS on loopback: IPv6, slow handshakes, encrypted proxies, client certificates; to Azure and to the API server.

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use async_trait::async_trait;
use jiff::Timestamp;
use libtest_mimic::Trial;
use rollguard_azure::{Azure, AzureErrorKind, Cloud, Transport};
use rollguard_cluster::{BearerTokens, BoxError, Connection, Login, connect};
use rollguard_network::{Network, Proxies, ProxySettings, Trust};
use rollguard_tests::fakes::{Answer, CLIENT_SECRET, FakeAzure, FakeProxy, PROXIED_HOST, Service};
use serde_json::json;

use super::setup::{cloud, cluster, refused, row, trusting, with_secret};

/// How long a handshake takes behind an inspecting proxy.
const SLOW: Duration = Duration::from_secs(4);

pub(crate) fn rows() -> Vec<Trial> {
    vec![
        row("Azure and the API server are reached at [::1]", ipv6),
        row("a TLS handshake of 4 s is waited for", slow_handshake),
        row(
            "an encrypted proxy leads to Azure and to the API server",
            encrypted_proxy,
        ),
        row("an encrypted proxy must be trusted", untrusted_proxy),
        row(
            "the client certificate is shown to a server that asks",
            client_certificate,
        ),
        row(
            "the client certificate is never shown to the API server",
            no_identity_for_the_api_server,
        ),
        row(
            "without a client certificate that server is not reached",
            no_client_certificate,
        ),
    ]
}

/// The fake plays the API server, too.
fn with_version(fake: &FakeAzure) {
    let version = json!({ "gitVersion": "v1.35.4" });
    fake.answer_always(Service::Cluster, Answer::json(200, &version));
}

fn azure(url: &str, network: &Network) -> Result<Azure> {
    let transport = Transport::new(network)?;
    Ok(Azure::new(
        with_secret(CLIENT_SECRET),
        Cloud::new(url, url)?,
        transport,
    )?)
}

struct Token;

#[async_trait]
impl BearerTokens for Token {
    async fn token(&self, _: Option<&str>) -> Result<String, BoxError> {
        Ok("token".to_owned())
    }
}

/// Connects to the API server at `url`, whose authority the kubeconfig names.
async fn api_server(url: &str, fake: &FakeAzure, network: Network) -> Result<Connection> {
    use base64::Engine as _;
    let ca = base64::engine::general_purpose::STANDARD.encode(fake.ca_pem());
    let kubeconfig = format!(
        "{{apiVersion: v1, kind: Config, current-context: a, \
         contexts: [{{name: a, context: {{cluster: a, user: a}}}}], users: [], \
         clusters: [{{name: a, cluster: {{server: '{url}', certificate-authority-data: {ca}}}}}]}}"
    );
    let login = Login::InMemory {
        kubeconfig,
        tokens: Some(Arc::new(Token)),
        network,
    };
    let connection = connect(&login, Timestamp::UNIX_EPOCH).await?;
    ensure!(connection.version == "v1.35.4", "{}", connection.version);
    Ok(connection)
}

async fn ipv6() -> Result<()> {
    let fake = FakeAzure::builder().at(Ipv6Addr::LOCALHOST).start()?;
    ensure!(
        fake.base_url().starts_with("https://[::1]:"),
        "{}",
        fake.base_url()
    );
    with_version(&fake);
    // Loopback is reached without a proxy, whatever NO_PROXY says.
    let settings = ProxySettings {
        https: Some("http://127.0.0.1:1".to_owned()),
        ..ProxySettings::default()
    };
    let network = Network {
        proxies: Proxies::new(&settings)?,
        ..trusting(&fake)
    };
    azure(fake.base_url(), &network)?
        .cluster_access(&cluster()?)
        .await?;
    api_server(fake.base_url(), &fake, network).await?;
    Ok(())
}

async fn slow_handshake() -> Result<()> {
    let fake = FakeAzure::builder().handshake_after(SLOW).start()?;
    with_version(&fake);
    let network = trusting(&fake);
    let azure = azure(fake.base_url(), &network)?;
    let cluster = cluster()?;
    let begun = Instant::now();
    let (access, connection) = tokio::join!(
        azure.cluster_access(&cluster),
        api_server(fake.base_url(), &fake, network)
    );
    access?;
    connection?;
    ensure!(begun.elapsed() >= SLOW, "{:?}", begun.elapsed());
    assert_eq!(
        fake.requests_to(Service::Entra).len(),
        1,
        "no attempt was given up"
    );
    Ok(())
}

/// Through `proxy`, trusting it and `fake`.
fn through(proxy: &FakeProxy, fake: &FakeAzure, trusts_proxy: bool) -> Result<Network> {
    let settings = ProxySettings {
        https: Some(proxy.url().to_owned()),
        ..ProxySettings::default()
    };
    let authorities = if trusts_proxy {
        [fake.ca_pem(), proxy.ca_pem()].concat()
    } else {
        fake.ca_pem().to_owned()
    };
    Ok(Network {
        proxies: Proxies::new(&settings)?,
        trust: Trust {
            extra_roots_pem: authorities.into_bytes(),
            ..Trust::default()
        },
        ..Network::default()
    })
}

async fn encrypted_proxy() -> Result<()> {
    let fake = FakeAzure::builder().start()?;
    with_version(&fake);
    let proxy = FakeProxy::start_encrypted()?;
    ensure!(proxy.url().starts_with("https://"), "{}", proxy.url());
    let network = through(&proxy, &fake, true)?;
    let url = fake.proxied_url();
    azure(&url, &network)?.cluster_access(&cluster()?).await?;
    let before = proxy.tunnels().len();
    ensure!(before > 0, "Azure was reached past the proxy");
    api_server(&url, &fake, network).await?;
    let tunnels = proxy.tunnels();
    ensure!(
        tunnels.len() > before,
        "the API server was reached past the proxy"
    );
    ensure!(
        tunnels.iter().all(|it| it.starts_with(PROXIED_HOST)),
        "{tunnels:?}"
    );
    Ok(())
}

async fn untrusted_proxy() -> Result<()> {
    let fake = FakeAzure::builder().start()?;
    let proxy = FakeProxy::start_encrypted()?;
    let network = through(&proxy, &fake, false)?;
    let azure = azure(&fake.proxied_url(), &network)?;
    let error = refused(azure.cluster_access(&cluster()?).await)?;
    ensure!(
        matches!(error.kind(), AzureErrorKind::Certificate { .. }),
        "{:?}",
        error.kind()
    );
    ensure!(proxy.tunnels().is_empty() && fake.requests().is_empty());
    Ok(())
}

async fn client_certificate() -> Result<()> {
    let fake = FakeAzure::builder().wants_certificate().start()?;
    let mut network = trusting(&fake);
    network.trust.client_identity_pem = Some(fake.client_identity_pem().as_bytes().to_vec());
    let transport = Transport::new(&network)?;
    let azure = Azure::new(with_secret(CLIENT_SECRET), cloud(&fake)?, transport)?;
    azure.cluster_access(&cluster()?).await?;
    Ok(())
}

/// There a client certificate says who signs in, and the agent's is not the job's identity.
async fn no_identity_for_the_api_server() -> Result<()> {
    let fake = FakeAzure::builder().wants_certificate().start()?;
    with_version(&fake);
    let mut network = trusting(&fake);
    network.trust.client_identity_pem = Some(fake.client_identity_pem().as_bytes().to_vec());
    // It is asked again for half a minute, as after any broken connection.
    let connecting = api_server(fake.base_url(), &fake, network);
    let connected = tokio::time::timeout(Duration::from_secs(3), connecting).await;
    ensure!(!matches!(connected, Ok(Ok(_))), "the server was satisfied");
    ensure!(fake.requests().is_empty());
    Ok(())
}

async fn no_client_certificate() -> Result<()> {
    let fake = FakeAzure::builder().wants_certificate().start()?;
    // One of another authority does not help either.
    let other = FakeAzure::builder().start()?;
    let identities = [None, Some(other.client_identity_pem().as_bytes().to_vec())];
    for identity in identities {
        let mut network = trusting(&fake);
        network.trust.client_identity_pem = identity;
        let azure = Azure::new(
            with_secret(CLIENT_SECRET),
            cloud(&fake)?,
            Transport::new(&network)?,
        )?;
        // The server says so only after the handshake, so it looks like a broken connection.
        refused(azure.cluster_access(&cluster()?).await)?;
        ensure!(fake.requests().is_empty());
    }
    Ok(())
}
