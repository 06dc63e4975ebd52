//! Runs the fuzz targets of `fuzz/` for a bounded time, with libFuzzer and the pinned compiler.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::generate::root;
use crate::test::{Package, install};

/// How long each target runs by default: enough to come past the kept inputs.
pub(crate) const DEFAULT_SECONDS: u64 = 10;

/// Longer inputs only take longer.
const MAX_LENGTH: usize = 8 * 1024;
/// One input that takes so long hangs.
const INPUT_TIMEOUT: Duration = Duration::from_secs(30);
/// What libFuzzer may hold, in MiB.
const MEMORY: usize = 2048;

const COMPILER: &[Package] = &[("g++", &["/usr/bin/g++", "/usr/bin/c++"])];

/// When a target ends that finds nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After so much time.
    Seconds(u64),
    /// After so many inputs, the kept ones included.
    Runs(u64),
}

impl Until {
    fn argument(self) -> String {
        match self {
            Self::Seconds(seconds) => format!("-max_total_time={seconds}"),
            Self::Runs(runs) => format!("-runs={runs}"),
        }
    }
}

/// Runs the targets named like one of `filter`, or all: each over its kept inputs, then over what it
/// makes of them. The last line counts them as a test runner's would.
///
/// # Errors
/// When no target has such a name, libFuzzer cannot be built, or a target has failed.
pub(crate) fn run(filter: &[String], until: Until) -> Result<()> {
    install(COMPILER)?;
    let driver = build()?;
    let all = targets(&driver)?;
    let chosen: Vec<&String> = all
        .iter()
        .filter(|name| filter.is_empty() || filter.contains(name))
        .collect();
    ensure!(
        !chosen.is_empty(),
        "no target is named {filter:?}; there are {}",
        all.join(", ")
    );
    let failed = fuzz_all(&driver, &chosen, until)?;
    let passed = chosen.len() - failed;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed; 0 ignored");
    ensure!(failed == 0, "{failed} of {} targets failed", chosen.len());
    Ok(())
}

/// Builds the driver, with counters in our own crates and these optimised. A test of its package cannot be built so:
/// what the counters call is in libFuzzer.
fn build() -> Result<PathBuf> {
    let wrapper = root().join("fuzz/rustc-with-coverage.sh");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--quiet", "--package", "rollguard-fuzz"])
        .args(["--features", "libfuzzer", "--message-format", "json"]);
    for name in [
        "agent", "azure", "cluster", "core", "fuzz", "lint", "network", "stage",
    ] {
        let setting = format!("profile.dev.package.rollguard-{name}.opt-level=1");
        command.args(["--config", &setting]);
    }
    let output = command
        .env("RUSTC_WORKSPACE_WRAPPER", wrapper)
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .context("failed to run cargo")?;
    ensure!(
        output.status.success(),
        "failed to build the fuzz targets: {}",
        output.status
    );
    executable(&output.stdout).context("failed to find the program that was built")
}

/// The program, not the test, that cargo's messages name.
fn executable(messages: &[u8]) -> Option<PathBuf> {
    let messages = String::from_utf8_lossy(messages);
    messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = message.get("executable")?.as_str()?;
        let is_program = message.pointer("/target/kind/0")? == "bin";
        is_program.then(|| PathBuf::from(path))
    })
}

fn targets(driver: &Path) -> Result<Vec<String>> {
    let output = Command::new(driver)
        .env("ROLLGUARD_FUZZ_TARGET", "list")
        .output()
        .with_context(|| format!("failed to run `{}`", driver.display()))?;
    let names: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    ensure!(!names.is_empty(), "the fuzz driver names no target");
    Ok(names)
}

