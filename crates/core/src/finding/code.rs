//! Every code: what it means, what it is read from, whether a rollback helps.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! finding_codes {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident {
            signals: $basis:ident = $signals:literal,
            rollback: $helps:ident = $why:literal,
        }
    )+) => {
        /// The stable name of a cause; `docs/findings.md` lists them all.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum FindingCode { $($(#[doc = $doc])+ $name,)+ }

        impl FindingCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it is written in reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Returns what the code means, in one sentence.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// The fields, events and conditions that it is read from, with the file upstream that
            /// writes them.
            #[must_use]
            pub const fn signals(self) -> &'static str {
                match self { $(Self::$name => $signals,)+ }
            }

            /// Returns what the knowledge of its signals rests on.
            #[must_use]
            pub const fn basis(self) -> Basis {
                match self { $(Self::$name => Basis::$basis,)+ }
            }

            /// Returns whether going back to the former revision helps with this cause.
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
    ImageNotFound {
        signals: Node = "container waiting `ErrImagePull` or `ImagePullBackOff` (kubelet `images/image_manager.go`) with `manifest unknown`, `name unknown`, or `failed to resolve` and `: not found` in its message; the event `Failed to pull image` counts the pulls",
        rollback: Yes = "the former revision names an image that could be pulled",
    }
    /// The image reference is malformed.
    InvalidImageName {
        signals: Node = "container waiting `InvalidImageName` (kubelet `images/image_manager.go`, `images/types.go`)",
        rollback: Yes = "the former revision's image name is well formed",
    }
    /// The registry refuses the node's credentials.
    ImagePullDenied {
        signals: Node = "container waiting `ErrImagePull` or `ImagePullBackOff` (kubelet `images/image_manager.go`) with the registry's refusal in its message (`401 Unauthorized`, `403 Forbidden`, `pull access denied`, `failed to authorize` …); the event `FailedToRetrieveImagePullSecret` (kubelet `kubelet_pods.go`) names a pull secret that is not there",
        rollback: Partly = "it helps if the former image is on the nodes or in another registry; wrong credentials affect its pods as well once they move",
    }
    /// The registry throttles, answers with errors, or cannot be reached.
    ImagePullFailing {
        signals: Node = "container waiting `ErrImagePull`, `ImagePullBackOff` (kubelet `images/image_manager.go`) or `RegistryUnavailable` (`cri-api` `pkg/errors/errors.go`) with throttling, an answer of 500 to 504, a name or an address that is not reached, or words not known in its message",
        rollback: No = "the registry or the network path to it fails, whatever the revision",
    }
    /// The node does not trust the registry's TLS certificate.
    RegistryNotTrusted {
        signals: Sources = "container waiting `ErrImagePull` or `ImagePullBackOff` (kubelet `images/image_manager.go`) with `x509:` or `failed to verify certificate` in its message",
        rollback: No = "the certificate or the nodes' trust is wrong, whatever the revision",
    }
    /// The image has no build for the node's platform.
    ImageWrongPlatform {
        signals: Sources = "container waiting `ErrImagePull` or `ImagePullBackOff` (kubelet `images/image_manager.go`) with containerd's `no match for platform` in its message",
        rollback: Yes = "the former revision's image ran on these nodes",
    }
    /// The pull policy is `Never` and the image is not on the node.
    ImageNeverPulled {
        signals: Node = "container waiting `ErrImageNeverPull` (kubelet `images/image_manager.go`, `images/types.go`)",
        rollback: Yes = "the former revision's image or pull policy could be satisfied",
    }
    /// The image's signature is not accepted.
    ImageSignatureRefused {
        signals: Sources = "container waiting `SignatureValidationFailed` (`cri-api` `pkg/errors/errors.go`), or that word in the message of a failed pull (kubelet `images/image_manager.go`)",
        rollback: Yes = "the former revision's image was accepted",
    }
    /// The container runtime cannot inspect an image that it has.
    ImageNotInspected {
        signals: Sources = "container waiting `ImageInspectError` (kubelet `images/image_manager.go`, `images/types.go`)",
        rollback: Partly = "it helps if the image itself is damaged; a broken node affects the former revision's pods as well",
    }
    /// The node's disk has no room for the image or the container.
    NodeDiskFull {
        signals: Documentation = "`no space left on device` in the message of a failed pull (kubelet `images/image_manager.go`), of waiting `CreateContainerError`, or of an instance that ended with `StartError`",
        rollback: No = "the node's disk is full, whatever the revision; at best the former image is already on it",
    }
    /// The image pull takes long.
    SlowPull {
        signals: Sources = "container waiting `ContainerCreating` or `PodInitializing`, and for 15s neither the event `Pulled` nor `Failed` after the event `Pulling` (kubelet `images/image_manager.go`)",
        rollback: No = "nothing has failed: the pull goes on",
    }
    /// The container repeatedly exits with an error.
    CrashAtStart {
        signals: Node = "the last instance in `state.terminated` or `lastState.terminated` with an exit code other than 0, and `restartCount` (kubelet `kuberuntime/kuberuntime_manager.go`); ends that the events of a probe or a hook explain do not count",
        rollback: Yes = "the former revision could start, unless what it depends on is gone",
    }
    /// The container repeatedly exits with an error after it was ready.
    CrashAfterReady {
        signals: Node = "as `CrashAtStart`, and the container has a readiness probe and was ready before it ended: its `ready` as followed, or the pod's `Ready` condition (kubelet `status/generate.go`)",
        rollback: Yes = "the former revision kept running, unless load or what it depends on has changed",
    }
    /// The container repeatedly exits with code 0.
    ExitsAtOnce {
        signals: Node = "the last instance in `state.terminated` or `lastState.terminated` with exit code 0, and `restartCount`; an init container that is done does not count",
        rollback: Yes = "the former revision kept running",
    }
    /// The container has ended, and its restart policy does not start it again.
    NotRestarted {
        signals: Sources = "container `state.terminated` that stays, and its own `restartPolicy` `Never`, or `OnFailure` with exit code 0 (`ContainerShouldRestart` in kubernetes `pkg/api/v1/pod/util.go`); also in a pod that ended as a whole",
        rollback: Yes = "the former revision kept running",
    }
    /// The container's command cannot be run.
    CommandNotRunnable {
        signals: Node = "the last instance ended with reason `StartError` (containerd) and runc's `exec … executable file not found`, `permission denied`, `no such file or directory` or `is a directory` in its message",
        rollback: Yes = "the former revision's command could be run",
    }
    /// The container's program is not built for the node's processor, or is a script without an interpreter line.
    ExecFormatError {
        signals: Node = "`exec format error` in the last instance's `terminated.message`, whatever its exit code (runc `init_linux.go`)",
        rollback: Yes = "the former revision's program ran on these nodes",
    }
    /// The container's postStart hook is still running, and the kubelet waits for it.
    PostStartHookRunning {
        signals: Sources = "event `Started` of a container with a postStart hook 5s ago, while its status still is `ContainerCreating` or `PodInitializing`, and no `FailedPostStartHook` after it (kubelet `kuberuntime/kuberuntime_container.go`, `startContainer`)",
        rollback: Partly = "it helps if the hook is new, or if it waits for something that the new revision lacks",
    }
    /// The container's postStart hook fails.
    PostStartHookFailing {
        signals: Node = "event `FailedPostStartHook` and container waiting `PostStartHookError` (kubelet `kuberuntime/kuberuntime_container.go`)",
        rollback: Yes = "the former revision's hook passed, or it had none",
    }
    /// The container is killed for using more memory than its limit.
    OutOfMemory {
        signals: Node = "the last instance ended with reason `OOMKilled` (set by containerd, told apart in kubelet `kuberuntime/helpers.go`)",
        rollback: Yes = "the former revision stayed within its limit, unless the load has grown since",
    }
    /// A ConfigMap or Secret that the pod references does not exist.
    ConfigObjectMissing {
        signals: Node = "container waiting `CreateContainerConfigError` (kubelet `kubelet_pods.go`, `makeEnvironmentVariables`) or event `FailedMount` (kubernetes `pkg/volume`) with `secret \"…\" not found` or `configmap \"…\" not found`",
        rollback: Partly = "it helps if the reference is new; if someone deleted the object, the former revision's pods break at their next start",
    }
    /// A ConfigMap or Secret lacks a key that the pod references.
    ConfigKeyMissing {
        signals: Node = "container waiting `CreateContainerConfigError` with `couldn't find key` (kubelet `kubelet_pods.go`), or event `FailedMount` with `references non-existent` (kubernetes `pkg/volume/secret`, `pkg/volume/configmap`); the kubelet's next look shows in the time of its event `Error: …`",
        rollback: Partly = "it helps if the reference is new; if someone removed the key, the former revision's pods break at their next start",
    }
    /// The pod must not run as root, but its image does.
    RunAsNonRootRefused {
        signals: Node = "container waiting `CreateContainerConfigError` with the words of `verifyRunAsNonRoot` (kubelet `kuberuntime/security_context_others.go`)",
        rollback: Yes = "the former revision's image and securityContext matched",
    }
    /// A volume's subPath cannot be prepared.
    SubPathNotPrepared {
        signals: Sources = "container waiting `CreateContainerConfigError` with `subPath` in one of the sentences of `makeMounts` (kubelet `kubelet_pods.go`), or `missing value for …` (kubelet `container/helpers.go`)",
        rollback: Partly = "it helps if the subPath is new; the volume's content is not rolled back",
    }
    /// The runtime refuses what the pod template asks of the container.
    ContainerSpecInvalid {
        signals: Sources = "container waiting `CreateContainerError` (kubelet `kuberuntime/kuberuntime_container.go`) with a message of containerd (`container_create.go`) that template and image alone decide: `no command specified`, `unknown capability`, a user or a group that the image lacks; `container init was OOM-killed` or another end of runc with a memory limit below 6Mi, also of the pod's sandbox; a mount that is `not a directory`; `argument list too long`",
        rollback: Yes = "the former revision's container could be created",
    }
    /// The container runtime cannot create the container.
    ContainerNotCreated {
        signals: Sources = "container waiting `CreateContainerError` or `CreateContainerConfigError` (kubelet `kuberuntime/kuberuntime_container.go`), or ended with `StartError`, in words that no other code knows; container waiting `PreCreateHookError` or `PreStartHookError`, the kubelet's own preparation (`internalLifecycle`)",
        rollback: Partly = "it helps if the pod template causes it; a broken node affects the former revision's pods as well",
    }
    /// An init container takes long.
    InitRunsLong {
        signals: Node = "`initContainerStatuses[].state.running` for 15s, in a container that is not a sidecar",
        rollback: Partly = "nothing has failed; a rollback stops the init container half-way, which is dangerous if it is migrating data",
    }
    /// A sidecar has not started, so the containers after it wait.
    SidecarNotStarted {
        signals: Sources = "`initContainerStatuses[]` of a container with `restartPolicy: Always`: running for 15s with `started: false` (kubelet `prober/prober_manager.go`)",
        rollback: Yes = "the former revision's sidecars started",
    }
    /// A volume cannot be mounted.
    VolumeNotMounted {
        signals: Sources = "the newest event `FailedMount` (kubelet `kubelet.go`, `volumemanager/volume_manager.go`), `FailedMapVolume` or `FailedAttachVolume` (kubernetes `pkg/volume/util/operationexecutor/operation_generator.go`), with no `Pulling`, `Pulled` or `Created` after it and every container waiting `ContainerCreating` or `PodInitializing`",
        rollback: Partly = "it helps if the volume is new, or if the new pod waits for a disk that the old one holds; broken storage stays broken",
    }
    /// A disk that only one node can use at a time is held by another pod of the workload.
    VolumeHeldElsewhere {
        signals: Sources = "event `FailedAttachVolume` with `already used by pod(s)` (attach-detach controller `reconciler/reconciler.go`, `reportMultiAttachError`) that names a pod of the same workload that will stay; or the scheduler's `ReadWriteOncePod access mode already in-use` (`volumerestrictions`) while a pod of a former revision uses the claim",
        rollback: Yes = "it removes the new pod, and the old one keeps the disk",
    }
    /// The secret store (Azure Key Vault) gives the pod nothing to mount.
    SecretStoreFailing {
        signals: Documentation = "event `FailedMount` with the words of the Secrets Store CSI driver or of its Azure Key Vault provider: `secrets store objects`, `SecretProviderClass`, `vault.azure.net`, and the status code in them",
        rollback: Partly = "it helps if the reference is new; a missing permission or secret affects the former revision's pods at their next start",
    }
    /// A file share refuses to be mounted.
    FileShareRefused {
        signals: Documentation = "event `FailedMount` with `mount error(13)` or `mount error(2)` (mount.cifs), or `access denied by server` (mount.nfs)",
        rollback: Partly = "it helps if the volume is new; a changed key or firewall affects the former revision's pods at their next start",
    }
    /// A resource quota leaves no room for the new pods, or for the new ReplicaSet.
    QuotaExceeded {
        signals: Node = "`exceeded quota: …` (apiserver `plugin/resourcequota/controller.go`) in the newest event `FailedCreate` of the new ReplicaSet while its condition `ReplicaFailure` is True (`replica_set_utils.go`; the condition keeps its first message, which is used if events cannot be seen), of a StatefulSet (`stateful_pod_control.go`) or of a DaemonSet (`daemon_controller.go`)",
        rollback: Partly = "it needs no quota for the new pods; pods that were scaled down may not fit again",
    }
    /// A resource quota demands requests or limits that the pod does not set.
    QuotaNeedsResources {
        signals: Node = "`failed quota: … must specify` (apiserver `plugin/resourcequota/controller.go`) where `QuotaExceeded` is read",
        rollback: Yes = "the former revision set them, unless the quota is new",
    }
    /// No quota of the namespace covers the pods, although one is required.
    QuotaDoesNotCover {
        signals: Sources = "`insufficient quota to …` (apiserver `plugin/resourcequota/controller.go`) where `QuotaExceeded` is read",
        rollback: Yes = "the former revision's pods were covered, unless the requirement is new",
    }
    /// The usage of a new resource quota is not known yet.
    QuotaStatusUnknown {
        signals: Sources = "`status unknown for quota: …` (apiserver `plugin/resourcequota/controller.go`) where `QuotaExceeded` is read",
        rollback: No = "the quota refuses the former revision's pods as well",
    }
    /// The pod's resources lie outside a LimitRange.
    LimitRangeViolated {
        signals: Node = "`… usage per …` or `max limit to request ratio per …` in a refusal (kubernetes `plugin/pkg/admission/limitranger/admission.go`), where `QuotaExceeded` is read; or an invalid pod whose request is above a limit that its template does not set (`validation.go`)",
        rollback: Yes = "the former revision's resources were within the limits, unless the LimitRange is new",
    }
    /// The pod's ServiceAccount does not exist.
    ServiceAccountMissing {
        signals: Node = "`serviceaccount \"…\" not found` (kubernetes `plugin/pkg/admission/serviceaccount/admission.go`) where `QuotaExceeded` is read",
        rollback: Partly = "it helps if the name is new; if someone deleted the ServiceAccount, the former revision's pods cannot be created either",
    }
    /// The pod uses a Secret that its ServiceAccount does not list.
    SecretNotAllowed {
        signals: Sources = "`… is not allowed because service account … does not reference that …` (kubernetes `plugin/pkg/admission/serviceaccount/admission.go`) where `QuotaExceeded` is read",
        rollback: Yes = "the former revision used listed secrets only, unless the list was shortened",
    }
    /// The pod's PriorityClass does not exist.
    PriorityClassMissing {
        signals: Node = "`no PriorityClass with name … was found` (kubernetes `plugin/pkg/admission/priority/admission.go`) where `QuotaExceeded` is read",
        rollback: Partly = "it helps if the name is new; if someone deleted the class, the former revision's pods cannot be created either",
    }
    /// The pod's RuntimeClass does not exist.
    RuntimeClassMissing {
        signals: Sources = "`RuntimeClass \"…\" not found` (kubernetes `plugin/pkg/admission/runtimeclass/admission.go`) where `QuotaExceeded` is read",
        rollback: Partly = "it helps if the name is new; if someone deleted the class, the former revision's pods cannot be created either",
    }
    /// The namespace's pod security level refuses the pod.
    PodSecurityViolated {
        signals: Node = "`violates PodSecurity \"…\": …` (`pod-security-admission` `admission/admission.go`) where `QuotaExceeded` is read",
        rollback: Partly = "it helps unless the namespace's level is stricter than when the former revision was created",
    }
    /// An admission webhook or policy refuses the pod.
    AdmissionDenied {
        signals: Node = "`admission webhook \"…\" denied the request` (apiserver `plugin/webhook/errors/statuserror.go`) or `ValidatingAdmissionPolicy '…' denied request` (apiserver `plugin/policy/validating/dispatcher.go`) where `QuotaExceeded` is read",
        rollback: Partly = "it helps unless the policy is newer than the former revision",
    }
    /// An admission webhook does not answer.
    WebhookUnavailable {
        signals: Node = "`failed calling webhook \"…\"` (apiserver `pkg/util/webhook/error.go`) where `QuotaExceeded` is read; or a policy's own `denied the request` that quotes a timeout, a lost connection or an answer of 502 to 504",
        rollback: No = "until the webhook answers, no pod can be created, including those of the former revision",
    }
    /// The namespace is being deleted.
    NamespaceTerminating {
        signals: Sources = "`unable to create new content in namespace … because it is being terminated` (apiserver `plugin/namespace/lifecycle/admission.go`) where `QuotaExceeded` is read",
        rollback: No = "nothing can be created in the namespace any more",
    }
    /// The API server rejects the pod as invalid.
    InvalidPod {
        signals: Sources = "`… \"…\" is invalid: …` (apimachinery `api/errors/errors.go`, `NewInvalid`) where `QuotaExceeded` is read",
        rollback: Yes = "the former revision's pods were valid, unless a mutating webhook has changed since",
    }
    /// The API server is too busy, or not ready, to create pods.
    ApiOverloaded {
        signals: Sources = "where `QuotaExceeded` is read: the transient errors of the API server (apimachinery `api/errors/errors.go`, apiserver `plugin/resourcequota/controller.go`), of etcd (`etcdserver: …`) and of the connection to them",
        rollback: No = "the control plane is busy, whatever the revision",
    }
    /// The workload's controller may not create pods.
    ControllerNotPermitted {
        signals: Sources = "`User \"…\" cannot create resource …` (apiserver `handlers/responsewriters/errors.go`) or `cannot set blockOwnerDeletion` (kubernetes `plugin/pkg/admission/gc/gc_admission.go`) where `QuotaExceeded` is read",
        rollback: No = "no pod can be created, including those of the former revision",
    }
    /// Pods cannot be created for another reason.
    PodCreationRefused {
        signals: Sources = "any other message where `QuotaExceeded` is read",
        rollback: Partly = "it helps if the pod template causes it",
    }
    /// The ReplicaSet of the new revision cannot be created.
    ReplicaSetNotCreated {
        signals: Sources = "the Deployment's condition `Progressing` or newest event with reason `ReplicaSetCreateError` (`deployment/sync.go`), while there is no new ReplicaSet; a refusal that another code names (a quota, a policy, a webhook) has that code",
        rollback: Yes = "the former revision's ReplicaSet already exists",
    }
    /// No node can take the pod.
    Unschedulable {
        signals: Node = "the pod's condition `PodScheduled` False with reason `Unschedulable` (kube-scheduler `schedule_one.go`, plugins under `framework/plugins`); the autoscalers' events `TriggeredScaleUp`, `NotTriggerScaleUp` and `Nominated` (from documentation) move the time",
        rollback: Partly = "it frees the resources that the new pods request, and adds none",
    }
    /// No node has the labels or tolerated taints that the pod asks for.
    NoNodeMatches {
        signals: Node = "as `Unschedulable`, where selector, node affinity and taints alone exclude all nodes (`framework/plugins/nodeaffinity`, `tainttoleration`); or a pod that the template binds to a node (`spec.nodeName`) and that no kubelet takes for 5s",
        rollback: Partly = "it helps if the selector or the tolerations are new; if the nodes changed, the former revision's pods will find none either once they move",
    }
    /// A PersistentVolumeClaim that the pod uses does not exist.
    ClaimMissing {
        signals: Node = "as `Unschedulable`, with `persistentvolumeclaim \"…\" not found` (`framework/plugins/volumebinding`)",
        rollback: Partly = "it helps if the reference is new; a claim that was deleted does not come back with a rollback",
    }
    /// A PersistentVolumeClaim that the pod uses is not bound to a volume.
    ClaimNotBound {
        signals: Node = "as `Unschedulable`, with `unbound immediate PersistentVolumeClaims`, a claim bound to a volume that is gone, or a claim that is being deleted (`framework/plugins/volumebinding`); `didn't find available persistent volumes to bind` (`volumebinding/binder.go`); event `ExternalProvisioning` of the claim, with no `ProvisioningSucceeded` after it, while the pod has no node (`persistentvolume/pv_controller.go`)",
        rollback: Partly = "it helps if the claim is new; a broken claim stays broken",
    }
    /// The storage driver cannot make a volume for a claim.
    ClaimNotProvisioned {
        signals: Node = "event `ProvisioningFailed` of a claim that the pod uses, with no `ProvisioningSucceeded` after it (`persistentvolume/pv_controller.go`; external-provisioner from reading its source), while the pod has no node",
        rollback: Partly = "it helps if the claim is new; the storage driver's problem stays",
    }
    /// The pod's volumes are where no free node is.
    VolumeExcludesNodes {
        signals: Sources = "as `Unschedulable`, with a volume's zone, node affinity or limit among the reasons, and no missing resource (`framework/plugins/volumebinding`, `volumezone`, `nodevolumelimits`)",
        rollback: Partly = "the old pod keeps its volume; no rollback adds a node where the volume is",
    }
    /// The pod waits for a scheduling gate to be lifted.
    SchedulingGated {
        signals: Sources = "the pod's condition `PodScheduled` False with reason `SchedulingGated`, and `spec.schedulingGates` (kubernetes `registry/core/pod/strategy.go`)",
        rollback: No = "nothing has failed: another controller holds the pod",
    }
    /// No scheduler reports on the pod: none seems to serve its `schedulerName`.
    SchedulerMissing {
        signals: Sources = "a pod without a node, without the condition `PodScheduled` and without any event for 5s, or for 30s if the default scheduler is named (kube-scheduler `eventhandlers.go`, `responsibleForPod`)",
        rollback: Partly = "it helps if `schedulerName` is new; a scheduler that is down places no pod of the former revision either",
    }
    /// The provider of a virtual node does not start the pod.
    NodeProviderFailing {
        signals: Documentation = "`status.reason` of a pod that has a node and is in phase Pending (virtual-kubelet `node/pod.go`)",
        rollback: Partly = "it helps if the new revision asks the provider for something else; the provider's problem stays",
    }
    /// The scheduler itself fails on the pod.
    SchedulerFailing {
        signals: Sources = "the pod's condition `PodScheduled` False with reason `SchedulerError` (kube-scheduler `schedule_one.go`)",
        rollback: No = "the scheduler or the storage driver fails, whatever the revision",
    }
    /// A pod is removed from outside: preempted, drained, or its node shut down.
    PodDisrupted {
        signals: Node = "the pod's condition `DisruptionTarget` True and its reason (kubernetes `registry/core/pod/storage/eviction.go`; kube-scheduler `framework/preemption/preemption.go` and kubelet `eviction/eviction_manager.go` from reading the sources)",
        rollback: No = "it is not this rollout's fault",
    }
    /// Pods are evicted for writing more than their own limit.
    EvictedForOwnLimit {
        signals: Node = "pod `status.reason` `Evicted`, or the event of this name if the application exited successfully, with `exceeded its local ephemeral storage limit`, `Usage of EmptyDir volume` or `usage exceeds the total limit` in its message (kubelet `eviction/helpers.go`)",
        rollback: Yes = "the former revision stayed within its limit, unless the load has grown since",
    }
    /// Nodes evict the pods because memory or disk is low.
    EvictedByNode {
        signals: Sources = "pod `status.reason` `Evicted`, or the event of this name if the application exited successfully, with any other message, such as `The node was low on resource` (kubelet `eviction/helpers.go`)",
        rollback: Partly = "it helps if the new revision uses more than the former revision; a full node stays full",
    }
    /// The kubelet rejects pods that were scheduled to its node.
    NodeTurnsPodAway {
        signals: Sources = "phase Failed with `status.reason` `OutOf…`, `NodeAffinity`, `NodePorts`, `UnexpectedAdmissionError`, `NodeShutdown` and similar reasons (kubelet `lifecycle/predicate.go`, `cm/admission/errors.go`, `nodeshutdown/nodeshutdown_manager.go`)",
        rollback: Partly = "it helps if the new revision requests more than the former revision; the node's problem stays",
    }
    /// The kubelet does not accept what the pod asks for (sysctl, AppArmor profile, operating system).
    NodeForbidsPod {
        signals: Sources = "phase Failed with `status.reason` `SysctlForbidden`, `AppArmor`, `PodOSNotSupported` and similar reasons (kubelet `sysctl/allowlist.go`, `lifecycle/handlers.go`, `lifecycle/predicate.go`)",
        rollback: Yes = "the former revision's pods were accepted",
    }
    /// The node of a pod no longer reports.
    NodeNotReady {
        signals: Sources = "event `NodeNotReady` of the pod, at the time at which its condition `Ready` turned False (`controller/util/node/controller_utils.go`)",
        rollback: No = "the node is lost, whatever the revision",
    }
    /// The node cannot create the pod's sandbox or its network.
    SandboxNotCreated {
        signals: Sources = "event `FailedCreatePodSandBox` (kubelet `kuberuntime/kuberuntime_manager.go`) or `NetworkNotReady` (kubelet `kubelet.go`), with no `Pulling`, `Pulled` or `Created` after it",
        rollback: No = "the node or its network plugin fails, whatever the revision",
    }
    /// No IP address is left for the pod.
    SubnetExhausted {
        signals: Documentation = "event `FailedCreatePodSandBox` with a network plugin's message that no address is free (Azure CNI, host-local)",
        rollback: Partly = "it frees the addresses that the new pods request, and adds none",
    }
    /// The node lacks the runtime handler of the pod's RuntimeClass.
    RuntimeHandlerMissing {
        signals: Sources = "event `FailedCreatePodSandBox` with containerd's `no runtime for \"…\" is configured`",
        rollback: Yes = "the former revision's runtime was there",
    }
    /// The node cannot prepare the devices that the pod claims.
    DeviceNotPrepared {
        signals: Sources = "event `FailedPrepareDynamicResources` (kubelet `kuberuntime/kuberuntime_manager.go`)",
        rollback: Partly = "it helps if the claim is new; a broken device driver stays broken",
    }
    /// The pod is on its node, but its containers are not created, and no event says why.
    StillCreating {
        signals: Sources = "the pod's condition `PodScheduled` for 20s, every container waiting `ContainerCreating` or `PodInitializing`, and no event of the pod except `Scheduled`",
        rollback: No = "nothing is known to have failed",
    }
    /// A terminating pod does not go away.
    OldPodsNotEnding {
        signals: Sources = "`metadata.deletionTimestamp`, which is the end of the grace period, and 1m more; 5s more where its containers have ended and `metadata.finalizers` keep it",
        rollback: No = "the pod is being deleted already, and a rollback does not end it",
    }
    /// The API server refuses to delete an old pod.
    DeletionRefused {
        signals: Sources = "event `FailedDelete` of a ReplicaSet or of the workload, with no `SuccessfulDelete` after it, while pods of a former revision exist (`controller/controller_utils.go`, `statefulset/stateful_pod_control.go`)",
        rollback: No = "a rollback deletes pods as well, and the policy refuses that too",
    }
    /// The rollout needs longer than the timeout although nothing fails.
    TimeoutTooShort {
        signals: Sources = "`spec.minReadySeconds` and the strategy, from which the earliest end follows (`deployment_util.go`, `ResolveFenceposts`); or a pod that is being deleted, that is waited for, and whose `metadata.deletionTimestamp`, the end of its grace period, comes after the timeout",
        rollback: No = "nothing has failed: the rollout needs more time",
    }
    /// The readiness probe keeps failing.
    ReadinessFailing {
        signals: Node = "container running with `started: true` and `ready: false`; event `Unhealthy`, `Readiness probe failed: …` (kubelet `prober/prober.go`), has the answer",
        rollback: Partly = "it helps if the application or its probe causes it, not if what it depends on is down",
    }
    /// A probe cannot be carried out: its port name or command does not exist.
    ProbeCannotRun {
        signals: Node = "a probe of the template that names a port which the container does not (kubernetes `pkg/probe/util.go`), or the event `Unhealthy`, `… probe errored …` (kubelet `prober/prober.go`), with a command that is not in the image (the latter known from reading the source)",
        rollback: Yes = "the former revision's probe could run",
    }
    /// The pod waits for a readiness gate that another controller opens.
    ReadinessGateClosed {
        signals: Sources = "the pod's condition `Ready` False with reason `ReadinessGatesNotReady` (kubelet `status/generate.go`), and the conditions that `spec.readinessGates` names",
        rollback: Partly = "it helps if the new revision answers the load balancer differently; a controller that is down opens none",
    }
    /// A probe counts as passed although it was redirected to another host.
    ProbeRedirected {
        signals: Sources = "event `ProbeWarning`, `… probe warning: Probe terminated redirects …` (kubelet `prober/prober.go`, kubernetes `pkg/probe/http/http.go`)",
        rollback: No = "nothing has failed",
    }
    /// The liveness probe kills the container before it has started.
    LivenessKillsStart {
        signals: Node = "event `Killing`, `Container … failed liveness probe` (kubelet `kuberuntime/kuberuntime_manager.go`); event `Unhealthy` has the answer",
        rollback: Yes = "the former revision started within its probe's time",
    }
    /// The liveness probe repeatedly kills the container after it was ready.
    LivenessKillsAgain {
        signals: Sources = "as `LivenessKillsStart`, and the container was ready before: its `ready` as followed, or the pod's `Ready` condition (kubelet `status/generate.go`); kills from before the session do not count",
        rollback: Yes = "the former revision answered its liveness probe at work, unless load or what it depends on has changed",
    }
    /// The startup probe gives up on the container.
    StartupProbeExhausted {
        signals: Node = "event `Killing`, `Container … failed startup probe` (kubelet `kuberuntime/kuberuntime_manager.go`); event `Unhealthy` has the answer",
        rollback: Yes = "the former revision started within its probe's time",
    }
    /// The container runs, but its startup probe has not passed yet.
    StillStarting {
        signals: Node = "container running for 15s with `started: false` and a startup probe; event `Unhealthy`, `Startup probe failed: …` (kubelet `prober/prober.go`), has the answer",
        rollback: No = "nothing has failed: the start goes on",
    }
    /// Pods are ready but do not answer over HTTP as expected.
    HttpCheckFailing {
        signals: Sources = "the pod's own answers, requested through the API server's pod proxy; never more than a suspect while no pod of the rollout has answered at all, not even with a refused connection: a NetworkPolicy looks the same",
        rollback: Yes = "the former revision answered, unless what it depends on has changed",
    }
    /// Pods are ready, but their Service does not answer over HTTP as expected.
    ServiceCheckFailing {
        signals: Sources = "the Service's answers, requested through the API server's Service proxy once for each new pod when no old one is left, and again until 8s later; never more than a suspect while nothing has answered at all",
        rollback: Partly = "it helps if the new pods answer otherwise; a Service has no revision",
    }
    /// The workload is paused: nothing will happen.
    Paused {
        signals: Node = "`spec.paused` of the Deployment, since its condition with reason `DeploymentPaused` (`deployment/sync.go`)",
        rollback: No = "a rollback of a paused workload is not rolled out either",
    }
    /// The Job's pods have failed more often than its `backoffLimit` allows.
    JobRetriesExhausted {
        signals: Node = "the Job's condition `FailureTarget` or `Failed` with reason `BackoffLimitExceeded` (`job/job_controller.go`); the container is that of its last pod that failed, or that restarted",
        rollback: No = "a Job has no revisions to go back to",
    }
    /// The Job ran for longer than its `activeDeadlineSeconds`.
    JobDeadlineExceeded {
        signals: Node = "the Job's condition `FailureTarget` or `Failed` with reason `DeadlineExceeded` (`job/job_controller.go`)",
        rollback: No = "a Job that takes too long has no revisions to go back to",
    }
    /// A rule of the Job's `podFailurePolicy` has ended it.
    JobPolicyFailed {
        signals: Sources = "the Job's condition `FailureTarget` or `Failed` with reason `PodFailurePolicy` (`job/pod_failure_policy.go`), whose message names the pod and the rule",
        rollback: No = "a Job that its own policy ends has no revisions to go back to",
    }
    /// An index of the Job has failed more often than it may.
    JobIndexFailed {
        signals: Sources = "`status.failedIndexes` of a Job without a successPolicy, or its condition `FailureTarget` or `Failed` with reason `FailedIndexes` or `MaxFailedIndexesExceeded` (`job/indexed_job_utils.go`)",
        rollback: No = "a Job of which an index fails has no revisions to go back to",
    }
    /// The Job has failed for a reason that no other code knows.
    JobFailed {
        signals: Sources = "the Job's condition `FailureTarget` or `Failed` with another reason, such as one that a controller named in `spec.managedBy` writes",
        rollback: No = "a Job that fails has no revisions to go back to",
    }
    /// A pod of the Job has failed, and the Job tries again.
    JobPodFailed {
        signals: Node = "a pod of the Job in phase `Failed`, or a container of it whose last instance ended with an exit code other than 0, while the Job has no condition that ends it (`job/backoff_utils.go`)",
        rollback: No = "a Job that tries again has no revisions to go back to",
    }
    /// The Job is suspended, or may run no pod: nothing will happen.
    JobSuspended {
        signals: Node = "`spec.suspend` of the Job, or `spec.parallelism` 0; never more than a suspect for a Job with the label `kueue.x-k8s.io/queue-name` or another controller in `spec.managedBy`",
        rollback: No = "a suspended Job has no revisions to go back to",
    }
    /// The update strategy is OnDelete: pods are replaced only when somebody deletes them.
    WaitsForDeletion {
        signals: Node = "`spec.updateStrategy.type` `OnDelete`, and pods of a former revision (`stateful_set_control.go`, `daemon_controller.go`)",
        rollback: No = "a rollback of an OnDelete workload waits for deletions as well",
    }
    /// A pod of a former revision is not ready, and the StatefulSet's controller waits for it before it
    /// replaces any.
    StatefulSetStuck {
        signals: Node = "an ordered StatefulSet, a former pod whose condition `Ready` is not True, and none terminating; terminal only while there is no new pod (`stateful_set_control.go`; kubernetes issue 67250)",
        rollback: Partly = "the controller waits for the same pod after a rollback; deleting it helps in either case",
    }
    /// A node was not ready before its new pod was created and still is not, so its pod of the DaemonSet cannot be updated.
    NodeNotUpdated {
        signals: Sources = "a Node's condition `Ready` not True since before its new pod was created, and the DaemonSet's pods on it (`daemon/update.go`)",
        rollback: No = "the node is down, whatever the revision",
    }
    /// The controller has not observed the newest spec for a while.
    ControllerLagging {
        signals: Sources = "`status.observedGeneration` behind `metadata.generation` for 1m; for 10s if no ControllerRevision holds the new template, because its refusal leaves no event (`stateful_set_control.go`, `daemon_controller.go`)",
        rollback: No = "the controller would not read the former spec either",
    }
    /// The Deployment's own progress deadline has passed.
    ProgressDeadlineExceeded {
        signals: Node = "the Deployment's condition with reason `ProgressDeadlineExceeded` (`deployment/progress.go`), written in this session and naming the new ReplicaSet",
        rollback: Partly = "it says that time has passed, not why",
    }
    /// No Service selects the new pods any more, and those that selected the former ones have no endpoint.
    ServiceSelectsNoPod {
        signals: Sources = "`spec.selector` of each Service matches the labels of the former template and not of the new one, no other Service leads to the new pods, and the EndpointSlices of these Services have no endpoint but those of pods that terminate (`endpointslice/reconciler.go`); not for pods with host ports, nor for a Service whose ports are named after metrics, nor while a Service that differs only in a label such as `version` or `color` has endpoints, the new pods have another value of it, and no Ingress leads to the Service without; the former template is that of the revision that served last and that Services lead to, the newest marked revision included, and after a rollback that of the revision that was rolled back",
        rollback: Yes = "the labels of the former revision are those that the Services select",
    }
    /// No Service leads to the new pods any more, because the ports that they name are not in the template.
    ServicePortMissing {
        signals: Sources = "`spec.ports[].targetPort` of each Service is a name that the former template has and the new one has not, or has with another protocol (`pkg/api/v1/pod/util.go`, `FindPort`), no other Service leads to the new pods, and the EndpointSlices of these Services have no endpoint that takes connections",
        rollback: Yes = "the former revision has the port that the Services name",
    }
    /// Every new pod refuses connections to the port that its Services lead to.
    NoPodListens {
        signals: Sources = "the API server's pod proxy answers for every new pod, up to ten, that the connection to the Service's target port was refused (`apimachinery/pkg/util/proxy/transport.go`), while a probe of the former template asks that port; only with a readiness probe of the container that declares the port, or of every container where none does, with no other port and no headless Service as a way in, and not after a rollback; nothing is tried while a NetworkPolicy isolates the pods, which may refuse in their place; never while a pod refuses the port of its readiness probe as well",
        rollback: Yes = "the former revision listened on the port that the Services lead to",
    }
    /// Every new pod refuses connections to a port that a Service leads to.
    PortNotListening {
        signals: Sources = "as `NoPodListens`, where nothing shows that the former revision listened there, such as for a first revision or after a rollback, another port or a headless Service may be a way in, NetworkPolicies may not be listed, or no readiness probe shows that the application has started",
        rollback: Partly = "it helps if the former revision listened there",
    }
    /// A Service that led to the former pods does not lead to the new ones, while others do.
    ServiceLeftBehind {
        signals: Sources = "`spec.selector` and `spec.ports` of the Service, against the labels and the container ports of both templates",
        rollback: Partly = "it helps if users need that Service; it may be meant for the former version",
    }
    /// A Service of other pods selects the new pods as well, which it did not select before.
    ServiceMixesWorkloads {
        signals: Sources = "`spec.selector` matches the labels of the new template and not of the former one, and the EndpointSlices name pods that are not of this workload",
        rollback: Partly = "it helps if the pods were not meant to share the Service",
    }
    /// Pods are ready and a Service selects them, but none is among its ready endpoints.
    EndpointsNotReady {
        signals: Sources = "the Service leads to the new template, pods have been ready for 8s, and its EndpointSlices have no endpoint that takes connections (`endpointslice/endpointslice_controller.go`)",
        rollback: No = "the controller that writes the endpoints is behind, whatever the revision",
    }
    /// An Ingress that leads to the workload names a Service or a port that does not exist.
    IngressBackendMissing {
        signals: Sources = "`spec.rules[].http.paths[].backend.service` and `spec.defaultBackend` of the Ingress, against the Services of the namespace",
        rollback: No = "an Ingress and its Services are not part of the workload's revisions",
    }
    /// An Ingress that leads to the workload has a class that does not exist, or none.
    IngressClassMissing {
        signals: Sources = "`spec.ingressClassName` of the Ingress, against the IngressClasses of the cluster and the annotation `ingressclass.kubernetes.io/is-default-class`; not with the annotation `kubernetes.io/ingress.class`",
        rollback: No = "an Ingress and its class are not part of the workload's revisions",
    }
    /// An Ingress that leads to the workload takes its certificate from a Secret that does not exist.
    IngressSecretMissing {
        signals: Sources = "`spec.tls[].secretName` of the Ingress, asked for by name, up to five, and only for their metadata; not where Secrets may not be read",
        rollback: No = "an Ingress and its certificate are not part of the workload's revisions",
    }
    /// No Gateway accepts an HTTPRoute that leads to the workload, or one does not find its backends.
    RouteNotAccepted {
        signals: Sources = "the conditions `Accepted` and `ResolvedRefs` in `status.parents` of the HTTPRoute, for its present generation (`gateway-api/apis/v1/shared_types.go`); `Accepted` only if no parent has accepted it; a backend of this namespace that is not found stands in `RouteBackendMissing`",
        rollback: No = "an HTTPRoute and its Gateway are not part of the workload's revisions",
    }
    /// An HTTPRoute that leads to the workload names a Service or a port that does not exist.
    RouteBackendMissing {
        signals: Sources = "`spec.rules[].backendRefs` of the HTTPRoute without a weight of 0, against the Services of the namespace",
        rollback: No = "an HTTPRoute and its Services are not part of the workload's revisions",
    }
    /// A Service of type LoadBalancer that leads to the workload has no address.
    LoadBalancerPending {
        signals: Sources = "`status.loadBalancer.ingress` of the Service is empty, and a warning about the Service is in the namespace, such as `SyncLoadBalancerFailed` (`cloud-provider/controllers/service/controller.go`), or the Service is older than 3m",
        rollback: No = "a Service has no revision",
    }
    /// No new pod answers the health probe of a load balancer.
    HealthProbeFailing {
        signals: Sources = "the annotation `service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path` of a Service of type LoadBalancer whose probe uses HTTP, and every new pod's answer to that path, through the API server's pod proxy, is not 200; not with `externalTrafficPolicy: Local`, nor while a NetworkPolicy isolates the pods",
        rollback: Partly = "it helps if the former revision answered that path",
    }
    /// NetworkPolicies admit nothing to the new pods, and admitted something to the former ones.
    TrafficDenied {
        signals: Sources = "`spec.podSelector` of NetworkPolicies with ingress rules, against the labels of both templates; a rule for whichever peers counts as admitting",
        rollback: Partly = "it takes back the labels that the policies admitted, where the network plugin enforces them",
    }
    /// NetworkPolicies deny the new pods all egress, or DNS, and did not deny it to the former ones.
    EgressDenied {
        signals: Sources = "`spec.podSelector` of NetworkPolicies with policy type `Egress`, and the ports of their rules, against the labels of both templates",
        rollback: Partly = "it takes back the labels that the policies allowed, where the network plugin enforces them",
    }
    /// A value that the new revision changed names a Service that does not exist, lacks the port or has no endpoint.
    DependencyNotServed {
        signals: Sources = "changed values of `env`, `command`, `args` and of the probes' hosts that name a Service of the namespace: `name`, `name:port`, `name.namespace.svc`",
        rollback: Partly = "it takes the changed value back; what the former revision used may be gone",
    }
    /// A HorizontalPodAutoscaler measures by requests that the new template does not make.
    AutoscalerCannotAct {
        signals: Sources = "`spec.metrics[].resource` with target `Utilization`, and a container of the new template without that request, which the former one made (`podautoscaler/replica_calculator.go`)",
        rollback: Yes = "the former revision makes the requests",
    }
    /// The new revision changes how its pods look up names.
    DnsChanged {
        signals: Sources = "`spec.dnsPolicy` and `spec.dnsConfig` of both templates",
        rollback: Partly = "it takes the change back, which may be intended",
    }
    /// The workload has zero replicas: nothing was verified.
    NothingToVerify {
        signals: Sources = "`spec.replicas` 0, a StatefulSet's partition at or above its replicas, or a DaemonSet's `status.desiredNumberScheduled` 0",
        rollback: No = "nothing has failed",
    }
}

