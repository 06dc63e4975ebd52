//! From a login to a client, and to the API server's time.

use std::sync::Arc;

use http::{HeaderValue, Request, StatusCode};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use rollguard_core::workload::ClusterName;
use rollguard_network::{NO_ROOTS_HINT, Network, Proxy, Trust, says_no_roots};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use crate::clock::{Clock, server_time};
use crate::error::{Cause, ClusterError, ClusterErrorKind};
use crate::login::{BearerTokens, Impersonation, Login};
use crate::patience::patiently;
use crate::request::status_of;
use crate::sign_in::SignIn;
use crate::way_in::WayIn;
use crate::{Result, request};

mod bearer;
mod client_certificate;
mod credentials;
mod kubeconfig;
mod limit;
mod of_connection;
mod plugin;
mod proxy;
mod request_log;
mod retry;
mod service_account;
mod stack;
mod token;

pub use bearer::bearing;
pub use kubeconfig::secrets as secrets_of_kubeconfig;

/// A cluster that answered.
#[derive(Clone)]
pub struct Connection {
    /// The client. Its default namespace is the kubeconfig context's.
    pub client: Client,
    /// The API server's time.
    pub clock: Clock,
    /// The API server's version, for example `v1.35.4`.
    pub version: String,
    /// The way to the API server; `None` for the embedded cluster.
    pub server: Option<Server>,
    /// When the client certificate ends with which the kubeconfig's user signs in, if it has one.
    pub certificate_end: Option<Timestamp>,
    /// How the user came here.
    pub way_in: WayIn,
    /// The cluster's name, for people.
    pub cluster: ClusterName,
}

/// The API server, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address.
    pub url: String,
    /// The proxy on the way, if there is one.
    pub proxy: Option<ProxyOnTheWay>,
}

/// A proxy, without the credentials for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyOnTheWay {
    /// The variable or setting that names it.
    pub setting: &'static str,
    /// Its address.
    pub address: String,
}

impl From<&Proxy> for ProxyOnTheWay {
    fn from(proxy: &Proxy) -> Self {
        Self {
            setting: proxy.setting(),
            address: proxy.uri().to_string(),
        }
    }
}

/// Signs in and asks for the version: the first answer shows that the server is reachable and
/// accepts the credentials, and its `Date` header starts the clock. `local_now` stands in where
/// that header is missing.
///
/// # Errors
/// Bad input for a kubeconfig, context or proxy that does not fit; unreachable with the server's
/// address; credentials for 401 or a token that cannot be had.
pub async fn connect(login: &Login, local_now: Timestamp) -> Result<Connection> {
    let Opened {
        client,
        server,
        certificate_end,
        cluster,
    } = open(login, local_now).await?;
    let called = server
        .as_ref()
        .map(|it| format!("the API server {}", it.url));
    let called = called.as_deref().unwrap_or("the API server");
    let greeted = greet(&client, called).await;
    let (version, date) = greeted
        .map_err(|error| client_certificate::explained(error, certificate_end, local_now))?;
    let clock = Clock::starting_at(date.unwrap_or(local_now));
    Ok(Connection {
        client,
        clock,
        version,
        server,
        certificate_end,
        way_in: way_in(login),
        cluster,
    })
}

/// The user of an Azure connection or of the Azure CLI cannot be told by the login.
fn way_in(login: &Login) -> WayIn {
    let sign_in = match login {
        Login::As { login, whom } => {
            return WayIn {
                impersonated: Some(whom.in_words()),
                ..way_in(login)
            };
        }
        Login::OfConnection { .. } | Login::ServiceAccount { .. } => SignIn::KubernetesConnection,
        Login::Kubeconfig { .. }
        | Login::InMemory { .. }
        | Login::InCluster { .. }
        | Login::Client(_) => SignIn::Kubeconfig,
    };
    WayIn {
        sign_in,
        ..WayIn::default()
    }
}

/// The name of a cluster that is reached without a kubeconfig and without an address.
const EMBEDDED: &str = "embedded";

/// A login that was read, before anything is sent.
struct Prepared<'a> {
    config: Config,
    /// The cluster's own `proxy-url`.
    own_proxy: Option<String>,
    network: &'a Network,
    tokens: Option<Arc<dyn BearerTokens>>,
    /// When the kubeconfig's own client certificate ends; that of a plugin is renewed.
    certificate_end: Option<Timestamp>,
    /// Its name in the kubeconfig; none without one.
    cluster: Option<ClusterName>,
}

