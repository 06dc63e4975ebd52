//! Events that may heal a cause, and the longest that each is known to have taken.

use std::time::Duration;

use super::FindingCode;

/// How a cause heals without a change of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healing {
    /// What may still heal it, as a clause for the sentence of a suspect.
    pub by: &'static str,
    /// How long it has taken at most.
    pub longest: Longest,
    /// Where that was seen, or why it cannot be.
    pub source: &'static str,
}

/// The longest time after which a cause is known to have healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Longest {
    /// The pod template or the cluster's own words exclude it.
    Excluded,
    /// It was seen to heal after this long.
    Seen(Duration),
    /// It was seen to heal at the third start: the patience is twice the time of two starts and the
    /// back-off, by the probe's own settings.
    ThirdStart,
    /// It could heal, but no case is known.
    NotSeen,
    /// The cause never decides, so that it does not matter.
    Undecided,
}

const fn seen(seconds: u64) -> Longest {
    Longest::Seen(Duration::from_secs(seconds))
}

use Longest::{Excluded, NotSeen, Undecided};

macro_rules! healing {
    ($($($name:ident)|+ => $longest:expr, $by:literal, $source:literal;)+) => {
        impl FindingCode {
            /// Returns what may heal it.
            #[must_use]
            pub const fn healing(self) -> Healing {
                match self { $($(Self::$name)|+ => Healing {
                    by: $by,
                    longest: $longest,
                    source: $source,
                },)+ }
            }
        }
    };
}

