//! Each code's usual remedy, and where to look. A finding's own remedy knows more: it names the objects.

use super::FindingCode;

/// Where a person looks next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// At the pod with its events.
    Pod,
    /// At the log of the instance that ended.
    Log,
    /// At the log of the instance that is there.
    CurrentLog,
    /// At the workload with its conditions and events.
    Workload,
    /// At the namespace: quotas, limits, labels.
    Namespace,
    /// At the nodes.
    Nodes,
    /// At claims and volumes.
    Volumes,
    /// At the webhooks and policies of the cluster.
    Admission,
    /// At the Services and their endpoints.
    Services,
    /// At the Ingresses.
    Ingresses,
    /// At the HTTPRoutes.
    Routes,
    /// At the Services with their events.
    LoadBalancers,
    /// At the NetworkPolicies.
    Policies,
    /// At the HorizontalPodAutoscalers.
    Autoscalers,
}

impl Look {
    /// The command, with capitals where names go.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Pod => "kubectl describe pod POD -n NAMESPACE",
            Self::Log => "kubectl logs POD -c CONTAINER --previous -n NAMESPACE",
            Self::CurrentLog => "kubectl logs POD -c CONTAINER -n NAMESPACE",
            Self::Workload => "kubectl describe TYPE/NAME -n NAMESPACE",
            Self::Namespace => "kubectl describe namespace NAMESPACE",
            Self::Nodes => "kubectl describe nodes",
            Self::Volumes => "kubectl describe pvc -n NAMESPACE",
            Self::Services => "kubectl get services,endpointslices -o wide -n NAMESPACE",
            Self::Ingresses => "kubectl describe ingress -n NAMESPACE",
            Self::Routes => "kubectl describe httproute -n NAMESPACE",
            Self::LoadBalancers => "kubectl describe services -n NAMESPACE",
            Self::Policies => "kubectl describe networkpolicy -n NAMESPACE",
            Self::Autoscalers => "kubectl describe hpa -n NAMESPACE",
            Self::Admission => {
                "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations,validatingadmissionpolicies"
            }
        }
    }
}

macro_rules! remedies {
    ($($($name:ident)|+ => $look:ident, $remedy:literal;)+) => {
        impl FindingCode {
            /// Returns what usually helps.
            #[must_use]
            pub const fn usual_remedy(self) -> &'static str {
                match self { $($(Self::$name)|+ => $remedy,)+ }
            }

            /// Returns where to look next.
            #[must_use]
            pub const fn look(self) -> Look {
                match self { $($(Self::$name)|+ => Look::$look,)+ }
            }
        }
    };
}

