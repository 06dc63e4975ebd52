//! The version, and what this program was built from.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::options::output;
use crate::output_form::OutputForm;

/// The version with the commit in short, for people.
pub(super) const SHORT: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("ROLLGUARD_BUILT_FROM_SHORT"),
    ")"
);

/// The version of the document; it rises when a reader would have to change.
const SCHEMA_VERSION: u32 = 1;

/// Understands `--version` beside `--output` and nothing else; `None` for every other command line.
pub(crate) fn request(arguments: &[OsString]) -> Option<Result<OutputForm, clap::Error>> {
    let options = arguments.get(1..).unwrap_or_default();
    let is_asked = options.iter().any(|it| it == "--version" || it == "-V");
    let has_command = options
        .first()
        .is_none_or(|it| !it.to_string_lossy().starts_with('-'));
    if !is_asked || has_command {
        return None;
    }
    let parsed = command().try_get_matches_from(arguments);
    let form = |it: ArgMatches| it.get_one("output").copied().unwrap_or_default();
    Some(parsed.map(form))
}

fn command() -> Command {
    Command::new("rollguard")
        .disable_version_flag(true)
        .arg(
            Arg::new("version")
                .long("version")
                .short('V')
                .action(ArgAction::SetTrue)
                .help("Print the version"),
        )
        .arg(output(OutputForm::OF_ANSWER))
}

/// Returns the version in a form.
pub(crate) fn document(form: OutputForm) -> String {
    if form == OutputForm::Human {
        return format!("rollguard {SHORT}");
    }
    let document = json!({
        "schemaVersion": SCHEMA_VERSION,
        "version": env!("CARGO_PKG_VERSION"),
        "commit": env!("ROLLGUARD_BUILT_FROM"),
        "target": env!("ROLLGUARD_BUILT_FOR"),
        "rustc": env!("ROLLGUARD_BUILT_BY"),
    });
    format!("{document:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Option<Result<OutputForm, clap::Error>> {
        let words = line.split_whitespace().map(OsString::from);
        request(&words.collect::<Vec<_>>())
    }

    #[test]
    fn the_version_is_asked_for_in_a_form_and_in_any_order() {
        let rows = [
            ("rollguard --version", Some(OutputForm::Human)),
            ("rollguard -V", Some(OutputForm::Human)),
            ("rollguard --version -o json", Some(OutputForm::Json)),
            ("rollguard -o json --version", Some(OutputForm::Json)),
            ("rollguard --version --output=json", Some(OutputForm::Json)),
            ("rollguard check --version", None),
            ("rollguard -o json", None),
            ("rollguard", None),
        ];
        for (line, expected) in rows {
            assert_eq!(asked(line).map(Result::unwrap), expected, "{line}");
        }
        for wrong in [
            "rollguard --version -o xml",
            "rollguard --version deployment/web",
        ] {
            assert!(asked(wrong).unwrap().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_document_says_what_the_program_was_built_from() {
        let document: serde_json::Value =
            serde_json::from_str(&document(OutputForm::Json)).unwrap();
        assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document["schemaVersion"], 1);
        for field in ["commit", "target", "rustc"] {
            let text = document[field].as_str().unwrap();
            assert!(!text.is_empty(), "{document}");
        }
        assert!(document["target"].as_str().unwrap().contains('-'));
    }

    #[test]
    fn a_build_without_a_commit_says_that_it_is_one_of_the_source() {
        assert!(!SHORT.contains("unknown"), "{SHORT}");
    }
}
