//! Foreign text in XML.

use crate::foreign_text::visible;

/// Escapes a text for an attribute: one line, in which a line break is a reference.
#[must_use]
pub fn xml_attribute(text: &str) -> String {
    escaped(text).replace('\n', "&#10;")
}

/// Escapes a text for the content of an element, where line breaks stay.
#[must_use]
pub(super) fn xml_content(text: &str) -> String {
    escaped(text)
}

/// A number sign is written as a reference, so that no two stand together: an agent would take a line with them for a
/// command. A character that XML 1.0 has no place for is left out (section 2.2, `Char`).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars().filter(|it| is_allowed(*it)) {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '#' => out += "&#35;",
            c => out.push(c),
        }
    }
    out
}

const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text() {
        let rows = [
            ("plain text stays", "Back-off 読み込み", "Back-off 読み込み"),
            ("markup", "<a b=\"c\">&", "&lt;a b=&quot;c&quot;&gt;&amp;"),
            ("a command", "##vso[x]", "&#35;&#35;vso[x]"),
            ("control characters", "a\u{0}b\u{1b}c\u{7f}", "abc"),
            ("what Unicode does not assign", "a\u{fffe}b\u{ffff}", "ab"),
            ("a line break", "a\nb", "a&#10;b"),
        ];
        for (says, text, expected) in rows {
            assert_eq!(xml_attribute(text), expected, "{says}");
        }
        assert_eq!(xml_content("a\nb"), "a\nb");
    }
}
