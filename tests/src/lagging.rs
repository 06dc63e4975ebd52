//! A proxy in front of an API server that shows the EndpointSlices of a namespace as they were, for some
//! time: the controller that writes them is behind.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use kube::Client;

use crate::front::{Answer, Asked, Front, Gate, Onward, answer};

struct Before {
    path: String,
    /// The slices when the proxy was started.
    slices: String,
    lag: Duration,
    first_asked: OnceLock<Instant>,
}

/// The proxy; it ends when this is dropped.
pub struct Lagging {
    front: Front,
    before: Arc<Before>,
}

impl Lagging {
    /// Starts a proxy that shows the EndpointSlices of now for `lag` after it was first asked for them.
    ///
    /// # Errors
    /// When they cannot be read, no port is free, or the kubeconfig cannot be written.
    pub async fn start(client: Client, namespace: &str, lag: Duration) -> Result<Self> {
        let path = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
        let slices = client.request_text(Request::get(&path).body(Vec::new())?);
        let slices = slices.await.context("failed to list EndpointSlices")?;
        let before = Arc::new(Before {
            path,
            slices,
            lag,
            first_asked: OnceLock::new(),
        });
        let front = Front::start(client, Arc::clone(&before) as Arc<dyn Gate>).await?;
        Ok(Self { front, before })
    }

    /// A kubeconfig that leads through the proxy.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        self.front.kubeconfig()
    }

    /// Returns whether it was asked for EndpointSlices.
    #[must_use]
    pub fn was_asked(&self) -> bool {
        self.before.first_asked.get().is_some()
    }
}

impl Gate for Before {
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, Answer> {
        async move {
            if asked.parts.uri.path() == self.path {
                let first = self.first_asked.get_or_init(Instant::now);
                if first.elapsed() < self.lag {
                    return answer(StatusCode::OK, self.slices.clone());
                }
            }
            onward.hand(asked).await
        }
        .boxed()
    }
}
