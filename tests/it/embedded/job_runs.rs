//! Jobs on the embedded cluster, whose controller runs them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use libtest_mimic::Trial;
use rollguard::run::check::Checked;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_core::report::Proposal;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_sandbox::{SandboxBuilder, Script};
use tokio::time::sleep;

use super::test_cluster::{NAMESPACE, TestCluster, as_error, rollback_inputs, web};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(120);
const LINE: &str = "relation \"orders\" does not exist";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a Job that completes passes, and passes at once afterwards",
            completes,
        ),
        trial(
            "a Job whose pods fail too often fails with their log line",
            fails,
        ),
        trial("a Job that fails twice and then succeeds passes", heals),
        trial(
            "a Job that takes too long fails by its own deadline",
            takes_too_long,
        ),
        trial(
            "a Job whose image does not exist fails while it has retries left",
            no_image,
        ),
        trial("a Job whose image appears late passes", late_image),
        trial("a suspended Job fails, and says who can go on", suspended),
        trial("a Job that a queue has suspended is waited for", queued),
        trial(
            "a Job that was deleted and created again is superseded",
            replaced,
        ),
        trial(
            "a selector finds the Job of the release, and leaves out that of a former one",
            selected,
        ),
        trial("a Job is never rolled back", not_rolled_back),
    ]
}

fn migrate() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Job,
        namespace: NAMESPACE.to_owned(),
        name: "migrate".to_owned(),
    }
}

fn job(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: batch/v1
kind: Job
metadata: {{ name: {name}, labels: {{ app: web }} }}
spec:
  {spec}
  template:
    metadata: {{ labels: {{ job: {name} }} }}
    spec:
      restartPolicy: Never
      containers: [{{ name: app, image: registry.test/app:v1 }}]
"
    )
}

