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

    /// Writes one observation. After an error nothing more is written: half a line would make the rest
    /// unreadable, and once is enough to say so.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, observation: &Observation) -> Result<(), Failure> {
        let State::Begun(recorder) = &mut self.0 else {
            return Ok(());
        };
        let written = recorder.write(observation);
        if written.is_err() {
            self.0 = State::Off;
        }
        Ok(written?)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::OwnedFd;

    use rollguard_core::policy::Policy;
    use rollguard_core::session::Session;

    use super::*;

    #[test]
    fn a_trace_that_cannot_be_written_on_is_told_once() {
        let header = Header::of(&Policy::default());
        let (reader, writer) = std::io::pipe().unwrap();
        let file = BufWriter::new(File::from(OwnedFd::from(writer)));
        let mut recorder = Recorder(State::Open(file));
        recorder.begin(&header).unwrap();
        let tick = Session::tick("2026-01-01T00:00:00Z".parse().unwrap());
        recorder.write(&tick).unwrap();
        drop(reader);
        let failure = recorder.write(&tick).unwrap_err();
        let told = failure.messages().join("; ");
        assert!(told.starts_with("failed to write the trace: "), "{told}");
        recorder.write(&tick).unwrap();
    }
}
