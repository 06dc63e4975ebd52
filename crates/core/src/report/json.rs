//! The report as one JSON document.

use serde_json::Value;

use super::{Report, headline};
use crate::approval::{Approval, ApprovalError};
use crate::verdict::VerdictKind;

/// The report as JSON that no log parser can take for a command.
///
/// # Errors
/// When the report cannot be written as JSON.
pub fn to_json(report: &Report) -> Result<String, serde_json::Error> {
    let mut report = report.clone();
    report.headline = headline(&report);
    Ok(without_markers(&serde_json::to_string_pretty(&report)?))
}

/// JSON with `#` written as `\u0023`, which every JSON reader turns back: a log parser would take
/// `##` in it for a command.
#[must_use]
pub fn without_markers(json: &str) -> String {
    json.replace('#', "\\u0023")
}

/// Reads the approval that a check hands over: as [`Approval::to_json`] wrote it, or in the JSON
/// report of a check that proposes a rollback.
///
/// # Errors
/// When the text is neither, or of another version.
pub fn parse_approval(json: &str) -> Result<Approval, ApprovalError> {
    let value: Value = serde_json::from_str(json).map_err(ApprovalError::Json)?;
    let is_report = value.get("schemaVersion").is_some();
    let evidence = match value.pointer("/rollback/evidence") {
        Some(evidence) => evidence.clone(),
        None if is_report => {
            let word = |field| value.get(field).and_then(Value::as_str);
            let ended = word("verdict").or_else(|| word("outcome"));
            return Err(ApprovalError::NothingProposed {
                ended: ended.unwrap_or("unknown").to_owned(),
                verdict: word("verdict").and_then(VerdictKind::parse),
            });
        }
        None => value,
    };
    Approval::from_value(evidence)
}
