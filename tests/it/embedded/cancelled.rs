//! The stage, cancelled at each of its steps: either nothing was changed or the rollback is whole, and a
//! second run ends right.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::Api;
use kube::api::ListParams;
use libtest_mimic::Trial;
use rollguard::cancel::Cancel;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_core::annotation::{LAST_KNOWN_GOOD, ROLLBACK_RECORD};
use rollguard_core::workload::WorkloadRef;
use rollguard_sandbox::Script;
use rollguard_stage::TaskResult;
use tokio::time::sleep;

use super::recorded_pods::is_version;
use super::test_cluster::{NAMESPACE, TestCluster, as_error, check_of, web, workload};
use crate::trial;

mod stage;
mod transcript;

use stage::{CHECK, Moment, RECHECK, ROLLBACK, Run, run};

/// More requests than a job makes.
const MOST: usize = 200;
/// The agent kills a check so long after its first signal; the job of the rollback has a minute
/// (azure-pipelines-agent `ProcessInvoker.cs`, and `PROCESS_SIGINT_TIMEOUT` in the template).
const UNTIL_KILLED: Duration = Duration::from_secs(10);
const ROLLBACK_UNTIL_KILLED: Duration = Duration::from_secs(60);

pub(crate) fn trials() -> Vec<Trial> {
    let jobs = [
        ("the check", CHECK, Release::One),
        ("the rollback", ROLLBACK, Release::One),
        ("the check after the rollback", RECHECK, Release::One),
        ("the rollback of two workloads", ROLLBACK, Release::Two),
    ];
    let at_each_request = jobs.map(|(says, job, release)| {
        trial(
            format!("cancelled at any request of {says}, the stage leaves no half, and a second run ends right"),
            move || at_each_request(job, release),
        )
    });
    let between = [
        ("while a person is asked", Moment::Approval),
        ("after the check", Moment::After(CHECK)),
        ("after the approval", Moment::After(stage::APPROVAL)),
        ("after the rollback", Moment::After(ROLLBACK)),
    ];
    let between = between.map(|(says, moment)| {
        trial(
            format!("cancelled {says}, the stage leaves no half, and a second run ends right"),
            move || between_jobs(moment),
        )
    });
    let transcript = trial(
        "the transcript in docs/cancelled-stage.md is what happens",
        transcript::is_current,
    );
    let asked = trial(
        "a person who is asked may say no, end the input or cancel, and each has its own words",
        asked,
    );
    at_each_request
        .into_iter()
        .chain(between)
        .chain([transcript, asked])
        .collect()
}

/// The workloads of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    One,
    Two,
}

impl Release {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::One => &["web"],
            Self::Two => &["web", "api"],
        }
    }

    fn workloads(self) -> Vec<WorkloadRef> {
        let named = |name: &&str| WorkloadRef {
            name: (*name).to_owned(),
            ..workload()
        };
        self.names().iter().map(named).collect()
    }
}

/// A cluster where v1 is known to be good and v2 was deployed, which crashes.
pub(crate) struct Scene {
    pub(crate) cluster: TestCluster,
    release: Release,
    generations: Vec<i64>,
}

/// The state of the release after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Unchanged,
    RolledBack,
}

impl Scene {
    pub(crate) async fn set(release: Release) -> Result<Self> {
        let fails = match release {
            Release::One => Script::crash_at_start(&["no database"], 1),
            // Both are found bad by the first look.
            Release::Two => Script::invalid_image_name(),
        };
        let builder = TestCluster::blank()?.play(|pod| is_version(pod, "v2"), fails);
        let cluster = TestCluster::new(builder).await?;
        let mut scene = Self {
            cluster,
            release,
            generations: Vec::new(),
        };
        scene.deploy("v1").await?;
        let inputs = CheckInputs {
            workloads: release.workloads(),
            ..check_of(workload(), Duration::from_secs(60), Duration::from_secs(3))
        };
        let good = scene.cluster.check_as(&inputs).await.map_err(as_error)?;
        ensure!(
            good.outcome == Outcome::Succeeded,
            "{}",
            scene.cluster.said()
        );
        scene.deploy("v2").await?;
        sleep(Duration::from_secs(match release {
            Release::One => 1,
            Release::Two => 30,
        }))
        .await;
        scene.generations = scene.generations().await?;
        Ok(scene)
    }

    async fn deploy(&self, version: &str) -> Result<()> {
        for name in self.release.names() {
            let yaml = web(version).replace("web", name);
            self.cluster.apply(&yaml).await?;
        }
        Ok(())
    }

    async fn deployments(&self) -> Result<Vec<Deployment>> {
        let api: Api<Deployment> = Api::namespaced(self.cluster.client(), NAMESPACE);
        let mut found = Vec::new();
        for name in self.release.names() {
            found.push(api.get(name).await?);
        }
        Ok(found)
    }

    async fn generations(&self) -> Result<Vec<i64>> {
        let all = self.deployments().await?;
        let generations = all.iter().map(|it| it.metadata.generation);
        generations.collect::<Option<_>>().context("no generation")
    }

    /// Returns what is left, which must be the same for all workloads: the bad version untouched, or the good
    /// one by exactly one change that carries the record of the rollback.
    pub(crate) async fn left(&self) -> Result<Left> {
        let mut found = Vec::new();
        for (deployment, before) in self.deployments().await?.iter().zip(&self.generations) {
            let changes = deployment.metadata.generation.context("no generation")? - before;
            let has_record = deployment
                .metadata
                .annotations
                .as_ref()
                .is_some_and(|it| it.contains_key(ROLLBACK_RECORD));
            found.push(match (version(deployment), changes, has_record) {
                (Some("v2"), 0, false) => Left::Unchanged,
                (Some("v1"), 1, true) => Left::RolledBack,
                other => anyhow::bail!("half done: {other:?}"),
            });
        }
        ensure!(
            found.iter().all(|it| Some(it) == found.first()),
            "half of a release: {found:?}"
        );
        found.first().copied().context("no workload")
    }

