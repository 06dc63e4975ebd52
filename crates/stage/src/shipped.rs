//! The templates that are compiled into the program.

use crate::error::TemplateError;
use crate::template::Template;

/// Every shipped template: its path below `templates/`, and its text.
pub const SHIPPED: &[(&str, &str)] = &[
    (
        STAGE_PATH,
        include_str!("../../../templates/stages/aks-health-and-rollback.yml"),
    ),
    (
        "jobs/guarded-rollout.yml",
        include_str!("../../../templates/jobs/guarded-rollout.yml"),
    ),
    (
        "steps/check.yml",
        include_str!("../../../templates/steps/check.yml"),
    ),
    (
        "steps/rollback.yml",
        include_str!("../../../templates/steps/rollback.yml"),
    ),
    (
        "steps/lint.yml",
        include_str!("../../../templates/steps/lint.yml"),
    ),
    (
        "extends/guarded-deployment.yml",
        include_str!("../../../templates/extends/guarded-deployment.yml"),
    ),
];

/// The path of the stage template in [`SHIPPED`].
pub const STAGE_PATH: &str = "stages/aks-health-and-rollback.yml";

/// The text of the shipped template at `path`.
#[must_use]
pub fn shipped(path: &str) -> Option<&'static str> {
    SHIPPED
        .iter()
        .find(|(known, _)| *known == path)
        .map(|(_, text)| *text)
}

/// The shipped stage, which refers to the other shipped templates.
///
/// # Errors
/// None in what is released: a test reads it.
pub fn shipped_stage() -> Result<Template, TemplateError> {
    let text = shipped(STAGE_PATH).unwrap_or_default();
    Ok(Template::parse(STAGE_PATH, text)?.among(SHIPPED.iter().copied()))
}
