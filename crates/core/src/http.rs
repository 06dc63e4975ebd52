//! Health over HTTP: what a pod is asked, and whether its answer is as expected.
//!
//! Written `PATH[:PORT][=STATUS|~REGEX]`, as in `/healthz`, `/healthz:8080`, `/ready:http=204` or
//! `/ready~ok|ready`; [`HttpCheck::parse`] says what holds where a path has such characters itself.

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

/// How much of an answer's body is looked at, in bytes. A health endpoint says less; a page that an
/// error handler sent would only fill the trace.
pub const BODY_LIMIT: usize = 4096;

/// The largest compiled pattern, in bytes: matching takes at most its size times [`BODY_LIMIT`].
const PATTERN_LIMIT: usize = 64 * 1024;

/// One request to each new pod, and the answer that a healthy one gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HttpCheck {
    path: String,
    port: Option<HttpPort>,
    expect: HttpExpectation,
}

/// A port of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpPort {
    /// By its number.
    Number(u16),
    /// By the name that the container gives it.
    Name(String),
}

/// What a healthy pod answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpExpectation {
    /// Any status from 200 to 399, as the kubelet's probes have it
    /// (`k8s.io/kubernetes/pkg/probe/http/http.go`, `DoHTTPProbe`).
    Success,
    /// Exactly this status.
    Status(u16),
    /// Such a status, and a body in which the pattern is found.
    Body(Pattern),
}

/// A regular expression that compiles.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    fn new(text: &str) -> Result<Self, regex_lite::Error> {
        let mut builder = RegexBuilder::new(text);
        builder.size_limit(PATTERN_LIMIT).build().map(Self)
    }

    /// Its text.
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

/// What a pod answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// From the request to the whole answer, the way through the API server included.
    pub latency: Duration,
    /// The beginning of the body, at most [`BODY_LIMIT`] bytes; foreign.
    pub body: String,
}

impl HttpAnswer {
    /// An answer, with its body cut where it is too long.
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
    /// What is asked for: path and query, beginning with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Which port is asked; `None`: the application's, see [`HttpCheck::port_of`].
    #[must_use]
    pub const fn port(&self) -> Option<&HttpPort> {
        self.port.as_ref()
    }

    /// What a healthy pod answers.
    #[must_use]
    pub const fn expect(&self) -> &HttpExpectation {
        &self.expect
    }

    /// Whether an answer is a healthy pod's.
    ///
    /// # Errors
    /// What is wrong with it, to be read after the name of the pod: `answered 503, 200 to 399
    /// expected`.
    pub fn judge(&self, answer: &HttpAnswer) -> Result<(), String> {
        let status = answer.status;
        match &self.expect {
            HttpExpectation::Status(expected) if status == *expected => Ok(()),
            HttpExpectation::Status(expected) => {
                Err(format!("answered {status}, {expected} expected"))
            }
            HttpExpectation::Success | HttpExpectation::Body(_)
                if !(200..=399).contains(&status) =>
            {
                Err(format!("answered {status}, 200 to 399 expected"))
            }
            HttpExpectation::Success => Ok(()),
            HttpExpectation::Body(pattern) if pattern.0.is_match(&answer.body) => Ok(()),
            HttpExpectation::Body(pattern) => {
                // A character that does not fit is left out as a whole, so that up to three bytes
                // of the limit stay free.
                let cut = answer.body.len() + 3 >= BODY_LIMIT;
                let body = if cut {
                    "the first 4 KiB of its body lack"
                } else {
                    "its body lacks"
                };
                Err(format!("{body} `{}`", pattern.as_str()))
            }
        }
    }
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
    /// As it is written on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(port) = &self.port {
            write!(f, ":{port}")?;
        }
        match &self.expect {
            HttpExpectation::Success => Ok(()),
            HttpExpectation::Status(status) => write!(f, "={status}"),
            HttpExpectation::Body(pattern) => write!(f, "~{}", pattern.as_str()),
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
