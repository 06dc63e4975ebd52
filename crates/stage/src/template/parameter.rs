//! The parameters of a template: what it takes, and what it was given.

use super::fields::Fields;
use crate::error::Problems;
use crate::expression::{Value, same};

/// One parameter of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name; lookups ignore case.
    pub name: String,
    /// The type of its value.
    pub kind: ParameterType,
    /// The same as the template writes it.
    pub type_name: String,
    /// The value it has when none is given; `None` makes it required.
    pub default: Option<Value>,
    /// The values it may have; empty allows all.
    pub values: Vec<Value>,
}

/// The parameter types that the local runner knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// Text; numbers and booleans are taken as text.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Anything, nested as deep as needed.
    Object,
    /// A list of texts.
    StringList,
    /// A list of stages, jobs or steps.
    List,
}

impl ParameterType {
    fn named(name: &str) -> Option<Self> {
        [
            ("string", Self::String),
            ("number", Self::Number),
            ("boolean", Self::Boolean),
            ("object", Self::Object),
            ("stringList", Self::StringList),
            ("stageList", Self::List),
            ("jobList", Self::List),
            ("stepList", Self::List),
        ]
        .into_iter()
        .find(|(known, _)| same(known, name))
        .map(|(_, kind)| kind)
    }

    /// The value as this type, or what would fit instead.
    fn accept(self, value: &Value) -> Result<Value, &'static str> {
        let text = || value.to_text().filter(|_| !matches!(value, Value::Null));
        match self {
            Self::Object => Ok(value.clone()),
            Self::String => text().map(Value::text).ok_or("a string"),
            Self::Number => {
                let number = text().and_then(|text| Value::text(text).to_number());
                number.map(Value::Number).ok_or("a number")
            }
            Self::Boolean => match text() {
                Some(text) if same(&text, "true") => Ok(Value::Bool(true)),
                Some(text) if same(&text, "false") => Ok(Value::Bool(false)),
                _ => Err("`true` or `false`"),
            },
            Self::StringList => {
                let texts = |items: &[Value]| items.iter().all(|item| item.to_text().is_some());
                let fits = matches!(value, Value::Array(items) if texts(items));
                fits.then(|| value.clone()).ok_or("a list of strings")
            }
            Self::List => matches!(value, Value::Array(_))
                .then(|| value.clone())
                .ok_or("a list"),
        }
    }
}

/// Reads the `parameters:` of a template.
pub(super) fn read(list: &Value, problems: &mut Problems<'_>) -> Vec<Parameter> {
    let Value::Array(items) = list else {
        problems.add(
            "parameters",
            "parameters:",
            format!("found {}, expected a list", list.kind()),
        );
        return Vec::new();
    };
    let mut parameters: Vec<Parameter> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let path = format!("parameters[{at}]");
        let Some(parameter) = one(item, &path, problems) else {
            continue;
        };
        if parameters
            .iter()
            .any(|known| same(&known.name, &parameter.name))
        {
            problems.add(&path, "", format!("`{}` is declared twice", parameter.name));
        }
        parameters.push(parameter);
    }
    parameters
}

fn one(item: &Value, path: &str, problems: &mut Problems<'_>) -> Option<Parameter> {
    let known = &["name", "displayName", "type", "default", "values"];
    let fields = Fields::read(item, path, known, problems)?;
    let name = fields.required("name", problems)?;
    let type_name = fields
        .text("type", problems)
        .unwrap_or_else(|| "string".to_owned());
    let Some(kind) = ParameterType::named(&type_name) else {
        let what = format!("found the type `{type_name}`, which is not known to the local runner");
        problems.add(&fields.path("type"), &format!("type: {type_name}"), what);
        return None;
    };
    let default = fields.get("default").map(|value| {
        kind.accept(value).unwrap_or_else(|expected| {
            let what = format!("found {value}, expected {expected}");
            problems.add(&fields.path("default"), "", what);
            value.clone()
        })
    });
    let values = match fields.get("values") {
        None => Vec::new(),
        Some(Value::Array(values)) => values.clone(),
        Some(other) => {
            let what = format!("found {}, expected a list", other.kind());
            problems.add(&fields.path("values"), "", what);
            Vec::new()
        }
    };
    Some(Parameter {
        name,
        kind,
        type_name,
        default,
        values,
    })
}

/// Checks the given values against what the template takes and fills in the defaults.
pub(super) fn bind(
    parameters: &[Parameter],
    given: &[(String, Value)],
    problems: &mut Problems<'_>,
) -> Value {
    for (name, _) in given {
        if !parameters
            .iter()
            .any(|parameter| same(&parameter.name, name))
        {
            problems.add(name, "", "is not a parameter of this template");
        }
    }
    let mut bound = Vec::new();
    for parameter in parameters {
        let given = given.iter().find(|(name, _)| same(name, &parameter.name));
        let value = match (given, &parameter.default) {
            (Some((_, value)), _) => accept(parameter, value, problems),
            (None, Some(default)) => default.clone(),
            (None, None) => {
                problems.add(&parameter.name, "", "is missing, and it has no default");
                continue;
            }
        };
        bound.push((parameter.name.clone(), value));
    }
    Value::Object(bound)
}

fn accept(parameter: &Parameter, value: &Value, problems: &mut Problems<'_>) -> Value {
    let accepted = match parameter.kind.accept(value) {
        Ok(accepted) => accepted,
        Err(expected) => {
            problems.add(
                &parameter.name,
                "",
                format!("found {value}, expected {expected}"),
            );
            return Value::Null;
        }
    };
    if !parameter.values.is_empty() && !parameter.values.iter().any(|one| accepted.equals(one)) {
        let allowed: Vec<_> = parameter.values.iter().map(Value::to_string).collect();
        let what = format!("found {value}, expected one of {}", allowed.join(", "));
        problems.add(&parameter.name, "", what);
    }
    accepted
}
