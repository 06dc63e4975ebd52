//! A stage template: its parameters, and its stages once they are filled in.

mod approval;
mod check;
mod expand;
mod fields;
mod include;
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
use include::Place;

/// A template that was read but not yet filled in.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    source: String,
    parameters: Vec<Parameter>,
    holds: &'static str,
    body: Value,
    files: BTreeMap<String, String>,
}

/// What a template may hold, besides its parameters.
const BODIES: [&str; 4] = ["stages", "jobs", "steps", "extends"];

impl Template {
    /// Reads the text of a template; `name` is how messages call it, and the path from which it refers
    /// to others.
    ///
    /// # Errors
    /// No YAML, or not the `parameters` and the `stages`, `jobs`, `steps` or `extends` of a template.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let yaml: serde_yaml::Value =
            serde_yaml::from_str(text).map_err(|source| TemplateError::Yaml {
                name: name.to_owned(),
                source,
            })?;
        let mut problems = Problems::of(text);
        let root = yaml::read(&yaml, "", &mut problems);
        let mut parameters = Vec::new();
        let (mut holds, mut body) = ("stages", Value::Null);
        let known: Vec<&str> = ["parameters"].into_iter().chain(BODIES).collect();
        if let Some(fields) = Fields::read(&root, "", &known, &mut problems) {
            parameters = fields
                .get("parameters")
                .map(|list| parameter::read(list, &mut problems))
                .unwrap_or_default();
            let mut bodies = BODIES
                .into_iter()
                .filter_map(|key| Some((key, fields.get(key)?)));
            if let Some((key, value)) = bodies.next() {
                (holds, body) = (key, value.clone());
            }
            if let Some((other, _)) = bodies.next() {
                let what = format!("found beside `{holds}`, expected one of them");
                problems.add(other, &format!("{other}:"), what);
            }
        }
        if matches!(body, Value::Null) {
            let what = "is missing; a template holds `stages`, `jobs`, `steps` or `extends`";
            problems.add("stages", "", what);
        }
        if holds == "extends" {
            // What a pipeline extends takes the place of its stages.
            (holds, body) = ("stages", Value::Array(vec![body]));
        }
        let found = problems.into_found();
        if found.is_empty() {
            return Ok(Self {
                name: name.to_owned(),
                source: text.to_owned(),
                parameters,
                holds,
                body,
                files: BTreeMap::new(),
            });
        }
        Err(TemplateError::Template {
            name: name.to_owned(),
            problems: found,
        })
    }

    /// Lets it refer to these templates, by path.
    #[must_use]
    pub fn among<'a>(mut self, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files.into_iter();
        self.files
            .extend(files.map(|(path, text)| (path.to_owned(), text.to_owned())));
        self
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
        let mut problems = Problems::of(&self.source);
        let expanded = self.filled(parameters, &mut problems)?;
        if self.holds != "stages" {
            let what = format!("found `{}`: only stages can be walked", self.holds);
            problems.add("", &format!("{}:", self.holds), what);
        }
        let stages = read::stages(&expanded, &mut problems);
        for (at, stage) in stages.iter().enumerate() {
            check::stage(stage, &format!("stages[{at}]"), &mut problems);
        }
        self.without_problems(problems)?;
        Ok(stages)
    }

    /// Fills in the parameters and yields what the template holds, as Azure Pipelines would read it.
    ///
    /// # Errors
    /// As [`Template::expand`], as far as the expressions are concerned.
    pub fn expansion(
        &self,
        parameters: &BTreeMap<String, serde_json::Value>,
    ) -> Result<serde_yaml::Value, TemplateError> {
        let mut problems = Problems::of(&self.source);
        let expanded = self.filled(parameters, &mut problems)?;
        self.without_problems(problems)?;
        let whole = Value::Object(vec![(self.holds.to_owned(), expanded)]);
        Ok(yaml::write(&whole))
    }

    fn filled<'a>(
        &'a self,
        parameters: &BTreeMap<String, serde_json::Value>,
        problems: &mut Problems<'a>,
    ) -> Result<Value, TemplateError> {
        let given: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value)))
            .collect();
        let mut unfit = Problems::of("");
        let values = parameter::bind(&self.parameters, &given, &mut unfit);
        self.parameters_fit(unfit.into_found())?;
        let place = Place::new(&self.name, &self.files, self.holds);
        let filled = expand::expand(&self.body, &values, &place, problems);
        Ok(filled)
    }

    fn without_problems(&self, problems: Problems<'_>) -> Result<(), TemplateError> {
        let problems = problems.into_found();
        if problems.is_empty() {
            return Ok(());
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
