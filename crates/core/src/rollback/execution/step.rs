//! The result of a step of an execution.

use jiff::Timestamp;

use super::{ClusterRequest, Conclusion, Event};

/// The result of one observation.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Step {
    /// What is worth telling.
    pub events: Vec<Event>,
    /// What to do now; each is to be answered with one observation.
    pub requests: Vec<ClusterRequest>,
    /// When to hand in the next [`Seen::Tick`](super::Seen::Tick) if nothing else is seen before.
    pub wake_at: Timestamp,
    /// How it ended, once it has. Requests that are under way then are to be dropped.
    pub conclusion: Option<Conclusion>,
}
