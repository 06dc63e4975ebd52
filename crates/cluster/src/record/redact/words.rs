//! Addresses and queries inside of texts that people and judgements read.

use std::net::IpAddr;

use rollguard_core::http::HttpCheck;

/// A text with its addresses and the queries of its URLs replaced.
pub(super) fn masked(text: &str, mut mask: impl FnMut(&str) -> String) -> String {
    let text = queries(text, &mut mask);
    let mut masked = String::new();
    let mut before = None;
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| !of_address(c)).unwrap_or(rest.len());
        if length == 0 {
            masked.push(first);
            before = Some(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (word, behind) = rest.split_at(length);
        let of_url = masked.ends_with("//");
        // What stands at a slash without a scheme is a registry, a range or a path: the name of
        // something.
        let named = !of_url && (before == Some('/') || behind.starts_with('/'));
        let inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        match address(word).filter(|_| !named && !inside) {
            Some(address) => {
                masked += &mask(address);
                masked += word.get(address.len()..).unwrap_or_default();
            }
            None => masked += word,
        }
        before = word.chars().next_back();
        rest = behind;
    }
    masked
}

const fn of_address(c: char) -> bool {
    c.is_ascii_hexdigit() || matches!(c, '.' | ':')
}

/// The address that a word begins with; behind it a port may stand, or the end of a sentence. One that
/// means this very machine gives nothing away.
fn address(word: &str) -> Option<&str> {
    let whole = word.trim_end_matches(['.', ':']);
    let host = whole.split(':').next().unwrap_or_default();
    [whole, host].into_iter().find(|it| {
        let parsed = it.parse::<IpAddr>();
        parsed.is_ok_and(|ip| !ip.is_loopback() && !ip.is_unspecified())
    })
}

fn queries(text: &str, mask: &mut impl FnMut(&str) -> String) -> String {
    // What follows a URL in a sentence is not its query.
    const PUNCTUATION: [char; 3] = [':', ',', '.'];
    let mut masked = String::new();
    let mut rest = text;
    while let Some((before, url)) = rest.split_once("://") {
        let end = url.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c));
        let (url, behind) = url.split_at(end.unwrap_or(url.len()));
        let bare = url.trim_end_matches(PUNCTUATION);
        masked += before;
        masked += "://";
        match bare.split_once('?') {
            Some((place, query)) if !query.is_empty() => {
                masked += place;
                masked.push('?');
                masked += &mask(query);
            }
            Some(_) | None => masked += bare,
        }
        masked += url.get(bare.len()..).unwrap_or_default();
        rest = behind;
    }
    masked + rest
}

/// A check without the words of its query, which must still be read as a check.
pub(in crate::record) fn without_query(check: &HttpCheck) -> HttpCheck {
    let Some((names, _)) = check.path().split_once('?') else {
        return check.clone();
    };
    let whole = check.to_string();
    let expectation = whole.get(check.path().len()..).unwrap_or_default();
    [
        format!("{names}?***=***{expectation}"),
        format!("{names}{expectation}"),
    ]
    .into_iter()
    .find_map(|text| HttpCheck::parse(&text).ok())
    .unwrap_or_else(|| check.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_queries_are_replaced_and_names_are_not() {
        let rows = [
            ("dial tcp 10.0.0.7:8080: EOF", "dial tcp <>:8080: EOF"),
            (
                "read 10.0.0.1:3->10.0.0.7:80: reset",
                "read <>:3-><>:80: reset",
            ),
            ("no route to 10.0.0.7.", "no route to <>."),
            ("dial tcp [fd00::7]:80: EOF", "dial tcp [<>]:80: EOF"),
            (
                "Get \"http://10.0.0.7:80/a\": EOF",
                "Get \"http://<>:80/a\": EOF",
            ),
            (
                "Get \"http://[fd00::7]/a\": EOF",
                "Get \"http://[<>]/a\": EOF",
            ),
            ("Get \"http://h/a?k=v\": EOF", "Get \"http://h/a?<>\": EOF"),
            ("GET http://h/a?k=v: EOF", "GET http://h/a?<>: EOF"),
            ("dial tcp 127.0.0.1:80", "dial tcp 127.0.0.1:80"),
            ("image \"web:1.2.3.4\"", "image \"web:1.2.3.4\""),
            (
                "image \"10.0.0.5:5000/web:1\"",
                "image \"10.0.0.5:5000/web:1\"",
            ),
            (
                "exceeded: limits.cpu=1, used: 2",
                "exceeded: limits.cpu=1, used: 2",
            ),
            ("back-off 10s: at 12:30:45", "back-off 10s: at 12:30:45"),
        ];
        for (text, expected) in rows {
            assert_eq!(masked(text, |_| "<>".to_owned()), expected);
        }
    }

    #[test]
    fn a_check_without_its_query_expects_the_same() {
        for (check, expected) in [
            ("/healthz:8080=204", "/healthz:8080=204"),
            ("/ready?token=hush:http=204", "/ready?***=***:http=204"),
            ("/ready?hush", "/ready?***=***"),
            ("/ready?a=hush&=204", "/ready?***=***=204"),
            ("/ready?a=hush~ok", "/ready?***=***~ok"),
        ] {
            let check = HttpCheck::parse(check).unwrap();
            let redacted = without_query(&check);
            assert_eq!(redacted.to_string(), expected);
            assert_eq!(redacted.expect(), check.expect());
            assert_eq!(redacted.port(), check.port());
        }
    }
}
