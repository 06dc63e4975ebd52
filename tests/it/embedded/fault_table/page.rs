//! The tables of `docs/faults.md`: compared, or written where `UPDATE_EXPECT` is set.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};

use super::Cell;
use super::command::Word;

/// Writes the tables instead of comparing them.
const UPDATE: &str = "UPDATE_EXPECT";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md");

/// Several trials write into one file.
static WRITING: Mutex<()> = Mutex::new(());

/// The steps with their cells; none where a cell was not tried.
type Columns<'a> = [(&'a str, &'a [Option<Cell>])];

/// Returns whether the tables are written.
pub(super) fn is_written() -> bool {
    std::env::var_os(UPDATE).is_some()
}

/// One line for each fault, one column for each step; cells that were not tried are as on the page.
fn table(says: &[&str], columns: &Columns<'_>, present: &str) -> String {
    let heads: Vec<&str> = columns.iter().map(|(step, _)| *step).collect();
    let mut text = format!(
        "| fault | {} |\n|{}\n",
        heads.join(" | "),
        " --- |".repeat(heads.len() + 1)
    );
    for (line, says) in says.iter().enumerate() {
        let begin = format!("| {says} | ");
        let known = present.lines().find_map(|it| it.strip_prefix(&begin));
        let known: Vec<&str> = known.into_iter().flat_map(|it| it.split('|')).collect();
        let cell = |(column, (_, cells)): (usize, &(&str, &[Option<Cell>]))| {
            let known = known.get(column).map_or("", |it| it.trim());
            match cells.get(line).copied().flatten() {
                Some(cell) => word(cell),
                None => known,
            }
        };
        let cells: Vec<&str> = columns.iter().enumerate().map(cell).collect();
        let _ = writeln!(text, "{begin}{} |", cells.join(" | "));
    }
    text
}

const fn word(cell: Cell) -> &'static str {
    match cell {
        Cell::NotMet => "·",
        Cell::Ended(Word::Right) => "=",
        Cell::Ended(Word::CannotTell) => "?",
        Cell::Ended(Word::Error) => "error",
        Cell::Ended(Word::Wrong) => "wrong",
    }
}

/// Compares a table with the one on the page.
pub(super) fn is_current(name: &str, says: &[&str], columns: &Columns<'_>) -> Result<()> {
    let _turn = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let page = Path::new(PAGE);
    let text = std::fs::read_to_string(page).context("failed to read docs/faults.md")?;
    let begin = format!("<!-- table: {name} -->\n");
    let (head, rest) = text
        .split_once(&begin)
        .with_context(|| format!("no table `{name}`"))?;
    let (present, tail) = rest
        .split_once("<!-- end -->")
        .context("a table without an end")?;
    let table = table(says, columns, present);
    if present == table {
        return Ok(());
    }
    ensure!(
        is_written(),
        "docs/faults.md differs for `{name}`; with {UPDATE}=1 it is written:\n{table}"
    );
    Ok(std::fs::write(
        page,
        format!("{head}{begin}{table}<!-- end -->{tail}"),
    )?)
}
