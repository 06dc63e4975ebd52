//! The transport: one `reqwest` client below every Azure pipeline.

mod judge;
mod metadata;
mod retry;
mod secrets;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::http::{
    ClientOptions, HttpClient, Pipeline, RetryOptions, Transport as CoreTransport,
};
use reqwest::ClientBuilder;
use rollguard_network::{Listener, NO_ROOTS_HINT, Network, Proxies, Trust, says_no_roots};
use rustls::crypto::ring;

use crate::Result;
use crate::error::{AzureError, AzureErrorKind, Fix, Task};
use crate::wire_error::{REQUEST_LIMIT, innermost};
pub(crate) use judge::refusal;
use metadata::MetadataWire;
use retry::{Repeat, Server};
use wire::Wire;

/// How long a TCP and TLS handshake may take. (value to be measured behind real proxies)
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the machine's metadata service may take to be reached: it is on the same host, or nowhere.
const METADATA_CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long one answer of the machine's metadata service may take.
const METADATA_LIMIT: Duration = Duration::from_secs(6);

/// The one HTTPS client of this crate: rustls with ring, no redirects, time-outs on everything.
#[derive(Clone)]
pub struct Transport {
    client: Arc<dyn HttpClient>,
    trust: Trust,
    listener: Listener,
}

/// A client certificate comes with its key.
impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    /// Makes the client; reads the platform's certificates, opens no connection.
    ///
    /// # Errors
    /// When no certificate is trusted at all, or an extra one or the client's own cannot be read.
    pub fn new(network: &Network) -> Result<Self> {
        // reqwest takes the process-wide provider and would panic without one. `Err` means that the
        // program has chosen already.
        let _ = ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            .referer(false)
            // Not the environment's by its own rules: one policy for all.
            .no_proxy();
        let client = trusting(through(builder, &network.proxies), &network.trust)?
            .build()
            .map_err(|error| no_client(&innermost(&error)))?;
        Ok(Self {
            client: Arc::new(client),
            trust: network.trust.clone(),
            listener: network.listener.clone(),
        })
    }

    /// Takes every answer from this client instead: for the fuzz targets, which answer for Azure.
    #[doc(hidden)]
    #[must_use]
    pub fn answered_by(client: Arc<dyn HttpClient>) -> Self {
        Self {
            client,
            trust: Trust::default(),
            listener: Listener::default(),
        }
    }

    /// Hears of secrets and of repeated requests.
    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }

    fn repeat(&self, server: Server) -> Repeat {
        Repeat {
            listener: self.listener.clone(),
            server,
        }
    }

    /// Options for a credential or pipeline that signs in at `authority`.
    pub(crate) fn client_options(&self, authority: &str) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        authority.clone_into(&mut cloud.authority_host);
        ClientOptions {
            per_try_policies: vec![Arc::new(self.repeat(Server::Remote))],
            retry: RetryOptions::none(),
            transport: Some(CoreTransport::new(Arc::new(Wire::new(Arc::clone(
                &self.client,
            ))))),
            // Else the process environment (`AZURE_AUTHORITY_HOST`) would decide.
            cloud: Some(Arc::new(CloudConfiguration::from(cloud))),
            ..ClientOptions::default()
        }
    }

    /// Options for the credential of a managed identity. The service that has its tokens is on this machine, so no
    /// proxy leads to it, and it speaks http (<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>).
    ///
    /// # Errors
    /// As [`Transport::new`].
    pub(crate) fn metadata_options(&self, authority: &str) -> Result<ClientOptions> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(METADATA_CONNECT_LIMIT)
            .timeout(METADATA_LIMIT)
            .referer(false)
            .no_proxy();
        let client = trusting(builder, &self.trust)?
            .build()
            .map_err(|error| no_client(&innermost(&error)))?;
        let wire = MetadataWire::new(Wire::new(Arc::new(client)));
        Ok(ClientOptions {
            per_try_policies: vec![Arc::new(self.repeat(Server::OfMachine))],
            transport: Some(CoreTransport::new(Arc::new(wire))),
            ..self.client_options(authority)
        })
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

fn through(builder: ClientBuilder, proxies: &Proxies) -> ClientBuilder {
    let Some(proxy) = proxies.of_https() else {
        return builder;
    };
    let authorization = proxy.authorization().cloned();
    let proxies = proxies.clone();
    let proxy = reqwest::Proxy::custom(move |url| {
        let url: http::Uri = url.as_str().parse().ok()?;
        proxies.of(&url).map(|proxy| proxy.uri().to_string())
    });
    builder.proxy(match authorization {
        Some(authorization) => proxy.custom_http_auth(authorization),
        None => proxy,
    })
}

fn trusting(mut builder: ClientBuilder, trust: &Trust) -> Result<ClientBuilder> {
    if !trust.extra_roots_pem.is_empty() {
        let roots = reqwest::Certificate::from_pem_bundle(&trust.extra_roots_pem)
            .ok()
            .filter(|roots| !roots.is_empty())
            .ok_or_else(|| not_usable("read the extra certificates: not PEM"))?;
        builder = builder.tls_certs_merge(roots);
    }
    if let Some(pem) = &trust.client_identity_pem {
        let identity = reqwest::Identity::from_pem(pem).map_err(|_| {
            not_usable(
                "read the client certificate: not a certificate and an unencrypted key, as PEM",
            )
        })?;
        builder = builder.identity(identity);
    }
    if trust.skip_verification {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    Ok(builder)
}

fn no_client(why: &str) -> AzureError {
    if says_no_roots(why) {
        let fix = Fix::everywhere(NO_ROOTS_HINT);
        return not_usable("this machine trusts no certificate authority").with_fix(fix);
    }
    not_usable(why)
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
    fn certificates_that_are_none_are_refused() {
        let rows = [
            (
                "an extra one",
                Trust {
                    extra_roots_pem: b"no PEM".to_vec(),
                    ..Trust::default()
                },
            ),
            (
                "the client's own",
                Trust {
                    client_identity_pem: Some(b"no PEM".to_vec()),
                    ..Trust::default()
                },
            ),
        ];
        for (says, trust) in rows {
            let network = Network {
                trust,
                ..Network::default()
            };
            let error = Transport::new(&network).unwrap_err();
            assert!(
                matches!(error.kind(), AzureErrorKind::Local { .. }),
                "{says}"
            );
        }
    }
}
