//! Foreign text: logs, events and API errors, made visible and kept short.
//!
//! A direction mark reorders the text after it, and a character without width hides in a word. Every
//! output removes both. Terminal sequences and the agent's commands are the concern of
//! `crates/agent`, which builds on this.

mod by_form;
mod command;
mod mask;
mod secret_names;

pub use by_form::without_secrets;
pub(crate) use command::{command, is_secret_value, without_query};
pub use mask::{MASK, mask};
pub(crate) use secret_names::{is_secret_name, may_be_secret_name};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Returns whether a value may be a secret, by its name or by its form.
#[must_use]
pub fn may_be_secret(name: &str, value: &str) -> bool {
    may_be_secret_name(name) || is_secret_value(value)
}

/// Shows that a text was cut.
pub const ELLIPSIS: char = '…';

/// Removes every character that cannot be seen.
///
/// Each kind of line break becomes `\n`, and a tab becomes a space.
#[must_use]
pub fn visible(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let shown = text.chars().filter_map(|c| match c {
        _ if is_line_break(c) => Some('\n'),
        '\t' => Some(' '),
        _ => is_visible(c).then_some(c),
    });
    shown.collect()
}

/// Removes every character without a shape, and keeps all others as they are: for a document whose line breaks are
/// escaped, such as JSON.
pub(crate) fn without_invisible(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\n' || is_visible(*c))
        .collect()
}

/// Returns whether a character ends a line: CR, LF and their Unicode relatives.
const fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Returns whether a character has a shape of its own.
///
/// Unassigned and private characters have none: a comparison may ignore them.
fn is_visible(c: char) -> bool {
    let shapeless = matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Unassigned
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
    );
    !shapeless && !is_default_ignorable(c)
}

/// Returns whether Unicode's `Default_Ignorable_Code_Point` holds for a character that is neither a
/// format character nor unassigned: joiners, fillers and variation selectors.
const fn is_default_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Returns the first `most` characters of a trimmed text, and an ellipsis if there are more.
#[must_use]
pub fn clipped(text: &str, most: usize) -> String {
    let text = text.trim();
    let cut = text.char_indices().nth(most).map(|(at, _)| at);
    cut.map_or_else(|| text.to_owned(), |at| shortened(text, at))
}

/// Returns at most `limit` bytes of a text, the ellipsis included, and never a part of a character.
///
/// Nothing where not even the ellipsis fits.
#[must_use]
pub fn clipped_to_bytes(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    limit
        .checked_sub(ELLIPSIS.len_utf8())
        .map(|room| shortened(text, room))
        .unwrap_or_default()
}

/// Returns the first `limit` bytes of a text, or fewer where a character would be split.
#[must_use]
pub fn head(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn shortened(text: &str, bytes: usize) -> String {
    format!("{}{ELLIPSIS}", head(text, bytes).trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_removed() {
        for (name, text, shown) in [
            (
                "plain text stays",
                "Back-off pulling image",
                "Back-off pulling image",
            ),
            (
                "other scripts stay",
                "Žluťoučký 読み込み中 ✓",
                "Žluťoučký 読み込み中 ✓",
            ),
            (
                "number signs stay",
                "##[error] issue #12",
                "##[error] issue #12",
            ),
            ("lines stay", "one\n\ntwo\n", "one\n\ntwo\n"),
            ("line breaks of Windows", "one\r\ntwo\r\n", "one\ntwo\n"),
            (
                "a progress bar that rewrites its line",
                "10 %\r20 %",
                "10 %\n20 %",
            ),
            (
                "line breaks of Unicode",
                "one\u{2028}two\u{85}three",
                "one\ntwo\nthree",
            ),
            ("a tab between columns", "a\tb", "a b"),
            ("NUL", "a\0b", "ab"),
            (
                "the start of a terminal sequence",
                "\u{1b}[31mred\u{9b}0m",
                "[31mred0m",
            ),
            ("a zero-width space", "a\u{200b}b", "ab"),
            ("writing direction", "abc\u{202e}fed\u{2066}g", "abcfedg"),
            ("a word joiner", "a\u{2060}b", "ab"),
            ("a byte order mark", "\u{feff}a", "a"),
            ("a soft hyphen", "a\u{ad}b", "ab"),
            ("a variation selector", "a\u{fe0f}b", "ab"),
            ("a filler", "a\u{3164}b", "ab"),
            ("an unassigned character", "a\u{378}b", "ab"),
            ("a private character", "a\u{e000}b", "ab"),
            ("a tag character", "a\u{e0041}b", "ab"),
        ] {
            assert_eq!(visible(text), shown, "{name}");
        }
    }

    #[test]
    fn a_text_is_clipped_after_so_many_characters() {
        for (name, text, shown) in [
            ("shorter", "abc", "abc"),
            ("as long", "abcd", "abcd"),
            ("as long, with spaces around it", "  abcd ", "abcd"),
            ("longer", "abcde", "abcd…"),
            ("characters of several bytes", "äöüßa", "äöüß…"),
            ("cut behind a space", "abc de", "abc…"),
        ] {
            assert_eq!(clipped(text, 4), shown, "{name}");
        }
        assert_eq!(clipped("a", 0), "…");
    }

    #[test]
    fn a_text_is_clipped_to_so_many_bytes_with_its_ellipsis() {
        for (limit, shown) in [
            (7, "abüöx"),
            (6, "ab…"),
            (5, "ab…"),
            (4, "a…"),
            (3, "…"),
            (2, ""),
        ] {
            assert_eq!(clipped_to_bytes("abüöx", limit), shown, "{limit}");
        }
        assert_eq!(clipped_to_bytes("ab cdefg", 6), "ab…", "cut behind a space");
    }

    proptest! {
        #[test]
        fn a_visible_text_has_nothing_left_to_remove(text in "\\PC*|(.|\n){0,60}|[\u{1b}\\[\\]0-9;m#\r\n\t]{0,40}") {
            let once = visible(&text);
            prop_assert_eq!(visible(&once), once.clone());
            prop_assert!(once.chars().all(|c| c == '\n' || is_visible(c)), "{:?}", once);
        }

        #[test]
        fn a_clipped_text_is_within_its_limit(text in ".{0,60}", limit in 0_usize..80) {
            prop_assert!(clipped_to_bytes(&text, limit).len() <= limit);
            prop_assert!(clipped(&text, limit).chars().count() <= limit + 1);
        }
    }
}
