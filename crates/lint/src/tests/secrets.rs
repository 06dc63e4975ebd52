//! A report quotes lines of the manifest, and none of its secrets.

use super::{add, rules};
use crate::report::{DocumentWriter, finding_lines, json, junit, markdown, sarif};
use crate::run::{Report, Run};

fn judged(text: &str) -> Report {
    let mut run = Run::default();
    add(&mut run, "x.yaml", text, &rules());
    run.finish()
}

/// The quoted line of each finding that has this code, and what its column leads to.
fn quoted(text: &str, code: &str) -> (String, String) {
    let report = judged(text);
    let mut all = report.files.iter().flat_map(|it| &it.findings);
    let found = all.find(|it| it.finding.code.as_str() == code);
    let found = found.unwrap_or_else(|| panic!("{code} is not found: {report:?}"));
    let from = found.source.chars().skip(found.column - 1).collect();
    (found.source.clone(), from)
}

fn with_env(env: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers:\n  - name: web\n    env:\n{env}"
    )
}

#[test]
fn a_quoted_line_shows_no_secret() {
    let rows = [
        (
            "a variable whose name says so",
            with_env("    - name: DB_PASSWORD\n      value: 4815162342\n"),
            "WrongType",
            ("      value: ***", "***"),
        ),
        (
            "the value before its name",
            with_env("    - value: 4815162342\n      name: DB_PASSWORD\n"),
            "WrongType",
            ("    - value: ***", "***"),
        ),
        (
            "a variable beside the finding in one line",
            with_env("    - {name: API_TOKEN, value: hunter22, typo: 1}\n"),
            "UnknownField",
            (
                "    - {name: API_TOKEN, value: ***, typo: 1}",
                "typo: 1}",
            ),
        ),
        (
            "a value that looks like a secret",
            with_env("    - {name: A, value: eyJhbGciOiJIUzI1NiJ9.e30, typo: 1}\n"),
            "UnknownField",
            ("    - {name: A, value: ***, typo: 1}", "typo: 1}"),
        ),
        (
            "the password of a URL in an argument",
            "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, args: ['postgres://app:hunter22@db/x'], typo: 1}]}}"
                .to_owned(),
            "UnknownField",
            (
                "args: ['postgres://***@db/x'], typo: 1}]}}",
                "typo: 1}]}}",
            ),
        ),
        (
            "a Secret with the same key twice",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  a: hunter22\n  a: hunter23\n"
                .to_owned(),
            "DuplicateKey",
            ("  a: ***", "a: ***"),
        ),
        (
            "a Secret in a List of one line",
            "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, data: {a: aHVudGVyMjI=}}, {apiVersion: v1, kind: Pod, spec: {typo: 1}}]}"
                .to_owned(),
            "UnknownField",
            (
                "kind: Secret, data: {a: ***}}, {apiVersion: v1, kind: Pod, spec: {typo: 1}}]}",
                "typo: 1}}]}",
            ),
        ),
        (
            "a secret of several lines",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {a: 11, a: \"hunter22\n  hunter23\"}\n"
                .to_owned(),
            "DuplicateKey",
            ("stringData: {a: ***, a: ***", "a: ***"),
        ),
        (
            "a ConfigMap that holds a password",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  db-password: hunter22\n  db-password: hunter22\n"
                .to_owned(),
            "DuplicateKey",
            ("  db-password: ***", "db-password: ***"),
        ),
        (
            "what is no secret stays",
            with_env("    - {name: LOG_LEVEL, value: debug, typo: 1}\n"),
            "UnknownField",
            (
                "    - {name: LOG_LEVEL, value: debug, typo: 1}",
                "typo: 1}",
            ),
        ),
        (
            "so does the name of a Secret",
            with_env("    - name: DB_PASSWORD\n      valueFrom: {secretKeyRef: {name: db, key: password, typo: 1}}\n"),
            "UnknownField",
            (
                "      valueFrom: {secretKeyRef: {name: db, key: password, typo: 1}}",
                "typo: 1}}",
            ),
        ),
    ];
    for (says, text, code, (line, from)) in rows {
        let (is_line, is_from) = quoted(&text, code);
        // A long line is cut before the place.
        assert!(is_line.ends_with(line), "{says}: {is_line}");
        assert_eq!(is_from, from, "{says}");
        for secret in ["hunter2", "aHVudGVy", "4815162342", "eyJ"] {
            assert!(!is_line.contains(secret), "{says}: {is_line}");
        }
    }
}

#[test]
fn no_form_of_a_report_shows_a_secret() {
    let env = "    - {name: API_TOKEN, value: hunter22, typo: 1}\n    - {name: PASSWORD, value: 4815162342}\n";
    let report = judged(&with_env(env));
    let lines: Vec<_> = report.files.iter().flat_map(finding_lines).collect();
    let mut streamed = DocumentWriter::sarif("1.0.0");
    let piece = streamed.file(&report.files[0]).unwrap().unwrap();
    let forms = [
        format!("{lines:?}"),
        json(&report).unwrap(),
        sarif(&report, "1.0.0").unwrap(),
        junit(&report),
        markdown(&report),
        piece,
    ];
    for text in forms {
        assert!(text.contains("UnknownField"), "{text}");
        for secret in ["hunter22", "4815162342"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
