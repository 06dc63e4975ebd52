//! Masks values that are secrets by their form, in a text of the cluster: a line of a log, an event, a container's last
//! words.
//!
//! It is a second net: what the run knows to be secret is masked wherever it is printed.

use super::{MASK, is_secret_name};

/// Returns a text without the password of a URL, the credentials after `Bearer` or `Basic`, and the values of
/// `password=…` and `"password": "…"` and the like. Nothing of this kind is left: a mask may uncover another value.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let mut shown = text.to_owned();
    while may_hold_one(&shown) {
        let masked = masked_once(&shown);
        if masked == shown {
            break;
        }
        shown = masked;
    }
    shown
}

fn masked_once(text: &str) -> String {
    let mut before = Before::Other;
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let end = word.trim_end();
            let space = word.get(end.len()..).unwrap_or_default();
            let masked = match before {
                Before::Scheme if end.len() > SHORTEST_CREDENTIALS => MASK.to_owned(),
                Before::Name => quoted_values(&pairs(&user_of_url(&first_value(end)))),
                Before::Scheme | Before::Other => quoted_values(&pairs(&user_of_url(end))),
            };
            if !end.is_empty() {
                before = Before::of(end);
            }
            masked + space
        })
        .collect()
}

/// A word after `Bearer` that is no longer than this is a word of a sentence.
const SHORTEST_CREDENTIALS: usize = 6;

/// Most texts hold nothing of this kind, and every event comes by here.
fn may_hold_one(text: &str) -> bool {
    let mut bytes = text.as_bytes().windows(5);
    text.contains(['=', '"', '@'])
        || bytes.any(|it| it.eq_ignore_ascii_case(b"basic") || it.eq_ignore_ascii_case(b"earer"))
}

/// The meaning of a word for the one that follows.
#[derive(Clone, Copy)]
enum Before {
    /// `Bearer` or `Basic`.
    Scheme,
    /// `"password":`, whose value is a quoted text.
    Name,
    Other,
}

impl Before {
    fn of(word: &str) -> Self {
        let bare = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let scheme = ["bearer", "basic"].iter().any(|it| {
            let start = bare.len().checked_sub(it.len());
            let end = start.and_then(|start| bare.get(start..));
            let before = start.and_then(|start| bare.get(..start));
            end.is_some_and(|end| end.eq_ignore_ascii_case(it))
                && before
                    .is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric()))
        });
        if scheme {
            return Self::Scheme;
        }
        let name = word.strip_suffix(':').and_then(quoted_name);
        name.filter(|it| is_secret_name(it))
            .map_or(Self::Other, |_| Self::Name)
    }
}

/// `{"a":1,"password"` ends with the quoted name `password`; `\"` is a quote in a text within JSON.
fn quoted_name(text: &str) -> Option<&str> {
    let text = text.strip_suffix('"')?;
    let text = text.strip_suffix('\\').unwrap_or(text);
    text.rsplit('"').next()
}

/// `"hunter2",` becomes `"***",`. What is no quoted text, such as `null`, stays.
fn first_value(word: &str) -> String {
    let start = word.find(|c| c != '\\' && c != '"').unwrap_or(word.len());
    let (quotes, rest) = word.split_at(start);
    if !quotes.contains('"') {
        return word.to_owned();
    }
    let end = rest.find(['"', '\\']).unwrap_or(rest.len());
    let (value, after) = rest.split_at(end);
    let shown = if value.is_empty() { "" } else { MASK };
    format!("{quotes}{shown}{after}")
}

/// `{"password":"hunter2"}` becomes `{"password":"***"}`.
fn quoted_values(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find("\":") {
        let (name, value) = rest.split_at(at + 2);
        out += name;
        let is_secret = name
            .strip_suffix(':')
            .and_then(quoted_name)
            .is_some_and(is_secret_name);
        if is_secret && !value.is_empty() {
            let masked = first_value(value);
            let hidden = masked != value;
            // What comes after the value may hold another one.
            let end = if hidden {
                masked.find(MASK).map_or(0, |it| it + MASK.len())
            } else {
                0
            };
            let (done, _) = masked.split_at(end);
            out += done;
            let left = masked.len() - end;
            rest = value.get(value.len() - left..).unwrap_or_default();
        } else {
            rest = value;
        }
    }
    out + rest
}

