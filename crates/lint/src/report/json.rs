//! The report as one JSON document of our own form.

use rollguard_core::report::without_markers;
use serde_json::{Value, json};

use crate::finding::{Finding, Suppression};
use crate::run::Report;
use crate::severity::Severity;
use crate::suggestion::suggestion;

/// The version of the form: it rises when a key changes its meaning or goes.
const VERSION: u32 = 1;

/// Returns the report as JSON.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let files = report.files.iter();
    let findings: Vec<Value> = files
        .flat_map(|file| {
            let all = file.findings.iter();
            all.map(|it| finding(&file.path, &it.finding))
        })
        .collect();
    let problems = report.problems.iter();
    let problems: Vec<Value> = problems
        .map(|it| json!({"file": it.path, "message": it.what}))
        .collect();
    let summary = &report.summary;
    let document = json!({
        "schemaVersion": VERSION,
        "summary": {
            "files": summary.files,
            "podTemplates": summary.judged,
            "errors": summary.count(Severity::Error),
            "warnings": summary.count(Severity::Warning),
            "infos": summary.count(Severity::Info),
            "exempted": summary.exempted,
            "inBaseline": summary.known,
            "fixable": summary.fixable,
            "skippedKinds": summary.skipped,
            "foreignDocuments": summary.foreign,
        },
        "findings": findings,
        "problems": problems,
    });
    Ok(without_markers(&serde_json::to_string_pretty(&document)?))
}

fn finding(file: &str, it: &Finding) -> Value {
    json!({
        "code": it.code.as_str(),
        "practice": it.code.practice(),
        "severity": it.severity,
        "file": file,
        "line": it.mark.line,
        "column": it.mark.column,
        "object": it.object,
        "container": it.container,
        "levels": it.levels.iter().map(|it| it.as_str()).collect::<Vec<_>>(),
        "path": it.path,
        "message": it.message,
        "fix": it.fix,
        "fixable": it.edit.is_some(),
        "suggestion": suggestion(it),
        "suppression": it.suppression.as_ref().map(suppression),
    })
}

fn suppression(suppression: &Suppression) -> Value {
    match suppression {
        Suppression::Annotation { reason, until } => json!({
            "by": "annotation",
            "reason": reason,
            "until": until.map(|it| it.to_string()),
        }),
        Suppression::Baseline => json!({"by": "baseline"}),
    }
}