/// A client that has sent nothing yet.
struct Opened {
    client: Client,
    server: Option<Server>,
    certificate_end: Option<Timestamp>,
    cluster: ClusterName,
}

async fn open(login: &Login, local_now: Timestamp) -> Result<Opened> {
    let (login, whom) = if let Login::As { login, whom } = login {
        (login.as_ref(), Some(whom))
    } else {
        (login, None)
    };
    let prepared = match login {
        Login::As { .. } => return Err(bad_input("impersonate on behalf of someone else")),
        Login::Client(_) if whom.is_some() => {
            return Err(bad_input(
                "impersonate in the embedded cluster, which knows no users",
            ));
        }
        Login::Client(client) => {
            return Ok(Opened {
                client: limit::limited(client.clone()),
                server: None,
                certificate_end: None,
                cluster: ClusterName::new(EMBEDDED),
            });
        }
        Login::Kubeconfig { .. } => of_files(login, local_now).await?,
        Login::InMemory {
            kubeconfig,
            tokens,
            network,
        } => in_memory(kubeconfig, tokens.clone(), network).await?,
        Login::OfConnection { .. } => of_connection::prepared(login).await?,
        Login::ServiceAccount { .. } | Login::InCluster { .. } => service_account::prepared(login)?,
    };
    let Prepared {
        mut config,
        own_proxy,
        network,
        tokens,
        certificate_end,
        cluster,
    } = prepared;
    if let Some(whom) = whom {
        impersonate(&mut config, whom)?;
    }
    if let Some(roots_of_cluster) = &mut config.root_cert {
        roots_of_cluster.extend(roots(&network.trust)?);
    }
    let url = config.cluster_url.to_string();
    let proxy = proxy::proxy_of(&config.cluster_url, own_proxy.as_deref(), &network.proxies)?;
    let route = proxy::Route::new(proxy.as_ref(), &network.trust)?;
    let client = stack::build(&config, route, tokens, &network.listener)
        .map_err(|source| not_set_up(&format!("the API server {url}"), source))?;
    let server = Server {
        url,
        proxy: proxy.as_ref().map(ProxyOnTheWay::from),
    };
    Ok(Opened {
        client,
        cluster: cluster.unwrap_or_else(|| ClusterName::new(&server.url)),
        server: Some(server),
        certificate_end,
    })
}

/// Makes every request on behalf of a user, as kubectl does with `--as`: the flags take the place of all that the
/// kubeconfig says about it.
fn impersonate(config: &mut Config, whom: &Impersonation) -> Result<()> {
    let groups = whom.groups.iter().map(|it| ("--as-group", it));
    let uid = whom.uid.iter().map(|it| ("--as-uid", it));
    let all = [("--as", &whom.user)].into_iter().chain(groups).chain(uid);
    for (option, text) in all {
        // They become headers.
        if text.is_empty() || HeaderValue::from_str(text).is_err() {
            let what = format!("impersonate: `{option}` is not printable text");
            return Err(bad_input(what));
        }
    }
    let user = &mut config.auth_info;
    user.impersonate = Some(whom.user.clone());
    user.impersonate_groups = Some(whom.groups.clone());
    user.impersonate_uid.clone_from(&whom.uid);
    user.impersonate_user_extra = None;
    Ok(())
}

async fn of_files(login: &Login, local_now: Timestamp) -> Result<Prepared<'_>> {
    let Login::Kubeconfig {
        paths,
        context,
        network,
        programs,
        allow_insecure_server,
    } = login
    else {
        return Err(bad_input("read the kubeconfig"));
    };
    let kubeconfig = kubeconfig::read(paths)?;
    let named = context
        .clone()
        .or_else(|| kubeconfig.current_context.clone());
    let own_proxy = kubeconfig::own_proxy(&kubeconfig, named.as_deref());
    let cluster = kubeconfig::cluster_name(&kubeconfig, named.as_deref());
    let mut config = configuration(kubeconfig, context.clone()).await?;
    if !allow_insecure_server {
        credentials::refuse_exposed(&config)?;
    }
    let certificate_end = client_certificate::end_of(&config.auth_info);
    let tokens = credentials::take(&mut config, named, programs, local_now).await?;
    Ok(Prepared {
        config,
        own_proxy,
        network,
        tokens,
        certificate_end,
        cluster,
    })
}

