//! Corners whose value is known: inheritance, roles of containers, Windows, user namespaces, resources.

use super::{codes, deployment, findings, report, rules, workload};
use crate::level::KubernetesVersion;

type Row<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

fn all(rows: &[Row<'_>]) {
    for (says, pod, container, expected) in rows {
        assert_eq!(codes(&deployment(pod, container)), *expected, "{says}");
    }
}

#[test]
fn a_value_of_the_container_wins_over_that_of_the_pod() {
    let bare = "securityContext: {<<: *secure, runAsNonRoot: null}";
    all(&[
        (
            "the pod says it",
            "securityContext: {runAsNonRoot: true},",
            bare,
            &[],
        ),
        (
            "the pod's user is not root",
            "securityContext: {runAsUser: 1000},",
            bare,
            &[],
        ),
        (
            "the pod's user is root",
            "securityContext: {runAsUser: 0},",
            bare,
            &["RunsAsRoot"],
        ),
        (
            "the container denies what the pod says",
            "securityContext: {runAsNonRoot: true},",
            "securityContext: {<<: *secure, runAsNonRoot: false}",
            &["MayRunAsRoot"],
        ),
        (
            "the container is root in a pod that is not",
            "securityContext: {runAsUser: 1000},",
            "securityContext: {<<: *secure, runAsUser: 0}",
            &["RunsAsRoot"],
        ),
        (
            "the container is not root in a pod that is",
            "securityContext: {runAsUser: 0},",
            "securityContext: {<<: *secure, runAsUser: 1000}",
            &[],
        ),
        (
            "field by field: the user of the pod, the rule of the container",
            "securityContext: {runAsUser: 0},",
            "securityContext: {<<: *secure, runAsNonRoot: true}",
            &["RunsAsRoot"],
        ),
    ]);
}

#[test]
fn fields_of_containers_do_not_exist_on_pods() {
    let bare = "securityContext: {runAsNonRoot: true}";
    all(&[(
        "what the API drops counts for nothing, and is named",
        "securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, privileged: true},",
        bare,
        &[
            "PrivilegeEscalation",
            "UnknownField",
            "UnknownField",
            "UnknownField",
            "WritableRootFilesystem",
        ],
    )]);
}

#[test]
fn init_containers_sidecars_and_ephemeral_containers_have_their_own_rules() {
    let good = "name: more, image: 'x:1', securityContext: *secure, resources: {limits: {cpu: 1, memory: 1Gi}}";
    let rows: &[(&str, String, &[&str])] = &[
        ("an init container needs no probes", format!("initContainers: [{{{good}}}],"), &[]),
        (
            "a sidecar needs them",
            format!("initContainers: [{{{good}, restartPolicy: Always}}],"),
            &["MissingLivenessProbe", "MissingReadinessProbe"],
        ),
        (
            "a sidecar with probes",
            format!("initContainers: [{{{good}, restartPolicy: Always, readinessProbe: {{tcpSocket: {{port: 9}}}}, livenessProbe: {{tcpSocket: {{port: 10}}}}}}],"),
            &[],
        ),
        (
            "an init container is a container in all else",
            "initContainers: [{name: more, image: 'x:1'}],".to_owned(),
            &["MayRunAsRoot", "MissingCpuLimit", "MissingMemoryLimit", "MissingRequest", "PrivilegeEscalation", "WritableRootFilesystem"],
        ),
        (
            "an ephemeral container has no resources, ports or probes",
            "ephemeralContainers: [{name: debug, image: 'x:1', securityContext: {runAsUser: 1, allowPrivilegeEscalation: false}}],".to_owned(),
            &[],
        ),
        (
            "a privileged ephemeral container",
            "ephemeralContainers: [{name: debug, image: 'x:1', securityContext: {runAsUser: 0, privileged: true}}],".to_owned(),
            &["PrivilegedContainer", "RunsAsRoot"],
        ),
    ];
    for (says, pod, expected) in rows {
        assert_eq!(codes(&deployment(pod, "")), *expected, "{says}");
    }
}

#[test]
fn windows_has_neither_capabilities_nor_escalation_nor_a_read_only_root() {
    let bare = "securityContext: null";
    let user = |user: &str| {
        format!(
            "os: {{name: windows}}, securityContext: {{windowsOptions: {{runAsUserName: '{user}'}}}},"
        )
    };
    let rows: &[(&str, String, &[&str])] = &[
        ("nothing said", "os: {name: windows},".to_owned(), &["MayRunAsRoot"]),
        ("non-root", "os: {name: windows}, securityContext: {runAsNonRoot: true},".to_owned(), &[]),
        ("a user", user("ContainerUser"), &[]),
        ("the administrator", user("ContainerAdministrator"), &["RunsAsRoot"]),
        ("the administrator with the machine's name", user(r"web\containeradministrator"), &["RunsAsRoot"]),
        (
            "a process of the node",
            "os: {name: windows}, securityContext: {runAsNonRoot: true, windowsOptions: {hostProcess: true}},".to_owned(),
            &["HostProcessContainer"],
        ),
        (
            "a node selector does not make it Windows",
            "nodeSelector: {kubernetes.io/os: windows},".to_owned(),
            &["MayRunAsRoot", "PrivilegeEscalation", "WritableRootFilesystem"],
        ),
        (
            "a named pipe of the runtime",
            r"os: {name: windows}, securityContext: {runAsNonRoot: true}, volumes: [{name: p, hostPath: {path: '\\.\pipe\docker_engine'}}],".to_owned(),
            &["HostPathVolume", "RuntimeSocket"],
        ),
        (
            "the same with slashes",
            "os: {name: windows}, securityContext: {runAsNonRoot: true}, volumes: [{name: p, hostPath: {path: //./pipe/docker_engine}}],".to_owned(),
            &["HostPathVolume", "RuntimeSocket"],
        ),
    ];
    for (says, pod, expected) in rows {
        assert_eq!(codes(&deployment(pod, bare)), *expected, "{says}");
    }
}

#[test]
fn root_of_a_user_namespace_is_no_one() {
    all(&[
        (
            "a user namespace",
            "hostUsers: false,",
            "securityContext: {<<: *secure, runAsNonRoot: null, runAsUser: 0, procMount: Unmasked}",
            &[],
        ),
        (
            "the node's users",
            "hostUsers: true,",
            "securityContext: {<<: *secure, runAsUser: 0}",
            &["RunsAsRoot"],
        ),
        (
            "it lifts nothing else",
            "hostUsers: false,",
            "securityContext: {<<: *secure, privileged: true}",
            &["PrivilegedContainer"],
        ),
    ]);
}

#[test]
fn a_user_namespace_counts_from_the_version_in_which_every_node_has_it() {
    let root =
        "securityContext: {<<: *secure, runAsNonRoot: null, runAsUser: 0, procMount: Unmasked}";
    let text = deployment("hostUsers: false,", root);
    for (says, minor, expected) in [
        (
            "the API server drops the field",
            32,
            "RunsAsRoot UnmaskedProcMount",
        ),
        (
            "it is on by default, but a node of 1.30 may ignore it",
            33,
            "RunsAsRoot UnmaskedProcMount",
        ),
        (
            "a node of 1.31 may ignore it",
            34,
            "RunsAsRoot UnmaskedProcMount",
        ),
        ("as Pod Security has it", 35, ""),
        ("later", 37, ""),
    ] {
        let mut rules = rules();
        rules.version = KubernetesVersion::minor(minor);
        let report = report(&[&text], &rules);
        let mut found: Vec<_> = report.findings().map(|it| it.code.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found.join(" "), expected, "1.{minor}: {says}");
    }
}

#[test]
fn resources_may_stand_on_the_pod_and_limits_count_as_requests() {
    let none = "resources: null";
    all(&[
        (
            "of the pod",
            "resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}},",
            none,
            &[],
        ),
        (
            "of the pod, limits only",
            "resources: {limits: {cpu: 1, memory: 1Gi}},",
            none,
            &[],
        ),
        (
            "one of the pod, one of the container",
            "resources: {limits: {cpu: 1}},",
            "resources: {limits: {memory: 1Gi}}",
            &[],
        ),
        (
            "limits only",
            "",
            "resources: {limits: {cpu: 1, memory: 1Gi}}",
            &[],
        ),
        (
            "requests only",
            "",
            "resources: {requests: {cpu: 1, memory: 1Gi}}",
            &["MissingCpuLimit", "MissingMemoryLimit"],
        ),
        (
            "a request of zero is none",
            "",
            "resources: {requests: {cpu: 0, memory: '0'}, limits: {cpu: '0', memory: 0}}",
            &["MissingCpuLimit", "MissingMemoryLimit", "MissingRequest"],
        ),
        (
            "a request of zero beside a limit: the API server takes the limit only for a request that is absent",
            "",
            "resources: {requests: {cpu: 0}, limits: {cpu: 1, memory: 1Gi}}",
            &["MissingRequest"],
        ),
        (
            "the same of the pod",
            "resources: {requests: {cpu: 0, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}},",
            none,
            &["MissingRequest"],
        ),
        (
            "a request of zero, and one of the pod",
            "resources: {requests: {cpu: 1}},",
            "resources: {requests: {cpu: 0}, limits: {cpu: 1, memory: 1Gi}}",
            &[],
        ),
        (
            "the smallest request beside a limit",
            "",
            "resources: {requests: {cpu: 1m}, limits: {cpu: 1, memory: 1Gi}}",
            &[],
        ),
        (
            "a fraction of a byte",
            "",
            "resources: {limits: {cpu: 1, memory: 512m}}",
            &["MemoryUnit"],
        ),
        (
            "whole bytes, written as thousandths",
            "",
            "resources: {limits: {cpu: 1, memory: 128974848000m}}",
            &[],
        ),
        (
            "thousandths of a CPU",
            "",
            "resources: {limits: {cpu: 512m, memory: 512M}}",
            &[],
        ),
        (
            "a fraction of a byte on the pod",
            "resources: {limits: {memory: 512m}},",
            "",
            &["MemoryUnit"],
        ),
        (
            "a limit below its request",
            "",
            "resources: {requests: {cpu: 1, memory: 2Gi}, limits: {cpu: 500m, memory: 1Gi}}",
            &["LimitBelowRequest", "LimitBelowRequest"],
        ),
        (
            "the same in other units",
            "",
            "resources: {requests: {cpu: 0.5, memory: 1024Mi}, limits: {cpu: 500m, memory: 1Gi}}",
            &[],
        ),
    ]);
    let mut older = rules();
    older.version = KubernetesVersion::minor(33);
    let text = deployment("resources: {limits: {cpu: 1, memory: 1Gi}},", none);
    let found = report(&[&text], &older).findings().count();
    assert_eq!(found, 3, "before 1.34 they do not count");
}

#[test]
fn capabilities_are_recognised_however_they_are_written() {
    let add = |add: &str, drop: &str| {
        format!("securityContext: {{<<: *secure, capabilities: {{add: [{add}], drop: [{drop}]}}}}")
    };
    let rows: &[(&str, String, &[&str])] = &[
        (
            "with its prefix",
            add("CAP_SYS_ADMIN", "ALL"),
            &["CapabilityName", "DangerousCapability"],
        ),
        (
            "in lower case",
            add("sys_admin", "ALL"),
            &["CapabilityName", "DangerousCapability"],
        ),
        (
            "with its prefix in lower case",
            add("cap_net_bind_service", "ALL"),
            &["CapabilityName"],
        ),
        (
            "all dropped in lower case",
            add("NET_BIND_SERVICE", "all"),
            &["CapabilityName"],
        ),
        (
            "two of them",
            add("SYS_ADMIN, CHOWN", "ALL"),
            &["AddedCapability", "DangerousCapability"],
        ),
    ];
    for (says, container, expected) in rows {
        assert_eq!(codes(&deployment("", container)), *expected, "{says}");
    }
}

#[test]
fn kernel_parameters_depend_on_the_version_and_may_have_slashes() {
    let sysctl =
        |name: &str| format!("securityContext: {{sysctls: [{{name: {name}, value: '1'}}]}},");
    for (says, name, minor, expected) in [
        ("always safe", "kernel.shm_rmid_forced", 25, ""),
        ("safe from 1.27", "net.ipv4.ip_local_reserved_ports", 27, ""),
        (
            "not before",
            "net.ipv4.ip_local_reserved_ports",
            26,
            "UnsafeSysctl",
        ),
        ("safe from 1.29", "net.ipv4.tcp_keepalive_time", 29, ""),
        (
            "not before",
            "net.ipv4.tcp_keepalive_time",
            28,
            "UnsafeSysctl",
        ),
        ("safe from 1.32", "net.ipv4.tcp_rmem", 32, ""),
        ("not before", "net.ipv4.tcp_rmem", 31, "UnsafeSysctl"),
        ("safe from 1.37", "net.ipv4.tcp_notsent_lowat", 37, ""),
        (
            "not before",
            "net.ipv4.tcp_notsent_lowat",
            36,
            "UnsafeSysctl",
        ),
        (
            "a safe one with slashes",
            "net/ipv4/tcp_syncookies",
            37,
            "SysctlName",
        ),
        (
            "an unsafe one with slashes",
            "net/core/somaxconn",
            37,
            "UnsafeSysctl",
        ),
        (
            "a neighbour of a safe one",
            "net.ipv4.tcp_syncookies2",
            37,
            "UnsafeSysctl",
        ),
    ] {
        let mut rules = rules();
        rules.version = KubernetesVersion::minor(minor);
        let report = report(&[&deployment(&sysctl(name), "")], &rules);
        let found: Vec<_> = report.findings().map(|it| it.code.as_str()).collect();
        assert_eq!(found.join(" "), expected, "{says}: {name} in 1.{minor}");
    }
}

#[test]
fn ports_of_the_node_are_found_once() {
    all(&[
        (
            "port 0 is none",
            "",
            "ports: [{name: http, containerPort: 8080, hostPort: 0}]",
            &[],
        ),
        (
            "what the API sets with hostNetwork",
            "hostNetwork: true,",
            "ports: [{name: http, containerPort: 8080, hostPort: 8080}]",
            &["HostNetwork"],
        ),
        (
            "two ports",
            "",
            "ports: [{name: http, containerPort: 8080, hostPort: 80}, {containerPort: 1, hostPort: 1}]",
            &["HostPort", "HostPort"],
        ),
    ]);
}

#[test]
fn what_ends_by_itself_needs_no_probes() {
    let bare = "readinessProbe: null, livenessProbe: null";
    let job = workload("batch/v1", "Job", "", bare);
    assert_eq!(codes(&job), [""; 0], "a Job");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: once}\nspec: {restartPolicy: Never, containers: [{name: once, image: 'x:1'}]}";
    assert!(
        !codes(pod).iter().any(|it| it.contains("Probe")),
        "a Pod that is not restarted"
    );
    let cron = job.replace("kind: Job", "kind: CronJob").replace(
        "  template:\n    metadata: {labels: {app: web}}\n    spec:",
        "  jobTemplate:\n   spec:\n    template:\n     spec:",
    );
    assert_eq!(codes(&cron), [""; 0], "a CronJob");
    let cron = cron.replace(
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
    );
    let found = findings(&cron);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].path,
        "spec.jobTemplate.spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem"
    );
}
