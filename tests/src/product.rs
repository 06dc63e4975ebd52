//! The real binary, started as a user starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::task::{JoinError, JoinHandle};

use crate::said::{Said, listen};

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// What it wrote for programs.
    pub stdout: String,
    /// What it wrote for people.
    pub stderr: String,
    /// The lines of both streams, and when they came.
    pub said: Vec<Said>,
}

impl Ran {
    /// Both streams, for messages.
    #[must_use]
    pub fn all(&self) -> String {
        format!("exit code {}\n{}{}", self.code, self.stdout, self.stderr)
    }

    /// The JSON document on stdout.
    ///
    /// # Errors
    /// When there is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("no JSON report: {}", self.all()))
    }
}

/// Names another binary than the one beside this test program, such as a release build.
const BINARY: &str = "ROLLGUARD_BINARY";

/// Returns whether `ROLLGUARD_BINARY` names one: a comparison does, with a release build.
fn is_other_binary() -> bool {
    std::env::var_os(BINARY).is_some()
}

/// Returns how the binary was built, for a page.
#[must_use]
pub fn build() -> &'static str {
    if is_other_binary() {
        "release build"
    } else {
        "debug build"
    }
}

/// The binary that was built beside this test program, or the one that `ROLLGUARD_BINARY` names.
///
/// # Errors
/// When it is not there: `cargo build` makes it.
pub fn binary() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os(BINARY) {
        return Ok(PathBuf::from(binary));
    }
    let program = std::env::current_exe()?;
    let folder = program
        .parent()
        .and_then(Path::parent)
        .context("the test program has no folder")?;
    let binary = folder.join("rollguard");
    ensure!(
        binary.exists(),
        "`{}` is missing: run `cargo build`",
        binary.display()
    );
    Ok(binary)
}

/// The binary with a kubeconfig and a folder of its own to live in.
#[derive(Debug, Clone)]
pub struct Rollguard {
    binary: PathBuf,
    kubeconfig: PathBuf,
}

impl Rollguard {
    /// For a cluster.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn new(kubeconfig: &Path) -> Result<Self> {
        Ok(Self {
            binary: binary()?,
            kubeconfig: kubeconfig.to_owned(),
        })
    }

    /// Runs it without a terminal, and with no variables but these.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run(&self, args: &[&str]) -> Result<Ran> {
        self.start(args)?.ended().await
    }

    /// Starts it, and does not wait for its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, args: &[&str]) -> Result<Running> {
        let mut command = Command::new(&self.binary);
        command.args(args).env("KUBECONFIG", &self.kubeconfig);
        Running::start(command)
    }
}

/// A program that was started and may be killed. Dropping this leaves it alone.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    ended: JoinHandle<std::io::Result<(Output, Vec<Said>)>>,
}

impl Running {
    /// Starts a program without a terminal, and with no variables but the command's own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command) -> Result<Self> {
        let own: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        let started = Instant::now();
        let child = command
            .env_clear()
            .envs(own)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start {}", command.get_program().display()))?;
        Ok(Self {
            pid: Pid::from_child(&child),
            ended: tokio::task::spawn_blocking(move || listen(child, started)),
        })
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub async fn ended(self) -> Result<Ran> {
        read(self.ended.await)
    }

    /// Waits for its end, and kills it (SIGKILL) once `when` comes first.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub async fn killed(mut self, when: impl Future<Output = ()>) -> Result<Ran> {
        tokio::select! {
            ended = &mut self.ended => return read(ended),
            () = when => (),
        }
        // It may have ended in this very moment: then there is nothing to kill any more.
        let _ = kill_process(self.pid, Signal::KILL);
        read(self.ended.await)
    }
}

fn read(ended: Result<std::io::Result<(Output, Vec<Said>)>, JoinError>) -> Result<Ran> {
    Ok(Ran::from(ended??))
}

impl From<(Output, Vec<Said>)> for Ran {
    fn from((output, said): (Output, Vec<Said>)) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            said,
        }
    }
}
