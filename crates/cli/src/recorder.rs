//! `--record FILE`: a redacted trace of what was seen.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use rollguard_cluster::record::redact;
use rollguard_core::observation::Observation;
use rollguard_core::trace::{self, Header};

/// Writes a trace, or nothing.
pub struct Recorder(Option<BufWriter<File>>);

impl Recorder {
    /// Writes nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Writes to a new file; an old one of that name is replaced.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn to_file(path: &Path, header: &Header) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("failed to create `{}`", path.display()))?;
        let mut writer = BufWriter::new(file);
        writer.write_all(trace::line(header)?.as_bytes())?;
        Ok(Self(Some(writer)))
    }

    /// Writes one observation.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, observation: &Observation) -> Result<()> {
        if let Some(writer) = &mut self.0 {
            writer.write_all(trace::line(&redact(observation))?.as_bytes())?;
            writer.flush()?;
        }
        Ok(())
    }
}
