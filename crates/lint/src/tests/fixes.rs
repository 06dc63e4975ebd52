//! Rows of what `--fix` writes and what it leaves, and the laws of both.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::{deployment, report, rules};
use crate::fix::{Fixed, fix, unified_diff};
use crate::judge::Rules;
use crate::level::Level;

fn every_level() -> Rules {
    let mut rules = rules();
    rules.levels = Level::ALL.into_iter().collect::<BTreeSet<_>>();
    rules
}

fn fixed(text: &str) -> Fixed {
    fix(text, &every_level())
}

/// A pod, with fields of its spec and of its only container.
fn pod(spec: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n{spec}  containers:\n  - name: web # the only one\n    image: x:1\n{container}"
    )
}

/// The lines that are new, without their indentation.
fn new_lines(old: &str, new: &str) -> String {
    let diff = unified_diff("x.yaml", old, new);
    let added = diff
        .lines()
        .filter(|it| it.starts_with('+') && !it.starts_with("+++"));
    let added: Vec<&str> = added.map(|it| it[1..].trim()).collect();
    added.join(" | ")
}

#[test]
fn what_cannot_break_an_application_is_written() {
    let container = |fields: &str| pod("", fields);
    let rows: &[(&str, String, &str)] = &[
        (
            "a capability in lower case",
            container("    securityContext: {capabilities: {add: [net_bind_service], drop: [all]}} # why\n"),
            "securityContext: {capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}} # why",
        ),
        (
            "in quotes, which stay",
            container("    securityContext:\n      capabilities:\n        add:\n        - 'sys_time' # why\n"),
            "- 'SYS_TIME' # why",
        ),
        (
            "one with a prefix has no effect today",
            container("    securityContext: {capabilities: {add: [CAP_SYS_TIME], drop: [cap_net_raw]}}\n"),
            "",
        ),
        (
            "a kernel parameter with slashes",
            pod("  securityContext:\n    sysctls:\n    - name: net/ipv4/tcp_syncookies\n      value: '1'\n", ""),
            "- name: net.ipv4.tcp_syncookies",
        ),
        (
            "the API server refuses the same name twice",
            pod("  securityContext:\n    sysctls:\n    - name: net/ipv4/tcp_syncookies\n      value: '1'\n    - name: net.ipv4.tcp_syncookies\n      value: '1'\n", ""),
            "",
        ),
        (
            "an API version with the same schema",
            "apiVersion: batch/v1beta1 # old\nkind: CronJob\nmetadata: {name: x}\nspec: {jobTemplate: {spec: {template: {spec: {containers: []}}}}}\n".to_owned(),
            "apiVersion: batch/v1 # old",
        ),
        (
            "one with another schema",
            "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: x}\n".to_owned(),
            "",
        ),
        (
            "a boolean in quotes that hardens",
            container("    securityContext:\n      readOnlyRootFilesystem: \"true\"\n"),
            "readOnlyRootFilesystem: true",
        ),
        (
            "one that would grant something",
            pod("  hostPID: 'true'\n", "    securityContext: {privileged: 'true', allowPrivilegeEscalation: 'yes'}\n"),
            "",
        ),
        (
            "a number in quotes",
            container("    livenessProbe: {tcpSocket: {port: 1}, periodSeconds: '3'}\n"),
            "livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 3}",
        ),
        (
            "one that is no number",
            container("    livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 3s}\n"),
            "",
        ),
        (
            "a user above 0 does not need the word, and restricted does",
            container("    securityContext:\n      # the user of the image\n      runAsUser: 1000 # why\n"),
            "runAsNonRoot: true",
        ),
        (
            "in braces",
            container("    securityContext: {runAsUser: 1000}\n"),
            "securityContext: {runAsNonRoot: true, runAsUser: 1000}",
        ),
        (
            "the word that denies it",
            container("    securityContext: {runAsUser: 1000, runAsNonRoot: no}\n"),
            "securityContext: {runAsUser: 1000, runAsNonRoot: true}",
        ),
        (
            "on the pod, for the container that has no user of its own",
            pod("  securityContext:\n    runAsUser: 1000\n", ""),
            "runAsNonRoot: true",
        ),
        (
            "the word that denies it on the pod, where the pod names a user",
            pod("  securityContext: {runAsNonRoot: false, runAsUser: 1000}\n", ""),
            "securityContext: {runAsNonRoot: true, runAsUser: 1000}",
        ),
        (
            "where only the containers name one, a container that a webhook adds may be root",
            pod("  securityContext: {runAsNonRoot: false}\n", "    securityContext: {runAsNonRoot: true, runAsUser: 1000}\n"),
            "",
        ),
        (
            "and so where they do not say the word themselves",
            pod("  securityContext: {runAsNonRoot: false}\n", "    securityContext: {runAsUser: 1000}\n"),
            "",
        ),
        (
            "a container that is root would not start",
            pod("  securityContext:\n    runAsUser: 1000\n", "  - name: root\n    image: x:1\n    securityContext: {runAsUser: 0}\n"),
            "",
        ),
        ("root", container("    securityContext: {runAsUser: 0}\n"), ""),
        ("no user", container("    securityContext: {allowPrivilegeEscalation: true}\n"), ""),
        (
            "in quotes first, then the word",
            container("    securityContext:\n      runAsUser: '1000'\n"),
            "runAsNonRoot: true | runAsUser: 1000",
        ),
        (
            "memory in thousandths of a byte: what was meant is a guess",
            container("    resources: {limits: {memory: 512m}}\n"),
            "",
        ),
        (
            "a timeout above the period",
            container("    livenessProbe: {tcpSocket: {port: 1}, timeoutSeconds: 60}\n"),
            "",
        ),
        (
            "what is exempted",
            container("    securityContext: {capabilities: {drop: [all]}}\n").replace(
                "{name: x}",
                "{name: x, annotations: {rollguard.dev/exempt-CapabilityName: as the vendor has it}}",
            ),
            "",
        ),
        (
            "an alias that is used elsewhere, too",
            "x: &caps [chown]\n".to_owned() + &container("    securityContext: {capabilities: {add: *caps}}\n"),
            "",
        ),
        (
            "an alias whose every place is found",
            container("    securityContext: &s {capabilities: {add: [chown], drop: [ALL]}}\n  - name: more\n    image: x:1\n    securityContext: *s\n"),
            "securityContext: &s {capabilities: {add: [CHOWN], drop: [ALL]}}",
        ),
        (
            "a key may be merged into another mapping",
            container("    securityContext: &s {runAsUser: 1000}\n  - name: more\n    image: x:1\n    securityContext: {<<: *s, runAsUser: 0}\n"),
            "",
        ),
        (
            "a text that cannot be read to its end",
            container("    securityContext: {capabilities: {add: [chown]}}\n") + "---\na: [",
            "",
        ),
    ];
    for (says, text, expected) in rows {
        let fixed = fixed(text);
        assert_eq!(
            new_lines(text, &fixed.text),
            *expected,
            "{says}\n{}",
            fixed.text
        );
        assert_eq!(fixed.applied.is_empty(), expected.is_empty(), "{says}");
    }
}

