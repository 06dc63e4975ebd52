//! Rows that other linters report wrongly, or fail to report.

use super::{codes, deployment, report, rules, workload};

#[test]
fn what_others_report_wrongly_is_not_reported() {
    let pod_level =
        "securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}},";
    let container_level = "securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}";
    let rows: &[(&str, &str, &str, &[&str])] = &[
        (
            "kube-score: user 1000 counts as too low (#204)",
            "",
            "securityContext: {<<: *secure, runAsUser: 1000}",
            &[],
        ),
        (
            "kube-score, trivy: the pod's own values are not seen (#239, #5679, #8210)",
            pod_level,
            container_level,
            &[],
        ),
        (
            "kube-score: a Windows pod must have a read-only root",
            "os: {name: windows}, securityContext: {runAsNonRoot: true},",
            "securityContext: null",
            &[],
        ),
        (
            "kube-linter: safe kernel parameters by their prefix",
            "securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: '1'}]},",
            "",
            &[],
        ),
        (
            "all: resources of the pod are not seen",
            "resources: {limits: {cpu: 1, memory: 1Gi}},",
            "resources: null",
            &[],
        ),
        (
            "limits alone lack requests",
            "",
            "resources: {limits: {cpu: 1, memory: 1Gi}}",
            &[],
        ),
        (
            "kube-linter: a probe of a numeric port must be declared (#1086)",
            "",
            "ports: [{containerPort: 8080}], readinessProbe: {tcpSocket: {port: 9090}}, livenessProbe: {tcpSocket: {port: 9091}}",
            &[],
        ),
        (
            "kube-score: two named ports are identical",
            "",
            "ports: [{name: a, containerPort: 1}, {name: b, containerPort: 2}], readinessProbe: {httpGet: {path: /, port: a}}, livenessProbe: {httpGet: {path: /, port: b}}",
            &[],
        ),
        (
            "gRPC probes of two services are identical",
            "",
            "readinessProbe: {grpc: {port: 1, service: a}}, livenessProbe: {grpc: {port: 1, service: b}}",
            &[],
        ),
        (
            "a low port with all others dropped",
            "",
            "securityContext: {<<: *secure, capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}}",
            &[],
        ),
        (
            "trivy: drop ALL counts as adding (#4604)",
            "",
            "securityContext: {<<: *secure, capabilities: {drop: [ALL]}}",
            &[],
        ),
        (
            "port 0 of the node",
            "",
            "ports: [{name: http, containerPort: 8080, hostPort: 0}]",
            &[],
        ),
        (
            "an emptyDir in memory",
            "volumes: [{name: tmp, emptyDir: {medium: Memory}}],",
            "",
            &[],
        ),
        (
            "a volume of the Key Vault driver",
            "volumes: [{name: keys, csi: {driver: secrets-store.csi.k8s.io, readOnly: true}}],",
            "",
            &[],
        ),
        (
            "liveness three times as patient as readiness",
            "",
            "readinessProbe: {httpGet: {path: /up, port: 1}}, livenessProbe: {httpGet: {path: /up, port: 1}, failureThreshold: 9}",
            &[],
        ),
        (
            "checkov, kube-linter: probes of init containers (#4807, #261)",
            "initContainers: [{name: i, image: 'i:1', securityContext: *secure, resources: {limits: {cpu: 1, memory: 1Gi}}}],",
            "",
            &[],
        ),
        (
            "trivy: the main container is blamed for the init container (#3018)",
            "initContainers: [{name: i, image: 'i:1', securityContext: {<<: *secure, runAsUser: 0}, resources: {limits: {cpu: 1, memory: 1Gi}}}],",
            "",
            &["RunsAsRoot"],
        ),
        (
            "kubescape: the container's own values are not seen (#2296)",
            "securityContext: {runAsUser: 0},",
            "securityContext: {<<: *secure, runAsUser: 1000}",
            &[],
        ),
        (
            "an unset allowPrivilegeEscalation makes no privileged container",
            "",
            "securityContext: {<<: *secure, allowPrivilegeEscalation: null}",
            &["PrivilegeEscalation"],
        ),
        (
            "all dropped in lower case is dropped by the runtime",
            "",
            "securityContext: {<<: *secure, capabilities: {drop: [all]}}",
            &["CapabilityName"],
        ),
    ];
    for (says, pod, container, expected) in rows {
        assert_eq!(codes(&deployment(pod, container)), *expected, "{says}");
    }
}

