//! The folder and the name of one cluster run, and what lives and dies with them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::binaries::Binaries;
use super::clear::clear;
use super::ports::Ports;
use super::process::Process;

/// One run of a cluster: a fresh folder, a name of its own, and every process started for it.
///
/// A run holds a lock beside its folder for as long as it lives. A process that gets the lock knows that
/// the owner is gone, however it ended, and clears what it left behind: [`Run::begin`] does so for
/// all earlier runs. Dropping a run takes the same path.
#[derive(Debug)]
pub(super) struct Run {
    id: String,
    folder: PathBuf,
    lock_path: PathBuf,
    processes: Mutex<Vec<Process>>,
    ports: Ports,
    binaries: Binaries,
    lock: File,
}

impl Run {
    /// Clears what dead runs left behind and opens a new run.
    ///
    /// # Errors
    /// When the folder cannot be made, or a leftover cannot be cleared.
    pub(super) fn begin() -> Result<Self> {
        Self::begin_in(&std::env::temp_dir().join("rollguard-cluster"))
    }

    fn begin_in(parent: &Path) -> Result<Self> {
        fs::create_dir_all(parent)
            .with_context(|| format!("failed to create `{}`", parent.display()))?;
        // The kernel lists mounts by their real path.
        let parent = parent
            .canonicalize()
            .with_context(|| format!("failed to resolve `{}`", parent.display()))?;
        clear_dead_runs(&parent)?;
        for attempt in 0..16 {
            let id = fresh_id(attempt)?;
            let lock_path = parent.join(format!("{id}.lock"));
            let Ok(lock) = File::create_new(&lock_path) else {
                continue;
            };
            // Another starting run may hold the lock for a moment: it takes this for a leftover.
            if lock.try_lock().is_err() {
                continue;
            }
            let folder = parent.join(&id);
            fs::create_dir(&folder)
                .with_context(|| format!("failed to create `{}`", folder.display()))?;
            fs::create_dir(folder.join("logs")).context("failed to create the log folder")?;
            let ports = Ports::from(u32::from_str_radix(&id, 16).unwrap_or_default());
            let processes = Mutex::default();
            return Ok(Self {
                id,
                folder,
                lock_path,
                processes,
                ports,
                binaries: Binaries::from_env(),
                lock,
            });
        }
        bail!(
            "failed to find a free name for a cluster below `{}`",
            parent.display()
        )
    }

    /// Eight hexadecimal digits that no other live run has.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// A path inside the run's folder.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }

    /// Writes a file into the run's folder, with the folders above it, and returns its path.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self, inside: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(inside);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("failed to create `{}`", parent.display()))?;
        }
        fs::write(&path, content)
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        Ok(path)
    }

    /// A program that is built from `tests/cluster`.
    ///
    /// # Errors
    /// When it was not built.
    pub(super) fn built(&self, name: &str) -> Result<PathBuf> {
        self.binaries.built(name)
    }

    /// A loopback port for one of the run's processes.
    ///
    /// # Errors
    /// When none is free.
    pub(super) fn port(&self) -> Result<u16> {
        self.ports.reserve()
    }

    /// Starts a process that ends with the run; its output goes to `logs/<name>.log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn spawn(&self, name: &str, command: Command) -> Result<()> {
        let process = Process::start(&self.folder, name, command)?;
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(process);
        Ok(())
    }

    /// Fails, with the last lines of its log, if any process of the run has ended on its own.
    ///
    /// # Errors
    /// When one has.
    pub(super) fn ensure_alive(&self) -> Result<()> {
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.iter_mut().try_for_each(Process::ensure_alive)
    }

    /// Ends every process hard and removes every trace of the run. Harmless when done twice.
    pub(super) fn end(&self) -> Result<()> {
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Last started, first ended: the kubelet must be gone before its containers are.
        while let Some(mut process) = processes.pop() {
            process.kill();
        }
        clear(&self.folder, &self.id)?;
        match fs::remove_file(&self.lock_path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
                .with_context(|| format!("failed to remove `{}`", self.lock_path.display())),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // What cannot be cleared now is cleared by the next run: the lock is free then.
        let _ = self.end();
        let _ = self.lock.unlock();
    }
}

/// Clears every run below `parent` whose owner is gone.
fn clear_dead_runs(parent: &Path) -> Result<()> {
    let entries =
        fs::read_dir(parent).with_context(|| format!("failed to list `{}`", parent.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let Some(id) = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".lock"))
        else {
            continue;
        };
        let Ok(lock) = File::open(&path) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            clear(&parent.join(id), id)
                .with_context(|| format!("failed to clear what the run `{id}` left behind"))?;
            fs::remove_file(&path)
                .with_context(|| format!("failed to remove `{}`", path.display()))?;
        }
    }
    Ok(())
}

fn fresh_id(attempt: u32) -> Result<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    let mixed = u64::from(std::process::id())
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(u64::from(now.subsec_nanos()).wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
        .wrapping_add(now.as_secs() ^ u64::from(attempt));
    Ok(format!("{:08x}", (mixed ^ (mixed >> 32)) & 0xFFFF_FFFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("600");
        command
    }

    fn recorded_pid(run: &Run) -> u32 {
        let pids = fs::read_to_string(run.path("pids")).unwrap();
        pids.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// A killed child of this very process stays in the process table until it is waited for.
    fn is_running(pid: u32) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
    }

    #[test]
    fn two_runs_share_neither_name_nor_folder() {
        let parent = tempfile::tempdir().unwrap();
        let one = Run::begin_in(parent.path()).unwrap();
        let other = Run::begin_in(parent.path()).unwrap();
        assert_ne!(one.id(), other.id());
        assert!(one.path("logs").is_dir() && other.path("logs").is_dir());
    }

    #[test]
    fn a_run_that_ends_takes_its_processes_and_its_folder_with_it() {
        let parent = tempfile::tempdir().unwrap();
        let run = Run::begin_in(parent.path()).unwrap();
        run.spawn("sleeper", sleeper()).unwrap();
        let pid = recorded_pid(&run);
        assert!(is_running(pid));
        drop(run);
        assert!(!is_running(pid));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_run_left_behind_is_cleared_by_the_next() {
        let parent = tempfile::tempdir().unwrap();
        let killed = Run::begin_in(parent.path()).unwrap();
        killed.spawn("sleeper", sleeper()).unwrap();
        let (pid, folder) = (recorded_pid(&killed), killed.path(""));
        // What the kernel does when the owner is killed.
        killed.lock.unlock().unwrap();

        let _next = Run::begin_in(parent.path()).unwrap();
        assert!(!is_running(pid));
        assert!(!folder.exists());
    }

    #[test]
    fn a_live_run_is_left_alone_by_the_next() {
        let parent = tempfile::tempdir().unwrap();
        let live = Run::begin_in(parent.path()).unwrap();
        live.spawn("sleeper", sleeper()).unwrap();
        let _next = Run::begin_in(parent.path()).unwrap();
        assert!(is_running(recorded_pid(&live)));
    }

    #[test]
    fn a_process_that_dies_early_is_reported_with_its_last_words() {
        let parent = tempfile::tempdir().unwrap();
        let run = Run::begin_in(parent.path()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such flag >&2; exit 3"]);
        run.spawn("etcd", command).unwrap();
        let error = loop {
            if let Err(error) = run.ensure_alive() {
                break format!("{error:#}");
            }
            std::thread::yield_now();
        };
        assert!(
            error.contains("etcd") && error.contains("no such flag"),
            "{error}"
        );
    }
}
