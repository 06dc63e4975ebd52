//! Rung 3: recorded real rollouts, replayed through the session that a live check runs.
//!
//! The traces come from a real cluster with a real kubelet, one per scenario:
//! `ROLLGUARD_TRACES=FOLDER cargo xtask test real` records them, `traces/slim.rs` makes them small.

mod traces;

mod replay {
    pub(crate) mod laws;
    pub(crate) mod outcome;
    pub(crate) mod upkeep;
}

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use replay::{laws, outcome, upkeep};
use rollguard_core::trace::Trace;
use rollguard_tests::scenarios::{self, Scenario};

/// What is asked of a trace.
type Question = fn(&Scenario, &Trace) -> anyhow::Result<()>;

/// Every question, and how its trials are called.
const QUESTIONS: [(&str, Question); 8] = [
    ("is judged as its scenario says", outcome::is_as_expected),
    (
        "is printed alike by `rollguard replay`",
        outcome::is_told_by_the_command,
    ),
    ("keeps its verdict to the end", laws::verdict_is_kept),
    ("turns green by no silence", laws::silence_is_no_success),
    (
        "is judged alike when observed twice",
        laws::repetition_is_no_news,
    ),
    ("is judged alike in another order", laws::order_is_no_news),
    (
        "is judged alike with its secrets kept",
        laws::secrecy_is_no_news,
    ),
    (
        "does not fail for more patience",
        laws::patience_does_no_harm,
    ),
];

fn main() -> ExitCode {
    let trials = scenarios::all()
        .flat_map(|scenario| QUESTIONS.map(|(says, ask)| trial(scenario, says, ask)))
        .chain(upkeep::trials())
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(scenario: &'static Scenario, says: &str, ask: Question) -> Trial {
    Trial::test(format!("{} {says}", scenario.name), move || {
        let asked = || ask(scenario, &Trace::parse(&traces::text(scenario.name)?)?);
        asked().map_err(|error| Failed::from(format!("{error:#}")))
    })
}
