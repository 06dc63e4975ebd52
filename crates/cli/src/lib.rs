//! The shell of rollguard: arguments, environment, the one async loop, the one printer.
//!
//! The library exists for the tests that run a check or a rollback in virtual time; users have the
//! binary.

mod args;
mod bounded;
pub mod cancel;
mod completion;
mod connect;
mod connection_options;
pub mod console;
mod dispatch;
mod drive;
mod environment;
pub mod failure;
mod output_form;
mod prompt;
pub mod recorder;
pub mod run;
mod status;
pub mod status_area;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

pub use args::completions::{SHELLS, command_line, script};
use environment::Environment;

/// Runs the process from its arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let environment = Environment::of_process();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let Ok(runtime) = builder.worker_threads(2).enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let outcome = runtime.block_on(dispatch::dispatch(Environment::arguments(), &environment));
    // A thread that still waits for an answer at the terminal must not hold up the end.
    runtime.shutdown_background();
    ExitCode::from(outcome.exit_code())
}
