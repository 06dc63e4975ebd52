//! `--record FILE`: a redacted trace of what was seen.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use rollguard_cluster::record;
use rollguard_core::observation::Observation;
use rollguard_core::trace::Header;

use crate::failure::Failure;

/// Writes a trace, or nothing.
pub struct Recorder(State);

enum State {
    Off,
    /// The file is there; which workloads there are is not known yet.
    Open(BufWriter<File>),
    Begun(record::Recorder<BufWriter<File>>),
}

impl Recorder {
    /// Writes nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self(State::Off)
    }

    /// Writes to a new file; an old one of that name is replaced.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn to_file(path: &Path) -> Result<Self, Failure> {
        Ok(Self(State::Open(record::create(path)?)))
    }

    /// Writes the first line; a trace has one only.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(&mut self, header: &Header) -> Result<(), Failure> {
        self.0 = match std::mem::replace(&mut self.0, State::Off) {
            State::Open(file) => State::Begun(record::Recorder::new(file, header)?),
            State::Off => State::Off,
            State::Begun(recorder) => State::Begun(recorder),
        };
        Ok(())
    }

    /// Writes one observation.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, observation: &Observation) -> Result<(), Failure> {
        match &mut self.0 {
            State::Begun(recorder) => Ok(recorder.write(observation)?),
            State::Off | State::Open(_) => Ok(()),
        }
    }
}
