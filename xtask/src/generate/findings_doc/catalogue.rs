//! All causes that are known, with their codes or with the reason why they have none.

use rollguard_core::finding::FindingCode;

use super::{code, table};

/// A cause in words, and its codes.
type Cause = (&'static str, &'static [FindingCode]);

macro_rules! causes {
    ($($cause:literal => $($code:ident)|+;)+) => {
        &[$(($cause, &[$(FindingCode::$code),+])),+]
    };
}

pub(super) fn render() -> String {
    let rows = CATALOGUE.iter().flat_map(|(family, causes)| {
        causes.iter().map(|(cause, codes)| {
            let codes: Vec<String> = codes.iter().map(|it| code(it.as_str())).collect();
            [(*family).to_owned(), (*cause).to_owned(), codes.join(", ")]
        })
    });
    let without = WITHOUT_CODE
        .iter()
        .map(|(cause, why)| [(*cause).to_owned(), (*why).to_owned()]);
    [
        "\n## Known causes and their codes\n\n",
        &table(["family", "cause", "codes"], rows),
        "\n## Known causes without a code, and why\n\n",
        &table(["cause", "why it has no code of its own"], without),
    ]
    .concat()
}

/// The causes that concern the ways of users to the pods, each with a code.
pub(in crate::generate) fn traffic_causes() -> impl Iterator<Item = (&'static str, FindingCode)> {
    let causes = TRAFFIC.iter();
    causes.flat_map(|(cause, codes)| codes.iter().map(move |it| (*cause, *it)))
}

const CATALOGUE: &[(&str, &[Cause])] = &[
    ("image", IMAGE),
    ("container's configuration", CONFIGURATION),
    ("application", APPLICATION),
    ("probes and readiness", PROBES),
    ("init containers and sidecars", INIT),
    ("refused by the API server", REFUSED),
    ("scheduling and nodes", SCHEDULING),
    ("volumes and network", VOLUMES),
    ("the workload itself", WORKLOAD),
    ("users and Services, once the rollout is complete", TRAFFIC),
];

const IMAGE: &[Cause] = causes! {
    "tag, digest or repository does not exist" => ImageNotFound;
    "the registry refuses the credentials, or its firewall blocks the nodes" => ImagePullDenied;
    "a pull secret that the pod references does not exist" => ImagePullDenied;
    "the registry throttles, is down or cannot be reached; DNS, proxy, egress" => ImagePullFailing;
    "the registry's TLS certificate is not trusted" => RegistryNotTrusted;
    "malformed name, such as an unreplaced token" => InvalidImageName;
    "pull policy `Never`, and the image is not on the node" => ImageNeverPulled;
    "no build for the node's processor or operating system" => ImageWrongPlatform;
    "signature missing or not accepted by the node" => ImageSignatureRefused;
    "the runtime cannot inspect an image that it has" => ImageNotInspected;
    "the node's disk is full" => NodeDiskFull;
    "a very slow pull; informational, as it may well succeed" => SlowPull;
};

const CONFIGURATION: &[Cause] = causes! {
    "environment from a ConfigMap or Secret that does not exist" => ConfigObjectMissing;
    "a key that the ConfigMap or Secret lacks" => ConfigKeyMissing;
    "runAsNonRoot, and the image runs as root or as a name" => RunAsNonRootRefused;
    "subPath that is wrong, or leads to a place where nothing can be created" => SubPathNotPrepared;
    "no command, unknown capability, user or group that the image lacks" => ContainerSpecInvalid;
    "the runtime is overloaded or broken, or refuses with an unknown message" => ContainerNotCreated;
    "the kubelet cannot reserve CPUs, memory or devices for it" => ContainerNotCreated;
    "command not found, not executable; working directory missing" => CommandNotRunnable;
    "program for another processor; script without an interpreter line" => ExecFormatError;
    "the postStart hook fails" => PostStartHookFailing;
    "the postStart hook does not end; informational, as it may wait for something" => PostStartHookRunning;
    "the node does not have the RuntimeClass's handler" => RuntimeHandlerMissing;
    "devices: claimed ones cannot be prepared, or a device plugin has none" => DeviceNotPrepared | NodeTurnsPodAway;
};

