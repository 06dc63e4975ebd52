//! The baseline file: what exists today and does not count.
//!
//! A finding is known by its code, object, container and path, with the places in lists left out: inserting a
//! container changes nothing. The file's name is left out, too: a manifest may move.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Suppression};

const VERSION: u32 = 1;

/// A baseline file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    /// How often each finding is known.
    findings: BTreeMap<String, usize>,
}

/// The reason why a text is no baseline file.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is not JSON of this form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It has another version.
    #[error("version {0} is not known, only {VERSION}")]
    Version(u32),
}

impl Baseline {
    /// Makes a baseline of findings; what an annotation exempts needs none.
    #[must_use]
    pub fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut known = BTreeMap::new();
        for finding in findings {
            if !matches!(finding.suppression, Some(Suppression::Annotation { .. })) {
                *known.entry(key(finding)).or_default() += 1;
            }
        }
        Self {
            version: VERSION,
            findings: known,
        }
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    /// When it is none, or of another version.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let baseline: Self = serde_json::from_str(text)?;
        if baseline.version != VERSION {
            return Err(BaselineError::Version(baseline.version));
        }
        Ok(baseline)
    }

    /// Returns the file's text.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Returns how often each finding is known.
    pub(crate) fn known(&self) -> Known {
        Known {
            left: self.findings.clone(),
        }
    }
}

/// How often a baseline still knows each finding.
#[derive(Debug)]
pub(crate) struct Known {
    left: BTreeMap<String, usize>,
}

impl Known {
    /// Suppresses a finding that is known.
    pub(crate) fn apply(&mut self, finding: &mut Finding) {
        if finding.suppression.is_some() {
            return;
        }
        if let Some(count) = self.left.get_mut(&key(finding)).filter(|it| **it > 0) {
            *count -= 1;
            finding.suppression = Some(Suppression::Baseline);
        }
    }
}

/// Returns what a finding is known by, in one line.
pub(crate) fn key(finding: &Finding) -> String {
    let container = finding.container.as_deref().unwrap_or("-");
    let path = without_indices(&finding.path);
    format!("{} {} {container} {path}", finding.code, finding.object)
}

/// Returns a path with `[]` for each place in a list.
fn without_indices(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        out += before;
        out.push('[');
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        rest = after.get(digits..).unwrap_or_default();
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_without_its_places_in_lists() {
        for (path, known) in [
            ("spec.containers[12].image", "spec.containers[].image"),
            (
                "items[0].spec.volumes[1].hostPath",
                "items[].spec.volumes[].hostPath",
            ),
            ("spec.hostPID", "spec.hostPID"),
            (
                "metadata.annotations[\"a/b\"]",
                "metadata.annotations[\"a/b\"]",
            ),
        ] {
            assert_eq!(without_indices(path), known);
        }
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        for text in [
            "",
            "[]",
            r#"{"version": 1}"#,
            r#"{"version": 2, "findings": {}}"#,
        ] {
            assert!(Baseline::parse(text).is_err(), "{text}");
        }
        assert!(Baseline::parse(r#"{"version": 1, "findings": {}}"#).is_ok());
    }
}
