//! Writes the man pages and the completions below a folder; `cargo xtask manual` calls it.
#![expect(
    clippy::disallowed_methods,
    reason = "a developer's tool reads its arguments"
)]

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rollguard::{SHELLS, command_line, script};

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("name a folder")?;
    let folder = PathBuf::from(folder);
    let man = folder.join("man");
    fs::create_dir_all(&man)?;
    clap_mangen::generate_to(command_line(), &man)?;
    let completions = folder.join("completions");
    fs::create_dir_all(&completions)?;
    for (shell, file) in SHELLS {
        fs::write(completions.join(file), script(shell) + "\n")?;
    }
    Ok(())
}
