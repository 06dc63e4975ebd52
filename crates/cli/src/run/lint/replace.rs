//! Replaces a file at once: a reader sees the old text or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a text beside the file and renames it over the file, with its permissions. A link stays a link.
///
/// # Errors
/// When it is no file or may not be written, or the text cannot be written beside it. The file is then as it was.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() {
        return Err(io::Error::other(
            "it is not a file; `-` reads stdin and prints the new text",
        ));
    }
    // A rename asks only the folder for its permission.
    OpenOptions::new().write(true).open(&path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.rollguard", std::process::id()));
    let written = write_new(&beside, text)
        .and_then(|()| fs::set_permissions(&beside, metadata.permissions()))
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // What cannot be removed is hidden, and says whose it is.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
