//! Health over HTTP: what a pod is asked, and whether its answer is as expected.
//!
//! Written `PATH[:PORT][=STATUS][~REGEX]`, as in `/healthz`, `/healthz:8080`, `/ready:http=204`,
//! `/ready~ok|ready` or `/ready=200~^OK$`, with `service/NAME` before it where a Service is asked in place of
//! each pod, as in `service/web/healthz:80`; [`HttpCheck::parse`] says what holds where a path has such characters itself.

use std::fmt;
use std::time::Duration;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

mod parse;
mod port;
#[cfg(test)]
mod tests;

pub use parse::HttpCheckError;
pub use port::DEFAULT_CONTAINER_ANNOTATION;

/// How many bytes of an answer's body are kept.
///
/// The body of a health endpoint is smaller; an error page would only fill the trace.
pub const BODY_LIMIT: usize = 4096;

/// The largest compiled pattern, in bytes: matching takes at most its size times [`BODY_LIMIT`].
const PATTERN_LIMIT: usize = 64 * 1024;

/// The beginning of a check that asks a Service.
const SERVICE: &str = "service/";

/// A request to each new pod, and the answer of a healthy one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HttpCheck {
    service: Option<String>,
    path: String,
    port: Option<HttpPort>,
    expect: HttpExpectation,
}

/// A port of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpPort {
    /// A port number.
    Number(u16),
    /// The name of a container port.
    Name(String),
}

/// The answer of a healthy pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpExpectation {
    /// Any status from 200 to 399, as for the kubelet's probes
    /// (`k8s.io/kubernetes/pkg/probe/http/http.go`, `DoHTTPProbe`).
    Success,
    /// This status.
    Status(u16),
    /// A status from 200 to 399, and a body that matches the pattern.
    Body(Pattern),
    /// This status, and a body that matches the pattern.
    Both(u16, Pattern),
}

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    fn new(text: &str) -> Result<Self, regex_lite::Error> {
        let mut builder = RegexBuilder::new(text);
        builder.size_limit(PATTERN_LIMIT).build().map(Self)
    }

    /// Returns the source of the expression.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

/// The answer of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The time from the request to the end of the answer, by way of the API server.
    pub latency: Duration,
    /// The first [`BODY_LIMIT`] bytes of the body; foreign text.
    pub body: String,
}

impl HttpAnswer {
    /// Makes an answer with at most [`BODY_LIMIT`] bytes of the body.
    #[must_use]
    pub fn new(status: u16, latency: Duration, body: &str) -> Self {
        let cut = (0..=body.len().min(BODY_LIMIT))
            .rev()
            .find(|at| body.is_char_boundary(*at));
        Self {
            status,
            latency,
            body: body
                .get(..cut.unwrap_or_default())
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

impl HttpCheck {
    /// Returns the Service that is asked, once for each new pod, in place of the pod.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// Returns path and query of the request, beginning with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the port that the check names, of the Service where one is asked; `None` for that of the
    /// application, see [`HttpCheck::port_of`].
    #[must_use]
    pub const fn port(&self) -> Option<&HttpPort> {
        self.port.as_ref()
    }

    /// The same request on a port.
    #[must_use]
    pub fn on_port(&self, port: u16) -> Self {
        Self {
            port: Some(HttpPort::Number(port)),
            ..self.clone()
        }
    }

    /// The answer of a healthy pod.
    #[must_use]
    pub const fn expect(&self) -> &HttpExpectation {
        &self.expect
    }

    /// Checks whether an answer is a healthy pod's.
    ///
    /// # Errors
    /// What is wrong with it, to be read after the name of the pod: `answered 503, 200 to 399
    /// expected`.
    pub fn judge(&self, answer: &HttpAnswer) -> Result<(), String> {
        match &self.expect {
            HttpExpectation::Success => successful(answer),
            HttpExpectation::Status(expected) => exactly(answer, *expected),
            HttpExpectation::Body(pattern) => {
                successful(answer)?;
                holds(answer, pattern)
            }
            HttpExpectation::Both(expected, pattern) => {
                exactly(answer, *expected)?;
                holds(answer, pattern)
            }
        }
    }
}

fn successful(answer: &HttpAnswer) -> Result<(), String> {
    match answer.status {
        200..=399 => Ok(()),
        status => Err(format!("answered {status}, 200 to 399 expected")),
    }
}

fn exactly(answer: &HttpAnswer, expected: u16) -> Result<(), String> {
    match answer.status {
        status if status == expected => Ok(()),
        status => Err(format!("answered {status}, {expected} expected")),
    }
}

fn holds(answer: &HttpAnswer, pattern: &Pattern) -> Result<(), String> {
    if pattern.0.is_match(&answer.body) {
        return Ok(());
    }
    // The cut never splits a character, so that up to three bytes of the limit stay unused.
    let cut = answer.body.len() + 3 >= BODY_LIMIT;
    let body = if cut {
        "the first 4 KiB of its body lack"
    } else {
        "its body lacks"
    };
    Err(format!("{body} `{}`", pattern.as_str()))
}

impl fmt::Display for HttpPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for HttpCheck {
    /// Renders the check as on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(service) = &self.service {
            write!(f, "{SERVICE}{service}")?;
        }
        f.write_str(&self.path)?;
        if let Some(port) = &self.port {
            write!(f, ":{port}")?;
        }
        match &self.expect {
            HttpExpectation::Success => Ok(()),
            HttpExpectation::Status(status) => write!(f, "={status}"),
            HttpExpectation::Body(pattern) => write!(f, "~{}", pattern.as_str()),
            HttpExpectation::Both(status, pattern) => write!(f, "={status}~{}", pattern.as_str()),
        }
    }
}

impl From<HttpCheck> for String {
    fn from(check: HttpCheck) -> Self {
        check.to_string()
    }
}

impl TryFrom<String> for HttpCheck {
    type Error = HttpCheckError;

    fn try_from(text: String) -> Result<Self, HttpCheckError> {
        Self::parse(&text)
    }
}
