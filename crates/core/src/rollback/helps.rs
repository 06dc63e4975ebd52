//! Decides whether a rollback helps with a finding, by what the rollback would change.
//!
//! A code knows only what is true of most rollouts: that the former image was good, say. The two
//! templates tell of this one: a rollback that changes nothing but a restart annotation cannot help,
//! and one that takes back the field that the finding names does.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::finding::{Finding, FindingCode, RollbackHelps};
use crate::quantity::Quantity;
use crate::workload::raw::{plain, text};
use crate::workload::registry_of;

/// Why a rollback to the same template does not help.
pub const RESTART_ONLY: &str =
    "the former revision's template is the same but for a restart annotation";

/// The effect of a rollback, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helps {
    /// Whether it helps.
    pub helps: RollbackHelps,
    /// Why, in one sentence.
    pub why: String,
}

/// The pod template that fails, and the one that would come back.
#[derive(Debug, Clone, Copy)]
pub struct Templates<'a> {
    /// The present template.
    pub bad: &'a Value,
    /// The template that would replace it.
    pub target: &'a Value,
}

/// A part of a pod template that a finding may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// `image` and `imagePullPolicy`.
    Image,
    /// The host part of `image`.
    Registry,
    /// The credentials for the registry: `imagePullSecrets`, `serviceAccountName`.
    PullSecrets,
    /// `command`, `args` and `workingDir`.
    Command,
    /// The three probes.
    Probe,
    /// `resources`.
    Resources,
    /// A request that the target does not make, or makes lower.
    LowerRequests,
    /// `volumes` and `volumeMounts`.
    Volumes,
    /// `securityContext`, of the container and of the pod.
    Security,
    /// What binds the pod to nodes.
    Scheduling,
}

impl Field {
    /// The names of the fields, of a container and of the pod's spec.
    const fn names(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Image => (&["image", "imagePullPolicy"], &[]),
            Self::Registry | Self::LowerRequests => (&[], &[]),
            Self::PullSecrets => (
                &[],
                &["imagePullSecrets", "serviceAccountName", "serviceAccount"],
            ),
            Self::Command => (&["command", "args", "workingDir"], &[]),
            Self::Probe => (&["startupProbe", "livenessProbe", "readinessProbe"], &[]),
            Self::Resources => (&["resources"], &["resources"]),
            Self::Volumes => (&["volumeMounts", "volumeDevices"], &["volumes"]),
            Self::Security => (
                &["securityContext"],
                &["securityContext", "hostNetwork", "hostPID", "hostIPC"],
            ),
            Self::Scheduling => (
                &["ports"],
                &[
                    "nodeName",
                    "nodeSelector",
                    "affinity",
                    "tolerations",
                    "topologySpreadConstraints",
                    "schedulerName",
                ],
            ),
        }
    }

    const fn is_of_container(self) -> bool {
        !matches!(self, Self::PullSecrets | Self::Scheduling)
    }

    /// Completes "it takes back …".
    const fn title(self) -> &'static str {
        match self {
            Self::Image => "the image",
            Self::Registry => "the registry of the image",
            Self::PullSecrets => "the credentials for the registry",
            Self::Command => "the command",
            Self::Probe => "the probes",
            Self::Resources => "the resources",
            Self::LowerRequests => "the higher requests",
            Self::Volumes => "the volumes",
            Self::Security => "the securityContext",
            Self::Scheduling => "what binds the pods to nodes",
        }
    }
}

