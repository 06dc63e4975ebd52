//! The emulation of the agent against what is known of the agent, and rollguard under it: cancelled, masked,
//! restricted and repeated.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use libtest_mimic::Trial;
use rollguard_agent::TaskResult;
use rollguard_sandbox::{Sandbox, Script};
use rollguard_tests::fakes::{Answer, FakeAzure, Scheme, Service};
use rollguard_tests::front::{self, Asked, Gate, Onward};
use tempfile::TempDir;

use super::agent::{Cancelled, Done, Restrictions, Step, Times, exponential_delay};
use super::issues::azure_of;
use super::secrets::deploy;
use super::task::{Run, packed_task};
use crate::trial;

const FEDERATION: Scheme = Scheme::WorkloadIdentityFederation;

pub(crate) fn trials() -> Vec<Trial> {
    let node = std::process::Command::new("node").arg("--version").output();
    let has_node = node.is_ok_and(|output| output.status.success());
    let trials = [
        trial(
            "the agent cancels by SIGINT, SIGTERM and SIGKILL, in its own time",
            signals,
        ),
        trial("the agent waits 7.5 s after SIGINT", default_time),
        trial(
            "the agent hides a secret in every form, from then on, line by line",
            masking,
        ),
        trial(
            "the agent hears only the commands that the step may send",
            restrictions,
        ),
        trial(
            "the agent repeats a step that failed, and no other",
            retries,
        ),
        trial(
            "the second value of an output replaces the first, or fails the step",
            outputs,
        ),
        trial(
            "rollguard ends at SIGINT while it follows a rollout",
            rollguard_cancelled,
        ),
        trial(
            "rollguard sends no command that task.json forbids",
            rollguard_restricted,
        ),
        trial(
            "under `commands: restricted` rollguard still says its verdict",
            rollguard_under_target,
        ),
        trial(
            "rollguard is repeated after a failure, and is never green by the first attempt's word",
            rollguard_repeated,
        ),
    ];
    trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(!has_node))
        .collect()
}

fn step(task: &Path) -> Step<'_> {
    Step {
        task,
        variables: [].into(),
        restrictions: Restrictions::default(),
        retries: 0,
        retry_after: |_| Duration::ZERO,
        cancelled: None,
        protects_outputs: false,
    }
}

/// A task of a few lines.
fn script(lines: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("index.js"), lines)?;
    Ok(folder)
}

/// Runs it where it may block.
async fn run(step: impl FnOnce() -> Result<Done> + Send + 'static) -> Result<Done> {
    tokio::task::spawn_blocking(step).await?
}

/// Agent.Sdk/ProcessInvoker.cs; the result is `Canceled` whatever the task says (JobDispatcher.cs).
async fn signals() -> Result<()> {
    // It speaks once its handlers are there.
    const ALIVE: &str = "console.log('ready'); setInterval(() => {}, 1000);";
    let rows = [
        ("a task without handlers", "", "SIGINT"),
        (
            "a task that finishes at SIGINT",
            "process.on('SIGINT', () => { console.log('finishing'); process.exit(0); });",
            "SIGINT",
        ),
        (
            "a task that ends at SIGTERM only",
            "process.on('SIGINT', () => {}); process.on('SIGTERM', () => process.exit(7));",
            "SIGTERM",
        ),
        (
            "a task that ends at neither",
            "process.on('SIGINT', () => {}); process.on('SIGTERM', () => console.log('not yet'));",
            "SIGKILL",
        ),
    ];
    for (says, handlers, signal) in rows {
        let folder = script(&format!("{handlers}\n{ALIVE}"))?;
        let done = run(move || {
            let cancelled = Some(Cancelled {
                after: Duration::ZERO,
                times: Times::SHORT,
            });
            Step {
                cancelled,
                ..step(folder.path())
            }
            .run()
        })
        .await?;
        ensure!(done.signal == Some(signal), "{says}: {done:?}");
        ensure!(done.result == TaskResult::Canceled, "{says}: {done:?}");
        ensure!(done.attempts == 1, "{says}: {done:?}");
    }
    Ok(())
}

