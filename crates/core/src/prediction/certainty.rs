//! A prediction, and how sure it is.

use std::fmt;

use serde::Serialize;

use crate::finding::{FindingCode, Longest};

/// How sure a prediction is; the surer ones come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Certainty {
    /// Something that is visible may prevent it: an operator that writes the Secret, an autoscaler.
    Possible,
    /// It happens unless something that is not visible prevents it: an object that is applied a moment later.
    Likely,
    /// Template, namespace and nodes determine it now, and nothing visible is going to heal it.
    Certain,
}

impl Certainty {
    /// Every certainty, the surest first.
    pub const ALL: [Self; 3] = [Self::Certain, Self::Likely, Self::Possible];

    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Returns how sure a cause is that was found now: what no time heals is certain.
    pub(super) const fn of(code: FindingCode) -> Self {
        // An exemption would have to be made for them within seconds, and nothing visible does so.
        if matches!(
            code,
            FindingCode::PodSecurityViolated | FindingCode::AdmissionDenied
        ) {
            return Self::Certain;
        }
        match code.healing().longest {
            Longest::Excluded => Self::Certain,
            Longest::Seen(_) | Longest::ThirdStart | Longest::NotSeen => Self::Likely,
            Longest::Undecided => Self::Possible,
        }
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The certainty from which on predictions fail the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOnPrediction {
    /// This certainty and the surer ones.
    From(Certainty),
    /// No prediction fails it.
    Never,
}

impl Default for FailOnPrediction {
    fn default() -> Self {
        Self::From(Certainty::Certain)
    }
}

impl FailOnPrediction {
    /// Reads `certain`, `likely`, `possible` or `never`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "never" => Some(Self::Never),
            text => Certainty::parse(text).map(Self::From),
        }
    }

    /// Returns whether a prediction of a certainty fails the call.
    #[must_use]
    pub fn fails(self, certainty: Certainty) -> bool {
        match self {
            Self::From(least) => certainty >= least,
            Self::Never => false,
        }
    }
}

/// The code of a prediction: that of the live diagnosis, or what happens before there is a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PredictedCode {
    /// The code that a check would report.
    Finding(FindingCode),
    /// The API server refuses the manifest.
    ApplyRefused,
    /// The manifest changes a field that the API server does not let anyone change.
    FieldImmutable,
    /// If this rollout failed, the present revision could not be restored.
    RollbackImpossible,
}

impl PredictedCode {
    /// Returns the code as reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finding(code) => code.as_str(),
            Self::ApplyRefused => "ApplyRefused",
            Self::FieldImmutable => "FieldImmutable",
            Self::RollbackImpossible => "RollbackImpossible",
        }
    }

    /// Returns what the code means, in one sentence.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Finding(code) => code.describe(),
            Self::ApplyRefused => {
                "The API server refuses the manifest, so that there is no rollout."
            }
            Self::FieldImmutable => {
                "The manifest changes a field that cannot be changed: the API server refuses it."
            }
            Self::RollbackImpossible => {
                "If this rollout failed, the present revision could not be restored."
            }
        }
    }
}

impl fmt::Display for PredictedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The predictions for a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// The code.
    pub code: PredictedCode,
    /// How sure it is.
    pub certainty: Certainty,
    /// The index of the manifest that it is about.
    pub manifest: usize,
    /// The workload or the object that it is about, as people name it: ``Secret `db` ``.
    pub subject: String,
    /// The field of the manifest, as a JSON pointer; empty for the whole object.
    pub pointer: String,
    /// One sentence; may hold foreign text.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Prediction {
    /// Makes one with the usual certainty and remedy of its code.
    pub(super) fn finding(code: FindingCode, manifest: usize, message: impl Into<String>) -> Self {
        Self {
            code: PredictedCode::Finding(code),
            certainty: Certainty::of(code),
            manifest,
            subject: String::new(),
            pointer: String::new(),
            message: message.into(),
            remedy: code.usual_remedy().to_owned(),
        }
    }

    /// Makes one with a code that no check reports.
    pub(super) fn own(code: PredictedCode, manifest: usize, message: impl Into<String>) -> Self {
        Self {
            code,
            certainty: Certainty::Certain,
            manifest,
            subject: String::new(),
            pointer: String::new(),
            message: message.into(),
            remedy: String::new(),
        }
    }

    pub(super) fn surely(self, certainty: Certainty) -> Self {
        Self { certainty, ..self }
    }

    /// Lowers the certainty to this one where it is higher.
    pub(super) fn at_most(self, most: Certainty) -> Self {
        let certainty = self.certainty.min(most);
        Self { certainty, ..self }
    }

    pub(super) fn about(self, subject: impl Into<String>) -> Self {
        let subject = subject.into();
        Self { subject, ..self }
    }

    pub(super) fn at(self, pointer: impl Into<String>) -> Self {
        let pointer = pointer.into();
        Self { pointer, ..self }
    }

    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        let remedy = remedy.into();
        Self { remedy, ..self }
    }
}
