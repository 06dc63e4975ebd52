//! Measures what a command takes, starts and writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rollguard_measured::starts::{Cost, Files, Started};

use crate::product::{Ran, Running};

/// Before anything was counted.
pub const NOTHING: Started = Started {
    processes: 0,
    programs: 0,
};

/// The unit of the kernel's times of a process (`USER_HZ`), the same on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The first field of `/proc/self/stat` after the name that is read, and the two after the parent's
/// own times: user and kernel mode of the children that have ended.
const CHILDREN: [usize; 2] = [13, 14];

/// Runs a command, which must succeed, and waits for its end.
///
/// # Errors
/// When it cannot be started, or fails.
pub fn of(command: Command) -> Result<Cost> {
    let before = children()?;
    let started = Instant::now();
    run(command)?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Cost {
        seconds,
        cpu_seconds: children()? - before,
    })
}

fn run(mut command: Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A command whose use of the processor and of memory is measured, and that of all its children, while others
/// run.
#[derive(Debug)]
pub struct Metered {
    command: Command,
    said: PathBuf,
}

/// The use of a [`Metered`] command.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// In user mode and in the kernel.
    pub cpu_seconds: f64,
    /// The most resident memory of any one process.
    pub peak_kibibytes: u64,
}

impl Metered {
    /// Wraps a command, which is killed after so many seconds; `folder` takes a file.
    #[must_use]
    pub fn new(command: &Command, limit: u64, folder: &Path) -> Self {
        let said = folder.join("used");
        let mut metered = Command::new("/usr/bin/time");
        metered
            .args(["-q", "-f", "%U %S %M", "-o"])
            .arg(&said)
            .args(["/usr/bin/timeout", &limit.to_string()])
            .arg(command.get_program())
            .args(command.get_args());
        let variables = command.get_envs();
        metered.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        Self {
            command: metered,
            said,
        }
    }

    /// Runs it to its end, which may be a failure.
    ///
    /// # Errors
    /// When it cannot be started, or `time` is missing.
    pub async fn ended(self) -> Result<(Ran, Used)> {
        let ran = Running::start(self.command)?.ended().await?;
        let text = fs::read_to_string(&self.said).context("failed to read what a command used")?;
        Ok((ran, read_used(&text)?))
    }
}

fn read_used(text: &str) -> Result<Used> {
    let last = text.lines().last().unwrap_or_default();
    let fields: Vec<&str> = last.split(' ').collect();
    let [user, system, kibibytes] = fields[..] else {
        anyhow::bail!("failed to understand `{last}` of /usr/bin/time")
    };
    Ok(Used {
        cpu_seconds: user.parse::<f64>()? + system.parse::<f64>()?,
        peak_kibibytes: kibibytes.parse()?,
    })
}

/// The processor time of all children that have ended, and of theirs.
fn children() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name may hold spaces.
    let (_, fields) = stat.rsplit_once(") ").context("no name in the stat file")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let mut ticks = 0.0;
    for field in CHILDREN {
        let text = fields.get(field).context("the stat file is short")?;
        ticks += text.parse::<f64>()?;
    }
    Ok(ticks / TICKS_PER_SECOND)
}

/// Runs a command below strace, which writes into `folder`, and counts what it starts.
///
/// # Errors
/// When strace is missing, or the command fails.
pub fn started(command: &Command, folder: &Path) -> Result<Started> {
    let file = folder.join("trace");
    let mut traced = Command::new("strace");
    traced
        .env_clear()
        .args(["-f", "-qq", "-s", "1", "-e", "signal=none"])
        .args(["-e", "trace=execve,clone,clone3,fork,vfork"])
        .arg("-o")
        .arg(&file)
        .arg(command.get_program())
        .args(command.get_args());
    let variables = command.get_envs();
    traced.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        traced.current_dir(folder);
    }
    run(traced)?;
    Ok(count(&fs::read_to_string(file)?))
}

fn count(trace: &str) -> Started {
    let births = trace.lines().filter(|line| {
        // After the number of the process.
        let called = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let begins = |name: &str| called.trim_start().starts_with(name);
        let forks = ["clone(", "clone3(", "fork(", "vfork("]
            .into_iter()
            .any(begins);
        forks && !line.contains("CLONE_THREAD")
    });
    let loads = trace
        .lines()
        .filter(|line| line.contains("execve") && line.trim_end().ends_with("= 0"));
    Started {
        processes: 1 + births.count(),
        programs: loads.count(),
    }
}

/// All files below a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn files(folder: &Path) -> Result<Files> {
    let mut files = Files::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_dir() {
            let inner = self::files(&entry.path())?;
            files.count += inner.count;
            files.bytes += inner.bytes;
        } else {
            files.count += 1;
            files.bytes += about.len();
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_failed_attempts_are_neither_processes_nor_programs() {
        let trace = r#"
10 execve("/usr/bin/az", ["/"...], 0x7ff /* 9 vars */) = 0
10 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f) = 11
11 execve("/opt/python", ["p"...], 0x55 /* 9 vars */) = -1 ENOENT (No such file or directory)
11 execve("/usr/bin/python", ["p"...], 0x55 /* 9 vars */ <unfinished ...>
11 <... execve resumed>)             = 0
11 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f}, 88 <unfinished ...>
11 <... clone3 resumed> => {parent_tid=[12]}, 88) = 12
12 vfork( <unfinished ...>
13 execve("/bin/sh", ["s"...], 0x7f /* 9 vars */) = 0
"#;
        let found = count(trace);
        assert_eq!((found.processes, found.programs), (3, 3));
    }

    #[test]
    fn a_command_that_fails_costs_nothing_but_an_error() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exit 3"]);
        assert!(of(command).is_err());
    }

    #[test]
    fn the_use_of_a_command_is_read_past_what_time_says_of_its_end() {
        let used = read_used("Command exited with non-zero status 10\n1.25 0.50 20480\n").unwrap();
        assert!((used.cpu_seconds - 1.75).abs() < 1e-9 && used.peak_kibibytes == 20480);
        assert!(read_used("time: cannot run kubedog\n").is_err());
    }

    #[test]
    fn the_processor_time_of_a_child_is_counted() {
        let mut busy = Command::new("/bin/sh");
        busy.args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"]);
        let cost = of(busy).unwrap();
        assert!(cost.cpu_seconds > 0.0 && cost.seconds > 0.0, "{cost:?}");
    }
}
