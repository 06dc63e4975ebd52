//! Builds the package's binaries while the trials on the real cluster wait for their rollouts.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::generate::root;

/// Starts the builds of the rung `package`, which yield to everything else. That rung waits for them, does again what
/// failed in them, and shows it.
///
/// # Errors
/// When they cannot be started.
pub(super) fn build_package() -> Result<Child> {
    let path = root().join("target/package-build.log");
    let log = File::create(&path).with_context(|| format!("failed to write {}", path.display()))?;
    Command::new("nice")
        .args(["-n", "19"])
        .arg(std::env::current_exe().context("failed to find this program")?)
        .args(["package", "--quick", "--only-build"])
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("failed to share the log")?)
        .stderr(log)
        .spawn()
        .context("failed to start `nice`")
}

/// Waits for the builds: two that install Debian packages at the same time would refuse each other.
///
/// # Errors
/// When their end cannot be awaited.
pub(super) fn wait(builds: Option<Child>) -> Result<()> {
    if let Some(mut builds) = builds {
        builds.wait().context("failed to wait for the builds")?;
    }
    Ok(())
}
