//! Levels; the fixtures of Pod Security admission are compared in `it/lint.rs` of the tests.

use std::collections::BTreeSet;

use super::{deployment, report, rules};
use crate::level::{KubernetesVersion, Level};
use crate::severity::Severity;

fn found(text: &str, levels: &[Level], minor: u32) -> Vec<String> {
    let mut rules = rules();
    rules.levels = levels.iter().copied().collect::<BTreeSet<_>>();
    rules.version = KubernetesVersion::minor(minor);
    let report = report(&[text], &rules);
    assert!(
        report
            .findings()
            .all(|it| it.severity == Severity::Error || levels.contains(&Level::Practices))
    );
    report.findings().map(|it| it.code.to_string()).collect()
}

/// A row: what it says, the pod's and the container's fields, the levels, the minor version, and the codes.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [Level],
    u32,
    &'static [&'static str],
);

#[test]
fn a_level_has_the_checks_of_pod_security_and_no_others() {
    use Level::{Baseline, Practices, Restricted};
    let host = "ports: [{name: http, containerPort: 8080}], livenessProbe: {httpGet: {path: /, port: 1, host: example.org}}";
    let unmasked = "securityContext: {<<: *secure, procMount: Unmasked}";
    let rows: &[Row] = &[
        (
            "a practice is not a check",
            "",
            "resources: null, livenessProbe: null, image: x",
            &[Restricted],
            37,
            &[],
        ),
        (
            "of baseline, refused by restricted",
            "hostPID: true,",
            "",
            &[Restricted],
            37,
            &["HostNamespace"],
        ),
        (
            "of restricted, allowed by baseline",
            "",
            "securityContext: null",
            &[Baseline],
            37,
            &[],
        ),
        (
            "of restricted",
            "",
            "securityContext: null",
            &[Restricted],
            37,
            &[
                "MayRunAsRoot",
                "PrivilegeEscalation",
                "CapabilitiesNotDropped",
                "SeccompProfile",
            ],
        ),
        (
            "one finding where restricted replaces a check of baseline",
            "volumes: [{name: v, hostPath: {path: /x}}],",
            "",
            &[Restricted],
            37,
            &["HostPathVolume"],
        ),
        (
            "the check of baseline",
            "volumes: [{name: v, hostPath: {path: /x}}],",
            "",
            &[Baseline],
            37,
            &["HostPathVolume"],
        ),
        (
            "another volume",
            "volumes: [{name: v, nfs: {server: s, path: /}}],",
            "",
            &[Restricted],
            37,
            &["RestrictedVolume"],
        ),
        (
            "a volume without a type becomes an emptyDir",
            "volumes: [{name: v, hostPath: null}],",
            "",
            &[Restricted],
            37,
            &[],
        ),
        (
            "hosts of probes from 1.34",
            "",
            host,
            &[Baseline],
            34,
            &["ProbeHost"],
        ),
        ("and not before", "", host, &[Baseline], 33, &[]),
        (
            "a user namespace from 1.35",
            "hostUsers: false,",
            unmasked,
            &[Baseline],
            35,
            &[],
        ),
        (
            "and not before",
            "hostUsers: false,",
            unmasked,
            &[Baseline],
            34,
            &["UnmaskedProcMount"],
        ),
        (
            "never at restricted",
            "hostUsers: false,",
            unmasked,
            &[Restricted],
            35,
            &["UnmaskedProcMount"],
        ),
        (
            "root in a user namespace from 1.35",
            "hostUsers: false,",
            "securityContext: {<<: *secure, runAsUser: 0, runAsNonRoot: null}",
            &[Restricted],
            35,
            &[],
        ),
        (
            "and not before",
            "hostUsers: false,",
            "securityContext: {<<: *secure, runAsUser: 0, runAsNonRoot: null}",
            &[Restricted],
            34,
            &["MayRunAsRoot", "RunsAsRoot"],
        ),
        (
            "lower case drops nothing",
            "",
            "securityContext: {<<: *secure, capabilities: {drop: [all]}}",
            &[Restricted],
            37,
            &["CapabilitiesNotDropped"],
        ),
        (
            "a raw name with slashes is refused",
            "securityContext: {sysctls: [{name: net/ipv4/tcp_syncookies, value: '1'}]},",
            "",
            &[Baseline],
            37,
            &["SysctlName"],
        ),
        (
            "an unsafe one with slashes is unsafe",
            "securityContext: {sysctls: [{name: net/core/somaxconn, value: '1'}]},",
            "",
            &[Baseline],
            37,
            &["UnsafeSysctl"],
        ),
        (
            "the name of a capability is refused for its spelling",
            "",
            "securityContext: {<<: *secure, capabilities: {add: [chown], drop: [ALL]}}",
            &[Baseline],
            37,
            &["CapabilityName"],
        ),
        (
            "and so is the one that restricted allows",
            "",
            "securityContext: {<<: *secure, capabilities: {add: [net_bind_service], drop: [ALL]}}",
            &[Restricted],
            37,
            &["CapabilityName"],
        ),
        (
            "one that is dangerous is dangerous",
            "",
            "securityContext: {<<: *secure, capabilities: {add: [sys_admin], drop: [ALL]}}",
            &[Baseline],
            37,
            &["DangerousCapability"],
        ),
        (
            "a profile of the pod that is not allowed is told once",
            "securityContext: {seccompProfile: {type: Unconfined}}, initContainers: [{<<: *good, name: more, securityContext: {<<: *secure, seccompProfile: null}}],",
            "securityContext: {<<: *secure, seccompProfile: null}",
            &[Restricted],
            37,
            &["SeccompProfile"],
        ),
        (
            "the pod denies non-root, and every container says it",
            "securityContext: {runAsNonRoot: false},",
            "",
            &[Restricted],
            37,
            &["MayRunAsRoot"],
        ),
        (
            "several levels find the same once",
            "hostPID: true,",
            "",
            &[Practices, Baseline, Restricted],
            37,
            &["HostNamespace"],
        ),
    ];
    for (says, pod, container, levels, minor, expected) in rows {
        let mut codes = found(&deployment(pod, container), levels, *minor);
        codes.sort();
        let mut expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        expected.sort();
        assert_eq!(codes, expected, "{says}");
    }
}

