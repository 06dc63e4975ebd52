//! Foreign text: made harmless before anybody prints it.
//!
//! The agent obeys `##vso[` *anywhere* in a line of stdout or stderr (azure-pipelines-agent,
//! `Command.cs`, `IndexOf`), so a pod's log could turn a failed check green. Its comparison follows
//! the culture and ignores characters without width, so putting one in between is no defence; the
//! number signs must go.

use std::fmt;

use rollguard_core::foreign_text::{ELLIPSIS, clipped_to_bytes, head, visible};

/// The longest text that [`neutralise`] returns, in bytes: enough for an event's message (1 KiB).
pub(crate) const LIMIT: usize = 2 * 1024;

/// The longest line that [`neutralise_line`] returns, in bytes: several foreign texts and our own
/// words.
const LINE_LIMIT: usize = 16 * 1024;

/// Shows a line break within one line.
const LINE_BREAK: &str = "⏎";

/// A foreign text as one harmless line of at most 2 KiB.
///
/// Control, format and invisible characters and terminal sequences are removed, line breaks are
/// shown as `⏎`, and number signs that stand together, or first, become `*`: neither the result nor
/// any sequence of such results contains `##`, with which every command and every log marker
/// begins.
#[must_use]
pub fn neutralise(text: &str) -> String {
    limited(text, LIMIT)
}

/// The same with another limit.
pub(crate) fn neutralise_within(text: &str, limit: usize) -> String {
    limited(text, limit)
}

/// The same for a whole line of output, of at most 16 KiB, just before it is printed.
#[must_use]
pub fn neutralise_line(text: &str) -> String {
    limited(text, LINE_LIMIT)
}

/// The same for a text whose lines are to stay lines; at most `limit` bytes.
#[must_use]
pub fn neutralise_lines(text: &str, limit: usize) -> String {
    let lines: Vec<String> = text
        .trim_end()
        .lines()
        .map(|line| limited(line, limit))
        .collect();
    clipped_to_bytes(&lines.join("\n"), limit)
}

/// A foreign text that is neutralised wherever it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untrusted(String);

impl Untrusted {
    /// Takes a text of unknown origin.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it came: for comparing, never for printing.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&neutralise(&self.0))
    }
}

fn limited(text: &str, limit: usize) -> String {
    // A sequence that is removed may be long; how much is read is bounded all the same.
    let head = head(text, limit.saturating_mul(8));
    let mut safe = without_markers(&one_line(head));
    if head.len() < text.len() {
        safe.push(ELLIPSIS);
    }
    clipped_to_bytes(&safe, limit)
}

/// A text's visible characters, without terminal sequences; a line break becomes one visible sign.
fn one_line(text: &str) -> String {
    let lines = visible(&anstream::adapter::strip_str(text).to_string());
    lines.trim_end_matches('\n').replace('\n', LINE_BREAK)
}

/// Breaks runs of number signs, and one at the start, which could continue the text before.
///
/// Two number signs also count as a run when only non-ASCII characters stand between them: whatever
/// a comparison may ignore, it does not ignore ASCII.
fn without_markers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Where the number sign is that the next one would form a run with; at first, one before the
    // text.
    let mut open: Option<Option<usize>> = Some(None);
    for c in text.chars() {
        if is_number_sign(c) {
            if let Some(before) = open {
                if let Some(at) = before {
                    out.replace_range(at..=at, "*");
                }
                open = Some(None);
                out.push('*');
            } else {
                open = Some(Some(out.len()));
                out.push('#');
            }
        } else {
            if c.is_ascii() {
                open = None;
            }
            out.push(c);
        }
    }
    out
}

