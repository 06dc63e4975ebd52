//! Reads one line of a log: its level and its message, in the forms that loggers write.

use serde_json::{Map, Value};

/// How serious a logger calls a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Debug, info, notice.
    Low,
    /// It does not say.
    Unknown,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// The end of the program.
    Fatal,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Its level.
    pub(super) level: Level,
    /// Its message, without time, level, process and thread.
    pub(super) text: String,
    /// Whether the line began with a space: it continues another one.
    pub(super) indented: bool,
}

impl Record {
    pub(super) fn of(line: &str) -> Self {
        let line = without_colour(line);
        let indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        let (level, text) = json(line)
            .or_else(|| logfmt(line))
            .or_else(|| klog(line))
            .unwrap_or_else(|| plain(line));
        Self {
            level,
            text,
            indented,
        }
    }
}

/// Removes terminal sequences such as `ESC [31m`.
fn without_colour(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, sequence)) = rest.split_once("\u{1b}[") {
        out += before;
        let end = sequence.find(|c: char| c.is_ascii_alphabetic());
        rest = end.map_or("", |end| sequence.get(end + 1..).unwrap_or_default());
    }
    out += rest;
    out
}

/// Reads the name of a level, however it is written.
fn level_of(word: &str) -> Option<Level> {
    Some(match word.to_ascii_lowercase().as_str() {
        "trace" | "debug" | "dbg" | "verbose" | "info" | "inf" | "information" | "notice"
        | "log" | "hint" | "detail" | "statement" | "context" => Level::Low,
        "warn" | "warning" | "wrn" => Level::Warning,
        "error" | "err" | "eror" | "severe" | "fail" => Level::Error,
        "fatal" | "ftl" | "critical" | "crit" | "crt" | "alert" | "emerg" | "emergency"
        | "panic" | "dpanic" => Level::Fatal,
        _ => return None,
    })
}

/// Reads JSON as zap, pino, bunyan, logrus, serilog, log4j and ECS write it.
fn json(line: &str) -> Option<(Level, String)> {
    const LEVELS: [&str; 8] = [
        "level",
        "severity",
        "lvl",
        "log.level",
        "@l",
        "levelname",
        "Level",
        "LogLevel",
    ];
    const MESSAGES: [&str; 8] = [
        "msg",
        "message",
        "@m",
        "Message",
        "@mt",
        "short_message",
        "event",
        "MessageTemplate",
    ];
    const ERRORS: [&str; 9] = [
        "error",
        "err",
        "exception",
        "error.message",
        "@x",
        "Exception",
        "thrown",
        "exc_info",
        "cause",
    ];
    let object = line.starts_with('{').then_some(line)?;
    let fields: Map<String, Value> = serde_json::from_str(object).ok()?;
    let level = LEVELS.iter().find_map(|name| fields.get(*name));
    let level = level
        .or_else(|| fields.get("log")?.get("level"))
        .map_or(Level::Unknown, level_value);
    // Serilog writes no level for information.
    let level = if level == Level::Unknown && fields.contains_key("@t") {
        Level::Low
    } else {
        level
    };
    let message = MESSAGES.iter().find_map(|name| text_of(fields.get(*name)?));
    let error = ERRORS.iter().find_map(|name| text_of(fields.get(*name)?));
    let text = match (message, error) {
        (Some(message), Some(error)) if !message.contains(&error) => format!("{message}: {error}"),
        (Some(message), _) => message,
        (None, Some(error)) => error,
        (None, None) => return None,
    };
    Some((level, text))
}

fn level_value(value: &Value) -> Level {
    match value {
        Value::String(word) => level_of(word).unwrap_or(Level::Unknown),
        // pino and bunyan: 30 info, 40 warn, 50 error, 60 fatal.
        Value::Number(number) => match number.as_u64().unwrap_or_default() {
            10..40 => Level::Low,
            40..50 => Level::Warning,
            50..60 => Level::Error,
            60.. => Level::Fatal,
            _ => Level::Unknown,
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Level::Unknown,
    }
}

/// The first line of a text, or of the message in an object.
fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Object(fields) => ["message", "msg", "exception_message", "Message"]
            .iter()
            .find_map(|name| fields.get(*name)?.as_str())?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    let first = text.lines().map(str::trim).find(|it| !it.is_empty())?;
    Some(first.to_owned())
}

/// Reads `time=… level=error msg="…" err="…"`.
fn logfmt(line: &str) -> Option<(Level, String)> {
    let level = field(line, "level")
        .or_else(|| field(line, "lvl"))
        .or_else(|| field(line, "severity"))?;
    let message = field(line, "msg").or_else(|| field(line, "message"));
    let error = field(line, "err").or_else(|| field(line, "error"));
    let text = match (message, error) {
        (Some(message), Some(error)) => format!("{message}: {error}"),
        (one, other) => one.or(other)?,
    };
    Some((level_of(&level).unwrap_or(Level::Unknown), text))
}