    /// All pods are those of v1, all are available, and v2 is not marked as good.
    async fn is_right(&self) -> Result<()> {
        sleep(Duration::from_secs(30)).await;
        ensure!(self.left().await? == Left::RolledBack, "v2 is still there");
        for deployment in self.deployments().await? {
            let status = deployment.status.context("no status")?;
            let counts = [
                status.replicas,
                status.updated_replicas,
                status.available_replicas,
            ];
            ensure!(counts == [Some(2); 3], "{counts:?}");
        }
        let api: Api<ReplicaSet> = Api::namespaced(self.cluster.client(), NAMESPACE);
        for set in api.list(&ListParams::default()).await? {
            let annotations = set.metadata.annotations.unwrap_or_default();
            let template = set
                .spec
                .and_then(|it| it.template)
                .and_then(|it| it.metadata);
            let labels = template.and_then(|it| it.labels).unwrap_or_default();
            let is_bad = labels.get("version").is_some_and(|it| it == "v2");
            let own = format!("{LAST_KNOWN_GOOD}{}", set.metadata.uid.unwrap_or_default());
            ensure!(
                !is_bad || !annotations.contains_key(&own),
                "v2 is marked as good"
            );
        }
        Ok(())
    }
}

fn version(deployment: &Deployment) -> Option<&str> {
    let template = &deployment.spec.as_ref()?.template;
    let labels = template.metadata.as_ref()?.labels.as_ref()?;
    labels.get("version").map(String::as_str)
}

async fn at_each_request(job: &'static str, release: Release) -> Result<()> {
    for requests in 1..MOST {
        let moment = Moment::Request { job, requests };
        let done = cancelled_at(moment, release).await;
        let cancelled = done.with_context(|| format!("cancelled after request {requests}"))?;
        if !cancelled {
            ensure!(requests > 4, "it was cancelled {requests} times only");
            return Ok(());
        }
    }
    anyhow::bail!("{job} never came to its end")
}

async fn between_jobs(moment: Moment) -> Result<()> {
    ensure!(
        cancelled_at(moment, Release::One).await?,
        "it was not cancelled"
    );
    Ok(())
}

/// Runs the stage until it is cancelled, looks at what is left, and runs it again. Returns whether it was
/// cancelled: the job may have ended before.
async fn cancelled_at(moment: Moment, release: Release) -> Result<bool> {
    let scene = Scene::set(release).await?;
    let first = run(&scene, moment).await?;
    let left = scene.left().await.with_context(|| first.log())?;
    if !first.was_cancelled() {
        scene.is_right().await?;
        return Ok(false);
    }
    ensure!(first.result == TaskResult::Canceled, "{:?}", first.result);
    ended_in_time(&first)?;
    told_the_truth(&first, left).with_context(|| first.log())?;
    let second = run(&scene, Moment::Never).await?;
    scene.is_right().await.with_context(|| second.log())?;
    Ok(true)
}

fn ended_in_time(run: &Run) -> Result<()> {
    let limit = if run.cancelled_in == Some(ROLLBACK) {
        ROLLBACK_UNTIL_KILLED
    } else {
        UNTIL_KILLED
    };
    ensure!(
        run.took_to_end < limit,
        "{:?} after the signal",
        run.took_to_end
    );
    Ok(())
}

/// A rollback that was cancelled says that nothing was changed if, and only if, that is so.
fn told_the_truth(run: &Run, left: Left) -> Result<()> {
    if run.cancelled_in != Some(ROLLBACK) || run.cancelled_between {
        return Ok(());
    }
    let log = run.log();
    for wrong in [
        "rejected",
        "not confirmed",
        "no answer",
        "did not end as expected",
    ] {
        ensure!(!log.contains(wrong), "`{wrong}`");
    }
    let unchanged = log.contains("nothing was changed") || log.contains("not attempted");
    ensure!(unchanged == (left == Left::Unchanged), "{left:?}");
    Ok(())
}

async fn asked() -> Result<()> {
    let rows = [
        (
            "says no",
            ["no\n"].as_slice(),
            "not confirmed; nothing was changed",
        ),
        (
            "ends the input",
            &[],
            "no answer: the input has ended; nothing was changed",
        ),
        (
            "ends the input after an unclear answer",
            &["perhaps\n"],
            "no answer: the input has ended; nothing was changed",
        ),
        ("cancels", &["…"], "cancelled; nothing was changed"),
        (
            "cancels after an unclear answer",
            &["perhaps\n", "…"],
            "cancelled; nothing was changed",
        ),
    ];
    for (says, lines, expected) in rows {
        let scene = Scene::set(Release::One).await?;
        let (sender, cancel) = Cancel::by_hand();
        let rollback = scene.cluster.rollback_asking(lines, &cancel);
        let cancelling = async {
            sleep(Duration::from_secs(60)).await;
            sender.send(true)
        };
        let (done, sent) = tokio::join!(rollback, cancelling);
        sent?;
        let failure = done.err().with_context(|| format!("{says}: it went on"))?;
        ensure!(failure.outcome == Outcome::Cancelled, "{says}: {failure:?}");
        let said = failure.messages();
        ensure!(said == [expected], "{says}: {said:?}");
        ensure!(scene.left().await? == Left::Unchanged, "{says}");
    }
    Ok(())
}
