//! How the process ends: at once when it is cancelled, and as a failed task when it breaks off.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rollguard_tests::fakes::{FakeAzure, Scheme};
use rollguard_tests::product::binary;
use rustix::process::{Pid, Signal, kill_process};

use super::task::{Run, packed_task};
use crate::trial;

/// The documented exit code of a cancelled command.
const CANCELLED: i32 = 130;

pub(crate) fn trials() -> Vec<Trial> {
    type Row = (&'static str, fn(&Path) -> Vec<String>, Signal);
    let rows: [Row; 5] = [
        ("stdin is read, by SIGINT", |_| evidence("-"), Signal::INT),
        ("stdin is read, by SIGTERM", |_| evidence("-"), Signal::TERM),
        (
            "a pipe with evidence is read",
            |pipe| evidence(&text(pipe)),
            Signal::INT,
        ),
        (
            "a pipe with a trace is read",
            |pipe| vec!["replay".to_owned(), text(pipe)],
            Signal::TERM,
        ),
        (
            "a pipe with a kubeconfig is read",
            |pipe| check(&text(pipe)),
            Signal::INT,
        ),
    ];
    let cancelled = rows.into_iter().map(|(says, arguments, signal)| {
        trial(
            format!("cancelled while {says}, it ends at once"),
            move || cancelled(arguments, signal),
        )
    });
    let node = Command::new("node").arg("--version").output();
    let has_node = node.is_ok_and(|output| output.status.success());
    cancelled
        .chain(drills())
        .chain([
            trial("evidence that ends is read to its end", ended),
            trial("a panic of the binary fails the task", panicked).with_ignored_flag(!has_node),
        ])
        .collect()
}

/// Cancels a drill in each of its phases.
fn drills() -> impl Iterator<Item = Trial> {
    let drills = [
        (
            "v1 is deployed",
            "checking deployment/web",
            Signal::INT,
            "human",
        ),
        (
            "the check runs",
            "● AksDeploymentHealthCheck",
            Signal::TERM,
            "human",
        ),
        (
            "the check runs, for JSON",
            "● AksDeploymentHealthCheck",
            Signal::INT,
            "json",
        ),
        (
            "the check runs, for JUnit",
            "● AksDeploymentHealthCheck",
            Signal::HUP,
            "junit",
        ),
    ];
    let drills = drills.into_iter().map(|(says, marker, signal, form)| {
        trial(
            format!("a drill that is cancelled while {says} says so, and nothing else of its end"),
            move || cancelled_drill(marker, signal, form),
        )
    });
    let has_script = Command::new("script").arg("--version").output().is_ok();
    let at_approval = [
        ("Ctrl-C", "\u{3}", "cancelled"),
        (
            "the end of the input",
            "\u{4}",
            "no answer: the input has ended",
        ),
    ];
    let at_approval = at_approval.into_iter().map(move |(says, key, word)| {
        let name = format!("at the approval of a drill {says} is no answer");
        trial(name, move || at_approval_of_drill(key, word)).with_ignored_flag(!has_script)
    });
    drills.chain(at_approval)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn evidence(file: &str) -> Vec<String> {
    ["rollback", "-n", "shop", "--yes", "--evidence", file]
        .map(str::to_owned)
        .into()
}

fn check(kubeconfig: &str) -> Vec<String> {
    ["check", "deployment/web", "--kubeconfig", kubeconfig]
        .map(str::to_owned)
        .into()
}

fn start(arguments: &[String]) -> Result<Child> {
    Ok(Command::new(binary()?)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?)
}

async fn cancelled(arguments: fn(&Path) -> Vec<String>, signal: Signal) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let pipe = folder.path().join("pipe");
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    let mut child = start(&arguments(&pipe))?;
    handles(&child, signal).await?;
    kill_process(Pid::from_child(&child), signal)?;
    let sent = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if sent.elapsed() > Duration::from_secs(3) {
            child.kill()?;
            anyhow::bail!("it does not end");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    ensure!(status.code() == Some(CANCELLED), "{status:?}");
    Ok(())
}

/// The words of other ends than a cancelled one.
const OTHER_ENDS: [&str; 4] = [
    "did not end as expected",
    "rejected",
    "not confirmed",
    "you approved",
];

/// Reads until a line has the marker, then goes on to the end; the rest is returned at the end.
async fn cancelled_drill(marker: &'static str, signal: Signal, form: &'static str) -> Result<()> {
    let arguments = ["drill", "--approve", "-o", form].map(str::to_owned);
    let mut child = start(&arguments)?;
    let human: Box<dyn Read + Send> = if form == "human" {
        Box::new(child.stdout.take().context("no stdout")?)
    } else {
        Box::new(child.stderr.take().context("no stderr")?)
    };
    let pid = Pid::from_child(&child);
    let reading = tokio::task::spawn_blocking(move || -> Result<String> {
        let mut text = String::new();
        let mut sent = false;
        for line in BufReader::new(human).lines() {
            text += &line?;
            text.push('\n');
            if !sent && text.contains(marker) {
                kill_process(pid, signal)?;
                sent = true;
            }
        }
        Ok(text)
    });
    let said = reading.await??;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    ensure!(
        output.status.code() == Some(CANCELLED),
        "{:?}: {said}",
        output.status
    );
    ensure!(said.contains("cancelled") || form == "human", "{said}");
    let rest = String::from_utf8_lossy(&output.stdout);
    let all = format!("{said}{rest}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(all.contains("cancelled; nothing was changed"), "{all}");
    for wrong in OTHER_ENDS {
        ensure!(!all.contains(wrong), "`{wrong}`: {all}");
    }
    match form {
        "json" => {
            let document: serde_json::Value = serde_json::from_str(&rest)?;
            ensure!(document["outcome"] == "cancelled", "{document:#}");
        }
        "junit" => ensure!(rest.contains("<error type=\"Cancelled\""), "{rest}"),
        _ => {}
    }
    Ok(())
}

/// Lets `script` make a terminal, whose keys are what is written to its input.
async fn at_approval_of_drill(key: &'static str, word: &'static str) -> Result<()> {
    let command = format!("{} drill", binary()?.display());
    let mut child = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut keys = child.stdin.take().context("no stdin")?;
    let mut shown = child.stdout.take().context("no stdout")?;
    let reading = tokio::task::spawn_blocking(move || -> Result<String> {
        let (mut text, mut sent) = (String::new(), false);
        let mut bytes = [0; 4096];
        loop {
            // The other end of a terminal that is closed.
            let read = shown.read(&mut bytes).unwrap_or_default();
            if read == 0 {
                return Ok(text);
            }
            text += &String::from_utf8_lossy(bytes.get(..read).unwrap_or_default());
            if !sent && text.contains("approve the rollback? (y/n)") {
                keys.write_all(key.as_bytes())?;
                keys.flush()?;
                sent = true;
            }
        }
    });
    let said = reading.await??;
    let status = tokio::task::spawn_blocking(move || child.wait()).await??;
    ensure!(status.code() == Some(CANCELLED), "{status:?}: {said}");
    ensure!(said.contains(&format!("error: {word}")), "{said}");
    for wrong in OTHER_ENDS {
        ensure!(!said.contains(wrong), "`{wrong}`: {said}");
    }
    Ok(())
}

/// Waits until the process handles a signal itself, and has had the time to begin to read.
async fn handles(child: &Child, signal: Signal) -> Result<()> {
    let file = format!("/proc/{}/status", child.id());
    let bit = 1_u64 << (signal.as_raw() - 1);
    for _ in 0..500 {
        let status = std::fs::read_to_string(&file)?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.context("no SigCgt")?.trim(), 16)?;
        if caught & bit != 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("it does not handle {signal:?}")
}

async fn ended() -> Result<()> {
    let mut child = start(&evidence("-"))?;
    drop(child.stdin.take());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(2),
        "{:?}: {said}",
        output.status
    );
    Ok(())
}

async fn panicked() -> Result<()> {
    let task = packed_task()?;
    let azure = FakeAzure::builder().start()?;
    for command in ["check", "rollback"] {
        let folder = tempfile::tempdir()?;
        let mut run = Run::check(&azure, Scheme::ServicePrincipal);
        run.set("INPUT_COMMAND", command);
        run.set("ROLLGUARD_TEST_PANIC", "1");
        run.set("AGENT_TEMPDIRECTORY", &folder.path().display().to_string());
        let done = run.by_node(task.path()).await?;
        ensure!(
            done.text.contains("error: internal error at "),
            "{}",
            done.text
        );
        ensure!(!done.text.contains("asked for by a test"), "{}", done.text);
        let output = |name: &str| done.heard.variables.get(name).map(String::as_str);
        let (name, expected) = if command == "check" {
            ("verdict", "undetermined")
        } else {
            ("rollbackOutcome", "failed")
        };
        ensure!(output(name) == Some(expected), "{}", done.text);
        ensure!(done.code != 0, "{}", done.text);
        let result = done.heard.task_result(Some(done.code));
        ensure!(result == rollguard_agent::TaskResult::Failed);
        let issues = done.issues();
        ensure!(
            issues
                .iter()
                .any(|it| it.contains("before it reported a result")),
            "{issues:?}"
        );
    }
    Ok(())
}
