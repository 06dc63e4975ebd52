//! Sends the HTTP requests that a session returns, a few at a time.

use std::collections::{BTreeSet, VecDeque};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use rollguard_cluster::http;
use rollguard_core::observation::Seen;
use rollguard_core::session::{HttpRequest, Session};

/// How many pods are asked at once: enough for a large rollout, and little for the API server.
const AT_ONCE: usize = 8;

/// The requests that are queued or not answered yet.
pub(super) struct HttpChecks {
    client: Client,
    waiting: VecDeque<HttpRequest>,
    sent: FuturesUnordered<BoxFuture<'static, (HttpRequest, Seen)>>,
    open: BTreeSet<HttpRequest>,
}

impl HttpChecks {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            waiting: VecDeque::new(),
            sent: FuturesUnordered::new(),
            open: BTreeSet::new(),
        }
    }

    /// Queues requests, each of them once while it is open.
    pub(super) fn queue(&mut self, requests: Vec<HttpRequest>) {
        for request in requests {
            if self.open.insert(request.clone()) {
                self.waiting.push_back(request);
            }
        }
    }

    /// Sends as many queued requests as may be open at once. A request to a pod that is gone is dropped.
    pub(super) fn send(&mut self, session: &Session) {
        while self.sent.len() < AT_ONCE {
            let Some(request) = self.waiting.pop_front() else {
                return;
            };
            let pod = session.snapshot().pod(&request.uid).cloned();
            let check = session.policy().http.get(request.check).cloned();
            let (Some(pod), Some(check)) = (pod, check) else {
                self.open.remove(&request);
                continue;
            };
            let client = self.client.clone();
            self.sent.push(Box::pin(async move {
                let seen = http::ask(&client, &pod, request.check, &check).await;
                (request, seen)
            }));
        }
    }

    /// Returns the next answer; `None` if no request is open.
    pub(super) async fn next(&mut self) -> Option<Seen> {
        let (request, seen) = self.sent.next().await?;
        self.open.remove(&request);
        Some(seen)
    }
}
