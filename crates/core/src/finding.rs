//! A finding is data: what is wrong, with whom, since when, what shows it, what to do.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod parse;

pub use parse::UnknownCode;

macro_rules! finding_codes {
    ($($(#[doc = $doc:literal])+ $name:ident: $helps:ident,)+) => {
        /// The stable name of a cause; `docs/findings.md` lists them all.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FindingCode { $($(#[doc = $doc])+ $name,)+ }

        impl FindingCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it is written in reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What the code means, in one sentence.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// Whether going back to the former revision helps with this cause.
            #[must_use]
            pub const fn rollback_helps(self) -> RollbackHelps {
                match self { $(Self::$name => RollbackHelps::$helps,)+ }
            }
        }
    };
}

finding_codes! {
    /// The registry does not have the image (tag, digest or repository).
    ImageNotFound: Yes,
    /// The image reference is malformed.
    InvalidImageName: Yes,
    /// The registry refuses the node's credentials.
    ImagePullDenied: Partly,
    /// The image cannot be pulled for another reason: registry down, throttling, TLS, disk.
    ImagePullFailing: No,
    /// The image has no build for the node's platform.
    ImageWrongPlatform: Yes,
    /// The pull policy is `Never` and the image is not on the node.
    ImageNeverPulled: Yes,
    /// The container exits with an error again and again.
    CrashAtStart: Yes,
    /// The container ends with exit code 0 again and again.
    ExitsAtOnce: Yes,
    /// The container's command cannot be run.
    CommandNotRunnable: Yes,
    /// The container is killed for using more memory than its limit.
    OutOfMemory: Yes,
    /// A ConfigMap or Secret that the pod refers to does not exist.
    ConfigObjectMissing: Partly,
    /// A ConfigMap or Secret lacks a key that the pod refers to.
    ConfigKeyMissing: Partly,
    /// The pod must not run as root, but its image does.
    RunAsNonRootRefused: Yes,
    /// The container runtime cannot create the container.
    ContainerNotCreated: Partly,
    /// A volume cannot be mounted.
    VolumeNotMounted: Partly,
    /// A resource quota leaves no room for the new pods.
    QuotaExceeded: Partly,
    /// A resource quota demands requests or limits that the pod does not set.
    QuotaNeedsResources: Yes,
    /// The pod's resources lie outside a LimitRange.
    LimitRangeViolated: Yes,
    /// The pod's ServiceAccount does not exist.
    ServiceAccountMissing: Partly,
    /// The namespace's pod security level refuses the pod.
    PodSecurityViolated: Partly,
    /// An admission webhook or policy refuses the pod.
    AdmissionDenied: Partly,
    /// An admission webhook does not answer.
    WebhookUnavailable: No,
    /// Pods cannot be created for another reason.
    PodCreationRefused: Partly,
    /// The ReplicaSet of the new revision cannot be created.
    ReplicaSetNotCreated: Partly,
    /// No node can take the pod.
    Unschedulable: Partly,
    /// The readiness probe keeps failing.
    ReadinessFailing: Partly,
    /// The liveness probe kills the container before it has started.
    LivenessKillsStart: Yes,
    /// The startup probe gives up on the container.
    StartupProbeExhausted: Yes,
    /// The Deployment is paused: nothing will happen.
    Paused: No,
    /// The workload has zero replicas: nothing was verified.
    NothingToVerify: No,
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a rollback of the workload helps with a cause (rollback facts, section 3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RollbackHelps {
    /// The cause came with the new revision.
    Yes,
    /// It lies outside the workload; the former revision would suffer as well.
    No,
    /// It depends on what changed.
    Partly,
}

/// Whether a finding heals by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Prognosis {
    /// It has lasted longer, or happened more often, than what heals.
    Terminal,
    /// It may still heal.
    Transient,
    /// It never decides anything.
    Informational,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
}

/// What shows a finding, quoted verbatim (and therefore hostile until neutralised).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
            text: text.into(),
        }
    }
}

/// One cause that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The stable name of the cause.
    pub code: FindingCode,
    /// One representative of what it is about.
    pub subject: Subject,
    /// How many pods show it (0 where it is not about pods).
    pub pods: usize,
    /// One sentence with the names that matter.
    pub message: String,
    /// Since when it can be seen.
    pub since: Timestamp,
    /// How often it happened.
    pub attempts: u32,
    /// Whether it heals by itself.
    pub prognosis: Prognosis,
    /// What shows it.
    pub evidence: Vec<Evidence>,
    /// What to do about it.
    pub remedy: String,
    /// Whether a rollback helps.
    pub rollback_helps: RollbackHelps,
}

impl Finding {
    /// A finding seen once, not yet judged.
    #[must_use]
    pub fn new(code: FindingCode, subject: Subject, since: Timestamp) -> Self {
        Self {
            code,
            subject,
            pods: 0,
            message: String::new(),
            since,
            attempts: 1,
            prognosis: Prognosis::Transient,
            evidence: Vec::new(),
            remedy: String::new(),
            rollback_helps: code.rollback_helps(),
        }
    }

    /// Sets the sentence.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Sets what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Sets how often it happened.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Adds what shows it.
    #[must_use]
    pub fn evidence(mut self, kind: EvidenceKind, text: impl Into<String>) -> Self {
        self.evidence.push(Evidence::new(kind, text));
        self
    }
}
