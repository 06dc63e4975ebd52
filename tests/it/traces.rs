//! The recorded rollouts in `tests/traces`, and their replay.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rollguard_core::http::HttpCheck;
use rollguard_core::policy::Policy;
use rollguard_core::report::Report;
use rollguard_core::session::{self, Session};
use rollguard_core::trace::Trace;
use rollguard_tests::scenarios::{Expect, Scenario};

/// The timeout with which failing updates were recorded.
const FAILS_TIMEOUT: Duration = Duration::from_secs(60);
/// The same for updates that heal.
const HEALS_TIMEOUT: Duration = Duration::from_secs(120);

/// The policy of the check that recorded a scenario.
pub(crate) fn policy(scenario: &Scenario) -> Policy {
    Policy {
        timeout: match scenario.expect {
            Expect::Fails { .. } | Expect::TimesOut { .. } => FAILS_TIMEOUT,
            Expect::Heals | Expect::IsSuperseded => HEALS_TIMEOUT,
        },
        http: checks(scenario),
        ..Policy::default()
    }
}

/// Returns what the pods were asked over HTTP.
fn checks(scenario: &Scenario) -> Vec<HttpCheck> {
    let pairs = scenario.flags.chunks_exact(2);
    let asked = pairs.filter(|pair| pair[0] == "--http");
    // A check that cannot be read shows: the scenario is judged otherwise.
    let checks = asked.filter_map(|pair| HttpCheck::parse(pair[1]).ok());
    checks.collect()
}

/// Where the traces are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces")
}

/// The text of a scenario's trace.
pub(crate) fn text(scenario: &str) -> Result<String> {
    let path = folder().join(format!("{scenario}.jsonl"));
    std::fs::read_to_string(&path)
        .with_context(|| format!("failed to read the trace `{scenario}.jsonl`"))
}

/// Replays a trace up to its verdict, with the ticks that a live session would have had.
pub(crate) fn replay(trace: &Trace, policy: Policy) -> Result<Report> {
    let first = trace.observations.first().context("the trace is empty")?;
    let mut session = Session::new(trace.header.workloads.clone(), policy, first.at);
    let recorded = trace.observations.iter().cloned();
    let decided = session::replay(&mut session, recorded, |_| ());
    Ok(Report::new(&session, &decided.verdict, decided.at))
}
