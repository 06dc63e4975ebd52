//! Deletes the pods of a bad revision that stay stuck although the template is the good one again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use kube::Client;
use rollguard_cluster::history::history;
use rollguard_cluster::{Clock, ClusterError, ClusterErrorKind, Connection, stuck};
use rollguard_core::approval::ApprovedRollback;
use rollguard_core::duration::after;
use rollguard_core::report::{Line, Style};
use rollguard_core::rollback::{StuckPod, StuckPodStep, stuck_now, unblock};
use rollguard_core::workload::{WorkloadKind, WorkloadRef};

use crate::drive::Chores;
use crate::failure::Failure;
use crate::run::tools::Tools;

/// How long to wait between two looks at a StatefulSet.
const PAUSE: Duration = Duration::from_secs(2);

/// What is to be got going.
pub(super) struct Unblocking<'a> {
    /// What was restored.
    pub(super) restored: &'a [ApprovedRollback],
    /// For how long without a deletion: each is progress, after which the time begins anew. None: as
    /// long as the check beside it goes on, because a pod of the bad revision that is ready now may
    /// not be the next moment.
    pub(super) patience: Option<Duration>,
    /// Where it is written what is left to do.
    pub(super) held: &'a Held,
}

/// What is held up, and by what: as it was at the last look.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(Arc<Mutex<BTreeMap<WorkloadRef, String>>>);

impl Held {
    fn note(&self, workload: &WorkloadRef, why: Option<String>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => held.insert(workload.clone(), why),
            None => held.remove(workload),
        };
    }

    /// Each workload with what to do, in one line.
    pub(super) fn told(&self) -> BTreeMap<WorkloadRef, String> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |(workload, why): (&WorkloadRef, &String)| {
            let text = format!(
                "{workload}: the template is back, but not all pods: {why}; run the rollback again: it \
                 goes on with them"
            );
            (workload.clone(), text)
        };
        held.iter().map(told).collect()
    }
}

/// Gets every StatefulSet among them going; only with those a pod can be stuck.
pub(super) fn chores(connection: &Connection, unblocking: &Unblocking<'_>) -> Chores {
    let now = connection.clock.now();
    let sets = unblocking.restored.iter();
    let sets = sets.filter(|it| it.workload.kind == WorkloadKind::StatefulSet);
    let each = sets.map(|it| {
        let set = Set {
            client: connection.client.clone(),
            clock: connection.clock,
            restored: it.clone(),
            patience: unblocking.patience,
            until: unblocking.patience.map(|it| after(now, it)),
            deleted: BTreeSet::new(),
            held: unblocking.held.clone(),
            next: now,
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
    restored: ApprovedRollback,
    patience: Option<Duration>,
    until: Option<Timestamp>,
    /// The names of the pods that were deleted.
    deleted: BTreeSet<String>,
    held: Held,
    next: Timestamp,
    state: State,
}

impl Set {
    /// The next thing worth telling; `None` at the end.
    async fn next(&mut self) -> Option<Line> {
        while self.state != State::Done {
            let until = self.until.unwrap_or(Timestamp::MAX);
            if self.clock.now() >= until {
                self.state = State::Done;
                break;
            }
            self.clock.sleep_until(self.next.min(until)).await;
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
            self.held.note(workload, None);
            return None;
        };
        // What only takes its time is not held up: the controller goes on with it by itself.
        let stuck = stuck_now(&history, &target);
        self.held.note(workload, self.stuck(&stuck));
        match unblock(&history, &target) {
            StuckPodStep::Free | StuckPodStep::Superseded => {
                self.state = State::Done;
                self.held.note(workload, None);
                None
            }
            StuckPodStep::Wait => None,
            StuckPodStep::Delete(pod) => self.delete(&pod, stuck).await,
        }
    }

    async fn delete(&mut self, pod: &StuckPod, mut stuck: Vec<String>) -> Option<Line> {
        let namespace = &self.restored.workload.namespace;
        match stuck::delete(&self.client, namespace, pod).await {
            Ok(true) => {
                self.state = State::Working;
                self.progressed(pod);
                stuck.retain(|name| *name != pod.name);
                let why = self.stuck(&stuck);
                self.held.note(&self.restored.workload, why);
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

    /// The time begins anew, once for each pod: one that is deleted over and over is no progress.
    fn progressed(&mut self, pod: &StuckPod) {
        if self.deleted.insert(pod.name.clone()) {
            let now = self.clock.now();
            self.until = self.patience.map(|patience| after(now, patience));
        }
    }

    /// Told once for each kind of trouble. What may not be done is not tried again.
    fn trouble(&mut self, error: ClusterError) -> Option<Line> {
        let kind = error.kind();
        let failure = Failure::from(error);
        let text = failure.messages.join("; ");
        let trouble = State::Trouble(text.clone());
        // Of what is gone nothing is left to do; what was not seen is as it was at the last look.
        if kind != ClusterErrorKind::Unreachable {
            let why = (kind != ClusterErrorKind::NotFound).then(|| text.clone());
            self.held.note(&self.restored.workload, why);
        }
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

    fn stuck(&self, pods: &[String]) -> Option<String> {
        let bad = self.restored.bad.revision;
        match pods {
            [] => None,
            [only] => Some(format!("Pod {only} of revision {bad} is stuck")),
            many => Some(format!(
                "Pods {} of revision {bad} are stuck",
                many.join(", ")
            )),
        }
    }
}
