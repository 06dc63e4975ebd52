//! `rollguard explain`: what a code means and what to do.

use rollguard_agent::Outcome;
use rollguard_core::finding::FindingCode;
use rollguard_core::policy::Policy;
use rollguard_core::report::{Explanation, ExplanationDocument, Line, Style};

use crate::console::Console;
use crate::failure::Failure;
use crate::output_form::OutputForm;

/// Explains one code, or lists all.
pub(crate) fn explain(
    code: Option<&str>,
    form: OutputForm,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    let code = code.map(FindingCode::parse).transpose();
    let code = code.map_err(|error| Failure::new(Outcome::BadInput, error.to_string()))?;
    let policy = Policy::default();
    if form.is_for_programs() {
        let one = code.as_ref().map(std::slice::from_ref);
        let document = ExplanationDocument::new(one.unwrap_or(FindingCode::ALL), &policy);
        console.document(&document.to_json().map_err(anyhow::Error::from)?);
        return Ok(Outcome::Succeeded);
    }
    match code {
        Some(code) => console.lines(&Explanation::of(code, &policy).lines()),
        None => console.lines(&all()),
    }
    Ok(Outcome::Succeeded)
}

/// Every code with its meaning, one line each.
fn all() -> Vec<Line> {
    let widest = FindingCode::ALL.iter().map(|it| it.as_str().len()).max();
    let width = widest.unwrap_or_default();
    let lines = FindingCode::ALL.iter().map(|it| {
        Line::styled(Style::Strong, format!("{:width$}", it.as_str()))
            .then(Style::Plain, format!("  {}", it.describe()))
    });
    lines.collect()
}
