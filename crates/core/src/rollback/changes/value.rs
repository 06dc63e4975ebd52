//! Shows a value of a template, unless it may hold a secret.

use serde_json::Value;

use super::plain_text;
use crate::foreign_text::{self, is_secret_value, may_be_secret_name, without_query};

/// The longest text that is shown of one value, in characters.
const LONGEST: usize = 80;
/// How much of what two texts have in common is shown before they differ, if both are cut.
const LEAD: usize = 20;
/// Stands for what is cut off.
const HIDDEN: &str = "…";

/// A command or arguments in one line; what may be a secret is left out.
pub(super) fn command(list: &Value) -> Option<String> {
    let words: Vec<String> = list.as_array()?.iter().map(plain_text).collect();
    Some(foreign_text::command(words.iter().map(String::as_str)))
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