async fn in_memory<'a>(
    kubeconfig: &str,
    tokens: Option<Arc<dyn BearerTokens>>,
    network: &'a Network,
) -> Result<Prepared<'a>> {
    let kubeconfig = kubeconfig::without_programs(kubeconfig::parse(kubeconfig)?);
    let own_proxy = kubeconfig::own_proxy(&kubeconfig, kubeconfig.current_context.as_deref());
    let cluster = kubeconfig::cluster_name(&kubeconfig, kubeconfig.current_context.as_deref());
    let mut config = configuration(kubeconfig, None).await?;
    let tokens = match tokens {
        Some(tokens) => Some(tokens),
        None => credentials::take_token(&mut config.auth_info)?,
    };
    Ok(Prepared {
        certificate_end: client_certificate::end_of(&config.auth_info),
        config,
        own_proxy,
        network,
        tokens,
        cluster,
    })
}

fn not_set_up(server: &str, source: kube::Error) -> ClusterError {
    let doing = format!("set up the connection to {server}");
    if says_no_roots(&source.to_string()) {
        return bad_input(format!(
            "{doing}: this machine trusts no certificate authority"
        ))
        .with_hint(NO_ROOTS_HINT);
    }
    ClusterError::new(doing, source)
}

/// The extra authorities, as DER.
fn roots(trust: &Trust) -> Result<Vec<Vec<u8>>> {
    of_pem("the extra certificate authorities", &trust.extra_roots_pem)
}

/// Certificates as DER.
fn of_pem(what: &str, pem: &[u8]) -> Result<Vec<Vec<u8>>> {
    CertificateDer::pem_slice_iter(pem)
        .map(|it| it.map(|it| it.to_vec()))
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| bad_input(format!("read {what}: {error}")))
}

async fn configuration(kubeconfig: Kubeconfig, context: Option<String>) -> Result<Config> {
    if let Some(wanted) = &context {
        kubeconfig::has_context(&kubeconfig, wanted)?;
    }
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(kubeconfig::unreadable)
}

/// Asks for the version; returns it with the server's time.
async fn greet(client: &Client, server: &str) -> Result<(String, Option<Timestamp>)> {
    let failed = |cause: Cause| {
        let doing = match cause {
            Cause::Answer { code: 401, .. } | Cause::Token(_) => "sign in to",
            Cause::Answer { .. }
            | Cause::Network(_)
            | Cause::Dropped(_)
            | Cause::Name(_)
            | Cause::Tls(_)
            | Cause::Silence(_)
            | Cause::Malformed(_)
            | Cause::Endless
            | Cause::Kubeconfig(_)
            | Cause::File(_) => "reach",
        };
        ClusterError::new(format!("{doing} {server}"), cause)
    };
    patiently(|| version(client)).await.map_err(failed)
}

async fn version(client: &Client) -> std::result::Result<(String, Option<Timestamp>), Cause> {
    let answer = async {
        let response = client.send(version_request()).await?;
        let (parts, body) = response.into_parts();
        Ok((parts, body.collect_bytes().await?))
    };
    let (parts, body) = request::within(request::READ_LIMIT, answer).await?;
    let date = server_time(&parts.headers);
    // `/version` is open to everybody, unless an administrator closed it; then the server is
    // reachable all the same and its version stays unknown.
    if parts.status == StatusCode::FORBIDDEN {
        let cause = Cause::from(status_of(parts.status, &body));
        // Then every other request would be refused as well.
        if cause.refuses_impersonation() {
            return Err(cause);
        }
        return Ok(("unknown".to_owned(), date));
    }
    if !parts.status.is_success() {
        return Err(status_of(parts.status, &body).into());
    }
    let version: Value =
        serde_json::from_slice(&body).map_err(|source| Cause::Malformed(source.to_string()))?;
    let version = version.get("gitVersion").and_then(Value::as_str);
    Ok((version.unwrap_or("unknown").to_owned(), date))
}

fn version_request() -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static("/version");
    request
}

fn bad_input(doing: impl Into<String>) -> ClusterError {
    ClusterError::plain(ClusterErrorKind::BadInput, doing)
}

#[cfg(test)]
mod tests;
