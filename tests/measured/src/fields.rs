//! Time to cause and to verdict of the rollouts after public reports.

use rollguard_core::verdict::VerdictKind;
use serde::{Deserialize, Serialize};

/// All that was measured, by name.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The API server's version.
    pub kubernetes: String,
    /// How rollguard was built.
    pub build: String,
    /// How many cases there are; a page of fewer would be no comparison.
    pub cases: usize,
    /// One for each case that was carried out.
    pub rows: Vec<Row>,
}

/// One case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The case's name.
    pub case: String,
    /// Where it was reported.
    pub source: String,
    /// The right answer, in words.
    pub answer: String,
    /// Whether the rollout does not complete within its timeout.
    pub fails: bool,
    /// The verdict.
    pub verdict: VerdictKind,
    /// Whether the verdict is of the right class.
    pub right: bool,
    /// Whether the first sentence has the cause; none for an update that heals.
    pub named: Option<bool>,
    /// Whether a rollback is offered.
    pub offered: bool,
    /// From the update to the first line that names the cause.
    pub cause_after: Option<f64>,
    /// From the update to the verdict.
    pub verdict_after: f64,
    /// The report's first sentence.
    pub sentence: String,
    /// `kubectl rollout status` in the same run; none where nothing was compared.
    pub kubectl: Option<Status>,
}

/// How `kubectl rollout status` ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// In rollguard's words.
    pub verdict: VerdictKind,
    /// From the update to its end.
    pub after: f64,
    /// Whether its output has the cause.
    pub named: bool,
}

impl Status {
    /// Returns whether it said that the rollout is complete.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.verdict == VerdictKind::Succeeded
    }
}
