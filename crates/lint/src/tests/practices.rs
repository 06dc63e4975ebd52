//! Every practice: a hit and a near miss, with its place.

use rollguard_core::prediction::ContainerDefaults;

use super::{codes, deployment, findings, report, rules};
use crate::judge::Rules;

#[test]
fn each_practice_is_found_and_its_near_miss_is_not() {
    let secure = |more: &str| format!("securityContext: {{<<: *secure, {more}}}");
    let rows: &[(&str, &str, String, &[&str])] = &[
        (
            "1: nothing says non-root",
            "",
            secure("runAsNonRoot: null"),
            &["MayRunAsRoot"],
        ),
        (
            "1: non-root is denied",
            "",
            secure("runAsNonRoot: false"),
            &["MayRunAsRoot"],
        ),
        ("1: user 0", "", secure("runAsUser: 0"), &["RunsAsRoot"]),
        (
            "1: user 1000 is enough",
            "",
            secure("runAsNonRoot: null, runAsUser: 1000"),
            &[],
        ),
        (
            "2: privileged",
            "",
            secure("privileged: true, allowPrivilegeEscalation: null"),
            &["PrivilegedContainer"],
        ),
        (
            "2: privileged is false",
            "",
            secure("privileged: false"),
            &[],
        ),
        (
            "2: escalation is allowed",
            "",
            secure("allowPrivilegeEscalation: true"),
            &["PrivilegeEscalation"],
        ),
        (
            "2: escalation is the default",
            "",
            secure("allowPrivilegeEscalation: null"),
            &["PrivilegeEscalation"],
        ),
        (
            "2: /proc is unmasked",
            "",
            secure("procMount: Unmasked"),
            &["UnmaskedProcMount"],
        ),
        (
            "2: /proc is as usual",
            "",
            secure("procMount: Default"),
            &[],
        ),
        (
            "3: a capability beyond the default",
            "",
            secure("capabilities: {add: [NET_ADMIN], drop: [ALL]}"),
            &["DangerousCapability"],
        ),
        (
            "3: all capabilities",
            "",
            secure("capabilities: {add: [ALL]}"),
            &["DangerousCapability"],
        ),
        (
            "3: a capability of the default",
            "",
            secure("capabilities: {add: [CHOWN], drop: [ALL]}"),
            &["AddedCapability"],
        ),
        (
            "3: NET_RAW is no default of Pod Security",
            "",
            secure("capabilities: {add: [NET_RAW]}"),
            &["DangerousCapability"],
        ),
        (
            "3: a low port, without dropping the others",
            "",
            secure("capabilities: {add: [NET_BIND_SERVICE]}"),
            &["AddedCapability"],
        ),
        (
            "3: only drops",
            "",
            secure("capabilities: {drop: [NET_RAW]}"),
            &[],
        ),
        (
            "4: an unsafe kernel parameter",
            "securityContext: {sysctls: [{name: net.core.somaxconn, value: '1024'}]},",
            String::new(),
            &["UnsafeSysctl"],
        ),
        (
            "4: a safe kernel parameter",
            "securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: '1'}]},",
            String::new(),
            &[],
        ),
        (
            "5: a folder of the node",
            "volumes: [{name: logs, hostPath: {path: /var/log}}],",
            String::new(),
            &["HostPathVolume"],
        ),
        (
            "5: an empty folder",
            "volumes: [{name: logs, emptyDir: {}}],",
            String::new(),
            &[],
        ),
        (
            "6: the runtime's socket",
            "volumes: [{name: s, hostPath: {path: /run/containerd/containerd.sock}}],",
            String::new(),
            &["HostPathVolume", "RuntimeSocket"],
        ),
        (
            "7: the node's network",
            "hostNetwork: true,",
            String::new(),
            &["HostNetwork"],
        ),
        (
            "7: the node's processes and IPC",
            "hostPID: true, hostIPC: true,",
            String::new(),
            &["HostNamespace", "HostNamespace"],
        ),
        (
            "7: all of them denied",
            "hostNetwork: false, hostPID: false, hostIPC: false,",
            String::new(),
            &[],
        ),
        (
            "7: a port of the node",
            "",
            "ports: [{name: http, containerPort: 8080, hostPort: 80}]".to_owned(),
            &["HostPort"],
        ),
        (
            "8: a writable root",
            "",
            secure("readOnlyRootFilesystem: false"),
            &["WritableRootFilesystem"],
        ),
        (
            "8: a root that is writable by default",
            "",
            secure("readOnlyRootFilesystem: null"),
            &["WritableRootFilesystem"],
        ),
        (
            "9: no resources",
            "",
            "resources: {}".to_owned(),
            &["MissingCpuLimit", "MissingMemoryLimit", "MissingRequest"],
        ),
        (
            "9: no CPU limit",
            "",
            "resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}".to_owned(),
            &["MissingCpuLimit"],
        ),
        (
            "9: no memory limit",
            "",
            "resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1}}".to_owned(),
            &["MissingMemoryLimit"],
        ),
        (
            "9: no request",
            "",
            "resources: {limits: {cpu: 1}, requests: {memory: 1Gi}}".to_owned(),
            &["MissingMemoryLimit"],
        ),
        (
            "10: no readiness probe",
            "",
            "readinessProbe: null".to_owned(),
            &["MissingReadinessProbe"],
        ),
        (
            "10: no liveness probe",
            "",
            "livenessProbe: null".to_owned(),
            &["MissingLivenessProbe"],
        ),
    ];
    for (says, pod, container, expected) in rows {
        assert_eq!(codes(&deployment(pod, container)), *expected, "{says}");
    }
}

