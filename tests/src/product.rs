//! The real binary, started as a user starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// What it wrote for programs.
    pub stdout: String,
    /// What it wrote for people.
    pub stderr: String,
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
        let mut command = Command::new(&self.binary);
        command
            .args(args)
            .env_clear()
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        Ok(Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
