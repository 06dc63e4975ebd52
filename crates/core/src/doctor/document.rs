//! The findings for programs: one JSON document.

use serde::Serialize;

#[cfg(feature = "schema")]
use super::SCHEMA_VERSION;
use super::{Answer, Diagnosis, Fact, Problem, Reviewed};
use crate::permission::{Command, Need, Permission};

/// The JSON document of `doctor`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The version of this form; it rises when a reader would have to change.
    pub schema_version: u32,
    /// Whether the stage would work.
    pub diagnosis: Diagnosis,
    /// The exit code of the process, which says the same.
    pub exit_code: u8,
    /// The outcome in one sentence.
    pub sentence: String,
    /// The commands that were asked for.
    pub commands: Vec<Command>,
    /// The namespace.
    pub namespace: String,
    /// What was found about the connection.
    pub facts: Vec<Fact>,
    /// Each permission, with the answer of the API server.
    pub permissions: Vec<PermissionAnswer>,
    /// Why the cluster could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The Role and its binding, as YAML to apply, where a permission is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The command that grants it instead, on a cluster with Azure RBAC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_assignment: Option<String>,
}

impl Document {
    /// Renders the document as JSON that no log parser can take for a command.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(crate::report::without_markers(
            &serde_json::to_string_pretty(self)?,
        ))
    }
}

/// A permission in the JSON document.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PermissionAnswer {
    /// The permission.
    #[serde(flatten)]
    pub permission: Permission,
    /// How much depends on it.
    pub need: Need,
    /// The commands on which it has this effect.
    pub commands: Vec<Command>,
    /// Its purpose, and the effect of a refusal.
    pub why: &'static str,
    /// The answer of the API server.
    #[serde(flatten)]
    pub answer: Answer,
}

impl PermissionAnswer {
    pub(super) fn of(reviewed: &Reviewed) -> Self {
        Self {
            permission: reviewed.used.permission,
            need: reviewed.used.need(),
            commands: reviewed.used.commands(),
            why: reviewed.used.why(),
            answer: reviewed.answer.clone(),
        }
    }
}

/// The JSON schema of [`Document`], draft 2020-12.
#[cfg(feature = "schema")]
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    if let Some(members) = schema.as_object_mut() {
        let id = format!("https://rollguard.dev/doctor/v{SCHEMA_VERSION}.json");
        members.insert("$id".to_owned(), id.into());
        members.insert("title".to_owned(), "rollguard doctor --output json".into());
    }
    crate::report::document::for_readers(&mut schema);
    schema
}
