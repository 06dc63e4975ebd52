//! Label selectors as text (`k8s.io/apimachinery/pkg/labels/selector.go`).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::workload::is_dns_subdomain;

/// The longest name of a label, and the longest value.
const LONGEST: usize = 63;

/// One condition of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// `key in (a, b)`, `key=a`, `key==a`.
    In(String, BTreeSet<String>),
    /// `key notin (a, b)`, `key!=a`. Objects without the label match.
    NotIn(String, BTreeSet<String>),
    /// `key`.
    Exists(String),
    /// `!key`.
    DoesNotExist(String),
    /// `key>5`.
    GreaterThan(String, i64),
    /// `key<5`.
    LessThan(String, i64),
}

/// Splits a selector at the commas outside of parentheses.
#[must_use]
pub fn split(selector: &str) -> Vec<&str> {
    let mut inside = false;
    let parts = selector.split(|c| {
        inside = c == '(' || (inside && c != ')');
        c == ',' && !inside
    });
    parts.map(str::trim).collect()
}

/// Returns whether a selector matches labels; `None` where one of its operators is not known. An empty one matches all.
#[must_use]
pub fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> Option<bool> {
    let mut equal = selector.match_labels.iter().flatten();
    let by_labels = equal.all(|(key, value)| labels.get(key) == Some(value));
    let rules = selector.match_expressions.iter().flatten();
    let rules = rules.map(|it| {
        let values = it.values.iter().flatten().cloned().collect();
        Some(Requirement::of(&it.key, &it.operator, values)?.matches(labels))
    });
    let by_rules: Option<Vec<bool>> = rules.collect();
    Some(by_labels && by_rules?.into_iter().all(|it| it))
}

impl Requirement {
    /// Returns the condition of a key, an operator of the API and its values; `None` for an unknown operator.
    #[must_use]
    pub fn of(key: &str, operator: &str, values: BTreeSet<String>) -> Option<Self> {
        let key = key.to_owned();
        let number = || values.first()?.parse::<i64>().ok();
        Some(match operator {
            "In" => Self::In(key, values),
            "NotIn" => Self::NotIn(key, values),
            "Exists" => Self::Exists(key),
            "DoesNotExist" => Self::DoesNotExist(key),
            "Gt" => Self::GreaterThan(key, number()?),
            "Lt" => Self::LessThan(key, number()?),
            _ => return None,
        })
    }

    /// Parses one part of a selector.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((left, values)) = text.split_once('(') {
            let inside = values.strip_suffix(')')?;
            let values = || -> Option<BTreeSet<String>> { inside.split(',').map(value).collect() };
            let words: Vec<&str> = left.split_whitespace().collect();
            return match words.as_slice() {
                _ if inside.trim().is_empty() => None,
                [name, "in"] => Some(Self::In(key(name)?, values()?)),
                [name, "notin"] => Some(Self::NotIn(key(name)?, values()?)),
                _ => None,
            };
        }
        if let Some((name, other)) = text.split_once("!=") {
            return Some(Self::NotIn(key(name)?, BTreeSet::from([value(other)?])));
        }
        if let Some((name, same)) = text.split_once("==").or_else(|| text.split_once('=')) {
            return Some(Self::In(key(name)?, BTreeSet::from([value(same)?])));
        }
        if let Some((name, number)) = text.split_once(['<', '>']) {
            let (name, number) = (key(name)?, number.trim().parse().ok()?);
            return Some(if text.contains('<') {
                Self::LessThan(name, number)
            } else {
                Self::GreaterThan(name, number)
            });
        }
        match text.strip_prefix('!') {
            Some(name) => Some(Self::DoesNotExist(key(name)?)),
            None => Some(Self::Exists(key(text)?)),
        }
    }

    /// Returns whether an object with these labels meets the condition.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let number = |name: &String| labels.get(name)?.parse::<i64>().ok();
        match self {
            Self::In(name, values) => labels.get(name).is_some_and(|it| values.contains(it)),
            Self::NotIn(name, values) => labels.get(name).is_none_or(|it| !values.contains(it)),
            Self::Exists(name) => labels.contains_key(name),
            Self::DoesNotExist(name) => !labels.contains_key(name),
            Self::GreaterThan(name, bound) => number(name).is_some_and(|it| it > *bound),
            Self::LessThan(name, bound) => number(name).is_some_and(|it| it < *bound),
        }
    }
}

fn key(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name(name),
        None => is_name(text),
    };
    fits.then(|| text.to_owned())
}

fn value(text: &str) -> Option<String> {
    let text = text.trim();
    (text.is_empty() || is_name(text)).then(|| text.to_owned())
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
    fn requirements_match_as_the_api_server_matches_them() {
        let labels = BTreeMap::from([
            ("app".to_owned(), "web".to_owned()),
            ("weight".to_owned(), "7".to_owned()),
        ]);
        let rows = [
            ("app=web", true),
            ("app == web", true),
            ("app=api", false),
            ("app!=api", true),
            ("tier!=db", true),
            ("app in (api, web)", true),
            ("app in(api)", false),
            ("app notin (web)", false),
            ("tier notin (web)", true),
            ("app", true),
            ("!app", false),
            ("! tier", true),
            ("weight>5", true),
            ("weight > 7", false),
            ("weight<8", true),
            ("app>5", false),
            ("tier<5", false),
        ];
        for (text, expected) in rows {
            let requirement = Requirement::parse(text).expect(text);
            assert_eq!(requirement.matches(&labels), expected, "{text}");
        }
    }

    #[test]
    fn a_selector_is_split_at_commas_outside_of_parentheses() {
        assert_eq!(split("a in (b, c), d"), ["a in (b, c)", "d"]);
        assert_eq!(split("a,"), ["a", ""]);
        assert_eq!(split(""), [""]);
    }
}
