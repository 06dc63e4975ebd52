//! `rollguard templates`: the templates that are compiled into the binary.

use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use rollguard_agent::Outcome;
use rollguard_core::report::{Line, Style};
use rollguard_stage::{CATALOG_SCHEMA_VERSION, Catalog, Exported, SHIPPED, STAGE_PATH};

use crate::console::Console;
use crate::failure::Failure;
use crate::output_form::{OutputForm, harmless_json};

/// Names the templates.
pub(crate) fn list(form: OutputForm, console: &mut Console) -> Result<Outcome, Failure> {
    if form.is_for_programs() {
        let catalog = Catalog::shipped().map_err(anyhow::Error::from)?;
        console.document(&harmless_json(serde_json::to_string_pretty(&catalog))?);
    } else {
        for (path, _) in SHIPPED {
            console.document(path);
        }
    }
    Ok(Outcome::Succeeded)
}

/// Writes the templates below a folder. A file that is there and differs is not overwritten, and nothing is
/// written then: they belong together.
pub(crate) fn export(
    folder: &Path,
    form: OutputForm,
    console: &mut Console,
) -> Result<Outcome, Failure> {
    let mut exported = Exported {
        schema_version: CATALOG_SCHEMA_VERSION,
        stage: reference(folder),
        ..Exported::default()
    };
    let mut missing = Vec::new();
    for (path, text) in SHIPPED {
        let target = folder.join(path);
        let name = target.display().to_string();
        match std::fs::read(&target) {
            Ok(known) if known == text.as_bytes() => exported.unchanged.push(name),
            // What cannot be read is there as well, and writing says why.
            Ok(_) => exported.differing.push(name),
            Err(_) => missing.push((target, *text)),
        }
    }
    if !exported.differing.is_empty() {
        let failure = differing(&exported.differing);
        if !form.is_for_programs() {
            return Err(failure);
        }
        exported.exit_code = failure.outcome.exit_code();
        console.lines(&failure.lines());
        console.document(&harmless_json(serde_json::to_string_pretty(&exported))?);
        return Ok(failure.outcome);
    }
    let mut parents = missing.iter().filter_map(|(target, _)| target.parent());
    if let Some(failure) = parents.find_map(file_in_the_way) {
        return Err(failure);
    }
    for (target, text) in missing {
        let parent = target.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("failed to create `{}`", parent.display()))?;
        std::fs::write(&target, text)
            .with_context(|| format!("failed to write `{}`", target.display()))?;
        exported.written.push(target.display().to_string());
    }
    console.lines(&lines(&exported));
    if form.is_for_programs() {
        console.document(&harmless_json(serde_json::to_string_pretty(&exported))?);
    }
    Ok(Outcome::Succeeded)
}

fn differing(paths: &[String]) -> Failure {
    let messages = paths.iter();
    let messages = messages.map(|path| format!("`{path}` exists and differs"));
    Failure::of(Outcome::BadInput, messages.collect())
        .hint("move it away, or export to another folder")
}

/// Returns the files, and how a pipeline refers to the stage among them.
fn lines(exported: &Exported) -> Vec<Line> {
    let line =
        |style, word: &str, path: &String| Line::styled(style, word).then(Style::Plain, path);
    let written = exported.written.iter();
    let written = written.map(|it| line(Style::Good, "wrote ", it));
    let unchanged = exported.unchanged.iter();
    let unchanged = unchanged.map(|it| line(Style::Dim, "unchanged ", it));
    written
        .chain(unchanged)
        .chain(next(&exported.stage))
        .collect()
}

fn next(stage: &str) -> Vec<Line> {
    let title = Line::styled(Style::Strong, "next: ");
    if stage.is_empty() {
        let text = "copy the folder into the repository of your pipeline: it is in no Git repository, so that no pipeline can \
                    refer to the stage";
        return vec![title.then(Style::Plain, text)];
    }
    let text = "commit the files, and add the stage to the `stages:` of your pipeline:";
    let with_values = PARAMETERS
        .iter()
        .map(|(name, value)| Line::plain(format!("      {name}: {value}")));
    let more = [
        format!(
            "  it needs the extension with the task Rollguard@1 in your organisation: {INSTALLING}"
        ),
        "  its other parameters: rollguard templates list -o json, or the file itself".to_owned(),
    ];
    let more = more.map(|it| Line::styled(Style::Dim, it));
    [
        title.then(Style::Plain, text),
        Line::plain(format!("  - template: {stage}")),
        Line::plain("    parameters:"),
    ]
    .into_iter()
    .chain(with_values)
    .chain(more)
    .collect()
}

