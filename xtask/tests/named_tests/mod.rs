//! Finds the tests that a document names as `file::function`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|it| it == "rs" || it == "js") {
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

/// Checks that every test exists that a text names, and counts them. Of a test of the Node shim the title
/// stands behind its file.
pub(crate) fn check(root: &Path, text: &str) -> Result<usize> {
    let mut files = Vec::new();
    for folder in ["tests/it", "crates", "task/test"] {
        sources(&root.join(folder), &mut files)?;
    }
    let named: Vec<(&str, &str)> = named(text)
        .into_iter()
        .filter(|it| *it != ("file", "function"))
        .collect();
    for (file, function) in &named {
        let is_js = Path::new(file).extension().is_some_and(|it| it == "js");
        let of_name = |path: &&PathBuf| {
            let name = if is_js {
                path.file_name()
            } else {
                path.file_stem()
            };
            name.is_some_and(|it| it == *file)
        };
        let mut of_file = files
            .iter()
            .filter(of_name)
            .map(fs::read_to_string)
            .collect::<std::io::Result<Vec<String>>>()?;
        // The tests of a small module stand in the module itself.
        if *file == "tests" {
            let all = files.iter().map(fs::read_to_string);
            let all = all.collect::<std::io::Result<Vec<String>>>()?;
            of_file.extend(all.into_iter().filter(|it| it.contains("mod tests {")));
        }
        let wanted = if is_js {
            (*function).to_owned()
        } else {
            format!("fn {function}(")
        };
        let exists = of_file.iter().any(|it| it.contains(&wanted));
        ensure!(exists, "there is no `{wanted}` in a file `{file}`");
    }
    Ok(named.len())
}
