//! `docs/start.md`: what a look at a healthy Deployment takes in a fresh job.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rollguard_measured::starts::{Cost, Measured, Side, Started};

use super::page::{Setting, median};
use crate::generate::{root, table};

/// A file that a fresh agent downloads.
#[derive(Debug, Clone)]
pub(super) struct Download {
    pub(super) what: &'static str,
    pub(super) bytes: u64,
}

/// All that a page tells.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) measured: &'a Measured,
    pub(super) usual: Vec<Download>,
    pub(super) rollguard: Vec<Download>,
    /// The lines of `tests/npm/start.mjs`.
    pub(super) first_request: Vec<String>,
}

/// The newest extension, unpacked: its task, and how large it is as the agent gets it.
pub(super) fn unpacked() -> Result<(PathBuf, u64)> {
    let packed = fs::read_dir(root().join("dist")).into_iter().flatten();
    let packed = packed.flatten().map(|entry| entry.path());
    let newest = packed
        .filter(|path| path.extension().is_some_and(|it| it == "vsix"))
        .max_by_key(|path| path.metadata().and_then(|it| it.modified()).ok());
    let vsix = newest.context("no extension was packed: run `cargo xtask package` first")?;
    let folder = root().join("target/bench-start");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let unzipped = Command::new("unzip")
        .arg("-q")
        .arg(&vsix)
        .arg("-d")
        .arg(&folder)
        .status()
        .context("failed to run unzip")?;
    ensure!(unzipped.success(), "unzip failed: {unzipped}");
    Ok((folder.join("task"), size(&vsix)?))
}

/// How long the packed task takes to its first request, beside a task with the agent's library.
pub(super) fn first_request(task: &Path) -> Result<Vec<String>> {
    let output = Command::new("node")
        .arg(root().join("tests/npm/start.mjs"))
        .arg(task)
        .stderr(Stdio::inherit())
        .output()
        .context("failed to run node")?;
    ensure!(
        output.status.success(),
        "the first request was not measured: {}",
        output.status
    );
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// All files of a folder together.
pub(super) fn size_of_all(folder: &Path) -> Result<u64> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.iter().map(|entry| size(&entry.path())).sum()
}

pub(super) fn size(file: &Path) -> Result<u64> {
    Ok(file
        .metadata()
        .with_context(|| format!("failed to find `{}`", file.display()))?
        .len())
}

/// As it is published: kubelogin comes in an archive.
pub(super) fn compressed(file: &Path) -> Result<u64> {
    let output = Command::new("gzip")
        .arg("--stdout")
        .stdin(File::open(file).with_context(|| format!("failed to open `{}`", file.display()))?)
        .output()
        .context("failed to run gzip")?;
    ensure!(output.status.success(), "gzip failed: {}", output.status);
    Ok(u64::try_from(output.stdout.len())?)
}

/// The whole page.
pub(super) fn render(page: &Page<'_>, setting: &Setting) -> String {
    let Page {
        measured,
        usual,
        rollguard,
        first_request,
    } = page;
    [
        head(measured, setting),
        "## Side by side\n\n".to_owned(),
        together(measured, total(usual), total(rollguard)),
        EXPLAINED.to_owned(),
        "## Command by command\n\n".to_owned(),
        steps(measured),
        "\n## Downloads\n\n".to_owned(),
        downloads(usual, rollguard),
        "\n## The first request\n\n".to_owned(),
        FIRST_REQUEST.to_owned(),
        format!("- {}\n", first_request.join("\n- ")),
    ]
    .concat()
}

