//! Failures below the pipelines, and the walk down a chain of sources that finds them.

use std::error::Error as StdError;
use std::time::Duration;

use azure_core::Error;
use azure_core::error::ErrorKind;

/// How long one request may take, its answer included.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Larger answers are not read. A kubeconfig has some 10 kB.
pub(crate) const ANSWER_LIMIT: usize = 8 << 20;

/// Why a request got no usable answer.
///
/// Travels as the source of an `azure_core::Error`, through retries and the old `azure_core`, to
/// where the failed task is known.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("{0}")]
    Refused(Refusal),
    #[error("`{host}` answered {status} with {content_type} instead of JSON")]
    NotJson {
        host: String,
        status: u16,
        content_type: String,
    },
    #[error("`{host}` asks to wait {} s", wait.as_secs())]
    WaitTooLong { host: String, wait: Duration },
    #[error("`{host}` sends more than {} MiB", ANSWER_LIMIT >> 20)]
    TooLarge { host: String },
    #[error("`{host}` is not trusted: {detail}")]
    Certificate { host: String, detail: String },
    #[error("the proxy refuses the connection to `{host}`: {detail}")]
    ProxyRefused { host: String, detail: String },
    #[error("`{host}` does not answer in time")]
    Slow { host: String },
    #[error("`{host}` cannot be reached: {detail}")]
    Unreachable { host: String, detail: String },
}

/// An answer that says no.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{host}` answered {status}")]
pub(crate) struct Refusal {
    pub(crate) host: String,
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl WireError {
    /// As `azure_core`'s error. Its kind decides about a retry: `Connection` and `Io` are retried,
    /// `Other` is not.
    pub(crate) fn into_core(self) -> Error {
        let kind = match self {
            Self::Unreachable { .. } => ErrorKind::Connection,
            Self::Slow { .. } => ErrorKind::Io,
            Self::Refused(_)
            | Self::NotJson { .. }
            | Self::WaitTooLong { .. }
            | Self::TooLarge { .. }
            | Self::Certificate { .. }
            | Self::ProxyRefused { .. } => ErrorKind::Other,
        };
        Error::new(kind, self)
    }

    /// The wire error in `error` or its sources.
    pub(crate) fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }
}

/// The last words of a chain of errors: the operating system's or rustls' own. reqwest's outer ones
/// repeat the URL.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// `error` and all below it.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| below(error))
}

/// An `io::Error` passes over the error it holds and gives that one's source.
fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(held) => Some(held),
        None => error.source(),
    }
}
