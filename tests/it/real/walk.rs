//! Each scenario as a user lives through it: v1 is checked, v2 is checked, and where v2 fails it is
//! rolled back and checked again, all by the real binary.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};
use rollguard_tests::cluster::{dump, with_namespace};
use rollguard_tests::product::{Ran, Rollguard};
use rollguard_tests::scenarios::{DEPLOYMENT, Expect, Play, Scenario};
use serde_json::Value;
use tokio::time::Instant;

use crate::bench::{Judgement, Row, kubectl};
use crate::{Stage, compares};

/// The timeout of the check of an update that fails.
const FAILS_TIMEOUT: &str = "60s";
/// The timeout of the check of an update that heals, and of the checks of v1.
const HEALS_TIMEOUT: &str = "120s";
/// The workload as the user writes it.
const WORKLOAD: &str = "deployment/web";

/// Lives through the scenario.
pub(crate) async fn happens(stage: Arc<Stage>, scenario: &'static Scenario) -> Result<()> {
    let cluster = stage.cluster()?;
    let rollguard = Rollguard::new(cluster.kubeconfig_path())?;
    with_namespace(cluster, scenario.name, async |client, namespace| {
        let walk = Walk {
            rollguard: &rollguard,
            client: &client,
            namespace: &namespace,
            scenario,
        };
        let mut play = Play::new(cluster, &namespace, scenario)?;
        play.deploy_v1().await?;
        if scenario.v1_is_healthy {
            walk.is_healthy("v1", "v1").await?;
        }
        play.deploy_v2().await?;
        match scenario.expect {
            Expect::Fails { code } => {
                let ran = walk.judged(&stage, FAILS_TIMEOUT).await?;
                walk.is_found(code, &ran).await?;
                walk.goes_back().await
            }
            Expect::Heals => {
                let ran = walk.judged(&stage, HEALS_TIMEOUT).await?;
                walk.heals(&ran).await
            }
        }
    })
    .await
}

struct Walk<'a> {
    rollguard: &'a Rollguard,
    client: &'a Client,
    namespace: &'a str,
    scenario: &'static Scenario,
}

impl Walk<'_> {
    async fn check(&self, timeout: &str) -> Result<Ran> {
        let trace = trace_file(self.scenario.name);
        let mut args = vec![
            "check",
            WORKLOAD,
            "-n",
            self.namespace,
            "--timeout",
            timeout,
            "--output",
            "json",
        ];
        if let Some(trace) = &trace {
            args.extend(["--record", trace]);
        }
        self.rollguard.run(&args).await
    }

    /// Checks v2, in a comparison beside kubectl with the same timeout, and keeps what came of it,
    /// right or wrong.
    async fn judged(&self, stage: &Stage, timeout: &str) -> Result<Ran> {
        let started = Instant::now();
        let check = async {
            let ran = self.check(timeout).await?;
            Ok::<_, anyhow::Error>((ran, started.elapsed().as_secs_f64()))
        };
        let kubectl = async {
            if !compares() {
                return Ok(None);
            }
            let sign = self.scenario.sign;
            let judged = kubectl(stage.cluster()?, self.namespace, timeout, sign).await?;
            Ok(Some(judged))
        };
        let ((ran, seconds), kubectl) = tokio::try_join!(check, kubectl)?;
        let report = ran.json().unwrap_or_default();
        let expected = match self.scenario.expect {
            Expect::Fails { code } => Some(code),
            Expect::Heals => None,
        };
        let verdict = text(&report, "/verdict").to_owned();
        let named = expected == Some(text(&report, "/findings/0/code"));
        stage.keep(Row {
            scenario: self.scenario.name,
            expected,
            rollguard: Judgement {
                verdict,
                named,
                seconds,
            },
            kubectl,
        });
        Ok(ran)
    }

    async fn is_found(&self, code: &str, ran: &Ran) -> Result<()> {
        let report = ran.json()?;
        let verdict = text(&report, "/verdict");
        let expected = [("failed", 10), ("timedOut", 11)];
        ensure!(
            expected.contains(&(verdict, ran.code)),
            "not found bad: {}",
            ran.all()
        );
        ensure!(
            text(&report, "/findings/0/code") == code,
            "{code} is not the first finding: {}",
            ran.all()
        );
        ensure!(
            text(&report, "/sentence").contains(code),
            "{code} is not in the sentence: {}",
            ran.all()
        );
        ensure!(
            text(&report, "/rollback/decision") == "apply",
            "no rollback is proposed: {}",
            ran.all()
        );
        let shown = dump(self.client, self.namespace)
            .await
            .contains(self.scenario.sign);
        ensure!(shown, "`{}` was not seen", self.scenario.sign);
        Ok(())
    }

    /// Back to v1, healthy; and a second rollback never goes to the failed revision.
    async fn goes_back(&self) -> Result<()> {
        // What serves no more cannot be found by a rollback on its own; the check named it.
        let named = self.scenario.name == "crash-after-ready";
        let mut args = vec!["rollback", WORKLOAD, "-n", self.namespace, "--yes"];
        if named {
            args.extend(["--to-revision", "1"]);
        }
        let ran = self.rollguard.run(&args).await?;
        ensure!(ran.code == 0, "not rolled back: {}", ran.all());
        self.is_healthy("v1", "after the rollback").await?;
        let again = self
            .rollguard
            .run(&["rollback", WORKLOAD, "-n", self.namespace, "--yes"])
            .await?;
        ensure!(
            again.code == 21,
            "a second rollback is not refused: {}",
            again.all()
        );
        ensure!(
            self.version().await? == "v1",
            "the second rollback changed the Deployment"
        );
        Ok(())
    }

    async fn heals(&self, ran: &Ran) -> Result<()> {
        ensure!(ran.code == 0, "a false alarm: {}", ran.all());
        ensure!(self.version().await? == "v2", "not v2");
        let shown = dump(self.client, self.namespace)
            .await
            .contains(self.scenario.sign);
        ensure!(shown, "`{}` was not seen meanwhile", self.scenario.sign);
        Ok(())
    }

    async fn is_healthy(&self, version: &str, when: &str) -> Result<()> {
        let args = [
            "check",
            WORKLOAD,
            "-n",
            self.namespace,
            "--timeout",
            HEALS_TIMEOUT,
            "--stable-for",
            "3s",
        ];
        let ran = self.rollguard.run(&args).await?;
        ensure!(ran.code == 0, "not healthy {when}: {}", ran.all());
        ensure!(self.version().await? == version, "not {version}");
        Ok(())
    }

    /// The `version` label of the pod template.
    async fn version(&self) -> Result<String> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), self.namespace);
        let template = api.get(DEPLOYMENT).await?.spec.context("no spec")?.template;
        let labels = template
            .metadata
            .and_then(|it| it.labels)
            .unwrap_or_default();
        labels.get("version").cloned().context("no label `version`")
    }
}

fn text<'a>(report: &'a Value, pointer: &str) -> &'a str {
    report
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Where the trace goes, when `ROLLGUARD_TRACES` names a folder for them.
fn trace_file(scenario: &str) -> Option<String> {
    let folder = PathBuf::from(std::env::var_os("ROLLGUARD_TRACES")?);
    std::fs::create_dir_all(&folder).ok()?;
    Some(
        folder
            .join(format!("{scenario}.jsonl"))
            .display()
            .to_string(),
    )
}
