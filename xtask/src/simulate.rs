//! `cargo xtask simulate`: thousands of drawn rollouts, in a build that is faster than one for tests.

use std::process::Command;

use anyhow::{Result, ensure};
use clap::ArgMatches;

/// The crates in which a simulation spends its time.
const BUSY: [&str; 4] = [
    "rollguard-core",
    "rollguard-cluster",
    "rollguard-sandbox",
    "rollguard",
];

/// Plays the rollouts. The seeds of those that go wrong are told, with their smallest form.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let number = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or_default();
    let mut command = Command::new(env!("CARGO"));
    for name in BUSY {
        // Optimises these and leaves the others as the tests build them.
        command.arg("--config");
        command.arg(format!("profile.dev.package.{name}.opt-level=1"));
    }
    command
        .args(["test", "--workspace", "--test", "simulation"])
        .env("ROLLGUARD_SOAK_HOURS", "6")
        .env("ROLLGUARD_SIMULATE", number("cases").to_string())
        .env("ROLLGUARD_SIMULATE_SEED", number("seed").to_string())
        .env("ROLLGUARD_REAL_CLUSTER", "0");
    let status = command.status()?;
    ensure!(status.success(), "some rollouts were not judged right");
    Ok(())
}