remedies! {
    ImageNotFound => Pod, "push the image, or correct repository and tag in the pod template";
    InvalidImageName => Pod, "correct the image reference; an unreplaced token such as `#{tag}#` is the usual reason";
    ImagePullDenied => Pod, "grant the cluster's identity AcrPull on the registry (`az aks update --attach-acr`), or correct the pull secret";
    ImagePullFailing => Pod, "look at the registry's status and limits, and at DNS, proxy and egress of the nodes";
    RegistryNotTrusted => Nodes, "renew the registry's certificate, or add its authority to the nodes";
    ImageWrongPlatform => Pod, "build the image for the nodes' platform, or select nodes that it is built for";
    ImageNeverPulled => Pod, "use the pull policy IfNotPresent, or load the image onto the nodes";
    ImageSignatureRefused => Pod, "sign the image, or correct the nodes' signature policy";
    ImageNotInspected => Nodes, "look at the container runtime of the node; another node may have no problem";
    NodeDiskFull => Nodes, "free or enlarge the node's disk, and limit ephemeral storage in the pod template";
    SlowPull => Pod, "wait; a smaller image, or a registry in the same region, makes it faster";
    CrashAtStart | CrashAfterReady => Log, "read the last log lines; compare settings and dependencies with the former revision";
    ExitsAtOnce => Log, "let the container's program run in the foreground, or use a Job for work that ends";
    NotRestarted => CurrentLog, "let the container's program run in the foreground, or use a Job for work that ends";
    CommandNotRunnable => Pod, "correct `command` or the image's entry point: path, permission, interpreter";
    ExecFormatError => Pod, "build the program for the nodes' processor; begin a script with `#!`";
    PostStartHookRunning => Pod, "wait; a hook that never ends keeps the container from being ready";
    PostStartHookFailing => Log, "correct the postStart hook; the container is killed as often as it fails";
    OutOfMemory => Log, "raise the memory limit, or let the application use less";
    ConfigObjectMissing => Pod, "create the ConfigMap or Secret in this namespace, or correct its name in the pod template";
    ConfigKeyMissing => Pod, "add the key, or correct its name in the pod template";
    RunAsNonRootRefused => Pod, "set `runAsUser`, or build the image with a numeric user other than 0";
    SubPathNotPrepared => Pod, "correct `subPath` or `subPathExpr`, and what the volume holds";
    ContainerSpecInvalid => Pod, "correct what the runtime refuses: the message quotes it";
    ContainerNotCreated => Nodes, "read the runtime's message; if other pods fail on the same node, cordon it";
    InitRunsLong => CurrentLog, "read the init container's log: it waits for something, or it works";
    SidecarNotStarted => CurrentLog, "read the sidecar's log; the containers after it wait for its startup probe";
    VolumeNotMounted => Volumes, "read the event's message: it names what the volume lacks";
    VolumeHeldElsewhere => Volumes, "use a volume that several nodes may attach, or the strategy Recreate, with an outage at each deployment";
    SecretStoreFailing => Pod, "correct the SecretProviderClass, and the identity's access to the vault";
    FileShareRefused => Volumes, "grant the cluster's identity access to the storage account and its network";
    QuotaExceeded => Namespace, "raise the quota, lower the requests, or set maxSurge to 0 and maxUnavailable to 1, which takes a serving pod away first";
    QuotaNeedsResources => Namespace, "set the requests and limits that the quota counts";
    QuotaDoesNotCover => Namespace, "add a quota for this priority class, or use another class";
    QuotaStatusUnknown => Namespace, "wait for the quota to be counted; look at kube-controller-manager if it is not";
    LimitRangeViolated => Namespace, "set requests and limits within the LimitRange";
    ServiceAccountMissing => Namespace, "create the ServiceAccount, or correct its name in the pod template";
    SecretNotAllowed => Namespace, "list the Secret in the ServiceAccount, or turn off its restriction to listed Secrets";
    PriorityClassMissing => Workload, "create the PriorityClass, or correct its name in the pod template";
    RuntimeClassMissing => Workload, "create the RuntimeClass, or correct its name in the pod template";
    PodSecurityViolated => Namespace, "correct the securityContext: the message lists what the level forbids";
    AdmissionDenied => Admission, "correct what the policy denies, or exempt the workload";
    WebhookUnavailable => Admission, "repair the webhook's Service and pods; `failurePolicy: Fail` blocks all pods while it is down";
    NamespaceTerminating => Namespace, "deploy into another namespace: this one is being deleted";
    InvalidPod | PodCreationRefused => Workload, "correct the pod template: the message quotes the field";
    ApiOverloaded => Workload, "wait; look at the control plane's load and at priority and fairness";
    ControllerNotPermitted => Workload, "restore the permissions of the controller's ServiceAccount in kube-system";
    ReplicaSetNotCreated => Workload, "correct what refuses the ReplicaSet: a quota on ReplicaSets or a policy";
    Unschedulable => Nodes, "add nodes, lower the requests, or let the autoscaler add some";
    NoNodeMatches => Nodes, "correct node selector, affinity or tolerations; no node has what they ask for";
    ClaimMissing => Volumes, "create the PersistentVolumeClaim, or correct its name in the pod template";
    ClaimNotBound => Volumes, "create a PersistentVolume that matches the claim, or correct its class";
    ClaimNotProvisioned => Volumes, "read the provisioner's message: quota, zone, class or permission";
    VolumeExcludesNodes => Volumes, "let pods and volume be in the same zone; a disk cannot follow a pod into another";
    SchedulingGated => Pod, "let the controller that set the scheduling gate remove it";
    SchedulerMissing => Pod, "correct `schedulerName`, or start that scheduler";
    NodeProviderFailing => Pod, "read the provider's message: quota, region, image or subnet of the virtual node";
    SchedulerFailing => Nodes, "wait; look at the scheduler's log if it lasts";
    PodDisrupted => Pod, "wait for the controller's new pod; look at who deletes or evicts pods";
    EvictedForOwnLimit => Pod, "raise the limit of ephemeral storage or of the emptyDir, or write less";
    EvictedByNode => Nodes, "lower what the pods use beyond their requests, or add nodes";
    NodeTurnsPodAway => Nodes, "read the kubelet's message: the node has less than the scheduler believes";
    NodeForbidsPod => Nodes, "correct the pod template, or use nodes that allow it";
    NodeNotReady => Nodes, "look at the node; pods of a Deployment move once it has been away for some minutes";
    SandboxNotCreated => Nodes, "look at the network plug-in and the runtime of the node";
    SubnetExhausted => Nodes, "enlarge the subnet, lower maxPods, or use overlay networking";
    RuntimeHandlerMissing => Nodes, "use nodes that have this runtime handler, or another RuntimeClass";
    DeviceNotPrepared => Nodes, "look at the device plug-in of the node";
    StillCreating => Pod, "wait; the kubelet reports nothing but that it works";
    OldPodsNotEnding => Pod, "wait until the grace period is over; look for finalizers and preStop hooks";
    DeletionRefused => Admission, "correct the policy or the webhook that denies the deletion";
    TimeoutTooShort => Workload, "raise the timeout to what the sentence names";
    ReadinessFailing => Pod, "compare port, path and command of the readiness probe with what the application serves, and look at what it depends on";
    ProbeCannotRun => Pod, "correct the probe: it names a port or a command that the container does not have";
    ReadinessGateClosed => Pod, "let the controller behind the readiness gate set its condition";
    ProbeRedirected => Pod, "let the probe ask a path that answers itself: a redirect to another host counts as success";
    LivenessKillsStart => Pod, "add a startupProbe, or raise initialDelaySeconds: the liveness probe kills before the application has started";
    LivenessKillsAgain => Pod, "let the liveness probe test only what a restart can fix";
    StartupProbeExhausted => Pod, "raise failureThreshold × periodSeconds of the startupProbe above the time that the application needs";
    StillStarting => Pod, "wait until the startup probe's time is over";
    HttpCheckFailing => Pod, "ask the pod yourself with `kubectl port-forward`, and compare path, port and answer";
    ServiceCheckFailing => Services, "compare the ports, the selector and the endpoints of the Service with the pods";
    Paused => Workload, "kubectl rollout resume TYPE/NAME";
    JobRetriesExhausted => Log, "read the last log lines, correct the cause, and create the Job again: a Job that has failed is not started again";
    JobDeadlineExceeded => Workload, "raise activeDeadlineSeconds, or make the work shorter; then create the Job again";
    JobPolicyFailed => Log, "read the last log lines and the rule of podFailurePolicy that the message names; then create the Job again";
    JobIndexFailed => Log, "read the last log lines of the index's pod, correct the cause, and create the Job again";
    JobFailed => Workload, "read the condition's message, correct the cause, and create the Job again";
    JobPodFailed => Log, "read the last log lines; the Job tries again";
    JobSuspended => Workload, "resume it: kubectl patch TYPE/NAME -p '{\"spec\":{\"suspend\":false}}'";
    WaitsForDeletion => Workload, "delete the pods yourself, one at a time: with the strategy OnDelete nothing else replaces them";
    StatefulSetStuck => Workload, "delete the stuck pod: an ordered StatefulSet does not replace it by itself (kubernetes/kubernetes#67250)";
    NodeNotUpdated => Nodes, "look at the nodes on which the DaemonSet's pod is old or missing";
    ControllerLagging => Workload, "wait; look at kube-controller-manager if it lasts";
    ProgressDeadlineExceeded => Workload, "look at the pods: Kubernetes says only that nothing moved for `progressDeadlineSeconds`";
    ServiceSelectsNoPod => Services, "give the pod template the labels that the Service selects, or let the Service select what the new pods have";
    ServicePortMissing => Services, "name the container's port as the Service's targetPort does, with the same protocol, or correct the targetPort";
    NoPodListens => Services, "let the application listen on the Service's target port at the pod's address, or correct the targetPort";
    PortNotListening => Services, "let the application listen on the Service's target port at the pod's address, or correct the targetPort";
    ServiceLeftBehind => Services, "if users still need the Service, let its selector and its targetPort fit the new pod template; otherwise delete it";
    ServiceMixesWorkloads => Services, "if the pods should not share the Service, give it a selector that matches only one workload's labels";
    EndpointsNotReady => Services, "look at the EndpointSlices of the Service, and at the log of the kube-controller-manager that writes them";
    IngressBackendMissing => Ingresses, "create the Service or the port that the Ingress names, or correct the Ingress";
    IngressClassMissing => Ingresses, "name an IngressClass that exists (`kubectl get ingressclass`), or install the controller that brings it";
    IngressSecretMissing => Ingresses, "create the Secret with the certificate, or let cert-manager do so, or correct `spec.tls` of the Ingress";
    RouteNotAccepted => Routes, "correct the HTTPRoute as the condition says: its parentRefs, its hostnames, its backendRefs; a backend in another namespace needs a ReferenceGrant";
    RouteBackendMissing => Routes, "create the Service or the port that the HTTPRoute names, or correct the HTTPRoute";
    LoadBalancerPending => LoadBalancers, "look at the events of the Service: the cloud says there why it gives no load balancer";
    HealthProbeFailing => LoadBalancers, "answer the path of the health probe with 200, or correct the annotation of the Service";
    TrafficDenied => Policies, "admit traffic to the labels of the new pods in a NetworkPolicy, or restore the labels";
    EgressDenied => Policies, "allow the labels of the new pods what they send, DNS (port 53) included, in a NetworkPolicy, or restore the labels";
    DependencyNotServed => Services, "correct the name or the port, or bring up the Service that the new revision names";
    AutoscalerCannotAct => Autoscalers, "set the request in every container of the pod template, or measure another metric";
    DnsChanged => Workload, "if the pods look up names of Services, keep dnsPolicy `ClusterFirst` (with hostNetwork `ClusterFirstWithHostNet`)";
    NothingToVerify => Workload, "scale the workload up, or check it when it runs";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_one_clause_without_a_full_stop() {
        for code in FindingCode::ALL {
            let remedy = code.usual_remedy();
            assert!(remedy.len() > 15, "{code}: {remedy}");
            assert!(!remedy.ends_with('.'), "{code}: {remedy}");
        }
    }
}