/// The value of `name=…`, which may stand in quotes.
fn field(line: &str, name: &str) -> Option<String> {
    let wanted = format!("{name}=");
    let mut from = 0;
    loop {
        let at = from + line.get(from..)?.find(&wanted)?;
        let begins = line
            .get(..at)
            .is_some_and(|it| it.is_empty() || it.ends_with(' '));
        let value = line.get(at + wanted.len()..)?;
        if !begins {
            from = at + wanted.len();
            continue;
        }
        let Some(quoted) = value.strip_prefix('"') else {
            return value.split(' ').next().map(str::to_owned);
        };
        let mut text = String::new();
        let mut escaped = false;
        for c in quoted.chars() {
            match c {
                '\\' if !escaped => escaped = true,
                '"' if !escaped => break,
                'n' | 't' if escaped => {
                    text.push(' ');
                    escaped = false;
                }
                other => {
                    text.push(other);
                    escaped = false;
                }
            }
        }
        return Some(text);
    }
}

/// Reads `E1129 10:00:00.000000       1 main.go:42] message` (klog).
fn klog(line: &str) -> Option<(Level, String)> {
    let level = match line.chars().next()? {
        'I' => Level::Low,
        'W' => Level::Warning,
        'E' => Level::Error,
        'F' => Level::Fatal,
        _ => return None,
    };
    let day = line.get(1..5)?;
    let (head, text) = line.split_once("] ")?;
    let is_klog = day.bytes().all(|it| it.is_ascii_digit()) && head.contains(':');
    is_klog.then(|| (level, text.trim().trim_matches('"').to_owned()))
}

/// Removes time, level, process, thread and logger from the front of a line.
fn plain(line: &str) -> (Level, String) {
    let mut level = Level::Unknown;
    let mut rest = line;
    // Whether something was removed: only then a number or a dash is part of the prefix.
    let mut begun = false;
    while let Some((found, after)) = prefix(rest, begun, level) {
        level = found.unwrap_or(level);
        begun = true;
        rest = after.trim_start();
    }
    if let Some(named) = rest
        .strip_prefix("npm ERR!")
        .or_else(|| rest.strip_prefix("npm error"))
    {
        return (Level::Error, named.trim().to_owned());
    }
    let rest = rest
        .strip_prefix("Exception in thread ")
        .map_or(rest, |it| {
            let named = it.strip_prefix('"').and_then(|it| it.split_once("\" "));
            named.map_or(it, |(_, it)| it)
        });
    if rest.is_empty() {
        // Nothing but a time or a level.
        return (level, line.to_owned());
    }
    (level, rest.to_owned())
}

/// One part of the prefix of a line: its level if it is one, and what follows it.
fn prefix(text: &str, begun: bool, level: Level) -> Option<(Option<Level>, &str)> {
    if let Some(inside) = text.strip_prefix('[') {
        let (inside, after) = inside.split_once(']')?;
        let word = inside.trim().trim_matches(':');
        let after = after.strip_prefix(':').unwrap_or(after);
        if let Some(found) = level_of(word) {
            return Some((Some(found), after));
        }
        let of_prefix = is_time(word) || word.bytes().all(|it| it.is_ascii_digit()) || begun;
        return (of_prefix && !word.is_empty()).then_some((None, after));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at_checked(end)?;
    if is_time(word) {
        return Some((None, after));
    }
    if let Some(found) = written_level(word) {
        return Some(found).map(|(found, left)| match left {
            // Python: `ERROR:root:message`.
            Some(left) => (
                Some(found),
                text.get(text.len() - after.len() - left.len()..)
                    .unwrap_or(after),
            ),
            None => (Some(found), after),
        });
    }
    let of_prefix = match word {
        "-" | "|" | "---" | ":" | "UTC" | "CET" | "Z" | "--" => true,
        // nginx: the process, after the level.
        _ if word.ends_with(':') => {
            let number = word.trim_end_matches(':').replace('#', "");
            let process = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
            let program = after
                .trim_start()
                .strip_prefix('[')
                .and_then(|it| it.split_once(']'));
            let program = program.is_some_and(|(inside, _)| level_of(inside).is_some());
            return ((begun && process) || program).then_some((None, after));
        }
        _ => word.bytes().all(|it| it.is_ascii_digit()) || is_logger(word, after, level),
    };
    (of_prefix && begun).then_some((None, after))
}

/// `o.s.boot.SpringApplication   : message`, after the level.
fn is_logger(word: &str, after: &str, level: Level) -> bool {
    let dotted = word.contains('.') && !word.contains(['/', '(', ':']);
    level != Level::Unknown && dotted && after.trim_start().starts_with(": ")
}

/// A level as a word of its own: in capitals, or before a colon. With what follows it in the word.
fn written_level(word: &str) -> Option<(Level, Option<&str>)> {
    if let Some((before, left)) = word.split_once(':') {
        // Go's `panic: …` is no logger's level.
        let level = level_of(before).filter(|_| before != "panic")?;
        let left = match left.split_once(':') {
            // The name of the logger.
            Some((_, message)) => message,
            None => left,
        };
        return Some((level, Some(left)));
    }
    let capital = word.len() > 2 && word.bytes().all(|it| it.is_ascii_uppercase());
    capital
        .then(|| level_of(word))
        .flatten()
        .map(|it| (it, None))
}

/// `2026-11-29T10:00:00Z`, `2026/11/29`, `10:00:00,123`.
fn is_time(word: &str) -> bool {
    let word = word.trim_end_matches([':', ',', ']']);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let separated = word.contains([':', '-', '/']);
    let only = word.chars().all(|c| {
        c.is_ascii_digit() || matches!(c, ':' | '-' | '/' | '.' | ',' | '+' | 'T' | 'Z' | ' ')
    });
    digits >= 6 && separated && only
}
