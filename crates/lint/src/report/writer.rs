//! The documents that are written file by file: the findings of one file are in memory, however many there are.

use rollguard_core::report::document::NotChecked;
use serde_json::Error;

use super::json::JsonWriter;
use super::sarif::SarifWriter;
use crate::run::{LintedFile, Report};

/// Returns the report as JSON.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json(report: &Report) -> Result<String, Error> {
    DocumentWriter::json().end(report)
}

/// Returns the report as SARIF; `version` is that of the program.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn sarif(report: &Report, version: &'static str) -> Result<String, Error> {
    DocumentWriter::sarif(version).end(report)
}

/// A document for programs on its way out. Its pieces, each on lines of its own, make the document.
#[derive(Debug)]
pub struct DocumentWriter(Form);

#[derive(Debug)]
enum Form {
    Json(JsonWriter),
    Sarif(SarifWriter),
}

impl DocumentWriter {
    /// Begins a document of our own form.
    #[must_use]
    pub fn json() -> Self {
        Self(Form::Json(JsonWriter::new()))
    }

    /// Begins a SARIF log; `version` is that of the program.
    #[must_use]
    pub fn sarif(version: &'static str) -> Self {
        Self(Form::Sarif(SarifWriter::new(version)))
    }

    /// Returns whether a piece was written: what follows has to complete the document.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        match &self.0 {
            Form::Json(it) => it.has_begun(),
            Form::Sarif(it) => it.has_begun(),
        }
    }

    /// Adds the findings of a file; returns what can be written.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn file(&mut self, file: &LintedFile) -> Result<Option<String>, Error> {
        match &mut self.0 {
            Form::Json(it) => it.file(file),
            Form::Sarif(it) => it.file(file),
        }
    }

    /// Ends the document with the findings that are left, and with what the whole call says.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn end(mut self, report: &Report) -> Result<String, Error> {
        let mut pieces = Vec::new();
        for file in &report.files {
            pieces.extend(self.file(file)?);
        }
        pieces.push(match self.0 {
            Form::Json(it) => it.end(report),
            Form::Sarif(it) => it.end(report),
        }?);
        Ok(pieces.join("\n"))
    }

    /// Ends the document of a call that came to no result.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn fail(self, failure: &NotChecked) -> Result<String, Error> {
        match self.0 {
            Form::Json(it) => it.fail(failure),
            Form::Sarif(it) => it.fail(failure),
        }
    }
}
