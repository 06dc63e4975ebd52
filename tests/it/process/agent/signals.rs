//! Cancels a step (`ProcessInvoker.cs`): SIGINT, SIGTERM and SIGKILL, each to Node.js alone.

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

/// How long the agent waits after a signal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From SIGINT to SIGTERM: `PROCESS_SIGINT_TIMEOUT`.
    pub(crate) interrupt: Duration,
    /// From SIGTERM to SIGKILL: `PROCESS_SIGTERM_TIMEOUT`.
    pub(crate) terminate: Duration,
}

impl Times {
    /// The agent's own.
    pub(crate) const DEFAULT: Self = Self {
        interrupt: Duration::from_millis(7500),
        terminate: Duration::from_millis(2500),
    };
    /// For tests of what comes after the last signal.
    pub(crate) const SHORT: Self = Self {
        interrupt: Duration::from_millis(400),
        terminate: Duration::from_millis(300),
    };
}

/// A cancellation of the job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cancelled {
    /// How long after the first line of the task.
    pub(crate) after: Duration,
    pub(crate) times: Times,
}

/// The lines that have come from the task.
pub(super) enum Lines {
    None,
    Some,
    /// There will be no more.
    End,
}

/// How an attempt ended.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<&'static str>,
    /// How long after the first signal.
    pub(super) took: Duration,
}

/// Takes lines in until the process has ended, and cancels it in time. A child of it that holds the pipes is waited
/// for 5 s.
pub(super) fn watch(
    mut child: Child,
    cancelled: Option<Cancelled>,
    mut take: impl FnMut() -> Lines,
) -> Result<Ended> {
    let mut spoke: Option<Instant> = None;
    let mut sent: Option<&'static str> = None;
    let mut first = None;
    let status = loop {
        match take() {
            Lines::Some => spoke = spoke.or_else(|| Some(Instant::now())),
            Lines::None => {}
            Lines::End => sleep(Duration::from_millis(10)),
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let (Some(Cancelled { after, times }), Some(spoke)) = (cancelled, spoke) else {
            continue;
        };
        let steps = [
            ("SIGINT", after, Signal::INT),
            ("SIGTERM", after + times.interrupt, Signal::TERM),
            (
                "SIGKILL",
                after + times.interrupt + times.terminate,
                Signal::KILL,
            ),
        ];
        let due = steps.iter().rfind(|(_, at, _)| spoke.elapsed() >= *at);
        if let Some((name, _, signal)) = due
            && sent != Some(*name)
        {
            sent = Some(*name);
            first = first.or_else(|| Some(Instant::now()));
            kill_process(Pid::from_child(&child), *signal)?;
        }
    };
    let took = first.map_or(Duration::ZERO, |it| it.elapsed());
    let ended = Instant::now();
    while !matches!(take(), Lines::End) && ended.elapsed() < Duration::from_secs(5) {}
    Ok(Ended {
        code: status.code(),
        signal: sent,
        took,
    })
}
