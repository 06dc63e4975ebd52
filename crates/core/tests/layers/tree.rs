//! The files of the crate, and which imports which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use crate::source::{Named, paths};

/// A module by its path from the root of the crate.
type Module = Vec<String>;

/// The modules of a crate, each in a file of its own.
pub(crate) struct Tree {
    files: BTreeMap<Module, File>,
}

struct File {
    /// From `src/` on.
    name: String,
    named: Vec<Named>,
}

/// A file that names another.
pub(crate) struct Import<'a> {
    from: (&'a Module, &'a File),
    named: &'a Named,
    to: (&'a Module, &'a File),
}

impl Tree {
    /// Reads all files below a folder, but tests.
    pub(crate) fn read(source: &Path) -> Self {
        let mut files = Vec::new();
        collect(source, source, &mut files);
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        Self::of(&files)
    }

    /// Of files by their names from `src/` on.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let ours = files.iter().filter(|(name, _)| !is_test(name));
        let files = ours.map(|(name, text)| {
            let file = File {
                name: (*name).to_owned(),
                named: paths(text),
            };
            (module(name), file)
        });
        Self {
            files: files.collect(),
        }
    }

    /// The modules of `lib.rs`.
    pub(crate) fn top_modules(&self) -> BTreeSet<&str> {
        let first = self.files.keys().filter_map(|module| module.first());
        first.map(String::as_str).collect()
    }

    /// Every import of a file by another; the root of the crate may import all.
    pub(crate) fn imports(&self) -> impl Iterator<Item = Import<'_>> {
        let inner = self.files.iter().filter(|(module, _)| !module.is_empty());
        inner.flat_map(move |from| {
            from.1.named.iter().filter_map(move |named| {
                let module = self.defines(from.0, &named.path, &mut BTreeSet::new())?;
                let to = self.files.get_key_value(&module)?;
                (to.0 != from.0).then_some(Import { from, named, to })
            })
        })
    }

    /// Which file imports which. That `a.rs` names what is in `a/b.rs` is left out: it consists of it.
    pub(crate) fn edges(&self) -> BTreeSet<(&str, &str)> {
        self.imports()
            .filter(|it| !it.to.0.starts_with(it.from.0))
            .map(|it| (it.from.1.name.as_str(), it.to.1.name.as_str()))
            .collect()
    }

    /// The module that defines what `path` means in `here`; none for what is not ours.
    fn defines(
        &self,
        here: &[String],
        path: &[String],
        seen: &mut BTreeSet<Module>,
    ) -> Option<Module> {
        // Two names that are bound to each other come from elsewhere, and so does one that is bound to
        // itself (`use mark::mark`): its path only grows.
        let is_endless = path.len() > LONGEST_PATH;
        if is_endless || !seen.insert([here, path].concat()) {
            return None;
        }
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => Vec::new(),
            "self" => here.to_vec(),
            "super" => here.split_last()?.1.to_vec(),
            _ => {
                rest = path;
                here.to_vec()
            }
        };
        let is_relative = rest.len() == path.len();
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                module.pop();
            } else {
                let inner = [module.as_slice(), std::slice::from_ref(name)].concat();
                if !self.files.contains_key(&inner) {
                    break;
                }
                module = inner;
            }
            rest = after;
        }
        let Some((name, after)) = rest.split_first() else {
            return Some(module);
        };
        let file = self.files.get(&module)?;
        let bound = file.named.iter().find(|it| it.binds.as_ref() == Some(name));
        let bound = bound.and_then(|it| {
            let path = [it.path.as_slice(), after].concat();
            self.defines(&module, &path, seen)
        });
        // A word that is no module and not imported is a type of this file, or another crate.
        let is_here = !is_relative || module != here;
        bound.or_else(|| is_here.then_some(module))
    }
}

impl<'a> Import<'a> {
    pub(crate) fn top_module(&self) -> &'a str {
        self.from.0.first().map_or("lib", String::as_str)
    }

    pub(crate) fn target_top_module(&self) -> &'a str {
        self.to.0.first().map_or("lib", String::as_str)
    }
}

impl fmt::Display for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.from.1.name, self.named.line)
    }
}

/// More segments than any path in the sources has.
const LONGEST_PATH: usize = 16;

/// `a/b.rs` is `a::b`, `lib.rs` the root.
fn module(name: &str) -> Module {
    let path = name.trim_end_matches(".rs");
    let parts = path.split('/').filter(|part| *part != "lib");
    parts.map(str::to_owned).collect()
}

/// Tests may import everything, and so may what builds objects for them.
fn is_test(name: &str) -> bool {
    let mut parts = name.trim_end_matches(".rs").split('/');
    parts.any(|part| part == "tests" || part == "testing")
}

#[expect(clippy::disallowed_methods, reason = "the sources are files")]
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            let text = std::fs::read_to_string(&path).expect("a source file");
            files.push((name.replace('\\', "/"), text));
        }
    }
}

/// Circles in a graph, each with its first member repeated at the end; without the first edge of
/// each there is none.
pub(crate) fn circles<'a>(mut edges: BTreeSet<(&'a str, &'a str)>) -> Vec<Vec<&'a str>> {
    let mut found = Vec::new();
    while let Some(circle) = circle(&edges) {
        if let [from, to, ..] = circle.as_slice() {
            edges.remove(&(from, to));
        }
        found.push(circle);
    }
    found
}

fn circle<'a>(edges: &BTreeSet<(&'a str, &'a str)>) -> Option<Vec<&'a str>> {
    let starts: BTreeSet<&str> = edges.iter().map(|(from, _)| *from).collect();
    let mut done = BTreeSet::new();
    starts
        .into_iter()
        .find_map(|start| walk(edges, &mut vec![start], &mut done))
}

/// Follows every edge from the end of `path`, but into what was found to lead nowhere.
fn walk<'a>(
    edges: &BTreeSet<(&'a str, &'a str)>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    let last = *path.last()?;
    for (_, to) in edges.iter().filter(|(from, _)| *from == last) {
        if let Some(start) = path.iter().position(|it| it == to) {
            return Some([&path[start..], &[to]].concat());
        }
        if !done.contains(to) {
            path.push(to);
            if let Some(circle) = walk(edges, path, done) {
                return Some(circle);
            }
            path.pop();
        }
    }
    done.insert(last);
    None
}