#[test]
fn json_and_other_layouts_keep_their_form() {
    for (says, old, new) in [
        (
            "JSON in lines, with tabs",
            "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"spec\": {\n\t\t\"containers\": [],\n\t\t\"securityContext\": {\n\t\t\t\"runAsUser\": 7,\n\t\t\t\"sysctls\": [{\"name\": \"net/ipv4/tcp_rmem\"}]\n\t\t}\n\t}\n}\n",
            "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"spec\": {\n\t\t\"containers\": [],\n\t\t\"securityContext\": {\n\t\t\t\"runAsUser\": 7,\n\t\t\t\"sysctls\": [{\"name\": \"net.ipv4.tcp_rmem\"}]\n\t\t}\n\t}\n}\n",
        ),
        (
            "JSON with a key that is added",
            "{\n  \"apiVersion\": \"v1\", \"kind\": \"Pod\",\n  \"spec\": {\"containers\": [{\"name\": \"a\", \"image\": \"x:1\", \"securityContext\": {\n    \"runAsUser\": 7\n  }}]}\n}",
            "{\n  \"apiVersion\": \"v1\", \"kind\": \"Pod\",\n  \"spec\": {\"containers\": [{\"name\": \"a\", \"image\": \"x:1\", \"securityContext\": {\n    \"runAsNonRoot\": true,\n    \"runAsUser\": 7\n  }}]}\n}",
        ),
        (
            "line ends of Windows, a byte order mark, no line end at the end",
            "\u{feff}apiVersion: storage.k8s.io/v1beta1\r\nkind: StorageClass\r\nmetadata: {name: \u{e9}} # \u{e9}",
            "\u{feff}apiVersion: storage.k8s.io/v1\r\nkind: StorageClass\r\nmetadata: {name: \u{e9}} # \u{e9}",
        ),
        (
            "a key behind a dash, with line ends of Windows",
            "apiVersion: v1\r\nkind: List\r\nitems:\r\n- apiVersion: v1\r\n  kind: Pod\r\n  spec:\r\n    containers:\r\n    -   securityContext:\r\n            runAsUser: 1 # \u{e9}\r\n",
            "apiVersion: v1\r\nkind: List\r\nitems:\r\n- apiVersion: v1\r\n  kind: Pod\r\n  spec:\r\n    containers:\r\n    -   securityContext:\r\n            runAsNonRoot: true\r\n            runAsUser: 1 # \u{e9}\r\n",
        ),
        (
            "wide characters before the place",
            "{apiVersion: v1, kind: Pod, metadata: {name: \"\u{1f600}\"}, spec: {containers: [{name: a, securityContext: {capabilities: {drop: [all]}}}]}}",
            "{apiVersion: v1, kind: Pod, metadata: {name: \"\u{1f600}\"}, spec: {containers: [{name: a, securityContext: {capabilities: {drop: [ALL]}}}]}}",
        ),
    ] {
        assert_eq!(fixed(old).text, new, "{says}");
    }
}

