//! `NO_PROXY`, with the rules of Go's programs, kubectl among them (golang.org/x/net `http/httpproxy`).

use std::net::IpAddr;

use ipnet::IpNet;

/// The hosts that are reached directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Everything,
    Network(IpNet),
    Address {
        ip: IpAddr,
        port: Option<u16>,
    },
    Domain {
        /// With the dot in front.
        suffix: String,
        /// `example.com` also means the host of this name; `.example.com` does not.
        and_itself: bool,
        port: Option<u16>,
    },
}

impl NoProxy {
    /// Reads a comma-separated list. An entry that is none is left out, as by Go.
    pub(crate) fn parse(text: &str) -> Self {
        let entries = text.split(',').map(|it| it.trim().to_lowercase());
        Self(entries.filter_map(|it| entry(&it)).collect())
    }

    /// Returns whether `host`, in lower case and without brackets, is reached directly. Loopback always is.
    pub(crate) fn contains(&self, host: &str, port: u16) -> bool {
        let ip: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
            return true;
        }
        self.0.iter().any(|entry| match entry {
            Entry::Everything => true,
            Entry::Network(network) => ip.is_some_and(|ip| network.contains(&ip)),
            Entry::Address {
                ip: own,
                port: only,
            } => ip == Some(*own) && fits(*only, port),
            Entry::Domain {
                suffix,
                and_itself,
                port: only,
            } => {
                let itself = *and_itself && suffix.strip_prefix('.') == Some(host);
                (itself || host.ends_with(suffix.as_str())) && fits(*only, port)
            }
        })
    }
}

fn fits(only: Option<u16>, port: u16) -> bool {
    only.is_none_or(|only| only == port)
}

fn entry(text: &str) -> Option<Entry> {
    if text == "*" {
        return Some(Entry::Everything);
    }
    if let Ok(network) = text.parse() {
        return Some(Entry::Network(network));
    }
    if let Ok(ip) = unbracketed(text).parse() {
        return Some(Entry::Address { ip, port: None });
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    if let Ok(ip) = unbracketed(host).parse() {
        return Some(Entry::Address { ip, port });
    }
    let host = host
        .strip_prefix('*')
        .filter(|it| it.starts_with('.'))
        .unwrap_or(host);
    let and_itself = !host.starts_with('.');
    let suffix = if and_itself {
        format!(".{host}")
    } else {
        host.to_owned()
    };
    (suffix.len() > 1).then_some(Entry::Domain {
        suffix,
        and_itself,
        port,
    })
}

fn unbracketed(text: &str) -> &str {
    let inner = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inner.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sentence, the list, host and port, and whether it is reached directly.
    type Row = (&'static str, &'static str, &'static str, u16, bool);

    const ROWS: &[Row] = &[
        ("nothing listed", "", "aks.example", 443, false),
        ("everything", "*", "aks.example", 443, true),
        ("the host", "aks.example", "aks.example", 443, true),
        ("in capitals", "AKS.Example", "aks.example", 443, true),
        ("a host below it", "example", "aks.example", 443, true),
        (
            "only the end of a name",
            "example",
            "aksexample",
            443,
            false,
        ),
        ("a suffix", ".example", "aks.example", 443, true),
        (
            "a suffix is not the host itself",
            ".aks.example",
            "aks.example",
            443,
            false,
        ),
        ("a star suffix", "*.example", "aks.example", 443, true),
        (
            "a star suffix is not the host itself",
            "*.aks.example",
            "aks.example",
            443,
            false,
        ),
        (
            "a star within means nothing",
            "a*.example",
            "aks.example",
            443,
            false,
        ),
        ("the port fits", "aks.example:443", "aks.example", 443, true),
        (
            "another port",
            "aks.example:8443",
            "aks.example",
            443,
            false,
        ),
        ("no port at all", "aks.example:", "aks.example", 443, false),
        ("an address", "10.0.0.4", "10.0.0.4", 443, true),
        ("an address and port", "10.0.0.4:443", "10.0.0.4", 443, true),
        (
            "an address and another port",
            "10.0.0.4:80",
            "10.0.0.4",
            443,
            false,
        ),
        ("a network", "10.0.0.0/8", "10.9.8.7", 443, true),
        ("another network", "192.168.0.0/16", "10.9.8.7", 443, false),
        (
            "a network is no name",
            "10.0.0.0/8",
            "10.example",
            443,
            false,
        ),
        ("IPv6", "[fd00::1]", "fd00::1", 443, true),
        ("IPv6 and port", "[fd00::1]:443", "fd00::1", 443, true),
        ("an IPv6 network", "fd00::/8", "fd00::1", 443, true),
        (
            "spaces and empty entries",
            " , aks.example ,",
            "aks.example",
            443,
            true,
        ),
        ("loopback, always", "", "127.0.0.1", 443, true),
        ("localhost, always", "", "localhost", 443, true),
        ("IPv6 loopback, always", "", "::1", 443, true),
    ];

    #[test]
    fn hosts_are_matched_as_go_does() {
        for (says, list, host, port, expected) in ROWS {
            assert_eq!(
                NoProxy::parse(list).contains(host, *port),
                *expected,
                "{says}"
            );
        }
    }
}
