//! A mapping of the template, read key by key.

use std::time::Duration;

use super::yaml::join;
use crate::error::Problems;
use crate::expression::{Value, same};

/// The entries of one mapping, all of whose keys are known.
pub(super) struct Fields<'a> {
    path: String,
    entries: &'a [(String, Value)],
}

impl<'a> Fields<'a> {
    /// Checks that `value` is a mapping and reports every key that is not in `known`.
    pub(super) fn read(
        value: &'a Value,
        path: &str,
        known: &[&str],
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let Value::Object(entries) = value else {
            problems.add(
                path,
                "",
                format!("found {}, expected a mapping", describe(value)),
            );
            return None;
        };
        for (key, _) in entries {
            if !known.contains(&key.as_str()) {
                let what = format!(
                    "found the key `{key}`, expected one of {}",
                    known.join(", ")
                );
                problems.add(path, &format!("{key}:"), what);
            }
        }
        Some(Self {
            path: path.to_owned(),
            entries,
        })
    }

    /// The value of `key`, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The mapping below `key`; reports when it is missing.
    pub(super) fn below(
        &self,
        key: &str,
        known: &[&str],
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let Some(value) = self.get(key) else {
            problems.add(&self.path, "", format!("`{key}` is missing"));
            return None;
        };
        Self::read(value, &self.path(key), known, problems)
    }

    /// The path of `key`, for messages.
    pub(super) fn path(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The text of `key`, if it is there; reports a list or a mapping.
    pub(super) fn text(&self, key: &str, problems: &mut Problems<'_>) -> Option<String> {
        let value = self.get(key)?;
        let text = value.to_text();
        if text.is_none() {
            let what = format!("found {}, expected a string", describe(value));
            problems.add(&self.path(key), "", what);
        }
        text.map(std::borrow::Cow::into_owned)
    }

    /// The text of `key`; reports when it is missing or empty.
    pub(super) fn required(&self, key: &str, problems: &mut Problems<'_>) -> Option<String> {
        if self.get(key).is_none() {
            problems.add(&self.path, "", format!("`{key}` is missing"));
            return None;
        }
        let text = self.text(key, problems)?;
        if text.is_empty() {
            problems.add(&self.path(key), "", "is empty");
        }
        (!text.is_empty()).then_some(text)
    }

    /// Whole minutes.
    pub(super) fn minutes(&self, key: &str, problems: &mut Problems<'_>) -> Minutes {
        let Some(text) = self.text(key, problems) else {
            return Minutes::Absent;
        };
        match text.parse::<u32>() {
            Ok(0) => Minutes::Unlimited,
            Ok(minutes) => Minutes::Limit(Duration::from_secs(u64::from(minutes) * 60)),
            Err(_) => {
                let what = format!("found `{text}`, expected whole minutes");
                problems.add(&self.path(key), &format!("{key}: {text}"), what);
                Minutes::Absent
            }
        }
    }

    /// `true` or `false`; `false` when it is not there.
    pub(super) fn flag(&self, key: &str, problems: &mut Problems<'_>) -> bool {
        match self.text(key, problems) {
            Some(text) if same(&text, "true") => true,
            Some(text) if !same(&text, "false") => {
                let what = format!("found `{text}`, expected `true` or `false`");
                problems.add(&self.path(key), &format!("{key}: {text}"), what);
                false
            }
            Some(_) | None => false,
        }
    }

    /// A name or a list of names; an empty text counts as none.
    pub(super) fn names(&self, key: &str, problems: &mut Problems<'_>) -> Option<Vec<String>> {
        let value = self.get(key)?;
        let single = [value.clone()];
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Version(_)
            | Value::Text(_)
            | Value::Object(_) => &single,
        };
        let mut names = Vec::new();
        for item in items {
            match item.to_text() {
                Some(name) if name.is_empty() => {}
                Some(name) => names.push(name.into_owned()),
                None => {
                    let what = format!(
                        "found {}, expected a name or a list of names",
                        describe(item)
                    );
                    problems.add(&self.path(key), "", what);
                }
            }
        }
        Some(names)
    }

    /// The items of a list; reports anything else, and reports when `key` is missing.
    pub(super) fn list(&self, key: &str, problems: &mut Problems<'_>) -> &'a [Value] {
        match self.get(key) {
            Some(Value::Array(items)) => items,
            Some(other) => {
                let what = format!("found {}, expected a list", describe(other));
                problems.add(&self.path(key), &format!("{key}:"), what);
                &[]
            }
            None => {
                problems.add(&self.path, "", format!("`{key}` is missing"));
                &[]
            }
        }
    }
}

/// A limit in minutes, as Azure Pipelines writes it.
pub(super) enum Minutes {
    /// Nothing is said.
    Absent,
    /// 0
    Unlimited,
    /// Anything else.
    Limit(Duration),
}

impl Minutes {
    /// The limit, or `default` where nothing is said; `None` is no limit.
    pub(super) fn or(self, default: Option<Duration>) -> Option<Duration> {
        match self {
            Self::Absent => default,
            Self::Unlimited => None,
            Self::Limit(limit) => Some(limit),
        }
    }
}

/// A value in a message: scalars with their text, the rest by kind.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Version(_) | Value::Text(_) => {
            format!("{} {value}", value.kind())
        }
    }
}
