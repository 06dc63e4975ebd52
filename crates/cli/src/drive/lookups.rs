//! The lookups that a session asked for.

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use rollguard_cluster::look_up;
use rollguard_core::finding::Lookup;
use rollguard_core::observation::Seen;
use rollguard_core::session::Session;

/// Lookups that are not answered yet. A session asks for a few at most, and for each again only
/// after its answer.
pub(super) struct Lookups {
    client: Client,
    sent: FuturesUnordered<BoxFuture<'static, Option<Seen>>>,
}

impl Lookups {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            sent: FuturesUnordered::new(),
        }
    }

    /// Sends lookups about the session's namespace.
    pub(super) fn send(&mut self, lookups: Vec<Lookup>, session: &Session) {
        let Some(first) = session.workloads().first() else {
            return;
        };
        for lookup in lookups {
            let client = self.client.clone();
            let namespace = first.workload().namespace.clone();
            let answer = async move { look_up(&client, &namespace, lookup).await };
            self.sent.push(Box::pin(answer));
        }
    }

    /// The next answer; `None` where nothing is looked up.
    pub(super) async fn next(&mut self) -> Option<Seen> {
        while let Some(answer) = self.sent.next().await {
            // Without an answer the session asks again after a while.
            if answer.is_some() {
                return answer;
            }
        }
        None
    }
}
