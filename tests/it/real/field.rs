//! Rollouts after public reports: the class of the verdict, the cause in its first sentence, and no
//! rollback offered where it cannot help.

mod follow;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::Client;
use rollguard_core::verdict::VerdictKind;
use rollguard_core::workload::{WorkloadKind, WorkloadName};
use rollguard_measured::fields::{Measured, Row};
use rollguard_tests::cluster::{RealCluster, apply, wait_for_rollout, with_namespace};
use rollguard_tests::field::{self, Expected, FieldCase, NAMESPACE};
use rollguard_tests::product::{Ran, binary, build};
use serde_json::Value;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::{Stage, compares_fields};
use follow::{Followed, follow, kubectl_status};

/// How long a healthy first version may take to roll out.
const LIMIT: Duration = Duration::from_secs(120);
/// The commands after the check, all together, are cut off.
const SHELL_LIMIT: &str = "180";

/// Every case. One that cannot be read shows as a trial that fails.
pub(crate) fn cases() -> Result<Vec<FieldCase>> {
    let mut cases = field::all()?;
    cases.sort_by_key(|it| std::cmp::Reverse(it.timeout));
    Ok(cases)
}

/// Lives through the case.
pub(crate) async fn happens(stage: Arc<Stage>, case: FieldCase) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, NAMESPACE, async |client, namespace| {
        let trial = Trial {
            case: &case,
            cluster,
            client,
            namespace: &namespace,
        };
        let outcome = trial.runs(&stage).await;
        // Even then: a policy against deletions would keep the namespace for ever.
        for command in &case.cleanup {
            let _ = trial.shell(command).await;
        }
        outcome
    })
    .await
}

struct Trial<'a> {
    case: &'a FieldCase,
    cluster: &'a RealCluster,
    client: Client,
    namespace: &'a str,
}

