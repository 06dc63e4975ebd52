//! A finding: a rule that a manifest breaks, and where.

use std::fmt;

use serde::Serialize;

use crate::code::LintCode;
use crate::edit::Edit;
use crate::field::{FieldRef, Location};
use crate::level::Level;
use crate::severity::Severity;
use crate::yaml::Mark;

/// The object that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// Its kind.
    pub kind: String,
    /// Its namespace, if the manifest names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

/// A rule that a manifest breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub code: LintCode,
    /// Its weight.
    pub severity: Severity,
    /// The object.
    pub object: ObjectName,
    /// The container, for a rule about one.
    pub container: Option<String>,
    /// The field, as a path from the root of the document.
    pub path: String,
    /// Where it stands, or the nearest thing to it that is there.
    pub mark: Mark,
    /// The sentence that says what is known.
    pub message: String,
    /// The change that resolves it.
    pub fix: String,
    /// The levels that find it; none for what every level finds.
    pub levels: Vec<Level>,
    /// The change of the text that resolves it and cannot break the application, if there is one.
    pub edit: Option<Edit>,
    /// Why it does not count.
    pub suppression: Option<Suppression>,
}

/// The reason why a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suppression {
    /// An annotation of the object exempts it.
    Annotation {
        /// The reason that the annotation gives.
        reason: String,
        /// The last day on which it holds, if there is one.
        until: Option<jiff::civil::Date>,
    },
    /// It is in the baseline file.
    Baseline,
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Annotation {
                reason,
                until: None,
            } => write!(f, "exempted: {reason}"),
            Self::Annotation {
                reason,
                until: Some(until),
            } => write!(f, "exempted until {until}: {reason}"),
            Self::Baseline => f.write_str("in the baseline file"),
        }
    }
}

/// The most findings of one call.
pub const MAX_FINDINGS: usize = 10_000;

/// The findings of one object, while its rules are applied.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The level whose rules are applied.
    level: Option<Level>,
    found: Vec<Finding>,
}

impl Findings {
    /// Makes the findings of a level.
    pub(crate) fn of_level(level: Level) -> Self {
        Self {
            level: Some(level),
            ..Self::default()
        }
    }

    /// Adds a finding at a place, with the code's own severity and fix.
    pub(crate) fn add(
        &mut self,
        code: LintCode,
        field: &FieldRef<'_, '_>,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.add_at(code, field.place(), message)
    }

    pub(crate) fn add_at(
        &mut self,
        code: LintCode,
        place: Location,
        message: impl Into<String>,
    ) -> &mut Finding {
        let Location { mark, path } = place;
        // One above the limit shows that there are more: a container without fields has a dozen.
        self.found.truncate(MAX_FINDINGS);
        self.found.push(Finding {
            code,
            severity: code.severity(),
            object: ObjectName::default(),
            container: None,
            path,
            mark,
            message: message.into(),
            fix: code.fix().to_owned(),
            levels: self.level.into_iter().collect(),
            edit: None,
            suppression: None,
        });
        // It was pushed a line above.
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Adds those of another level.
    pub(crate) fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    /// Gives all of them a severity.
    pub(crate) fn with_severity(mut self, severity: Severity) -> Self {
        for finding in &mut self.found {
            finding.severity = severity;
        }
        self
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}

impl Finding {
    /// Names the container.
    pub(crate) fn of_container(&mut self, name: &str) -> &mut Self {
        self.container = Some(name.to_owned());
        self
    }

    /// Names the container, if it is about one.
    pub(crate) fn of(&mut self, container: Option<&str>) -> &mut Self {
        self.container = container.map(str::to_owned);
        self
    }

    /// Replaces the code's own fix.
    pub(crate) fn fixed_by(&mut self, fix: impl Into<String>) -> &mut Self {
        self.fix = fix.into();
        self
    }

    /// Says which change of the text resolves it.
    pub(crate) fn with_edit(&mut self, edit: Option<Edit>) -> &mut Self {
        self.edit = edit;
        self
    }

    /// Replaces the code's own severity.
    pub(crate) fn with_severity(&mut self, severity: Severity) -> &mut Self {
        self.severity = severity;
        self
    }
}
