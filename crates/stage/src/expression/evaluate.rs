//! A tree to a value.

use super::error::ExpressionError;
use super::function::{Function, StatusFunction};
use super::functions;
use super::parser::{Node, NodeKind};
use super::value::Value;

/// The run in which an expression is evaluated.
pub(crate) trait Context {
    /// The named value, such as `parameters` or `dependencies`.
    fn named(&self, name: &str) -> Value;

    /// The answer of a job status check function; `jobs` are its arguments.
    ///
    /// # Errors
    /// A job that is not among the dependencies.
    fn status(&self, function: StatusFunction, jobs: &[String]) -> Result<bool, ExpressionError>;
}

/// A value, and whether it is a filtered array, over which an index maps.
struct Found {
    value: Value,
    filtered: bool,
}

/// Evaluates `node`.
pub(super) fn evaluate(node: &Node, context: &dyn Context) -> Result<Value, ExpressionError> {
    match &node.kind {
        NodeKind::Literal(value) => Ok(value.clone()),
        NodeKind::Named(name) => Ok(context.named(name)),
        NodeKind::Call {
            function,
            arguments,
        } => call(*function, arguments, context),
        NodeKind::Index { .. } | NodeKind::Wildcard { .. } => {
            find(node, context).map(|found| found.value)
        }
    }
}

fn find(node: &Node, context: &dyn Context) -> Result<Found, ExpressionError> {
    match &node.kind {
        NodeKind::Wildcard { of } => {
            let items = match evaluate(of, context)? {
                Value::Array(items) => items,
                Value::Object(entries) => entries.into_iter().map(|(_, value)| value).collect(),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Version(_)
                | Value::Text(_) => Vec::new(),
            };
            Ok(Found {
                value: Value::Array(items),
                filtered: true,
            })
        }
        NodeKind::Index { of, key } => {
            let key = evaluate(key, context)?;
            let of = find(of, context)?;
            let value = if let (Value::Array(items), true) = (&of.value, of.filtered) {
                Value::Array(items.iter().filter_map(|item| index(item, &key)).collect())
            } else {
                index(&of.value, &key).unwrap_or(Value::Null)
            };
            Ok(Found {
                value,
                filtered: of.filtered,
            })
        }
        NodeKind::Literal(_) | NodeKind::Named(_) | NodeKind::Call { .. } => Ok(Found {
            value: evaluate(node, context)?,
            filtered: false,
        }),
    }
}

/// Looking up what is not there is no error in this language: it yields null.
fn index(of: &Value, key: &Value) -> Option<Value> {
    match of {
        Value::Object(_) => of.get(&key.to_text()?).cloned(),
        Value::Array(items) => {
            let number = key.to_number()?;
            let position = items.iter().enumerate().find(|(position, _)| {
                // A list long enough to lose precision here does not fit a template.
                u32::try_from(*position)
                    .is_ok_and(|position| f64::from(position).total_cmp(&number.floor()).is_eq())
            });
            position.map(|(_, value)| value.clone())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Version(_) | Value::Text(_) => {
            None
        }
    }
}

/// Calls a function: those that need not evaluate all of their arguments first, the rest in
/// `functions`.
fn call(
    function: Function,
    arguments: &[Node],
    context: &dyn Context,
) -> Result<Value, ExpressionError> {
    match (function, arguments) {
        (Function::And, _) => {
            for argument in arguments {
                if !evaluate(argument, context)?.is_truthy() {
                    return Ok(Value::Bool(false));
                }
            }
            Ok(Value::Bool(true))
        }
        (Function::Or, _) => {
            for argument in arguments {
                if evaluate(argument, context)?.is_truthy() {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        (Function::Iif, [condition, yes, no]) => {
            let chosen = if evaluate(condition, context)?.is_truthy() {
                yes
            } else {
                no
            };
            evaluate(chosen, context)
        }
        (Function::Status(status), _) => {
            let jobs = arguments
                .iter()
                .map(|argument| functions::text(function, &evaluate(argument, context)?))
                .collect::<Result<Vec<_>, _>>()?;
            context.status(status, &jobs).map(Value::Bool)
        }
        _ => {
            let values = arguments
                .iter()
                .map(|argument| evaluate(argument, context))
                .collect::<Result<Vec<_>, _>>()?;
            functions::apply(function, &values)
        }
    }
}
