//! The report as one JSON document of our own form.

use rollguard_core::report::document::NotChecked;
use serde_json::{Error, Value, json};

use super::pieces::Pieces;
use crate::finding::{Finding, Suppression};
use crate::run::{LintedFile, Report};
use crate::severity::Severity;
use crate::suggestion::suggestion;

/// The version of the form: it rises when a key changes its meaning or goes.
const VERSION: u32 = 1;

/// The document on its way out.
#[derive(Debug)]
pub(super) struct JsonWriter(Pieces);

impl JsonWriter {
    pub(super) fn new() -> Self {
        Self(Pieces::new("{\n  \"findings\": [".to_owned(), 1, "}"))
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.0.has_begun()
    }

    pub(super) fn file(&mut self, file: &LintedFile) -> Result<Option<String>, Error> {
        let all = file.findings.iter();
        self.0.add(all.map(|it| finding(&file.path, &it.finding)))
    }

    pub(super) fn end(self, report: &Report) -> Result<String, Error> {
        let problems = report.problems.iter();
        let problems: Vec<Value> = problems
            .map(|it| json!({"file": it.path, "message": it.what}))
            .collect();
        let summary = &report.summary;
        self.0.end(&json!({
            "problems": problems,
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
        }))
    }

    /// The fields of a call without a result, beside the findings so far.
    pub(super) fn fail(self, failure: &NotChecked) -> Result<String, Error> {
        self.0.end(&serde_json::to_value(failure)?)
    }
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