/// The part of a template that a finding names.
enum Named {
    /// Nothing: the cause is outside the template, or is gone with the new pods.
    Outside,
    /// Something in the template; these fields, if they change, for certain.
    Template(&'static [Field]),
    /// One of these fields, and nothing else.
    Only(&'static [Field]),
    /// An object, by its name in backticks in the message.
    Reference,
}

#[expect(clippy::too_many_lines, reason = "one table over all codes")]
const fn named(code: FindingCode) -> Named {
    use Field::{
        Command, Image, LowerRequests, Probe, PullSecrets, Registry, Resources, Scheduling,
        Security, Volumes,
    };
    use FindingCode as Code;
    match code {
        Code::ImageNotFound
        | Code::InvalidImageName
        | Code::ImageWrongPlatform
        | Code::ImageNeverPulled
        | Code::ImageSignatureRefused => Named::Only(&[Image]),
        Code::ImagePullDenied => Named::Template(&[Registry, PullSecrets]),
        Code::ImagePullFailing | Code::RegistryNotTrusted => Named::Template(&[Registry]),
        Code::ExecFormatError => Named::Only(&[Image, Command]),
        Code::CommandNotRunnable => Named::Only(&[Command, Image, Volumes]),
        Code::RunAsNonRootRefused => Named::Only(&[Security, Image]),
        Code::OutOfMemory => Named::Template(&[Resources]),
        Code::ReadinessFailing
        | Code::ProbeCannotRun
        | Code::LivenessKillsStart
        | Code::LivenessKillsAgain
        | Code::StartupProbeExhausted => Named::Template(&[Probe]),
        Code::SubPathNotPrepared => Named::Template(&[Volumes]),
        Code::QuotaNeedsResources | Code::LimitRangeViolated => Named::Only(&[Resources]),
        Code::PodSecurityViolated => Named::Template(&[Security]),
        Code::Unschedulable | Code::NodeTurnsPodAway => {
            Named::Template(&[LowerRequests, Scheduling])
        }
        Code::NoNodeMatches => Named::Only(&[Scheduling]),
        Code::ContainerNotCreated => Named::Template(&[Security, Resources, Volumes, Command]),
        Code::ImageNotInspected
        | Code::CrashAtStart
        | Code::CrashAfterReady
        | Code::ExitsAtOnce
        | Code::NotRestarted
        | Code::PostStartHookRunning
        | Code::PostStartHookFailing
        | Code::ContainerSpecInvalid
        | Code::SidecarNotStarted
        | Code::AdmissionDenied
        | Code::InvalidPod
        | Code::PodCreationRefused
        | Code::SecretNotAllowed
        | Code::QuotaDoesNotCover
        | Code::EvictedForOwnLimit
        | Code::NodeForbidsPod
        | Code::NodeProviderFailing
        | Code::RuntimeHandlerMissing
        | Code::DeviceNotPrepared
        | Code::HttpCheckFailing
        | Code::ServiceCheckFailing
        | Code::ReadinessGateClosed
        | Code::ServiceSelectsNoPod
        | Code::ServicePortMissing
        | Code::NoPodListens
        | Code::PortNotListening
        | Code::HealthProbeFailing
        | Code::ServiceLeftBehind
        | Code::ServiceMixesWorkloads
        | Code::TrafficDenied
        | Code::EgressDenied
        | Code::DependencyNotServed
        | Code::AutoscalerCannotAct
        | Code::DnsChanged => Named::Template(&[]),
        Code::ConfigObjectMissing
        | Code::ConfigKeyMissing
        | Code::VolumeNotMounted
        | Code::SecretStoreFailing
        | Code::FileShareRefused
        | Code::ServiceAccountMissing
        | Code::PriorityClassMissing
        | Code::RuntimeClassMissing
        | Code::ClaimMissing
        | Code::ClaimNotBound
        | Code::ClaimNotProvisioned
        | Code::SchedulerMissing => Named::Reference,
        Code::NodeDiskFull
        | Code::SlowPull
        | Code::InitRunsLong
        | Code::VolumeHeldElsewhere
        | Code::QuotaExceeded
        | Code::QuotaStatusUnknown
        | Code::WebhookUnavailable
        | Code::NamespaceTerminating
        | Code::ApiOverloaded
        | Code::ControllerNotPermitted
        | Code::ReplicaSetNotCreated
        | Code::VolumeExcludesNodes
        | Code::SchedulingGated
        | Code::SchedulerFailing
        | Code::PodDisrupted
        | Code::EvictedByNode
        | Code::NodeNotReady
        | Code::SandboxNotCreated
        | Code::SubnetExhausted
        | Code::StillCreating
        | Code::OldPodsNotEnding
        | Code::DeletionRefused
        | Code::TimeoutTooShort
        | Code::ProbeRedirected
        | Code::StillStarting
        | Code::Paused
        | Code::JobRetriesExhausted
        | Code::JobDeadlineExceeded
        | Code::JobPolicyFailed
        | Code::JobIndexFailed
        | Code::JobFailed
        | Code::JobPodFailed
        | Code::JobSuspended
        | Code::WaitsForDeletion
        | Code::StatefulSetStuck
        | Code::NodeNotUpdated
        | Code::ControllerLagging
        | Code::ProgressDeadlineExceeded
        | Code::EndpointsNotReady
        | Code::IngressBackendMissing
        | Code::IngressClassMissing
        | Code::IngressSecretMissing
        | Code::RouteNotAccepted
        | Code::RouteBackendMissing
        | Code::LoadBalancerPending
        | Code::NothingToVerify => Named::Outside,
    }
}

/// Decides whether a rollback from one template to another helps with a finding.
#[must_use]
pub fn helps(finding: &Finding, templates: Templates<'_>) -> Helps {
    let known = Helps {
        helps: finding.rollback_helps,
        why: finding.rollback_why.clone(),
    };
    // A diagnoser that says more than its code knows it from the objects.
    if known.why != finding.code.rollback_why() {
        return known;
    }
    if let Some(container) = finding.subject.container.as_deref()
        && let Some(Pair {
            bad: Some(_),
            target: None,
        }) = pairs(templates).get(container)
    {
        return yes(format!(
            "the former revision has no container `{container}`"
        ));
    }
    let certain = match named(finding.code) {
        Named::Outside => return known,
        _ if restarts_only(templates) => {
            return no(RESTART_ONLY);
        }
        Named::Template(certain) => certain,
        Named::Only(fields) => {
            let none = taken_back(finding, fields, templates).is_none();
            if none && !(is_on_volume(finding) && other_container_changes(templates)) {
                let titles: Vec<_> = fields.iter().map(|it| it.title()).collect();
                return no(&format!("it leaves {} as it is", titles.join(" and ")));
            }
            fields
        }
        Named::Reference => return refers(finding, templates).unwrap_or(known),
    };
    match taken_back(finding, certain, templates) {
        Some(field) if known.helps != RollbackHelps::Yes => {
            let container = finding.subject.container.as_deref();
            let container = container.filter(|_| field.is_of_container());
            let of = container.map(|it| format!(" of container `{it}`"));
            yes(format!(
                "it takes back {}{}",
                field.title(),
                of.unwrap_or_default()
            ))
        }
        Some(_) | None => known,
    }
}

/// Returns whether the program that cannot be run is on a volume, so that another container writes it.
fn is_on_volume(finding: &Finding) -> bool {
    finding.code == FindingCode::CommandNotRunnable
        && finding.message.contains("is not on volume `")
}

/// Returns whether any container has another image or command.
fn other_container_changes(templates: Templates<'_>) -> bool {
    let fields = [Field::Image, Field::Command];
    let changed = |pair: &Pair<'_>| fields.iter().any(|it| pair.differs(*it, it.names().0));
    pairs(templates).values().any(changed)
}

fn no(why: &str) -> Helps {
    Helps {
        helps: RollbackHelps::No,
        why: why.to_owned(),
    }
}

const fn yes(why: String) -> Helps {
    Helps {
        helps: RollbackHelps::Yes,
        why,
    }
}

/// Returns whether the templates are equal but for annotations that only restart the pods: those of
/// `kubectl rollout restart`, of Reloader, and of Helm charts that hash their configuration.
pub(super) fn restarts_only(templates: Templates<'_>) -> bool {
    let bare = |template: &Value| {
        let mut template = plain(template);
        let annotations = template.pointer_mut("/metadata/annotations");
        if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
            annotations.retain(|name, _| {
                let restarts = name.to_ascii_lowercase().contains("restartedat")
                    || name.starts_with("checksum/")
                    || name.starts_with("reloader.stakater.com/");
                !restarts
            });
        }
        let metadata = template.pointer_mut("/metadata");
        if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
            metadata.retain(|_, it| it.as_object().is_none_or(|it| !it.is_empty()));
        }
        template
    };
    bare(templates.bad) == bare(templates.target)
}

