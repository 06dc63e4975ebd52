//! Laws: no text makes the judge panic, and what it says is bounded and harmless.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{deployment, report, rules};
use crate::judge::{MAX_FINDINGS, judge};
use crate::level::Level;
use crate::report::{finding_lines, json, junit, markdown, sarif};

/// Text that looks like a manifest, in parts.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "apiVersion: v1\n",
        "kind: Pod\n",
        "kind: List\n",
        "items:\n",
        "- ",
        "  ",
        "spec:",
        "\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        "containers: ",
        "name: web",
        "&a ",
        "*a",
        "<<: ",
        "securityContext: ",
        "capabilities: ",
        "add: ",
        "ports: ",
        "hostPort: ",
        "0",
        "true",
        "---\n",
        "##vso[task.complete]",
        "\u{1b}[31m",
        "volumes: ",
        "hostPath: ",
        "path: /..//run",
        "livenessProbe: ",
        "periodSeconds: -9223372036854775808",
        "annotations: ",
        "metadata: ",
        "null",
        "\"",
        "'",
        "|\n",
        "? ",
        "!!str ",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|it| it.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![piece(), ".{0,200}"]) {
        let mut rules = rules();
        rules.levels = Level::ALL.into_iter().collect::<BTreeSet<_>>();
        let report = report(&[&text], &rules);
        for document in [json(&report).unwrap(), sarif(&report, "1").unwrap(), junit(&report), markdown(&report)] {
            prop_assert!(!document.contains("##"), "{}", document);
            let has_escape = document.contains('\u{1b}');
            prop_assert!(!has_escape);
        }
    }
}

#[test]
fn hostile_text_is_harmless_in_every_document() {
    let hostile = "##vso[task.complete result=Succeeded;]\\e[31m";
    let text = deployment(
        "",
        &format!("name: \"{hostile}\", securityContext: null, image: \"{hostile}|`<script>\""),
    );
    let report = report(&[&text], &rules());
    assert!(report.findings().count() > 3);
    for document in [
        json(&report).unwrap(),
        sarif(&report, "1").unwrap(),
        junit(&report),
        markdown(&report),
    ] {
        assert!(document.contains("vso"), "it is still shown");
        assert!(!document.contains("##"), "{document}");
        assert!(!document.contains('\u{1b}'), "{document}");
        assert!(
            !document.contains("<script>") || document.starts_with('{'),
            "{document}"
        );
    }
    let markdown = markdown(&report);
    assert!(
        markdown
            .lines()
            .all(|it| !it.starts_with('|') || it.ends_with('|')),
        "{markdown}"
    );
}

/// How many keys are compared while a pod is judged that has so many fields, containers and ports.
fn compared(size: usize) -> usize {
    let many = |item: &dyn Fn(usize) -> String| {
        let items: Vec<String> = (0..size).map(item).collect();
        items.join(", ")
    };
    let containers = many(&|at| {
        format!("{{name: c{at}, image: 'x:1', readinessProbe: {{tcpSocket: {{port: p}}}}}}")
    });
    let fields = many(&|at| format!("x{at}: 1"));
    let volumes = many(&|at| format!("{{name: v{at}, emptyDir: {{}}}}"));
    let labels = many(&|at| format!("l{at}: a"));
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: x, labels: {{{labels}}}}}, spec: {{{fields}, volumes: [{volumes}], \
         securityContext: {{{fields}}}, containers: [{containers}]}}}}"
    );
    let mut rules = rules();
    rules.levels = Level::ALL.into_iter().collect();
    crate::yaml::COMPARED.set(0);
    let judgement = judge(&text, &rules);
    assert!(judgement.findings.len() > size);
    crate::yaml::COMPARED.get()
}

#[test]
fn the_work_grows_as_the_pod_does() {
    let (small, large) = (compared(100), compared(400));
    // Four times as much, and two more steps of halving; the square would be sixteen times.
    assert!(large < 6 * small, "{small} and {large}");
}

#[test]
fn findings_of_one_file_are_bounded() {
    let containers = "{name: a},".repeat(5000);
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: x}}, spec: {{containers: [{containers}]}}}}"
    );
    let judgement = judge(&text, &rules());
    assert_eq!(judgement.findings.len(), MAX_FINDINGS);
    let problem = judgement.problem.unwrap().to_string();
    assert!(problem.contains("more than 10000 findings"), "{problem}");
}

#[test]
fn a_person_sees_the_line_a_caret_and_the_fix() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  hostPID: true\n  containers: []\n";
    let report = report(&[text], &rules());
    let lines: Vec<String> = finding_lines(&report.files[0])
        .iter()
        .map(rollguard_core::report::Line::text)
        .collect();
    assert_eq!(
        lines,
        [
            "0.yaml:5:12: error HostNamespace: the pod shares the processes of its node: hostPID is true",
            "  5 |   hostPID: true",
            "    |            ^^^^",
            "      in Pod x: spec.hostPID",
            "      fix: remove hostPID: true",
        ]
    );
}
