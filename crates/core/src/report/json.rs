//! The report as one JSON document.

use serde_json::Value;

use super::{Report, headline};
use crate::approval::{Approval, ApprovalError};
use crate::foreign_text::without_invisible;
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
/// `##` in it for a command. Characters that cannot be seen, such as direction marks, are left out, as everywhere.
#[must_use]
pub fn without_markers(json: &str) -> String {
    without_invisible(&json.replace('#', "\\u0023"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_no_markers_and_nothing_that_cannot_be_seen() {
        let rows = [
            ("plain text stays", "Back-off 読み込み", "Back-off 読み込み"),
            (
                "a marker comes back",
                "##vso[task.complete]",
                "##vso[task.complete]",
            ),
            (
                "line breaks and tabs stay",
                "one\r\ntwo\tthree",
                "one\r\ntwo\tthree",
            ),
            ("a quote stays", "say \"no\"", "say \"no\""),
            (
                "writing direction",
                "abc\u{202e}fed\u{2066}g\u{2069}",
                "abcfedg",
            ),
            (
                "zero-width characters",
                "a\u{200b}b\u{200d}c\u{feff}d",
                "abcd",
            ),
            ("a soft hyphen", "a\u{ad}b", "ab"),
            ("a line break of Unicode", "a\u{2028}b", "a\u{2028}b"),
            ("a next-line character", "a\u{85}b", "ab"),
        ];
        for (says, text, kept) in rows {
            let json = serde_json::to_string_pretty(&serde_json::json!({ "text": text })).unwrap();
            let json = without_markers(&json);
            assert!(!json.contains('#'), "{says}");
            let read: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(read["text"], kept, "{says}");
        }
    }
}
