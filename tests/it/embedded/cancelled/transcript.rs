//! `docs/cancelled-stage.md`: what a reader sees of a stage that is cancelled, and of the run after it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::stage::{CHECK, Moment, RECHECK, ROLLBACK, Run, run};
use super::{Left, MOST, Release, Scene};

/// Writes the file instead of comparing it.
const UPDATE: &str = "UPDATE_EXPECT";

const HEAD: &str = "# A cancelled stage

<!-- Written by `UPDATE_EXPECT=1 cargo test -p rollguard-tests --test embedded -- transcript`. -->

A person cancels the run. The agent then sends SIGINT to the task, SIGTERM 7.5 s later, and kills it after another 2.5 s; in the job `Rollback` the template
gives it 60 s before SIGTERM. Rollguard stops at once, except in a patch that was already sent: that is awaited, and the log says what came of it. Of a release of
several workloads either none is rolled back or all are. The jobs that have not begun are skipped.

Tested at every request of every job: afterwards either nothing was changed or the rollback is whole, and running the stage again ends with the good revision in
place, by one change. Below, `web` was updated from v1, which is good, to v2, which crashes. The lines are those of the run, without the commands for the agent.
";

/// A moment, and what stands above its transcript.
struct Part {
    title: &'static str,
    moment: Moment,
}

pub(super) async fn is_current() -> Result<()> {
    let before_patch = last_unchanged().await?;
    let parts = [
        Part {
            title: "While the check follows the rollout",
            moment: Moment::Request {
                job: CHECK,
                requests: 14,
            },
        },
        Part {
            title: "While a person is asked",
            moment: Moment::Approval,
        },
        Part {
            title: "In the rollback, before the patch",
            moment: Moment::Request {
                job: ROLLBACK,
                requests: before_patch,
            },
        },
        Part {
            title: "In the rollback, with the patch on its way",
            moment: Moment::Request {
                job: ROLLBACK,
                requests: before_patch + 1,
            },
        },
        Part {
            title: "While the restored revision is checked",
            moment: Moment::Request {
                job: RECHECK,
                requests: 5,
            },
        },
    ];
    let mut text = HEAD.to_owned();
    for part in parts {
        text.push_str(&written(&part).await.context(part.title)?);
    }
    compare(&text)
}

/// Returns the number of requests of the rollback after which a cancellation changes nothing, for the last time.
async fn last_unchanged() -> Result<usize> {
    for requests in 1..MOST {
        let scene = Scene::set(Release::One).await?;
        run(
            &scene,
            Moment::Request {
                job: ROLLBACK,
                requests,
            },
        )
        .await?;
        if scene.left().await? == Left::RolledBack {
            return Ok(requests - 1);
        }
    }
    bail!("the patch was never sent")
}

async fn written(part: &Part) -> Result<String> {
    let scene = Scene::set(Release::One).await?;
    let first = run(&scene, part.moment).await?;
    ensure!(
        first.was_cancelled(),
        "it was not cancelled: {}",
        first.log()
    );
    let left = match scene.left().await? {
        Left::Unchanged => "The cluster afterwards: v2, unchanged.",
        Left::RolledBack => "The cluster afterwards: v1, the rollback is whole.",
    };
    let second = run(&scene, Moment::Never).await?;
    ensure!(scene.left().await? == Left::RolledBack, "{}", second.log());
    let jobs: Vec<&str> = second
        .lines
        .iter()
        .filter(|it| !it.starts_with(' ') && it.contains(": "))
        .map(String::as_str)
        .collect();
    Ok(format!(
        "\n## {}\n\n```text\n{}\n```\n\n{left} Run again: {}; then v1 is in place.\n",
        part.title,
        shown(&first).join("\n"),
        jobs.join(", ")
    ))
}

/// The lines of the job that was cancelled, and the results of the others.
fn shown(run: &Run) -> Vec<&str> {
    let mut job = "";
    let lines = run.lines.iter().filter(|line| {
        if !line.starts_with(' ') {
            job = line.split(':').next().unwrap_or_default();
        }
        !line.starts_with(' ') || Some(job) == run.cancelled_in
    });
    // A job that has ended needs no line for its beginning.
    let lines: Vec<&str> = lines.map(String::as_str).collect();
    let ended = |at: usize, line: &str| {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        next.strip_prefix(line)
            .is_some_and(|rest| rest.starts_with(':'))
    };
    let rows = lines.iter().enumerate();
    rows.filter(|(at, line)| !ended(*at, line))
        .map(|(_, line)| *line)
        .collect()
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cancelled-stage.md")
}

fn compare(text: &str) -> Result<()> {
    if std::env::var_os(UPDATE).is_some() {
        return Ok(std::fs::write(file(), text)?);
    }
    let kept = std::fs::read_to_string(file()).unwrap_or_default();
    let line = kept
        .lines()
        .zip(text.lines())
        .position(|(kept, now)| kept != now);
    ensure!(
        kept == text,
        "docs/cancelled-stage.md is not current, from line {:?}; write it with {UPDATE}=1:\n{text}",
        line.map(|it| it + 1)
    );
    Ok(())
}
