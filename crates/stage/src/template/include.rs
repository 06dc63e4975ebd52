//! `- template:` in a list: another template takes its place.

use std::collections::BTreeMap;

use super::{Template, parameter};
use crate::error::{Problems, TemplateError};
use crate::expression::Value;

/// How deep templates may include one another
/// (<https://learn.microsoft.com/azure/devops/pipelines/process/templates>, "template limits").
const DEEPEST: usize = 20;

/// Where a template stands, and which others there are.
#[derive(Clone)]
pub(super) struct Place<'a> {
    /// Where its content stands in the whole, such as `stages[0].jobs`.
    pub(super) at: String,
    folder: String,
    files: &'a BTreeMap<String, String>,
    depth: usize,
}

impl<'a> Place<'a> {
    pub(super) fn new(path: &str, files: &'a BTreeMap<String, String>, at: &str) -> Self {
        Self {
            at: at.to_owned(),
            folder: folder(path),
            files,
            depth: 0,
        }
    }

    fn below(&self, path: &str, at: &str) -> Self {
        Self {
            at: at.to_owned(),
            folder: folder(path),
            files: self.files,
            depth: self.depth + 1,
        }
    }

    /// The template that `reference` names, as seen from here, with its path.
    fn find(&self, reference: &str) -> Result<(&'a str, &'a str), String> {
        if let Some((_, repository)) = reference.split_once('@') {
            return Err(format!(
                "is in the repository `{repository}`, which is not known to the local runner"
            ));
        }
        let path = resolved(&self.folder, reference)
            .ok_or_else(|| format!("`{reference}` leaves the repository"))?;
        let found = self.files.get_key_value(&path);
        let (path, text) = found.ok_or_else(|| format!("there is no template `{path}`"))?;
        Ok((path, text))
    }
}

/// A template that takes the place of a list item.
pub(super) struct Included<'a> {
    /// What it holds, not yet expanded.
    pub(super) body: Value,
    /// Its parameters.
    pub(super) values: Value,
    /// Where it stands.
    pub(super) place: Place<'a>,
    /// Its path.
    pub(super) file: &'a str,
}

/// The template that a list item with the key `template` names.
pub(super) fn find<'a>(
    item: &[(String, Value)],
    path: &str,
    place: &Place<'a>,
    problems: &mut Problems<'a>,
) -> Option<Included<'a>> {
    let get = |key: &str| {
        item.iter()
            .find(|(known, _)| known == key)
            .map(|(_, it)| it)
    };
    let reference = get("template").and_then(Value::to_text).unwrap_or_default();
    let here = format!("{path}.template");
    let quote = format!("template: {reference}");
    for (key, _) in item {
        if !["template", "parameters"].contains(&key.as_str()) {
            problems.add(path, "", format!("found `{key}` beside `template`"));
        }
    }
    if place.depth == DEEPEST {
        let what = format!("is more than {DEEPEST} templates deep");
        problems.add(&here, &quote, what);
        return None;
    }
    let (file, text) = match place.find(&reference) {
        Ok(found) => found,
        Err(what) => {
            problems.add(&here, &quote, what);
            return None;
        }
    };
    let template = match Template::parse(file, text) {
        Ok(template) => template,
        Err(TemplateError::Yaml { source, .. }) => {
            problems.add(&here, &quote, format!("`{file}` is no YAML: {source}"));
            return None;
        }
        Err(error) => {
            for problem in error.problems() {
                let mut problem = problem.clone();
                problem.file = Some(file.to_owned());
                problems.push(problem);
            }
            return None;
        }
    };
    let given = match get("parameters") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Object(given)) => given,
        Some(other) => {
            let what = format!("found {}, expected a mapping", other.kind());
            problems.add(&format!("{path}.parameters"), "", what);
            &[]
        }
    };
    let mut unfit = Problems::of("");
    let values = parameter::bind(&template.parameters, given, &mut unfit);
    let unfit = unfit.into_found();
    if !unfit.is_empty() {
        for problem in unfit {
            let path = format!("{path}.parameters.{}", problem.path);
            problems.add(&path, "", format!("{} (`{file}`)", problem.what));
        }
        return None;
    }
    problems.include(file, text);
    Some(Included {
        body: template.body,
        values,
        place: place.below(file, path),
        file,
    })
}

fn folder(path: &str) -> String {
    path.rsplit_once('/')
        .map_or("", |(folder, _)| folder)
        .to_owned()
}

/// `reference` as a path from the root of the repository, seen from `folder`.
fn resolved(folder: &str, reference: &str) -> Option<String> {
    let (from, reference) = match reference.strip_prefix('/') {
        Some(rest) => ("", rest),
        None => (folder, reference),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(reference.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file_that_refers() {
        let rows = [
            ("stages", "../jobs/a.yml", Some("jobs/a.yml")),
            ("stages", "b.yml", Some("stages/b.yml")),
            ("stages", "/steps/c.yml", Some("steps/c.yml")),
            ("", "steps/./c.yml", Some("steps/c.yml")),
            ("stages", "../../a.yml", None),
        ];
        for (folder, reference, expected) in rows {
            let found = resolved(folder, reference);
            assert_eq!(found.as_deref(), expected, "{reference} from {folder}");
        }
    }
}
