//! `rollguard explain`: what a code means and what to do.

use rollguard_agent::Outcome;
use rollguard_core::finding::FindingCode;
use rollguard_core::policy::Policy;
use rollguard_core::report::{Explanation, Line, Style};

use crate::console::Console;
use crate::failure::Failure;

/// Explains one code, or lists all.
pub(crate) fn explain(code: Option<&str>, console: &mut Console) -> Result<Outcome, Failure> {
    let Some(code) = code else {
        let widest = FindingCode::ALL.iter().map(|it| it.as_str().len()).max();
        let width = widest.unwrap_or_default();
        console.lines(
            &FindingCode::ALL
                .iter()
                .map(|it| {
                    Line::styled(Style::Strong, format!("{:width$}", it.as_str()))
                        .then(Style::Plain, format!("  {}", it.describe()))
                })
                .collect::<Vec<_>>(),
        );
        return Ok(Outcome::Succeeded);
    };
    let code = FindingCode::parse(code)
        .map_err(|error| Failure::new(Outcome::BadInput, error.to_string()))?;
    console.lines(&Explanation::of(code, &Policy::default()).lines());
    Ok(Outcome::Succeeded)
}
