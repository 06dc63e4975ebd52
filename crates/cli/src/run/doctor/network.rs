//! The way to Azure, and whose certificates are trusted: names of settings, and addresses without credentials.

use http::Uri;
use rollguard_core::doctor::{About, Fact, State};
use rollguard_network::Network;

use crate::failure::Failure;

/// The settings that add trusted authorities.
const ADDING: [&str; 2] = ["AGENT_CAINFO", "NODE_EXTRA_CA_CERTS"];
/// The settings that take the place of the platform's authorities (on Linux, as OpenSSL does).
const REPLACING: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
const CLIENT_CERTIFICATE: &str = "AGENT_CLIENTCERT";

/// The network of this process, and the variables that it comes from.
#[derive(Clone)]
pub(crate) struct NetworkSettings {
    /// Proxies and trusted certificates, or the setting that cannot be used.
    pub(crate) network: Result<Network, Failure>,
    /// Those of [`ADDING`] that are set.
    adding: Vec<&'static str>,
    /// Those of [`REPLACING`] that are set.
    replacing: Vec<&'static str>,
    has_client_certificate: bool,
}

impl NetworkSettings {
    /// Takes the network that was read, and asks which variables are set.
    pub(crate) fn new(
        network: Result<Network, Failure>,
        is_set: impl Fn(&'static str) -> bool,
    ) -> Self {
        let set =
            |names: [&'static str; 2]| names.into_iter().filter(|name| is_set(name)).collect();
        Self {
            network,
            adding: set(ADDING),
            replacing: if cfg!(target_os = "linux") {
                set(REPLACING)
            } else {
                Vec::new()
            },
            has_client_certificate: is_set(CLIENT_CERTIFICATE),
        }
    }

    /// Says how Azure's addresses are reached.
    pub(super) fn way_to_azure(&self, addresses: &[&str]) -> Option<Fact> {
        let network = self.network.as_ref().ok()?;
        let ways: Vec<String> = addresses
            .iter()
            .filter_map(|address| {
                let url: Uri = address.parse().ok()?;
                let host = url.host()?.to_owned();
                Some(match network.proxies.of(&url) {
                    Some(proxy) => format!("{host} through {} of {}", proxy.uri(), proxy.setting()),
                    None => format!("{host} directly"),
                })
            })
            .collect();
        Some(Fact::new(About::Azure, State::Good, ways.join(", ")))
    }

    /// Says whose certificates are trusted.
    pub(crate) fn certificates(&self) -> Option<Fact> {
        let network = self.network.as_ref().ok()?;
        let base = match self.replacing.as_slice() {
            [] => "the platform's authorities".to_owned(),
            names => format!(
                "the authorities of {} instead of the platform's",
                names.join(", ")
            ),
        };
        let mut parts = vec![match self.adding.as_slice() {
            [] => base,
            names => format!("{base}, and those of {}", names.join(", ")),
        }];
        if self.has_client_certificate {
            parts.push(format!(
                "the client certificate of {CLIENT_CERTIFICATE} is shown to Azure if it is asked for, never to the API \
                 server"
            ));
        }
        if network.trust.skip_verification {
            parts.push(
                "AGENT_SKIPCERTVALIDATION turns verification off, except for the API server"
                    .to_owned(),
            );
            return Some(Fact::new(About::Certificates, State::Warning, parts.join("; ")).hint(
                "remove AGENT_SKIPCERTVALIDATION, and name the authority in NODE_EXTRA_CA_CERTS instead",
            ));
        }
        Some(Fact::new(
            About::Certificates,
            State::Good,
            parts.join("; "),
        ))
    }
}

#[cfg(test)]
mod tests {
    use rollguard_network::{Proxies, ProxySettings, Trust};

    use super::*;

    fn settings(proxy: Option<&str>, trust: Trust, set: &[&str]) -> NetworkSettings {
        let proxies = Proxies::new(&ProxySettings {
            https: proxy.map(str::to_owned),
            no_proxy: Some("management.example".to_owned()),
            ..ProxySettings::default()
        });
        let network = Network {
            proxies: proxies.unwrap_or_default(),
            trust,
            ..Network::default()
        };
        NetworkSettings::new(Ok(network), |name| set.contains(&name))
    }

    #[test]
    fn the_way_is_told_without_the_credentials_of_a_proxy() {
        let addresses = ["https://login.example/", "https://management.example"];
        let direct = settings(None, Trust::default(), &[]).way_to_azure(&addresses);
        assert_eq!(
            direct.map(|it| it.text).as_deref(),
            Some("login.example directly, management.example directly")
        );
        let proxied = settings(
            Some("http://me:hunter2@proxy.example:3128"),
            Trust::default(),
            &[],
        );
        assert_eq!(
            proxied
                .way_to_azure(&addresses)
                .map(|it| it.text)
                .as_deref(),
            Some(
                "login.example through http://proxy.example:3128/ of HTTPS_PROXY, management.example directly"
            )
        );
    }

    #[test]
    fn certificates_are_told_by_the_names_of_their_settings() {
        let skips = Trust {
            skip_verification: true,
            ..Trust::default()
        };
        let rows: [(&str, Trust, &[&str], State, &str); 5] = [
            (
                "none is set",
                Trust::default(),
                &[],
                State::Good,
                "the platform's authorities",
            ),
            (
                "some are set",
                Trust::default(),
                &["NODE_EXTRA_CA_CERTS", "AGENT_CLIENTCERT"],
                State::Good,
                "the platform's authorities, and those of NODE_EXTRA_CA_CERTS; the client certificate of AGENT_CLIENTCERT \
                 is shown to Azure if it is asked for, never to the API server",
            ),
            (
                "one takes the place of the platform's",
                Trust::default(),
                &["SSL_CERT_FILE"],
                State::Good,
                "the authorities of SSL_CERT_FILE instead of the platform's",
            ),
            (
                "one takes their place and one adds to them",
                Trust::default(),
                &["SSL_CERT_FILE", "SSL_CERT_DIR", "AGENT_CAINFO"],
                State::Good,
                "the authorities of SSL_CERT_FILE, SSL_CERT_DIR instead of the platform's, and those of AGENT_CAINFO",
            ),
            (
                "verification is off",
                skips,
                &[],
                State::Warning,
                "the platform's authorities; AGENT_SKIPCERTVALIDATION turns verification off, except for the API server",
            ),
        ];
        for (says, trust, set, state, text) in rows {
            let fact = settings(None, trust, set).certificates().unwrap();
            assert_eq!((fact.state, fact.text.as_str()), (state, text), "{says}");
        }
    }
}