async fn default_time() -> Result<()> {
    let handlers = "process.on('SIGINT', () => {}); process.on('SIGTERM', () => process.exit(0));";
    let folder = script(&format!(
        "{handlers}\nconsole.log('ready'); setInterval(() => {{}}, 1000);"
    ))?;
    let done = run(move || {
        let cancelled = Some(Cancelled {
            after: Duration::ZERO,
            times: Times::DEFAULT,
        });
        Step {
            cancelled,
            ..step(folder.path())
        }
        .run()
    })
    .await?;
    let waited = done.took_to_end;
    ensure!(done.signal == Some("SIGTERM"), "{done:?}");
    ensure!(
        waited >= Duration::from_millis(7500) && waited < Duration::from_millis(9500),
        "{waited:?}"
    );
    Ok(())
}

/// Agent.Worker/Worker.cs and LoggedSecretMasker.cs.
async fn masking() -> Result<()> {
    let folder = script(
        r#"
console.log('before: p@ss/w"rd');
console.log('##vso[task.setsecret]p@ss/w"rd');
console.log('plain: p@ss/w"rd');
console.log('json: p@ss/w\\"rd');
console.log('url: ' + encodeURIComponent('p@ss/w"rd'));
console.log('base64: ' + Buffer.from('p@ss/w"rd').toString('base64'));
console.error('stderr: p@ss/w"rd');
console.log('##vso[task.setsecret]first%0Asecond');
console.log('lines: first');
"#,
    )?;
    let done = run(move || step(folder.path()).run()).await?;
    for line in [
        "before: p@ss/w\"rd",
        "plain: ***",
        "json: ***",
        "url: ***",
        "base64: ***",
        "lines: first",
    ] {
        ensure!(
            done.log.iter().any(|it| it == line),
            "{line}: {:?}",
            done.log
        );
    }
    Ok(())
}

/// The attributes `CommandRestriction`, and TaskRestrictionsExtension.cs.
async fn restrictions() -> Result<()> {
    const LINES: &str = "
for (const [name, value] of [['verdict', 'failed'], ['VERDICT2', 'x'], ['PATH', '/tmp']]) {
  console.log(`##vso[task.setvariable variable=${name};isOutput=true]${value}`);
}
console.log('##vso[task.uploadsummary]/tmp/x.md');
console.log('##vso[task.logissue type=error]said');
console.log('##vso[task.complete result=Failed]');
";
    let settable = |names: &[&str]| -> Option<Vec<String>> {
        Some(names.iter().map(|it| (*it).to_owned()).collect())
    };
    let rows = [
        (
            "anything",
            false,
            None,
            vec!["PATH", "VERDICT2", "verdict"],
            false,
        ),
        (
            "restricted",
            true,
            None,
            vec!["PATH", "VERDICT2", "verdict"],
            true,
        ),
        (
            "one name",
            false,
            settable(&["verdict"]),
            vec!["verdict"],
            false,
        ),
        (
            "a pattern, in any case",
            false,
            settable(&["Verdict*"]),
            vec!["VERDICT2", "verdict"],
            false,
        ),
        ("no name", true, settable(&[]), vec![], true),
    ];
    for (says, is_restricted, settable, set, refuses_summary) in rows {
        let folder = script(LINES)?;
        let done = run(move || {
            let restrictions = Restrictions {
                is_restricted,
                settable,
                declared: Vec::new(),
            };
            Step {
                restrictions,
                ..step(folder.path())
            }
            .run()
        })
        .await?;
        let names: Vec<&str> = done.outputs.keys().map(String::as_str).collect();
        ensure!(names == set, "{says}: {done:?}");
        ensure!(
            done.says("task.uploadsummary] is not allowed") == refuses_summary,
            "{says}: {done:?}"
        );
        ensure!(done.says("##[error]said"), "{says}: {done:?}");
        ensure!(done.result == TaskResult::Failed, "{says}: {done:?}");
    }
    Ok(())
}

