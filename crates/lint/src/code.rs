//! The codes of findings: one table, from which the documentation is generated.

use std::fmt;

use crate::severity::Severity;

/// A row of the table.
struct Row {
    name: &'static str,
    practice: Option<u8>,
    severity: Severity,
    what: &'static str,
    fix: &'static str,
    source: &'static str,
}

macro_rules! codes {
    ($($(#[doc = $what:literal])+ $name:ident: $practice:expr, $severity:ident, $fix:literal, $source:literal;)+) => {
        /// A rule that a manifest can break. A published code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum LintCode {
            $($(#[doc = $what])+ $name,)+
        }

        impl LintCode {
            /// Every code, in the order of the practices.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$name => &Row {
                        name: stringify!($name),
                        practice: $practice,
                        severity: Severity::$severity,
                        what: concat!($($what),+),
                        fix: $fix,
                        source: $source,
                    },)+
                }
            }
        }
    };
}

codes! {
    /// A container runs as root: its effective `runAsUser` is 0, or a Windows container runs as `ContainerAdministrator`.
    RunsAsRoot: Some(1), Error,
        "set securityContext.runAsUser to a number above 0 and runAsNonRoot: true, and make the files that the application writes belong to that user",
        "Pod Security `runAsUser` (restricted, 1.23)";
    /// A container may run as root: nothing says that it must not, so the image decides.
    MayRunAsRoot: Some(1), Warning,
        "set securityContext.runAsNonRoot: true, and a numeric runAsUser if the image names its user by a word",
        "Pod Security `runAsNonRoot` (restricted)";
    /// A container is privileged: it has every capability and every device of the node.
    PrivilegedContainer: Some(2), Error,
        "remove privileged: true; grant the one capability or device that is needed",
        "Pod Security `privileged` (baseline)";
    /// A container may gain more privileges than its parent, for example by a setuid program: `allowPrivilegeEscalation` is not `false`, and its default is `true`.
    PrivilegeEscalation: Some(2), Warning,
        "set securityContext.allowPrivilegeEscalation: false",
        "Pod Security `allowPrivilegeEscalation` (restricted)";
    /// A Windows container runs as a process of the node.
    HostProcessContainer: Some(2), Error,
        "remove windowsOptions.hostProcess: true",
        "Pod Security `windowsHostProcess` (baseline)";
    /// A container sees all of `/proc`.
    UnmaskedProcMount: Some(2), Error,
        "remove procMount, or set it to Default",
        "Pod Security `procMount` (baseline)";
    /// A container adds a capability that Pod Security level `baseline` does not allow.
    DangerousCapability: Some(3), Error,
        "remove it from securityContext.capabilities.add; drop ALL and add only what is needed",
        "Pod Security `capabilities_baseline`";
    /// A container adds a capability.
    AddedCapability: Some(3), Warning,
        "remove it from securityContext.capabilities.add, and drop ALL; NET_BIND_SERVICE may be added when ALL is dropped",
        "Pod Security `capabilities_restricted` (1.22)";
    /// A capability is not written as Kubernetes does: Pod Security compares upper case without `CAP_`.
    CapabilityName: Some(3), Info,
        "write it in upper case and without CAP_, for example NET_BIND_SERVICE or ALL",
        "`check_capabilities_restricted.go`: exact comparison";
    /// A container does not drop all capabilities.
    CapabilitiesNotDropped: None, Warning,
        "set securityContext.capabilities.drop: [ALL]",
        "Pod Security `capabilities_restricted` (1.22)";
    /// A pod sets a kernel parameter that is not among the safe ones: the kubelet refuses it unless the node allows it.
    UnsafeSysctl: Some(4), Error,
        "remove it from securityContext.sysctls, or set it on the node",
        "Pod Security `sysctls` (baseline); kubelet `SysctlForbidden`";
    /// A safe kernel parameter is written with slashes, which Pod Security refuses.
    SysctlName: Some(4), Warning,
        "write the name with dots",
        "`check_sysctls.go`: comparison of the raw name";
    /// A pod mounts a folder or file of the node.
    HostPathVolume: Some(5), Error,
        "use an emptyDir, a ConfigMap, a Secret or a PersistentVolumeClaim",
        "Pod Security `hostPathVolumes` (baseline)";
    /// A pod mounts the socket of the container runtime, or a folder that holds it: it can start any container on the node.
    RuntimeSocket: Some(6), Error,
        "remove the volume; build images with a builder that needs no socket, read logs and metrics from the kubelet's API",
        "containerd, CRI-O, Docker and k3s sockets, and the named pipes of Windows";
    /// A pod uses the network of the node.
    HostNetwork: Some(7), Error,
        "remove hostNetwork: true, and reach the pod through a Service",
        "Pod Security `hostNamespaces` (baseline)";
    /// A pod shares the process or IPC namespace of the node.
    HostNamespace: Some(7), Error,
        "remove hostPID: true and hostIPC: true",
        "Pod Security `hostNamespaces` (baseline)";
    /// A container takes a port of the node.
    HostPort: Some(7), Error,
        "remove hostPort, and reach the pod through a Service",
        "Pod Security `hostPorts` (baseline)";
    /// A probe or lifecycle handler names a host: it asks something other than its pod.
    ProbeHost: None, Error,
        "remove host; the kubelet asks the pod's own address",
        "Pod Security `hostProbesAndHostLifecycle` (baseline, 1.34)";
    /// A container can write to its root filesystem.
    WritableRootFilesystem: Some(8), Warning,
        "set securityContext.readOnlyRootFilesystem: true, and mount an emptyDir where the application writes, such as /tmp",
        "field `readOnlyRootFilesystem`";
    /// A container requests no CPU or no memory: the scheduler cannot place it by its need, and it is evicted first.
    MissingRequest: Some(9), Warning,
        "set resources.requests for cpu and memory; where only limits are set, they count as requests",
        "field `resources.requests`; pod-level resources from 1.34";
    /// A container may use all memory of its node.
    MissingMemoryLimit: Some(9), Warning,
        "set resources.limits.memory",
        "field `resources.limits`; pod-level resources from 1.34";
    /// A container may use all CPU of its node. Some teams leave this limit out on purpose: set the severity to `off` then.
    MissingCpuLimit: Some(9), Warning,
        "set resources.limits.cpu",
        "field `resources.limits`; pod-level resources from 1.34";
    /// An amount of memory in thousandths of a byte is below 1 MiB: `512m` is half a byte, `512Mi` was meant.
    MemoryUnit: Some(9), Error,
        "write Mi or Gi: m means a thousandth",
        "apimachinery `resource.Quantity`";
    /// A limit is lower than the request: the API server refuses it.
    LimitBelowRequest: Some(9), Error,
        "raise the limit to at least the request",
        "API validation of `resources`";
    /// A container has no readiness probe: it gets requests before it can answer them, and a broken revision counts as available.
    MissingReadinessProbe: Some(10), Warning,
        "add a readinessProbe that asks what a request needs",
        "field `readinessProbe`";
    /// A container has no liveness probe: it stays as it is when it hangs.
    MissingLivenessProbe: Some(10), Warning,
        "add a livenessProbe that asks only what a restart can fix",
        "field `livenessProbe`";
    /// A probe names a port that its container does not declare: it never passes.
    ProbePortUnknown: None, Error,
        "declare the port under ports with this name, or write its number",
        "kubelet `prober.go`: the probe of an unknown port fails";
    /// The liveness probe kills a container before it can be ready.
    LivenessKillsStart: None, Error,
        "add a startupProbe that allows the whole start",
        "kubelet `prober/worker.go`";
    /// Liveness and readiness ask the same, equally patient: what should only take the pod out of the Service restarts it.
    SameProbe: None, Warning,
        "let the livenessProbe ask only what a restart can fix, or give it at least three times the patience",
        "Kubernetes documentation on probes";
    /// A liveness probe seems to ask for a dependency: when that fails, all pods restart at once.
    LivenessAsksDependency: None, Info,
        "let the livenessProbe ask only what a restart can fix; a dependency belongs into the readinessProbe",
        "path of the probe; a heuristic";
    /// A probe may take longer than its period, so that it is asked less often than it says.
    TimeoutLongerThanPeriod: None, Warning,
        "make timeoutSeconds at most periodSeconds",
        "kubelet `prober/worker.go`: one probe at a time";
    /// The time that the application needs to become ready, by its startup time: a check needs a longer timeout.
    NeedsTimeout: None, Info,
        "give the check a longer timeout",
        "arithmetic of the probes; annotation `rollguard.dev/startup-time`";
    /// An image has no tag, or the tag `latest`: another image may run after a restart, and a rollback does not bring the former one back.
    MutableImage: None, Warning,
        "name a version, or better a digest",
        "field `image`";
    /// The API version was removed: the API server does not know it.
    RemovedApiVersion: None, Error,
        "use the version that replaced it",
        "Kubernetes deprecated API migration guide";
    /// The API version is deprecated.
    DeprecatedApiVersion: None, Warning,
        "use the version that replaced it",
        "Kubernetes deprecated API migration guide";
    /// An AppArmor profile is neither the runtime's default nor one of the node's.
    AppArmorProfile: None, Error,
        "use the type RuntimeDefault or Localhost",
        "Pod Security `appArmorProfile` (baseline)";
    /// The `seLinuxOptions` name a type, user or role that is not allowed.
    SelinuxOptions: None, Error,
        "use a container type, and leave user and role empty",
        "Pod Security `seLinuxOptions` (baseline)";
    /// The seccomp profile is missing or switched off.
    SeccompProfile: None, Warning,
        "set securityContext.seccompProfile.type: RuntimeDefault on the pod",
        "Pod Security `seccompProfile_baseline`, `seccompProfile_restricted` (1.19)";
    /// A volume has a type that level `restricted` does not allow.
    RestrictedVolume: None, Warning,
        "use a PersistentVolumeClaim; configMap, csi, downwardAPI, emptyDir, ephemeral, image, projected and secret are allowed, too",
        "Pod Security `restrictedVolumes`";
    /// A label is reserved for AKS: its safeguards refuse the object.
    AksReservedLabel: None, Error,
        "remove the label",
        "AKS Deployment Safeguards, restricted labels";
    /// A StorageClass uses a provisioner of the tree: AKS's safeguards refuse it.
    AksInTreeStorage: None, Error,
        "use disk.csi.azure.com or file.csi.azure.com",
        "AKS Deployment Safeguards, CSI driver StorageClass";
    /// A manifest labels or taints a single node: AKS's safeguards refuse it.
    AksNodeEdit: None, Error,
        "label and taint the node pool with the Azure CLI",
        "AKS Deployment Safeguards, restricted node edits";
    /// Two Services of a namespace select the same pods: AKS's safeguards object.
    AksSameSelector: None, Warning,
        "give each Service a selector of its own",
        "AKS Deployment Safeguards, unique Service selectors";
    /// AKS sets or raises a request or limit: the pod that runs has another than the manifest says.
    AksMutatesResources: None, Info,
        "set at least 100m CPU and 100Mi memory, as request or as limit",
        "AKS Deployment Safeguards, resource requests mutator";
    /// AKS adds rules that spread the pods over nodes.
    AksAddsSpread: None, Info,
        "set podAntiAffinity or topologySpreadConstraints",
        "AKS Deployment Safeguards, anti-affinity and topology spread mutator";
    /// A field has a value that it does not take, by its type or its words: the API server refuses it.
    WrongType: None, Error,
        "write a value that the field takes; true, false and numbers stand without quotes, and in quotes where a string is expected, as in env",
        "decoding and validation of the API server";
    /// A workload or its pod template has a field that the API does not have: kubectl refuses the manifest, and what applies it otherwise drops the field.
    UnknownField: None, Warning,
        "correct the name or the place of the field, or remove it",
        "strict decoding of the API server (`fieldValidation: Strict`); the Go types of k8s.io/api";
    /// The selector of a workload asks for a label that its template does not have: the API server refuses it.
    SelectorMismatch: None, Error,
        "give the template the labels of the selector",
        "validation of `apps`: `selector` does not match template `labels`";
    /// A key stands twice in one mapping: all but the last one have no effect.
    DuplicateKey: None, Warning,
        "remove one of them",
        "`go.yaml.in/yaml/v2`, with which kubectl reads manifests";
    /// An exemption has no effect: it gives no reason, names an unknown code, or its date cannot be read.
    InvalidExemption: None, Error,
        "write `reason` or `reason; until 2027-12-31`, with the code of a finding in the annotation's name",
        "annotation `rollguard.dev/exempt-CODE`";
}

