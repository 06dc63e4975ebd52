//! Tells errors from frames, farewells, help and noise.

use super::record::{Level, Record};

/// The kind of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It says that something is wrong.
    Error(Strength),
    /// A frame of a stack, or what stands around frames.
    Frame,
    /// A usage text, or where to read more.
    Help,
    /// The program or its starter says that it ends.
    Farewell,
    /// Empty, or a progress bar.
    Noise,
    /// Anything else.
    Other,
}

/// How much an error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// That something is wrong, not what.
    Vague,
    /// Words of an error, without its level.
    Word,
    /// An error by level or by form.
    Error,
    /// The cause of other errors.
    Root,
}

/// Classifies a line by itself.
pub(super) fn kind(record: &Record) -> Kind {
    let text = record.text.trim();
    let lower = text.to_lowercase();
    if !text.chars().any(char::is_alphabetic) || is_progress(text) {
        return Kind::Noise;
    }
    if is_frame(record, text) {
        return Kind::Frame;
    }
    if is_help(text, &lower) {
        return Kind::Help;
    }
    let error = strength(record, text, &lower);
    if is_farewell(&lower, error) {
        return Kind::Farewell;
    }
    match error {
        // A line that continues another one.
        _ if record.indented && !is_root(text) => Kind::Frame,
        Some(strength) => Kind::Error(strength),
        None => Kind::Other,
    }
}

fn is_progress(text: &str) -> bool {
    let bar =
        text.contains("==") || text.contains("##") || text.contains("..") || text.contains("██");
    let share = text.split_whitespace().any(|word| {
        let number = word
            .trim_matches(['(', ')', '[', ']', ','])
            .strip_suffix('%');
        number.is_some_and(|it| it.parse::<f64>().is_ok())
    });
    bar && share
}

fn is_frame(record: &Record, text: &str) -> bool {
    const BEGINS: &[&str] = &[
        "Traceback (most recent call last)",
        "During handling of the above exception",
        "The above exception was the direct cause",
        "goroutine ",
        "[signal ",
        "created by ",
        "stack backtrace:",
        "note: run with `RUST_BACKTRACE",
        "note: Some details are omitted",
        "Stack trace:",
        "[stacktrace]",
        "Node.js v",
        "thrown in ",
        "from ",
        "... ",
        "--- End of ",
    ];
    let numbered = text.starts_with('#')
        && text
            .get(1..2)
            .is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()));
    let call = !text.contains(' ') && text.contains('.') && text.ends_with(')');
    let place = text.starts_with('/') && !text.contains(' ');
    let at = text.starts_with("at ") && record.indented;
    at || numbered || call || place || BEGINS.iter().any(|it| text.starts_with(it))
}

fn is_help(text: &str, lower: &str) -> bool {
    const BEGINS: &[&str] = &[
        "usage:",
        "usage of ",
        "options:",
        "flags:",
        "commands:",
        "available commands",
        "hint:",
        "see ",
        "try '",
        "try \"",
        "run '",
        "for more ",
        "for help",
        "https://",
        "http://",
        "info visit ",
        "note:",
        "help:",
        "this is probably not a problem with npm",
    ];
    text.starts_with("--")
        || (text.starts_with('-') && text.get(1..2) != Some(" "))
        || BEGINS.iter().any(|it| lower.starts_with(it))
        || lower.contains("--help")
}

fn is_farewell(lower: &str, error: Option<Strength>) -> bool {
    const BEGINS: &[&str] = &[
        "exit",
        "shutting down",
        "shutdown",
        "stopping",
        "stopped",
        "bye",
        "goodbye",
        "terminating",
        "terminated",
        "aborting",
        "aborted",
        "cleaning up",
        "closing",
        "quitting",
        "received sig",
        "caught sig",
        "process exited",
        "process finished",
        "finished",
        "command failed with exit",
        "server stopped",
        "application is shutting down",
    ];
    const CONTAINS: &[&str] = &[
        "a complete log of this run",
        "elifecycle",
        "lifecycle script",
        "command failed with exit code",
        "exited with code",
        "exited with exit code",
        "failed at the ",
        "make: ***",
        "core dumped",
        "command sh -c",
        "command failed with signal",
    ];
    // `exiting: variable X is not set` says why.
    let reason = [": ", " because ", " due to ", " since "];
    let reason = reason.iter().find_map(|it| lower.split_once(it));
    let explains = reason.is_some_and(|(_, why)| words(why)) && error.is_some();
    let begins = BEGINS.iter().any(|it| lower.starts_with(it)) && !explains;
    let npm = ["code ", "errno ", "path ", "syscall "];
    let of_npm = error == Some(Strength::Vague) && npm.iter().any(|it| lower.starts_with(it));
    begins || of_npm || CONTAINS.iter().any(|it| lower.contains(it))
}

