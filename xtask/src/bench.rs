//! Measures beside other tools on a real cluster: the time to verdict and the predictions before it, in
//! `docs/benchmarks.md`, whether users are served after it, in `docs/traffic.md`, the time
//! of rollouts from the field, in `docs/field-cases.md`, what a rollback leaves behind, in
//! `docs/rollback-cases.md`, many workloads at once, in `docs/scale.md`, the start of a job, in `docs/start.md`, and `lint` without a cluster, in
//! `docs/lint-benchmark.md`. All of it is shown and never asserted.

mod fields;
mod lints;
mod observed;
mod page;
mod predictions;
mod rollbacks;
mod scale;
mod starts;
mod traffic;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use rollguard_measured::{
    fields as field_rows, predictions as prediction_rows, rollbacks as rollback_rows,
    scale as scale_rows, starts as start_rows, traffic as traffic_rows, verdicts as verdict_rows,
};
use serde::de::DeserializeOwned;

use crate::generate::root;
use crate::test::{self, Modules};
pub(crate) use observed::observed;
use page::Setting;

const PAGE: &str = "docs/benchmarks.md";
const FIELD_PAGE: &str = "docs/field-cases.md";
/// Counts the processes that a command starts.
const TRACER: &[test::Package] = &[("strace", &["/usr/bin/strace"])];
const MEASURED: &str = "target/bench-verdict.json";

/// Runs every scenario, all three tools at the same time, prints the tables and writes them. With the
/// part of a name it runs the scenarios that contain it, and only prints.
///
/// # Errors
/// When the cluster cannot be set up, when a scenario was not measured, or, once the page is
/// written, when a verdict of rollguard was wrong.
pub(crate) fn verdicts(part: Option<&str>) -> Result<()> {
    let file = root().join(MEASURED);
    let status = measure(Modules::WithPeers, "1", part, &file)?;
    let measured: verdict_rows::Measured = read(&file)?;
    let page = page::render(&measured, &setting()?);
    println!("\n{page}");
    if part.is_none() {
        page::ensure_complete(&measured)?;
        // The other command's part stays.
        let before = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
        write(PAGE, &format!("{page}{}", predictions::section_of(&before)))?;
    }
    ensure!(
        status.success(),
        "not every scenario went as it should: {status}"
    );
    Ok(())
}

/// Predicts before every update, prints the tables and writes them at the end of the page. Of what was `measured`
/// before, only the page is written.
///
/// # Errors
/// When the cluster cannot be set up, when a scenario was not looked at, or, once the page is written, when something
/// was called certain that does not happen.
pub(crate) fn predictions(measured: Option<&Path>) -> Result<()> {
    let default = root().join("target/bench-prediction.json");
    let status = match measured {
        Some(_) => None,
        None => Some(measure(Modules::Cluster, "prediction", None, &default)?),
    };
    let measured: prediction_rows::Measured = read(measured.unwrap_or(&default))?;
    let section = predictions::render(&measured, &setting()?);
    println!("\n{section}");
    predictions::ensure_complete(&measured)?;
    let before = fs::read_to_string(root().join(PAGE)).context("failed to read the page")?;
    write(PAGE, &predictions::replaced(&before, &section))?;
    if let Some(status) = status {
        ensure!(status.success(), "not every prediction came true: {status}");
    }
    Ok(())
}

/// Runs every case of a rollback, kubectl and rollguard from the same start, prints the table and
/// writes it.
///
/// # Errors
/// When the cluster cannot be set up, when a case was not carried out, or, once the page is written,
/// when a rollback of rollguard did not end as it should.
pub(crate) fn rollbacks() -> Result<()> {
    let file = root().join("target/bench-rollback.json");
    let status = measure(Modules::Cluster, "rollback", None, &file)?;
    let measured: rollback_rows::Measured = read(&file)?;
    let page = rollbacks::render(&measured, &setting()?);
    println!("\n{page}");
    rollbacks::ensure_complete(&measured)?;
    write("docs/rollback-cases.md", &page)?;
    ensure!(
        status.success(),
        "not every case went as it should: {status}"
    );
    Ok(())
}

/// Runs every case from the field, rollguard and kubectl at the same time, prints the tables and writes
/// them. Of what was `measured` before, only the page is written.
///
/// # Errors
/// When the cluster cannot be set up, when a case was not carried out, or, once the page is written,
/// when a verdict or a cause of rollguard was wrong.
pub(crate) fn fields(measured: Option<&Path>) -> Result<()> {
    if let Some(file) = measured {
        let page = fields::render(&read(file)?, &setting()?);
        return write(FIELD_PAGE, &page);
    }
    let file = root().join("target/bench-field.json");
    let status = measure(Modules::Cluster, "field", None, &file)?;
    let measured: field_rows::Measured = read(&file)?;
    let page = fields::render(&measured, &setting()?);
    println!("\n{page}");
    fields::ensure_complete(&measured)?;
    write(FIELD_PAGE, &page)?;
    ensure!(
        status.success(),
        "not every case went as it should: {status}"
    );
    Ok(())
}

/// Runs every case of traffic, rollguard beside kubectl, Helm and kubedog, prints the tables and writes them.
/// Of what was `measured` before, only the page is written.
///
/// # Errors
/// When the cluster cannot be set up, when a case was not carried out, or, once the page is written,
/// when a verdict or a note of rollguard was wrong.
pub(crate) fn traffic(measured: Option<&Path>) -> Result<()> {
    let default = root().join("target/bench-traffic.json");
    let status = match measured {
        Some(_) => None,
        None => Some(measure(Modules::WithPeers, "traffic", None, &default)?),
    };
    let measured: traffic_rows::Measured = read(measured.unwrap_or(&default))?;
    let page = traffic::render(&measured, &setting()?);
    println!("\n{page}");
    traffic::ensure_complete(&measured)?;
    write("docs/traffic.md", &page)?;
    if let Some(status) = status {
        ensure!(
            status.success(),
            "not every case went as it should: {status}"
        );
    }
    Ok(())
}

