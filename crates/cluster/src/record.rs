//! Writing what was observed as a trace: a bug report that gives nothing away.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use rollguard_core::observation::Observation;
use rollguard_core::trace::{Header, line};
use serde::Serialize;

use crate::Result;
use crate::error::{Cause, ClusterError};

mod redact;

pub use redact::{Redactor, redact};

/// Writes a trace, line by line, redacted.
#[derive(Debug)]
pub struct Recorder<W> {
    writer: W,
    redactor: Redactor,
}

/// Makes the file of a trace, before there is anything to write: that it cannot be written is better
/// known at once. A file that exists is replaced.
///
/// # Errors
/// When the file cannot be written.
#[expect(clippy::disallowed_methods, reason = "a trace is a file")]
pub fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).map_err(|source| {
        ClusterError::new(format!("write the trace to `{}`", path.display()), source)
    })?;
    Ok(BufWriter::new(file))
}

impl<W: Write> Recorder<W> {
    /// Begins a trace.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub fn new(writer: W, header: &Header) -> Result<Self> {
        let mut recorder = Self {
            writer,
            redactor: Redactor::new(header.http.clone()),
        };
        let mut header = header.clone();
        header.http = header.http.iter().map(redact::without_query).collect();
        recorder.put(&header)?;
        Ok(recorder)
    }

    /// Adds an observation, at once: a run that is killed leaves what it saw.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn write(&mut self, observation: &Observation) -> Result<()> {
        let redacted = self.redactor.redact(observation);
        self.put(&redacted)
    }

    fn put(&mut self, value: &impl Serialize) -> Result<()> {
        let failed = |cause: Cause| ClusterError::new("write the trace", cause);
        let line = line(value).map_err(|source| failed(std::io::Error::from(source).into()))?;
        self.writer
            .write_all(line.as_bytes())
            .and_then(|()| self.writer.flush())
            .map_err(|source| failed(source.into()))
    }
}

#[cfg(test)]
mod tests {
    use rollguard_core::observation::Seen;
    use rollguard_core::trace::{FORMAT, Trace};

    use super::*;
    use crate::error::ClusterErrorKind;
    use crate::testing::web;

    fn header() -> Header {
        header_with("/healthz~ok")
    }

    fn header_with(check: &str) -> Header {
        Header {
            rollguard_trace: FORMAT,
            workloads: vec![web()],
            kubernetes: "v1.35.4".to_owned(),
            timeout_seconds: None,
            stable_for_seconds: None,
            revision: None,
            http: vec![check.to_owned().try_into().unwrap()],
            traffic: false,
            grace_seconds: [].into(),
            provenance: "cluster".to_owned(),
        }
    }

    #[test]
    fn a_recording_is_read_as_a_trace() {
        let tick = Observation::new("2026-01-01T00:00:00Z".parse().unwrap(), Seen::Tick);
        let mut text = Vec::new();
        let mut recorder = Recorder::new(&mut text, &header()).unwrap();
        recorder.write(&tick).unwrap();
        let trace = Trace::parse(std::str::from_utf8(&text).unwrap()).unwrap();
        assert_eq!(trace.header, header());
        assert_eq!(trace.observations, [tick]);
    }

    #[test]
    fn the_words_of_a_checks_query_are_not_recorded() {
        let mut text = Vec::new();
        drop(Recorder::new(&mut text, &header_with("/ready?token=hush:8080=204")).unwrap());
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("/ready?***=***:8080=204"), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }

    #[test]
    fn every_line_is_on_disk_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.jsonl");
        let recorder = Recorder::new(create(&path).unwrap(), &header()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the file that was written")]
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        drop(recorder);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_bad_input_and_named() {
        let error = create(Path::new("/absent/trace.jsonl")).unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::BadInput);
        assert_eq!(
            error.to_string(),
            "write the trace to `/absent/trace.jsonl`"
        );
    }
}
