//! Errors in an expression.

/// An expression that cannot be read or evaluated. Columns count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// A character that starts no token.
    #[error("read `{found}` at column {column}")]
    Character {
        /// The character found.
        found: char,
        /// Where it stands.
        column: usize,
    },
    /// A string literal without its closing quote.
    #[error("find the closing quote of the string that starts at column {column}")]
    OpenString {
        /// Where the string starts.
        column: usize,
    },
    /// A number that is none.
    #[error("read `{found}` at column {column} as a number or version")]
    Number {
        /// The text found.
        found: String,
        /// Where it starts.
        column: usize,
    },
    /// A token in the wrong place.
    #[error("find {expected} at column {column}, found {found}")]
    Unexpected {
        /// What would fit.
        expected: &'static str,
        /// What stands there.
        found: String,
        /// Where it stands.
        column: usize,
    },
    /// A function that the local runner does not have.
    #[error("call the function `{name}` at column {column}: it is not known{here}")]
    UnknownFunction {
        /// The name as written.
        name: String,
        /// Where it stands.
        column: usize,
        /// "" or why a known function does not count here.
        here: &'static str,
    },
    /// A name such as `parameters` that does not exist in this place.
    #[error("look up `{name}` at column {column}: known here are {known}")]
    UnknownName {
        /// The name as written.
        name: String,
        /// Where it stands.
        column: usize,
        /// The names that exist here.
        known: String,
    },
    /// A function with too few or too many arguments.
    #[error("call `{function}` with {found} arguments: it takes {takes}")]
    Arity {
        /// The function.
        function: &'static str,
        /// The number of arguments found.
        found: usize,
        /// The number it takes, in words.
        takes: String,
    },
    /// Nested deeper than Azure Pipelines accepts.
    #[error("read an expression nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Longer than Azure Pipelines accepts.
    #[error("read an expression of more than {limit} characters")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// A value that cannot be converted to what a function needs.
    #[error("convert {from} to {to} for `{function}`")]
    Conversion {
        /// The function that needs it.
        function: &'static str,
        /// What was found.
        from: String,
        /// The type needed.
        to: &'static str,
    },
    /// A format string with a placeholder that does not fit.
    #[error("fill the format string {format}: {why}")]
    Format {
        /// The format string.
        format: String,
        /// What does not fit.
        why: &'static str,
    },
    /// A job status function asked for a job that the stage does not have.
    #[error("ask `{function}` for the job `{job}`: it is not among the jobs this one depends on")]
    UnknownJob {
        /// The function.
        function: &'static str,
        /// The name asked for.
        job: String,
    },
}