/// Agent.Worker/RetryHelper.cs.
async fn retries() -> Result<()> {
    // Fails until the third attempt, by what the folder remembers.
    const COUNTS: &str = "
const fs = require('node:fs');
const file = __dirname + '/attempts';
const attempt = 1 + (fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : 0);
fs.writeFileSync(file, String(attempt));
";
    let rows = [
        ("it succeeds at once", "", 3, 1, TaskResult::Succeeded),
        (
            "it fails by its exit code",
            "if (attempt < 3) process.exitCode = 1;",
            3,
            3,
            TaskResult::Succeeded,
        ),
        (
            "it fails by its word",
            "if (attempt < 3) console.log('##vso[task.complete result=Failed]');",
            3,
            3,
            TaskResult::Succeeded,
        ),
        (
            "it fails too often",
            "process.exitCode = 1;",
            2,
            3,
            TaskResult::Failed,
        ),
        (
            "no retries are asked for",
            "process.exitCode = 1;",
            0,
            1,
            TaskResult::Failed,
        ),
        (
            "it is skipped, which is no failure",
            "console.log('##vso[task.complete result=Skipped]');",
            3,
            1,
            TaskResult::Skipped,
        ),
    ];
    for (says, lines, retries, attempts, result) in rows {
        let folder = script(&format!("{COUNTS}{lines}"))?;
        let done = run(move || {
            Step {
                retries,
                ..step(folder.path())
            }
            .run()
        })
        .await?;
        ensure!(
            (done.attempts, done.result) == (attempts, result),
            "{says}: {done:?}"
        );
    }
    let delays = [0, 1, 2].map(|attempt| exponential_delay(attempt).as_secs());
    ensure!(delays == [1, 4, 9], "{delays:?}");
    Ok(())
}

/// The tests of the agent itself: `ExplicitOutputs_RepeatedPublicationRespectsProtection`.
async fn outputs() -> Result<()> {
    const LINES: &str = "
console.log('##vso[task.setvariable variable=verdict;isOutput=true]first');
console.log('##vso[task.setvariable variable=verdict;isOutput=true]second');
";
    for (protects_outputs, value, result) in [
        (false, "second", TaskResult::Succeeded),
        (true, "first", TaskResult::Failed),
    ] {
        let folder = script(LINES)?;
        let done = run(move || {
            Step {
                protects_outputs,
                ..step(folder.path())
            }
            .run()
        })
        .await?;
        ensure!(
            done.outputs.get("verdict").map(String::as_str) == Some(value),
            "{done:?}"
        );
        ensure!(done.result == result, "{done:?}");
    }
    Ok(())
}

/// Lets everything pass.
struct Open;

impl Gate for Open {
    fn pass<'a>(&'a self, asked: Asked, onward: &'a Onward) -> BoxFuture<'a, front::Answer> {
        async move { onward.hand(asked).await }.boxed()
    }
}

/// The task, as it is packed, before a rollout that never comes to an end.
struct Scene {
    azure: FakeAzure,
    _front: front::Front,
    sandbox: Sandbox,
    task: Arc<TempDir>,
    temp: Arc<TempDir>,
}

impl Scene {
    async fn set() -> Result<Self> {
        let hangs = |pod: &k8s_openapi::api::core::v1::Pod| {
            let labels = pod.metadata.labels.as_ref();
            labels.and_then(|it| it.get("version")).map(String::as_str) == Some("v2")
        };
        let sandbox = Sandbox::builder()
            .namespace("shop")
            .play(hangs, Script::image_not_found())
            .build();
        let (azure, front) = azure_of(FakeAzure::builder(), &sandbox, Arc::new(Open)).await?;
        deploy(&sandbox.client(), "v1").await?;
        Ok(Self {
            azure,
            _front: front,
            sandbox,
            task: Arc::new(packed_task()?),
            temp: Arc::new(tempfile::tempdir()?),
        })
    }

