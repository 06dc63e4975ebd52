//! Secrets, and how they are kept out of the output.

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

/// What stands where a secret was; the agent's own masker writes the same.
pub const MASK: &str = "***";

/// Parts shorter than this are not masked: they would blank out ordinary words and say more than
/// they hide.
const SHORTEST: usize = 4;

/// `text` with every occurrence of a secret, or of one line of a secret, replaced by [`MASK`].
///
/// The agent masks too, but matches only what was registered, and a multi-line secret never occurs
/// within one line of output.
#[must_use]
pub fn mask(text: &str, secrets: &[Secret]) -> String {
    let mut covered: Vec<(usize, usize)> = secrets
        .iter()
        .flat_map(parts)
        .flat_map(|part| occurrences(text, part))
        .collect();
    covered.sort_unstable();

    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    let mut hidden_to = 0;
    for (start, end) in covered {
        // Overlapping secrets are hidden as one, else the rest of the second would show.
        if start > hidden_to || hidden_to == 0 {
            masked.push_str(text.get(done..start).unwrap_or_default());
            masked.push_str(MASK);
        }
        hidden_to = hidden_to.max(end);
        done = hidden_to;
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    masked
}

/// The texts of a secret that could show up: the whole and each of its lines, without surrounding
/// space.
pub(crate) fn parts(secret: &Secret) -> impl Iterator<Item = &str> {
    let whole = secret.expose().trim();
    let lines = whole
        .lines()
        .map(str::trim)
        .filter(move |line| *line != whole);
    std::iter::once(whole)
        .chain(lines)
        .filter(|part| part.len() >= SHORTEST)
}

/// Where `part` occurs, overlapping occurrences included.
fn occurrences<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let starts = text.char_indices().map(|(at, _)| at);
    starts
        .filter(move |at| text.get(*at..).is_some_and(|rest| rest.starts_with(part)))
        .map(|at| (at, at + part.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, secrets: &[&str]) -> String {
        let secrets: Vec<Secret> = secrets.iter().map(|it| Secret::new(*it)).collect();
        mask(text, &secrets)
    }

    #[test]
    fn secrets_are_masked_wherever_they_occur() {
        let rows: &[(&str, &str, &[&str], &str)] = &[
            ("no secret", "all is well", &[], "all is well"),
            ("one", "token=hunter22 ok", &["hunter22"], "token=*** ok"),
            (
                "at both ends",
                "hunter22 hunter22",
                &["hunter22"],
                "*** ***",
            ),
            ("back to back", "hunter22hunter22", &["hunter22"], "***"),
            (
                "one within the other",
                "xx-hunter22-yy",
                &["hunter22", "hunter"],
                "xx-***-yy",
            ),
            ("overlapping", "abcdefghi", &["abcdef", "defghi"], "***"),
            ("overlapping itself", "ababab", &["abab"], "***"),
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
            (
                "beside other scripts",
                "пароль: geheim-ö.",
                &["geheim-ö"],
                "пароль: ***.",
            ),
        ];
        for (name, text, secrets, shown) in rows {
            assert_eq!(masked(text, secrets), *shown, "{name}");
        }
    }

    #[test]
    fn an_empty_secret_masks_nothing() {
        assert_eq!(masked("text", &["", "  ", "\n"]), "text");
    }
}
