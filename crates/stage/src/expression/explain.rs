//! Why a condition is false, in one line.

use super::Expression;
use super::evaluate::{Context, evaluate};
use super::function::Function;
use super::parser::{Node, NodeKind};

/// The smallest part of `expression` that makes it false, with the values it saw.
///
/// Yields an empty string for a condition that is true or cannot be evaluated.
pub(crate) fn why_false(expression: &Expression, context: &dyn Context) -> String {
    let mut reasons = Vec::new();
    collect(expression.source(), &expression.root, context, &mut reasons);
    reasons.join("; ")
}

fn collect(source: &str, node: &Node, context: &dyn Context, reasons: &mut Vec<String>) {
    if !evaluate(node, context).is_ok_and(|value| !value.is_truthy()) {
        return;
    }
    match &node.kind {
        // Evaluation stops at the first false one, and so does the explanation.
        NodeKind::Call {
            function: Function::And,
            arguments,
        } => {
            let first_false = arguments
                .iter()
                .find(|argument| evaluate(argument, context).is_ok_and(|value| !value.is_truthy()));
            if let Some(argument) = first_false {
                collect(source, argument, context, reasons);
            }
        }
        NodeKind::Call {
            function: Function::Or,
            arguments,
        } => {
            for argument in arguments {
                collect(source, argument, context, reasons);
            }
        }
        NodeKind::Call {
            function: Function::Not,
            arguments,
        } => {
            let inner = arguments
                .first()
                .map_or("", |argument| text(source, argument));
            reasons.push(format!("`{inner}` is true"));
        }
        NodeKind::Literal(_)
        | NodeKind::Named(_)
        | NodeKind::Index { .. }
        | NodeKind::Wildcard { .. }
        | NodeKind::Call { .. } => reasons.push(leaf(source, node, context)),
    }
}

/// `X` is false: `a.b` is 'c'
fn leaf(source: &str, node: &Node, context: &dyn Context) -> String {
    let mut lookups = Vec::new();
    if let NodeKind::Call { arguments, .. } = &node.kind {
        for argument in arguments {
            gather(source, argument, context, &mut lookups);
        }
    }
    let whole = text(source, node);
    if lookups.is_empty() {
        format!("`{whole}` is false")
    } else {
        format!("`{whole}` is false: {}", lookups.join(", "))
    }
}

fn gather(source: &str, node: &Node, context: &dyn Context, lookups: &mut Vec<String>) {
    match &node.kind {
        NodeKind::Index { .. } | NodeKind::Wildcard { .. } | NodeKind::Named(_) => {
            if let Ok(value) = evaluate(node, context) {
                lookups.push(format!("`{}` is {value}", text(source, node)));
            }
        }
        NodeKind::Call { arguments, .. } => {
            for argument in arguments {
                gather(source, argument, context, lookups);
            }
        }
        NodeKind::Literal(_) => {}
    }
}

fn text<'a>(source: &'a str, node: &Node) -> &'a str {
    source.get(node.span.clone()).unwrap_or_default()
}
