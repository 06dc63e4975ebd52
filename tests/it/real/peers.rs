//! The other tools that follow a rollout, run on the same update at the same time, and what each
//! asks of the API server.

pub(crate) mod helm;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::verdicts::Judgement;
use rollguard_tests::cluster::RealCluster;
use rollguard_tests::counting::Counting;
use rollguard_tests::said::{Said, first, listen};
use rollguard_tests::scenarios::Kind;
use serde_json::json;

/// A tool to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// `kubectl rollout status`.
    Kubectl,
    /// `kubedog multitrack`, with its defaults.
    Kubedog,
}

/// A rollout that is followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) kind: Kind,
    /// In seconds.
    pub(crate) timeout: u64,
    /// The text in which the cluster itself shows the cause; empty where there is none.
    pub(crate) sign: &'static str,
}

impl Peer {
    /// Follows the update that has just been applied. It names the cause if it shows the text that
    /// the cluster itself shows.
    pub(crate) async fn follows(
        self,
        cluster: &RealCluster,
        update: Update<'_>,
    ) -> Result<Judgement> {
        let counting = Counting::start(cluster.client()).await?;
        let (command, input) = self.command(cluster, update, counting.kubeconfig())?;
        let tool = Tool {
            command,
            input,
            sign: update.sign,
        };
        let verdict = |succeeded, told: &str| self.verdict(succeeded, told);
        tool.judges(&counting, verdict).await
    }

    fn command(
        self,
        cluster: &RealCluster,
        update: Update<'_>,
        kubeconfig: &Path,
    ) -> Result<(Command, String)> {
        let Update {
            namespace,
            kind,
            timeout,
            ..
        } = update;
        match self {
            Self::Kubectl => {
                let mut command = limited(cluster.kubectl(), timeout);
                command
                    .arg("--kubeconfig")
                    .arg(kubeconfig)
                    .args(["--namespace", namespace, "rollout", "status"])
                    .arg(format!("--timeout={timeout}s"))
                    .arg(kind.workload());
                Ok((command, String::new()))
            }
            Self::Kubedog => {
                let program = cluster.kubectl().with_file_name("kubedog");
                ensure!(
                    program.exists(),
                    "kubedog was not built: run `cargo xtask bench-verdict`"
                );
                let kinds = match kind {
                    Kind::Deployment => "Deployments",
                    Kind::StatefulSet => "StatefulSets",
                    Kind::DaemonSet => "DaemonSets",
                };
                let name = kind.name();
                let input = json!({ kinds: [{ "ResourceName": name, "Namespace": namespace }] });
                let mut command = limited(&program, timeout);
                command.arg("--kube-config").arg(kubeconfig).args([
                    "multitrack",
                    "--timeout",
                    &timeout.to_string(),
                ]);
                Ok((command, input.to_string()))
            }
        }
    }

    /// Returns what it says, in rollguard's words.
    fn verdict(self, succeeded: bool, told: &str) -> VerdictKind {
        let timed_out = match self {
            Self::Kubectl => told.contains("timed out waiting"),
            Self::Kubedog => told.contains("timed out"),
        };
        match (self, succeeded) {
            (_, true) => VerdictKind::Succeeded,
            _ if timed_out => VerdictKind::TimedOut,
            (Self::Kubectl, _) if told.contains("exceeded its progress deadline") => {
                VerdictKind::Failed
            }
            (Self::Kubectl, _) => VerdictKind::Undetermined,
            (Self::Kubedog, _) => VerdictKind::Failed,
        }
    }
}

/// A command of a tool, before it is run.
struct Tool<'a> {
    command: Command,
    /// What it reads from stdin.
    input: String,
    /// The text that names the cause; empty where there is none.
    sign: &'a str,
}

impl Tool<'_> {
    /// Runs it to its end, in front of a proxy that counts.
    async fn judges(
        self,
        counting: &Counting,
        verdict: impl Fn(bool, &str) -> VerdictKind,
    ) -> Result<Judgement> {
        let Self {
            command,
            input,
            sign,
        } = self;
        let started = Instant::now();
        let run = tokio::task::spawn_blocking(move || run(command, &input));
        let (output, said) = run.await??;
        let seconds = started.elapsed().as_secs_f64();
        let told = [output.stdout.as_slice(), &output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        Ok(Judgement {
            verdict: verdict(output.status.success(), &told),
            named: !sign.is_empty() && told.contains(sign),
            cause_seconds: first(&said, |line| !sign.is_empty() && line.contains(sign))
                .map(|it| it.as_secs_f64()),
            seconds,
            load: Some(counting.load()),
        })
    }
}

/// A program that is ended a minute after its own timeout: kubedog 0.13.0 hung once for half an hour.
fn limited(program: &Path, timeout: u64) -> Command {
    let mut command = Command::new("timeout");
    command.arg((timeout + 60).to_string()).arg(program);
    command
}

fn run(mut command: Command, input: &str) -> Result<(Output, Vec<Said>)> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().context("failed to start a tool")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that reads nothing may have closed it.
        let _ = stdin.write_all(input.as_bytes());
    }
    listen(child, started).context("failed to follow a tool")
}