#[test]
fn what_two_levels_find_is_one_finding_that_names_both() {
    use Level::{AksSafeguards, Baseline, Practices, Restricted};
    let two = "initContainers: [{<<: *good, name: more, securityContext: {<<: *secure, runAsNonRoot: null}}],";
    let bare = "securityContext: {<<: *secure, runAsNonRoot: null}";
    let of_pod = |context: &str| format!("securityContext: {{{context}}}, {two}");
    let both: &[Level] = &[Practices, Restricted];
    let rows: &[(&str, String, &str, &[Level], &str)] = &[
        (
            "the pod is root, and so are two containers",
            of_pod("runAsUser: 0"),
            bare,
            both,
            "MayRunAsRoot more spec.template.spec.initContainers[0].securityContext.runAsNonRoot [restricted], \
             MayRunAsRoot web spec.template.spec.containers[0].securityContext.runAsNonRoot [restricted], \
             RunsAsRoot - spec.template.spec.securityContext.runAsUser [practices, restricted]",
        ),
        (
            "the pod denies non-root for two containers",
            of_pod("runAsNonRoot: false"),
            bare,
            both,
            "MayRunAsRoot - spec.template.spec.securityContext.runAsNonRoot [practices, restricted]",
        ),
        (
            "two containers may be root, and nothing says so on the pod",
            two.to_owned(),
            bare,
            both,
            "MayRunAsRoot more spec.template.spec.initContainers[0].securityContext.runAsNonRoot [practices, restricted], \
             MayRunAsRoot web spec.template.spec.containers[0].securityContext.runAsNonRoot [practices, restricted]",
        ),
        (
            "a folder of the node",
            "volumes: [{name: v, hostPath: {path: /x}}],".to_owned(),
            "",
            both,
            "HostPathVolume - spec.template.spec.volumes[0].hostPath.path [practices, restricted]",
        ),
        (
            "a process of the node, for all containers of the pod",
            format!(
                "os: {{name: windows}}, securityContext: {{runAsNonRoot: true, windowsOptions: {{hostProcess: true}}}}, {two}"
            ),
            bare,
            &[Practices, Baseline],
            "HostProcessContainer - spec.template.spec.securityContext.windowsOptions.hostProcess [practices, baseline]",
        ),
        (
            "three levels",
            "hostPID: true,".to_owned(),
            "resources: {limits: {cpu: 1, memory: 1Gi}}",
            &[Practices, Baseline, AksSafeguards],
            "HostNamespace - spec.template.spec.hostPID [practices, baseline, aks-safeguards]",
        ),
        (
            "a near miss: one level",
            "hostPID: true,".to_owned(),
            "",
            &[Practices],
            "HostNamespace - spec.template.spec.hostPID [practices]",
        ),
    ];
    for (says, pod, container, levels, expected) in rows {
        let mut rules = rules();
        rules.levels = levels.iter().copied().collect();
        let report = report(&[&deployment(pod, container)], &rules);
        let mut found: Vec<String> = report
            .findings()
            .map(|it| {
                let container = it.container.as_deref().unwrap_or("-");
                let levels: Vec<&str> = it.levels.iter().map(|it| it.as_str()).collect();
                format!(
                    "{} {container} {} [{}]",
                    it.code,
                    it.path,
                    levels.join(", ")
                )
            })
            .collect();
        found.sort();
        assert_eq!(found.join(", "), *expected, "{says}");
    }
}

