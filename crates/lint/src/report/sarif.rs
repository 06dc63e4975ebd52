//! The report as SARIF 2.1.0, as the Scans tab of Azure Pipelines and code scanning read it.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::fmt::Write as _;

use std::collections::BTreeSet;

use rollguard_core::report::without_markers;
use serde_json::{Value, json};

use crate::baseline::key;
use crate::code::{LintCode, PRACTICES};
use crate::finding::{Finding, Suppression};
use crate::run::{Located, Report};
use crate::severity::Severity;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Returns the report as SARIF; `version` is that of the program.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn sarif(report: &Report, version: &str) -> Result<String, serde_json::Error> {
    let codes: BTreeSet<LintCode> = report.findings().map(|it| it.code).collect();
    let codes: Vec<LintCode> = codes.into_iter().collect();
    let files = report.files.iter();
    let results: Vec<Value> = files
        .flat_map(|file| {
            let all = file.findings.iter();
            all.map(|it| result(&file.path, it, &codes))
        })
        .collect();
    let notifications = report.problems.iter().map(|problem| {
        json!({
            "level": "error",
            "message": {"text": problem.what},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(&problem.path)}}}],
        })
    });
    let notifications: Vec<Value> = notifications.collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "rollguard",
                "version": version,
                "rules": codes.iter().map(|it| rule(*it)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": notifications.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    Ok(without_markers(&serde_json::to_string_pretty(&document)?))
}

fn rule(code: LintCode) -> Value {
    let practice = code.practice().and_then(|number| {
        let name = PRACTICES.get(usize::from(number).checked_sub(1)?)?;
        Some(format!("practice {number}: {name}"))
    });
    json!({
        "id": code.as_str(),
        "name": code.as_str(),
        "shortDescription": {"text": code.what()},
        "fullDescription": {"text": format!("{} Source: {}.", code.what(), code.source())},
        "help": {"text": format!("Fix: {}.", code.fix())},
        "defaultConfiguration": {"level": level(code.severity())},
        "properties": {"tags": practice.into_iter().collect::<Vec<_>>()},
    })
}

fn result(path: &str, located: &Located, codes: &[LintCode]) -> Value {
    let finding = &located.finding;
    let mark = finding.mark;
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": codes.iter().position(|it| *it == finding.code),
        "level": level(finding.severity),
        "message": {"text": format!("{}. Fix: {}.", finding.message, finding.fix)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(path)},
                "region": {
                    "startLine": mark.line,
                    "startColumn": mark.column,
                    "endColumn": mark.column + mark.length,
                    "snippet": {"text": located.source},
                },
            },
            "logicalLocations": [{
                "fullyQualifiedName": format!("{}: {}", finding.object, finding.path),
                "kind": "object",
            }],
        }],
        "properties": {"levels": finding.levels.iter().map(|it| it.as_str()).collect::<Vec<_>>()},
        "partialFingerprints": {"rollguardLint/v1": key(finding)},
    });
    if let Some(suppression) = &finding.suppression
        && let Some(result) = result.as_object_mut()
    {
        result.insert(
            "suppressions".to_owned(),
            json!([suppression_of(suppression, finding)]),
        );
    }
    result
}

fn suppression_of(suppression: &Suppression, finding: &Finding) -> Value {
    match suppression {
        Suppression::Annotation { .. } => json!({
            "kind": "inSource",
            "justification": format!("{suppression} ({})", finding.object),
        }),
        Suppression::Baseline => {
            json!({"kind": "external", "justification": suppression.to_string()})
        }
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// Returns a path as a relative URI: every byte that is not allowed in a path is percent-encoded.
pub(super) fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
