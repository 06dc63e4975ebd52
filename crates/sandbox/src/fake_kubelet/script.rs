//! A script: what happens to a pod, in timed steps from its creation on.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use super::answer::{Answer, Answers, PodRequest};
use crate::event::NewEvent;

/// How long a container takes to stop that obeys SIGTERM.
const STOPS_IN: Duration = Duration::from_millis(500);

/// One step of a script.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Since the pod's creation.
    pub(crate) after: Duration,
    pub(crate) action: Action,
}

/// The event of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// The pod's status is replaced; the pod is bound to a node if it was not.
    Status { node: Option<String>, status: Value },
    /// An event is recorded about the pod.
    Event(NewEvent),
    /// A container writes a line. The instance counts its runs, from zero.
    Log {
        container: String,
        instance: i64,
        line: String,
    },
}

/// When something heals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It does not.
    Never,
    /// After so many tries of each pod.
    Tries(u32),
    /// At a time: the first try from then on goes well.
    At(Timestamp),
}

impl Until {
    pub(super) fn is_over(self, tries: u32, now: Timestamp) -> bool {
        match self {
            Self::Never => false,
            Self::Tries(most) => tries >= most,
            Self::At(at) => now >= at,
        }
    }
}

/// Lines that a container writes, all at once.
#[derive(Debug, Clone, Copy)]
pub struct LogLines<'a> {
    /// The container.
    pub container: &'a str,
    /// Which of its runs writes them, from zero.
    pub instance: u32,
    /// When, from the pod's creation on.
    pub after: Duration,
    /// The lines, without line breaks.
    pub lines: &'a [&'a str],
}

type Write = dyn Fn(&Pod, Timestamp) -> Vec<Step> + Send + Sync;

/// The script of a pod: the statuses, events and logs that the fake kubelet reports, in timed steps.
///
/// Built-in scripts are named after what goes wrong; [`Script::from_trace`] replays a recording.
#[derive(Clone)]
pub struct Script {
    write: Arc<Write>,
    stops_in: Duration,
    answers: Answers,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("stops_in", &self.stops_in)
            .finish_non_exhaustive()
    }
}

impl Script {
    pub(crate) fn new(
        write: impl Fn(&Pod, Timestamp) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self {
            write: Arc::new(write),
            stops_in: STOPS_IN,
            answers: Answers::default(),
        }
    }

    /// The same script for a pod whose containers take this long to stop, at most the pod's grace
    /// period. Default 500 ms.
    #[must_use]
    pub fn stopping_in(mut self, stops_in: Duration) -> Self {
        self.stops_in = stops_in;
        self
    }

    /// The same script, where a run of a container also writes these lines. Recordings have no logs of
    /// their own.
    #[must_use]
    pub fn logging(self, log: &LogLines<'_>) -> Self {
        let written: Vec<Step> = log
            .lines
            .iter()
            .map(|line| Step {
                after: log.after,
                action: Action::Log {
                    container: log.container.to_owned(),
                    instance: i64::from(log.instance),
                    line: (*line).to_owned(),
                },
            })
            .collect();
        let write = Arc::clone(&self.write);
        Self {
            write: Arc::new(move |pod, began| {
                let mut steps = write(pod, began);
                steps.extend(written.iter().cloned());
                steps
            }),
            stops_in: self.stops_in,
            answers: self.answers,
        }
    }

    /// The same script for a pod that answers a path over HTTP like this. The path is compared
    /// with that of the request, without its query; `*` stands for every path, and `8081/ready`
    /// is for one port only. Of several answers that fit the one added last counts.
    /// A pod without answers says 200 with the body `ok`, as soon as a container runs.
    #[must_use]
    pub fn answering(self, path: &str, answer: Answer) -> Self {
        self.answering_after(Duration::ZERO, path, answer)
    }

    /// As [`Script::answering`], from some time after the pod's creation on.
    #[must_use]
    pub fn answering_after(mut self, after: Duration, path: &str, answer: Answer) -> Self {
        self.answers.add(after, path, answer);
        self
    }

    pub(crate) fn answer(&self, age: Duration, request: PodRequest<'_>) -> Answer {
        self.answers.find(age, request)
    }

    pub(crate) fn stops_in(&self) -> Duration {
        self.stops_in
    }

    /// The steps for one pod, in the order of their times.
    pub(crate) fn steps(&self, pod: &Pod, began: Timestamp) -> VecDeque<Step> {
        let mut steps = (self.write)(pod, began);
        steps.sort_by_key(|step| step.after);
        steps.into()
    }
}
