//! Time to verdict beside `kubectl rollout status` and kubedog, on the same updates at the same time.
//!
//! `cargo xtask bench-verdict` asks for it and makes a page of what is measured here.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use rollguard_tests::counting::Load;
use rollguard_tests::scenarios;
use serde::Serialize;

/// One update.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    /// What is updated.
    pub(crate) kind: String,
    /// The word for the verdict that is right.
    pub(crate) right: &'static str,
    /// The code of the cause; none for an update that heals.
    pub(crate) expected: Option<&'static str>,
    pub(crate) rollguard: Judgement,
    /// None where nothing was compared.
    pub(crate) kubectl: Option<Judgement>,
    /// None where nothing was compared.
    pub(crate) kubedog: Option<Judgement>,
}

/// What a tool makes of an update.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Judgement {
    /// In rollguard's words.
    pub(crate) verdict: String,
    /// Whether it names the cause.
    pub(crate) named: bool,
    pub(crate) seconds: f64,
    /// What it asked of the API server, where that was counted.
    pub(crate) load: Option<Load>,
}

/// What it takes to call a rollout good that has long been stable, one judgement for each run.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Stable {
    pub(crate) rollguard: Vec<Judgement>,
    pub(crate) kubectl: Vec<Judgement>,
    pub(crate) kubedog: Vec<Judgement>,
}

/// All that was measured, in the order of the scenarios.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    kubernetes: String,
    /// How many scenarios there are; a page of fewer would be no comparison.
    scenarios: usize,
    rows: Vec<Row>,
    stable: Stable,
}

impl Measured {
    pub(crate) fn new(kubernetes: String, mut rows: Vec<Row>, stable: Stable) -> Self {
        let place = |name: &str| scenarios::all().position(|scenario| scenario.name == name);
        rows.sort_by_key(|row| place(row.scenario));
        Self {
            kubernetes,
            scenarios: scenarios::all().count(),
            rows,
            stable,
        }
    }

    /// Writes it for `cargo xtask bench-verdict`.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
    }

    /// One line for each update.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        for row in &self.rows {
            let Judgement {
                verdict, seconds, ..
            } = &row.rollguard;
            let cause = row.expected.unwrap_or("heals");
            // Writing to a string cannot fail.
            let _ = writeln!(
                lines,
                "{seconds:>6.1} s  {verdict:<12}  {}, {cause}",
                row.scenario
            );
        }
        lines
    }
}
