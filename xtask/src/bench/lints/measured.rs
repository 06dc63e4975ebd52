//! Time and memory of each linter.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::manifests::write_all;
use super::peers::{Peer, TRIVY_ARGUMENTS};
use super::{FEW, Linters, MANY};
use crate::bench::page::median;

/// The time and memory of one linter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured {
    pub(super) linter: &'static str,
    pub(super) manifests: usize,
    /// Seconds.
    pub(super) wall: f64,
    /// Seconds.
    pub(super) cpu: f64,
    pub(super) mebibytes: f64,
}

/// Writes the manifests and runs every linter over both numbers of them.
pub(super) fn measure(linters: &Linters, folder: &Path) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for manifests in [FEW, MANY] {
        let folder = folder.join(manifests.to_string());
        let files = write_all(&folder, manifests)?;
        let mut add = |linter, runs: usize, program: &Path, arguments: &[PathBuf]| -> Result<()> {
            println!("{linter}: {manifests} manifests");
            let runs: Result<Vec<Measured>> = (0..runs)
                .map(|_| run(linter, program, arguments, &folder))
                .collect();
            let runs = runs?;
            let of =
                |value: fn(&Measured) -> f64| median(&runs.iter().map(value).collect::<Vec<_>>());
            all.push(Measured {
                linter,
                manifests,
                wall: of(|it| it.wall),
                cpu: of(|it| it.cpu),
                mebibytes: of(|it| it.mebibytes),
            });
            Ok(())
        };
        let words = |words: &[&str]| words.iter().map(PathBuf::from).collect::<Vec<_>>();
        add("rollguard", 3, &linters.rollguard, &words(&["lint", "."]))?;
        for installed in &linters.peers {
            let peer = installed.peer;
            let arguments = match peer {
                Peer::KubeScore => {
                    let mut all = words(&["score", "--output-format", "human"]);
                    all.extend(files.iter().cloned());
                    all
                }
                Peer::Checkov => words(&[
                    "-d",
                    ".",
                    "--framework",
                    "kubernetes",
                    "--compact",
                    "--quiet",
                ]),
                Peer::Trivy => {
                    let mut all = words(TRIVY_ARGUMENTS);
                    all.extend(words(&["--exit-code", "1", "."]));
                    all
                }
            };
            match peer {
                Peer::KubeScore => add(peer.name(), 3, &installed.program, &arguments)?,
                // All of them take checkov a quarter of an hour.
                Peer::Checkov | Peer::Trivy if manifests == FEW => {
                    add(peer.name(), 1, &installed.program, &arguments)?;
                }
                Peer::Checkov | Peer::Trivy => {}
            }
        }
    }
    Ok(all)
}

fn run(
    linter: &'static str,
    program: &Path,
    arguments: &[PathBuf],
    folder: &Path,
) -> Result<Measured> {
    // Beside the manifests, where no linter looks.
    let said = folder.with_extension("time");
    let status = Command::new("/usr/bin/time")
        .args(["-f", "%e %U %S %M", "-o"])
        .arg(&said)
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .stdout(File::create(folder.with_extension("out"))?)
        .stderr(Stdio::null())
        .status()
        .context("failed to run /usr/bin/time")?;
    // Every linter finds something.
    ensure!(
        status.code().is_some_and(|it| it != 0 && it < 126),
        "{linter} ended with {status}"
    );
    let printed = fs::metadata(folder.with_extension("out"))?.len();
    ensure!(printed > 10_000, "{linter} judged nothing: {printed} bytes");
    let text = fs::read_to_string(&said)?;
    let last = text.lines().last().unwrap_or_default();
    let numbers: Result<Vec<f64>, _> = last.split(' ').map(str::parse).collect();
    let [wall, user, system, kibibytes] = numbers?
        .try_into()
        .ok()
        .context("failed to understand /usr/bin/time")?;
    Ok(Measured {
        linter,
        manifests: 0,
        wall,
        cpu: user + system,
        mebibytes: kibibytes / 1024.0,
    })
}

/// Renders what was measured.
pub(super) fn table(measured: &[Measured]) -> String {
    let mut text =
        "| linter | manifests | wall | CPU | memory |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for it in measured {
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} s | {:.2} s | {:.0} MiB |",
            it.linter, it.manifests, it.wall, it.cpu, it.mebibytes
        );
    }
    text
}
