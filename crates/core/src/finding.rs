//! A finding is data: what is wrong, with whom, since when, what shows it, what to do.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod parse;

pub use parse::UnknownCode;

macro_rules! finding_codes {
    ($($(#[doc = $doc:literal])+ $name:ident: $helps:ident = $why:literal,)+) => {
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

            /// Why a rollback helps or not, in one sentence.
            #[must_use]
            pub const fn rollback_why(self) -> &'static str {
                match self { $(Self::$name => $why,)+ }
            }
        }
    };
}

finding_codes! {
    /// The registry does not have the image (tag, digest or repository).
    ImageNotFound: Yes = "the former revision names an image that could be pulled",
    /// The image reference is malformed.
    InvalidImageName: Yes = "the former revision's image name is well formed",
    /// The registry refuses the node's credentials.
    ImagePullDenied: Partly = "it helps if the former image is on the nodes or in another registry; broken credentials hit its pods as well once they move",
    /// The registry throttles, answers with errors, or cannot be reached.
    ImagePullFailing: No = "the registry or the way to it fails, whatever the revision",
    /// The node does not trust the registry's TLS certificate.
    RegistryNotTrusted: No = "the certificate or the nodes' trust is wrong, whatever the revision",
    /// The image has no build for the node's platform.
    ImageWrongPlatform: Yes = "the former revision's image ran on these nodes",
    /// The pull policy is `Never` and the image is not on the node.
    ImageNeverPulled: Yes = "the former revision's image or pull policy could be satisfied",
    /// The image's signature is not accepted.
    ImageSignatureRefused: Yes = "the former revision's image was accepted",
    /// The container runtime cannot inspect an image that it has.
    ImageNotInspected: Partly = "it helps if the image itself is damaged; a sick node harms the former revision's pods as well",
    /// The node's disk has no room for the image or the container.
    NodeDiskFull: No = "the node's disk is full, whatever the revision; at best the former image is already on it",
    /// The image is pulled for long.
    SlowPull: No = "nothing has failed: the pull goes on",
    /// The container exits with an error again and again.
    CrashAtStart: Yes = "the former revision could start, unless what it depends on is gone",
    /// The container exits with an error again and again after it had been ready.
    CrashAfterReady: Yes = "the former revision kept running, unless load or what it depends on has changed",
    /// The container ends with exit code 0 again and again.
    ExitsAtOnce: Yes = "the former revision kept running",
    /// The container has ended, and its restart policy does not start it again.
    NotRestarted: Yes = "the former revision kept running",
    /// The container's command cannot be run.
    CommandNotRunnable: Yes = "the former revision's command could be run",
    /// The container's program is not built for the node's processor, or is a script without an interpreter line.
    ExecFormatError: Yes = "the former revision's program ran on these nodes",
    /// The container's postStart hook fails.
    PostStartHookFailing: Yes = "the former revision's hook passed, or it had none",
    /// The container is killed for using more memory than its limit.
    OutOfMemory: Yes = "the former revision stayed within its limit, unless the load has grown since",
    /// A ConfigMap or Secret that the pod refers to does not exist.
    ConfigObjectMissing: Partly = "it helps if the reference is new; if someone deleted the object, the former revision's pods break at their next start",
    /// A ConfigMap or Secret lacks a key that the pod refers to.
    ConfigKeyMissing: Partly = "it helps if the reference is new; if someone removed the key, the former revision's pods break at their next start",
    /// The pod must not run as root, but its image does.
    RunAsNonRootRefused: Yes = "the former revision's image and securityContext fitted together",
    /// A volume's subPath cannot be prepared.
    SubPathNotPrepared: Partly = "it helps if the subPath is new; the volume's content is not rolled back",
    /// The runtime refuses what the pod template asks of the container.
    ContainerSpecInvalid: Yes = "the former revision's container could be created",
    /// The container runtime cannot create the container.
    ContainerNotCreated: Partly = "it helps if the pod template causes it; a sick node harms the former revision's pods as well",
    /// An init container runs for long.
    InitRunsLong: Partly = "nothing has failed; a rollback stops the init container half-way, which is dangerous while it migrates data",
    /// A sidecar has not started, so the containers after it wait.
    SidecarNotStarted: Yes = "the former revision's sidecars started",
    /// A volume cannot be mounted.
    VolumeNotMounted: Partly = "it helps if the volume is new, or if the new pod waits for a disk that the old one holds; a broken storage stays broken",
    /// A disk that one node may have at a time is held by another pod of the workload.
    VolumeHeldElsewhere: Yes = "it takes the new pod away, and the old one keeps the disk",
    /// The secret store (Azure Key Vault) gives the pod nothing to mount.
    SecretStoreFailing: Partly = "it helps if the reference is new; a missing permission or secret hits the former revision's pods at their next start",
    /// A file share refuses to be mounted.
    FileShareRefused: Partly = "it helps if the volume is new; a changed key or firewall hits the former revision's pods at their next start",
    /// A resource quota leaves no room for the new pods.
    QuotaExceeded: Partly = "it needs no room for the new pods; pods that were scaled down may not fit again",
    /// A resource quota demands requests or limits that the pod does not set.
    QuotaNeedsResources: Yes = "the former revision set them, unless the quota is new",
    /// No quota of the namespace covers the pods, and one is demanded.
    QuotaDoesNotCover: Yes = "the former revision's pods were covered, unless the demand is new",
    /// A resource quota is so new that its usage is not known yet.
    QuotaStatusUnknown: No = "the quota refuses the former revision's pods as well",
    /// The pod's resources lie outside a LimitRange.
    LimitRangeViolated: Yes = "the former revision's resources lay inside, unless the LimitRange is new",
    /// The pod's ServiceAccount does not exist.
    ServiceAccountMissing: Partly = "it helps if the name is new; if someone deleted the ServiceAccount, the former revision's pods cannot be created either",
    /// The pod uses a Secret that its ServiceAccount does not list.
    SecretNotAllowed: Yes = "the former revision used listed secrets only, unless the list was shortened",
    /// The pod's PriorityClass does not exist.
    PriorityClassMissing: Partly = "it helps if the name is new; if someone deleted the class, the former revision's pods cannot be created either",
    /// The pod's RuntimeClass does not exist.
    RuntimeClassMissing: Partly = "it helps if the name is new; if someone deleted the class, the former revision's pods cannot be created either",
    /// The namespace's pod security level refuses the pod.
    PodSecurityViolated: Partly = "it helps unless the namespace's level is stricter than when the former revision was created",
    /// An admission webhook or policy refuses the pod.
    AdmissionDenied: Partly = "it helps unless the policy is newer than the former revision",
    /// An admission webhook does not answer.
    WebhookUnavailable: No = "no pod can be created meanwhile, those of the former revision included",
    /// The namespace is being deleted.
    NamespaceTerminating: No = "nothing can be created in the namespace any more",
    /// The API server holds the pod for invalid.
    InvalidPod: Yes = "the former revision's pods were valid, unless a mutating webhook has changed since",
    /// The API server is too busy, or not ready, to create pods.
    ApiOverloaded: No = "the control plane is busy, whatever the revision",
    /// The workload's controller may not create pods.
    ControllerNotPermitted: No = "no pod can be created, those of the former revision included",
    /// Pods cannot be created for another reason.
    PodCreationRefused: Partly = "it helps if the pod template causes it",
    /// The ReplicaSet of the new revision cannot be created.
    ReplicaSetNotCreated: Partly = "the former revision's ReplicaSet exists, so none has to be created",
    /// No node can take the pod.
    Unschedulable: Partly = "it frees the room that the new pods ask for, and adds none",
    /// No node has the labels or tolerated taints that the pod asks for.
    NoNodeMatches: Partly = "it helps if the selector or the tolerations are new; if the nodes changed, the former revision's pods find none either once they move",
    /// A PersistentVolumeClaim that the pod uses does not exist.
    ClaimMissing: Partly = "it helps if the reference is new; a claim that was deleted does not come back with a rollback",
    /// A PersistentVolumeClaim that the pod uses is not bound to a volume.
    ClaimNotBound: Partly = "it helps if the claim is new; a broken claim stays broken",
    /// The storage driver cannot make a volume for a claim.
    ClaimNotProvisioned: Partly = "it helps if the claim is new; the storage driver's trouble stays",
    /// The pod's volumes are where no free node is.
    VolumeExcludesNodes: Partly = "it lets the old pod keep its volume; it brings no node to where the volume is",
    /// The pod waits for a scheduling gate to be lifted.
    SchedulingGated: No = "nothing has failed: another controller holds the pod",
    /// The scheduler itself fails on the pod.
    SchedulerFailing: No = "the scheduler or the storage driver fails, whatever the revision",
    /// A pod is taken away by somebody else: preempted, drained, its node shut down.
    PodDisrupted: No = "it is not this rollout's fault",
    /// Pods are evicted for writing more than their own limit.
    EvictedForOwnLimit: Yes = "the former revision stayed within its limit, unless the load has grown since",
    /// Nodes evict the pods for want of memory or disk.
    EvictedByNode: Partly = "it helps if the new revision uses more than the former; a full node stays full",
    /// The kubelet turns pods away that were placed on its node.
    NodeTurnsPodAway: Partly = "it helps if the new revision asks for more than the former; the node's trouble stays",
    /// The kubelet does not accept what the pod asks for (sysctl, AppArmor profile, operating system).
    NodeForbidsPod: Yes = "the former revision's pods were accepted",
    /// The node of a pod does not report any more.
    NodeNotReady: No = "the node is lost, whatever the revision",
    /// The node cannot create the pod's sandbox or its network.
    SandboxNotCreated: No = "the node or its network plugin fails, whatever the revision",
    /// No IP address is left for the pod.
    SubnetExhausted: Partly = "it frees the addresses that the new pods ask for, and adds none",
    /// The node lacks the runtime handler of the pod's RuntimeClass.
    RuntimeHandlerMissing: Yes = "the former revision's runtime was there",
    /// The node cannot prepare the devices that the pod claims.
    DeviceNotPrepared: Partly = "it helps if the claim is new; a broken device driver stays broken",
    /// The pod is on its node, its containers are not created, and no event says why.
    StillCreating: No = "nothing is known to have failed",
    /// A pod on its way out does not end.
    OldPodsNotEnding: No = "the pod is being deleted already, and a rollback does not end it",
    /// The readiness probe keeps failing.
    ReadinessFailing: Partly = "it helps if the application or its probe causes it, not if what it depends on is down",
    /// A probe cannot be carried out: its port name or command does not exist.
    ProbeCannotRun: Yes = "the former revision's probe could be carried out",
    /// The pod waits for a readiness gate that another controller opens.
    ReadinessGateClosed: Partly = "it helps if the new revision answers the load balancer differently; a controller that is down opens no gate",
    /// A probe counts as passed although it was redirected to another host.
    ProbeRedirected: No = "nothing has failed",
    /// The liveness probe kills the container before it has started.
    LivenessKillsStart: Yes = "the former revision started within its probe's time",
    /// The startup probe gives up on the container.
    StartupProbeExhausted: Yes = "the former revision started within its probe's time",
    /// The container runs and its startup probe has not passed yet.
    StillStarting: No = "nothing has failed: the start goes on",
    /// Pods are ready but do not answer over HTTP as expected.
    HttpCheckFailing: Yes = "the former revision answered, unless what it depends on has changed",
    /// The workload is paused: nothing will happen.
    Paused: No = "a rollback of a paused workload is not rolled out either",
    /// The update strategy is OnDelete: pods are replaced only once somebody deletes them.
    WaitsForDeletion: No = "a rollback of an OnDelete workload waits for deletions as well",
    /// A pod of a former revision is not ready, and the StatefulSet's controller waits for it before it
    /// replaces any.
    StatefulSetStuck: Partly = "the controller waits for the same pod after a rollback; deleting it helps in either case",
    /// A node is not ready since before its new pod was made, so its pod of the DaemonSet cannot be updated.
    NodeNotUpdated: No = "the node is down, whatever the revision",
    /// The controller has not read the newest spec for long.
    ControllerLagging: No = "the controller would not read the former spec either",
    /// The Deployment's own progress deadline has passed.
    ProgressDeadlineExceeded: Partly = "it says that time has passed, and not why",
    /// The workload has zero replicas: nothing was verified.
    NothingToVerify: No = "nothing has failed",
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
    /// What a pod answered over HTTP.
    HttpAnswer,
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
    /// The workloads that show it, as `deployment/web`.
    #[serde(default)]
    pub workloads: Vec<String>,
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
            workloads: Vec::new(),
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
