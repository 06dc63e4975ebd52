//! The documents of `--output json`: the [`Report`] of a check, or [`NotChecked`]
//! where there was none.
//!
//! A document always agrees with the exit code. Only a check that came to a verdict has the key
//! `verdict`; bad input, failed sign-in and an unreachable cluster say nothing about the rollout.

use serde::{Deserialize, Serialize};

use crate::report::{Report, SCHEMA_VERSION, without_markers};
#[cfg(feature = "schema")]
use crate::verdict::VerdictKind;

/// One document on stdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Document {
    /// The rollout was followed to a verdict.
    Report(Box<Report>),
    /// It was not.
    NotChecked(NotChecked),
}

/// Why a check came to no report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NotChecked {
    /// The version of this form; it rises when a reader would have to change.
    pub schema_version: u32,
    /// How the command ended.
    pub outcome: Ending,
    /// The exit code of the process, which says the same.
    pub exit_code: u8,
    /// There only where the rollout cannot be seen, which is a verdict: exit code 12.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<OnlyUndetermined>,
    /// All that is wrong, in one line.
    pub sentence: String,
    /// All errors, one entry each.
    pub messages: Vec<String>,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

/// How a command ends that came to no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// A defect in rollguard, or something no one thought of: exit code 1.
    Unexpected,
    /// An argument or input is missing or wrong: exit code 2.
    BadInput,
    /// Signing in failed: exit code 3.
    Credentials,
    /// The cluster cannot be reached: exit code 4.
    Unreachable,
    /// The rollout cannot be seen: exit code 12.
    Undetermined,
    /// The user or the agent canceled: exit code 130.
    Cancelled,
}

/// The one verdict that needs no look at the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum OnlyUndetermined {
    /// It cannot be seen. Never a reason to roll back.
    Undetermined,
}

impl NotChecked {
    /// Makes the document of a command that ended so.
    #[must_use]
    pub fn new(outcome: Ending, exit_code: u8, messages: &[String]) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            outcome,
            exit_code,
            verdict: (outcome == Ending::Undetermined).then_some(OnlyUndetermined::Undetermined),
            sentence: messages.join("; "),
            messages: messages.to_vec(),
            hint: None,
        }
    }

    /// With what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The document as JSON that no log parser can take for a command.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(without_markers(&serde_json::to_string_pretty(self)?))
    }
}

/// The verdicts of a report, which is never about a rollout that goes on.
#[cfg(feature = "schema")]
const VERDICTS: [VerdictKind; 5] = [
    VerdictKind::Succeeded,
    VerdictKind::Failed,
    VerdictKind::TimedOut,
    VerdictKind::Undetermined,
    VerdictKind::Superseded,
];

/// The JSON schema of [`Document`], draft 2020-12.
#[cfg(feature = "schema")]
#[must_use]
pub fn schema() -> serde_json::Value {
    let schema = schemars::schema_for!(Document).to_value();
    let name = ("report", "rollguard --output json");
    completed(schema, name, SCHEMA_VERSION)
}

/// Sets a key of a part of a schema, if that part exists.
#[cfg(feature = "schema")]
pub(super) fn insert(
    schema: &mut serde_json::Value,
    at: &str,
    key: &str,
    value: serde_json::Value,
) {
    if let Some(members) = schema.pointer_mut(at).and_then(|it| it.as_object_mut()) {
        members.insert(key.to_owned(), value);
    }
}

/// Adds what the types of the code leave open, and words for readers.
#[cfg(feature = "schema")]
pub(super) fn completed(
    mut schema: serde_json::Value,
    (name, title): (&str, &str),
    version: u32,
) -> serde_json::Value {
    let id = format!("https://rollguard.dev/{name}/v{version}.json");
    insert(&mut schema, "", "$id", id.into());
    insert(&mut schema, "", "title", title.into());
    let of_time = "A length of time, in seconds and nanoseconds.".into();
    insert(&mut schema, "/$defs/Duration", "description", of_time);
    // What the types leave open: in the code it is any number, any word.
    for document in ["Report", "NotChecked"] {
        let version = format!("/$defs/{document}/properties/schemaVersion");
        insert(&mut schema, &version, "const", SCHEMA_VERSION.into());
    }
    let version = "/$defs/Handover/properties/version";
    let of_handover = crate::approval::VERSION.into();
    insert(&mut schema, version, "const", of_handover);
    // Where one of several has failed, the others may still be under way.
    let each = VERDICTS.into_iter().chain([VerdictKind::Progressing]);
    for (part, verdicts) in [
        ("Report", VERDICTS.to_vec()),
        ("WorkloadReport", each.collect()),
    ] {
        let words: Vec<&str> = verdicts.into_iter().map(VerdictKind::as_str).collect();
        let verdict = format!("/$defs/{part}/properties/verdict");
        insert(&mut schema, &verdict, "enum", words.into());
    }
    for_readers(&mut schema);
    schema
}

/// The links and line breaks of rustdoc mean nothing to a reader of the schema.
#[cfg(feature = "schema")]
pub(crate) fn for_readers(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Value::String(text) = member
                    && name == "description"
                {
                    *text = text
                        .replace("[`", "`")
                        .replace("`]", "`")
                        .replace('\n', " ");
                } else {
                    for_readers(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(for_readers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_seen_is_a_verdict() {
        for (ending, verdict) in [
            (Ending::BadInput, None),
            (Ending::Credentials, None),
            (Ending::Unreachable, None),
            (Ending::Undetermined, Some(OnlyUndetermined::Undetermined)),
        ] {
            assert_eq!(NotChecked::new(ending, 2, &[]).verdict, verdict);
        }
    }

    #[test]
    fn a_document_is_read_back_as_what_it_is() {
        let messages = ["a ##vso[x] b".to_owned(), "c".to_owned()];
        let document = NotChecked::new(Ending::BadInput, 2, &messages).hint(Some("d".to_owned()));
        let json = document.to_json().unwrap();
        assert!(!json.contains('#'), "{json}");
        let read: Document = serde_json::from_str(&json).unwrap();
        assert_eq!(read, Document::NotChecked(document.clone()));
        assert_eq!(document.sentence, "a ##vso[x] b; c");
    }
}
