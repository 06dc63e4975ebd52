//! Patterns of paths: `*` and `?` within a name, `[abc]`, and `**` for any number of folders.
//!
//! Azure Pipelines and the shell of Windows hand patterns on as they are.

use std::fs;
use std::path::{Path, PathBuf};

/// The deepest folder that `**` goes into.
const MAX_DEPTH: usize = 64;

/// A pattern of paths.
#[derive(Debug)]
pub(super) struct Pattern {
    root: PathBuf,
    parts: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; `None` for a path without any.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.contains(['*', '?', '[']) {
            return None;
        }
        let text = if cfg!(windows) {
            text.replace('\\', "/")
        } else {
            text.to_owned()
        };
        let root = if text.starts_with('/') { "/" } else { "" };
        Some(Self {
            root: PathBuf::from(root),
            parts: text
                .split('/')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Returns the files that it matches, in the order of their names.
    pub(super) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.root, &self.parts, 0, &mut found);
        found.sort();
        found.dedup();
        found
    }
}

fn walk(folder: &Path, parts: &[String], depth: usize, found: &mut Vec<String>) {
    let Some((part, rest)) = parts.split_first() else {
        return;
    };
    if part == "**" {
        walk(folder, rest, depth, found);
        for entry in entries(folder) {
            let hidden = entry.name.starts_with('.');
            if entry.is_folder && !hidden && depth < MAX_DEPTH {
                walk(&entry.path, parts, depth + 1, found);
            }
        }
        return;
    }
    if !part.contains(['*', '?', '[']) {
        return step(&folder.join(part), rest, depth, found);
    }
    for entry in entries(folder) {
        let hidden = entry.name.starts_with('.') && !part.starts_with('.');
        if !hidden && matches(part, &entry.name) {
            step(&entry.path, rest, depth, found);
        }
    }
}

fn step(path: &Path, rest: &[String], depth: usize, found: &mut Vec<String>) {
    if !rest.is_empty() {
        walk(path, rest, depth, found);
    } else if path.is_file() {
        found.push(path.to_string_lossy().into_owned());
    }
}

struct Entry {
    name: String,
    path: PathBuf,
    /// Not through a link, which may lead back.
    is_folder: bool,
}

fn entries(folder: &Path) -> Vec<Entry> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let path = entry.path();
            Entry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_folder: entry.file_type().is_ok_and(|it| it.is_dir()),
                path: path.strip_prefix(".").map(Path::to_owned).unwrap_or(path),
            }
        })
        .collect()
}

/// Returns whether a name matches a part of a pattern, without backtracking over more than one `*` at a time.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place) = (0, 0);
    let mut star: Option<Star> = None;
    while place < name.len() {
        let step = match pattern.get(at) {
            Some('*') => {
                star = Some(Star {
                    after: at + 1,
                    taken: place,
                });
                at += 1;
                continue;
            }
            Some(_) => one(&pattern[at..], name[place]),
            None => None,
        };
        match (step, &mut star) {
            (Some(length), _) => {
                at += length;
                place += 1;
            }
            (None, Some(star)) => {
                star.taken += 1;
                (at, place) = (star.after, star.taken);
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|it| *it == '*')
}

/// The last `*`: where the pattern goes on after it, and up to where it reaches in the name.
struct Star {
    after: usize,
    taken: usize,
}

/// Returns how many characters of the pattern match one of the name.
fn one(pattern: &[char], c: char) -> Option<usize> {
    let set = pattern
        .iter()
        .position(|it| *it == ']')
        .filter(|at| *at > 1);
    match (pattern.first()?, set) {
        ('?', _) => Some(1),
        ('[', Some(end)) => {
            let chars = &pattern[1..end];
            let (negated, chars) = match chars.split_first() {
                Some(('!' | '^', rest)) => (true, rest),
                _ => (false, chars),
            };
            let within =
                |range: &[char]| matches!(range, [from, '-', to] if (*from..=*to).contains(&c));
            let is_in = chars.contains(&c) || chars.windows(3).any(within);
            (is_in != negated).then_some(end + 1)
        }
        (known, _) => (*known == c).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_matches_a_name() {
        for (pattern, name, expected) in [
            ("*.yaml", "web.yaml", true),
            ("*.yaml", "web.yml", false),
            ("*.y*ml", "web.yaml", true),
            ("w?b.yaml", "web.yaml", true),
            ("w?b", "wb", false),
            ("[wv]eb", "veb", true),
            ("[a-c]eb", "beb", true),
            ("[!a-c]eb", "beb", false),
            ("[", "[", true),
            ("*", "", true),
            ("**a*b*", "xxaxxb", true),
            ("*a", "aab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn folders_are_walked_by_two_stars() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in [
            "a.yaml",
            "x/b.yaml",
            "x/y/c.yaml",
            "x/y/c.txt",
            ".git/d.yaml",
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = |pattern: &str| {
            let pattern = format!("{}/{pattern}", root.display());
            let files = Pattern::parse(&pattern).unwrap().files();
            let root = format!("{}/", root.display());
            let short = files.iter().map(|it| it.replace(&root, ""));
            short.collect::<Vec<_>>()
        };
        assert_eq!(found("**/*.yaml"), ["a.yaml", "x/b.yaml", "x/y/c.yaml"]);
        assert_eq!(found("*.yaml"), ["a.yaml"]);
        assert_eq!(found("x/*/*.yaml"), ["x/y/c.yaml"]);
        assert_eq!(found("x/**"), [""; 0], "a folder is no file");
        assert!(Pattern::parse("a.yaml").is_none());
    }
}
