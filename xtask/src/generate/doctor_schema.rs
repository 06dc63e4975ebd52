//! `docs/doctor.schema.json`: what `doctor --output json` prints.

use anyhow::Result;
use rollguard_core::doctor;

pub(super) fn render(_present: &str) -> Result<String> {
    Ok(serde_json::to_string_pretty(&doctor::schema())? + "\n")
}