#[test]
fn the_safeguards_of_aks_refuse_and_tell_what_they_change() {
    let mut rules = rules();
    rules.levels = BTreeSet::from([Level::AksSafeguards]);
    let found = |texts: &[&str]| {
        let report = report(texts, &rules);
        let mut found: Vec<_> = report
            .findings()
            .map(|it| format!("{} {}", it.severity, it.code))
            .collect();
        found.sort();
        found
    };
    let several = |pod: &str, replicas: u8| {
        deployment(pod, "").replace(
            "spec:\n  template",
            &format!("spec:\n  replicas: {replicas}\n  template"),
        )
    };
    let rows: &[(&str, String, &[&str])] = &[
        ("the good one, whose memory is raised", deployment("", ""), &["info AksMutatesResources", "info AksMutatesResources"]),
        ("enough of all", deployment("", "resources: {requests: {cpu: 100m, memory: 100Mi}}"), &[]),
        ("only limits are left as they are", deployment("", "resources: {limits: {cpu: 1, memory: 1Gi}}"), &[]),
        ("no resources", deployment("", "resources: null"), &["info AksMutatesResources", "info AksMutatesResources"]),
        ("no probes", deployment("", "resources: {limits: {cpu: 1, memory: 1Gi}}, readinessProbe: null, livenessProbe: null, ports: null"), &["error MissingLivenessProbe", "error MissingReadinessProbe"]),
        ("latest", deployment("", "resources: {limits: {cpu: 1, memory: 1Gi}}, image: web:latest"), &["error MutableImage"]),
        ("baseline", deployment("hostPID: true,", "resources: {limits: {cpu: 1, memory: 1Gi}}"), &["error HostNamespace"]),
        ("not restricted", deployment("", "resources: {limits: {cpu: 1, memory: 1Gi}}, securityContext: null"), &[]),
        ("two replicas without rules", several("", 2), &["info AksAddsSpread", "info AksMutatesResources", "info AksMutatesResources"]),
        ("one replica", several("", 1), &["info AksMutatesResources", "info AksMutatesResources"]),
        ("rules for spreading", several("topologySpreadConstraints: [{maxSkew: 1}],", 2), &["info AksMutatesResources", "info AksMutatesResources"]),
        ("a reserved label", "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, labels: {kubernetes.azure.com/mode: a}}}".to_owned(), &["error AksReservedLabel"]),
        ("a label that looks like it", "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, labels: {my.kubernetes.azure.com/mode: a}}}".to_owned(), &[]),
        ("an in-tree provisioner", "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: x}, provisioner: kubernetes.io/azure-disk}".to_owned(), &["error AksInTreeStorage"]),
        ("a CSI driver", "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: x}, provisioner: disk.csi.azure.com}".to_owned(), &[]),
        ("a tainted node", "{apiVersion: v1, kind: Node, metadata: {name: x}, spec: {taints: [{key: a}]}}".to_owned(), &["error AksNodeEdit"]),
    ];
    for (says, text, expected) in rows {
        assert_eq!(found(&[text]), *expected, "{says}");
    }
    let service = |name: &str, app: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{selector: {{app: {app}}}}}}}"
        )
    };
    let (a, b, c) = (service("a", "web"), service("b", "web"), service("c", "db"));
    assert_eq!(
        found(&[&a, &b, &c]),
        ["warning AksSameSelector", "warning AksSameSelector"],
        "in two files"
    );
    assert_eq!(found(&[&a, &c]), [""; 0]);
    assert_eq!(found(&[&a, &a]), [""; 0], "the same Service twice");
}

#[test]
fn every_probe_and_hook_that_names_a_host_is_found() {
    for field in [
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle.postStart",
        "lifecycle.preStop",
    ] {
        for (action, host, expected) in [
            ("httpGet", "example.org", vec!["ProbeHost"]),
            ("tcpSocket", "example.org", vec!["ProbeHost"]),
            ("httpGet", "''", vec![]),
        ] {
            let handler = format!("{{{action}: {{port: 1, host: {host}}}}}");
            let container = match field.split_once('.') {
                Some((above, hook)) => format!("{above}: {{{hook}: {handler}}}"),
                None => format!("{field}: {handler}"),
            };
            let codes = found(&deployment("", &container), &[Level::Baseline], 34);
            assert_eq!(codes, expected, "{field}.{action} {host}");
        }
    }
}
