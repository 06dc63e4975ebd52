//! The expression language of Azure Pipelines: `${{ … }}`, `$[ … ]` and conditions.
//!
//! Rules: <https://learn.microsoft.com/azure/devops/pipelines/process/expressions>.

mod error;
mod evaluate;
mod explain;
mod function;
pub(crate) mod functions;
mod lexer;
mod parser;
mod value;

pub use error::ExpressionError;
pub(crate) use evaluate::Context;
pub(crate) use explain::why_false;
pub use function::{Function, StatusFunction};
pub(crate) use parser::{Node, NodeKind};
pub use value::Value;
pub(crate) use value::same;

/// Which names and functions exist where an expression stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    names: Vec<String>,
    status: bool,
}

impl Scope {
    /// `${{ … }}`: parameters and the variables of the enclosing `each` loops.
    #[must_use]
    pub fn template(loop_variables: &[&str]) -> Self {
        let names = ["parameters"].iter().chain(loop_variables);
        Self {
            names: names.map(ToString::to_string).collect(),
            status: false,
        }
    }

    /// `condition:` of a job.
    #[must_use]
    pub fn job_condition() -> Self {
        Self {
            names: vec!["dependencies".into(), "variables".into()],
            status: true,
        }
    }

    /// `condition:` of a step: outputs of other jobs are not visible there.
    #[must_use]
    pub fn step_condition() -> Self {
        Self {
            names: vec!["variables".into()],
            status: true,
        }
    }

    /// `$[ … ]` as the value of a job's variable.
    #[must_use]
    pub fn runtime_variable() -> Self {
        Self {
            names: vec!["dependencies".into(), "variables".into()],
            status: false,
        }
    }
}

/// An expression that was read and whose names and functions are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    source: String,
    pub(crate) root: Node,
}

impl Expression {
    /// Reads an expression, without the `${{ }}` or `$[ ]` around it.
    ///
    /// # Errors
    /// Everything that Azure Pipelines would reject too, and functions the local runner lacks.
    pub fn parse(source: &str, scope: &Scope) -> Result<Self, ExpressionError> {
        let root = parser::parse(source, scope)?;
        Ok(Self {
            source: source.to_owned(),
            root,
        })
    }

    /// The text it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn evaluate(&self, context: &dyn Context) -> Result<Value, ExpressionError> {
        evaluate::evaluate(&self.root, context)
    }
}

#[cfg(test)]
mod tests;
