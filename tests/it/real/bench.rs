//! Time to verdict beside `kubectl rollout status` and kubedog, on the same updates at the same time.
//!
//! `cargo xtask bench-verdict` asks for it and makes a page of what is measured here.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use rollguard_measured::verdicts::{Judgement, Measured, Row, Stable};
use rollguard_tests::scenarios;
use serde::Serialize;

/// All rows, in the order of the scenarios.
pub(crate) fn measured(kubernetes: String, mut rows: Vec<Row>, stable: Stable) -> Measured {
    let place = |name: &str| scenarios::all().position(|scenario| scenario.name == name);
    rows.sort_by_key(|row| place(&row.scenario));
    Measured {
        kubernetes,
        scenarios: scenarios::all().count(),
        rows,
        stable,
    }
}

/// One line for each update.
pub(crate) fn lines(measured: &Measured) -> String {
    let mut lines = String::new();
    for row in &measured.rows {
        let Judgement {
            verdict, seconds, ..
        } = &row.rollguard;
        let cause = row.expected.as_deref().unwrap_or("heals");
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "{seconds:>6.1} s  {verdict:<12}  {}, {cause}",
            row.scenario
        );
    }
    lines
}

/// Writes what was measured, for the page.
pub(crate) fn write(measured: &impl Serialize, file: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(measured)?;
    std::fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
}
