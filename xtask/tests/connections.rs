//! The tests that `docs/connections.md` names exist.

mod named_tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

fn root() -> Result<&'static Path> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().context("xtask has a parent")
}

#[test]
fn every_test_that_the_matrix_names_exists() -> Result<()> {
    let root = root()?;
    let text = fs::read_to_string(root.join("docs/connections.md"))?;
    let (_, matrix) = text
        .split_once("## Shown by tests")
        .context("no section with the tests")?;
    let named = named_tests::check(root, matrix)?;
    ensure!(named > 20, "{named} tests");
    Ok(())
}

#[test]
fn every_cell_of_the_matrix_has_a_test_or_a_reason() -> Result<()> {
    let text = fs::read_to_string(root()?.join("docs/connections.md"))?;
    let (_, matrix) = text
        .split_once("## Shown by tests")
        .context("no section with the tests")?;
    let rows: Vec<&str> = matrix.lines().filter(|it| it.starts_with("| ")).collect();
    ensure!(rows.len() > 15, "{rows:?}");
    for row in rows {
        let cells = row.trim_matches('|').split('|');
        for cell in cells {
            ensure!(!cell.trim().is_empty(), "an empty cell: {row}");
        }
    }
    Ok(())
}