/// `postgres://app:hunter2@db` becomes `postgres://***@db`.
fn user_of_url(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((scheme, after)) = rest.split_once("://") {
        out += scheme;
        out += "://";
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (place, path) = after.split_at_checked(end).unwrap_or((after, ""));
        rest = after;
        if let Some((_, host)) = place.rsplit_once('@') {
            out.extend([MASK, "@", host]);
            rest = path;
        }
    }
    out + rest
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A name, the text, and the text that is shown.
    type Row = (&'static str, &'static str, &'static str);

    const HIDDEN: &[Row] = &[
        ("a pair", "password=hunter2", "password=***"),
        (
            "pairs of a connection string",
            "Server=db;Password=hunter2;Timeout=3",
            "Server=db;Password=***;Timeout=3",
        ),
        (
            "an option",
            "run --db-password=hunter2 --port=80",
            "run --db-password=*** --port=80",
        ),
        (
            "a URL",
            "postgres://app:hunter2@db:5432/x",
            "postgres://***@db:5432/x",
        ),
        (
            "two URLs",
            "http://a/x,http://app:hunter2@b/y",
            "http://a/x,http://***@b/y",
        ),
        (
            "a query",
            "GET /x?token=hunter2&a=1",
            "GET /x?token=***&a=1",
        ),
        (
            "a header",
            "Authorization: Bearer hunter2-long",
            "Authorization: Bearer ***",
        ),
        (
            "a header in quotes",
            "'Authorization: Basic aHVudGVyMg=='",
            "'Authorization: Basic ***",
        ),
        (
            "a header of JSON",
            "{\"a\":\"Bearer hunter2-long\"}",
            "{\"a\":\"Bearer ***",
        ),
        (
            "a header without a space before",
            "authorization:bearer hunter2-long",
            "authorization:bearer ***",
        ),
        (
            "a field of JSON",
            "{\"user\":\"app\",\"password\":\"hunter2\",\"x\":\"y\"}",
            "{\"user\":\"app\",\"password\":\"***\",\"x\":\"y\"}",
        ),
        (
            "two fields of JSON",
            "{\"pwd\":\"a1\",\"api_key\":\"b2\"}",
            "{\"pwd\":\"***\",\"api_key\":\"***\"}",
        ),
        (
            "a field with a space",
            "{\"password\": \"hunter2\", \"x\": \"y\"}",
            "{\"password\": \"***\", \"x\": \"y\"}",
        ),
        (
            "JSON within JSON",
            "\"{\\\"token\\\":\\\"hunter2\\\"}\"",
            "\"{\\\"token\\\":\\\"***\\\"}\"",
        ),
    ];

    const SHOWN: &[Row] = &[
        (
            "no value",
            "password= \"token\":\"\" \"token\": null",
            "password= \"token\":\"\" \"token\": null",
        ),
        (
            "masked before",
            "password=*** Bearer *** x://***@y \"token\":\"***\"",
            "password=*** Bearer *** x://***@y \"token\":\"***\"",
        ),
        (
            "a word after bearer",
            "the bearer is unknown",
            "the bearer is unknown",
        ),
        (
            "forbearer",
            "forbearer hunter2-long",
            "forbearer hunter2-long",
        ),
        (
            "a sentence about a password",
            "invalid password: authentication failed",
            "invalid password: authentication failed",
        ),
        (
            "a name of a Secret",
            "secret \"db-credentials\" not found",
            "secret \"db-credentials\" not found",
        ),
        (
            "a quota",
            "exceeded quota: q, requested: limits.cpu=1, used: limits.cpu=2",
            "exceeded quota: q, requested: limits.cpu=1, used: limits.cpu=2",
        ),
        (
            "an address",
            "dial tcp 10.0.0.7:80: connect: refused",
            "dial tcp 10.0.0.7:80: connect: refused",
        ),
        (
            "an image by digest",
            "registry.test/app@sha256:0123",
            "registry.test/app@sha256:0123",
        ),
        (
            "lines",
            "a\n  password=x\n\nb\n",
            "a\n  password=***\n\nb\n",
        ),
    ];

    #[test]
    fn secrets_are_known_by_their_form_and_other_words_stay() {
        for (says, text, expected) in HIDDEN.iter().chain(SHOWN) {
            assert_eq!(without_secrets(text), *expected, "{says}");
        }
    }

    proptest! {
        #[test]
        fn masking_twice_changes_nothing(
            text in "(password|token|a|b|Bearer|basic|hunter22|://|@|=|:|\"|\\\\|;|,| |\n|x|é){0,24}",
        ) {
            let once = without_secrets(&text);
            prop_assert_eq!(without_secrets(&once), once.clone());
            prop_assert_eq!(once.lines().count(), text.lines().count());
        }
    }
}
