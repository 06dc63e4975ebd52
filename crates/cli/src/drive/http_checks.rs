//! The requests to pods that a session asked for, some of them at a time.

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

/// What is asked and not answered yet.
pub(super) struct Asks {
    client: Client,
    waiting: VecDeque<HttpRequest>,
    sent: FuturesUnordered<BoxFuture<'static, (HttpRequest, Seen)>>,
    open: BTreeSet<HttpRequest>,
}

impl Asks {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            waiting: VecDeque::new(),
            sent: FuturesUnordered::new(),
            open: BTreeSet::new(),
        }
    }

    /// Takes asks in, each once as long as it is open.
    pub(super) fn take(&mut self, asks: Vec<HttpRequest>) {
        for ask in asks {
            if self.open.insert(ask.clone()) {
                self.waiting.push_back(ask);
            }
        }
    }

    /// Sends as many as may be. A pod that is gone meanwhile is not asked.
    pub(super) fn send(&mut self, session: &Session) {
        while self.sent.len() < AT_ONCE {
            let Some(ask) = self.waiting.pop_front() else {
                return;
            };
            let pod = session.snapshot().pod(&ask.uid).cloned();
            let check = session.policy().http.get(ask.check).cloned();
            let (Some(pod), Some(check)) = (pod, check) else {
                self.open.remove(&ask);
                continue;
            };
            let client = self.client.clone();
            self.sent.push(Box::pin(async move {
                let seen = http::ask(&client, &pod, ask.check, &check).await;
                (ask, seen)
            }));
        }
    }

    /// The next answer; `None` where nothing is asked.
    pub(super) async fn next(&mut self) -> Option<Seen> {
        let (ask, seen) = self.sent.next().await?;
        self.open.remove(&ask);
        Some(seen)
    }
}