/// Returns the first of these fields that the rollback takes back, in the container of the finding
/// or, if it names none, in any.
fn taken_back(finding: &Finding, fields: &[Field], templates: Templates<'_>) -> Option<Field> {
    let container = finding.subject.container.as_deref();
    let changed = |field: &&Field| {
        let (of_container, of_pod) = field.names();
        let differs = |pod: &str| {
            let pointer = format!("/spec/{pod}");
            templates.bad.pointer(&pointer) != templates.target.pointer(&pointer)
        };
        of_pod.iter().any(|it| differs(it))
            || pairs(templates)
                .into_iter()
                .filter(|(name, _)| container.is_none_or(|it| it == *name))
                .any(|(_, pair)| pair.differs(**field, of_container))
    };
    fields.iter().find(changed).copied()
}

/// A container as it is in both templates.
#[derive(Debug, Clone, Copy, Default)]
struct Pair<'a> {
    bad: Option<&'a Value>,
    target: Option<&'a Value>,
}

impl Pair<'_> {
    fn differs(self, field: Field, names: &[&str]) -> bool {
        let of = |it: Option<&Value>, name: &str| it.and_then(|it| it.get(name)).cloned();
        let registry = |it: Option<&Value>| it.map(|it| registry_of(text(it, "/image")).to_owned());
        match field {
            Field::Registry => registry(self.bad) != registry(self.target),
            Field::LowerRequests => self.requests_more(),
            Field::Image
            | Field::PullSecrets
            | Field::Command
            | Field::Probe
            | Field::Resources
            | Field::Volumes
            | Field::Security
            | Field::Scheduling => names
                .iter()
                .any(|name| of(self.bad, name) != of(self.target, name)),
        }
    }

    /// Returns whether the bad one requests more of anything.
    fn requests_more(self) -> bool {
        let requests = |it: Option<&Value>| -> BTreeMap<String, String> {
            let requests = it.and_then(|it| it.pointer("/resources/requests"));
            let requests = requests.and_then(Value::as_object);
            requests
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        let former = requests(self.target);
        requests(self.bad).iter().any(|(name, value)| {
            let before = former.get(name).and_then(|it| Quantity::parse(it));
            let now = Quantity::parse(value);
            before.is_none() || now > before
        })
    }
}

