//! Manifests that an API server takes have neither a value of a wrong type nor an unknown field.

use std::path::{Path, PathBuf};

use jiff::civil::date;
use rollguard_lint::{LintCode, Rules, judge};

use super::fixtures;

/// Files in which such a field is planted.
const PLANTED: &[&str] = &[];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|it| it == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn manifests_that_an_api_server_takes_have_known_fields_only() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for folder in ["scenarios", "field"] {
        files(&here.join(folder), &mut all);
    }
    let own = all.len();
    assert!(own > 150, "{own} manifests of our own");
    if let Some(folder) = fixtures() {
        files(&folder, &mut all);
        assert!(all.len() > own + 1_700, "{} fixtures", all.len() - own);
    }
    let rules = Rules::new(date(2026, 11, 30));
    let mut complaints = Vec::new();
    for path in &all {
        let text = std::fs::read_to_string(path).unwrap();
        let judgement = judge(&text, &rules);
        let of_types = [LintCode::WrongType, LintCode::UnknownField];
        for it in judgement
            .findings
            .iter()
            .filter(|it| of_types.contains(&it.code))
        {
            complaints.push(format!("{}: {}: {}", path.display(), it.path, it.message));
        }
    }
    complaints.retain(|it| !PLANTED.iter().any(|planted| it.contains(planted)));
    assert!(
        complaints.is_empty(),
        "{}: {complaints:#?}",
        complaints.len()
    );
}
