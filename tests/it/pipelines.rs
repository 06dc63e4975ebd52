//! The pipelines that release rollguard: that of Azure Pipelines by its language service, that of GitHub by actionlint.
//! They were never run; docs/releasing.md says so.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use rollguard_stage::shipped;
use rollguard_tests::language_service;
use serde_json::json;

/// Set by the full test run, where nothing may be left out.
const FULL_RUN: &str = "ROLLGUARD_REAL_CLUSTER";
/// The program, which `cargo xtask test` builds.
const ACTIONLINT: &str = "ROLLGUARD_ACTIONLINT";

const AZURE: &str = ".azure-pipelines/release.yml";
const GITHUB: &str = ".github/workflows/release.yml";

/// Things broken in a pipeline, each of which must be found on its line.
const BROKEN: &[(&str, &str, &str)] = &[
    (AZURE, "dependsOn: Package", "dependOn: Package"),
    (AZURE, "task: NodeTool@0", "task: NodeTool@99"),
    (AZURE, "targetPath: ", "targetPaths: "),
    (AZURE, "deployment: Preview", "deploymnt: Preview"),
    (GITHUB, "runs-on: macos-14", "runs-on: macos-9"),
    (GITHUB, "subject-checksums: ", "subject-checksum: "),
    (
        GITHUB,
        "name: build ${{ matrix.platform }}",
        "name: build ${{ matrix.system }}",
    ),
    (GITHUB, "id-token: write", "id-token: writes"),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let no_service = left_out(
        &arguments,
        language_service::is_installed(),
        "the language service is not installed (`npm ci` in tests/npm)",
    );
    let no_actionlint = left_out(
        &arguments,
        std::env::var_os(ACTIONLINT).is_some(),
        "actionlint is not built (`cargo xtask test tests`)",
    );
    let trials = vec![
        trial(
            "the language service finds nothing in the release pipeline, and what is broken",
            azure,
        )
        .with_ignored_flag(no_service),
        trial(
            "actionlint finds nothing in the release workflow, and what is broken",
            github,
        )
        .with_ignored_flag(no_actionlint),
        trial("both build, pack and publish the same", alike),
        trial(
            "the language service finds nothing in the guide for migrating",
            guide,
        )
        .with_ignored_flag(no_service),
        trial(
            "the guide for migrating passes parameters that the templates have",
            guided,
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

#[expect(clippy::print_stdout, reason = "what is left out is said aloud")]
fn left_out(arguments: &Arguments, there: bool, what: &str) -> bool {
    let left_out = !there && std::env::var_os(FULL_RUN).is_none();
    if left_out && !arguments.list {
        println!("left out: {what}");
    }
    left_out
}

fn trial(name: &str, test: fn() -> Result<()>) -> Trial {
    Trial::test(name, move || {
        test().map_err(|error| Failed::from(format!("{error:?}")))
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(file: &str) -> Result<String> {
    std::fs::read_to_string(root().join(file)).with_context(|| format!("read {file}"))
}

/// The broken forms of a file, each with the line that was broken.
fn broken(file: &str, good: &str) -> Result<Vec<(String, usize)>> {
    let rows = BROKEN.iter().filter(|(it, ..)| *it == file);
    rows.map(|(_, from, to)| {
        let line = good.lines().position(|line| line.contains(from));
        let line = line.with_context(|| format!("`{from}` is not in {file}"))? + 1;
        Ok((good.replacen(from, to, 1), line))
    })
    .collect()
}

fn azure() -> Result<()> {
    let good = text(AZURE)?;
    let broken = broken(AZURE, &good)?;
    let mut files = vec![json!({ "name": "good", "text": good })];
    for (index, (text, _)) in broken.iter().enumerate() {
        files.push(json!({ "name": format!("broken-{index}"), "text": text }));
    }
    let found = language_service::findings(&files)?;
    ensure!(found["good"].is_empty(), "{:?}", found["good"]);
    for (index, (_, line)) in broken.iter().enumerate() {
        let diagnostics = &found[&format!("broken-{index}")];
        let hit = diagnostics
            .iter()
            .any(|one| one.starts_with(&format!("{line}: ")));
        ensure!(hit, "nothing found on line {line}, but {diagnostics:?}");
    }
    Ok(())
}

fn github() -> Result<()> {
    let good = text(GITHUB)?;
    let found = actionlint(&good)?;
    ensure!(found.is_empty(), "{found:?}");
    for (text, line) in broken(GITHUB, &good)? {
        let found = actionlint(&text)?;
        ensure!(
            found.contains(&line),
            "nothing found on line {line}, but on {found:?}"
        );
    }
    Ok(())
}

/// The lines on which it finds something.
fn actionlint(text: &str) -> Result<BTreeSet<usize>> {
    let program = std::env::var_os(ACTIONLINT).context("actionlint is not built")?;
    let mut child = Command::new(program)
        // Scripts are left to the shell: shellcheck is another program.
        .args([
            "-shellcheck=",
            "-pyflakes=",
            "-format",
            "{{range .}}{{.Line}}\n{{end}}",
            "-",
        ])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start actionlint")?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    stdin.write_all(text.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    // 1: it has found something; more: it could not look.
    ensure!(
        output.status.code().is_some_and(|code| code < 2),
        "actionlint: {complaint}"
    );
    let lines = String::from_utf8(output.stdout)?;
    Ok(lines
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect())
}

/// The commands of xtask and tfx are those of both; `platform` and `target` come from a matrix.
fn alike() -> Result<()> {
    let [azure, github] = [text(AZURE)?, text(GITHUB)?];
    for part in [
        "cargo xtask deny --advisories",
        "cargo xtask package --only-build",
        "cargo xtask package --staged --overlay dev",
        "cargo xtask package --staged --overlay release",
        "linux-x64",
        "linux-arm64",
        "win32-x64",
        "x86_64-apple-darwin",
        "aarch64-apple-darwin",
        "cargo build --release --locked --package rollguard",
        "sha256sum --check SHA256SUMS",
        "extension publish",
        "--share-with",
        "extension install",
        "v*",
    ] {
        ensure!(azure.contains(part), "{AZURE} lacks `{part}`");
        ensure!(github.contains(part), "{GITHUB} lacks `{part}`");
    }
    Ok(())
}

/// The pipelines in the guide.
fn pipelines() -> Result<Vec<String>> {
    let guide = text("docs/migration.md")?;
    let blocks = guide.split("```yaml\n").skip(1);
    let blocks: Vec<String> = blocks
        .filter_map(|it| Some(it.split("```").next()?.to_owned()))
        .collect();
    ensure!(blocks.len() == 5, "{} pipelines", blocks.len());
    Ok(blocks)
}

fn guide() -> Result<()> {
    let pipelines = pipelines()?;
    let named = pipelines.iter().enumerate();
    let files: Vec<_> = named
        .map(|(at, text)| json!({ "name": at.to_string(), "text": text }))
        .collect();
    for (at, found) in language_service::findings(&files)? {
        ensure!(found.is_empty(), "pipeline {at} of the guide: {found:?}");
    }
    Ok(())
}

fn guided() -> Result<()> {
    let mut passed = 0;
    for pipeline in pipelines()? {
        let pipeline: serde_yaml::Value = serde_yaml::from_str(&pipeline)?;
        let stages = pipeline["stages"].as_sequence().context("no stages")?;
        let jobs = stages
            .iter()
            .filter_map(|it| it["jobs"].as_sequence())
            .flatten();
        for it in stages.iter().chain(jobs) {
            let Some(path) = it["template"].as_str() else {
                continue;
            };
            let path = path
                .trim_start_matches("templates/")
                .trim_end_matches("@rollguard");
            let template = shipped(path).with_context(|| format!("`{path}` is not shipped"))?;
            let template: serde_yaml::Value = serde_yaml::from_str(template)?;
            let known = template["parameters"]
                .as_sequence()
                .context("no parameters")?;
            for (name, _) in it["parameters"].as_mapping().context("nothing is passed")? {
                ensure!(
                    known.iter().any(|one| one["name"] == *name),
                    "{path} has no {name:?}"
                );
                passed += 1;
            }
        }
    }
    ensure!(passed > 20, "only {passed} parameters");
    Ok(())
}
