//! The form of a label selector (`k8s.io/apimachinery/pkg/labels/selector.go`): the API server would
//! refuse a wrong one as well, but only after signing in.

use rollguard_core::workload::is_dns_subdomain;

use super::error::InputProblem;

/// The longest name of a label, and the longest value.
const LONGEST: usize = 63;

/// The text, if it is a selector.
pub(super) fn selector(text: &str) -> Result<String, InputProblem> {
    match requirements(text)
        .into_iter()
        .find(|it| !is_requirement(it))
    {
        None => Ok(text.to_owned()),
        Some(wrong) => Err(InputProblem::Selector(wrong.to_owned())),
    }
}

/// The parts between the commas that stand outside of parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut inside = false;
    let parts = text.split(|c| {
        inside = c == '(' || (inside && c != ')');
        c == ',' && !inside
    });
    parts.map(str::trim).collect()
}

fn is_requirement(text: &str) -> bool {
    if let Some((left, values)) = text.split_once('(') {
        let words: Vec<&str> = left.split_whitespace().collect();
        let values = values.strip_suffix(')').unwrap_or_default();
        return matches!(words.as_slice(), [key, "in" | "notin"] if is_key(key))
            && !values.trim().is_empty()
            && values.split(',').all(|value| is_value(value.trim()));
    }
    for operator in ["!=", "==", "="] {
        if let Some((key, value)) = text.split_once(operator) {
            return is_key(key.trim()) && is_value(value.trim());
        }
    }
    if let Some((key, number)) = text.split_once(['<', '>']) {
        return is_key(key.trim()) && number.trim().parse::<i64>().is_ok();
    }
    is_key(text.strip_prefix('!').unwrap_or(text).trim())
}

fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name(name),
        None => is_name(text),
    }
}

fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

fn is_name(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LONGEST
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.chars().all(|c| ends(c) || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_read_as_kubectl_reads_it() {
        for text in [
            "app=web",
            "app==web",
            "app = web",
            "app!=web",
            "app=",
            "app",
            "!app",
            "app.kubernetes.io/name=web,tier!=db",
            "tier in (web, api),!canary",
            "tier notin (db)",
            "weight>5",
        ] {
            assert_eq!(selector(text).unwrap(), text);
        }
    }

    #[test]
    fn the_part_that_is_wrong_is_named() {
        let long = "a".repeat(64);
        let rows = [
            ("app:web", "app:web"),
            ("app=web tier=db", "app=web tier=db"),
            ("app=web,", ""),
            ("app=web,tier in (db", "tier in (db"),
            ("tier in ()", "tier in ()"),
            ("tier on (db)", "tier on (db)"),
            ("=web", "=web"),
            ("a/b/c=web", "a/b/c=web"),
            ("A_/b=web", "A_/b=web"),
            ("app=web!", "app=web!"),
            ("weight>heavy", "weight>heavy"),
            (&long, &long),
        ];
        for (text, wrong) in rows {
            match selector(text) {
                Err(InputProblem::Selector(named)) => assert_eq!(named, wrong),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
