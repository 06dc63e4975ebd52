//! A finding is data: what is wrong, with whom, since when, what shows it, what to do.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::foreign_text::without_secrets;

mod code;
mod healing;
mod lookup;
mod parse;
mod promise;
mod remedy;

pub use code::{Basis, FindingCode, RollbackHelps};
pub use healing::{Healing, Longest};
pub use lookup::{Lookup, PodPort, Promise};
pub use parse::UnknownCode;
pub use promise::{SecretWriter, Sibling, of_job, of_revision_quota};
pub use remedy::Look;

impl RollbackHelps {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Yes, Self::Partly, Self::No];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Partly => "perhaps",
        }
    }

    /// In words: a rollback …
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Yes => "helps",
            Self::No => "does not help",
            Self::Partly => "may help",
        }
    }
}

/// The prognosis of a finding: may it heal by itself?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Prognosis {
    /// It has lasted longer, or happened more often, than what heals.
    Terminal,
    /// It may still heal.
    Transient,
    /// It never decides anything.
    Informational,
}

/// The subject of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The API kind: `Pod`, `ReplicaSet`, `Deployment`.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// The container in it, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub container: Option<String>,
}

impl Subject {
    /// A subject without a container.
    #[must_use]
    pub fn new(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            container: None,
        }
    }

    /// A container of a pod.
    #[must_use]
    pub fn container(pod: &str, container: &str) -> Self {
        Self {
            container: Some(container.to_owned()),
            ..Self::new("Pod", pod)
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        match &self.container {
            Some(container) => write!(f, ", container {container}"),
            None => Ok(()),
        }
    }
}

/// Where a piece of evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum EvidenceKind {
    /// A container's status.
    ContainerStatus,
    /// A condition of an object.
    Condition,
    /// An event.
    Event,
    /// Lines that the former instance of the container wrote.
    PreviousLog,
    /// Lines that the current instance of the container wrote.
    CurrentLog,
    /// What a pod answered over HTTP.
    HttpAnswer,
}

impl EvidenceKind {
    /// Returns whether it is lines that a container wrote.
    #[must_use]
    pub const fn is_log(self) -> bool {
        matches!(self, Self::PreviousLog | Self::CurrentLog)
    }
}

/// The evidence of a finding, quoted without what is a secret by its form (and hostile until neutralised).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// Where it comes from.
    pub kind: EvidenceKind,
    /// The words, one line or several.
    pub text: String,
}

impl Evidence {
    /// Evidence of a kind.
    #[must_use]
    pub fn new(kind: EvidenceKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: without_secrets(&text.into()),
        }
    }
}

/// One cause that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The stable name of the cause.
    pub code: FindingCode,
    /// One representative of what it is about.
    pub subject: Subject,
    /// The workloads that show it, as `deployment/web`.
    #[serde(default)]
    pub workloads: Vec<String>,
    /// How many pods show it (0 where it is not about pods).
    pub pods: usize,
    /// The node of the pod, where it is about one that has a node.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<String>,
    /// One sentence with the names that matter.
    pub message: String,
    /// The line of the container's log that says most, where the message ends with one. It is foreign
    /// text, cut, and without values that are secrets by their form.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deciding_line: Option<String>,
    /// Since when it can be seen.
    pub since: Timestamp,
    /// How often it happened.
    pub attempts: u32,
    /// Whether it heals by itself.
    pub prognosis: Prognosis,
    /// What may still heal it, as a clause; empty once nothing may, and for what decides nothing.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub heals: String,
    /// The latest time at which it decides: as a cause that does not heal, or at the timeout. It becomes earlier once it is
    /// known exactly.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decides_at: Option<Timestamp>,
    /// What must be looked up to know what could heal it.
    #[serde(skip)]
    pub lookup: Option<Lookup>,
    /// What shows it.
    pub evidence: Vec<Evidence>,
    /// What to do about it.
    pub remedy: String,
    /// Whether a rollback helps.
    pub rollback_helps: RollbackHelps,
    /// Why it does or does not.
    #[serde(default)]
    pub rollback_why: String,
}

impl Finding {
    /// A finding seen once, not yet judged.
    #[must_use]
    pub fn new(code: FindingCode, subject: Subject, since: Timestamp) -> Self {
        Self {
            code,
            subject,
            workloads: Vec::new(),
            pods: 0,
            node: None,
            message: String::new(),
            deciding_line: None,
            since,
            attempts: 1,
            prognosis: Prognosis::Transient,
            heals: code.healing().by.to_owned(),
            decides_at: None,
            lookup: None,
            evidence: Vec::new(),
            remedy: String::new(),
            rollback_helps: code.rollback_helps(),
            rollback_why: code.rollback_why().to_owned(),
        }
    }

    /// Sets the sentence, which may quote the cluster: without what is a secret by its form.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = without_secrets(&message.into());
        self
    }

    /// Sets what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Sets what may still heal it.
    #[must_use]
    pub fn heals(mut self, by: impl Into<String>) -> Self {
        self.heals = by.into();
        self
    }

    /// Sets what must be looked up to know what could heal it.
    #[must_use]
    pub fn lookup(mut self, lookup: Option<Lookup>) -> Self {
        self.lookup = lookup;
        self
    }

    /// Sets how often it happened.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets whether a rollback helps, and why, where that of the code does not hold.
    #[must_use]
    pub fn rollback(mut self, helps: RollbackHelps, why: impl Into<String>) -> Self {
        self.rollback_helps = helps;
        self.rollback_why = why.into();
        self
    }

    /// Adds what shows it.
    #[must_use]
    pub fn evidence(mut self, kind: EvidenceKind, text: impl Into<String>) -> Self {
        self.evidence.push(Evidence::new(kind, text));
        self
    }
}

/// One finding for all pods and workloads with one cause in a container of one name: the most
/// telling of them, with the number of pods and the names of the workloads. The most telling first.
#[must_use]
pub fn grouped(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut groups: BTreeMap<(FindingCode, Option<String>), Finding> = BTreeMap::new();
    for finding in findings {
        let key = (finding.code, finding.subject.container.clone());
        match groups.entry(key) {
            Entry::Vacant(free) => {
                free.insert(finding);
            }
            Entry::Occupied(mut known) => known.get_mut().join(finding),
        }
    }
    let mut findings: Vec<Finding> = groups.into_values().collect();
    findings.sort_by_key(Finding::weight);
    findings
}

impl Finding {
    fn join(&mut self, mut other: Self) {
        let pods = self.pods + other.pods;
        if other.weight() < self.weight() {
            std::mem::swap(self, &mut other);
        }
        self.pods = pods;
        for workload in other.workloads {
            if !self.workloads.contains(&workload) {
                self.workloads.push(workload);
            }
        }
        self.workloads.sort();
    }

    /// The most telling first: terminal, then what happened most often, then what lasts longest.
    fn weight(&self) -> (u8, Reverse<u32>, Timestamp, FindingCode) {
        let rank = match self.prognosis {
            Prognosis::Terminal => 0,
            Prognosis::Transient => 1,
            Prognosis::Informational => 2,
        };
        (rank, Reverse(self.attempts), self.since, self.code)
    }
}
