//! The way to the API server: directly, or through an HTTP proxy by `CONNECT`.
//!
//! kube's own `http-proxy` feature matches `NO_PROXY` against the proxy's address instead of the
//! server's (kube-client 5.0 `config/file_loader.rs`, `proxy_url`), so it stays off.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use kube::Config;
use kube::client::ConfigExt;
use rollguard_network::{Proxies, Proxy, Trust};
use tower::Service;

use super::{bad_input, roots};
use crate::error::ClusterError;
use crate::login::BoxError;

/// How long a TCP connection may take to come up.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A peer that vanished without a word is noticed after `PROBE_AFTER` + 2 × `PROBE_EVERY`: a quiet
/// watch must not be mistaken for a quiet cluster.
const PROBE_AFTER: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// Connects to the API server.
#[derive(Clone)]
pub(super) enum Route {
    Direct(HttpConnector),
    Through(Tunnel<HttpConnector>),
    /// The connection to the proxy itself is encrypted.
    ThroughTls(Tunnel<HttpsConnector<HttpConnector>>),
}

impl Route {
    /// The way through `proxy`, if there is one.
    pub(super) fn new(proxy: Option<&Proxy>, trust: &Trust) -> crate::Result<Self> {
        let Some(proxy) = proxy else {
            return Ok(Self::Direct(connector()));
        };
        Ok(if proxy.uri().scheme_str() == Some("https") {
            Self::ThroughTls(tunnel(proxy, encrypted(proxy, trust)?))
        } else {
            Self::Through(tunnel(proxy, connector()))
        })
    }
}

/// The proxy on the way to `server`. `own` is the cluster's `proxy-url`: it comes first, whatever the environment
/// says, as with kubectl.
pub(super) fn proxy_of(
    server: &Uri,
    own: Option<&str>,
    proxies: &Proxies,
) -> crate::Result<Option<Proxy>> {
    let own = own.map(|own| Proxy::parse("proxy-url", own)).transpose();
    let own = own.map_err(|error| bad_input(error.to_string()))?;
    Ok(own.or_else(|| proxies.of(server).cloned()))
}

fn tunnel<C>(proxy: &Proxy, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.uri().clone(), connector);
    match proxy.authorization() {
        Some(authorization) => tunnel.with_auth(authorization.clone()),
        None => tunnel,
    }
}

/// TLS to a proxy, which shows a certificate of the extra authorities where there are any, else of the
/// platform's.
fn encrypted(proxy: &Proxy, trust: &Trust) -> crate::Result<HttpsConnector<HttpConnector>> {
    let mut config = Config::new(proxy.uri().clone());
    let extra = roots(trust)?;
    config.root_cert = (!extra.is_empty()).then_some(extra);
    config
        .rustls_https_connector_with_connector(connector())
        .map_err(|source| ClusterError::new(format!("set up the proxy {}", proxy.uri()), source))
}

fn connector() -> HttpConnector {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_LIMIT));
    http.set_keepalive(Some(PROBE_AFTER));
    http.set_keepalive_interval(Some(PROBE_EVERY));
    http.set_keepalive_retries(Some(2));
    http
}

impl Service<Uri> for Route {
    type Response = MaybeHttpsStream<<HttpConnector as Service<Uri>>::Response>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Direct(http) => http.poll_ready(context).map_err(Into::into),
            Self::Through(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
            Self::ThroughTls(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        match self {
            Self::Direct(http) => plain(http.call(server)).boxed(),
            Self::Through(tunnel) => plain(tunnel.call(server)).boxed(),
            Self::ThroughTls(tunnel) => tunnel.call(server).map_err(Into::into).boxed(),
        }
    }
}

async fn plain<S, E: Into<BoxError>>(
    connecting: impl Future<Output = Result<S, E>>,
) -> Result<MaybeHttpsStream<S>, BoxError> {
    connecting
        .await
        .map(MaybeHttpsStream::Http)
        .map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use rollguard_network::ProxySettings;

    use super::*;
    use crate::error::ClusterErrorKind;

    fn route(own: Option<&str>, https: &str) -> crate::Result<Route> {
        let settings = ProxySettings {
            https: Some(https.to_owned()),
            ..ProxySettings::default()
        };
        let proxies = Proxies::new(&settings).unwrap_or_default();
        let server = Uri::from_static("https://aks.example:443");
        let proxy = proxy_of(&server, own, &proxies)?;
        Route::new(proxy.as_ref(), &Trust::default())
    }

    #[test]
    fn the_clusters_own_proxy_comes_first() {
        let env = "http://proxy.example:3128";
        assert!(matches!(route(None, "").unwrap(), Route::Direct(_)));
        assert!(matches!(route(None, env).unwrap(), Route::Through(_)));
        let own = Some("https://own.example:8080");
        assert!(matches!(route(own, env).unwrap(), Route::ThroughTls(_)));
    }

    #[test]
    fn a_proxy_of_another_kind_is_bad_input() {
        let Err(error) = route(Some("socks5://proxy.example:1080"), "") else {
            panic!("a SOCKS proxy was taken");
        };
        assert_eq!(error.kind(), ClusterErrorKind::BadInput);
        let text = error.to_string();
        assert!(
            text.starts_with("use the proxy of `proxy-url`: a proxy with the scheme `socks5`"),
            "{text}"
        );
    }
}
