//! Follows a tool's output line by line, with the time of each line.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::fields::Status;
use rollguard_tests::field::FieldCase;
use rollguard_tests::product::Ran;
use rollguard_tests::said::{first, listen};
use tokio::task::spawn_blocking;

/// A check that ended.
pub(crate) struct Followed {
    pub(crate) ran: Ran,
    /// From its start to its end.
    pub(crate) seconds: f64,
    /// From its start to the first line for people that has the cause.
    pub(crate) cause_after: Option<f64>,
}

/// Runs a tool to its end, without a terminal.
pub(crate) fn follow(mut command: Command, case: &FieldCase) -> Result<Followed> {
    let started = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start a tool")?;
    let ran = Ran::from(listen(child, started)?);
    let seconds = started.elapsed().as_secs_f64();
    let named = first(&ran.said, |line| case.has_cause() && case.is_named_in(line));
    let cause_after = named.map(|it| it.as_secs_f64());
    Ok(Followed {
        ran,
        seconds,
        cause_after,
    })
}

/// Runs `kubectl rollout status` to its end.
pub(crate) async fn kubectl_status(command: Command, case: &FieldCase) -> Result<Status> {
    let followed = {
        let case = case.clone();
        spawn_blocking(move || follow(command, &case)).await??
    };
    let told = followed.ran.all();
    let verdict = if followed.ran.code == 0 {
        VerdictKind::Succeeded
    } else if told.contains("timed out waiting") {
        VerdictKind::TimedOut
    } else {
        VerdictKind::Failed
    };
    Ok(Status {
        verdict,
        after: followed.seconds,
        named: case.has_cause() && case.is_named_in(&told),
    })
}
