//! The command line. What a command shares with the task is declared in `rollguard_agent::inputs`.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, Command};

mod commands;
pub(crate) mod completions;
mod examples;
mod inputs;
mod options;
mod verbs;
mod version;

pub(crate) use inputs::{raw_cluster, raw_inputs};
pub(crate) use options::CONNECTION;
pub(crate) use verbs::misplaced;
pub(crate) use version::{document as version_document, request as version_request};

/// Flags that say yes to something: never the answer to a slip.
const CONSENTS: &[&str] = &[
    "--force",
    "--allow",
    "--no-",
    "--yes",
    "--approve",
    "--use-cluster-admin",
];

/// Understands a command line.
pub(crate) fn parse(arguments: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let parsed = command().try_get_matches_from(arguments);
    parsed.map_err(|mut error| {
        let tip = error.get(ContextKind::SuggestedArg);
        if let Some(ContextValue::String(tip)) = tip
            && CONSENTS.iter().any(|it| tip.starts_with(it))
        {
            error.remove(ContextKind::SuggestedArg);
            // It names the flag as well.
            error.remove(ContextKind::Usage);
        }
        error
    })
}

/// The whole command line, with examples and an address in the help of every command.
pub(crate) fn command() -> Command {
    examples::explained(commands::root())
}

#[cfg(test)]
mod tests;
