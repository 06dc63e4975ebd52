//! The rungs: what each proves, needs and runs.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use super::azure_cli::{self, AzureCli};
use super::cluster_binaries::{self, Modules};
use super::failed::{FailedTest, FailedTests};
use super::last_lines::LastLines;
use super::tally::Tally;
use super::{LEFT_OUT, go_tools, packages, snapshots};
use crate::generate::root;
use crate::package::image;

/// `1` lets rung 5 run; any value says that nothing else may be left out.
const REAL_CLUSTER: &str = "ROLLGUARD_REAL_CLUSTER";

/// One step of the full run.
pub(super) struct Rung {
    pub(super) name: &'static str,
    pub(super) proves: &'static str,
    /// Sets up what the rung needs and says what to run.
    prepare: fn() -> Result<Command>,
    /// Whether it runs tests; one that does and runs none has failed.
    counts_tests: bool,
    /// Looks at what is left after it went well, for something to complain about.
    inspect: fn() -> Result<Option<String>>,
}

/// The result of a rung.
#[derive(Default)]
pub(super) struct Ran {
    pub(super) tally: Tally,
    pub(super) failed: Vec<FailedTest>,
    /// What else is wrong with it than failed tests.
    pub(super) complaint: Option<String>,
    /// What it could not do, and said so.
    pub(super) left_out: Vec<String>,
}

const NOTHING: fn() -> Result<Option<String>> = || Ok(None);

/// All rungs, the cheap ones first.
pub(super) const RUNGS: &[Rung] = &[
    Rung {
        name: "format",
        proves: "the code is formatted",
        prepare: || cargo(&["fmt", "--all", "--check"]),
        counts_tests: false,
        inspect: NOTHING,
    },
    Rung {
        name: "lint",
        proves: "no lint is broken",
        prepare: || {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ])
        },
        counts_tests: false,
        inspect: NOTHING,
    },
    Rung {
        name: "generated",
        proves: "what is derived from code is up to date",
        prepare: || cargo(&["xtask", "generate", "--check"]),
        counts_tests: false,
        inspect: NOTHING,
    },
    Rung {
        name: "deny",
        proves: "no dependency comes twice, under a foreign licence, from elsewhere or with an advisory",
        prepare: || cargo(&["xtask", "deny"]),
        counts_tests: false,
        inspect: NOTHING,
    },
    Rung {
        name: "tests",
        proves: "rungs 1 to 4 and 6: tables, properties, replay, wire, product; no snapshot is left over",
        prepare: || {
            packages::install_npm()?;
            let mut command = cargo(&["test", "--workspace", "--no-fail-fast", "--quiet"])?;
            command.env(REAL_CLUSTER, "0");
            command.env("ROLLGUARD_ACTIONLINT", go_tools::build_actionlint()?);
            snapshots::follow(&mut command)?;
            Ok(command)
        },
        counts_tests: true,
        inspect: snapshots::complaint,
    },
    Rung {
        name: "shim",
        proves: "rung 6: the task's entry point under Node.js",
        prepare: shim,
        counts_tests: true,
        inspect: NOTHING,
    },
    Rung {
        name: "fuzz",
        proves: "rung 2: no foreign text breaks a promise, each target for ten seconds",
        prepare: || cargo(&["xtask", "fuzz"]),
        counts_tests: true,
        inspect: NOTHING,
    },
    Rung {
        name: "real",
        proves: "rung 5: real rollouts on a real cluster with a real node",
        prepare: real,
        counts_tests: true,
        inspect: NOTHING,
    },
    Rung {
        name: "clients",
        proves: "rung 5: the Azure CLI, kubelogin and kubectl take the fakes for Azure, and get into a real cluster",
        prepare: || Ok(clients()?.command),
        counts_tests: true,
        inspect: NOTHING,
    },
    Rung {
        name: "package",
        proves: "rung 6: the real tfx packs the extension with the release builds, and each of them runs",
        prepare: || {
            packages::install_npm()?;
            cargo(&["xtask", "package", "--overlay", "release", "--quick"])
        },
        counts_tests: true,
        inspect: NOTHING,
    },
    Rung {
        name: "image",
        proves: "rung 6: the container image and the builds for other platforms that `package` made judge rollouts of a real cluster",
        prepare: container,
        counts_tests: true,
        inspect: NOTHING,
    },
    Rung {
        name: "docs",
        proves: "the documentation builds and its links lead somewhere",
        prepare: || {
            let mut command = cargo(&["doc", "--workspace", "--no-deps", "--quiet"])?;
            command.env("RUSTDOCFLAGS", "-D rustdoc::broken_intra_doc_links");
            Ok(command)
        },
        counts_tests: false,
        inspect: NOTHING,
    },
];

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form of every rung's preparation"
)]
fn cargo(arguments: &[&str]) -> Result<Command> {
    // The cargo that runs this program, else the one in the path.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    Ok(command)
}

