//! Reads a file that the user names, up to a limit: it may be a device that never ends.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads the text of a file.
///
/// # Errors
/// When it cannot be read, is not UTF-8, or is longer than `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> io::Result<String> {
    read(File::open(path)?, limit)
}

/// Reads a stream to its end.
///
/// # Errors
/// As [`read_file`].
pub(crate) fn read(stream: impl Read, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    // One byte more tells a file of just this length from a longer one.
    stream.take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        let mib = limit / (1 << 20);
        let limit = if mib > 0 {
            format!("{mib} MiB")
        } else {
            format!("{} KiB", limit / 1024)
        };
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {limit}"),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_the_limit_is_read_and_no_more() {
        let rows = [
            ("nothing", 0, true),
            ("just the limit", 2048, true),
            ("one byte more", 2049, false),
        ];
        for (says, length, is_read) in rows {
            let text = read(io::repeat(b'x').take(length), 2048);
            assert_eq!(text.is_ok(), is_read, "{says}");
        }
        let endless = read(io::repeat(0), 2048).unwrap_err();
        assert_eq!(endless.to_string(), "it is longer than 2 KiB");
    }
}
