//! Shows commands and values of a pod template, without what may be a secret.

use super::secret_names::secret_words;
use super::{ELLIPSIS, may_be_secret_name};

/// How well-known tokens begin.
const TOKENS: [&str; 9] = [
    "eyj", "ghp_", "gho_", "ghs_", "glpat-", "xox", "akia", "sk-", "basic ",
];

/// From how many characters on a text of mixed letters and digits looks like a key.
const RANDOM: usize = 20;

/// Options of common programs whose next argument is a password or holds one.
const SECRET_OPTIONS: [&str; 2] = ["-p", "-u"];

/// Returns whether a text looks like a secret, or like a text that holds one.
pub(crate) fn is_secret_value(text: &str) -> bool {
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

/// Returns a command or arguments in one line; what may be a secret is left out.
pub(crate) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut hides_next = false;
    let words = words.into_iter().map(|word| {
        let hides = std::mem::replace(&mut hides_next, false);
        let (option, value) = match word.split_once('=') {
            Some((option, value)) if option.starts_with('-') => (option, Some(value)),
            Some(_) | None => (word, None),
        };
        let is_secret = option.starts_with('-') && may_be_secret_name(option);
        match value {
            Some(value) if is_secret || is_secret_value(value) => {
                return format!("{option}={ELLIPSIS}");
            }
            Some(_) => {}
            None => hides_next = is_secret || SECRET_OPTIONS.contains(&option),
        }
        let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        if (hides && !is_number) || (value.is_none() && !is_secret && is_secret_value(word)) {
            return ELLIPSIS.to_string();
        }
        let word = without_query(word);
        if word.is_empty() || word.contains(char::is_whitespace) {
            format!("'{word}'")
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns a text without the query of a URL or path, which may hold a key.
pub(crate) fn without_query(text: &str) -> String {
    match text.split_once('?') {
        Some((path, query)) if query.contains('=') => format!("{path}?{ELLIPSIS}"),
        Some(_) | None => text.to_owned(),
    }
}