const APPLICATION: &[Cause] = causes! {
    "exits with an error at its start, repeatedly" => CrashAtStart;
    "becomes ready, then exits, repeatedly" => CrashAfterReady;
    "exits with code 0 although it should keep running" => ExitsAtOnce;
    "is killed for its memory" => OutOfMemory;
    "exits and is not restarted because of its own restart policy" => NotRestarted;
};

const PROBES: &[Cause] = causes! {
    "the liveness probe kills a slow start" => LivenessKillsStart;
    "the liveness probe repeatedly kills a container that was ready" => LivenessKillsAgain;
    "the startup probe's budget is used up" => StartupProbeExhausted;
    "a long start within the startup probe's budget; informational" => StillStarting;
    "never ready: nothing listens, wrong path, waits for something" => ReadinessFailing;
    "a probe names a port or a command that is not there" => ProbeCannotRun;
    "a probe that a redirect makes pass; informational" => ProbeRedirected;
    "readiness gate of an application gateway or a mesh stays closed" => ReadinessGateClosed;
    "ready, but fails an HTTP check of the user" => HttpCheckFailing;
    "ready, but its Service fails an HTTP check of the user" => ServiceCheckFailing;
};

const INIT: &[Cause] = causes! {
    "an init container fails: its image, its configuration or its command as for any container" => CrashAtStart | CommandNotRunnable | OutOfMemory;
    "an init container takes long; informational, as it may be a migration" => InitRunsLong;
    "a sidecar does not start, and the containers after it wait" => SidecarNotStarted | StartupProbeExhausted;
};

const REFUSED: &[Cause] = causes! {
    "quota exceeded" => QuotaExceeded;
    "quota demands requests or limits" => QuotaNeedsResources;
    "no quota covers the pods; the quota's usage is not known yet" => QuotaDoesNotCover | QuotaStatusUnknown;
    "outside a LimitRange" => LimitRangeViolated;
    "ServiceAccount missing" => ServiceAccountMissing;
    "a Secret that the ServiceAccount does not list" => SecretNotAllowed;
    "pod security level of the namespace" => PodSecurityViolated;
    "denied by a webhook or an admission policy (Gatekeeper, Kyverno, Azure Policy)" => AdmissionDenied;
    "a webhook that does not answer" => WebhookUnavailable;
    "PriorityClass or RuntimeClass missing" => PriorityClassMissing | RuntimeClassMissing;
    "the controller's own rights" => ControllerNotPermitted;
    "the namespace is being deleted" => NamespaceTerminating;
    "a pod that is invalid only when finished, often by a mutating webhook" => InvalidPod;
    "API server or etcd overloaded" => ApiOverloaded;
    "anything else that refuses pods, or the ReplicaSet itself" => PodCreationRefused | ReplicaSetNotCreated;
};

const SCHEDULING: &[Cause] = causes! {
    "too little CPU, memory or another resource on the nodes; too many pods" => Unschedulable;
    "node selector, node affinity or taints exclude every node" => NoNodeMatches;
    "pod anti-affinity, topology spread, host ports, cordoned nodes" => Unschedulable;
    "claim missing, unbound, without a volume from the storage driver, or without a provisioner that runs" => ClaimMissing | ClaimNotBound | ClaimNotProvisioned;
    "the volume is in another zone, or the nodes take no more disks" => VolumeExcludesNodes;
    "scheduling gate; informational" => SchedulingGated;
    "the scheduler itself fails" => SchedulerFailing;
    "no scheduler serves the pods' `schedulerName`" => SchedulerMissing;
    "the provider of a virtual node does not start the pods" => NodeProviderFailing;
    "preempted, drained, evicted by a taint or over the API; informational" => PodDisrupted;
    "evicted for its own use of disk" => EvictedForOwnLimit;
    "evicted because the node ran out of resources" => EvictedByNode;
    "rejected by the kubelet: no resources, labels, ports, shutdown" => NodeTurnsPodAway;
    "not accepted by the kubelet: sysctl, AppArmor, operating system, unknown field" => NodeForbidsPod;
    "the node is lost; for a DaemonSet, before its new pod was created" => NodeNotReady | NodeNotUpdated;
    "a DaemonSet's pods fail as a whole and are replaced (`FailedDaemonPod`): by why they failed" => NodeTurnsPodAway | NodeForbidsPod | EvictedForOwnLimit | EvictedByNode;
};

