//! `docs/rollback.schema.json`: what `rollback --output json` prints, for those who read it with a program.

use anyhow::Result;
use rollguard_core::report::rollback_schema;

pub(super) fn render(_present: &str) -> Result<String> {
    Ok(serde_json::to_string_pretty(&rollback_schema())? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_a_name_a_version_and_a_word_about_everything() {
        let schema = rollback_schema();
        let id = schema["$id"].as_str().unwrap();
        assert!(id.ends_with("/rollback/v1.json"), "{id}");
        let version = &schema["$defs"]["RollbackDocument"]["properties"]["schemaVersion"];
        assert_eq!(version["const"], 1);
        let text = render("").unwrap();
        assert!(
            !text.contains("[`"),
            "a link of rustdoc means nothing to its reader"
        );
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            assert!(definition["description"].is_string(), "{name}");
        }
    }
}
