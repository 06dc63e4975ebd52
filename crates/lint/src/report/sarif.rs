//! The report as SARIF 2.1.0, as the Scans tab of Azure Pipelines and code scanning read it.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::fmt::Write as _;

use rollguard_core::report::document::NotChecked;
use serde_json::{Error, Value, json};

use super::pieces::Pieces;
use crate::baseline::key;
use crate::code::{LintCode, PRACTICES};
use crate::finding::{Finding, Suppression};
use crate::run::{LintedFile, Located, Report};
use crate::severity::Severity;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log on its way out.
#[derive(Debug)]
pub(super) struct SarifWriter {
    version: &'static str,
    /// The codes so far, each at the index of its rule.
    codes: Vec<LintCode>,
    results: Pieces,
}

impl SarifWriter {
    pub(super) fn new(version: &'static str) -> Self {
        let open = format!(
            "{{\n  \"$schema\": \"{SCHEMA}\",\n  \"version\": \"2.1.0\",\n  \"runs\": [\n    {{\n      \"results\": ["
        );
        Self {
            version,
            codes: Vec::new(),
            results: Pieces::new(open, 3, "    }\n  ]\n}"),
        }
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.results.has_begun()
    }

    pub(super) fn file(&mut self, file: &LintedFile) -> Result<Option<String>, Error> {
        for located in &file.findings {
            if !self.codes.contains(&located.finding.code) {
                self.codes.push(located.finding.code);
            }
        }
        let all = file.findings.iter();
        self.results
            .add(all.map(|it| result(&file.path, it, &self.codes)))
    }

    pub(super) fn end(self, report: &Report) -> Result<String, Error> {
        let notifications = report.problems.iter().map(|problem| {
            json!({
                "level": "error",
                "message": {"text": problem.what},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(&problem.path)}}}],
            })
        });
        self.ended(&notifications.collect::<Vec<_>>())
    }

    pub(super) fn fail(self, failure: &NotChecked) -> Result<String, Error> {
        let notification = |text: &String| json!({"level": "error", "message": {"text": text}});
        let notifications = failure.messages.iter().map(notification);
        self.ended(&notifications.collect::<Vec<_>>())
    }

    fn ended(self, notifications: &[Value]) -> Result<String, Error> {
        let rules: Vec<Value> = self.codes.iter().map(|it| rule(*it)).collect();
        self.results.end(&json!({
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": notifications.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "tool": {"driver": {
                "name": "rollguard",
                "version": self.version,
                "rules": rules,
            }},
        }))
    }
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

pub(super) const fn level(severity: Severity) -> &'static str {
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
