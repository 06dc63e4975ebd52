//! `--record FILE`: a redacted trace of what was seen.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use rollguard_cluster::record;
use rollguard_core::observation::Observation;
use rollguard_core::trace::Header;

use crate::failure::Failure;

/// Writes a trace, or nothing.
pub struct Recorder(Option<record::Recorder<BufWriter<File>>>);

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
    pub fn to_file(path: &Path, header: &Header) -> Result<Self, Failure> {
        Ok(Self(Some(record::Recorder::create(path, header)?)))
    }

    /// Writes one observation.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, observation: &Observation) -> Result<(), Failure> {
        match &mut self.0 {
            Some(recorder) => Ok(recorder.write(observation)?),
            None => Ok(()),
        }
    }
}
