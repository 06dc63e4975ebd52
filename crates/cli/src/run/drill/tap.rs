//! Stands where the agent stands: takes a task's lines, keeps its commands, shows the rest.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rollguard_agent::command::TaskOutput;

/// Writes to a terminal or a log what is no command.
pub(super) struct Tap {
    out: Box<dyn Write + Send>,
    line: Vec<u8>,
    heard: Arc<Mutex<TaskOutput>>,
}

impl Tap {
    /// A tap in front of `out`, and what it hears.
    pub(super) fn new(out: Box<dyn Write + Send>) -> (Self, Arc<Mutex<TaskOutput>>) {
        let heard = Arc::new(Mutex::new(TaskOutput::default()));
        (
            Self {
                out,
                line: Vec::new(),
                heard: Arc::clone(&heard),
            },
            heard,
        )
    }

    fn end_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let is_command = self
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .read_line(text.trim_end());
        if is_command {
            Ok(())
        } else {
            self.out.write_all(&line)
        }
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.line.push(*byte);
            if *byte == b'\n' {
                self.end_line()?;
            }
        }
        Ok(bytes.len())
    }

    /// A status line has no end yet; it goes out as it is, since a command is always a whole line.
    fn flush(&mut self) -> io::Result<()> {
        if self.line.starts_with(b"\r") {
            let line = std::mem::take(&mut self.line);
            self.out.write_all(&line)?;
        }
        self.out.flush()
    }
}
