//! Filters the logging commands out of a task's output, as the agent does, and shows the rest.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rollguard_agent::command::TaskOutput;

/// Writes the lines that are no logging command to a terminal or a log.
pub(super) struct CommandFilter {
    out: Box<dyn Write + Send>,
    line: Vec<u8>,
    heard: Arc<Mutex<TaskOutput>>,
}

impl CommandFilter {
    /// A filter in front of `out`, and what it hears.
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

impl Write for CommandFilter {
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
