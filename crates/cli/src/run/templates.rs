//! `rollguard templates`: the templates that are compiled into the binary.

use std::path::{Component, Path};

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
        stage: in_repository(folder),
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
    let next = [
        Line::styled(Style::Strong, "next: ").then(
            Style::Plain,
            "commit the files, and add the stage to the `stages:` of your pipeline:",
        ),
        Line::plain(format!("  - template: {}", exported.stage)),
        Line::styled(
            Style::Dim,
            "  it needs the extension with the task Rollguard@1 in your organisation: docs/installing.md",
        ),
        Line::styled(
            Style::Dim,
            "  its parameters: rollguard templates list -o json, or the file itself",
        ),
    ];
    written.chain(unchanged).chain(next).collect()
}

/// Returns how a pipeline refers to the stage: by its path from the root of the repository, which is taken for the folder
/// in which the command runs.
fn in_repository(folder: &Path) -> String {
    let names = folder.components().filter_map(|it| match it {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            None
        }
    });
    let names: Vec<String> = names.collect();
    let is_below = folder
        .components()
        .all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    // Where the root of the repository is cannot be known then.
    let above = names.len().saturating_sub(1);
    let names = if is_below {
        names.as_slice()
    } else {
        names.get(above..).unwrap_or_default()
    };
    let parts = [""].into_iter().chain(names.iter().map(String::as_str));
    parts.chain([STAGE_PATH]).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_refers_to_the_stage_from_the_root_of_its_repository() {
        let rows = [
            ("pipelines", "/pipelines/stages/aks-health-and-rollback.yml"),
            (
                "./ci/rollguard/",
                "/ci/rollguard/stages/aks-health-and-rollback.yml",
            ),
            (".", "/stages/aks-health-and-rollback.yml"),
            (
                "/home/a/repo/pipelines",
                "/pipelines/stages/aks-health-and-rollback.yml",
            ),
        ];
        for (folder, expected) in rows {
            assert_eq!(in_repository(Path::new(folder)), expected, "{folder}");
        }
    }
}
