//! Names a workload by kind, namespace and name, as kubectl writes them.

use std::fmt;

use serde::{Deserialize, Serialize};

mod cluster_name;
mod job;
mod object;
pub(crate) mod raw;
mod release_jobs;
mod revision;

pub use cluster_name::{ClusterName, place};
pub use job::{JobEnd, JobView};
pub use object::{Counts, Workload};
pub(crate) use object::{first_ordinal, first_updated_ordinal, ordinal, partition};
pub use raw::TEMPLATE_HASH_LABEL;
pub use release_jobs::{LeftOut, of_release};
pub use revision::{Images, RevisionId, registry_of};

/// The kinds of workload whose rollouts are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
    /// `batch/v1` Job.
    Job,
}

impl WorkloadKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Job,
    ];

    /// The kinds that keep revisions, one of which a rollback can restore.
    pub const WITH_REVISIONS: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];

    /// Returns whether it keeps revisions. A Job runs once, and its pod template is immutable.
    #[must_use]
    pub const fn has_revisions(self) -> bool {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => true,
            Self::Job => false,
        }
    }

    /// Returns the API group.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps",
            Self::Job => "batch",
        }
    }

    /// Returns the API kind, as in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
        }
    }

    /// Returns the singular resource name, as kubectl prints it.
    #[must_use]
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Job => "job",
        }
    }

    /// Returns whether its controller may wait for a broken pod that only a deletion replaces.
    #[must_use]
    pub const fn may_have_stuck_pods(self) -> bool {
        match self {
            Self::StatefulSet => true,
            Self::Deployment | Self::DaemonSet | Self::Job => false,
        }
    }

    /// Parses a resource name in the spellings that kubectl accepts: singular, plural or short, and with the
    /// group or with version and group.
    #[must_use]
    pub fn from_resource(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let kind = match without_group(&text) {
            "deployment" | "deployments" | "deploy" => Self::Deployment,
            "statefulset" | "statefulsets" | "sts" => Self::StatefulSet,
            "daemonset" | "daemonsets" | "ds" => Self::DaemonSet,
            "job" | "jobs" => Self::Job,
            _ => return None,
        };
        let group = group_of(&text);
        group.is_none_or(|it| it == kind.group()).then_some(kind)
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns a resource name without its group and version.
fn without_group(text: &str) -> &str {
    text.split_once('.').map_or(text, |(resource, _)| resource)
}

/// Returns the group of a resource name that has one: `jobs.batch`, `jobs.v1.batch`.
fn group_of(text: &str) -> Option<&str> {
    let (_, group) = text.split_once('.')?;
    Some(group.strip_prefix("v1.").unwrap_or(group))
}

/// The word for a `CronJob`: it names the newest Job that the `CronJob` has created.
pub const CRON_JOB: &str = "cronjob";

/// Returns whether a text is the resource name of a `CronJob`, in the spellings that kubectl accepts.
#[must_use]
pub fn is_cron_job(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let named = matches!(without_group(&text), CRON_JOB | "cronjobs" | "cj");
    named && group_of(&text).is_none_or(|it| it == "batch")
}

/// Why a text does not name a workload; it quotes the text as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// No `KIND/` before the name.
    #[error("`{0}` has no kind; write `deployment/{0}`")]
    NoKind(String),
    /// A kind without rollouts.
    #[error(
        "`{text}`: kind `{kind}` is not supported; write `deployment/{name}`, `statefulset/{name}`, `daemonset/{name}` or \
         `job/{name}`"
    )]
    UnknownKind {
        /// The whole text.
        text: String,
        /// Its part before the slash.
        kind: String,
        /// Its part after the slash.
        name: String,
    },
    /// Nothing after the slash.
    #[error("`{kind}/` has no name; write for example `{kind}/web`")]
    NoName {
        /// The part before the slash.
        kind: String,
    },
    /// A name that Kubernetes does not allow.
    #[error(
        "`{text}`: `{name}` is not a Kubernetes name; use lower-case letters, digits, `-` and `.`, \
         at most 253 characters"
    )]
    BadName {
        /// The whole text.
        text: String,
        /// Its part after the slash.
        name: String,
    },
}

/// Kind and name, without a namespace: `deployment/web`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkloadName {
    /// The kind before the slash.
    pub kind: WorkloadKind,
    /// The name after the slash.
    pub name: String,
    /// Whether the name is that of a `CronJob`, of which the newest Job is meant.
    pub of_cron_job: bool,
}

impl WorkloadName {
    /// Reads `deployment/web`, `deploy/web` and the like; `cronjob/nightly` names a Job.
    ///
    /// # Errors
    /// When the kind is missing or unknown, or the name is not a Kubernetes name.
    pub fn parse(text: &str) -> Result<Self, WorkloadError> {
        let Some((kind, name)) = text.split_once('/') else {
            return Err(WorkloadError::NoKind(text.to_owned()));
        };
        let of_cron_job = is_cron_job(kind);
        let job = of_cron_job.then_some(WorkloadKind::Job);
        let Some(known) = job.or_else(|| WorkloadKind::from_resource(kind)) else {
            return Err(WorkloadError::UnknownKind {
                text: text.to_owned(),
                kind: kind.to_owned(),
                name: name.to_owned(),
            });
        };
        if name.is_empty() {
            return Err(WorkloadError::NoName {
                kind: kind.to_owned(),
            });
        }
        if !is_dns_subdomain(name) {
            return Err(WorkloadError::BadName {
                text: text.to_owned(),
                name: name.to_owned(),
            });
        }
        Ok(Self {
            kind: known,
            name: name.to_owned(),
            of_cron_job,
        })
    }