/// The parameters that a stage needs at least, with values to replace.
const PARAMETERS: [(&str, &str); 6] = [
    ("environment", "Production"),
    ("azureServiceConnection", "my-service-connection"),
    ("aksName", "my-cluster"),
    ("aksRg", "my-resource-group"),
    ("namespace", "shop"),
    ("deploymentName", "web"),
];

/// The page for users; their repository does not have it.
const INSTALLING: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/blob/main/docs/installing.md"
);

/// Returns the failure where a folder cannot be made because a file stands in its way.
fn file_in_the_way(folder: &Path) -> Option<Failure> {
    let known = folder.ancestors().find(|it| it.exists())?;
    (!known.is_dir()).then(|| {
        let message = format!("`{}` is a file, not a folder", known.display());
        Failure::new(Outcome::BadInput, message).hint("name another folder")
    })
}

/// Returns how a pipeline refers to the stage: by its path from the root of the repository. Empty where there is none.
fn reference(folder: &Path) -> String {
    match root_of_repository(folder) {
        Some((root, folder)) => {
            let below = folder.strip_prefix(&root);
            from_root(below.unwrap_or(&folder))
        }
        None if is_below_here(folder) => from_root(folder),
        None => String::new(),
    }
}

/// Returns the root of the repository that holds a folder, and the folder, both without links and `..`.
fn root_of_repository(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let absolute = std::path::absolute(folder).ok()?;
    // The folder may not be there yet.
    let known = absolute.ancestors().find(|it| it.is_dir())?;
    let rest = absolute.strip_prefix(known).ok()?;
    let whole = known.canonicalize().ok()?.join(rest);
    // In a work tree `.git` is a file.
    let root = whole.ancestors().find(|it| it.join(".git").exists())?;
    Some((root.to_owned(), whole.clone()))
}

/// Returns whether a path leads from here downwards. Outside a repository, here is taken for its root.
fn is_below_here(folder: &Path) -> bool {
    folder
        .components()
        .all(|it| matches!(it, Component::Normal(_) | Component::CurDir))
}

fn from_root(folder: &Path) -> String {
    let names = folder.components().filter_map(|it| match it {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            None
        }
    });
    let parts = std::iter::once(String::new()).chain(names);
    parts
        .chain([STAGE_PATH.to_owned()])
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rollguard_stage::shipped_stage;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_pipeline_refers_to_the_stage_from_the_root_of_its_repository() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        std::fs::create_dir_all(at("repo/.git")).unwrap();
        std::fs::create_dir_all(at("repo/sub")).unwrap();
        std::fs::create_dir_all(at("tree")).unwrap();
        std::fs::write(at("tree/.git"), "gitdir: elsewhere").unwrap();
        let rows = [
            ("repo", "/stages/"),
            ("repo/pipelines", "/pipelines/stages/"),
            ("repo/sub/here", "/sub/here/stages/"),
            ("repo/sub/../ci", "/ci/stages/"),
            ("tree/ci", "/ci/stages/"),
            ("outside", ""),
        ];
        for (folder, expected) in rows {
            let said = reference(&at(folder));
            let expected = if expected.is_empty() {
                String::new()
            } else {
                format!("{expected}aks-health-and-rollback.yml")
            };
            assert_eq!(said, expected, "{folder}");
        }
    }

    #[test]
    fn outside_a_repository_the_working_folder_is_taken_for_its_root() {
        let rows = [
            ("pipelines", "/pipelines/stages/aks-health-and-rollback.yml"),
            (
                "./ci/rollguard/",
                "/ci/rollguard/stages/aks-health-and-rollback.yml",
            ),
            (".", "/stages/aks-health-and-rollback.yml"),
        ];
        for (folder, expected) in rows {
            assert!(is_below_here(Path::new(folder)), "{folder}");
            assert_eq!(from_root(Path::new(folder)), expected, "{folder}");
        }
        assert!(!is_below_here(Path::new("/home/a/pipelines")));
        assert!(!is_below_here(Path::new("../pipelines")));
    }

    #[test]
    fn the_printed_stage_has_all_that_the_template_demands() {
        let parameters: BTreeMap<String, Value> = PARAMETERS
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        let stages = shipped_stage().unwrap().expand(&parameters).unwrap();
        assert_eq!(stages.len(), 1);
        let text: Vec<String> = next("/a.yml").iter().map(Line::text).collect();
        let text = text.join("\n");
        assert!(text.contains("\n      environment: Production\n"), "{text}");
        assert!(text.contains("\n      namespace: shop\n"), "{text}");
        assert!(text.contains("https://"), "{text}");
    }
}
