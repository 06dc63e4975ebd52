//! The software bill of materials, as `CycloneDX` 1.5: the crates that are linked into the binaries.
//!
//! `cargo tree` names them, with the features that the release build chooses; `Cargo.lock` has their checksums. There
//! is neither a time nor a serial number in it, so that the same lock file gives the same document.
//! `cargo-cyclonedx` writes one beside every crate of the workspace, with paths of the machine in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::builds::triple;
use crate::generate::{VERSION, root};

/// What is linked: not what only a build or a macro needs.
const EDGES: &str = "normal,no-proc-macro";

/// Returns the name of the document.
pub(super) fn name() -> String {
    format!("rollguard-{VERSION}.cdx.json")
}

/// A crate and those that it links.
#[derive(Debug, Default, PartialEq, Eq)]
struct Crate {
    licence: String,
    links: BTreeSet<Id>,
}

/// Name and version.
type Id = (String, String);

type Crates = BTreeMap<Id, Crate>;

/// Returns the document for the binaries of these platforms.
pub(super) fn document(platforms: &[String]) -> Result<String> {
    let mut crates = Crates::new();
    for platform in platforms {
        let triple =
            triple(platform).with_context(|| format!("there is no target for {platform}"))?;
        read_tree(&tree(triple)?, &mut crates)?;
    }
    let lock =
        fs::read_to_string(root().join("Cargo.lock")).context("failed to read Cargo.lock")?;
    let bom = bom(&crates, &checksums(&lock))?;
    Ok(serde_json::to_string_pretty(&bom)? + "\n")
}

fn tree(triple: &str) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args([
            "tree",
            "--locked",
            "--package",
            "rollguard",
            "--target",
            triple,
        ])
        .args(["--edges", EDGES, "--prefix", "depth", "--format", "{p}|{l}"])
        .output()
        .context("failed to run cargo tree")?;
    ensure!(
        output.status.success(),
        "cargo tree failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Adds what a tree shows: `2serde v1.0.0|MIT OR Apache-2.0`, the depth first. One that was shown before has ` (*)` at
/// its end, and no crates below it.
fn read_tree(tree: &str, crates: &mut Crates) -> Result<()> {
    let mut above: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let odd = || format!("cargo tree wrote {line:?}");
        let digits = line.find(|c: char| !c.is_ascii_digit()).with_context(odd)?;
        let depth: usize = line[..digits].parse().with_context(odd)?;
        let (package, licence) = line[digits..].split_once('|').with_context(odd)?;
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            anyhow::bail!(odd());
        };
        let id = (name.to_owned(), version.trim_start_matches('v').to_owned());
        above.truncate(depth);
        if let Some(parent) = above.last() {
            crates
                .entry(parent.clone())
                .or_default()
                .links
                .insert(id.clone());
        }
        let entry = crates.entry(id.clone()).or_default();
        licence
            .trim_end_matches(" (*)")
            .trim()
            .clone_into(&mut entry.licence);
        above.push(id);
    }
    Ok(())
}

/// Returns the SHA-256 of each crate that comes from a registry.
fn checksums(lock: &str) -> BTreeMap<Id, String> {
    let field = |package: &str, name: &str| {
        let start = format!("{name} = \"");
        let line = package
            .lines()
            .find_map(|line| line.strip_prefix(start.as_str()));
        line.map(|it| it.trim_end_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]").skip(1);
    let rows = packages.filter_map(|it| {
        Some((
            (field(it, "name")?, field(it, "version")?),
            field(it, "checksum")?,
        ))
    });
    rows.collect()
}

/// The package URL, which is the name of a component here (purl specification, type `cargo`).
fn purl((name, version): &Id) -> String {
    format!("pkg:cargo/{name}@{version}")
}

fn bom(crates: &Crates, checksums: &BTreeMap<Id, String>) -> Result<Value> {
    let program = ("rollguard".to_owned(), VERSION.to_owned());
    ensure!(
        crates.contains_key(&program),
        "cargo tree did not name rollguard {VERSION}"
    );
    let mut components = Vec::new();
    for (id, it) in crates.iter().filter(|(id, _)| **id != program) {
        ensure!(!it.licence.is_empty(), "{} has no licence", purl(id));
        components.push(component("library", id, it, checksums.get(id)));
    }
    let dependencies = crates.iter().map(|(id, it)| {
        json!({ "ref": purl(id), "dependsOn": it.links.iter().map(purl).collect::<Vec<_>>() })
    });
    let main = crates
        .get(&program)
        .map(|it| component("application", &program, it, None));
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": main },
        "components": components,
        "dependencies": dependencies.collect::<Vec<_>>(),
    }))
}

fn component(kind: &str, id: &Id, it: &Crate, checksum: Option<&String>) -> Value {
    let (name, version) = id;
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(id),
        "name": name,
        "version": version,
        // Old crates write a slash for "or".
        "licenses": [{ "expression": it.licence.replace('/', " OR ") }],
        "purl": purl(id),
    });
    if let Some(checksum) = checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::LEFT_OUT;

    const LOCK: &str = "