/// Named one by one: what Node makes of a folder depends on its version.
fn shim() -> Result<Command> {
    packages::install_npm()?;
    let folder = root().join("task/test");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("failed to list `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".test.js"))
        .collect();
    files.sort();
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap"]).args(files);
    Ok(command)
}

/// Sets up the real cluster's programs and the product, and says how its trials are run.
///
/// # Errors
/// When something cannot be installed or built.
pub(crate) fn real() -> Result<Command> {
    real_with(Modules::Cluster)
}

/// Sets up the real cluster for the image and the builds that the rung before has made.
fn container() -> Result<Command> {
    let archive = root().join("dist").join(image::name("linux-x64"));
    ensure!(
        archive.is_file(),
        "`{}` is missing: run the rung package",
        archive.display()
    );
    let mut command = real()?;
    command
        .env("ROLLGUARD_IMAGE", archive)
        .env(
            "ROLLGUARD_PACKAGE_TRIALS",
            root().join("target/package-trials"),
        )
        .env("ROLLGUARD_IMAGE_REFERENCE", image::reference());
    Ok(command)
}

/// The same with more programs.
///
/// # Errors
/// When something cannot be installed or built.
pub(crate) fn real_with(modules: Modules) -> Result<Command> {
    packages::install(packages::CLUSTER)?;
    let binaries = cluster_binaries::build(modules)?;
    // The whole workspace is selected, else other features of the dependencies build them again. The trials run
    // the product itself, which is built for the tests of the command line.
    let built = cargo(&[
        "test",
        "--workspace",
        "--no-run",
        "--test",
        "real",
        "--test",
        "cli",
    ])?
    .current_dir(root())
    .status()
    .context("failed to run cargo")?;
    ensure!(built.success(), "failed to build the trials: {built}");
    let mut command = cargo(&["test", "--workspace", "--test", "real"])?;
    command
        .env(REAL_CLUSTER, "1")
        .env("ROLLGUARD_CLUSTER_BIN", binaries);
    Ok(command)
}

/// Programs of others that sign in to Azure.
pub(crate) struct Clients {
    /// Runs them in front of the fakes and the real cluster.
    pub(crate) command: Command,
    /// The Azure CLI.
    pub(crate) azure_cli: AzureCli,
    binaries: PathBuf,
}

impl Clients {
    /// A program that was built.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }
}

/// Sets up the real cluster, kubelogin and the Azure CLI.
///
/// # Errors
/// When something cannot be installed or built.
pub(crate) fn clients() -> Result<Clients> {
    let azure_cli = azure_cli::install()?;
    let binaries = cluster_binaries::build(Modules::WithKubelogin)?;
    let mut command = real_with(Modules::WithKubelogin)?;
    command.env("ROLLGUARD_AZURE_CLI", &azure_cli.program);
    Ok(Clients {
        command,
        azure_cli,
        binaries,
    })
}

impl Rung {
    /// Runs the rung to its end and says what it came to. Between its set-up and its start it calls
    /// `once_set_up`.
    ///
    /// # Errors
    /// When it cannot be set up or started.
    pub(super) fn run(&self, once_set_up: impl FnOnce() -> Result<()>) -> Result<Ran> {
        let mut command = (self.prepare)()?;
        once_set_up()?;
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start `{program}`"))?;
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("failed to read from `{program}`")
        };
        let errors = thread::spawn(move || LastLines::passing_on(errors));
        let mut tally = Tally::default();
        let mut failed = FailedTests::default();
        let mut left_out = Vec::new();
        for line in BufReader::new(output).split(b'\n') {
            let line = line.with_context(|| format!("failed to read from `{program}`"))?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.add(&line);
            failed.add(&line);
            // Node puts `# ` before what a test prints.
            let said = line.strip_prefix("# ").unwrap_or(&line);
            left_out.extend(said.strip_prefix(LEFT_OUT).map(str::to_owned));
        }
        let status = child
            .wait()
            .with_context(|| format!("failed to wait for `{program}`"))?;
        let failed = failed.into_tests();
        let last_lines = errors.join().unwrap_or_default();
        let complaint = if !status.success() {
            let why = failed.is_empty().then(|| last_lines.to_string());
            Some(format!("{status}{}", why.unwrap_or_default()))
        } else if self.counts_tests && !tally.ran() {
            Some("no test ran".to_owned())
        } else if tally.ignored > 0 {
            Some(format!("{} tests were left out", tally.ignored))
        } else {
            (self.inspect)()?
        };
        Ok(Ran {
            tally,
            failed,
            complaint,
            left_out,
        })
    }
}
