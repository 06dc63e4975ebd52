//! Foreign text as prose: nothing in it is markup, a link, a mention or a work item.

use super::code;
use crate::foreign_text::visible;

/// The text as one paragraph. What it has in backticks becomes code, if each of them is closed.
pub(crate) fn prose(text: &str) -> String {
    let flat = visible(text).replace('\n', " ");
    let pieces: Vec<&str> = flat.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return escaped(&flat);
    }
    pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| match (at % 2, *piece) {
            (0, piece) => escaped(piece),
            // Two backticks with nothing between them are no code.
            (_, "") => "\\`\\`".to_owned(),
            (_, piece) => code(piece),
        })
        .collect()
}

/// The same in a cell of a table, which a bar would end even within code.
#[must_use]
pub fn cell(text: &str) -> String {
    prose(&text.replace('|', "¦"))
}

/// A backslash before each mark: every ASCII punctuation character may be escaped
/// (<https://spec.commonmark.org/0.31.2/#backslash-escapes>). Those that begin nothing inside a
/// sentence stay as they are, because people read the source as well.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let harmless = matches!(c, ',' | '\'' | '"' | ';' | '?' | '%' | '/' | '(' | ')');
        // A list or a rule only where the text begins; a link only after a scheme or `www`.
        let inside = matches!(c, '.' | '-' | ':' | '=' | '+') && !out.trim_start().is_empty();
        let links = text[at..].starts_with("://") || (c == '.' && ends_with_www(&out));
        let is_mark = !harmless && (!inside || links) || ends_list_number(&out, &text[at..]);
        if c.is_ascii_punctuation() && is_mark {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Returns whether `rest` ends a number with which an ordered list begins: `1.` or `1)`
/// (<https://spec.commonmark.org/0.31.2/#ordered-list-marker>).
fn ends_list_number(before: &str, rest: &str) -> bool {
    let digits = before.trim_start();
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    let after = rest.strip_prefix(['.', ')']);
    is_number && after.is_some_and(|it| it.is_empty() || it.starts_with(char::is_whitespace))
}

fn ends_with_www(text: &str) -> bool {
    text.len() >= 3
        && text
            .get(text.len() - 3..)
            .is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_become_markup() {
        let rows = [
            (
                "plain words",
                "image app:v2 is gone",
                "image app:v2 is gone",
            ),
            (
                "code of ours",
                "container `app` ended",
                "container `app` ended",
            ),
            ("an open backtick", "it said `x", r"it said \`x"),
            (
                "a closed span that hides markup",
                "`*a*` *b*",
                r"`*a*` \*b\*",
            ),
            ("an empty span", "a `` b", r"a \`\` b"),
            ("a link", "[x](http://evil)", r"\[x\](http\://evil)"),
            (
                "a bare address",
                "see https://evil.test",
                r"see https\://evil.test",
            ),
            (
                "a bare address without a scheme",
                "see www.evil.test",
                r"see www\.evil.test",
            ),
            (
                "a mention and a work item",
                "@all #12 !3",
                r"\@all \#12 \!3",
            ),
            ("a table", "a | b", r"a \| b"),
            ("a formula", "$x$", r"\$x\$"),
            ("HTML", "<img src=x>&lt;", r"\<img src=x\>\&lt;"),
            ("a list", "- a", r"\- a"),
            ("an indented list", "  - a", r"  \- a"),
            ("an ordered list", "1. a", r"1\. a"),
            ("an ordered list with a bracket", " 12) a", r" 12\) a"),
            ("an ordered list without an item", "1.", r"1\."),
            ("a number that begins no list", "1.5 GiB", "1.5 GiB"),
            ("a number in a sentence", "took 3. a", "took 3. a"),
            ("a heading", "# a", r"\# a"),
            ("a second line", "a\n# b", r"a \# b"),
        ];
        for (name, text, expected) in rows {
            assert_eq!(prose(text), expected, "{name}");
        }
    }
}
