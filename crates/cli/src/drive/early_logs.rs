//! The logs of containers that fail, read while the check goes on: the line that says why is shown
//! within seconds, not only with the verdict.

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use rollguard_cluster::logs;
use rollguard_core::finding::FindingCode;
use rollguard_core::report::{EarlyLog, Line, early_line, early_logs};
use rollguard_core::session::Session;

/// How often a log is read at most until it says something: the first instance may end without a word.
const TRIES: u32 = 3;
/// How many causes are explained at most: readers act on the first few.
const CAUSES: usize = 5;

/// A cause in a container of one name: all pods of a revision say the same.
type Key = (FindingCode, String);

/// A log that was read and has not said why.
struct Read {
    /// How often the cause had happened by then.
    attempts: u32,
    /// How often it was read.
    tries: u32,
}

/// The logs that were read, and those that are being read.
pub(super) struct EarlyLogs {
    client: Client,
    /// `None` for one that has said why.
    read: BTreeMap<Key, Option<Read>>,
    sent: FuturesUnordered<BoxFuture<'static, (Key, Option<Line>)>>,
}

impl EarlyLogs {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            read: BTreeMap::new(),
            sent: FuturesUnordered::new(),
        }
    }

    /// Reads the logs of what has failed since.
    pub(super) fn send(&mut self, session: &Session) {
        for EarlyLog { finding, source } in early_logs(session) {
            let key = (finding.code, source.container.clone());
            let tries = match self.read.get(&key) {
                Some(None) => continue,
                Some(Some(last)) if last.attempts >= finding.attempts => continue,
                Some(Some(last)) => last.tries,
                None if self.read.len() >= CAUSES => continue,
                None => 0,
            };
            if tries >= TRIES {
                continue;
            }
            self.read.insert(
                key.clone(),
                Some(Read {
                    attempts: finding.attempts,
                    tries: tries + 1,
                }),
            );
            let client = self.client.clone();
            self.sent.push(Box::pin(async move {
                let (namespace, pod) = (&source.namespace, &source.pod);
                let read = logs::evidence(&client, namespace, pod, &source.container).await;
                (key, early_line(&finding, &read.evidence))
            }));
        }
    }

    /// The next line that says why; `None` where no log is being read.
    pub(super) async fn next(&mut self) -> Option<Line> {
        while let Some((key, line)) = self.sent.next().await {
            if line.is_some() {
                self.read.insert(key, None);
                return line;
            }
        }
        None
    }
}
