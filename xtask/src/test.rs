//! Sets up and runs every rung of the test ladder, and counts what it ran.

mod ahead;
mod azure_cli;
mod cluster_binaries;
mod failed;
mod go_tools;
mod last_lines;
mod packages;
mod rung;
mod snapshots;
mod tally;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

pub(crate) use azure_cli::install_checkov;
pub(crate) use cluster_binaries::Modules;
use failed::FailedTest;
pub(crate) use go_tools::{build_kube_score, build_trivy};
pub(crate) use packages::{Package, install, install_npm, is_root};
use rung::{RUNGS, Ran, Rung};
pub(crate) use rung::{clients, real_with as real_cluster};
use tally::Tally;

/// Begins a line that names what was not run or checked; a rung's summary repeats it.
pub(crate) const LEFT_OUT: &str = "left out: ";

/// The result of one rung.
struct Outcome {
    name: &'static str,
    tally: Tally,
    failed: Vec<FailedTest>,
    took: Duration,
    /// Why the rung counts as failed, beyond the tests that failed in it.
    complaint: Option<String>,
    /// What it could not do, and said so.
    left_out: Vec<String>,
}

/// Runs the rungs whose name contains one of `filter`, or all, in order. One that fails does not
/// keep the others from running. The last line on stdout is `N passed, N failed`.
///
/// # Errors
/// When `filter` matches no rung. Failures end the process with exit code 1 instead, so that the
/// closing line stays the last one.
pub(crate) fn run(filter: &[String]) -> Result<()> {
    let matches =
        |rung: &&Rung| filter.is_empty() || filter.iter().any(|part| rung.name.contains(part));
    let chosen: Vec<&Rung> = RUNGS.iter().filter(matches).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = RUNGS.iter().map(|rung| rung.name).collect();
        bail!(
            "no rung is named like {filter:?}; there are {}",
            names.join(", ")
        );
    }
    let both = ["real", "package"]
        .iter()
        .all(|name| chosen.iter().any(|rung| rung.name == *name));
    let mut package = None;
    let mut outcomes = Vec::new();
    for rung in chosen {
        let once_set_up = || {
            if both && rung.name == "real" {
                package = Some(ahead::build_package()?);
            } else if rung.name == "package" {
                ahead::wait(package.take())?;
            }
            Ok(())
        };
        outcomes.push(run_rung(rung, once_set_up));
    }
    ahead::wait(package)?;
    if close(&outcomes) { Ok(()) } else { fail() }
}

fn run_rung(rung: &Rung, once_set_up: impl FnOnce() -> Result<()>) -> Outcome {
    println!("\n=== {}: {}", rung.name, rung.proves);
    let started = Instant::now();
    let ran = rung.run(once_set_up).unwrap_or_else(|error| Ran {
        complaint: Some(format!("{error:#}")),
        ..Ran::default()
    });
    let outcome = Outcome {
        name: rung.name,
        tally: ran.tally,
        failed: ran.failed,
        took: started.elapsed(),
        complaint: ran.complaint,
        left_out: ran.left_out,
    };
    println!("=== {}", outcome.line());
    outcome
}

/// Prints the totals, with the tests that failed; true when nothing failed.
fn close(outcomes: &[Outcome]) -> bool {
    println!();
    for outcome in outcomes {
        println!("{}", outcome.line());
        for test in &outcome.failed {
            println!("    {}", test.name);
            test.output
                .iter()
                .for_each(|line| println!("        {line}"));
        }
    }
    let passed: u64 = outcomes.iter().map(|outcome| outcome.tally.passed).sum();
    let failed: u64 = outcomes.iter().map(Outcome::failures).sum();
    println!("{passed} passed, {failed} failed");
    failed == 0
}

#[expect(
    clippy::exit,
    reason = "an error message would come after the closing line"
)]
fn fail() -> ! {
    std::process::exit(1)
}

impl Outcome {
    /// A rung that fails without a failed test (it does not compile, say) is one failure.
    fn failures(&self) -> u64 {
        self.tally.failed.max(u64::from(self.complaint.is_some()))
    }

    fn line(&self) -> String {
        let Self {
            name,
            tally,
            took,
            complaint,
            left_out,
            failed: _,
        } = self;
        let verdict = if self.failures() == 0 { "ok" } else { "FAILED" };
        let counts = match (tally.passed, tally.failed) {
            (0, 0) => String::new(),
            (passed, failed) => format!(", {passed} passed, {failed} failed"),
        };
        let why = complaint
            .as_ref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        let line = format!(
            "{name:<10} {verdict} in {:.1} s{counts}{why}",
            took.as_secs_f32()
        );
        left_out
            .iter()
            .fold(line, |line, what| format!("{line}; {LEFT_OUT}{what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: u64, failed: u64, complaint: Option<&str>) -> Outcome {
        Outcome {
            name: "tests",
            tally: Tally {
                passed,
                failed,
                ignored: 0,
            },
            failed: Vec::new(),
            took: Duration::from_secs(2),
            complaint: complaint.map(str::to_owned),
            left_out: Vec::new(),
        }
    }

    #[test]
    fn failed_tests_are_counted_once_although_their_runner_fails_too() {
        assert_eq!(outcome(5, 2, Some("exit status: 101")).failures(), 2);
    }

    #[test]
    fn a_rung_that_does_not_even_compile_is_one_failure() {
        assert_eq!(outcome(0, 0, Some("exit status: 101")).failures(), 1);
    }

    #[test]
    fn a_rung_says_how_long_it_took_and_what_it_counted() {
        assert_eq!(
            outcome(5, 0, None).line(),
            "tests      ok in 2.0 s, 5 passed, 0 failed"
        );
    }

    #[test]
    fn a_rung_repeats_what_it_left_out() {
        let left_out = Outcome {
            left_out: vec!["advisories: no network".to_owned()],
            ..outcome(0, 0, None)
        };
        assert_eq!(
            left_out.line(),
            "tests      ok in 2.0 s; left out: advisories: no network"
        );
    }
}
