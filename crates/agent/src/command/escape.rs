//! The agent's escapes (azure-pipelines-agent, `CommandStringConvertor.cs`).

/// Escapes the text behind `]`. `%` comes first, else escapes would be escaped.
#[must_use]
pub fn escape_data(text: &str) -> String {
    text.replace('%', "%AZP25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes the value of a property, in which `;` and `]` have a meaning too.
#[must_use]
pub fn escape_property(text: &str) -> String {
    escape_data(text).replace(']', "%5D").replace(';', "%3B")
}

/// Reverses both, in the agent's order: `%AZP25` comes last.
#[must_use]
pub fn unescape(text: &str) -> String {
    text.replace("%3B", ";")
        .replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%5D", "]")
        .replace("%AZP25", "%")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text in which escapes are frequent.
    fn tricky() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "%", "%AZP25", "AZP25", "%3B", "%0A", "%0D", "%5D", "%25", ";", "]", "\r", "\n"
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn what_looks_like_an_escape_survives() {
        assert_eq!(escape_data("%0A"), "%AZP250A");
        assert_eq!(unescape("%AZP250A"), "%0A");
        assert_eq!(unescape("100%25"), "100%25");
    }

    proptest! {
        #[test]
        fn unescaping_reverses_escaping(text in tricky()) {
            prop_assert_eq!(unescape(&escape_data(&text)), text.clone());
            prop_assert_eq!(unescape(&escape_property(&text)), text);
        }

        #[test]
        fn an_escaped_property_holds_no_separator(text in tricky()) {
            prop_assert!(!escape_property(&text).contains(['\r', '\n', ';', ']']));
        }
    }
}