    /// Returns the workload with this name in a namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> WorkloadRef {
        WorkloadRef {
            kind: self.kind,
            namespace: namespace.to_owned(),
            name: self.name,
        }
    }
}

/// Returns whether a text is an RFC 1123 subdomain, the form of most object names
/// (`k8s.io/apimachinery/pkg/util/validation`, `IsDNS1123Subdomain`).
#[must_use]
pub fn is_dns_subdomain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 253 && text.split('.').all(|part| is_label(part, 253))
}

/// Returns whether a text is an RFC 1123 label of at most 63 characters, the form of namespaces.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    is_label(text, 63)
}

fn is_label(text: &str, max: usize) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= max
        && bytes.first().is_some_and(|c| alphanumeric(*c))
        && bytes.last().is_some_and(|c| alphanumeric(*c))
        && bytes.iter().all(|c| alphanumeric(*c) || *c == b'-')
}

/// One workload in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// The API kind.
    pub kind: WorkloadKind,
    /// The namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

impl fmt::Display for WorkloadRef {
    /// Renders the workload as kubectl writes it, without the namespace: `deployment/web`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.resource(), self.name)
    }
}

/// A Deployment's `deployment.kubernetes.io/revision` or a ControllerRevision's `revision`: a
/// counter that moves when a rollback reuses an old revision, so it names a revision for people;
/// uids name it for decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// Parses a positive whole number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<u64>()
            .ok()
            .filter(|number| *number > 0)
            .map(Self)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_read_as_kubectl_writes_it() {
        let rows = [
            ("deployment/web", "deployment/web"),
            ("deploy/web", "deployment/web"),
            ("Deployment/web", "deployment/web"),
            ("deployments.apps/web", "deployment/web"),
            ("sts/db", "statefulset/db"),
            ("StatefulSet/db", "statefulset/db"),
            ("ds/agent", "daemonset/agent"),
            ("daemonsets.apps/agent", "daemonset/agent"),
            ("deployments.v1.apps/web", "deployment/web"),
            ("job/migrate", "job/migrate"),
            ("jobs.batch/migrate", "job/migrate"),
            ("jobs.v1.batch/migrate", "job/migrate"),
        ];
        for (text, expected) in rows {
            let read = WorkloadName::parse(text).unwrap();
            assert!(!read.of_cron_job, "{text}");
            assert_eq!(read.in_namespace("shop").to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_cron_job_names_a_job_of_its_own() {
        for text in ["cronjob/nightly", "cj/nightly", "CronJobs.batch/nightly"] {
            let read = WorkloadName::parse(text).unwrap();
            assert_eq!(
                (read.kind, read.of_cron_job),
                (WorkloadKind::Job, true),
                "{text}"
            );
        }
        assert!(WorkloadName::parse("cronjobs.apps/nightly").is_err());
    }

    #[test]
    fn a_wrong_workload_is_quoted_with_what_to_write_instead() {
        let rows = [
            ("web", "`web` has no kind; write `deployment/web`"),
            (
                "pod/web",
                "`pod/web`: kind `pod` is not supported; write `deployment/web`, `statefulset/web`, `daemonset/web` or \
                 `job/web`",
            ),
            (
                "jobs.apps/web",
                "`jobs.apps/web`: kind `jobs.apps` is not supported; write `deployment/web`, `statefulset/web`, \
                 `daemonset/web` or `job/web`",
            ),
            (
                "deployment/",
                "`deployment/` has no name; write for example `deployment/web`",
            ),
            (
                "deployment/Web_1",
                "`deployment/Web_1`: `Web_1` is not a Kubernetes name; use lower-case letters, \
                 digits, `-` and `.`, at most 253 characters",
            ),
        ];
        for (text, says) in rows {
            assert_eq!(WorkloadName::parse(text).unwrap_err().to_string(), says);
        }
        assert!(WorkloadName::parse("deployment/web/v2").is_err());
    }

    #[test]
    fn namespaces_are_labels_of_at_most_63_characters() {
        assert!(is_dns_label("shop-1"));
        for wrong in ["", "-shop", "shop-", "shop.eu", "Shop", &"a".repeat(64)] {
            assert!(!is_dns_label(wrong), "{wrong}");
        }
    }

    #[test]
    fn revisions_are_positive_whole_numbers() {
        assert_eq!(Revision::parse("7"), Some(Revision(7)));
        for wrong in ["0", "-1", "1.5", "", "latest"] {
            assert_eq!(Revision::parse(wrong), None, "{wrong}");
        }
    }
}
