//! The templates that are compiled into the program.

/// Every shipped template: its path below `templates/`, and its text.
pub const SHIPPED: &[(&str, &str)] = &[(
    STAGE_PATH,
    include_str!("../../../templates/stages/aks-health-and-rollback.yml"),
)];

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