    /// Runs a check under an agent that is set up further.
    async fn check(&self, set_up: impl FnOnce(&mut Step<'_>) + Send + 'static) -> Result<Done> {
        let mut run_of = Run::check(&self.azure, FEDERATION);
        run_of.set("INPUT_STABLEFOR", "1s");
        run_of.set(
            "AGENT_TEMPDIRECTORY",
            &self.temp.path().display().to_string(),
        );
        let task = Arc::clone(&self.task);
        run(move || {
            let mut step = Step {
                variables: run_of.variables,
                restrictions: of_task_json()?,
                ..step(task.path())
            };
            set_up(&mut step);
            step.run()
        })
        .await
    }
}

fn of_task_json() -> Result<Restrictions> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../task/task.json");
    Ok(Restrictions::of_task(&serde_json::from_str(
        &std::fs::read_to_string(file)?,
    )?))
}

fn verdict(done: &Done) -> Option<&str> {
    done.outputs.get("verdict").map(String::as_str)
}

async fn rollguard_cancelled() -> Result<()> {
    let scene = Scene::set().await?;
    deploy(&scene.sandbox.client(), "v2").await?;
    let done = scene
        .check(|step| {
            step.cancelled = Some(Cancelled {
                after: Duration::from_secs(1),
                times: Times::DEFAULT,
            });
            step.retries = 3;
        })
        .await?;
    ensure!(done.signal == Some("SIGINT"), "{done:?}");
    ensure!(
        done.took_to_end < Duration::from_secs(3),
        "{:?}",
        done.took_to_end
    );
    ensure!(done.result == TaskResult::Canceled, "{done:?}");
    ensure!(
        done.attempts == 1,
        "a cancelled step was repeated: {done:?}"
    );
    ensure!(done.says("cancelled"), "{done:?}");
    ensure!(verdict(&done) == Some("undetermined"), "{done:?}");
    let left: Vec<_> = std::fs::read_dir(scene.temp.path())?
        .flatten()
        .map(|it| it.file_name())
        .collect();
    ensure!(
        !left
            .iter()
            .any(|it| it.to_string_lossy().starts_with("rollguard-")
                && scene.temp.path().join(it).is_dir()),
        "{left:?}"
    );
    Ok(())
}

async fn rollguard_restricted() -> Result<()> {
    let scene = Scene::set().await?;
    let done = scene.check(|_| ()).await?;
    ensure!(done.result == TaskResult::Succeeded, "{done:?}");
    ensure!(verdict(&done) == Some("succeeded"), "{done:?}");
    ensure!(
        !done.says("not allowed") && !done.says("has been disabled"),
        "{done:?}"
    );
    ensure!(
        !done.log.iter().any(|line| line.contains("fake-arm-token")),
        "{done:?}"
    );
    Ok(())
}

async fn rollguard_under_target() -> Result<()> {
    let scene = Scene::set().await?;
    let done = scene
        .check(|step| step.restrictions.is_restricted = true)
        .await?;
    ensure!(done.result == TaskResult::Succeeded, "{done:?}");
    ensure!(verdict(&done) == Some("succeeded"), "{done:?}");
    // The page of the run is what is lost.
    ensure!(done.says("task.uploadsummary] is not allowed"), "{done:?}");
    Ok(())
}

async fn rollguard_repeated() -> Result<()> {
    for (protects_outputs, expected, result) in [
        (false, "succeeded", TaskResult::Succeeded),
        (true, "undetermined", TaskResult::Failed),
    ] {
        let scene = Scene::set().await?;
        scene.azure.answer_next(Service::Arm, Answer::forbidden());
        let done = scene
            .check(move |step| {
                step.retries = 1;
                step.protects_outputs = protects_outputs;
            })
            .await?;
        ensure!(done.attempts == 2, "{done:?}");
        let found = verdict(&done).context("no verdict")?;
        ensure!((found, done.result) == (expected, result), "{done:?}");
    }
    Ok(())
}