/// Runs the targets, one on each processor at a time, and says how many failed.
fn fuzz_all(driver: &Path, targets: &[&String], until: Until) -> Result<usize> {
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let work = || {
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            match fuzz(driver, target, until) {
                Ok(executed) => println!("{target:<14} ok, {executed} inputs"),
                Err(error) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    println!("{target:<14} FAILED: {error:#}");
                }
            }
        }
    };
    let panicked = thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        workers.into_iter().any(|worker| worker.join().is_err())
    });
    ensure!(!panicked, "a worker panicked");
    Ok(failed.into_inner())
}

/// Runs one target and says how many inputs it took.
fn fuzz(driver: &Path, target: &str, until: Until) -> Result<u64> {
    let kept = root().join("fuzz/corpus").join(target);
    let inputs = fs::read_dir(&kept)
        .with_context(|| format!("failed to list its corpus `{}`", kept.display()))?
        .count();
    ensure!(inputs > 0, "its corpus `{}` is empty", kept.display());
    // What is found is written to the first folder: the kept inputs stay as they are.
    let found = root().join("target/fuzz/corpus").join(target);
    let crashes = root().join("target/fuzz/crashes").join(target);
    for folder in [&found, &crashes] {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create `{}`", folder.display()))?;
    }
    let output = Command::new(driver)
        .arg(until.argument())
        .arg(format!("-max_len={MAX_LENGTH}"))
        .arg(format!("-timeout={}", INPUT_TIMEOUT.as_secs()))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .args(["-len_control=0", "-print_final_stats=1", "-verbosity=1"])
        .args([&found, &kept])
        .env("ROLLGUARD_FUZZ_TARGET", target)
        .env("RUST_BACKTRACE", "0")
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to run `{}`", driver.display()))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}\n{}", output.status, complaint(&told));
    }
    let executed = executed(&told).context("it ran no input")?;
    let least = u64::try_from(inputs).unwrap_or(u64::MAX);
    ensure!(
        executed >= least,
        "it ran {executed} inputs of {inputs} kept"
    );
    Ok(executed)
}

/// How many inputs libFuzzer says it has run.
fn executed(told: &str) -> Option<u64> {
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    line.trim().parse().ok()
}

/// Returns what of libFuzzer's output a person needs: the panic, and where the input was written.
fn complaint(told: &str) -> String {
    let lines: Vec<&str> = told.lines().collect();
    let begin = lines
        .iter()
        .position(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"))
        .unwrap_or_else(|| lines.len().saturating_sub(20));
    let end = told
        .lines()
        .rev()
        .find(|line| line.contains("Test unit written"));
    let panic = lines.iter().skip(begin).take(12).copied();
    panic.chain(end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_inputs_is_read_from_the_closing_statistics() {
        let told = "#9\tDONE\nstat::number_of_executed_units: 842\nstat::new_units_added: 296";
        assert_eq!(executed(told), Some(842));
        assert_eq!(executed("#9\tDONE   cov: 3"), None);
    }

    #[test]
    fn a_complaint_holds_the_panic_and_the_place_of_the_input() {
        let told = "INFO: seed\nthread 'main' panicked at a.rs:1:1:\nbroken\n==1== ERROR: libFuzzer: \
                    deadly signal\nx\nTest unit written to target/crash-1\nBase64: YQ==";
        let complaint = complaint(told);
        assert!(
            complaint.starts_with("thread 'main' panicked"),
            "{complaint}"
        );
        assert!(
            complaint.ends_with("Test unit written to target/crash-1"),
            "{complaint}"
        );
    }

    #[test]
    fn the_driver_is_the_last_program_that_cargo_names() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"kind":["lib"]},"executable":null}
            {"reason":"compiler-artifact","target":{"kind":["bin"]},"executable":"/t/debug/fuzz"}
            {"reason":"compiler-artifact","target":{"kind":["test"]},"executable":"/t/debug/deps/corpus-1"}
            {"reason":"build-finished","success":true}"#;
        let program = executable(messages.as_bytes());
        assert_eq!(program, Some(PathBuf::from("/t/debug/fuzz")));
        assert_eq!(executable(b"no json"), None);
    }
}
