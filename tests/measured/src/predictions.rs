//! The predictions of `lint --live` before an update, beside what then happens.

use serde::{Deserialize, Serialize};

/// All that was measured, in the order of the scenarios.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// The API server's version.
    pub kubernetes: String,
    /// How many scenarios there are; a page of fewer would be no measurement.
    pub scenarios: usize,
    /// One for each scenario.
    pub rows: Vec<Row>,
}

/// One update.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The scenario's name.
    pub scenario: String,
    /// The code of the cause; none for an update that comes to a good end.
    pub expected: Option<String>,
    /// Whether template, namespace and nodes determine it before the update.
    pub determined: bool,
    /// What was predicted.
    pub predicted: Vec<Predicted>,
}

/// A prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predicted {
    /// The code.
    pub code: String,
    /// `certain`, `likely` or `possible`.
    pub certainty: String,
}

impl Row {
    /// Returns the prediction of what happens.
    #[must_use]
    pub fn hit(&self) -> Option<&Predicted> {
        let expected = self.expected.as_deref()?;
        self.predicted.iter().find(|it| it.code == expected)
    }

    /// Returns what was called certain and does not happen.
    #[must_use]
    pub fn false_certain(&self) -> Vec<&Predicted> {
        let certain = self.predicted.iter().filter(|it| it.certainty == "certain");
        certain
            .filter(|it| self.expected.as_deref() != Some(it.code.as_str()))
            .collect()
    }
}
