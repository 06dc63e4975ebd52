//! Each scenario as a user lives through it: v1 is checked, v2 is checked, and where v2 fails it is
//! rolled back, which checks again, all by the real binary.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::verdicts::{Judgement, Row};
use rollguard_tests::cluster::{dump, with_namespace};
use rollguard_tests::counting::Counting;
use rollguard_tests::product::{Ran, Rollguard};
use rollguard_tests::said::{first, has_word};
use rollguard_tests::scenarios::{Expect, Play, Scenario};
use serde_json::Value;
use tokio::time::Instant;

use crate::peers::{Peer, Update};
use crate::{Stage, compares};

/// The timeout of the check of an update that fails, in seconds.
const FAILS_TIMEOUT: u64 = 60;
/// The same in a comparison: longer than crashes (2m30s) and webhooks that do not answer (3m) are given
/// to heal, so that the time to `failed` is measured. What waits for longer still times out.
const COMPARED_TIMEOUT: u64 = 210;
/// The timeout of the check of an update that heals, and of the checks of v1, in seconds.
const HEALS_TIMEOUT: u64 = 120;
/// The timeout of the check after a rollback. The StatefulSet controller, once refused, acts on nothing
/// before its next attempt, for which it waits twice as long each time: after a comparison, for minutes.
const RESTORED_TIMEOUT: u64 = 120;
const COMPARED_RESTORED_TIMEOUT: u64 = 420;
/// Nothing was done that could be undone, or the step that is waited for is one that a rollback waits
/// for as well.
const NOTHING_TO_UNDO: [&str; 2] = ["agent-lost-node-blocks", "paused"];
/// Not let back by what a preflight finds: a person deletes the pods, or v1's own would be refused.
const NOT_LET_BACK: [(&str, &str); 3] = [
    ("agent-on-delete", "OnDelete"),
    ("db-on-delete", "OnDelete"),
    ("pod-security-violated", "PodRefused"),
];

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
            walk.is_healthy().await?;
        }
        play.deploy_v2().await?;
        let timeout = match scenario.expect {
            Expect::Fails { .. } | Expect::TimesOut { .. } if compares() => COMPARED_TIMEOUT,
            Expect::Fails { .. } | Expect::TimesOut { .. } => FAILS_TIMEOUT,
            Expect::Heals | Expect::IsSuperseded => HEALS_TIMEOUT,
        };
        let ran = walk.judged(&stage, timeout).await?;
        walk.is_judged_right(&ran).await?;
        match scenario.expect {
            Expect::Fails { code } | Expect::TimesOut { code } => {
                is_explained(code, &ran)?;
                walk.goes_back(&ran).await
            }
            Expect::Heals => walk.is_at("v2").await,
            Expect::IsSuperseded => walk.is_at("v3").await,
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
    fn workload(&self) -> &'static str {
        self.scenario.kind.workload()
    }

    async fn check(&self, rollguard: &Rollguard, timeout: u64) -> Result<Ran> {
        let trace = trace_file(self.scenario.name);
        let timeout = format!("{timeout}s");
        let mut args = vec![
            "check",
            self.workload(),
            "-n",
            self.namespace,
            "--timeout",
            &timeout,
            "--output",
            "json",
        ];
        args.extend(self.scenario.flags);
        if let Some(trace) = &trace {
            args.extend(["--record", trace]);
        }
        rollguard.run(&args).await
    }

    /// Checks v2, in a comparison beside the other tools with the same timeout, and keeps what came
    /// of it, right or wrong.
    async fn judged(&self, stage: &Stage, timeout: u64) -> Result<Ran> {
        let cluster = stage.cluster()?;
        let check = async {
            // Only where it is compared: a proxy between would be one more part to fail.
            let counting = if compares() {
                Some(Counting::start(cluster.client()).await?)
            } else {
                None
            };
            let counted = counting.as_ref().map(|it| Rollguard::new(it.kubeconfig()));
            let counted = counted.transpose()?;
            let started = Instant::now();
            let ran = self
                .check(counted.as_ref().unwrap_or(self.rollguard), timeout)
                .await?;
            let load = counting.map(|it| it.load());
            Ok::<_, anyhow::Error>((ran, started.elapsed().as_secs_f64(), load))
        };
        let peer = async |peer: Peer| {
            if !compares() {
                return Ok(None);
            }
            let update = Update {
                namespace: self.namespace,
                kind: self.scenario.kind,
                timeout,
                sign: self.scenario.sign,
            };
            peer.follows(cluster, update).await.map(Some)
        };
        let ((ran, seconds, load), kubectl, kubedog) =
            tokio::try_join!(check, peer(Peer::Kubectl), peer(Peer::Kubedog))?;
        let report = ran.json().unwrap_or_default();
        let expected = self.scenario.expect.code();
        let right = VerdictKind::parse(self.scenario.expect.verdict());
        let right = right.context("the scenario expects no known verdict")?;
        // Without a report there is no verdict, and nothing was seen.
        let verdict = VerdictKind::parse(text(&report, "/verdict"));
        let verdict = verdict.unwrap_or(VerdictKind::Undetermined);
        let named = expected == Some(text(&report, "/findings/0/code"));
        let cause = expected.and_then(|code| first(&ran.said, |line| has_word(line, code)));
        stage.keep(Row {
            scenario: self.scenario.name.to_owned(),
            kind: format!("{:?}", self.scenario.kind),
            right,
            expected: expected.map(str::to_owned),
            template_decides: self.scenario.template_decides,
            shown_later: self.scenario.shown_later.map(str::to_owned),
            timeout,
            rollguard: Judgement {
                verdict,
                named,
                cause_seconds: cause.map(|it| it.as_secs_f64()),
                seconds,
                load,
            },
            kubectl,
            kubedog,
        });
        Ok(ran)
    }

    /// The verdict and the exit code are right, and the cluster showed what the scenario is about.
    async fn is_judged_right(&self, ran: &Ran) -> Result<()> {
        let report = ran.json()?;
        let expected = self.scenario.expect;
        let told = (text(&report, "/verdict"), ran.code);
        let right = told == (expected.verdict(), expected.exit_code());
        // In a comparison there is more time, so that what times out here may fail there.
        let failed = || told == ("failed", 10) && matches!(expected, Expect::TimesOut { .. });
        ensure!(
            right || (compares() && failed()),
            "not {expected:?}: {}",
            ran.all()
        );
        for named in self.scenario.names {
            ensure!(
                text(&report, "/sentence").contains(named),
                "{named} is not in the sentence: {}",
                ran.all()
            );
        }
        // What has gone again by now was told in between.
        let sign = self.scenario.sign;
        let shown = dump(self.client, self.namespace).await.contains(sign);
        ensure!(shown || ran.stdout.contains(sign), "`{sign}` was not seen");
        Ok(())
    }

    /// Back to v1, healthy; and a second rollback never goes to the failed revision.
    async fn goes_back(&self, checked: &Ran) -> Result<()> {
        let name = self.scenario.name;
        if NOTHING_TO_UNDO.contains(&name) {
            return Ok(());
        }
        let obstacle = NOT_LET_BACK.iter().find(|(it, _)| *it == name);
        ensure!(
            (text(&checked.json()?, "/rollback/decision") == "apply") == obstacle.is_none(),
            "a rollback is proposed, or is not: {}",
            checked.all()
        );
        if let Some((_, code)) = obstacle {
            let ran = self.rollback().await?;
            ensure!(
                ran.code == 21 && ran.all().contains(code),
                "not refused: {}",
                ran.all()
            );
            return self.is_at("v2").await;
        }
        // What was broken before is so again.
        let code = if self.scenario.v1_is_healthy { 0 } else { 23 };
        for word in ["rolled back to", "is already at revision"] {
            let ran = self.rollback().await?;
            ensure!(
                ran.code == code && ran.all().contains(word),
                "not {code}, {word}: {}",
                ran.all()
            );
            self.is_at("v1").await?;
        }
        Ok(())
    }

    async fn rollback(&self) -> Result<Ran> {
        let mut args = vec!["rollback", self.workload(), "-n", self.namespace, "--yes"];
        let timeout = if compares() {
            COMPARED_RESTORED_TIMEOUT
        } else {
            RESTORED_TIMEOUT
        };
        let timeout = format!("{timeout}s");
        args.extend(["--timeout", &timeout, "--stable-for", "3s"]);
        self.rollguard.run(&args).await
    }

    /// v1 is healthy, says the check.
    async fn is_healthy(&self) -> Result<()> {
        let timeout = format!("{HEALS_TIMEOUT}s");
        let mut args = vec!["check", self.workload(), "-n", self.namespace];
        args.extend(["--timeout", &timeout, "--stable-for", "3s"]);
        let ran = self.rollguard.run(&args).await?;
        ensure!(ran.code == 0, "v1 is not healthy: {}", ran.all());
        self.is_at("v1").await
    }

    /// The pod template has this `version` label.
    async fn is_at(&self, version: &str) -> Result<()> {
        let kind = self.scenario.kind;
        let kind = GroupVersionKind::gvk("apps", "v1", &format!("{kind:?}"));
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), self.namespace, &resource);
        let workload = api.get(self.scenario.kind.name()).await?;
        let found = &workload.data["spec"]["template"]["metadata"]["labels"]["version"];
        ensure!(found == version, "{found}, not {version}");
        Ok(())
    }
}

/// The sentence alone tells the cause.
fn is_explained(code: &str, ran: &Ran) -> Result<()> {
    let report = ran.json()?;
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
    Ok(())
}

fn text<'a>(report: &'a Value, pointer: &str) -> &'a str {
    report
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Where the trace goes, when `ROLLGUARD_TRACES` names a folder for them.
pub(crate) fn trace_file(scenario: &str) -> Option<String> {
    let folder = PathBuf::from(std::env::var_os("ROLLGUARD_TRACES")?);
    std::fs::create_dir_all(&folder).ok()?;
    Some(
        folder
            .join(format!("{scenario}.jsonl"))
            .display()
            .to_string(),
    )
}
