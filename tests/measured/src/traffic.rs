//! Faults of the way to the pods and near misses of them, by every tool.

use rollguard_core::verdict::VerdictKind;
use serde::{Deserialize, Serialize};

use crate::verdicts::Judgement;

/// All that was measured, in the order of the cases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// The API server's version.
    pub kubernetes: String,
    /// How rollguard was built.
    pub build: String,
    /// How many cases there are; a page of fewer would be no comparison.
    pub cases: usize,
    /// One for each case that was compared.
    pub rows: Vec<Row>,
    /// A rollout that has long been stable.
    pub stable: Stable,
}

/// One update.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The name of the case.
    pub case: String,
    /// The update, as a sentence.
    pub says: String,
    /// Whether users are served worse than before.
    pub is_fault: bool,
    /// The code that names the fault, or a note beside a near miss.
    pub code: Option<String>,
    /// Whether the fault fails a check of rollguard.
    pub decides: bool,
    /// The kind of object that another tool must name to have named the cause.
    pub sign: String,
    /// What rollguard made of it.
    pub rollguard: Judgement,
    /// The same with `--no-traffic`.
    pub without: Judgement,
    /// `kubectl rollout status`.
    pub kubectl: Judgement,
    /// `kubedog multitrack`.
    pub kubedog: Judgement,
    /// `helm upgrade` of a chart with the same objects.
    pub helm: Judgement,
}

impl Row {
    /// Returns whether a tool is right: not green for a fault, or with a note that names it; green without
    /// one.
    #[must_use]
    pub fn is_right(&self, judgement: &Judgement) -> bool {
        let green = judgement.verdict == VerdictKind::Succeeded;
        green != self.is_fault || (self.is_fault && judgement.named)
    }
}

/// The cost of calling a rollout good that has long been stable, one judgement for each run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stable {
    /// By rollguard.
    pub rollguard: Vec<Judgement>,
    /// With `--no-traffic`.
    pub without: Vec<Judgement>,
    /// By `kubectl rollout status`.
    pub kubectl: Vec<Judgement>,
}