#[test]
fn a_finding_names_its_place_its_path_and_its_fix() {
    let text = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      - name: web
        image: web:1
        securityContext:
          privileged: true
";
    let found = findings(text);
    let one = |code: &str| found.iter().find(|it| it.code.as_str() == code).unwrap();
    let privileged = one("PrivilegedContainer");
    assert_eq!(
        (
            privileged.mark.line,
            privileged.mark.column,
            privileged.mark.length
        ),
        (12, 23, 4)
    );
    assert_eq!(
        privileged.path,
        "spec.template.spec.containers[0].securityContext.privileged"
    );
    assert_eq!(privileged.object.to_string(), "Deployment web");
    assert_eq!(privileged.container.as_deref(), Some("web"));
    assert_eq!(privileged.code.practice(), Some(2));
    assert!(
        privileged.fix.starts_with("remove privileged: true"),
        "{}",
        privileged.fix
    );
    // What is missing is marked where it belongs: at the key above it, or at the container's name.
    let root = one("MayRunAsRoot");
    assert_eq!(
        root.path,
        "spec.template.spec.containers[0].securityContext.runAsNonRoot"
    );
    assert_eq!((root.mark.line, root.mark.column), (11, 9));
    let request = one("MissingRequest");
    assert_eq!(
        (request.mark.line, request.mark.column, request.mark.length),
        (9, 15, 3)
    );
    assert_eq!(request.fix, "set resources.requests for cpu and memory");
}

/// A sentence, the resources of a container, the defaults of a namespace (requests and limits), and what is found.
type Defaulted<'r> = (&'r str, &'r str, [&'r [&'r str]; 2], &'r str, &'r [&'r str]);

#[test]
fn what_a_limit_range_sets_is_not_missing() {
    let set = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
    let all = ["cpu", "memory"];
    let rows: [Defaulted<'_>; 7] = [
        ("all of it", "{}", [&all, &all], "shop", &[]),
        (
            "in another namespace",
            "{}",
            [&all, &all],
            "other",
            &["MissingCpuLimit", "MissingMemoryLimit", "MissingRequest"],
        ),
        (
            "requests only",
            "{}",
            [&all, &[]],
            "shop",
            &["MissingCpuLimit", "MissingMemoryLimit"],
        ),
        (
            "limits only",
            "{}",
            [&[], &all],
            "shop",
            &["MissingRequest"],
        ),
        (
            "all but a CPU limit",
            "{}",
            [&all, &["memory"]],
            "shop",
            &["MissingCpuLimit"],
        ),
        (
            "a limit of zero stays",
            "{limits: {cpu: 0}}",
            [&all, &all],
            "shop",
            &["MissingCpuLimit"],
        ),
        (
            "a request of zero stays",
            "{requests: {cpu: 0}}",
            [&all, &all],
            "shop",
            &["MissingRequest"],
        ),
    ];
    for (says, resources, [requests, limits], namespace, expected) in rows {
        let mut rules = rules();
        let defaults = ContainerDefaults {
            requests: set(requests),
            limits: set(limits),
        };
        rules.defaults.of.insert(namespace.to_owned(), defaults);
        let text = deployment("", &format!("resources: {resources}"));
        let found = |text: &str, rules: &Rules| {
            let report = report(&[text], rules);
            let mut codes: Vec<_> = report.findings().map(|it| it.code.as_str()).collect();
            codes.sort_unstable();
            codes
        };
        assert_eq!(found(&text, &rules), *expected, "{says}");
        // One that names no namespace goes to that of the call.
        rules.defaults.namespace = namespace.to_owned();
        let without = text.replace(", namespace: shop", "");
        let expected: &[&str] = if namespace == "shop" { expected } else { &[] };
        assert_eq!(found(&without, &rules), expected, "{says}, by default");
    }
}

#[test]
fn a_value_of_another_type_is_not_called_missing() {
    let rows = [
        (
            "allowPrivilegeEscalation: 'false'",
            "PrivilegeEscalation",
            "container \"web\" may escalate privileges: allowPrivilegeEscalation is a string, and must be a boolean",
        ),
        (
            "allowPrivilegeEscalation: null",
            "PrivilegeEscalation",
            "container \"web\" may escalate privileges: allowPrivilegeEscalation is not set, and its default is true",
        ),
        (
            "runAsNonRoot: 'true'",
            "MayRunAsRoot",
            "container \"web\" may run as root: runAsNonRoot is a string, and must be a boolean",
        ),
        (
            "runAsNonRoot: null",
            "MayRunAsRoot",
            "container \"web\" may run as root: neither runAsNonRoot nor runAsUser is set",
        ),
    ];
    for (field, code, message) in rows {
        let container = format!("securityContext: {{<<: *secure, {field}}}");
        let found = findings(&deployment("", &container));
        let one = found.iter().find(|it| it.code.as_str() == code);
        assert_eq!(one.map(|it| it.message.as_str()), Some(message), "{field}");
    }
}
