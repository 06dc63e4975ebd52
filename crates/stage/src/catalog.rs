//! The shipped templates as data: what each is for, and which parameters it takes.

use serde::Serialize;
use serde_json::Value;

use crate::error::TemplateError;
use crate::shipped::{SHIPPED, STAGE_PATH};
use crate::template::{Parameter, Template};

/// The version of the document; it rises when a reader would have to change.
pub const CATALOG_SCHEMA_VERSION: u32 = 1;

/// The shipped templates.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// The version of this form; it rises when a reader would have to change.
    pub schema_version: u32,
    /// Each template.
    pub templates: Vec<CatalogEntry>,
}

/// A shipped template.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogEntry {
    /// The name of its file, without the ending.
    pub name: String,
    /// Its path below the folder to which it is exported.
    pub path: &'static str,
    /// What it is for, in the words of the file.
    pub purpose: String,
    /// Whether it is the stage of the README.
    pub is_main: bool,
    /// Its parameters, in the order of the file.
    pub parameters: Vec<CatalogParameter>,
}

/// A parameter of a template.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogParameter {
    /// Its name.
    pub name: String,
    /// The type of its value, in the words of Azure Pipelines.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether it must be given.
    pub required: bool,
    /// The value it has if none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The values it may have, if not all are allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// The version of this form; it rises when a reader would have to change.
    pub schema_version: u32,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The files that were written.
    pub written: Vec<String>,
    /// The files that were there already, as they are shipped.
    pub unchanged: Vec<String>,
    /// The files that are there and differ. If there is one, nothing is written.
    pub differing: Vec<String>,
    /// The stage of the README, as a pipeline refers to it; empty where the folder is in no repository.
    pub stage: String,
}

impl Catalog {
    /// Reads the shipped templates.
    ///
    /// # Errors
    /// None in what is released: a test reads them.
    pub fn shipped() -> Result<Self, TemplateError> {
        let templates = SHIPPED.iter().map(|(path, text)| entry(path, text));
        Ok(Self {
            schema_version: CATALOG_SCHEMA_VERSION,
            templates: templates.collect::<Result<_, _>>()?,
        })
    }
}

fn entry(path: &'static str, text: &str) -> Result<CatalogEntry, TemplateError> {
    let template = Template::parse(path, text)?;
    let file = path.rsplit('/').next().unwrap_or(path);
    Ok(CatalogEntry {
        name: file.strip_suffix(".yml").unwrap_or(file).to_owned(),
        path,
        purpose: purpose(text),
        is_main: path == STAGE_PATH,
        parameters: template.parameters().iter().map(parameter).collect(),
    })
}

fn parameter(it: &Parameter) -> CatalogParameter {
    CatalogParameter {
        name: it.name.clone(),
        type_name: it.type_name.clone(),
        required: it.default.is_none(),
        default: it.default.as_ref().map(crate::Value::to_json),
        values: it.values.iter().map(crate::Value::to_json).collect(),
    }
}

/// Returns the first paragraph of the comment at the top of a template.
fn purpose(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#'));
    let lines = lines.map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_template_has_a_purpose_and_its_parameters() {
        let catalog = Catalog::shipped().unwrap();
        let mains = catalog.templates.iter().filter(|it| it.is_main);
        let mains: Vec<&str> = mains.map(|it| it.name.as_str()).collect();
        assert_eq!(mains, ["aks-health-and-rollback"]);
        for it in &catalog.templates {
            assert!(
                it.purpose.ends_with(['.', ':']),
                "{}: {}",
                it.path,
                it.purpose
            );
            assert!(!it.purpose.contains('#'), "{}: {}", it.path, it.purpose);
            assert!(!it.parameters.is_empty(), "{}", it.path);
        }
        let stage = catalog.templates.iter().find(|it| it.is_main).unwrap();
        let named = |name: &str| stage.parameters.iter().find(|it| it.name == name).unwrap();
        let environment = named("environment");
        assert!(environment.required && environment.default.is_none());
        assert_eq!(environment.type_name, "string");
        let force = named("useClusterAdmin");
        assert_eq!(force.type_name, "boolean");
        assert_eq!(force.default, Some(Value::Bool(false)));
        assert!(named("connectionType").values.len() > 1);
    }
}
