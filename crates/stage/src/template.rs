//! A stage template: its parameters, and its stages once they are filled in.

mod approval;
mod check;
mod expand;
mod fields;
mod parameter;
mod read;
mod yaml;

use std::collections::BTreeMap;

pub(crate) use check::ancestors;
pub use parameter::{Parameter, ParameterType};

use crate::error::{Problem, Problems, TemplateError};
use crate::expression::Value;
use crate::model::Stage;
use fields::Fields;

/// A stage template that was read but not yet filled in.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    source: String,
    parameters: Vec<Parameter>,
    stages: Value,
}

impl Template {
    /// Reads the text of a stage template; `name` is how messages call it.
    ///
    /// # Errors
    /// No YAML, or not the `parameters` and `stages` of a stage template.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let yaml: serde_yaml::Value =
            serde_yaml::from_str(text).map_err(|source| TemplateError::Yaml {
                name: name.to_owned(),
                source,
            })?;
        let mut problems = Problems::of(text);
        let root = yaml::read(&yaml, "", &mut problems);
        let mut parameters = Vec::new();
        let mut stages = Value::Null;
        if let Some(fields) = Fields::read(&root, "", &["parameters", "stages"], &mut problems) {
            parameters = fields
                .get("parameters")
                .map(|list| parameter::read(list, &mut problems))
                .unwrap_or_default();
            stages = fields.get("stages").cloned().unwrap_or(Value::Null);
        }
        if matches!(stages, Value::Null) {
            problems.add(
                "stages",
                "",
                "is missing: only stage templates can be walked",
            );
        }
        let found = problems.into_found();
        if found.is_empty() {
            return Ok(Self {
                name: name.to_owned(),
                source: text.to_owned(),
                parameters,
                stages,
            });
        }
        Err(TemplateError::Template {
            name: name.to_owned(),
            problems: found,
        })
    }

    /// How messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters it takes, in the order of the file.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Fills in the parameters and yields the stages.
    ///
    /// # Errors
    /// All parameters that are missing, unknown or of the wrong type at once; or everything in the
    /// template that Azure Pipelines would reject or the local runner does not know.
    pub fn expand(
        &self,
        parameters: &BTreeMap<String, serde_json::Value>,
    ) -> Result<Vec<Stage>, TemplateError> {
        let mut problems = Problems::of("");
        let values = parameter::bind(&self.parameters, parameters, &mut problems);
        self.parameters_fit(problems.into_found())?;
        let mut problems = Problems::of(&self.source);
        let expanded = expand::expand(&self.stages, "stages", &values, &mut problems);
        let stages = read::stages(&expanded, &mut problems);
        for (at, stage) in stages.iter().enumerate() {
            check::stage(stage, &format!("stages[{at}]"), &mut problems);
        }
        let problems = problems.into_found();
        if problems.is_empty() {
            return Ok(stages);
        }
        Err(TemplateError::Template {
            name: self.name.clone(),
            problems,
        })
    }

    fn parameters_fit(&self, problems: Vec<Problem>) -> Result<(), TemplateError> {
        if problems.is_empty() {
            return Ok(());
        }
        let takes = self
            .parameters
            .iter()
            .map(|parameter| parameter.name.clone())
            .collect();
        Err(TemplateError::Parameters {
            name: self.name.clone(),
            problems,
            takes,
        })
    }
}

#[cfg(test)]
mod tests;
