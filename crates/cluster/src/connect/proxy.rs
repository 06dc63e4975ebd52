//! The way to the API server: directly, or through an HTTP proxy by `CONNECT`.
//!
//! kube's own `http-proxy` feature matches `NO_PROXY` against the proxy's address instead of the
//! server's (kube-client 5.0 `config/file_loader.rs`, `proxy_url`), so it stays off.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::TryFutureExt;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use kube::Config;
use tower::Service;

use super::bad_input;
use crate::login::{BoxError, Proxies};

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
}

impl Route {
    /// The cluster's own `proxy-url` first, then the environment's, as kubectl does.
    pub(super) fn new(config: &Config, proxies: &Proxies) -> crate::Result<Self> {
        let http = connector();
        let Some((proxy, auth)) = choose(&config.cluster_url, config, proxies) else {
            return Ok(Self::Direct(http));
        };
        if proxy.scheme_str() != Some("http") {
            let scheme = proxy.scheme_str().unwrap_or_default();
            return Err(bad_input(format!("use a proxy with the scheme `{scheme}`"))
                .with_hint("name an http:// proxy"));
        }
        let tunnel = Tunnel::new(proxy, http);
        Ok(Self::Through(match auth {
            Some(auth) => tunnel.with_auth(auth),
            None => tunnel,
        }))
    }
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

fn choose(
    server: &Uri,
    config: &Config,
    proxies: &Proxies,
) -> Option<(Uri, Option<http::HeaderValue>)> {
    let from_env = proxies.https.clone().unwrap_or_default();
    // kube fills `proxy_url` from the environment as well; then `NO_PROXY` applies.
    let own = config.proxy_url.as_ref().map(ToString::to_string);
    let own = own.filter(|own| own.trim_end_matches('/') != from_env.trim_end_matches('/'));
    let no_proxy = if own.is_some() {
        String::new()
    } else {
        proxies.no_proxy.clone().unwrap_or_default()
    };
    let proxy = own.unwrap_or(from_env);
    if proxy.is_empty() {
        return None;
    }
    let matcher = Matcher::builder().all(proxy).no(no_proxy).build();
    let intercept = matcher.intercept(server)?;
    Some((intercept.uri().clone(), intercept.basic_auth().cloned()))
}

impl Service<Uri> for Route {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Direct(http) => http.poll_ready(context).map_err(Into::into),
            Self::Through(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        match self {
            Self::Direct(http) => Box::pin(http.call(server).map_err(Into::into)),
            Self::Through(tunnel) => Box::pin(tunnel.call(server).map_err(Into::into)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ClusterErrorKind;

    fn chosen(own: Option<&str>, https: Option<&str>, no_proxy: &str) -> Option<String> {
        let mut config = Config::new(Uri::from_static("https://aks.example:443"));
        config.proxy_url = own.map(|own| own.parse().unwrap());
        let proxies = Proxies {
            https: https.map(str::to_owned),
            no_proxy: Some(no_proxy.to_owned()),
        };
        choose(&config.cluster_url.clone(), &config, &proxies).map(|(uri, _)| uri.to_string())
    }

    #[test]
    fn the_proxy_is_chosen_as_kubectl_does() {
        let env = Some("http://proxy.example:3128");
        let own = Some("http://own.example:8080");
        let rows = [
            ("none named", None, None, "", None),
            (
                "the environment's",
                None,
                env,
                "",
                Some("http://proxy.example:3128/"),
            ),
            (
                "the cluster's own first",
                own,
                env,
                "",
                Some("http://own.example:8080/"),
            ),
            (
                "its own despite NO_PROXY",
                own,
                env,
                "*",
                Some("http://own.example:8080/"),
            ),
            (
                "not for a host in NO_PROXY",
                None,
                env,
                "localhost,aks.example",
                None,
            ),
            ("not for a domain in NO_PROXY", None, env, ".example", None),
            (
                "kube's copy of the environment",
                env,
                env,
                "aks.example",
                None,
            ),
            (
                "another host in NO_PROXY",
                None,
                env,
                "other",
                Some("http://proxy.example:3128/"),
            ),
        ];
        for (says, own, https, no_proxy, expected) in rows {
            assert_eq!(chosen(own, https, no_proxy).as_deref(), expected, "{says}");
        }
    }

    #[test]
    fn a_proxy_of_another_kind_is_bad_input() {
        let config = Config::new(Uri::from_static("https://aks.example:443"));
        let proxies = Proxies {
            https: Some("socks5://proxy.example:1080".to_owned()),
            no_proxy: None,
        };
        let Err(error) = Route::new(&config, &proxies) else {
            panic!("a SOCKS proxy was taken");
        };
        assert_eq!(error.kind(), ClusterErrorKind::BadInput);
        assert_eq!(error.to_string(), "use a proxy with the scheme `socks5`");
    }
}
