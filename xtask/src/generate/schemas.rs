//! The JSON Schemas in `docs/`: what commands print with `--output json`, for those who read it with a program.

use anyhow::Result;
use rollguard_core::doctor;
use rollguard_core::report::{document, rollback_schema};
use serde_json::Value;

/// Returns `docs/doctor.schema.json`.
pub(super) fn doctor(_present: &str) -> Result<String> {
    pretty(&doctor::schema())
}

/// Returns `docs/report.schema.json`.
pub(super) fn report(_present: &str) -> Result<String> {
    pretty(&document::schema())
}

/// Returns `docs/rollback.schema.json`.
pub(super) fn rollback(_present: &str) -> Result<String> {
    pretty(&rollback_schema())
}

fn pretty(schema: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_a_name_and_a_word_about_everything() {
        for (schema, name) in [
            (document::schema(), "/report/v2.json"),
            (rollback_schema(), "/rollback/v1.json"),
        ] {
            let id = schema["$id"].as_str().unwrap();
            assert!(id.ends_with(name), "{id}");
            assert_eq!(
                schema["$schema"],
                "https://json-schema.org/draft/2020-12/schema"
            );
            assert!(
                !pretty(&schema).unwrap().contains("[`"),
                "a link of rustdoc means nothing to its reader"
            );
            for (name, definition) in schema["$defs"].as_object().unwrap() {
                assert!(definition["description"].is_string(), "{id}: {name}");
            }
        }
    }

    #[test]
    fn the_document_of_a_rollback_has_a_version() {
        let schema = rollback_schema();
        let version = &schema["$defs"]["RollbackDocument"]["properties"]["schemaVersion"];
        assert_eq!(version["const"], 1);
    }
}
