//! Renders a report: lines for people, and documents for programs.
//!
//! No document has two number signs in a row, which an agent would take for a command, or a character that cannot be
//! seen.

mod json;
mod junit;
mod markdown;
mod pieces;
mod prediction;
mod sarif;
mod text;
mod writer;

pub use junit::junit;
pub use markdown::{markdown, markdown_page};
pub use prediction::{
    Origin, Placed, Predicted, add_to_json, add_to_junit, add_to_markdown, add_to_sarif,
    forecast_line, prediction_lines, severity_of,
};
pub use text::{finding_lines, finding_lines_with_suggestions, summary_line};
pub use writer::{DocumentWriter, json, sarif};

#[cfg(test)]
mod tests;
