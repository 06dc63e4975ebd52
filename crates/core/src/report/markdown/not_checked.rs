//! The page of a run that came to no report.

use crate::report::document::NotChecked;
use crate::report::not_checked::{Aim, heading, not_checked_lines};

/// The page as Markdown. Nothing in foreign text is markup.
#[must_use]
pub fn not_checked_markdown(failure: &NotChecked, aim: &Aim) -> String {
    super::first_block(
        &heading(failure.outcome, aim),
        &not_checked_lines(failure, aim),
    )
}
