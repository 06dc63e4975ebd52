//! Time to verdict, beside `kubectl rollout status` and kubedog.

use rollguard_core::verdict::VerdictKind;
use serde::{Deserialize, Serialize};

/// All that was measured, in the order of the scenarios.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// The API server's version.
    pub kubernetes: String,
    /// How many scenarios there are; a page of fewer would be no comparison.
    pub scenarios: usize,
    /// One for each scenario that was measured.
    pub rows: Vec<Row>,
    /// A rollout that has long been stable.
    pub stable: Stable,
}

/// One update.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The scenario's name.
    pub scenario: String,
    /// The updated object.
    pub kind: String,
    /// The verdict that is right.
    pub right: VerdictKind,
    /// The code of the cause; none for an update that heals.
    pub expected: Option<String>,
    /// Whether the pod template decides that it fails, so that no time heals it.
    #[serde(default)]
    pub template_decides: bool,
    /// Why the cause cannot be seen at once, where that is so.
    #[serde(default)]
    pub shown_later: Option<String>,
    /// The timeout of every tool, in seconds.
    pub timeout: u64,
    /// What rollguard made of it.
    pub rollguard: Judgement,
    /// None where nothing was compared.
    pub kubectl: Option<Judgement>,
    /// None where nothing was compared.
    pub kubedog: Option<Judgement>,
}

/// The result of a tool for an update.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Judgement {
    /// In rollguard's words.
    pub verdict: VerdictKind,
    /// Whether it named the cause.
    pub named: bool,
    /// From the update to the first line that names the cause.
    #[serde(default)]
    pub cause_seconds: Option<f64>,
    /// From the update to the verdict.
    pub seconds: f64,
    /// What it asked of the API server, where that was counted.
    pub load: Option<Load>,
}

/// The requests of a client to the API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// HTTP requests, each watch being one.
    pub requests: u64,
    /// Bytes of the bodies that came back.
    pub bytes: u64,
}

/// The cost of calling a rollout good that has long been stable, one judgement for each run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stable {
    /// By rollguard.
    pub rollguard: Vec<Judgement>,
    /// By `kubectl rollout status`.
    pub kubectl: Vec<Judgement>,
    /// By kubedog.
    pub kubedog: Vec<Judgement>,
}
