//! The paths in the documentation exist.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

/// What a name that is a file's ends with.
const ENDINGS: &[&str] = &[
    ".json", ".jsonl", ".md", ".rs", ".snap", ".toml", ".ts", ".yaml", ".yml",
];
/// Folders that are not the repository's own.
const LEFT_OUT: &[&str] = &[".git", "node_modules", "target"];

/// Collects every file and folder below a folder, by its path from the root.
fn collect(folder: &Path, root: &Path, found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if LEFT_OUT.iter().any(|it| path.ends_with(it)) {
            continue;
        }
        let from_root = path.strip_prefix(root)?;
        found.push(from_root.to_string_lossy().replace('\\', "/"));
        if path.is_dir() {
            collect(&path, root, found)?;
        }
    }
    Ok(())
}

/// Returns what stands in backticks and is a path: it has a file's ending, or a slash at its end.
fn paths(markdown: &str) -> impl Iterator<Item = &str> {
    let text = markdown.split("```").step_by(2);
    let code = text.flat_map(|it| {
        it.lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
    });
    code.filter(|it| {
        let plain = it
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        let is_path = it.ends_with('/') || ENDINGS.iter().any(|ending| it.ends_with(ending));
        plain && is_path && *it != "/" && !it.starts_with("target/")
    })
}

/// Returns whether a path that `document` names exists: from the root, or as the end of a path. A README
/// below the root means files beside or below itself.
fn exists(path: &str, document: &str, all: &[String]) -> bool {
    let path = path.trim_end_matches('/');
    let folder = match document.rsplit_once('/') {
        Some((folder, _)) if !folder.starts_with("docs") => format!("{folder}/"),
        Some(_) | None => String::new(),
    };
    let end = format!("/{path}");
    all.iter()
        .any(|it| it == path || (it.starts_with(&folder) && format!("/{it}").ends_with(&end)))
}

#[test]
fn every_path_in_the_documentation_exists() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    collect(&root, &root, &mut all)?;
    let is_document = |it: &&String| {
        let ending = Path::new(it).extension();
        // The field's own words name files of other machines.
        let others = ["CHANGELOG.md", "docs/field-cases.md"];
        ending.is_some_and(|it| it == "md") && !others.contains(&it.as_str())
    };
    let mut absent = Vec::new();
    for document in all.iter().filter(is_document) {
        let text = fs::read_to_string(root.join(document))?;
        let wrong = paths(&text).filter(|path| !exists(path, document, &all));
        absent.extend(wrong.map(|path| format!("{document}: `{path}`")));
    }
    ensure!(absent.is_empty(), "{}", absent.join("\n"));
    Ok(())
}

#[test]
fn a_path_is_told_from_other_code() {
    let rows = [
        ("see `a/b.rs` and `docs/`", vec!["a/b.rs", "docs/"]),
        ("`cargo test`, `a.go`, `/`, `<kind>.rs`", vec![]),
        ("```text\n`a.rs`\n```\n`b.rs`", vec!["b.rs"]),
    ];
    for (text, expected) in rows {
        assert_eq!(paths(text).collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn a_path_is_found_from_the_root_or_below_its_readme() {
    let all = ["crates/a/src/b.rs", "crates/c/src/d.rs", "docs"].map(str::to_owned);
    let rows = [
        ("crates/a/src/b.rs", "crates/c/README.md", true),
        ("b.rs", "crates/a/README.md", true),
        ("b.rs", "crates/c/README.md", false),
        ("b.rs", "docs/architecture.md", true),
        ("src/d.rs", "CONTRIBUTING.md", true),
        ("docs/", "README.md", true),
        ("e.rs", "CONTRIBUTING.md", false),
    ];
    for (path, document, expected) in rows {
        assert_eq!(
            exists(path, document, &all),
            expected,
            "{path} in {document}"
        );
    }
}
