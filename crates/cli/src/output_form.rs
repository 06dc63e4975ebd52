//! The forms in which a command writes its result to stdout.

use std::ffi::OsString;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use rollguard_core::report::{Report, to_json};

use crate::console::Console;
use crate::failure::Failure;
use crate::run::doctor::Examined;

/// The form that `--output` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OutputForm {
    /// Lines for people, on stdout.
    #[default]
    Human,
    /// One JSON document on stdout; lines for people go to stderr.
    Json,
}

impl ValueEnum for OutputForm {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Human, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Human => "human",
            Self::Json => "json",
        }))
    }
}

impl OutputForm {
    /// Reads the form from a command line that cannot be parsed: a program that asks for JSON gets a
    /// document even so.
    pub(crate) fn of_broken_command_line(arguments: &[OsString]) -> Self {
        let words: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
        let apart = words.windows(2).any(|pair| {
            let [flag, form] = pair else { return false };
            matches!(flag.as_ref(), "-o" | "--output") && form == "json"
        });
        let joined = ["-ojson", "-o=json", "--output=json"];
        if apart || words.iter().any(|it| joined.contains(&it.as_ref())) {
            Self::Json
        } else {
            Self::Human
        }
    }

    /// Returns whether stdout is for a program, so that lines for people go to stderr.
    pub(crate) const fn is_for_programs(self) -> bool {
        match self {
            Self::Human => false,
            Self::Json => true,
        }
    }

    /// Writes a report. People have read it already, line by line.
    ///
    /// # Errors
    /// When the report cannot be written as JSON.
    pub(crate) fn write_report(
        self,
        report: &Report,
        console: &mut Console,
    ) -> Result<(), Failure> {
        match self {
            Self::Human => {}
            Self::Json => console.document(&to_json(report).map_err(anyhow::Error::from)?),
        }
        Ok(())
    }

    /// Writes what a doctor found. People have read it already.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn write_examined(
        self,
        examined: &Examined,
        console: &mut Console,
    ) -> Result<(), Failure> {
        match self {
            Self::Human => {}
            Self::Json => {
                let document = examined.findings.document(examined.outcome.exit_code());
                console.document(&document.to_json().map_err(anyhow::Error::from)?);
            }
        }
        Ok(())
    }

    /// Writes why there is no report.
    pub(crate) fn write_failure(self, failure: &Failure, console: &mut Console) {
        match self {
            Self::Human => {}
            Self::Json => {
                if let Ok(document) = failure.to_json() {
                    console.document(&document);
                }
            }
        }
    }
}