const VOLUMES: &[Cause] = causes! {
    "a volume from a ConfigMap or Secret, or a key of it, that does not exist" => ConfigObjectMissing | ConfigKeyMissing;
    "a disk that cannot be attached or mounted; a storage driver that does not run" => VolumeNotMounted;
    "a disk for one node, held by the workload's own former pod: a deadlock" => VolumeHeldElsewhere;
    "a file share with a wrong key, a firewall or a wrong name" => FileShareRefused;
    "Key Vault by the Secrets Store driver: permission, identity, object" => SecretStoreFailing;
    "sandbox or network plugin" => SandboxNotCreated;
    "no IP address left in the subnet" => SubnetExhausted;
    "the node reports nothing about the pod; informational" => StillCreating;
    "the API server refuses to delete old pods" => DeletionRefused;
    "old pods do not end: finalizers, lost node, hanging unmount; informational" => OldPodsNotEnding;
};

const WORKLOAD: &[Cause] = causes! {
    "paused Deployment" => Paused;
    "zero replicas, or a DaemonSet that is scheduled to no node" => NothingToVerify;
    "the controller does not observe the spec" => ControllerLagging;
    "the Deployment's own progress deadline; informational" => ProgressDeadlineExceeded;
    "a StatefulSet that waits for a broken pod of the former revision" => StatefulSetStuck;
    "strategy OnDelete" => WaitsForDeletion;
    "a Job has used up its backoffLimit" => JobRetriesExhausted;
    "a Job ran longer than activeDeadlineSeconds" => JobDeadlineExceeded;
    "a rule of podFailurePolicy ended a Job" => JobPolicyFailed;
    "an index of an Indexed Job has failed for the last time" => JobIndexFailed;
    "a Job that its controller calls failed for another reason" => JobFailed;
    "a pod of a Job has failed, and retries are left; only ever a suspect" => JobPodFailed;
    "suspended Job, or one with parallelism 0" => JobSuspended;
    "`minReadySeconds`, or the grace period of a pod that is waited for, is longer than the timeout; informational" => TimeoutTooShort;
};

const TRAFFIC: &[Cause] = causes! {
    "the labels changed, and no Service selects the pods any more" => ServiceSelectsNoPod;
    "the named port is gone from the template, or has another protocol, and no Service leads to the pods any more" => ServicePortMissing;
    "every new pod refuses connections to the target port of its Services, where the former revision listened" => NoPodListens;
    "every new pod refuses connections to a target port, and it may always have been so; informational" => PortNotListening;
    "one of several Services, or one port of a Service, leads to no new pod; informational" => ServiceLeftBehind;
    "the Service of another workload selects the pods as well; informational" => ServiceMixesWorkloads;
    "ready pods are no endpoints of their Service; informational" => EndpointsNotReady;
    "an Ingress leads to a Service or port that does not exist; informational" => IngressBackendMissing;
    "an Ingress names a class that does not exist, or none while no class is the default; informational" => IngressClassMissing;
    "the Secret with the certificate of an Ingress does not exist; informational" => IngressSecretMissing;
    "no Gateway accepts an HTTPRoute, or one does not find its backends; informational" => RouteNotAccepted;
    "an HTTPRoute leads to a Service or port that does not exist; informational" => RouteBackendMissing;
    "a Service of type LoadBalancer has no address: subnet full, quota, wrong annotation; informational" => LoadBalancerPending;
    "the health probe of a load balancer asks a path that the new pods do not answer with 200; informational" => HealthProbeFailing;
    "NetworkPolicies admit nothing to the changed labels; informational" => TrafficDenied;
    "NetworkPolicies deny the changed labels all egress, or DNS; informational" => EgressDenied;
    "a changed variable, argument or probe names a Service that is not there or has no endpoint; informational" => DependencyNotServed;
    "an autoscaler measures by requests that the template does not make any more; informational" => AutoscalerCannotAct;
    "dnsPolicy or dnsConfig changed; informational" => DnsChanged;
};

