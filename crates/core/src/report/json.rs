//! The report as one JSON document.

use super::Report;

/// The report as JSON that no log parser can take for a command: `#` is written as `\u0023`, which
/// every JSON reader turns back.
///
/// # Errors
/// When the report cannot be written as JSON.
pub fn to_json(report: &Report) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(report)?.replace('#', "\\u0023"))
}
