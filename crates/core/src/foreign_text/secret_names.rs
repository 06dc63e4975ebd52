//! Names of values that are secrets, or may be.

/// A word in the name of a value.
struct Word {
    text: &'static str,
    /// Whether the value is a secret in a line of a log, too, where `key=` and `cert=` often name what
    /// is missing.
    certain: bool,
}

const fn certain(text: &'static str) -> Word {
    Word {
        text,
        certain: true,
    }
}

const fn perhaps(text: &'static str) -> Word {
    Word {
        text,
        certain: false,
    }
}

/// In lower case, with `_` for `-`.
const WORDS: [Word; 27] = [
    certain("password"),
    certain("passwd"),
    certain("passphrase"),
    certain("pwd"),
    certain("secret"),
    certain("token"),
    certain("apikey"),
    certain("api_key"),
    certain("accountkey"),
    certain("sharedaccesskey"),
    certain("access_key"),
    certain("private_key"),
    certain("connectionstring"),
    certain("connection_string"),
    certain("jwt"),
    perhaps("pass"),
    perhaps("key"),
    perhaps("cred"),
    perhaps("auth"),
    perhaps("cert"),
    perhaps("private"),
    perhaps("signature"),
    perhaps("sig="),
    perhaps("salt"),
    perhaps("cookie"),
    perhaps("dsn"),
    perhaps("bearer"),
];

/// Returns whether a value of this name is a secret, wherever it stands.
#[must_use]
pub(crate) fn is_secret_name(name: &str) -> bool {
    holds(name, |word| word.certain)
}

/// Returns whether a value of this name may be a secret: where the text is not needed to understand a
/// failure, it is not shown.
#[must_use]
pub(crate) fn may_be_secret_name(name: &str) -> bool {
    holds(name, |_| true)
}

fn holds(name: &str, counts: impl Fn(&Word) -> bool) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let mut words = WORDS.iter().filter(|word| counts(word));
    words.any(|word| name.contains(word.text))
}

/// Every word, also those of values that only may be secrets.
pub(crate) fn secret_words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|word| word.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_certain_secret_is_one_of_a_possible_secret_as_well() {
        for (name, certain, possible) in [
            ("DB_PASSWORD", true, true),
            ("api-key", true, true),
            ("ConnectionString", true, true),
            ("TLS_CERT", false, true),
            ("key", false, true),
            ("LOG_LEVEL", false, false),
        ] {
            assert_eq!(is_secret_name(name), certain, "{name}");
            assert_eq!(may_be_secret_name(name), possible, "{name}");
        }
    }
}