fn pairs(templates: Templates<'_>) -> BTreeMap<&str, Pair<'_>> {
    let mut pairs: BTreeMap<&str, Pair<'_>> = BTreeMap::new();
    for group in ["/spec/initContainers", "/spec/containers"] {
        for container in containers(templates.bad, group) {
            pairs.entry(text(container, "/name")).or_default().bad = Some(container);
        }
        for container in containers(templates.target, group) {
            pairs.entry(text(container, "/name")).or_default().target = Some(container);
        }
    }
    pairs
}

fn containers<'a>(template: &'a Value, group: &str) -> impl Iterator<Item = &'a Value> {
    let list = template.pointer(group).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// Decides by the names in the finding's message: what only the bad template references is not
/// missed after a rollback.
fn refers(finding: &Finding, templates: Templates<'_>) -> Option<Helps> {
    let mut quoted = finding.message.split('`').skip(1).step_by(2);
    let gone = |name: &&str| mentions(templates.bad, name) && !mentions(templates.target, name);
    let gone = quoted.find(gone)?;
    Some(yes(format!("the former revision does not use `{gone}`")))
}

/// Returns whether a text of the template is this name.
fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text == name,
        Value::Array(list) => list.iter().any(|it| mentions(it, name)),
        Value::Object(fields) => fields.values().any(|it| mentions(it, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
