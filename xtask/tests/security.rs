//! `docs/security.md` names tests that exist, and the limits that the code has.

mod named_tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

fn root() -> Result<&'static Path> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().context("xtask has a parent")
}

fn page() -> Result<String> {
    Ok(fs::read_to_string(root()?.join("docs/security.md"))?)
}

#[test]
fn every_test_that_the_page_names_exists() -> Result<()> {
    let named = named_tests::check(root()?, &page()?)?;
    ensure!(named > 40, "{named} tests");
    Ok(())
}

/// A row of a table says who cannot do a thing and which test shows it, or says no such thing.
#[test]
fn every_cannot_has_a_test_or_says_what_to_do() -> Result<()> {
    let page = page()?;
    let (_, rest) = page.split_once("## Who can do what").context("no tables")?;
    let (tables, _) = rest.split_once("\n## ").context("no next section")?;
    let rows: Vec<&str> = tables.lines().filter(|it| it.starts_with("| ")).collect();
    ensure!(rows.len() > 30, "{rows:?}");
    // What only Azure DevOps, the machine or the API server can prevent.
    let elsewhere = [
        "protect the connection",
        "use agents that run one job",
        "admission webhook",
    ];
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, cannot, shown] = cells.as_slice() else {
            anyhow::bail!("{} cells: {row}", cells.len());
        };
        let is_named = shown.contains("::") || shown.contains("fuzz/README.md");
        let is_head = *cannot == "cannot" || cannot.starts_with("---");
        let is_elsewhere = elsewhere.iter().any(|it| row.contains(it));
        ensure!(is_named || is_head || is_elsewhere, "no test: {row}");
    }
    Ok(())
}

/// A product, or a number of seconds.
fn number(expression: &str) -> Option<u64> {
    let expression = expression
        .trim_start_matches("Duration::from_secs(")
        .trim_end_matches(')');
    expression
        .split('*')
        .map(|factor| factor.trim().replace('_', "").parse::<u64>().ok())
        .product()
}

fn constant(source: &str, name: &str) -> Option<u64> {
    let line = source.lines().find(|line| {
        let line = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ");
        line.starts_with(&format!("const {name}:"))
    })?;
    number(line.split_once(" = ")?.1.trim_end_matches(';'))
}

#[test]
fn every_limit_is_that_of_the_code() -> Result<()> {
    let page = page()?;
    let (_, rest) = page.split_once("| limit | value |").context("no table")?;
    let rows: Vec<&str> = rest
        .lines()
        .skip(2)
        .take_while(|it| it.starts_with("| "))
        .collect();
    ensure!(rows.len() >= 10, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, value, file, name] = cells.as_slice() else {
            anyhow::bail!("{} cells: {row}", cells.len());
        };
        let source = fs::read_to_string(root()?.join(file.trim_matches('`')))?;
        let found = constant(&source, name.trim_matches('`'));
        ensure!(found == value.parse().ok(), "{found:?} in the code: {row}");
    }
    Ok(())
}

#[test]
fn a_limit_is_read_from_its_line() {
    let source = "const LINES: i64 = 60;\npub(crate) const BYTES: u64 = 64 * 1024;\npub const PODS: usize = 2;\nconst LIMIT: Duration = Duration::from_secs(10);\n";
    for (name, expected) in [
        ("LINES", Some(60)),
        ("BYTES", Some(65536)),
        ("PODS", Some(2)),
        ("LIMIT", Some(10)),
        ("LINE", None),
    ] {
        assert_eq!(constant(source, name), expected, "{name}");
    }
}