/// Returns whether a line names the cause of those before it.
fn is_root(text: &str) -> bool {
    text.starts_with("Caused by:") || text.starts_with("---> ")
}

fn strength(record: &Record, text: &str, lower: &str) -> Option<Strength> {
    if is_root(text) {
        return Some(Strength::Root);
    }
    let lower = harmless(lower);
    let formed = is_formed(text, &lower);
    let known = formed || words(&lower);
    match record.level {
        Level::Unknown if formed => Some(Strength::Error),
        Level::Unknown | Level::Warning if known => Some(Strength::Word),
        Level::Low | Level::Unknown | Level::Warning => None,
        Level::Error | Level::Fatal if is_vague(&lower) => Some(Strength::Vague),
        Level::Error | Level::Fatal => Some(Strength::Error),
    }
}

/// A text without the ways to say that there is no error.
fn harmless(lower: &str) -> String {
    const NONE: &[&str] = &[
        "0 errors",
        "no errors",
        "no error",
        "errors: 0",
        "errors=0",
        "error=nil",
        "error: null",
        "error: none",
        "error=null",
        "err=nil",
        "0 failed",
        "failed: 0",
        "failed=0",
        "0 failures",
        "failures: 0",
        "without errors",
        "without error",
        "error_log",
        "error handler",
        "error handling",
        "error page",
        "error-log",
        "error reporting",
        "error.log",
    ];
    NONE.iter()
        .fold(lower.to_owned(), |text, it| text.replace(it, ""))
}

/// Returns whether a language or a program always writes its errors so.
fn is_formed(text: &str, lower: &str) -> bool {
    const FORMS: &[&str] = &[
        "panic:",
        "panicked at",
        "unhandled exception",
        "uncaught",
        "fatal error",
        "fatal:",
        "syntax error",
        "parse error",
        "segmentation fault",
        "terminate called",
        "out of memory",
        "error:",
        "error -",
        "exception:",
        "[emerg]",
        "no space left on device",
    ];
    let first = text.split([' ', '(']).next().unwrap_or_default();
    let class = first.trim_end_matches(':');
    let thrown = first.ends_with(':')
        && ["Error", "Exception", "Failure", "Fault"]
            .iter()
            .any(|it| class.ends_with(it));
    // Ruby: `app.rb:3:in 'run': message (KeyError)`.
    let ruby = text.ends_with("Error)") || text.ends_with("Exception)");
    thrown || ruby || FORMS.iter().any(|it| lower.contains(it))
}

/// Returns whether a text has words of an error.
fn words(lower: &str) -> bool {
    const WORDS: &[&str] = &[
        "error",
        "exception",
        "failed",
        "failure",
        "fail ",
        "cannot",
        "can't",
        "could not",
        "couldn't",
        "unable to",
        "denied",
        "refused",
        "not found",
        "no such",
        "not set",
        "not defined",
        "undefined",
        "unbound",
        "missing",
        "is required",
        "required ",
        "invalid",
        "illegal",
        "no space",
        "must ",
        "timed out",
        "timeout",
        "unknown ",
        "unexpected",
        "not allowed",
        "not permitted",
        "forbidden",
        "unauthorized",
        "exceeded",
        "not exist",
        "doesn't exist",
        "expected ",
        "unsupported",
        "not supported",
        "corrupt",
        "mismatch",
        "incompatible",
        "already in use",
        "read-only",
        "rejected",
        "not available",
        "unavailable",
        "unreachable",
        "too many",
        "too large",
        "no route",
        "expired",
        "not configured",
        "not provided",
        "not specified",
        "not empty",
        "wrong ",
        "abort",
        "crash",
        "killed",
        "violat",
        "conflict",
        "deadlock",
        "locked",
        "disk full",
        "not running",
    ];
    WORDS.iter().any(|it| lower.contains(it))
}

/// Returns whether an error only says that there is one.
fn is_vague(lower: &str) -> bool {
    const VAGUE: &[&str] = &[
        "application run failed",
        "failed to start",
        "startup failed",
        "error starting",
        "an error occurred",
        "unhandled exception",
        "hosting failed to start",
        "code elifecycle",
        "errno ",
        "code e",
        "fatal error",
        "exit status",
        "application startup exception",
        "something went wrong",
    ];
    let text = lower.trim_end_matches(['.', '!', ':']);
    let short = text.split_whitespace().count() <= 2 && !text.contains(':');
    short
        || VAGUE
            .iter()
            .any(|it| text == *it || (text.starts_with(it) && !text.contains(": ")))
}
