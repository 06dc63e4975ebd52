//! Deletes the pods of a bad revision that stay stuck although the template is the good one again.

use std::time::Duration;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use kube::Client;
use rollguard_cluster::history::history;
use rollguard_cluster::{Clock, ClusterError, ClusterErrorKind, Connection, stuck};
use rollguard_core::duration::after;
use rollguard_core::handover::HandedOver;
use rollguard_core::report::{Line, Style};
use rollguard_core::rollback::{StuckPod, Unblock, unblock};
use rollguard_core::workload::WorkloadKind;

use crate::drive::Chores;
use crate::failure::Failure;
use crate::run::tools::Tools;

/// How long to wait between two looks at a StatefulSet.
const PAUSE: Duration = Duration::from_secs(2);

/// What is to be got going.
pub(super) struct Unblocking<'a> {
    /// What was restored.
    pub(super) restored: &'a [HandedOver],
    /// For how long.
    pub(super) timeout: Duration,
    /// Whether to look on once nothing is stuck: a pod of the bad revision that is ready now may not
    /// be the next moment.
    pub(super) on: bool,
}

/// Gets every StatefulSet among them going; only with those a pod can be stuck.
pub(super) fn chores(connection: &Connection, unblocking: &Unblocking<'_>) -> Chores {
    let until = after(connection.clock.now(), unblocking.timeout);
    let sets = unblocking.restored.iter();
    let sets = sets.filter(|it| it.workload.kind == WorkloadKind::StatefulSet);
    let each = sets.map(|it| {
        let set = Set {
            client: connection.client.clone(),
            clock: connection.clock,
            restored: it.clone(),
            until,
            on: unblocking.on,
            next: connection.clock.now(),
            state: State::Working,
        };
        stream::unfold(set, |mut set| {
            async move { set.next().await.map(|line| (line, set)) }.boxed()
        })
        .boxed()
    });
    stream::select_all(each).boxed()
}

/// Does it all, without a check beside it; whether the wish to stop was heard.
pub(super) async fn done(mut chores: Chores, tools: &mut Tools<'_>) -> bool {
    loop {
        let told = tokio::select! {
            biased;
            () = tools.cancel.requested() => return true,
            told = chores.next() => told,
        };
        let Some(line) = told else { return false };
        tools.console.line(&line);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Working,
    /// What went wrong at the last look, told once.
    Trouble(String),
    Done,
}

struct Set {
    client: Client,
    clock: Clock,
    restored: HandedOver,
    until: Timestamp,
    on: bool,
    next: Timestamp,
    state: State,
}

impl Set {
    /// The next thing worth telling; `None` at the end.
    async fn next(&mut self) -> Option<Line> {
        while self.state != State::Done {
            if self.clock.now() >= self.until {
                self.state = State::Done;
                return (!self.on).then(|| self.late());
            }
            self.clock.sleep_until(self.next.min(self.until)).await;
            self.next = after(self.clock.now(), PAUSE);
            if let Some(line) = self.look().await {
                return Some(line);
            }
        }
        None
    }

    async fn look(&mut self) -> Option<Line> {
        let workload = &self.restored.workload;
        let history = match history(&self.client, workload).await {
            Ok(history) => history,
            Err(error) => return self.trouble(error),
        };
        let Some(target) = history.with_uid(&self.restored.target.uid) else {
            self.state = State::Done;
            return None;
        };
        match unblock(&history, &target) {
            Unblock::Free | Unblock::Superseded => {
                self.state = State::Done;
                None
            }
            Unblock::Wait => None,
            Unblock::Delete(pod) => self.delete(&pod).await,
        }
    }

    async fn delete(&mut self, pod: &StuckPod) -> Option<Line> {
        let namespace = &self.restored.workload.namespace;
        match stuck::delete(&self.client, namespace, pod).await {
            Ok(true) => {
                self.state = State::Working;
                let text = format!(
                    "deleted Pod {} of revision {}, which would have stayed stuck",
                    pod.name, self.restored.bad.revision
                );
                Some(Line::plain(text))
            }
            // Something has happened to it meanwhile; the next look tells what is to be done.
            Ok(false) => None,
            Err(error) => self.trouble(error),
        }
    }

    /// Told once for each kind of trouble. What may not be done is not tried again.
    fn trouble(&mut self, error: ClusterError) -> Option<Line> {
        let kind = error.kind();
        let failure = Failure::from(error);
        let text = failure.messages.join("; ");
        let trouble = State::Trouble(text.clone());
        let told = self.state == trouble;
        self.state = match kind {
            ClusterErrorKind::Forbidden | ClusterErrorKind::NotFound => State::Done,
            ClusterErrorKind::BadInput
            | ClusterErrorKind::Credentials
            | ClusterErrorKind::Unreachable
            | ClusterErrorKind::Conflict
            | ClusterErrorKind::Other => trouble,
        };
        let hint = failure.hint.map(|hint| format!("; {hint}"));
        let text = format!("{text}{}", hint.unwrap_or_default());
        (!told).then(|| Line::styled(Style::Warn, "warning: ").then(Style::Plain, text))
    }

    fn late(&self) -> Line {
        let workload = &self.restored.workload;
        let text = format!("{workload} is still held up by a pod that is not ready");
        Line::styled(Style::Warn, "warning: ").then(Style::Plain, text)
    }
}
