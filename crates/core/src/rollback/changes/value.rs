//! Shows a value of a template, unless it may hold a secret.

use serde_json::Value;

use super::plain_text;
use crate::foreign_text::{may_be_secret_name, secret_words};

/// The longest text that is shown of one value, in characters.
const LONGEST: usize = 80;
/// How much of what two texts have in common is shown before they differ, if both are cut.
const LEAD: usize = 20;
/// Stands for what is left out.
const HIDDEN: &str = "…";

/// How well-known tokens begin.
const TOKENS: [&str; 9] = [
    "eyj", "ghp_", "gho_", "ghs_", "glpat-", "xox", "akia", "sk-", "basic ",
];

/// From how many characters on a text of mixed letters and digits looks like a key.
const RANDOM: usize = 20;

/// Options of common programs whose next argument is a password or holds one.
const SECRET_OPTIONS: [&str; 2] = ["-p", "-u"];

/// Returns whether a text looks like a secret, or like a text that holds one.
pub(super) fn is_secret_value(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let names_one = secret_words().any(|word| {
        let rest = lower.split_once(word).map(|(_, rest)| rest);
        rest.is_some_and(|it| word.ends_with('=') || it.contains(['=', ':', ' ', '\n']))
    });
    let is_token = |it: &str| TOKENS.iter().any(|start| it.starts_with(start));
    let mut words = lower.split(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '\''));
    names_one
        || lower.starts_with("basic ")
        || words.any(is_token)
        || lower.contains("-----begin")
        || holds_credentials(&lower)
        || text.split(|c: char| !is_of_key(c)).any(is_random)
}

/// Returns whether a URL in it has a user and a password.
fn holds_credentials(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', ' ']).next();
        authority.is_some_and(|it| it.contains('@'))
    })
}

const fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '_')
}

fn is_random(run: &str) -> bool {
    let digits = run.chars().filter(char::is_ascii_digit).count();
    let letters = run.chars().filter(char::is_ascii_alphabetic).count();
    run.len() >= RANDOM && digits >= 3 && letters >= 3
}

/// A command or arguments in one line; what may be a secret is left out.
pub(super) fn command(list: &Value) -> Option<String> {
    let mut hides_next = false;
    let words = list.as_array()?.iter().map(|it| {
        let word = plain_text(it);
        let hides = std::mem::replace(&mut hides_next, false);
        let (option, value) = match word.split_once('=') {
            Some((option, value)) if option.starts_with('-') => (option, Some(value)),
            Some(_) | None => (word.as_str(), None),
        };
        let is_secret = option.starts_with('-') && may_be_secret_name(option);
        match value {
            Some(value) if is_secret || is_secret_value(value) => {
                return format!("{option}={HIDDEN}");
            }
            Some(_) => {}
            None => hides_next = is_secret || SECRET_OPTIONS.contains(&option),
        }
        let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        if (hides && !is_number) || (value.is_none() && !is_secret && is_secret_value(&word)) {
            return HIDDEN.to_owned();
        }
        let word = without_query(&word);
        if word.is_empty() || word.contains(char::is_whitespace) {
            format!("'{word}'")
        } else {
            word
        }
    });
    Some(words.collect::<Vec<_>>().join(" "))
}

/// An environment variable: its literal value, or what it is read from. `None` for what may be a secret.
pub(super) fn variable(name: &str, variable: &Value) -> Option<String> {
    if let Some(from) = variable.get("valueFrom") {
        let (kind, source) = from.as_object()?.iter().next()?;
        let named = ["name", "key", "fieldPath", "resource"];
        let named = named.iter().filter_map(|it| source.get(it)?.as_str());
        return Some(
            [kind.as_str()]
                .into_iter()
                .chain(named)
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    let value = variable.get("value").map(plain_text).unwrap_or_default();
    let is_secret = may_be_secret_name(name) || is_secret_value(&value);
    (!is_secret).then(|| {
        if value.is_empty() {
            "\"\"".to_owned()
        } else {
            without_query(&value)
        }
    })
}

/// A text without the query of a URL or path, which may hold a key.
pub(super) fn without_query(text: &str) -> String {
    match text.split_once('?') {
        Some((path, query)) if query.contains('=') => format!("{path}?{HIDDEN}"),
        Some(_) | None => text.to_owned(),
    }
}

/// Two texts in one line each, cut to length around the place where they begin to differ.
pub(super) fn cut(from: Option<String>, to: Option<String>) -> (Option<String>, Option<String>) {
    let flat = |it: String| -> Vec<char> {
        let words: Vec<&str> = it.split_whitespace().collect();
        words.join(" ").chars().collect()
    };
    let (from, to) = (from.map(flat), to.map(flat));
    let common = match (&from, &to) {
        (Some(from), Some(to)) => {
            let pairs = from.iter().zip(to);
            pairs.take_while(|(from, to)| from == to).count()
        }
        (_, _) => 0,
    };
    let longest = [&from, &to].into_iter().flatten().map(Vec::len).max();
    let fits = longest.unwrap_or_default() <= LONGEST;
    let start = if fits || common + LEAD <= LONGEST {
        0
    } else {
        common - LEAD
    };
    let shown = |it: Vec<char>| {
        let rest = it.get(start..).unwrap_or_default();
        let (before, after) = (start > 0, rest.len() > LONGEST);
        let dots = |is: bool| if is { HIDDEN } else { "" };
        let rest: String = rest.iter().take(LONGEST).collect();
        format!("{}{rest}{}", dots(before), dots(after))
    };
    (from.map(shown), to.map(shown))
}