#[test]
fn a_diff_applies_and_names_the_file() {
    let old = pod("", "    securityContext:\n      runAsUser: 1000\n");
    let fixed = fixed(&old);
    assert_eq!(
        unified_diff("./k8s/a.yaml", &old, &fixed.text),
        "\
--- a/k8s/a.yaml
+++ b/k8s/a.yaml
@@ -6,4 +6,5 @@
   - name: web # the only one
     image: x:1
     securityContext:
+      runAsNonRoot: true
       runAsUser: 1000
"
    );
    assert_eq!(unified_diff("a", &old, &old), "");
    let [applied] = fixed.applied.as_slice() else {
        panic!("{:?}", fixed.applied)
    };
    assert_eq!(
        (applied.code.as_str(), applied.line, applied.what.as_str()),
        ("MayRunAsRoot", 9, "runAsNonRoot: true is added")
    );
}

#[test]
fn what_may_break_an_application_is_offered_with_what_it_needs() {
    let text = deployment(
        "initContainers: [{name: 'a: b', image: 'x:1'}],",
        "securityContext: null",
    );
    let report = report(&[&text], &every_level());
    let offered = |code: &str, container: &str| {
        let mut findings = report.findings();
        let is_it = |it: &&crate::Finding| {
            it.code.as_str() == code && it.container.as_deref() == Some(container)
        };
        crate::suggestion(findings.find(is_it).unwrap()).unwrap()
    };
    assert_eq!(
        offered("WritableRootFilesystem", "web"),
        "\
# each folder that the application writes needs a volume
volumes:
- name: tmp
  emptyDir: {}
containers:
- name: web
  securityContext:
    readOnlyRootFilesystem: true
  volumeMounts:
  - name: tmp
    mountPath: /tmp
"
    );
    let root = offered("MayRunAsRoot", "a: b");
    assert!(
        root.contains("initContainers:\n- name: \"a: b\"\n"),
        "{root}"
    );
    let missing = report
        .findings()
        .find(|it| it.code.as_str() == "MissingRequest");
    assert_eq!(
        crate::suggestion(missing.unwrap()),
        None,
        "only the team knows its amounts"
    );
    // What is offered is YAML, and is never written.
    for finding in report.findings() {
        if let Some(text) = crate::suggestion(finding) {
            assert!(
                crate::yaml::Documents::of(&text).all(|it| it.is_ok()),
                "{text}"
            );
        }
    }
    assert_eq!(fixed(&text).applied, []);
}

