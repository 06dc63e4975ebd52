//! Comments and prose keep the rules of STYLE.md that a program can check.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

/// Folders that are not the repository's own.
const LEFT_OUT: &[&str] = &[".git", "node_modules", "target", "dist"];
/// Prose besides Markdown: the task, the templates, and the sentences that the tests keep.
const PROSE: &[&str] = &["task/task.json", "templates/", "docs/report.schema.json"];
/// Documents that name the banned words, or quote what other programs and test cases say.
const QUOTES: &[&str] = &["STYLE.md", "docs/benchmarks.md", "docs/rollback-cases.md"];
/// Words that a native engineer would not write, or that leave open what they refer to.
const BANNED: &[&str] = &[
    "anew",
    "whoever",
    "bears",
    "meanwhile",
    "mend",
    "mends",
    "mended",
    "mending",
    "whose like",
    "is told",
    "what serves",
    "for good",
    "nobody",
    "lies",
    "the former.",
    "the former,",
    "the former;",
    "the former:",
    "the former)",
];
/// A documented item begins with a noun or a verb instead.
const OPENINGS: &[&str] = &["What", "Who", "Whose", "Whom", "Whether"];
/// Items whose documentation says what they are or do. A field, a variant or a constant holds a
/// value, and may say which.
const ITEMS: &[&str] = &["fn ", "struct ", "enum ", "trait ", "type ", "mod "];

fn collect(folder: &Path, root: &Path, found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if LEFT_OUT.iter().any(|it| path.ends_with(it)) {
            continue;
        }
        if path.is_dir() {
            collect(&path, root, found)?;
        } else {
            let from_root = path.strip_prefix(root)?;
            found.push(from_root.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

fn ends_with(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == ending)
}

/// Returns whether the word stands alone in the text, whatever its case.
fn has_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Removes what stands in backticks or quotation marks: it is another's word.
fn without_quotes(line: &str) -> String {
    let mut kept = String::new();
    for (index, part) in line.split('`').enumerate() {
        if index % 2 == 0 {
            kept.push_str(part);
        } else {
            kept.push('`');
        }
    }
    kept
}

fn banned(line: &str) -> impl Iterator<Item = &'static str> {
    let line = without_quotes(line);
    let found = BANNED.iter().filter(move |word| has_word(&line, word));
    found.copied()
}

fn is_prose(path: &str) -> bool {
    let listed = PROSE.iter().any(|it| path.starts_with(it));
    (ends_with(path, "md") || listed) && !QUOTES.contains(&path)
}

/// Returns the lines of a file that hold sentences, counted from 1.
fn sentences<'a>(path: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    let source = ends_with(path, "rs");
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let own = |(_, line): &(usize, &str)| !source || line.trim_start().starts_with("//");
    if source || is_prose(path) {
        lines.filter(own).collect()
    } else {
        Vec::new()
    }
}

/// Returns the first lines of documentation that begin with a question word.
fn openings(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let module = trimmed.strip_prefix("//! ");
        let Some(said) = module.or_else(|| trimmed.strip_prefix("/// ")) else {
            continue;
        };
        let before = at.checked_sub(1).and_then(|it| lines.get(it));
        let first = before.is_none_or(|it| !it.trim_start().starts_with("//"));
        let word = said.split_whitespace().next().unwrap_or_default();
        if first && OPENINGS.contains(&word) && (module.is_some() || is_item(&lines[at..])) {
            found.push((at + 1, *line));
        }
    }
    found
}

/// Returns whether the documentation at the beginning of these lines is of one of [`ITEMS`].
fn is_item(lines: &[&str]) -> bool {
    let after = |line: &&&str| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.starts_with('#') && !line.is_empty()
    };
    let line = lines.iter().find(after).map_or("", |it| it.trim_start());
    let words = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async "];
    let plain = words
        .iter()
        .fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
    ITEMS.iter().any(|it| plain.starts_with(it))
}

fn files() -> Result<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    collect(&root, &root, &mut all)?;
    all.sort();
    let read = |path: String| {
        let text = fs::read_to_string(root.join(&path)).ok()?;
        Some((path, text))
    };
    Ok(all.into_iter().filter_map(read).collect())
}

#[test]
fn no_sentence_has_a_banned_word() -> Result<()> {
    let mut wrong = Vec::new();
    for (path, text) in files()? {
        if path == "xtask/tests/sentences.rs" {
            continue;
        }
        for (line, sentence) in sentences(&path, &text) {
            wrong.extend(banned(sentence).map(|word| format!("{path}:{line}: \"{word}\"")));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn documentation_begins_with_a_noun_or_a_verb() -> Result<()> {
    let mut wrong = Vec::new();
    for (path, text) in files()? {
        if ends_with(&path, "rs") {
            let lines = openings(&text).into_iter();
            wrong.extend(lines.map(|(line, said)| format!("{path}:{line}: {}", said.trim())));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn a_banned_word_is_told_from_a_part_of_another_and_from_a_quotation() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("a word", "It is mended.", &["mended"]),
        ("at the beginning", "Nobody asks.", &["nobody"]),
        ("two words", "It ends for good.", &["for good"]),
        (
            "a pronoun",
            "It uses more than the former; so",
            &["the former;"],
        ),
        ("an adjective", "the former revision's image", &[]),
        ("a part of a word", "It replies and recommends.", &[]),
        ("an identifier", "the case `nobody-knows`", &[]),
        ("a hyphenated name", "the case nobody-knows", &[]),
        ("another's word", "says `nobody`", &[]),
    ];
    for (says, line, expected) in rows {
        let found: Vec<&str> = banned(line).collect();
        assert_eq!(found, *expected, "{says}");
    }
}

#[test]
fn an_opening_counts_where_an_item_is_documented() {
    let rows = [
        ("a function", "/// What it is.\nfn a() {}", 1),
        (
            "behind attributes",
            "/// Whether it is.\n#[must_use]\npub const fn a() -> bool {",
            1,
        ),
        ("a module", "//! Who asks.\n\nuse std::fs;", 1),
        ("a field", "    /// What it is.\n    pub a: u8,", 0),
        ("a variant", "    /// Whether it is.\n    Is(bool),", 0),
        (
            "the second line",
            "/// Tells\n/// What it is.\nfn a() {}",
            0,
        ),
        ("a verb", "/// Returns whether it is.\nfn a() -> bool {", 0),
    ];
    for (says, text, expected) in rows {
        assert_eq!(openings(text).len(), expected, "{says}");
    }
}
