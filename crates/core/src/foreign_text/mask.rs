//! Hides known values in a text.

/// What stands where a secret was; the agent's own masker writes the same.
pub const MASK: &str = "***";

/// Replaces every occurrence of a part by [`MASK`].
///
/// Parts that overlap are hidden as one: else the rest of the second would show.
#[must_use]
pub fn mask<'a>(text: &str, parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut covered: Vec<(usize, usize)> = parts
        .into_iter()
        .flat_map(|part| occurrences(text, part))
        .collect();
    covered.sort_unstable();

    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    let mut hidden_to = 0;
    for (start, end) in covered {
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

/// Where `part` occurs, overlapping occurrences included.
fn occurrences<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let first = part.chars().next();
    let starts = text.char_indices();
    starts
        .filter(move |(at, c)| {
            Some(*c) == first && text.get(*at..).is_some_and(|rest| rest.starts_with(part))
        })
        .map(move |(at, _)| (at, at + part.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_hidden_wherever_they_occur() {
        let rows: &[(&str, &str, &[&str], &str)] = &[
            ("none", "all is well", &[], "all is well"),
            ("an empty one", "all is well", &[""], "all is well"),
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
                "beside other scripts",
                "пароль: geheim-ö.",
                &["geheim-ö"],
                "пароль: ***.",
            ),
            (
                "nearly one",
                "hunter2 hunte",
                &["hunter22"],
                "hunter2 hunte",
            ),
        ];
        for (name, text, parts, shown) in rows {
            assert_eq!(mask(text, parts.iter().copied()), *shown, "{name}");
        }
    }
}