/// Follows many workloads at once, rollguard beside kubedog and kubectl, prints the tables and writes them. With the
/// part of a case's name it only runs these, and only prints. Of what was `measured` before, only the page is written.
///
/// # Errors
/// When the cluster cannot be set up, when nothing was measured, or, once the page is written, when a case broke off.
pub(crate) fn scale(part: Option<&str>, measured: Option<&Path>) -> Result<()> {
    let default = root().join("target/bench-scale.json");
    let status = if measured.is_some() {
        None
    } else {
        test::install(&[("time", &["/usr/bin/time"])])?;
        Some(measure(Modules::WithFakeNodes, "scale", part, &default)?)
    };
    let measured: scale_rows::Measured = read(measured.unwrap_or(&default))?;
    let page = scale::render(&measured, &setting()?);
    println!("\n{page}");
    scale::ensure_complete(&measured)?;
    if part.is_none() {
        write("docs/scale.md", &page)?;
    }
    if let Some(status) = status {
        ensure!(status.success(), "not every case was measured: {status}");
    }
    Ok(())
}

/// Measures a fresh job: the newest packed extension, and the Azure CLI, kubelogin and kubectl.
///
/// # Errors
/// When nothing was packed, when the cluster or the Azure CLI cannot be set up, or when a command
/// failed.
pub(crate) fn starts() -> Result<()> {
    test::install(TRACER)?;
    test::install_npm()?;
    let (task, packed) = starts::unpacked()?;
    let file = root().join("target/bench-start.json");
    // Of an earlier run, which this one must not be taken for.
    let _ = fs::remove_file(&file);
    let mut clients = test::clients()?;
    let (kubectl, kubelogin) = (clients.program("kubectl"), clients.program("kubelogin"));
    let wheels = clients.azure_cli.wheels.clone();
    let status = clients
        .command
        .env("ROLLGUARD_BENCH", "start")
        .env("ROLLGUARD_TASK", &task)
        .env("ROLLGUARD_BENCH_FILE", &file)
        .current_dir(root())
        .status()
        .context("failed to run cargo")?;
    ensure!(status.success(), "the start was not measured: {status}");
    let download = |what, bytes| starts::Download { what, bytes };
    let measured: start_rows::Measured = read(&file)?;
    let page = starts::Page {
        measured: &measured,
        usual: vec![
            download(
                "Azure CLI, with all its packages (PyPI)",
                starts::size_of_all(&wheels)?,
            ),
            download("kubelogin, compressed", starts::compressed(&kubelogin)?),
            download("kubectl, as it is", starts::size(&kubectl)?),
        ],
        rollguard: vec![download("rollguard, for all platforms", packed)],
        first_request: starts::first_request(&task)?,
    };
    let page = starts::render(&page, &setting()?);
    println!("\n{page}");
    write("docs/start.md", &page)
}

/// Judges generated manifests beside other linters, compares what each finds in public sets of manifests, and writes both.
///
/// # Errors
/// When a linter cannot be built, installed or understood, or when the linters differ in a way that the page does not explain.
pub(crate) fn lints() -> Result<()> {
    test::install(&[("time", &["/usr/bin/time"])])?;
    let linters = lints::Linters::new(
        release_build()?,
        test::build_kube_score()?,
        test::install_checkov()?,
        test::build_trivy(),
    );
    let page = lints::page(&linters, &setting()?)?;
    println!("\n{page}");
    write("docs/lint-benchmark.md", &page)
}

/// Runs the test program `real` as a comparison of this kind, with a release build: that is what
/// users run.
fn measure(modules: Modules, what: &str, part: Option<&str>, file: &Path) -> Result<ExitStatus> {
    // Of an earlier run, which this one must not be taken for.
    let _ = fs::remove_file(file);
    let binary = release_build()?;
    test::real_cluster(modules)?
        .env("ROLLGUARD_BENCH", what)
        .env("ROLLGUARD_BINARY", binary)
        .env("ROLLGUARD_BENCH_FILE", file)
        .args(part.into_iter().flat_map(|part| ["--", part]))
        .current_dir(root())
        .status()
        .context("failed to run cargo")
}

fn write(page: &str, text: &str) -> Result<()> {
    fs::write(root().join(page), text).with_context(|| format!("failed to write {page}"))?;
    println!("wrote {page}");
    Ok(())
}

fn release_build() -> Result<PathBuf> {
    release_build_of("rollguard", "rollguard")
}

fn release_build_of(package: &str, program: &str) -> Result<PathBuf> {
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", package])
        .current_dir(root())
        .status()
        .context("failed to run cargo")?;
    ensure!(built.success(), "failed to build {package}: {built}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| root().join("target"));
    let binary = target.join("release").join(program);
    ensure!(binary.exists(), "`{}` is missing", binary.display());
    Ok(binary)
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).context("failed to read what was measured")?;
    serde_json::from_str(&text).context("failed to understand what was measured")
}

fn setting() -> Result<Setting> {
    Ok(Setting {
        date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
        cores: available_parallelism()
            .context("failed to count the cores")?
            .get(),
        version: env!("CARGO_PKG_VERSION"),
    })
}
