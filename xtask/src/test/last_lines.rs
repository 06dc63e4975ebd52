//! The end of what a rung wrote to stderr, so that the summary can say why it failed when no test did.

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read};

/// Lines that are kept, and characters of a line.
const LINES: usize = 20;
const CHARACTERS: usize = 300;

/// The last lines of an output.
#[derive(Debug, Default)]
pub(super) struct LastLines(VecDeque<String>);

impl LastLines {
    /// Passes everything on to stderr and keeps the end of it.
    #[expect(
        clippy::print_stderr,
        reason = "what a rung says is passed on as it says it"
    )]
    pub(super) fn passing_on(output: impl Read) -> Self {
        let mut last = Self::default();
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            last.add(&line);
        }
        last
    }

    fn add(&mut self, line: &str) {
        if line.trim().is_empty() || is_frame(line) {
            return;
        }
        if self.0.len() == LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.chars().take(CHARACTERS).collect());
    }
}

/// Returns whether a line is of a backtrace, which is longer than the error that it follows.
fn is_frame(line: &str) -> bool {
    let text = line.trim_start();
    let number = text
        .split_once(": ")
        .map(|(number, _)| number.parse::<u16>());
    let is_numbered = line.starts_with("  ") && matches!(number, Some(Ok(_)));
    is_numbered || (line.starts_with("   ") && text.starts_with("at "))
}

/// Each on a line of its own, below what it explains.
impl fmt::Display for LastLines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|line| write!(formatter, "\n        {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_kept_without_empty_lines_and_backtraces() {
        let mut last = LastLines::default();
        (0..LINES).for_each(|number| last.add(&number.to_string()));
        let backtrace = ["  21: main", "             at ./csu/libc-start.c:360:3"];
        for line in ["", "  ", &"x".repeat(999)].into_iter().chain(backtrace) {
            last.add(line);
        }
        let said = last.to_string();
        let lines: Vec<&str> = said.lines().skip(1).map(str::trim).collect();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0], "1");
        assert_eq!(lines[LINES - 1].len(), CHARACTERS);
    }
}
