//! The document of `explain --output json`.

use serde::Serialize;

use super::Explanation;
use crate::finding::FindingCode;
use crate::finding::RollbackHelps;
use crate::policy::Policy;
use crate::report::without_markers;

/// The version of the document; it rises when a reader would have to change.
pub const EXPLANATION_SCHEMA_VERSION: u32 = 1;

/// The knowledge about some codes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplanationDocument {
    /// The version of this form; it rises when a reader would have to change.
    pub schema_version: u32,
    /// The codes: the one that was asked for, or all.
    pub codes: Vec<ExplainedCode>,
}

/// The knowledge about a code.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedCode {
    /// The code.
    pub code: FindingCode,
    /// Its meaning.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// The command that shows more.
    pub look: &'static str,
    /// Whether a rollback helps.
    pub rollback_helps: RollbackHelps,
    /// Why it does or does not.
    pub rollback_why: &'static str,
    /// How long it must have lasted to fail a check, in seconds; absent if it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decides_after_seconds: Option<u64>,
    /// How often it must have happened; absent if it never fails a check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decides_after_attempts: Option<u32>,
    /// The same in words.
    pub decides: String,
    /// The reason for these numbers.
    pub decides_why: &'static str,
    /// The longest time after which it is known to have healed; empty where it never decides.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub longest_healing: String,
    /// The signals that it is read from.
    pub signals: &'static str,
}

impl ExplanationDocument {
    /// Returns what is known about these codes under these thresholds.
    #[must_use]
    pub fn new(codes: &[FindingCode], policy: &Policy) -> Self {
        let codes = codes.iter().map(|code| {
            let explanation = Explanation::of(*code, policy);
            let rule = policy.rule(*code).filter(|it| !it.only_suspect());
            ExplainedCode {
                code: *code,
                meaning: code.describe(),
                remedy: code.usual_remedy(),
                look: code.look().command(),
                rollback_helps: code.rollback_helps(),
                rollback_why: code.rollback_why(),
                decides_after_seconds: rule.map(|it| it.grace.as_secs()),
                decides_after_attempts: rule.map(|it| it.attempts.max(1)),
                decides: explanation.terminal,
                decides_why: explanation.why,
                longest_healing: explanation.healing,
                signals: code.signals(),
            }
        });
        Self {
            schema_version: EXPLANATION_SCHEMA_VERSION,
            codes: codes.collect(),
        }
    }

    /// Returns the document as JSON that no log parser can take for a command.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(without_markers(&serde_json::to_string_pretty(self)?))
    }
}