/// A manifest of random pods, with everything that is fixed and near misses of it, in random layouts.
fn manifest() -> impl Strategy<Value = String> {
    let context = prop::sample::select(vec![
        "runAsUser: 1000",
        "runAsUser: '1000'",
        "runAsUser: 0",
        "runAsNonRoot: false",
        "runAsNonRoot: \"true\"",
        "readOnlyRootFilesystem: 'true'",
        "privileged: 'false'",
        "capabilities: {add: [chown, \"sys_admin\", CAP_KILL], drop: [all]}",
        "capabilities: {drop: [ALL]}",
    ]);
    let contexts = || prop::collection::vec(context.clone(), 1..4);
    let kind = prop::sample::select(vec![
        "v1 Pod",
        "batch/v1beta1 CronJob",
        "rbac.authorization.k8s.io/v1beta1 Role",
    ]);
    let pods = (
        kind,
        contexts(),
        prop::collection::vec(contexts(), 1..4),
        0..4_u8,
    );
    prop::collection::vec(pods, 1..4).prop_map(|pods| {
        let mut text = String::new();
        for (kind, of_pod, containers, layout) in pods {
            let (version, kind) = kind.split_once(' ').unwrap();
            let _ = write!(text, "---\n# {kind}\napiVersion: {version} # the version\nkind: {kind}\nmetadata: {{name: x}}\n");
            let indent = if kind == "CronJob" {
                text += "spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n";
                10
            } else {
                text += "spec:\n";
                2
            };
            let pad = " ".repeat(indent);
            let map = |fields: &[&str], pad: &str| {
                if layout == 0 {
                    return format!(" {{{}}} # all\n", fields.join(", "));
                }
                let lines = fields.iter().map(|it| format!("{pad}{it} # why\n"));
                format!("\n{}", lines.collect::<String>())
            };
            let _ = write!(text, "{pad}securityContext:{}", map(&of_pod, &format!("{pad}  ")));
            let _ = writeln!(text, "{pad}containers:");
            for (at, context) in containers.iter().enumerate() {
                let anchor = if layout == 2 && at == 0 { " &shared" } else { "" };
                let _ = writeln!(text, "{pad}- name: c{at}");
                if layout == 2 && at > 0 {
                    let _ = writeln!(text, "{pad}  securityContext: {{<<: *shared}}");
                } else {
                    let fields = map(context, &format!("{pad}    "));
                    let _ = write!(text, "{pad}  securityContext:{anchor}{fields}");
                }
            }
        }
        text
    })
}

/// The comments of a text, in their order.
fn comments(text: &str) -> Vec<&str> {
    let comments = text.lines().filter_map(|it| it.split_once('#'));
    comments.map(|(_, comment)| comment).collect()
}

proptest! {
    #[test]
    fn a_fixed_text_stays_as_it_is_and_keeps_its_comments(text in manifest()) {
        let once = fixed(&text);
        let twice = fixed(&once.text);
        prop_assert_eq!(&twice.text, &once.text, "fixed again");
        prop_assert_eq!(comments(&once.text), comments(&text));
        prop_assert_eq!(once.applied.is_empty(), once.text == text);
        // Nothing is left that could have been changed.
        let count = |text: &str| {
            let report = report(&[text], &every_level());
            let fixable = report.findings().filter(|it| it.edit.is_some()).count();
            (report.problems.len(), fixable)
        };
        prop_assert_eq!(count(&once.text), (0, 0));
    }

    #[test]
    fn no_text_makes_the_fixer_panic(text in ".{0,200}") {
        let once = fixed(&text);
        prop_assert_eq!(fixed(&once.text).text, once.text);
    }
}
