//! Which proxy a request takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use regex_lite::{Regex, RegexBuilder};

use crate::no_proxy::NoProxy;

/// The settings of the agent and the environment, as they are written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// `AGENT_PROXYURL`.
    pub agent_url: Option<String>,
    /// `AGENT_PROXYUSERNAME`.
    pub agent_username: Option<String>,
    /// `SECRET_AGENT_PROXYPASSWORD`.
    pub agent_password: Option<String>,
    /// `AGENT_PROXYBYPASSLIST`: a JSON array of regular expressions.
    pub agent_bypass: Option<String>,
    /// `HTTPS_PROXY`.
    pub https: Option<String>,
    /// `HTTP_PROXY`.
    pub http: Option<String>,
    /// `ALL_PROXY`.
    pub all: Option<String>,
    /// `NO_PROXY`.
    pub no_proxy: Option<String>,
}

impl ProxySettings {
    /// Takes the variables by name. `HTTPS_PROXY` and its like are also known in lower case, which comes second.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let filled = |it: &String| !it.trim().is_empty();
            let upper = get(name).filter(filled);
            upper.or_else(|| get(&name.to_lowercase()).filter(filled))
        };
        Self {
            agent_url: get("AGENT_PROXYURL"),
            agent_username: get("AGENT_PROXYUSERNAME"),
            agent_password: get("SECRET_AGENT_PROXYPASSWORD"),
            agent_bypass: get("AGENT_PROXYBYPASSLIST"),
            https: either("HTTPS_PROXY"),
            http: either("HTTP_PROXY"),
            all: either("ALL_PROXY"),
            no_proxy: either("NO_PROXY"),
        }
    }
}

/// A setting that cannot be used. It does not show the value, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use the proxy of `{variable}`: {problem}")]
pub struct ProxyError {
    /// The variable that holds it.
    pub variable: &'static str,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

/// A proxy and the credentials for it. Without `Debug`: these are secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    setting: &'static str,
    uri: Uri,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Its address, without credentials; the scheme is `http` or `https`.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The variable or setting that names it.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }

    /// The value of `Proxy-Authorization`.
    #[must_use]
    pub const fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// Reads an address; `variable` is named where it is wrong. Without a scheme it is `http`.
    ///
    /// # Errors
    /// For another scheme, a host or port that is none, and credentials that cannot be told from the
    /// rest: a connection past the proxy would be worse than none.
    pub fn parse(variable: &'static str, text: &str) -> Result<Self, ProxyError> {
        let wrong = |problem: String| ProxyError { variable, problem };
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, port) = match scheme.to_lowercase().as_str() {
            "http" => (Scheme::HTTP, 80),
            "https" => (Scheme::HTTPS, 443),
            other => {
                let other: String = other.chars().filter(char::is_ascii_alphanumeric).collect();
                return Err(wrong(format!(
                    "a proxy with the scheme `{other}` is not supported; name an http:// or https:// proxy"
                )));
            }
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        if credentials.is_none() && rest.contains('@') {
            return Err(wrong(ENCODE.to_owned()));
        }
        let authorization = credentials.map(decoded).transpose().map_err(wrong)?;
        let host: Authority = host.parse().map_err(|_| wrong(NO_HOST.to_owned()))?;
        let given = host.as_str().strip_prefix(host.host()).unwrap_or_default();
        let valid = given.is_empty()
            || given
                .strip_prefix(':')
                .is_some_and(|it| it.parse::<u16>().is_ok());
        if host.host().is_empty() || !valid {
            return Err(wrong(NO_HOST.to_owned()));
        }
        let authority = format!("{}:{}", host.host(), host.port_u16().unwrap_or(port));
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query("/")
            .build();
        let uri = uri.map_err(|_| wrong(NO_HOST.to_owned()))?;
        Ok(Self {
            setting: variable,
            uri,
            authorization,
        })
    }
}

const NO_HOST: &str = "the host or the port cannot be read; write http://host:port";
const ENCODE: &str = "the user name or the password cannot be read; percent-encode what is no letter or \
                      digit in them (`\\` is %5C, `@` is %40, `:` is %3A, `/` is %2F, `#` is %23)";

/// The header of percent-encoded credentials, which hold only what RFC 3986 allows there.
fn decoded(credentials: &str) -> Result<HeaderValue, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:%".contains(c);
    let broken = credentials.split('%').skip(1).any(|after| {
        let mut digits = after.chars().take(2);
        !(digits.next().is_some_and(|c| c.is_ascii_hexdigit())
            && digits.next().is_some_and(|c| c.is_ascii_hexdigit()))
    });
    if !credentials.chars().all(allowed) || broken {
        return Err(ENCODE.to_owned());
    }
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let plain = |text| {
        percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| ENCODE.to_owned())
    };
    basic(&plain(user)?, &plain(password)?)
}

