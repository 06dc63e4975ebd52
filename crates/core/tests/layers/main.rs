//! The crate's layers: a file imports its own module and lower ones, and no files import each other
//! in a circle. The modules are those of `lib.rs`; their order is the one that the crate's README shows.

mod source;
mod tree;

use std::collections::BTreeSet;
use std::path::Path;

use tree::{Tree, circles};

/// The place of the modules' order in the README, top first; the modules of one line are equals.
const BEGIN: &str = "<!-- layers, top first -->\n```text\n";
const END: &str = "```\n<!-- end of layers -->";

/// Returns the modules of each layer, the top first.
fn layers(readme: &str) -> Vec<Vec<&str>> {
    let (_, after) = readme
        .split_once(BEGIN)
        .expect("the README lists the layers");
    let (list, _) = after.split_once(END).expect("the list of layers ends");
    list.lines()
        .map(|line| line.split(',').map(str::trim).collect())
        .collect()
}

/// Returns what is wrong with the imports between modules, one line each.
fn complaints(tree: &Tree, layers: &[Vec<&str>]) -> Vec<String> {
    let listed: BTreeSet<&str> = layers.iter().flatten().copied().collect();
    let present = tree.top_modules();
    let absent = listed.difference(&present);
    let mut complaints: Vec<String> = absent
        .map(|module| format!("the README lists `{module}`, which is no module"))
        .collect();
    let unlisted = present.difference(&listed);
    complaints.extend(unlisted.map(|module| format!("the README does not list `{module}`")));

    let layer_of = |module: &str| layers.iter().position(|layer| layer.contains(&module));
    let mut between_equals = BTreeSet::new();
    for import in tree.imports() {
        let (from, to) = (import.top_module(), import.target_top_module());
        let (Some(above), Some(below)) = (layer_of(from), layer_of(to)) else {
            continue;
        };
        if below < above {
            complaints.push(format!(
                "{import}: `{from}` imports `{to}`, which is above it"
            ));
        } else if below == above && from != to {
            between_equals.insert((from, to));
        }
    }
    for circle in circles(between_equals) {
        complaints.push(format!("modules in a circle: {}", circle.join(" -> ")));
    }
    for circle in circles(tree.edges()) {
        complaints.push(format!("files in a circle: {}", circle.join(" -> ")));
    }
    complaints
}

#[test]
fn imports_go_down_and_never_in_a_circle() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = Tree::read(&here.join("src"));
    assert!(tree.imports().count() > 100, "the sources were not found");
    let complaints = complaints(&tree, &layers(include_str!("../../README.md")));
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn no_crate_has_files_in_a_circle() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in [
        "agent", "azure", "cli", "cluster", "core", "lint", "sandbox", "stage",
    ] {
        let tree = Tree::read(&here.join("..").join(name).join("src"));
        assert!(
            tree.imports().count() > 5,
            "{name}: the sources were not found"
        );
        assert_eq!(circles(tree.edges()), [[""; 0]; 0], "{name}");
    }
}

/// A tree of two layers, `report` above `snapshot` and `verdict`.
fn said(files: &[(&str, &str)]) -> Vec<String> {
    let mut all = vec![
        (
            "lib.rs",
            "pub mod report; pub mod snapshot; pub mod verdict;",
        ),
        ("report.rs", ""),
        ("snapshot.rs", ""),
        ("verdict.rs", ""),
    ];
    all.retain(|(path, _)| !files.iter().any(|(given, _)| given == path));
    all.extend(files);
    complaints(
        &Tree::of(&all),
        &[vec!["report"], vec!["snapshot", "verdict"]],
    )
}

#[test]
fn an_import_that_goes_up_is_named_with_its_line() {
    let up = "//! Words.\n\nuse std::fmt;\nuse crate::report::Line;\n";
    assert_eq!(
        said(&[("snapshot.rs", up)]),
        ["snapshot.rs:4: `snapshot` imports `report`, which is above it"]
    );
}

#[test]
fn an_import_that_goes_down_is_fine() {
    let down = "use crate::snapshot::Snapshot;\nfn f() -> crate::verdict::Verdict {}";
    assert_eq!(said(&[("report.rs", down)]), [""; 0]);
}

#[test]
fn equals_may_import_each_other_in_one_direction_only() {
    let verdict = ("verdict.rs", "use crate::snapshot::store::Store;");
    let store = ("snapshot/store.rs", "");
    assert_eq!(said(&[verdict, store]), [""; 0]);
    let back = ("snapshot.rs", "mod store;\nuse crate::verdict::Verdict;");
    assert_eq!(
        said(&[verdict, back, store]),
        ["modules in a circle: snapshot -> verdict -> snapshot"]
    );
}

#[test]
fn files_of_a_module_do_not_import_each_other_in_a_circle() {
    let parent = ("report.rs", "mod text;\nmod words;\n");
    let text = ("report/text.rs", "use super::words::plain;");
    let words = ("report/words.rs", "use crate::report::text::Text;");
    assert_eq!(said(&[parent, text, ("report/words.rs", "")]), [""; 0]);
    assert_eq!(
        said(&[parent, text, words]),
        ["files in a circle: report/text.rs -> report/words.rs -> report/text.rs"]
    );
}

#[test]
fn a_module_consists_of_what_lies_below_it() {
    let parent = (
        "report.rs",
        "mod text;\npub use text::Text;\nstruct Line(Text);",
    );
    assert_eq!(
        said(&[parent, ("report/text.rs", "use super::Line;")]),
        [""; 0]
    );
}

#[test]
fn a_reexported_name_belongs_to_the_file_that_defines_it() {
    let files = [
        (
            "report.rs",
            "mod text;\nmod words;\npub use words::plain;\n",
        ),
        ("report/text.rs", "use super::plain;"),
        ("report/words.rs", "use super::text::Text;"),
    ];
    assert_eq!(
        said(&files),
        ["files in a circle: report/text.rs -> report/words.rs -> report/text.rs"]
    );
}

#[test]
fn a_module_that_the_readme_forgets_is_named() {
    let tree = Tree::of(&[("lib.rs", ""), ("report.rs", ""), ("clock.rs", "")]);
    assert_eq!(
        complaints(&tree, &[vec!["report", "history"]]),
        [
            "the README lists `history`, which is no module",
            "the README does not list `clock`"
        ]
    );
}

#[test]
fn the_readme_lists_equals_in_one_line() {
    let readme = format!("# x\n{BEGIN}report\nsnapshot, verdict\n{END}\n");
    assert_eq!(
        layers(&readme),
        [vec!["report"], vec!["snapshot", "verdict"]]
    );
}
