//! A recorded execution as versioned JSON lines, to replay it step by step.
//!
//! The first line is the [`Start`], each further line one [`Observation`]. The start holds the plans, and
//! so pod templates: a recording is as confidential as the workload itself.

use serde::{Deserialize, Serialize};

use super::{Execution, Observation, Settings, Step};
use crate::rollback::PreparedRollback;

/// The version of the format; readers refuse any other.
pub const FORMAT: u32 = 1;

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// [`FORMAT`] of the writer.
    pub rollguard_execution: u32,
    /// The user's request.
    pub settings: Settings,
    /// What was to be carried out.
    pub prepared: PreparedRollback,
}

/// Why a text is not a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It has no lines.
    #[error("read the recording: it is empty")]
    Empty,
    /// A line is not what it should be.
    #[error("read line {line} of the recording")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// A version that this reader does not know.
    #[error("read the recording: its format is {found}, this reader knows {FORMAT}")]
    Format {
        /// The version found.
        found: u32,
    },
}

/// A whole recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Its first line.
    pub start: Start,
    /// Its further lines.
    pub observations: Vec<Observation>,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// When the text is empty, of another format version, or a line is not an observation.
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        let lines = text.lines().enumerate();
        let mut lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let (index, first) = lines.next().ok_or(RecordingError::Empty)?;
        let wrong = |index: usize, source| RecordingError::Line {
            line: index + 1,
            source,
        };
        let start: Start = serde_json::from_str(first).map_err(|error| wrong(index, error))?;
        if start.rollguard_execution != FORMAT {
            return Err(RecordingError::Format {
                found: start.rollguard_execution,
            });
        }
        let observation =
            |(index, line)| serde_json::from_str(line).map_err(|error| wrong(index, error));
        let observations = lines.map(observation).collect::<Result<_, _>>()?;
        Ok(Self {
            start,
            observations,
        })
    }

    /// Repeats every step.
    #[must_use]
    pub fn replay(&self) -> Vec<Step> {
        let start = self.start.clone();
        let mut execution = Execution::new(start.prepared, start.settings);
        let observations = self.observations.iter().cloned();
        observations.map(|it| execution.observe(it)).collect()
    }
}