#[test]
fn a_job_without_probes_is_fine() {
    let bare = "readinessProbe: null, livenessProbe: null";
    assert_eq!(codes(&workload("batch/v1", "Job", "", bare)), [""; 0]);
}

#[test]
fn other_kinds_lack_nothing() {
    // trivy #4922 and #8635.
    let others = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: b}\nspec: {hard: {cpu: 1}}\n";
    let report = report(&[others], &rules());
    assert_eq!(report.findings().count(), 0);
    let skipped: Vec<_> = report.summary.skipped.iter().collect();
    assert_eq!(
        skipped,
        [
            (&"ConfigMap".to_owned(), &1),
            (&"ResourceQuota".to_owned(), &1)
        ]
    );
}

#[test]
fn a_worker_needs_readiness_only_if_a_service_sends_it_requests() {
    let worker = deployment(
        "",
        "ports: null, readinessProbe: null, livenessProbe: {exec: {command: [alive]}}",
    );
    let service = |namespace: &str, app: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: web{namespace}}}\nspec: {{selector: {{app: {app}}}}}"
        )
    };
    for (says, service, expected) in [
        ("no Service of it", service("", "other"), 0),
        (
            "a Service of it, in whatever namespace it is applied to",
            service("", "web"),
            1,
        ),
        ("in its namespace", service(", namespace: shop", "web"), 1),
        (
            "in another namespace",
            service(", namespace: other", "web"),
            0,
        ),
        (
            "a Service without a selector",
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {}}".to_owned(),
            0,
        ),
    ] {
        for texts in [[worker.as_str(), &service], [&service, worker.as_str()]] {
            let report = report(&texts, &rules());
            let found: Vec<_> = report.findings().map(|it| it.code.as_str()).collect();
            assert_eq!(found, vec!["MissingReadinessProbe"; expected], "{says}");
        }
    }
    // A container that declares a port is taken for a server.
    let server = deployment("", "readinessProbe: null");
    assert_eq!(codes(&server), ["MissingReadinessProbe"]);
}

#[test]
fn what_others_overlook_is_reported() {
    let rows: &[(&str, &str, &str, &[&str])] = &[
        (
            "polaris: a value of the pod that does not exist there",
            "securityContext: {allowPrivilegeEscalation: false},",
            "securityContext: {<<: *secure, allowPrivilegeEscalation: null}",
            &["PrivilegeEscalation", "UnknownField"],
        ),
        (
            "defsec#1131: the container denies non-root",
            "securityContext: {runAsNonRoot: true},",
            "securityContext: {<<: *secure, runAsNonRoot: false}",
            &["MayRunAsRoot"],
        ),
        (
            "kube-linter: a folder above the runtime's socket",
            "volumes: [{name: s, hostPath: {path: /var/run}}],",
            "",
            &["HostPathVolume", "RuntimeSocket"],
        ),
        (
            "the prefix of a capability",
            "",
            "securityContext: {<<: *secure, capabilities: {add: [CAP_NET_ADMIN]}}",
            &["CapabilityName", "DangerousCapability"],
        ),
        (
            "kube-linter: the probes of a sidecar",
            "initContainers: [{name: s, restartPolicy: Always, image: 's:1', securityContext: *secure, resources: {limits: {cpu: 1, memory: 1Gi}}}],",
            "",
            &["MissingLivenessProbe", "MissingReadinessProbe"],
        ),
    ];
    for (says, pod, container, expected) in rows {
        assert_eq!(codes(&deployment(pod, container)), *expected, "{says}");
    }
}
