//! The report as one JSON document.

use super::Report;

/// The report as JSON that no log parser can take for a command.
///
/// # Errors
/// When the report cannot be written as JSON.
pub fn to_json(report: &Report) -> Result<String, serde_json::Error> {
    Ok(without_markers(&serde_json::to_string_pretty(report)?))
}

/// JSON with `#` written as `\u0023`, which every JSON reader turns back: a log parser would take
/// `##` in it for a command.
#[must_use]
pub fn without_markers(json: &str) -> String {
    json.replace('#', "\\u0023")
}
