//! The client's layers, the outermost first: address, repeated reads, credentials, impersonation, log, time limit, TLS.

use std::sync::Arc;

use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use rollguard_network::Listener;
use tower::ServiceBuilder;
use tower::layer::layer_fn;
use tower::retry::RetryLayer;

use super::bearer::Bearer;
use super::limit::AnswerLimit;
use super::proxy::Route;
use super::request_log::RequestLog;
use super::retry::ReadsOnly;
use crate::login::{BearerTokens, BoxError};

/// Builds a client by hand, because kube's builder retries writes and puts layers of ours outside
/// its own.
pub(super) fn build(
    config: &Config,
    route: Route,
    tokens: Option<Arc<dyn BearerTokens>>,
    listener: &Listener,
) -> Result<Client, kube::Error> {
    let https = config.rustls_https_connector_with_connector(route)?;
    let http = legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(https);
    let bearer = tokens.map(|tokens| {
        let listener = listener.clone();
        layer_fn(move |inner| Bearer {
            inner,
            tokens: Arc::clone(&tokens),
            listener: listener.clone(),
        })
    });
    // Tokens of ours replace whatever the kubeconfig says.
    let own = if bearer.is_some() {
        None
    } else {
        config.auth_layer()?
    };
    let log = listener.clone();
    let server = format!("the API server {}", config.cluster_url);
    let retry = ReadsOnly::new(server, listener.clone());
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(retry))
        .option_layer(own)
        .map_err(BoxError::from)
        .option_layer(bearer)
        .map_err(BoxError::from)
        .layer(config.extra_headers_layer()?)
        .layer(layer_fn(move |inner| RequestLog {
            inner,
            listener: log.clone(),
        }))
        .layer(layer_fn(AnswerLimit))
        .service(http);
    Ok(Client::new(service, config.default_namespace.clone()))
}
