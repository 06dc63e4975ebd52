//! A fault between a command and an API server: which of its requests meet it, in which way, and for how long.
//!
//! The same gate serves without a network in virtual time ([`crate::front::in_process`]) and over TCP
//! ([`crate::front::Front`]). It counts what is asked and what is changed, in front of the API server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Method;
use tokio::time::Instant;

use crate::front::{Answer, Asked, Gate, Onward};

mod fault;

pub use fault::Fault;

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// For one request.
    Once,
    /// For so many seconds from the first request that meets it.
    Seconds(u64),
    /// Until the fault is lifted.
    Always,
}

/// Which requests of a command meet the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The first of all: `/version`.
    Connect,
    /// A list of objects that are watched, or of revisions.
    List,
    /// A watch.
    Watch,
    /// Any other read, and the questions about permissions.
    Lookup,
    /// The logs of a container.
    Logs,
    /// A read of the workload itself.
    Read,
    /// The same, but the first one: the recheck of a verdict, the look before and after a patch.
    Recheck,
    /// The mark of a revision.
    Mark,
    /// The dry run of a rollback's patch.
    DryRun,
    /// A rollback's patch.
    Patch,
    /// Every request, two seconds after the first.
    Everything,
}

/// When the fault of [`Step::Everything`] begins.
const MIDDLE: Duration = Duration::from_secs(2);

impl Step {
    /// All of them, in the order of a command.
    pub const ALL: [Self; 11] = [
        Self::Connect,
        Self::Read,
        Self::List,
        Self::Watch,
        Self::Lookup,
        Self::Logs,
        Self::Recheck,
        Self::Mark,
        Self::DryRun,
        Self::Patch,
        Self::Everything,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Read => "read",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Lookup => "lookups",
            Self::Logs => "logs",
            Self::Recheck => "recheck",
            Self::Mark => "mark",
            Self::DryRun => "dry run",
            Self::Patch => "patch",
            Self::Everything => "everything",
        }
    }

    /// Returns the step that a request belongs to; the first and the later reads are one.
    #[must_use]
    pub fn of(asked: &Asked) -> Self {
        const WORKLOADS: [&str; 3] = ["deployments", "statefulsets", "daemonsets"];
        const WATCHED: [&str; 4] = ["pods", "events", "replicasets", "controllerrevisions"];
        let uri = &asked.parts.uri;
        let query = uri.query().unwrap_or_default();
        let mut parts = uri.path().rsplit('/');
        let last = parts.next().unwrap_or_default();
        let before = parts.next().unwrap_or_default();
        let reads = asked.parts.method == Method::GET;
        if uri.path() == "/version" {
            Self::Connect
        } else if query.contains("watch=true") {
            Self::Watch
        } else if last == "log" {
            Self::Logs
        } else if asked.parts.method == Method::PATCH && WORKLOADS.contains(&before) {
            if query.contains("dryRun") {
                Self::DryRun
            } else {
                Self::Patch
            }
        } else if asked.parts.method == Method::PATCH && WATCHED.contains(&before) {
            Self::Mark
        } else if reads && WORKLOADS.contains(&before) {
            Self::Read
        } else if reads && (WORKLOADS.contains(&last) || WATCHED.contains(&last)) {
            Self::List
        } else {
            Self::Lookup
        }
    }
}

/// A fault, its requests and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// The way in which requests go wrong.
    pub fault: Fault,
    /// For how long.
    pub lasts: Lasts,
    /// Which of them.
    pub step: Step,
}

/// A request that was asked.
#[derive(Debug, Clone)]
pub struct Met {
    /// When.
    pub at: Instant,
    /// Its step.
    pub step: Step,
    /// Method, path and query.
    pub what: String,
    /// Whether it met the fault.
    pub faulted: bool,
    /// Whether the API server was asked and answered that it did it.
    pub done: bool,
}

/// The gate.
pub struct Troubled {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trouble: Option<Trouble>,
    /// When the first request came.
    begun: Option<Instant>,
    /// When the fault was met first.
    met: Option<Instant>,
    reads: usize,
    log: Vec<Met>,
}

impl State {
    /// Returns the fault that a request meets.
    fn springs(&mut self, step: Step) -> Option<Fault> {
        let now = Instant::now();
        let begun = *self.begun.get_or_insert(now);
        self.reads += usize::from(step == Step::Read);
        let trouble = self.trouble?;
        let concerned = if trouble.step == Step::Everything {
            now >= begun + MIDDLE
        } else if trouble.step == Step::Recheck {
            step == Step::Read && self.reads > 1
        } else {
            step == trouble.step
        };
        let lasts = match (trouble.lasts, self.met) {
            (_, None) | (Lasts::Always, _) => true,
            (Lasts::Once, Some(_)) => false,
            (Lasts::Seconds(seconds), Some(met)) => now < met + Duration::from_secs(seconds),
        };
        if !(concerned && lasts) {
            return None;
        }
        self.met.get_or_insert(now);
        Some(trouble.fault)
    }
}

impl Troubled {
    /// A gate with a fault; without one it only counts.
    #[must_use]
    pub fn new(trouble: Option<Trouble>) -> Self {
        Self {
            state: Mutex::new(State {
                trouble,
                ..State::default()
            }),
        }
    }

    /// Lifts the fault.
    pub fn lift(&self) {
        self.state().trouble = None;
    }

    /// Returns when the fault was met first.
    #[must_use]
    pub fn met(&self) -> Option<Instant> {
        self.state().met
    }

    /// Returns all that was asked.
    #[must_use]
    pub fn log(&self) -> Vec<Met> {
        self.state().log.clone()
    }

    /// Returns how many times a workload was changed, whatever became of the answers.
    #[must_use]
    pub fn changes(&self) -> usize {
        let state = self.state();
        let patches = state.log.iter().filter(|it| it.step == Step::Patch);
        patches.filter(|it| it.done).count()
    }

    /// Returns the most requests that came within any time of this length.
    #[must_use]
    pub fn most_within(&self, time: Duration) -> usize {
        let times: Vec<Instant> = self.state().log.iter().map(|it| it.at).collect();
        most_within(&times, time)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a request down; returns its place in the log, and its fault.
    fn note(&self, asked: &Asked) -> (usize, Option<Fault>) {
        let step = Step::of(asked);
        let mut state = self.state();
        let fault = state.springs(step);
        let place = state.log.len();
        state.log.push(Met {
            at: Instant::now(),
            step,
            what: format!("{} {}", asked.parts.method, asked.parts.uri),
            faulted: fault.is_some(),
            done: false,
        });
        (place, fault)
    }

    async fn hand(&self, place: usize, asked: Asked, onward: &Onward) -> Answer {
        let answer = onward.hand(asked).await;
        if let Some(met) = self.state().log.get_mut(place) {
            met.done = answer.status().is_success();
        }
        answer
    }
}

/// Of times in order.
fn most_within(times: &[Instant], length: Duration) -> usize {
    let within = |(first, at): (usize, &Instant)| {
        let rest = times.get(first..).unwrap_or_default();
        rest.iter().take_while(|it| **it < *at + length).count()
    };
    times.iter().enumerate().map(within).max().unwrap_or(0)
}

impl Gate for Troubled {
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, Answer> {
        async move {
            let (place, fault) = self.note(&asked);
            let Some(fault) = fault else {
                return self.hand(place, asked, onward).await;
            };
            if let Some(answer) = fault.instead().await {
                return answer;
            }
            let answer = self.hand(place, asked, onward).await;
            fault.spoil(answer).await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