fn is_of(name: &'static str) -> impl Fn(&Pod) -> bool + Send + Sync + 'static {
    move |pod| {
        let labels = pod.metadata.labels.as_ref();
        labels
            .and_then(|it| it.get("job"))
            .is_some_and(|it| it == name)
    }
}

fn short(lines: &[&str], exit_code: i32) -> Script {
    Script::runs_once(Duration::from_secs(3), lines, exit_code)
}

/// Where the pods of Job `migrate` play a script.
fn playing(script: Script) -> Result<SandboxBuilder> {
    Ok(TestCluster::blank()?.play(is_of("migrate"), script))
}

async fn running(script: Script, spec: &str) -> Result<TestCluster> {
    let cluster = TestCluster::new(playing(script)?).await?;
    cluster.apply(&job("migrate", spec)).await?;
    Ok(cluster)
}

async fn check(cluster: &TestCluster) -> Result<Checked> {
    let inputs = CheckInputs::of(migrate(), TIMEOUT, Duration::from_secs(10));
    cluster.check_as(&inputs).await.map_err(as_error)
}

fn says(checked: &Checked, outcome: Outcome, words: &[&str]) -> Result<()> {
    let sentence = &checked.report.sentence;
    ensure!(
        checked.outcome == outcome,
        "{:?}: {sentence}",
        checked.outcome
    );
    for word in words {
        ensure!(sentence.contains(word), "`{word}` is not in: {sentence}");
    }
    Ok(())
}

async fn completes() -> Result<()> {
    let cluster = running(short(&["done"], 0), "backoffLimit: 2").await?;
    let checked = check(&cluster).await?;
    says(
        &checked,
        Outcome::Succeeded,
        &["Job \"migrate\" has completed"],
    )?;
    let again = check(&cluster).await?;
    says(
        &again,
        Outcome::Succeeded,
        &["Job \"migrate\" has completed"],
    )?;
    ensure!(again.report.started == again.report.ended, "it waited");
    ensure!(
        cluster.said().contains("0 of 1 completions"),
        "{}",
        cluster.said()
    );
    Ok(())
}

async fn fails() -> Result<()> {
    let cluster = running(
        short(&["connecting", &format!("fatal: {LINE}")], 1),
        "backoffLimit: 2",
    )
    .await?;
    let checked = check(&cluster).await?;
    says(
        &checked,
        Outcome::Failed,
        &[
            "JobRetriesExhausted",
            "backoffLimit of 2",
            "container `app` of pod `migrate-",
            "` ended with exit code 1",
            LINE,
        ],
    )?;
    let Proposal::Refused { why, .. } = &checked.report.rollback else {
        anyhow::bail!("{:?}", checked.report.rollback);
    };
    ensure!(why == "Jobs have no revisions to go back to", "{why}");
    let said = cluster.said();
    ensure!(said.contains("JobPodFailed"), "no suspect was told: {said}");
    Ok(())
}

async fn heals() -> Result<()> {
    let created = AtomicUsize::new(0);
    let first_two =
        move |pod: &Pod| is_of("migrate")(pod) && created.fetch_add(1, Ordering::Relaxed) < 2;
    let builder = TestCluster::blank()?
        .play(first_two, short(&["no database"], 1))
        .play(is_of("migrate"), short(&["done"], 0));
    let cluster = TestCluster::new(builder).await?;
    cluster.apply(&job("migrate", "backoffLimit: 3")).await?;
    let checked = check(&cluster).await?;
    says(&checked, Outcome::Succeeded, &["has completed"])
}

async fn takes_too_long() -> Result<()> {
    let script = Script::runs_once(Duration::from_secs(600), &["working"], 0);
    let cluster = running(script, "activeDeadlineSeconds: 20").await?;
    let checked = check(&cluster).await?;
    says(
        &checked,
        Outcome::Failed,
        &[
            "JobDeadlineExceeded",
            "activeDeadlineSeconds of 20s",
            "0 of 1 completions",
        ],
    )
}

async fn no_image() -> Result<()> {
    let cluster = running(Script::image_not_found(), "backoffLimit: 6").await?;
    let checked = check(&cluster).await?;
    says(&checked, Outcome::Failed, &["ImageNotFound"])
}

async fn late_image() -> Result<()> {
    // The pod then runs on, so that only the pull is of interest.
    let cluster = running(Script::image_appears_after(1), "activeDeadlineSeconds: 60").await?;
    let checked = check(&cluster).await?;
    says(&checked, Outcome::Failed, &["JobDeadlineExceeded"])
}

async fn suspended() -> Result<()> {
    let cluster = running(short(&[], 0), "suspend: true").await?;
    let checked = check(&cluster).await?;
    says(
        &checked,
        Outcome::Failed,
        &["JobSuspended", "the Job is suspended"],
    )?;
    let remedy = checked.report.findings.first().map(|it| it.remedy.as_str());
    ensure!(
        remedy.is_some_and(|it| it.contains("kubectl patch job/migrate")),
        "{remedy:?}"
    );
    Ok(())
}

async fn queued() -> Result<()> {
    let cluster = TestCluster::new(playing(short(&[], 0))?).await?;
    let queued =
        job("migrate", "suspend: true").replace("app: web", "kueue.x-k8s.io/queue-name: night");
    cluster.apply(&queued).await?;
    let checked = check(&cluster).await?;
    says(&checked, Outcome::TimedOut, &["JobSuspended", "Kueue"])?;
    ensure!(!checked.report.offers_rollback, "a rollback is offered");
    Ok(())
}

async fn replaced() -> Result<()> {
    let cluster = running(
        Script::runs_once(Duration::from_secs(600), &[], 0),
        "backoffLimit: 0",
    )
    .await?;
    let again = async {
        sleep(Duration::from_secs(20)).await;
        let jobs: Api<Job> = Api::namespaced(cluster.client(), NAMESPACE);
        jobs.delete("migrate", &DeleteParams::background()).await?;
        cluster.apply(&job("migrate", "backoffLimit: 1")).await
    };
    let (checked, again) = futures::join!(check(&cluster), again);
    again?;
    says(
        &checked?,
        Outcome::Superseded,
        &["deleted and created again"],
    )
}

async fn selected() -> Result<()> {
    let builder = playing(short(&["done"], 0))?.play(is_of("former"), short(&["bad"], 1));
    let cluster = TestCluster::new(builder).await?;
    cluster.apply(&job("former", "backoffLimit: 0")).await?;
    sleep(Duration::from_secs(600)).await;
    cluster.deploy("v1").await?;
    cluster.apply(&job("migrate", "backoffLimit: 0")).await?;
    let inputs = CheckInputs {
        workloads: Vec::new(),
        selector: Some("app=web".to_owned()),
        ..CheckInputs::of(migrate(), TIMEOUT, Duration::from_secs(10))
    };
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    says(
        &checked,
        Outcome::Succeeded,
        &["all 2 workloads are healthy"],
    )?;
    let said = cluster.said();
    let left_out = "job/former is left out: it ended before this release";
    ensure!(said.contains(left_out), "{said}");
    Ok(())
}

async fn not_rolled_back() -> Result<()> {
    let cluster = running(short(&[LINE], 1), "backoffLimit: 0").await?;
    cluster.apply(&web("v1")).await?;
    let inputs = rollguard_agent::inputs::RollbackInputs {
        workloads: vec![migrate()],
        ..rollback_inputs(None)
    };
    let before = cluster.writes();
    let Err(refused) = cluster.rollback_as(&inputs).await.map(|_| ()) else {
        anyhow::bail!("it was not refused");
    };
    let said = as_error(refused).to_string();
    ensure!(
        said.contains("Jobs have no revisions to go back to"),
        "{said}"
    );
    ensure!(cluster.writes() == before, "something was written");
    Ok(())
}
