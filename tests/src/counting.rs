//! A proxy in front of an API server that counts what a client asks of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame};
use kube::Client;
use rollguard_measured::verdicts::Load;

use crate::front::{Answer, Asked, Front, Gate, Onward};

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    watches: AtomicU64,
    bytes: Arc<AtomicU64>,
}

/// The proxy; it ends when this is dropped.
pub struct Counting {
    front: Front,
    counters: Arc<Counters>,
}

impl Counting {
    /// Starts a proxy in front of the API server that `client` talks to.
    ///
    /// # Errors
    /// When no port is free, or the kubeconfig cannot be written.
    pub async fn start(client: Client) -> Result<Self> {
        let counters = Arc::<Counters>::default();
        let front = Front::start(client, Arc::clone(&counters) as Arc<dyn Gate>).await?;
        Ok(Self { front, counters })
    }

    /// A kubeconfig that leads through the proxy.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        self.front.kubeconfig()
    }

    /// Returns what was asked so far.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            requests: self.counters.requests.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
        }
    }

    /// Returns how many of the requests began a watch.
    #[must_use]
    pub fn watches(&self) -> u64 {
        self.counters.watches.load(Ordering::Relaxed)
    }
}

/// Returns whether the parameters of a request ask for a watch.
fn is_watch(query: Option<&str>) -> bool {
    let query = query.unwrap_or_default().as_bytes();
    form_urlencoded::parse(query)
        .any(|(name, value)| name == "watch" && (value == "true" || value == "1"))
}

impl Gate for Counters {
    /// Hands a request on and counts the bytes that come back, a watch's as they come.
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, Answer> {
        async move {
            self.requests.fetch_add(1, Ordering::Relaxed);
            if is_watch(asked.parts.uri.query()) {
                self.watches.fetch_add(1, Ordering::Relaxed);
            }
            let counter = Arc::clone(&self.bytes);
            let count = move |frame: Frame<Bytes>| {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
                frame
            };
            let answer = onward.hand(asked).await;
            answer.map(|body| body.map_frame(count).boxed_unsync())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_told_from_a_list() {
        for query in [
            "watch=true",
            "labelSelector=a%3Db&watch=1&resourceVersion=7",
        ] {
            assert!(is_watch(Some(query)), "{query}");
        }
        for query in ["watch=false", "labelSelector=watch%3Dtrue", "limit=500"] {
            assert!(!is_watch(Some(query)), "{query}");
        }
        assert!(!is_watch(None));
    }
}
