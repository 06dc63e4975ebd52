//! Rung 4: thousands of drawn rollouts on the embedded cluster, of which it is known by how they were made what is
//! right to say of them, and hours of virtual time.
#![expect(clippy::print_stderr, reason = "a test program talks to a terminal")]

mod simulation {
    pub(crate) mod case;
    pub(crate) mod judge;
    pub(crate) mod late;
    pub(crate) mod rows;
    pub(crate) mod search;
    pub(crate) mod soak;
    pub(crate) mod strategy;
    pub(crate) mod trouble;
    pub(crate) mod world;
}

use std::env;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use simulation::search::{Tally, case_of, played, search};
use simulation::{rows, soak};

/// How many rollouts are played; the default is for every test run.
const CASES: &str = "ROLLGUARD_SIMULATE";
/// The first seed.
const SEED: &str = "ROLLGUARD_SIMULATE_SEED";
/// Without [`CASES`].
const FEW: u64 = 150;
/// In so many trials.
const TRIALS: u64 = 10;

fn main() -> ExitCode {
    let number = |name: &str| env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let (all, first) = (number(CASES).unwrap_or(FEW), number(SEED).unwrap_or(0));
    if let Some(seed) = number("ROLLGUARD_SIMULATE_ONE") {
        let case = case_of(seed).unwrap_or_else(|_| std::process::abort());
        eprintln!("{case:#?}");
        eprintln!("{:?}", played(&case));
        return ExitCode::SUCCESS;
    }
    let trials = (0..TRIALS).map(|trial| {
        let seeds = (first..first + all).filter(move |it| it % TRIALS == trial);
        let name = format!(
            "drawn rollouts are judged right ({} of {TRIALS})",
            trial + 1
        );
        Trial::test(name, move || {
            all_right(seeds).map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    let trials = rows::trials().chain(trials).chain([soak::trial()]);
    let trials = trials.collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn all_right(seeds: impl Iterator<Item = u64>) -> Result<()> {
    let mut tally = Tally::default();
    tally.add(search(seeds).context("a rollout was not played")?);
    eprintln!("{}", tally.told());
    ensure!(tally.wrong.is_empty(), "{}", tally.told());
    let wrong = tally.named - tally.named_right;
    ensure!(wrong * 200 <= tally.named, "{}", tally.told());
    Ok(())
}
