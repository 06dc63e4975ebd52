//! Events of a session.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::waiting::Waiting;
use crate::finding::Finding;
use crate::verdict::{Pending, Standstill, Verdict};
use crate::workload::WorkloadRef;

/// Something worth telling while it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum SessionEvent {
    /// A rollout moved.
    Progress {
        /// When.
        at: Timestamp,
        /// Whose.
        workload: WorkloadRef,
        /// What is missing now.
        pending: Pending,
    },
    /// Nothing moved for a while.
    Reminder {
        /// When.
        at: Timestamp,
        /// A workload that is waited for.
        workload: WorkloadRef,
        /// What is still missing of it.
        pending: Pending,
        /// The step that it waits for.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        standstill: Option<Box<Standstill>>,
        /// How long at most, and for which causes.
        #[serde(default)]
        waiting: Box<Waiting>,
        /// How many others are waited for.
        others: usize,
    },
    /// A cause came into sight.
    Found {
        /// When.
        at: Timestamp,
        /// In which workload.
        workload: WorkloadRef,
        /// The cause.
        finding: Finding,
    },
    /// A cause went away.
    Cleared {
        /// When.
        at: Timestamp,
        /// In which workload.
        workload: WorkloadRef,
        /// The cause.
        finding: Finding,
    },
    /// An automation changed the pod template: a new revision of the same release, which is followed.
    Followed {
        /// When.
        at: Timestamp,
        /// Of which workload.
        workload: WorkloadRef,
        /// What it changed.
        changed: Vec<String>,
    },
    /// The cluster went out of sight, or came back.
    Sight {
        /// When.
        at: Timestamp,
        /// Which of both; foreign text.
        text: String,
    },
    /// One of several workloads has its verdict.
    Ended {
        /// When.
        at: Timestamp,
        /// Which.
        workload: WorkloadRef,
        /// Its verdict.
        verdict: Verdict,
    },
    /// The verdict over all of them.
    Decided {
        /// When.
        at: Timestamp,
        /// The verdict.
        verdict: Verdict,
    },
}

/// Says what is missing, and the step that is waited for.
#[must_use]
pub fn waits_for(pending: &Pending, standstill: Option<&Standstill>) -> String {
    match standstill {
        Some(it) => format!("{pending}; {}", it.message),
        None => pending.to_string(),
    }
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub text: String,
}

impl TimelineEntry {
    /// The event in one line; `many`: whether to say whose it is.
    #[must_use]
    pub fn of(event: &SessionEvent, many: bool) -> Self {
        let (at, workload, text) = match event {
            SessionEvent::Progress {
                at,
                workload,
                pending,
            } => (*at, Some(workload), pending.to_string()),
            SessionEvent::Reminder {
                at,
                workload,
                pending,
                standstill,
                ..
            } => {
                let text = waits_for(pending, standstill.as_deref());
                (*at, Some(workload), text)
            }
            SessionEvent::Found {
                at,
                workload,
                finding,
            } => {
                let text = format!("{} ({})", finding.message, finding.code);
                (*at, Some(workload), text)
            }
            SessionEvent::Cleared {
                at,
                workload,
                finding,
            } => (*at, Some(workload), format!("{} has gone", finding.code)),
            SessionEvent::Followed {
                at,
                workload,
                changed,
            } => (*at, Some(workload), followed(changed)),
            SessionEvent::Ended {
                at,
                workload,
                verdict,
            } => (*at, Some(workload), verdict.word().to_owned()),
            SessionEvent::Sight { at, text } => (*at, None, text.clone()),
            SessionEvent::Decided { at, verdict } => (*at, None, verdict.word().to_owned()),
        };
        let text = match workload {
            Some(workload) if many => format!("{workload}: {text}"),
            Some(_) | None => text,
        };
        Self { at, text }
    }
}

/// Says that an automation changed the template, and that the check goes on.
#[must_use]
pub fn followed(changed: &[String]) -> String {
    let what = if changed.is_empty() {
        String::new()
    } else {
        format!(" ({})", changed.join(", "))
    };
    format!(
        "an automation changed the pod template{what}: the same release; following its new revision"
    )
}
