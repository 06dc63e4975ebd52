//! Guards rolling migrations of a database schema.
//!
//! A pod template declares the schema version that its code writes, and the oldest version whose
//! code may still run with that schema. A rollback runs old code with a schema that newer revisions
//! may have migrated.

use super::finding::{PreflightCode, PreflightFinding};
use crate::history::{Entry, History};
use crate::rollback::Allowed;

/// The schema version that a revision writes, a whole number; 0 by default.
pub const SCHEMA_VERSION: &str = "rollguard.dev/schema-version";
/// The oldest schema version whose code may run with this revision's schema; by default, the same
/// version only.
pub const SCHEMA_COMPATIBLE_FROM: &str = "rollguard.dev/schema-compatible-from";

/// The schema declaration of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schema {
    version: u64,
    /// `None` if the revision declares nothing.
    compatible_from: Option<u64>,
}

/// Returns the findings about going back to a revision. Every revision newer than the target counts: each
/// may have migrated before it failed.
pub(super) fn findings(
    history: &History,
    to: &Entry<'_>,
    allowed: Allowed,
) -> Vec<PreflightFinding> {
    let mut found = Vec::new();
    let target = match read(to) {
        Ok(target) => target.version,
        Err(message) => return vec![finding_of(message, allowed)],
    };
    let mut worst: Option<(u64, Entry<'_>)> = None;
    for entry in history.entries().filter(|it| ran_after(it, to)) {
        match read(&entry) {
            Ok(Schema {
                compatible_from: Some(from),
                ..
            }) => {
                if target < from && worst.as_ref().is_none_or(|(known, _)| *known < from) {
                    worst = Some((from, entry));
                }
            }
            Ok(Schema {
                compatible_from: None,
                ..
            }) => {}
            Err(message) => found.push(finding_of(message, allowed)),
        }
    }
    if let Some((from, entry)) = worst {
        let message = format!(
            "revision {} writes a schema that only code of schema version {from} or newer can work with; the target, revision {}, has version {target}",
            entry.revision(),
            to.revision()
        );
        let code = PreflightCode::SchemaIncompatible;
        found.push(PreflightFinding::refusal_unless(
            allowed.schema_downgrade,
            code,
            message,
        ));
    }
    found
}

/// Returns whether a revision may have run after the target was last in use: numbers rise with each
/// use.
fn ran_after(entry: &Entry<'_>, to: &Entry<'_>) -> bool {
    entry.uid() != to.uid() && entry.revision() > to.revision()
}

fn finding_of(message: String, allowed: Allowed) -> PreflightFinding {
    let code = PreflightCode::SchemaUnreadable;
    PreflightFinding::refusal_unless(allowed.schema_downgrade, code, message)
}

fn read(entry: &Entry<'_>) -> Result<Schema, String> {
    let number = |name: &str| match entry.template_annotation(name) {
        None => Ok(None),
        Some(text) => text.trim().parse::<u64>().map(Some).map_err(|_| {
            let revision = entry.revision();
            format!("annotation `{name}` of revision {revision} is `{text}`, not a whole number")
        }),
    };
    let (version, from) = (number(SCHEMA_VERSION)?, number(SCHEMA_COMPATIBLE_FROM)?);
    Ok(Schema {
        version: version.unwrap_or_default(),
        compatible_from: from.or(version),
    })
}
