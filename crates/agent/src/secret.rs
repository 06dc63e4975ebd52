//! Secrets, and how they are kept out of the output.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use rollguard_core::foreign_text::MASK;

/// A secret: it has neither `Debug` nor `Display`, so it cannot slip into a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value that must not be shown.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

/// Parts shorter than this are not masked: they would blank out ordinary words and say more than
/// they hide.
const SHORTEST: usize = 4;
/// The same for an encoded part, of which only the middle is certain.
const SHORTEST_ENCODED: usize = 8;

/// Secrets that are kept out of a text, in every form in which a server may echo them.
#[derive(Clone, Default)]
pub struct Masker {
    parts: Vec<String>,
}

impl Masker {
    /// Adds a secret.
    pub fn add(&mut self, secret: &Secret) {
        for part in parts(secret) {
            if !self.parts.contains(&part) {
                self.parts.push(part);
            }
        }
    }

    /// Returns whether a secret was added before.
    #[must_use]
    pub fn knows(&self, secret: &Secret) -> bool {
        parts(secret).iter().all(|part| self.parts.contains(part))
    }

    /// `text` with every occurrence of a secret, of one line of it, and of its encoded forms replaced by
    /// [`MASK`].
    ///
    /// The agent masks too, but matches only what was registered, and a multi-line secret never occurs
    /// within one line of output.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        rollguard_core::foreign_text::mask(text, self.parts.iter().map(String::as_str))
    }
}

/// The texts of a secret that could show up: the whole and each of its lines, without surrounding space, and their
/// encoded forms.
pub(crate) fn parts(secret: &Secret) -> Vec<String> {
    let whole = secret.expose().trim();
    let lines = whole
        .lines()
        .map(str::trim)
        .filter(move |line| *line != whole);
    let plain = std::iter::once(whole)
        .chain(lines)
        .filter(|part| part.len() >= SHORTEST);
    let mut parts: Vec<String> = Vec::new();
    for part in plain {
        let forms = std::iter::once(part.to_owned()).chain(encoded(part));
        for form in forms {
            if !parts.contains(&form) {
                parts.push(form);
            }
        }
    }
    parts
}

/// The forms in which servers echo a text: base64 at each of the three offsets that a text before it leaves (in
/// `Basic` credentials, or a quoted body), percent-encoded (in a URL or a form), and escaped (in JSON).
fn encoded(text: &str) -> impl Iterator<Item = String> {
    let base64 = [STANDARD, URL_SAFE].into_iter().flat_map(move |alphabet| {
        (0..3).map(move |offset| middle_of_base64(&alphabet, text, offset))
    });
    let escaped = utf8_percent_encode(text, UNRESERVED).to_string();
    let lower = lower_case_escapes(&escaped);
    // A form writes a space as a plus sign.
    let form = escaped.replace("%20", "+");
    let quoted = serde_json::Value::from(text).to_string();
    let json = quoted.trim_matches('"').to_owned();
    let long = |it: &String| it.len() >= SHORTEST_ENCODED;
    base64
        .filter(long)
        .chain([escaped, lower, form, json])
        .filter(|form| !form.is_empty())
}

/// All but the letters and digits that RFC 3986 leaves as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The digits of base64 that are the same whatever stands before and after the text: with `offset` bytes before it,
/// the first digits also hold some of these, and the last one some of what follows.
fn middle_of_base64(alphabet: &GeneralPurpose, text: &str, offset: usize) -> String {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(text.as_bytes());
    let digits = alphabet.encode(&bytes);
    let from = (offset * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    digits.get(from..to).unwrap_or_default().to_owned()
}

/// Some servers write `%2f` where others write `%2F`.
fn lower_case_escapes(escaped: &str) -> String {
    let mut pieces = escaped.split('%');
    let mut lower = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        lower.push('%');
        lower.push_str(&digits.to_lowercase());
        lower.push_str(rest);
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, secrets: &[&str]) -> String {
        let mut masker = Masker::default();
        for secret in secrets {
            masker.add(&Secret::new(*secret));
        }
        masker.mask(text)
    }

    #[test]
    fn secrets_are_masked_as_a_whole_and_by_line() {
        let rows: &[(&str, &str, &[&str], &str)] = &[
            ("no secret", "all is well", &[], "all is well"),
            ("one", "token=hunter22 ok", &["hunter22"], "token=*** ok"),
            (
                "surrounding space does not matter",
                "hunter22",
                &[" hunter22\n"],
                "***",
            ),
            (
                "a line of a certificate",
                "got MIIBkey!",
                &["-----BEGIN-----\nMIIBkey!\n-----END-----"],
                "got ***",
            ),
            ("too short to be one", "a cat sat", &["a"], "a cat sat"),
            ("nearly one", "hunter2", &["hunter22"], "hunter2"),
        ];
        for (name, text, secrets, shown) in rows {
            assert_eq!(masked(text, secrets), *shown, "{name}");
        }
    }

    #[test]
    fn secrets_are_masked_in_the_forms_in_which_servers_echo_them() {
        const SECRET: &str = "p~ss w/rd+\"42\"?ümlaut";
        let form: String = utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
        let rows = [
            ("base64", STANDARD.encode(SECRET)),
            (
                "base64 behind one byte",
                STANDARD.encode(format!(":{SECRET}")),
            ),
            (
                "base64 behind two bytes",
                STANDARD.encode(format!("u:{SECRET}")),
            ),
            (
                "base64 in basic credentials",
                STANDARD.encode(format!("user:{SECRET}")),
            ),
            (
                "base64 within a body",
                STANDARD.encode(format!("a={SECRET}&b=1")),
            ),
            (
                "base64 for URLs",
                URL_SAFE.encode(format!("a={SECRET}&b=1")),
            ),
            (
                "in a URL",
                utf8_percent_encode(SECRET, UNRESERVED).to_string(),
            ),
            (
                "in a form",
                utf8_percent_encode(SECRET, UNRESERVED)
                    .to_string()
                    .replace("%20", "+"),
            ),
            (
                "in JSON",
                serde_json::json!({ "quoted": SECRET }).to_string(),
            ),
        ];
        for (name, echo) in rows {
            let shown = masked(&format!("server: {echo} end"), &[SECRET]);
            assert!(shown.contains(MASK), "{name}: {shown}");
            // What is left beside the mask is not enough to go on with: the digits at its ends.
            let left = shown.replace(MASK, "").len();
            assert!(left < echo.len() / 2 + 30, "{name}: {shown}");
        }
        let lower = lower_case_escapes(&form);
        assert!(lower.contains("%2f") && !lower.contains("%2F"), "{lower}");
        let other = STANDARD.encode("another text of the same length");
        assert_eq!(masked(&other, &[SECRET]), other);
    }

    #[test]
    fn an_empty_secret_masks_nothing() {
        assert_eq!(masked("text", &["", "  ", "\n"]), "text");
        let mut masker = Masker::default();
        masker.add(&Secret::new("hunter22"));
        assert!(masker.knows(&Secret::new("hunter22")));
        assert!(!masker.knows(&Secret::new("hunter23")));
    }
}