/// RFC 7617.
fn basic(user: &str, password: &str) -> Result<HeaderValue, String> {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    let mut value =
        HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| ENCODE.to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Which proxy each request takes: the agent's own, else the environment's. Without `Debug`: the
/// credentials are secret.
#[derive(Clone, Default)]
pub struct Proxies {
    agent: Option<Agent>,
    https: Option<Proxy>,
    http: Option<Proxy>,
    no_proxy: NoProxy,
}

#[derive(Clone)]
struct Agent {
    proxy: Proxy,
    bypass: Vec<Regex>,
}

impl Proxies {
    /// Reads the settings. An agent that is configured with a proxy overrides the environment.
    ///
    /// # Errors
    /// For every setting that cannot be used, also one that no request would need.
    pub fn new(settings: &ProxySettings) -> Result<Self, ProxyError> {
        let named = |variable, text: &Option<String>| {
            let text = text.as_deref().filter(|it| !it.trim().is_empty());
            text.map(|it| Proxy::parse(variable, it)).transpose()
        };
        let all = named("ALL_PROXY", &settings.all)?;
        Ok(Self {
            agent: agent(settings)?,
            https: named("HTTPS_PROXY", &settings.https)?.or_else(|| all.clone()),
            http: named("HTTP_PROXY", &settings.http)?.or(all),
            no_proxy: NoProxy::parse(settings.no_proxy.as_deref().unwrap_or_default()),
        })
    }

    /// The proxy of `https` requests that are not reached directly.
    #[must_use]
    pub fn of_https(&self) -> Option<&Proxy> {
        let agent = self.agent.as_ref().map(|agent| &agent.proxy);
        agent.or(self.https.as_ref())
    }

    /// The proxy for a request; `None`: directly. Loopback is always reached directly.
    #[must_use]
    pub fn of(&self, url: &Uri) -> Option<&Proxy> {
        let plain = url.scheme() == Some(&Scheme::HTTP);
        let host = url.host()?.trim_matches(['[', ']']).to_lowercase();
        let port = url.port_u16().unwrap_or(if plain { 80 } else { 443 });
        if NoProxy::default().contains(&host, port) {
            return None;
        }
        if let Some(agent) = &self.agent {
            return (!agent.reaches_directly(url)).then_some(&agent.proxy);
        }
        if self.no_proxy.contains(&host, port) {
            return None;
        }
        if plain {
            self.http.as_ref()
        } else {
            self.https.as_ref()
        }
    }
}

impl Agent {
    /// Patterns are compared with scheme, host and the port where it is not the scheme's own
    /// (azure-pipelines-agent, `VstsAgentWebProxy.cs`, `IsMatchInBypassList`).
    fn reaches_directly(&self, url: &Uri) -> bool {
        let scheme = url.scheme_str().unwrap_or("https");
        let host = url.host().unwrap_or_default();
        let own = if scheme == "http" { 80 } else { 443 };
        let text = match url.port_u16() {
            Some(port) if port != own => format!("{scheme}://{host}:{port}"),
            Some(_) | None => format!("{scheme}://{host}"),
        };
        self.bypass.iter().any(|pattern| pattern.is_match(&text))
    }
}

fn agent(settings: &ProxySettings) -> Result<Option<Agent>, ProxyError> {
    let Some(url) = settings
        .agent_url
        .as_deref()
        .filter(|it| !it.trim().is_empty())
    else {
        return Ok(None);
    };
    let mut proxy = Proxy::parse("AGENT_PROXYURL", url)?;
    if let Some(user) = settings
        .agent_username
        .as_deref()
        .filter(|it| !it.is_empty())
    {
        let password = settings.agent_password.as_deref().unwrap_or_default();
        let header = basic(user, password).map_err(|problem| ProxyError {
            variable: "AGENT_PROXYUSERNAME",
            problem,
        })?;
        proxy.authorization = Some(header);
    }
    let bypass = bypass(settings.agent_bypass.as_deref().unwrap_or_default())?;
    Ok(Some(Agent { proxy, bypass }))
}

fn bypass(list: &str) -> Result<Vec<Regex>, ProxyError> {
    let wrong = |problem| ProxyError {
        variable: "AGENT_PROXYBYPASSLIST",
        problem,
    };
    if list.trim().is_empty() {
        return Ok(Vec::new());
    }
    let patterns: Vec<String> = serde_json::from_str(list)
        .map_err(|_| wrong("it is not a JSON array of regular expressions".to_owned()))?;
    let compiled = patterns.iter().filter(|it| !it.trim().is_empty()).map(|pattern| {
        RegexBuilder::new(pattern).case_insensitive(true).build().map_err(|_| {
            wrong(format!(
                "the pattern `{pattern}` is not understood; write it without look-around and references"
            ))
        })
    });
    compiled.collect()
}

#[cfg(test)]
mod tests;