impl Trial<'_> {
    async fn runs(&self, stage: &Stage) -> Result<()> {
        self.sets_the_scene().await?;
        let mut later = JoinSet::new();
        match &self.case.update_cmd {
            Some(command) => self.does(command).await?,
            None => self.applies("update.yaml").await?,
        }
        for (seconds, command) in &self.case.later {
            let (delay, command) = (Duration::from_secs(*seconds), self.command(command)?);
            later.spawn(async move {
                sleep(delay).await;
                // A failure shows: the rollout does not end as it should.
                let _ = run(command).await;
            });
        }
        let status = async {
            if compares_fields() {
                let command = self.kubectl_command();
                return kubectl_status(command, self.case).await.map(Some);
            }
            Ok(None)
        };
        let (followed, kubectl) = tokio::try_join!(self.checks(), status)?;
        let report = followed.ran.json().unwrap_or_default();
        let mut row = self.row(&followed, &report);
        row.kubectl = kubectl;
        stage.keep_field(row.clone());
        self.is_right(&row, &followed.ran)?;
        for command in &self.case.after {
            self.does(command).await?;
        }
        Ok(())
    }

    async fn sets_the_scene(&self) -> Result<()> {
        self.applies("before.yaml").await?;
        self.applies("base.yaml").await?;
        let bases = self.case.bases.iter().filter(|_| self.case.wait_base);
        for base in bases {
            self.waits_for(base).await?;
        }
        self.applies("extra.yaml").await?;
        for command in &self.case.pre {
            self.does(command).await?;
        }
        Ok(())
    }

    async fn applies(&self, file: &str) -> Result<()> {
        let Some(yaml) = self.case.manifest(file, self.namespace) else {
            return Ok(());
        };
        let applied = apply(&self.client, self.namespace, &yaml).await;
        applied.with_context(|| format!("failed to apply {file}"))
    }

    async fn waits_for(&self, workload: &str) -> Result<()> {
        let workload = WorkloadName::parse(workload)?;
        let (client, namespace, name) = (&self.client, self.namespace, workload.name.as_str());
        match workload.kind {
            WorkloadKind::Deployment => {
                wait_for_rollout::<Deployment>(client, namespace, name, LIMIT).await
            }
            WorkloadKind::StatefulSet => {
                wait_for_rollout::<StatefulSet>(client, namespace, name, LIMIT).await
            }
            WorkloadKind::DaemonSet => {
                wait_for_rollout::<DaemonSet>(client, namespace, name, LIMIT).await
            }
            WorkloadKind::Job => anyhow::bail!("job/{name} has no rollout"),
        }
    }

    async fn checks(&self) -> Result<Followed> {
        let mut command = Command::new(binary()?);
        command.env("KUBECONFIG", self.cluster.kubeconfig_path());
        command.args(["check", &self.case.workload, "-n", self.namespace]);
        let timeout = format!("{}s", self.case.timeout);
        command.args(["--timeout", &timeout, "--output", "json"]);
        command.args(&self.case.args);
        if let Some(trace) = crate::walk::trace_file(&self.case.name) {
            command.args(["--record", &trace]);
        }
        let case = self.case.clone();
        spawn_blocking(move || follow(command, &case)).await?
    }

    fn row(&self, followed: &Followed, report: &Value) -> Row {
        let text = |pointer: &str| report.pointer(pointer).and_then(Value::as_str);
        // Without a report there is no verdict, and nothing was seen.
        let verdict = text("/verdict").and_then(VerdictKind::parse);
        let verdict = verdict.unwrap_or(VerdictKind::Undetermined);
        let sentence = text("/sentence").unwrap_or_default().to_owned();
        let fails = self.case.expect == Expected::Fail;
        Row {
            case: self.case.name.clone(),
            source: self.case.source.clone(),
            answer: self.case.right.clone(),
            fails,
            verdict,
            right: match self.case.expect {
                Expected::Pass => verdict == VerdictKind::Succeeded,
                Expected::Fail => matches!(verdict, VerdictKind::Failed | VerdictKind::TimedOut),
            },
            named: self
                .case
                .has_cause()
                .then(|| self.case.is_named_in(&sentence)),
            offered: text("/rollback/decision") == Some("apply"),
            cause_after: followed.cause_after,
            verdict_after: followed.seconds,
            sentence,
            kubectl: None,
        }
    }

    fn is_right(&self, row: &Row, ran: &Ran) -> Result<()> {
        let all = || format!("{}\n{}", self.case.right, ran.all());
        ensure!(row.right, "{}: {}", row.verdict, all());
        ensure!(
            row.named != Some(false),
            "the first sentence does not name the cause: {}",
            all()
        );
        if let Some(helps) = self.case.rollback_helps {
            ensure!(
                row.offered == helps,
                "a rollback is offered, or is not: {}",
                all()
            );
        }
        Ok(())
    }

    async fn does(&self, command: &str) -> Result<()> {
        self.shell(command).await
    }

    async fn shell(&self, command: &str) -> Result<()> {
        let output = run(self.command(command)?).await?;
        ensure!(
            output.status.success(),
            "`{command}` failed: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// A shell that has kubectl and rollguard in its path.
    fn command(&self, command: &str) -> Result<Command> {
        let binary = binary()?;
        let folders = [self.cluster.kubectl(), &binary].map(|it| it.parent().map(PathBuf::from));
        let known = std::env::var_os("PATH").unwrap_or_default();
        let path = folders.into_iter().flatten();
        let path = std::env::join_paths(path.chain(std::env::split_paths(&known)))?;
        let mut shell = Command::new("timeout");
        shell
            .args([SHELL_LIMIT, "sh", "-c", command])
            .env("PATH", path)
            .env("KUBECONFIG", self.cluster.kubeconfig_path())
            .env("NS", self.namespace);
        Ok(shell)
    }

    fn kubectl_command(&self) -> Command {
        let mut command = Command::new(self.cluster.kubectl());
        command
            .env("KUBECONFIG", self.cluster.kubeconfig_path())
            .args(["--namespace", self.namespace, "rollout", "status"])
            .arg(format!("--timeout={}s", self.case.timeout))
            .arg(&self.case.workload);
        command
    }
}

async fn run(mut command: Command) -> Result<std::process::Output> {
    let output = spawn_blocking(move || command.output()).await?;
    output.context("failed to start a shell")
}

/// All rows by name.
pub(crate) fn measured(kubernetes: String, mut rows: Vec<Row>) -> Result<Measured> {
    rows.sort_by(|a, b| a.case.cmp(&b.case));
    let cases = field::all()?.len();
    Ok(Measured {
        kubernetes,
        build: build().to_owned(),
        cases,
        rows,
    })
}

/// Two lines for each case.
pub(crate) fn lines(rows: &[Row]) -> String {
    let mut lines = String::new();
    for row in rows {
        let cause = match (row.named, row.cause_after) {
            (None, _) => "heals".to_owned(),
            (Some(_), None) => "never named".to_owned(),
            (Some(_), Some(at)) => format!("named at {at:.1} s"),
        };
        let sign = if row.right && row.named != Some(false) {
            "right"
        } else {
            "WRONG"
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "{:>6.1} s  {:<12} {sign} {}, {cause}\n          {}",
            row.verdict_after, row.verdict, row.case, row.sentence
        );
    }
    lines
}