impl LintCode {
    /// Returns its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.as_str() == text)
    }

    /// Returns the number of its practice, 1 to 10, if it belongs to one.
    #[must_use]
    pub const fn practice(self) -> Option<u8> {
        self.row().practice
    }

    /// Returns its default severity.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.row().severity
    }

    /// Returns what it means, as one or more sentences.
    #[must_use]
    pub const fn what(self) -> &'static str {
        self.row().what.trim_ascii_start()
    }

    /// Returns the change that resolves it.
    #[must_use]
    pub const fn fix(self) -> &'static str {
        self.row().fix
    }

    /// Returns where the rule comes from.
    #[must_use]
    pub const fn source(self) -> &'static str {
        self.row().source
    }
}

impl fmt::Display for LintCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The ten practices, in their order.
pub const PRACTICES: [&str; 10] = [
    "non-root user",
    "no privileged containers and no privilege escalation",
    "no added capabilities",
    "no kernel parameters",
    "no hostPath",
    "no container-runtime socket",
    "no host network, host namespaces or host ports",
    "read-only root filesystem",
    "CPU and memory requests and limits",
    "liveness and readiness probes",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_practice_has_a_code_and_is_at_least_a_warning() {
        for practice in 1..=10 {
            let of_it = |it: &&LintCode| it.practice() == Some(practice);
            let heaviest = LintCode::ALL.iter().filter(of_it).map(|it| it.severity());
            assert!(heaviest.max() >= Some(Severity::Warning), "{practice}");
        }
    }

    #[test]
    fn a_code_is_read_by_its_name() {
        for code in LintCode::ALL {
            assert_eq!(LintCode::parse(code.as_str()), Some(*code));
        }
        assert_eq!(LintCode::parse("hostPathVolume"), None);
    }
}
