//! Reads and writes recorded sessions as versioned JSON lines, for bug reports, tests and demos.
//!
//! The first line is the [`Header`], each further line one [`Observation`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::finding::FindingCode;
use crate::http::HttpCheck;
use crate::observation::Observation;
use crate::policy::Policy;
use crate::workload::{Revision, WorkloadRef};

/// The version of the format; readers refuse any other.
pub const FORMAT: u32 = 2;

/// The first line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// [`FORMAT`] of the writer.
    pub rollguard_trace: u32,
    /// The workloads that were followed.
    pub workloads: Vec<WorkloadRef>,
    /// The API server's version, for example `v1.35.4`.
    pub kubernetes: String,
    /// The session's timeout, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// How long the rollout had to stay complete, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_for_seconds: Option<u64>,
    /// The revision that was asked for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The HTTP checks; answers refer to a check by its index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpCheck>,
    /// Whether the way of users to the pods was judged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub traffic: bool,
    /// The graces that the user set, in seconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grace_seconds: BTreeMap<FindingCode, u64>,
    /// The source of the pods' statuses: `cluster` or `embedded`.
    pub provenance: String,
}

impl Header {
    /// Returns the header of a session with these thresholds, in which the rest is still empty.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let graces = policy.graces.iter();
        Self {
            rollguard_trace: FORMAT,
            workloads: Vec::new(),
            kubernetes: String::new(),
            timeout_seconds: Some(policy.timeout.as_secs()),
            stable_for_seconds: Some(policy.stable_for.as_secs()),
            revision: None,
            http: policy.http.clone(),
            traffic: policy.traffic,
            grace_seconds: graces
                .map(|(code, grace)| (*code, grace.as_secs()))
                .collect(),
            provenance: String::new(),
        }
    }

    /// Returns the thresholds of the recorded session.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let default = Policy::default();
        let or = |seconds: Option<u64>, otherwise| seconds.map_or(otherwise, Duration::from_secs);
        let graces = self.grace_seconds.iter();
        Policy {
            timeout: or(self.timeout_seconds, default.timeout),
            stable_for: or(self.stable_for_seconds, default.stable_for),
            http: self.http.clone(),
            traffic: self.traffic,
            graces: graces
                .map(|(code, seconds)| (*code, Duration::from_secs(*seconds)))
                .collect(),
            ..default
        }
    }
}

/// Why a text is not a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// An empty text.
    #[error("read the trace: it is empty")]
    Empty,
    /// An invalid line.
    #[error("read line {line} of the trace")]
    Line {
        /// Counted from 1.
        line: usize,
        /// The error of the JSON parser.
        #[source]
        source: serde_json::Error,
    },
    /// An unknown version.
    #[error("read the trace: its format is {found}, this reader knows {FORMAT}")]
    Format {
        /// The version found.
        found: u32,
    },
}

/// A whole trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The first line.
    pub header: Header,
    /// The further lines, in the order of observation.
    pub observations: Vec<Observation>,
}

impl Trace {
    /// Reads a trace from its text.
    ///
    /// # Errors
    /// When the text is empty, of another format version, or a line is not an observation.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let (_, first) = lines.next().ok_or(TraceError::Empty)?;
        let header: Header =
            serde_json::from_str(first).map_err(|source| TraceError::Line { line: 1, source })?;
        if header.rollguard_trace != FORMAT {
            return Err(TraceError::Format {
                found: header.rollguard_trace,
            });
        }
        let observations = lines
            .map(|(index, line)| {
                let observation: Observation =
                    serde_json::from_str(line).map_err(|source| TraceError::Line {
                        line: index + 1,
                        source,
                    })?;
                let Observation { at, seen } = observation;
                Ok(Observation::new(at, seen.slimmed()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            header,
            observations,
        })
    }
}

/// One line of a trace, with its newline.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn line<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{ResourceKind, Seen};
    use crate::workload::WorkloadKind;

    fn header(format: u32) -> Header {
        Header {
            rollguard_trace: format,
            workloads: vec![WorkloadRef {
                kind: WorkloadKind::Deployment,
                namespace: "shop".into(),
                name: "web".into(),
            }],
            kubernetes: "v1.35.4".into(),
            timeout_seconds: Some(60),
            stable_for_seconds: None,
            revision: Some(Revision(3)),
            http: vec!["/healthz:8080".to_owned().try_into().unwrap()],
            traffic: true,
            grace_seconds: BTreeMap::from([(FindingCode::ImageNotFound, 120)]),
            provenance: "cluster".into(),
        }
    }

    #[test]
    fn a_trace_is_read_as_it_was_written() {
        let seen = Observation::new(
            "2026-01-01T00:00:00Z".parse().unwrap(),
            Seen::Listed {
                resource: ResourceKind::Pod,
                uids: vec!["a".into()],
            },
        );
        let text = line(&header(FORMAT)).unwrap() + &line(&seen).unwrap();
        let read = Trace::parse(&text).unwrap();
        assert_eq!(
            read,
            Trace {
                header: header(FORMAT),
                observations: vec![seen]
            }
        );
    }

    #[test]
    fn a_replay_has_the_thresholds_of_the_recorded_session() {
        let recorded = Policy {
            timeout: Duration::from_secs(61),
            stable_for: Duration::from_secs(7),
            http: header(FORMAT).http,
            traffic: true,
            graces: [(FindingCode::ImageNotFound, Duration::from_secs(120))].into(),
            ..Policy::default()
        };
        assert_eq!(Header::of(&recorded).policy(), recorded);
        let without = Header {
            timeout_seconds: None,
            stable_for_seconds: None,
            ..Header::of(&Policy::default())
        };
        assert_eq!(without.policy(), Policy::default());
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        assert!(matches!(Trace::parse(""), Err(TraceError::Empty)));
        let newer = line(&header(FORMAT + 1)).unwrap();
        assert!(matches!(
            Trace::parse(&newer),
            Err(TraceError::Format { found: 3 })
        ));
        let broken = line(&header(FORMAT)).unwrap() + "\n{\"at\":1}\n";
        assert!(matches!(
            Trace::parse(&broken),
            Err(TraceError::Line { line: 3, .. })
        ));
    }
}
