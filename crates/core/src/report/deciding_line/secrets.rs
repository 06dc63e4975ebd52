//! Masks values in log lines that are secrets by their form.
//!
//! It is a second net: what the run knows to be secret is masked wherever it is printed.

use crate::foreign_text::is_secret_name;

/// What stands where a value was.
const MASK: &str = "***";

/// Returns a text without the password of a URL, and without the values of `password=…` and the like.
pub(in crate::report) fn without_secrets(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .scan(false, |follows, word| {
            let end = word.trim_end();
            let space = word.get(end.len()..).unwrap_or_default();
            let bearer = end.eq_ignore_ascii_case("bearer") || end.eq_ignore_ascii_case("basic");
            let masked = if *follows && end.len() > 6 {
                MASK.to_owned()
            } else {
                pairs(&user_of_url(end))
            };
            *follows = bearer;
            Some(masked + space)
        })
        .collect()
}

/// `postgres://app:hunter2@db` becomes `postgres://***@db`.
fn user_of_url(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let host = rest.find(['/', '?']).unwrap_or(rest.len());
    let (place, path) = rest.split_at_checked(host).unwrap_or((rest, ""));
    match place.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://{MASK}@{place}{path}"),
        None => word.to_owned(),
    }
}

/// `a;Password=hunter2;b` becomes `a;Password=***;b`.
fn pairs(word: &str) -> String {
    const ENDS: [char; 5] = [';', '&', ',', '"', '\''];
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('=') {
        let (name, value) = (
            rest.get(..at).unwrap_or_default(),
            rest.get(at + 1..).unwrap_or_default(),
        );
        let last = name.rsplit([';', '&', '?', ',']).next().unwrap_or_default();
        let value_of = value.trim_start_matches(['"', '\'']);
        let open = value.len() - value_of.len();
        let end = open + value_of.find(ENDS).unwrap_or(value_of.len());
        out += name;
        out.push('=');
        out += if is_secret_name(last) && end > open {
            MASK
        } else {
            value.get(..end).unwrap_or_default()
        };
        rest = value.get(end..).unwrap_or_default();
    }
    out + rest
}