impl FindingCode {
    /// Returns whether users do not reach pods that are ready and stable.
    #[must_use]
    pub const fn keeps_users_away(self) -> bool {
        matches!(
            self,
            Self::ServiceSelectsNoPod | Self::ServicePortMissing | Self::NoPodListens
        )
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The source of the knowledge about a code's signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// They were seen as a real node and a real control plane send them.
    Node,
    /// The source of the program that writes them was read.
    Sources,
    /// They are documented or reported, and neither seen nor read in the source.
    Documentation,
}

/// The effect of a rollback of the workload on a cause (rollback facts, section 3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum RollbackHelps {
    /// The cause came with the new revision.
    Yes,
    /// It is outside the workload; the former revision would suffer as well.
    No,
    /// It depends on what changed.
    Partly,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_says_what_it_alone_is_read_from() {
        let mut known = BTreeSet::new();
        for &code in FindingCode::ALL {
            let signals = code.signals();
            assert!(!signals.is_empty() && !signals.ends_with('.'), "{code}");
            assert!(known.insert(signals), "{code}: as another code");
        }
    }

    #[test]
    fn a_word_of_a_program_in_the_signals_is_closed_again() {
        for &code in FindingCode::ALL {
            let marks = code.signals().matches('`').count();
            assert_eq!(marks % 2, 0, "{code}: {}", code.signals());
        }
    }
}