/// `#` and its compatibility forms, which a loose comparison takes for it.
const fn is_number_sign(c: char) -> bool {
    matches!(c, '#' | '\u{fe5f}' | '\u{ff03}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command::{LoggingCommand, parse_line};

    #[test]
    fn foreign_text_is_shown_as_harmless_text() {
        let rows: &[(&str, &str, &str)] = &[
            (
                "plain text stays",
                "Back-off pulling image \"web:1.4\"",
                "Back-off pulling image \"web:1.4\"",
            ),
            (
                "other scripts stay",
                "Žluťoučký 読み込み中 ✓",
                "Žluťoučký 読み込み中 ✓",
            ),
            (
                "one number sign stays",
                "issue #12 and #13, C#",
                "issue #12 and #13, C#",
            ),
            (
                "a command",
                "x ##vso[task.complete result=Succeeded;]",
                "x **vso[task.complete result=Succeeded;]",
            ),
            ("upper case", "##VSO[task.debug]", "**VSO[task.debug]"),
            ("a log marker", "##[error]no", "**[error]no"),
            ("a marker in the middle", "no ##[group]", "no **[group]"),
            ("more number signs", "###vso[", "***vso["),
            ("at the start of the text", "#vso[", "*vso["),
            ("a heading", "## Usage", "** Usage"),
            ("split by a zero-width space", "#\u{200b}#vso[", "**vso["),
            ("split by a soft hyphen", "##v\u{ad}so[", "**vso["),
            ("split by NUL", "#\0#vso[", "**vso["),
            ("split by a variation selector", "#\u{fe0f}#vso[", "**vso["),
            (
                "split by an unassigned character",
                "#\u{378}#vso[",
                "**vso[",
            ),
            ("split by a private character", "#\u{e000}#vso[", "**vso["),
            ("split by colour", "#\u{1b}[31m#vso[", "**vso["),
            ("split by an 8-bit sequence", "#\u{9b}#vso[", "**vso["),
            ("in full width", "\u{ff03}#vso[", "**vso["),
            (
                "a combining mark in between",
                "a #\u{301}#vso[",
                "a *\u{301}*vso[",
            ),
            (
                "line breaks",
                "one\r\ntwo\nthree\rfour",
                "one⏎two⏎three⏎four",
            ),
            (
                "line breaks of Unicode",
                "one\u{2028}two\u{85}three",
                "one⏎two⏎three",
            ),
            ("a line break at the end", "one\n", "one"),
            ("split by a line break", "#\n#vso[", "*⏎*vso["),
            ("tabs", "a\tb", "a b"),
            ("colours", "\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("a title sequence", "a\u{1b}]0;title\u{7}b", "ab"),
            ("writing direction", "abc\u{202e}fed", "abcfed"),
        ];
        for (name, text, shown) in rows {
            assert_eq!(neutralise(text), *shown, "{name}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        for text in ["x".repeat(5000), "ä".repeat(5000), "日".repeat(50_000)] {
            let shown = neutralise(&text);
            assert!(
                shown.len() <= LIMIT && shown.len() > LIMIT - 8,
                "{}",
                shown.len()
            );
            assert!(shown.ends_with('…'));
        }
        assert_eq!(neutralise(&"x".repeat(LIMIT)), "x".repeat(LIMIT));
        assert!(neutralise(&format!("{}y", "\0".repeat(100_000))).ends_with('…'));
    }

    #[test]
    fn texts_keep_their_lines_where_asked() {
        let shown = neutralise_lines("one\r\n##vso[x]\n\ntwo\n", 100);
        assert_eq!(shown, "one\n**vso[x]\n\ntwo");
        assert!(neutralise_lines(&"ab\n".repeat(100), 50).len() <= 50);
    }

    /// The loosest view of a line: only ASCII counts, and its case does not.
    fn as_loosely_compared(line: &str) -> String {
        let ascii = line.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
        ascii.collect::<String>().to_lowercase()
    }

    /// Text made of the pieces that attacks are made of.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => Just("#".to_owned()),
            2 => Just("##vso[task.complete result=Succeeded]".to_owned()),
            2 => Just("vso[".to_owned()),
            1 => Just("VSO[".to_owned()),
            1 => Just("[error]".to_owned()),
            1 => Just("\u{1b}[".to_owned()),
            1 => Just("\u{1b}]".to_owned()),
            1 => Just("\u{ff03}".to_owned()),
            3 => any::<char>().prop_map(String::from),
            1 => prop::sample::select(vec!['\r', '\n', '\0', '\u{ad}', '\u{200b}', '\u{feff}', '\u{2060}'])
                .prop_map(String::from),
            1 => ".{0,8}",
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_foreign_text_yields_a_command(before in hostile(), text in hostile(), after in hostile()) {
            let line = format!("{}{}{}", neutralise(&before), Untrusted::new(text), neutralise(&after));
            prop_assert!(parse_line(&line).is_none());
            prop_assert!(!line.contains(['\r', '\n']));
            let loose = as_loosely_compared(&line);
            prop_assert!(!loose.contains("##"), "{loose}");
        }

        #[test]
        fn a_text_inside_a_command_stays_its_text(text in hostile()) {
            let line = LoggingCommand::error(&text).to_string();
            let parsed = parse_line(&line).unwrap();
            prop_assert_eq!(parsed.event.as_str(), "logissue");
            prop_assert_eq!(parsed.data, neutralise(&text));
            let loose = as_loosely_compared(&line);
            prop_assert_eq!(loose.matches("##").count(), 1);
        }

        #[test]
        fn neutralising_twice_changes_nothing(text in hostile()) {
            let once = neutralise(&text);
            prop_assert_eq!(neutralise(&once), once);
        }

        #[test]
        fn neutralised_text_is_bounded(text in hostile(), times in 1_usize..400) {
            prop_assert!(neutralise(&text.repeat(times)).len() <= LIMIT);
            prop_assert!(neutralise_lines(&text.repeat(times), 300).len() <= 300);
        }
    }
}
