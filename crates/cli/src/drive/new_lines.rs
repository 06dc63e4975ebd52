//! The logs of old and new pods, read while the check goes on: the old pods' before they go, the new ones' once the
//! rollout is complete and again with every look at the way of users. Nothing waits for them.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use rollguard_cluster::logs::{self, Excerpt};
use rollguard_core::report::{COMPARED_PODS, ComparedLog, ErrorLines, Line, Report, compared_logs};
use rollguard_core::session::Session;
use rollguard_core::workload::WorkloadRef;

/// How often the log of a new pod is read at most: the last time near the end of the window.
const READS: u32 = 4;

/// The logs that were read, and those that are being read.
pub(super) struct NewLines {
    client: Client,
    /// How often each was asked for.
    asked: BTreeMap<ComparedLog, u32>,
    read: BTreeMap<ComparedLog, ErrorLines>,
    forbidden: bool,
    sent: FuturesUnordered<BoxFuture<'static, (ComparedLog, Excerpt)>>,
}

impl NewLines {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            asked: BTreeMap::new(),
            read: BTreeMap::new(),
            forbidden: false,
            sent: FuturesUnordered::new(),
        }
    }

    /// Reads logs that were not read yet; `again` also those of new pods that may have grown. New pods alone
    /// cannot be compared.
    pub(super) fn send(&mut self, session: &Session, again: bool) {
        if self.forbidden {
            return;
        }
        for log in compared_logs(session, again) {
            let reads = self.asked.get(&log).copied().unwrap_or_default();
            let is_due = match reads {
                0 => self.has_room_for(&log),
                _ => again && log.is_new && reads < READS,
            };
            let is_comparable = !log.is_new || self.has_old(&log.workload);
            if !is_due || !is_comparable {
                continue;
            }
            self.asked.insert(log.clone(), reads + 1);
            let client = self.client.clone();
            self.sent.push(Box::pin(async move {
                let (namespace, pod, container) =
                    (&log.workload.namespace, &log.pod, &log.container);
                let read = if log.is_new {
                    logs::beginning(&client, namespace, pod, container).await
                } else {
                    logs::both_ends(&client, namespace, pod, container).await
                };
                (log, read)
            }));
        }
    }

    /// Returns whether a pod is one of the few of its revision whose logs are read. While old pods go, others would come
    /// in their place, up to the last.
    fn has_room_for(&self, log: &ComparedLog) -> bool {
        let same = self.asked.keys().filter(|it| {
            it.workload == log.workload && it.is_new == log.is_new && it.uid != log.uid
        });
        let others: BTreeSet<&str> = same.map(|it| it.uid.as_str()).collect();
        others.len() < COMPARED_PODS
    }

    fn has_old(&self, workload: &WorkloadRef) -> bool {
        let mut read = self.read.keys();
        read.any(|it| !it.is_new && it.workload == *workload)
    }

    /// Takes what is read; it says nothing before the end.
    pub(super) async fn next(&mut self) -> Option<Line> {
        while let Some((log, read)) = self.sent.next().await {
            match read {
                Excerpt::Read(text) => {
                    self.read.insert(log, ErrorLines::of(&text));
                }
                Excerpt::Forbidden => self.forbidden = true,
                Excerpt::Nothing => {}
            }
        }
        None
    }

    /// Adds to a report what only the new pods logged, as far as it was read.
    pub(super) fn tell(&self, report: &mut Report) {
        if self.forbidden {
            let unseen = "which errors only the new pods log (may not get pods/log)";
            report.blind_spots.push(unseen.to_owned());
            return;
        }
        let workloads: BTreeSet<&WorkloadRef> = self.read.keys().map(|it| &it.workload).collect();
        for workload in workloads {
            let new = self
                .lines(workload, true)
                .without(&self.lines(workload, false));
            report.add_new_lines(workload, new);
        }
    }

    fn lines(&self, workload: &WorkloadRef, is_new: bool) -> ErrorLines {
        let mut lines = ErrorLines::default();
        let all = self.read.iter();
        let of = all.filter(|(log, _)| log.workload == *workload && log.is_new == is_new);
        for (_, read) in of {
            lines.extend(read.clone());
        }
        lines
    }
}
