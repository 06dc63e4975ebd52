//! The input and the result of a step of a preparation.

use std::fmt;

use jiff::Timestamp;

use super::{ReadAnswer, ReadRequest};
use crate::rollback::execution::{Conclusion, FailedCall};
use crate::rollback::patience::Pause;
use crate::rollback::{PreparedRollback, RollbackBatch};
use crate::workload::{ClusterName, WorkloadRef, place};

/// When a plan may be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Never: it is only shown.
    DryRun,
    /// After a person answered yes.
    Ask,
    /// At once: `--yes`, or an approval in the pipeline.
    Given,
}

/// One thing observed at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// What.
    pub seen: Seen,
}

/// The content of an observation. An answer that was not asked for changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Time has passed.
    Tick,
    /// The user or the agent asked to stop.
    StopRequested,
    /// The cluster answered a [`PreparationRequest::Read`].
    Read(ReadAnswer),
    /// A person answered [`PreparationRequest::Ask`] with a line; `None` if the input has ended.
    Answered(Option<String>),
}

/// A request to the shell; each is answered with one observation.
#[derive(Debug, Clone, PartialEq)]
pub enum PreparationRequest {
    /// Read from the cluster.
    Read(ReadRequest),
    /// Ask the person.
    Ask(Question),
}

/// The question to a person; [`fmt::Display`] words it. It says where: a wrong context is noticed there
/// or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Whether to delete stuck pods of workloads that are restored already.
    DeletePods {
        /// Of which workloads, and where.
        of: String,
    },
    /// Whether to roll back.
    RollBack {
        /// Which workloads, and where.
        what: String,
    },
}

impl Question {
    pub(super) fn about(batch: &RollbackBatch, cluster: Option<&ClusterName>) -> Self {
        let plans: Vec<&WorkloadRef> = batch.plans.iter().map(|it| &it.workload).collect();
        if plans.is_empty() {
            let restored: Vec<&WorkloadRef> = batch.workloads().into_iter().collect();
            let of = named(&restored, cluster);
            return Self::DeletePods { of };
        }
        let what = named(&plans, cluster);
        Self::RollBack { what }
    }

    /// Reads a line as yes or no; `None` if it is neither.
    #[must_use]
    pub fn answer(line: &str) -> Option<bool> {
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Some(true),
            "n" | "no" => Some(false),
            _ => None,
        }
    }

    /// Returns what to say about an answer that is neither, before the question is asked again.
    #[must_use]
    pub fn not_understood(line: &str) -> String {
        match line.trim() {
            "" => "nothing was answered; write y or n".to_owned(),
            said => format!("`{}` is neither yes nor no; write y or n", clipped(said)),
        }
    }
}

/// The longest answer that is quoted in full.
const QUOTED: usize = 40;

fn clipped(answer: &str) -> String {
    let mut quoted: String = answer.chars().take(QUOTED).collect();
    if quoted.len() < answer.len() {
        quoted.push('…');
    }
    quoted
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeletePods { of } => write!(f, "Delete the stuck pods of {of}? (y/n)"),
            Self::RollBack { what } => write!(f, "Roll back {what}? (y/n)"),
        }
    }
}

/// Names the workloads, of several their number, and where they are.
fn named(workloads: &[&WorkloadRef], cluster: Option<&ClusterName>) -> String {
    let what = match workloads {
        [only] => only.to_string(),
        many => format!("{} workloads", many.len()),
    };
    match workloads.first() {
        Some(first) => format!("{what} {}", place(&first.namespace, cluster)),
        None => what,
    }
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A workload looks healed, but not for long enough.
    LooksHealed(Pause),
    /// Workloads that a selector found need no rollback.
    LeftAlone(Vec<WorkloadRef>),
    /// An answer was neither yes nor no.
    NotUnderstood(String),
    /// The plan, or what is in place already.
    Planned(Box<RollbackBatch>),
    /// The plan would be carried out, if this were no dry run.
    DryRun(Box<RollbackBatch>),
    /// The plan is another than the one that the person agreed to, or the rollout has completed since.
    PlanChanged,
}

impl Event {
    /// The sentence of [`Event::PlanChanged`].
    pub const PLAN_CHANGED: &'static str = "the plan, or the rollout that it takes back, is no longer as it was shown; nothing was changed";
}

/// How a preparation ended; nothing was changed until then.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// The plan is to be carried out.
    Confirmed(Box<PreparedRollback>),
    /// It was a dry run.
    DryRun(RollbackBatch),
    /// The cluster does not allow it, or the plan changed after the person agreed.
    Refused {
        /// The end of the rollback.
        conclusion: Conclusion,
        /// The objections.
        batch: RollbackBatch,
    },
    /// The person said no.
    NotConfirmed,
    /// The input ended before the person said yes or no.
    NoAnswer,
    /// The user or the agent asked to stop.
    Cancelled,
    /// A workload could not be read; of several, the first that was named.
    Failed(FailedCall),
}

/// The result of one observation.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Step {
    /// What is worth telling.
    pub events: Vec<Event>,
    /// What to do now.
    pub requests: Vec<PreparationRequest>,
    /// When to hand in the next [`Seen::Tick`] if nothing else is seen before.
    pub wake_at: Timestamp,
    /// How it ended, once it has. Requests that are under way then are to be dropped.
    pub ended: Option<Ended>,
}