fn head(measured: &Measured, setting: &Setting) -> String {
    format!(
        "# Start-up\n\n\
         <!-- Written by `cargo xtask bench-start`. -->\n\n\
         A job looks once at a Deployment that has long been healthy. It signs in with a federated token. Azure is the fake of `tests/src/fakes`, the cluster a real one, both on the machine itself: no network adds to the times. Both ways are gone in turns, {} times each; seconds are medians.\n\n\
         {}, rollguard {} as packed, Azure CLI {}, kubelogin and kubectl as `tests/cluster` pins them, Kubernetes {}, {} cores.\n\n",
        measured
            .rollguard
            .steps
            .first()
            .map_or(0, |it| it.costs.len()),
        setting.date,
        setting.version,
        measured.azure_cli,
        measured.kubernetes,
        setting.cores
    )
}

fn together(measured: &Measured, usual: u64, rollguard: u64) -> String {
    let row = |name: &str, side: &Side, download: u64| {
        let started = started(side);
        [
            name.to_owned(),
            hundredths(whole(side, |it| it.seconds)),
            hundredths(whole(side, |it| it.cpu_seconds)),
            started.processes.to_string(),
            started.programs.to_string(),
            format!("{} ({})", side.left.count, kilobytes(side.left.bytes)),
            megabytes(download),
        ]
    };
    let columns = [
        "way",
        "wall, s",
        "processor, s",
        "processes",
        "programs",
        "files left",
        "downloaded by a fresh agent",
    ];
    let rows = [
        row("`az`, kubelogin, `kubectl`", &measured.usual, usual),
        row("`rollguard check`", &measured.rollguard, rollguard),
    ];
    table(columns, rows)
}

const EXPLAINED: &str = "
*Processor*: user and kernel mode of all processes together. *Processes*: started, threads not counted; *programs*: loaded by them (`execve`). *Files left*: in the home folder and the agent's temporary folder. The registration of the fake as a cloud is not counted, although it spares the Azure CLI the index of its commands that a fresh home lacks.

";

const FIRST_REQUEST: &str = "From the start of Node.js to the first HTTPS request that a server on the same machine receives, both tasks in turns:\n\n";

fn steps(measured: &Measured) -> String {
    let sides = [&measured.usual, &measured.rollguard];
    let rows = sides.into_iter().flat_map(|side| &side.steps).map(|step| {
        let all = |of: fn(&Cost) -> f64| {
            hundredths(median(&step.costs.iter().map(of).collect::<Vec<f64>>()))
        };
        [
            code(&step.command),
            all(|it| it.seconds),
            all(|it| it.cpu_seconds),
            step.started.processes.to_string(),
            step.started.programs.to_string(),
        ]
    });
    let columns = [
        "command",
        "wall, s",
        "processor, s",
        "processes",
        "programs",
    ];
    table(columns, rows)
}

fn downloads(usual: &[Download], rollguard: &[Download]) -> String {
    let rows = usual
        .iter()
        .chain(rollguard)
        .map(|it| [it.what.to_owned(), megabytes(it.bytes)]);
    table(["download", "size"], rows)
}

/// A command in backticks, unless it is a sentence with some.
fn code(command: &str) -> String {
    if command.contains('`') {
        command.to_owned()
    } else {
        format!("`{command}`")
    }
}

/// The median over all runs of what the commands of one run take together.
fn whole(side: &Side, of: fn(&Cost) -> f64) -> f64 {
    let runs = side.steps.first().map_or(0, |it| it.costs.len());
    let sums: Vec<f64> = (0..runs)
        .map(|run| {
            let costs = side.steps.iter().filter_map(|it| it.costs.get(run));
            costs.map(of).sum()
        })
        .collect();
    median(&sums)
}

fn started(side: &Side) -> Started {
    side.steps
        .iter()
        .fold(Started::default(), |sum, step| Started {
            processes: sum.processes + step.started.processes,
            programs: sum.programs + step.started.programs,
        })
}

fn total(downloads: &[Download]) -> u64 {
    downloads.iter().map(|it| it.bytes).sum()
}

fn hundredths(seconds: f64) -> String {
    format!("{seconds:.2}")
}

/// With one digit after the point.
fn megabytes(bytes: u64) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn kilobytes(bytes: u64) -> String {
    format!("{} kB", bytes.div_ceil(1000))
}
