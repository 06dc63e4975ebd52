//! Rung 3: recorded real rollouts, replayed through the session that a live check runs.
//!
//! The traces come from a real cluster with a real kubelet, one per scenario:
//! `ROLLGUARD_TRACES=FOLDER cargo xtask test real` records them, `traces/slim.rs` makes them small.
#![expect(clippy::print_stderr, reason = "a test program talks to a terminal")]

mod recordings;
mod traces;

mod replay {
    pub(crate) mod laws;
    pub(crate) mod outcome;
    pub(crate) mod upkeep;
}

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use recordings::{Recording, recordings};
use replay::{laws, outcome, upkeep};
use rollguard_core::trace::Trace;

/// A question about a trace.
type Question = fn(&Recording, &Trace) -> anyhow::Result<()>;

/// Every question, and how its trials are called.
const QUESTIONS: [(&str, Question); 9] = [
    ("is judged as its scenario says", outcome::is_as_expected),
    (
        "is printed alike by `rollguard replay`",
        outcome::is_told_by_the_command,
    ),
    ("names its cause at once", outcome::names_its_cause_early),
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
    let recordings = match recordings() {
        Ok(recordings) => recordings,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let trials = recordings
        .iter()
        .flat_map(|recording| QUESTIONS.map(|(says, ask)| trial(recording, says, ask)))
        .chain(upkeep::trials())
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(recording: &Recording, says: &str, ask: Question) -> Trial {
    let recording = recording.clone();
    Trial::test(format!("{} {says}", recording.name()), move || {
        let asked = || ask(&recording, &Trace::parse(&traces::text(recording.name())?)?);
        asked().map_err(|error| Failed::from(format!("{error:#}")))
    })
}
