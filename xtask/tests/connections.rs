//! The tests that `docs/connections.md` names exist.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Returns the code spans of the form `file::function`.
fn named(text: &str) -> Vec<(&str, &str)> {
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter_map(|it| it.split_once("::")).collect()
}

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
    let mut files = Vec::new();
    for folder in ["tests/it", "crates"] {
        sources(&root.join(folder), &mut files)?;
    }
    let named: Vec<(&str, &str)> = named(matrix)
        .into_iter()
        .filter(|it| *it != ("file", "function"))
        .collect();
    ensure!(named.len() > 20, "{named:?}");
    for (file, function) in named {
        let mut of_file = files
            .iter()
            .filter(|it| it.file_stem().is_some_and(|stem| stem == file))
            .map(fs::read_to_string)
            .collect::<std::io::Result<Vec<String>>>()?;
        // The tests of a small module stand in the module itself.
        if file == "tests" {
            let all = files.iter().map(fs::read_to_string);
            let all = all.collect::<std::io::Result<Vec<String>>>()?;
            of_file.extend(all.into_iter().filter(|it| it.contains("mod tests {")));
        }
        let function = format!("fn {function}(");
        let exists = of_file.iter().any(|it| it.contains(&function));
        ensure!(exists, "there is no `{function}` in a file `{file}.rs`");
    }
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