/// Known causes that have no code.
const WITHOUT_CODE: &[(&str, &str)] = &[
    (
        "what an exit code means (126, 137, 143 …)",
        "a hint, not a cause: one code stands for several causes, so it only adds words to the findings about containers that exited",
    ),
    (
        "a dependency (database, queue, another service) is down",
        "not visible in the API: it shows as `CrashAtStart`, `CrashAfterReady` or `ReadinessFailing`, and the last log lines are part of the finding",
    ),
    (
        "`exec format error` that only the log shows",
        "`ExecFormatError` needs the words in `terminated.message`; without them the finding is `CrashAtStart` with the log line",
    ),
    (
        "a child process killed for its memory",
        "if the container's first process keeps running, the API does not show it; if it exits, the runtime reports `OOMKilled`",
    ),
    (
        "`restartPolicyRules` of a container",
        "the version of the API's types in use does not have the field; a rule that starts the container again does so within the 30s of `NotRestarted`, and one that does not ends as `NotRestarted`",
    ),
    (
        "a liveness probe that names a port or a command that is not there",
        "its result is ignored, so it neither kills the container nor keeps the pod from being ready",
    ),
    (
        "a Service whose number of a port leads to a port on which nothing listens",
        "where no probe of the former revision asked that port, or a Reject rule may have refused: `PortNotListening` only notes it. `--http service/NAME/PATH` asks the Service itself",
    ),
    (
        "a Service whose own selector is wrong",
        "no revision of the workload caused it, and it may be so for years: without an endpoint it is not in the line `served`",
    ),
    (
        "rollguard's own permissions: 401, 403",
        "says nothing about the rollout: if the workload itself may not be read, or the credentials are no longer accepted, the verdict is undetermined; if pods, events or logs may not be read, the report says what could not be seen",
    ),
    (
        "the API server is unreachable",
        "says nothing about the rollout: after the blind limit the verdict is undetermined",
    ),
    (
        "a node's conditions (DiskPressure, MemoryPressure, PIDPressure) and events (`SystemOOM`, `FreeDiskSpaceFailed`, `ImageGCFailed`)",
        "reading nodes needs cluster-wide permissions, and a full node may affect none of the workload's pods; its effects have codes: `NodeDiskFull`, `EvictedByNode`, `NodeTurnsPodAway`, `Unschedulable`. Of nodes only `Ready` is read, and only for DaemonSets",
    ),
    (
        "what uses up a quota",
        "not looked for: the usage of others is outside the workload; `QuotaExceeded` has the numbers requested, used and allowed",
    ),
    (
        "port 445 to Azure Files is blocked",
        "looks like any mount that times out: `VolumeNotMounted`",
    ),
    (
        "errors while applying (selector does not match the labels, an immutable field, an unknown field)",
        "the API server refuses the object, and there is no rollout to check: the step before fails",
    ),
    (
        "an autoscaler (HPA, VPA, KEDA) changes replicas during the rollout",
        "no problem: the desired number is read again with every change, and a change of replicas alone is not a newer rollout",
    ),
    (
        "a newer rollout begins during the check, or the workload is created again",
        "an outcome of its own, `superseded`: a failure of neither, and never a reason to roll back",
    ),
    (
        "an automation changes the pod template during the check (Reloader's variable or annotation, `kubectl rollout restart`, an injector)",
        "the same release, unless an annotation or label that names a run, a version or a checksum changes with it: the new revision is followed from its \
         beginning, the timeout counts from the start of the check, and the report says so",
    ),
    (
        "the workload is scaled to 0 replicas during the check",
        "complete, with the note that nothing was verified; undetermined if its pods were failing before",
    ),
    (
        "the workload is deleted during the check",
        "undetermined, and the message says so: there is nothing left to judge",
    ),
    (
        "events that are lost, aggregated or expired",
        "not a cause: no success needs an event; if only events show a cause, it stays unnamed without them, and the pods stay unready",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_told_for_some_cause() {
        for finding in FindingCode::ALL {
            let causes = CATALOGUE.iter().flat_map(|(_, causes)| causes.iter());
            let told = causes.filter(|(_, codes)| codes.contains(finding)).count();
            assert!(told > 0, "{finding} stands for no cause");
        }
    }

    #[test]
    fn no_cause_is_told_twice_or_without_a_code() {
        let mut seen = std::collections::BTreeSet::new();
        for (cause, codes) in CATALOGUE.iter().flat_map(|(_, causes)| causes.iter()) {
            assert!(!codes.is_empty() && seen.insert(*cause), "{cause}");
        }
        for (cause, why) in WITHOUT_CODE {
            assert!(!why.is_empty() && seen.insert(*cause), "{cause}");
        }
    }
}
