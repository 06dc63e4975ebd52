//! Finds the files that the command line names.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use rollguard_lint::{Problem, config};

use super::glob::Pattern;

/// The deepest folder below one that is named.
const MAX_DEPTH: usize = 64;

/// Files in the order in which they were named, and what names nothing.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) paths: Vec<String>,
    pub(super) problems: Vec<Problem>,
    /// How many were found, those that were known included.
    found: usize,
    /// The files by what they are, not by how they are named: `k8s` and `./k8s/a.yaml` name one file once.
    known: HashSet<PathBuf>,
}

/// Finds the files of paths: a file itself, the manifests below a folder, what a pattern matches, `-` as it is.
pub(super) fn find(paths: &[String]) -> Files {
    let mut files = Files::default();
    for path in paths {
        files.named(path);
    }
    files
}

impl Files {
    fn named(&mut self, named: &str) {
        let path = Path::new(named);
        if named == "-" || path.is_file() {
            self.add(named);
        } else if path.is_dir() {
            let before = (self.found, self.problems.len());
            self.folder(path, 0);
            if (self.found, self.problems.len()) == before {
                self.problem(named, "the folder has no .yaml, .yml or .json files");
            }
        } else if let Ok(metadata) = fs::metadata(path) {
            // A pipe, such as the shell's `<(kustomize build)`.
            debug_assert!(!metadata.is_dir());
            self.add(named);
        } else if let Some(pattern) = Pattern::parse(named) {
            let matched = pattern.files();
            if matched.is_empty() {
                self.problem(named, "the pattern matches no file");
            }
            for path in &matched {
                self.add(path);
            }
        } else {
            self.problem(named, "there is no such file or folder");
        }
    }

    fn add(&mut self, path: &str) {
        self.found += 1;
        // A pipe has no path of its own.
        let identity = match path {
            "-" => PathBuf::from(path),
            path => fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path)),
        };
        if self.known.insert(identity) {
            self.paths.push(path.to_owned());
        }
    }

    fn problem(&mut self, path: &str, what: impl Into<String>) {
        self.problems.push(Problem {
            path: path.to_owned(),
            what: what.into(),
        });
    }

    /// Adds the manifests below a folder. Links to folders are not followed: they may lead back.
    fn folder(&mut self, folder: &Path, depth: usize) {
        let mut entries: Vec<_> = match fs::read_dir(folder) {
            Ok(entries) => entries.flatten().collect(),
            Err(error) => {
                let what = format!("the folder cannot be read: {error}");
                return self.problem(&folder.to_string_lossy(), what);
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|it| it.is_dir());
            if is_folder && depth < MAX_DEPTH {
                self.folder(&path, depth + 1);
            } else if is_manifest(&name) && path.is_file() {
                self.add(&path.to_string_lossy());
            }
        }
    }
}

fn is_manifest(name: &str) -> bool {
    has_ending_of_manifest(name) && name != config::FILE
}

/// Returns whether a path ends as that of a manifest does, whether it exists or not.
pub(super) fn has_ending_of_manifest(path: &str) -> bool {
    let extension = Path::new(path).extension().and_then(|it| it.to_str());
    let known = ["yaml", "yml", "json"];
    extension.is_some_and(|it| known.iter().any(|known| it.eq_ignore_ascii_case(known)))
}
