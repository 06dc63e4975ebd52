//! The functions of the expression language and how many arguments each takes.

use super::value::same;

/// A function of the language. Names ignore case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the function of that name")]
pub enum Function {
    And,
    Coalesce,
    Contains,
    ContainsValue,
    ConvertToJson,
    EndsWith,
    Eq,
    Format,
    Ge,
    Gt,
    Iif,
    In,
    Join,
    Le,
    Length,
    Lower,
    Lt,
    Ne,
    Not,
    NotIn,
    Or,
    Replace,
    Split,
    StartsWith,
    Trim,
    Upper,
    Xor,
    Status(StatusFunction),
}

/// A job status check function: it asks about jobs or steps that ran before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFunction {
    /// True, also when the run was canceled.
    Always,
    /// True when the run was canceled.
    Canceled,
    /// True when one before failed.
    Failed,
    /// True when all before succeeded, with or without issues.
    Succeeded,
    /// True unless the run was canceled.
    SucceededOrFailed,
}

/// Stands for "any number of arguments".
const MANY: usize = usize::MAX;

/// Function, name, least and most arguments.
const TABLE: &[(Function, &str, usize, usize)] = &[
    (Function::And, "and", 2, MANY),
    (Function::Coalesce, "coalesce", 2, MANY),
    (Function::Contains, "contains", 2, 2),
    (Function::ContainsValue, "containsValue", 2, 2),
    (Function::ConvertToJson, "convertToJson", 1, 1),
    (Function::EndsWith, "endsWith", 2, 2),
    (Function::Eq, "eq", 2, 2),
    (Function::Format, "format", 1, MANY),
    (Function::Ge, "ge", 2, 2),
    (Function::Gt, "gt", 2, 2),
    (Function::Iif, "iif", 3, 3),
    (Function::In, "in", 1, MANY),
    (Function::Join, "join", 2, 2),
    (Function::Le, "le", 2, 2),
    (Function::Length, "length", 1, 1),
    (Function::Lower, "lower", 1, 1),
    (Function::Lt, "lt", 2, 2),
    (Function::Ne, "ne", 2, 2),
    (Function::Not, "not", 1, 1),
    (Function::NotIn, "notIn", 1, MANY),
    (Function::Or, "or", 2, MANY),
    (Function::Replace, "replace", 3, 3),
    (Function::Split, "split", 2, 2),
    (Function::StartsWith, "startsWith", 2, 2),
    (Function::Trim, "trim", 1, 1),
    (Function::Upper, "upper", 1, 1),
    (Function::Xor, "xor", 2, 2),
    (Function::Status(StatusFunction::Always), "always", 0, 0),
    (Function::Status(StatusFunction::Canceled), "canceled", 0, 0),
    (Function::Status(StatusFunction::Failed), "failed", 0, MANY),
    (
        Function::Status(StatusFunction::Succeeded),
        "succeeded",
        0,
        MANY,
    ),
    (
        Function::Status(StatusFunction::SucceededOrFailed),
        "succeededOrFailed",
        0,
        MANY,
    ),
];

impl Function {
    /// Every function the local runner knows.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(function, ..)| *function)
    }

    /// The function of this name, ignoring case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|(_, known, ..)| same(known, name))
            .map(|(function, ..)| *function)
    }

    /// The name as Azure Pipelines documents it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Least and most arguments.
    #[must_use]
    pub fn arity(self) -> (usize, usize) {
        let (_, _, least, most) = self.row();
        (least, most)
    }

    /// The number of arguments in words, for messages.
    pub(super) fn takes(self) -> String {
        match self.arity() {
            (least, MANY) => format!("{least} or more"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        }
    }

    fn row(self) -> (Self, &'static str, usize, usize) {
        const UNLISTED: (Function, &str, usize, usize) = (Function::And, "and", 2, MANY);
        TABLE
            .iter()
            .find(|(function, ..)| *function == self)
            .copied()
            .unwrap_or(UNLISTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_found_by_its_own_name_in_any_case() {
        for function in Function::all() {
            assert_eq!(Function::named(function.name()), Some(function));
            assert_eq!(
                Function::named(&function.name().to_uppercase()),
                Some(function)
            );
        }
    }

    #[test]
    fn a_name_that_is_only_similar_finds_nothing() {
        for name in ["equals", "success", "counter", "cancelled", "an", ""] {
            assert_eq!(Function::named(name), None, "{name}");
        }
    }
}
