//! The transport: one `reqwest` client below every Azure pipeline.

mod judge;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::http::{
    ClientOptions, ExponentialRetryOptions, Pipeline, RetryOptions, Transport as CoreTransport,
};
use azure_core::time::Duration as CoreDuration;
use rustls::crypto::ring;

use crate::Result;
use crate::error::{AzureError, AzureErrorKind, Task};
use crate::wire_error::{REQUEST_LIMIT, innermost};
use judge::{Judge, Signature};
use wire::Wire;

/// How long a TCP and TLS handshake may take. (value to be measured behind real proxies)
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Retries after the first attempt: waits of 0.4, 0.8, 1.6 and 3.2 s, or what `Retry-After` says.
const RETRIES: u32 = 4;
/// No retry begins later than this after the first attempt.
const RETRY_WINDOW: CoreDuration = CoreDuration::seconds(30);

/// Which proxy requests take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the process, in either case, as `curl` reads
    /// them.
    #[default]
    Environment,
    /// This proxy for every request, e.g. the agent's own (`http://user:password@proxy:3128`).
    Url(String),
    /// No proxy, whatever the environment says.
    None,
}

/// The options of a [`Transport`].
#[derive(Clone, Debug, Default)]
pub struct TransportOptions {
    /// Certificates (PEM) trusted besides the platform's, e.g. the agent's `AGENT_CAINFO`. Default:
    /// none.
    ///
    /// On Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the platform's; on Windows and macOS
    /// they are not read.
    pub extra_roots_pem: Vec<u8>,
    /// Default: as the environment says.
    pub proxy: Proxy,
}

/// The one HTTPS client of this crate: rustls with ring, no redirects, time-outs on everything.
#[derive(Clone, Debug)]
pub struct Transport {
    client: reqwest::Client,
}

impl Transport {
    /// Makes the client; reads the trusted certificates, opens no connection.
    ///
    /// # Errors
    /// When no certificate is trusted at all, or an extra one or the proxy's address cannot be
    /// read.
    pub fn new(options: &TransportOptions) -> Result<Self> {
        // reqwest takes the process-wide provider and would panic without one. `Err` means that the
        // program has chosen already.
        let _ = ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            .referer(false);
        if !options.extra_roots_pem.is_empty() {
            let roots = reqwest::Certificate::from_pem_bundle(&options.extra_roots_pem)
                .ok()
                .filter(|roots| !roots.is_empty())
                .ok_or_else(|| not_usable("read the extra certificates: not PEM"))?;
            builder = builder.tls_certs_merge(roots);
        }
        builder = match &options.proxy {
            Proxy::Environment => builder,
            Proxy::Url(url) => builder.proxy(
                reqwest::Proxy::all(url).map_err(|_| not_usable("read the proxy's address"))?,
            ),
            Proxy::None => builder.no_proxy(),
        };
        let client = builder
            .build()
            .map_err(|error| not_usable(&innermost(&error)))?;
        Ok(Self { client })
    }

    /// Options for a credential or pipeline that signs in at `authority`.
    pub(crate) fn client_options(&self, authority: &str) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        authority.clone_into(&mut cloud.authority_host);
        ClientOptions {
            per_call_policies: vec![Arc::new(Judge)],
            per_try_policies: vec![Arc::new(Signature)],
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: RETRIES,
                max_total_elapsed: RETRY_WINDOW,
                ..ExponentialRetryOptions::default()
            }),
            transport: Some(CoreTransport::new(Arc::new(Wire::new(self.client.clone())))),
            // Else the process environment (`AZURE_AUTHORITY_HOST`) would decide.
            cloud: Some(Arc::new(CloudConfiguration::from(cloud))),
            ..ClientOptions::default()
        }
    }

    /// A pipeline with retries for requests of our own.
    pub(crate) fn pipeline(&self, authority: &str) -> Pipeline {
        Pipeline::new(
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
            self.client_options(authority),
            Vec::new(),
            Vec::new(),
            None,
        )
    }
}

fn not_usable(detail: &str) -> AzureError {
    AzureError::new(
        Task::Prepare,
        AzureErrorKind::Local {
            detail: detail.to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_certificates_that_are_none_are_refused() {
        let options = TransportOptions {
            extra_roots_pem: b"no PEM".to_vec(),
            ..TransportOptions::default()
        };
        let error = Transport::new(&options).unwrap_err();
        assert!(matches!(error.kind(), AzureErrorKind::Local { .. }));
    }

    #[test]
    fn a_proxy_address_that_is_none_is_refused_without_showing_it() {
        let proxy = Proxy::Url("http://user:hunter2@".to_owned());
        let error = Transport::new(&TransportOptions {
            proxy,
            ..TransportOptions::default()
        })
        .unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