[[package]]
name = \"serde\"
version = \"1.0.2\"
source = \"registry\"
checksum = \"aa\"

[[package]]
name = \"rollguard\"
version = \"1.0.0\"
";

    fn tree() -> String {
        format!(
            "0rollguard v{VERSION} (/somewhere/crates/cli)|MIT\n1serde v1.0.2|MIT/Apache-2.0\n\
             2itoa v1.0.0|MIT\n1rollguard-core v{VERSION} (/somewhere/crates/core)|MIT\n\
             2serde v1.0.2|MIT/Apache-2.0 (*)\n"
        )
    }

    fn written() -> Value {
        let mut crates = Crates::new();
        read_tree(&tree(), &mut crates).unwrap();
        bom(&crates, &checksums(LOCK)).unwrap()
    }

    #[test]
    fn each_crate_is_a_component_once() {
        let bom = written();
        let purls: Vec<&str> = bom["components"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["purl"].as_str())
            .collect();
        let core = format!("pkg:cargo/rollguard-core@{VERSION}");
        assert_eq!(
            purls,
            ["pkg:cargo/itoa@1.0.0", &core, "pkg:cargo/serde@1.0.2"]
        );
        let serde = &bom["components"][2];
        assert_eq!(serde["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(serde["hashes"][0]["content"], "aa");
        assert!(bom["components"][1].get("hashes").is_none());
        assert_eq!(bom["metadata"]["component"]["type"], "application");
    }

    #[test]
    fn the_graph_is_that_of_the_tree() {
        let bom = written();
        let of = |name: &str| {
            let all = bom["dependencies"].as_array().unwrap();
            all.iter()
                .find(|it| it["ref"].as_str().unwrap().contains(name))
                .unwrap()["dependsOn"]
                .clone()
        };
        assert_eq!(of("rollguard-core"), json!(["pkg:cargo/serde@1.0.2"]));
        assert_eq!(of("/serde@"), json!(["pkg:cargo/itoa@1.0.0"]));
        let direct = json!([
            format!("pkg:cargo/rollguard-core@{VERSION}"),
            "pkg:cargo/serde@1.0.2"
        ]);
        assert_eq!(of(&format!("/rollguard@{VERSION}")), direct);
    }

    #[test]
    fn nothing_of_the_machine_is_in_it() {
        let text = written().to_string();
        assert!(
            !text.contains("somewhere") && !text.contains("timestamp"),
            "{text}"
        );
    }

    /// Replaces the references to other documents, which list licences and forms of signatures.
    fn alone(schema: &mut Value) {
        if let Some(object) = schema.as_object_mut() {
            let of_another = |it: &Value| it.as_str().is_some_and(|it| !it.starts_with('#'));
            if object.get("$ref").is_some_and(of_another) {
                object.remove("$ref");
            }
            object.values_mut().for_each(alone);
        } else if let Some(items) = schema.as_array_mut() {
            items.iter_mut().for_each(alone);
        }
    }

    #[test]
    fn the_document_keeps_the_schema_of_cyclonedx() {
        let file = root().join("tests/npm/node_modules/cyclonedx-1.5.schema.json");
        let Ok(schema) = fs::read_to_string(file) else {
            assert!(
                std::env::var_os("ROLLGUARD_REAL_CLUSTER").is_none(),
                "the schema of CycloneDX is not there: `npm ci` in tests/npm"
            );
            println!("{LEFT_OUT}the schema of CycloneDX: it is not installed");
            return;
        };
        let mut schema: Value = serde_json::from_str(&schema).unwrap();
        alone(&mut schema);
        let schema = jsonschema::validator_for(&schema).unwrap();
        let bom: Value =
            serde_json::from_str(&document(&["linux-x64".to_owned()]).unwrap()).unwrap();
        let told: Vec<String> = schema
            .iter_errors(&bom)
            .map(|error| error.to_string())
            .collect();
        assert!(told.is_empty(), "{told:?}");
        let mut broken = bom;
        broken["components"][0]["type"] = json!("crate");
        assert!(!schema.is_valid(&broken));
    }

    #[test]
    fn the_real_tree_has_a_licence_and_a_checksum_for_every_foreign_crate() {
        let text = document(&["linux-x64".to_owned()]).unwrap();
        let bom: Value = serde_json::from_str(&text).unwrap();
        let components = bom["components"].as_array().unwrap();
        assert!(components.len() > 100, "{}", components.len());
        for it in components {
            let own = it["name"].as_str().unwrap().starts_with("rollguard");
            assert_eq!(it.get("hashes").is_none(), own, "{it:#}");
        }
        assert_eq!(text, document(&["linux-x64".to_owned()]).unwrap());
    }
}
