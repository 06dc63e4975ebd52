//! The lines that a program writes, and their times.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Output};
use std::thread;
use std::time::{Duration, Instant};

/// A line that a program wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How long after the start of the program.
    pub after: Duration,
    /// Its text.
    pub line: String,
}

/// When the first line was written that satisfies a condition.
#[must_use]
pub fn first(said: &[Said], holds: impl Fn(&str) -> bool) -> Option<Duration> {
    let matching = said.iter().filter(|it| holds(&it.line));
    matching.map(|it| it.after).min()
}

/// Returns whether a line contains a word, such as the code of a cause, and not only as a part of
/// another word.
#[must_use]
pub fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|it| it == word)
}

/// Reads both streams of a program, which must be piped, to its end. The lines of both are in the order
/// of their times.
///
/// # Errors
/// When a stream cannot be read, or the program cannot be waited for.
pub fn listen(mut child: Child, started: Instant) -> std::io::Result<(Output, Vec<Said>)> {
    let stdout = child.stdout.take();
    let stdout =
        thread::spawn(move || stdout.map_or(Ok(Stream::default()), |it| read(it, started)));
    let stderr = child.stderr.take();
    let stderr = stderr.map_or(Ok(Stream::default()), |it| read(it, started))?;
    let stdout = stdout
        .join()
        .map_err(|_| std::io::Error::other("the reader of stdout panicked"))??;
    let status = child.wait()?;
    let mut said = [stdout.said, stderr.said].concat();
    said.sort_by_key(|it| it.after);
    let output = Output {
        status,
        stdout: stdout.bytes,
        stderr: stderr.bytes,
    };
    Ok((output, said))
}

#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    said: Vec<Said>,
}

fn read(stream: impl Read, started: Instant) -> std::io::Result<Stream> {
    let mut reader = BufReader::new(stream);
    let mut all = Stream::default();
    loop {
        let begin = all.bytes.len();
        if reader.read_until(b'\n', &mut all.bytes)? == 0 {
            return Ok(all);
        }
        let line = all.bytes.get(begin..).unwrap_or_default();
        all.said.push(Said {
            after: started.elapsed(),
            line: String::from_utf8_lossy(line).trim_end().to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn every_line_of_both_streams_has_its_time_and_no_byte_is_lost() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo first; echo second >&2; printf 'no end'"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let (output, said) = listen(child, Instant::now()).unwrap();
        assert_eq!(output.stdout, b"first\nno end");
        assert_eq!(output.stderr, b"second\n");
        let mut lines: Vec<&str> = said.iter().map(|it| it.line.as_str()).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["first", "no end", "second"]);
        assert!(said.is_sorted_by_key(|it| it.after));
    }

    #[test]
    fn the_first_line_that_names_the_code_counts_and_a_longer_code_does_not() {
        let said = [
            (1, "+1s  container `app` ended once (CrashAtStartAgain)"),
            (2, "+2s  container `app` ended once (CrashAtStart)"),
            (3, "CrashAtStart: container `app` ended twice"),
        ];
        let said = said.map(|(second, line)| Said {
            after: Duration::from_secs(second),
            line: line.to_owned(),
        });
        let names = |code: &str| first(&said, |line| has_word(line, code)).map(|it| it.as_secs());
        assert_eq!(names("CrashAtStart"), Some(2));
        assert_eq!(names("ImageNotFound"), None);
    }
}