healing! {
    ImageNotFound => seen(10), "the tag may still be pushed", "the scenario `tag-pushed-late`: the second pull, 10s after the first, finds it; Shopify/krane#819: two minutes in a geo-replicated registry, which is recognised";
    InvalidImageName => Excluded, "only another pod template heals it", "the image's name is in the pod template";
    ImagePullDenied => seen(300), "the registry may still learn of a role assignment or token", "microsoft/GitHub-Copilot-for-Azure#1701: AcrPull took up to 5m to become effective";
    ImagePullFailing => seen(120), "the registry may answer at the next pull", "Shopify/krane#477: registry errors passed within a couple of minutes";
    RegistryNotTrusted => NotSeen, "the registry's certificate may be renewed", "a certificate that is just renewed";
    ImageWrongPlatform => seen(10), "the build for this platform may still be pushed", "pushed like any tag: the scenario `tag-pushed-late`";
    ImageNeverPulled => Excluded, "only another pod template heals it", "the pull policy is in the pod template";
    ImageSignatureRefused => seen(10), "the signature may still be pushed", "pushed like any tag: the scenario `tag-pushed-late`";
    ImageNotInspected => NotSeen, "the container runtime may recover", "a runtime that restarts";
    NodeDiskFull => NotSeen, "the kubelet may remove unused images", "kubelet `images/image_gc_manager.go` collects every 5m, and at once under disk pressure";
    SlowPull => Undecided, "", "";
    CrashAtStart => seen(75), "a dependency may come up before the next start", "OpenHands/OpenHands-Cloud#472, backstage/backstage#2892: it crashes for a few starts until the migration or the database is done; the fifth start comes 75s after the first by the kubelet's back-off";
    CrashAfterReady => seen(75), "a lost dependency may come back before the next start", "apecloud/kubeblocks#6933: a database that is restarted is away for half a minute to a minute; the fifth start comes 75s after the first by the kubelet's back-off";
    ExitsAtOnce => NotSeen, "the next start may keep running", "a program that ends with 0 has done what it was told to do";
    NotRestarted => NotSeen, "a restart rule may start it again", "a restart rule acts within seconds";
    CommandNotRunnable => Excluded, "only another pod template heals it", "command and image are in the pod template; a command on a volume is recognised";
    ExecFormatError => Excluded, "only another pod template heals it", "the image is in the pod template; a program on a volume is recognised";
    PostStartHookFailing => seen(15), "the hook may find what it needs at the next start", "the third start by the kubelet's back-off";
    PostStartHookRunning => Undecided, "", "";
    OutOfMemory => NotSeen, "the next start may need less memory", "kubernetes/kube-state-metrics#958: the peak of a start comes again at every start";
    ConfigObjectMissing => seen(60), "the same pipeline or an operator may still create it", "cert-manager/cert-manager#2846: the Secret came a minute after the pod";
    ConfigKeyMissing => seen(60), "the same pipeline or an operator may still add the key", "written like the object itself: cert-manager/cert-manager#2846; kubernetes/kubernetes#80466: Secrets that come after the pods";
    RunAsNonRootRefused => Excluded, "only another pod template heals it", "image and securityContext are in the pod template";
    SubPathNotPrepared => seen(15), "the volume may be there at the kubelet's next sync", "the kubelet's next sync, 10s to 15s after the last";
    ContainerSpecInvalid => Excluded, "only another pod template heals it", "the runtime names what the pod template asks for";
    ContainerNotCreated => seen(60), "the container runtime may recover", "containerd/containerd#4604: the container was created once the node's disk had caught up; kubelet and runtime allow 2m for one call";
    InitRunsLong => Undecided, "", "";
    SidecarNotStarted => Undecided, "", "";
    VolumeNotMounted => seen(360), "the disk may still be detached from its last node", "the attach-detach controller detaches by force after 6m (`maxWaitForUnmountDuration`)";
    VolumeHeldElsewhere => Excluded, "only the end of the pod that holds the disk heals it", "the update waits for the new pod, and the new pod for the old one";
    SecretStoreFailing => seen(300), "a role assignment or federated credential may become effective", "microsoft/GitHub-Copilot-for-Azure#1701: a role assignment took up to 5m to become effective";
    FileShareRefused => NotSeen, "a rotated key may become known", "a key that was just rotated";
    QuotaExceeded => NotSeen, "pods that end may free quota", "pods of any workload that are about to end are looked for, and while there are any it waits (ministryofjustice/cloud-platform#590, Shopify/krane#173)";
    QuotaNeedsResources => Excluded, "only another pod template heals it", "the quota names what the pod template lacks";
    QuotaDoesNotCover => Excluded, "only another pod template heals it", "the API server names the priority class that no quota covers";
    QuotaStatusUnknown => seen(10), "the quota controller may write the usage", "the quota controller writes it within seconds (`resource_quota_controller.go`)";
    LimitRangeViolated => Excluded, "only another pod template heals it", "the LimitRange names the limit that the pod template breaks";
    ServiceAccountMissing => seen(10), "the same pipeline may still create it", "konflux-ci/konflux-ci#161, kubernetes/kubernetes#66689: it is there a few seconds later; the scenario `service-account-arrives-late`: the controller's retry after 10s finds it at the latest";
    SecretNotAllowed => Excluded, "only another pod template heals it", "the ServiceAccount lists what it allows";
    PriorityClassMissing | RuntimeClassMissing => seen(10), "the same pipeline may still create it", "applied with the workload: the controller's retry after 10s finds it";
    PodSecurityViolated => seen(10), "the namespace's level may still be changed", "an exemption that arrives after 8s; the controller's retry after 10s finds it";
    AdmissionDenied => seen(10), "an exemption may still be made", "an exemption that arrives after 8s; the controller's retry after 10s finds it";
    WebhookUnavailable => seen(90), "the webhook's own pods may come up", "cert-manager/cert-manager#2908: the webhook answered up to a minute after its installation";
    NamespaceTerminating => Excluded, "nothing heals it: the namespace is being deleted", "the API server says that the namespace is being deleted";
    InvalidPod => Excluded, "only another pod template heals it", "the API server names the field";
    ApiOverloaded => seen(90), "the control plane may recover", "a control plane that fails over: a minute or so";
    ControllerNotPermitted => seen(60), "the role may become effective", "roles that an upgrade reconciles: within a minute";
    PodCreationRefused => NotSeen, "the next try may succeed", "the words are not known";
    ReplicaSetNotCreated => NotSeen, "the controller's next try may succeed", "the controller tries again with growing intervals";
    Unschedulable => seen(60), "pods that end or new nodes may make room", "kubernetes/kubernetes#95498: the old pods run beside the new ones for the 60s that they take to end";
    NoNodeMatches => seen(20), "an autoscaler may add a matching node", "an autoscaler says so within two scans of 10s each";
    SchedulerMissing => seen(60), "the scheduler may come up", "a scheduler of the same release, or one that is restarted: within a minute";
    NodeProviderFailing => NotSeen, "the provider's next try may succeed", "the provider of a virtual node tries again at growing intervals";
    ClaimMissing => seen(10), "the same pipeline may still create it", "applied with the workload: the scheduler looks again at once";
    ClaimNotBound => seen(120), "the storage driver may still create the volume", "MicrosoftDocs/azure-docs#18272, Azure/AKS#166: a couple of minutes until an Azure disk is bound, and for two disks until they are mounted";
    ClaimNotProvisioned => NotSeen, "the storage driver's next try may succeed", "the driver has failed three times, at growing intervals";
    VolumeExcludesNodes => seen(60), "a pod that ends may free a disk slot", "an old pod ends, and its disk is detached";
    SchedulingGated => Undecided, "", "";
    SchedulerFailing => seen(120), "the scheduler's next try may succeed", "a volume is provisioned within two minutes";
    PodDisrupted => Undecided, "", "";
    EvictedForOwnLimit => Excluded, "only another pod template heals it", "the limit is in the pod template, and a second pod has exceeded it";
    EvictedByNode => seen(60), "another node may take the pod", "the second eviction by one full node";
    NodeTurnsPodAway => NotSeen, "the next pod may be accepted", "kubelet and scheduler race once or twice";
    NodeForbidsPod => Excluded, "only another pod template heals it", "the kubelet names what the pod template asks for";
    SandboxNotCreated => seen(120), "the node's network plugin may come up", "projectcalico/calico#13884: sandboxes fail until the network plugin of a node that has just booted has started, some seconds; two minutes are estimated for a node that joins";
    SubnetExhausted => seen(90), "addresses of pods that ended may be given back", "Azure CNI gives addresses back after a minute or so";
    RuntimeHandlerMissing => NotSeen, "the node may still be installing it", "a node that has just joined";
    DeviceNotPrepared => seen(60), "the device driver may come up", "a device driver that is just starting: a minute";
    StillCreating => Undecided, "", "";
    OldPodsNotEnding => Undecided, "", "";
    DeletionRefused => NotSeen, "the policy may let the pods go", "it is only ever a suspect";
    TimeoutTooShort => Undecided, "", "";
    ReadinessFailing => seen(150), "the application may still become ready", "WASdev/websphere-liberty-operator#105: typically two minutes until ready; half a minute more is estimated. The former revision's own start is taken into account";
    ProbeCannotRun => Excluded, "only another pod template heals it", "probe and ports are in the pod template";
    ReadinessGateClosed => seen(120), "the gate's controller may open it", "Azure/application-gateway-kubernetes-ingress#532: an update of the gateway takes 10s to 20s with 34 ingresses, its answers a few minutes; two minutes are estimated";
    ProbeRedirected => Undecided, "", "";
    LivenessKillsStart => Longest::ThirdStart, "a start that gets further than the last may come through", "gke-labs/kube-agents#712, immich-app/immich-charts#27: the third start was ready; the rule counts in the probe's own time";
    LivenessKillsAgain => seen(75), "a lost dependency may come back", "as for `CrashAfterReady`";
    StartupProbeExhausted => Longest::ThirdStart, "a start that gets further than the last may come through", "as for `LivenessKillsStart`";
    StillStarting => Undecided, "", "";
    Paused => seen(5), "the same script may resume it", "the scenario `paused-then-resumed`";
    HttpCheckFailing => seen(12), "the application may still fill its caches or find its peers", "the scenarios of HTTP checks: the third answer was right";
    ServiceCheckFailing => seen(12), "the application may still fill its caches or find its peers", "as for `HttpCheckFailing`";
    JobRetriesExhausted | JobDeadlineExceeded | JobPolicyFailed | JobFailed => Excluded, "nothing heals it: the Job controller has given up", "the condition is never taken back (`job_controller.go`)";
    JobIndexFailed => Excluded, "only a successPolicy of the Job heals it", "an index that has failed for the last time is not run again";
    JobPodFailed => NotSeen, "the Job's next pod may succeed", "it is only ever a suspect";
    JobSuspended => seen(5), "the same script may resume it", "resumed like a Deployment: the scenario `paused-then-resumed`";
    WaitsForDeletion => seen(300), "an operator may delete the pods", "an operator that takes its time with each pod";
    StatefulSetStuck => seen(30), "the pod of the former revision may become ready", "the scenario `db-slow-pods`";
    NodeNotReady => Undecided, "", "";
    NodeNotUpdated => NotSeen, "the node may come back", "it is only ever a suspect";
    ControllerLagging => NotSeen, "the controller may catch up", "it is only ever a suspect";
    ServiceSelectsNoPod | ServicePortMissing => NotSeen, "the same pipeline may still apply the Service that goes with it", "a Service that is applied after the workload: seconds";
    NoPodListens => NotSeen, "the application may still open the port", "a port that is opened after the pod is ready: seconds";
    PortNotListening | ServiceLeftBehind | ServiceMixesWorkloads | EndpointsNotReady | IngressBackendMissing | IngressClassMissing | IngressSecretMissing | RouteNotAccepted | RouteBackendMissing | LoadBalancerPending | HealthProbeFailing | TrafficDenied | EgressDenied | DependencyNotServed | AutoscalerCannotAct | DnsChanged => Undecided, "", "";
    ProgressDeadlineExceeded => Undecided, "", "";
    NothingToVerify => Undecided, "", "";
}
