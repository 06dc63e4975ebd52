//! A long-running process of the cluster.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// How many of its last log lines an ended process is reported with.
const LAST_WORDS: usize = 15;

/// A child process with a log file, recorded in the run's `pids` file so that a later run can end
/// it when this one cannot.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in a process group of its own: an interrupt at the terminal reaches the
    /// tests, which then end the cluster in order.
    ///
    /// # Errors
    /// When it cannot be started or recorded.
    pub(super) fn start(folder: &Path, name: &str, mut command: Command) -> Result<Self> {
        let log = folder.join("logs").join(format!("{name}.log"));
        let output =
            File::create(&log).with_context(|| format!("failed to create `{}`", log.display()))?;
        let errors = output.try_clone().context("failed to share a log file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        let process = Self {
            name: name.to_owned(),
            child,
            log,
        };
        process.record(&folder.join("pids"))?;
        Ok(process)
    }

    fn record(&self, pids: &Path) -> Result<()> {
        let pid = self.child.id();
        let Some(start) = start_time(pid) else {
            return Ok(());
        };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(pids)
            .with_context(|| format!("failed to open `{}`", pids.display()))?;
        writeln!(file, "{pid} {start}").context("failed to record a process")
    }

    /// Fails with the last log lines if the process has ended.
    ///
    /// # Errors
    /// When it has.
    pub(super) fn ensure_alive(&mut self) -> Result<()> {
        let Some(status) = self
            .child
            .try_wait()
            .context("failed to ask for a child's status")?
        else {
            return Ok(());
        };
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
        bail!(
            "{} ended early ({status}); its last lines:\n{last}",
            self.name
        )
    }

    /// Ends the process at once. The control plane's graceful end can take a minute, and nothing of
    /// it is worth keeping.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// When a process started, in clock ticks since boot: with the pid, an identity that is not reused.
/// The 22nd field of `/proc/<pid>/stat`, counted after the command's closing parenthesis.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()
}
