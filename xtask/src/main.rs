//! `cargo xtask`: generates, packages, and sets up and runs every test.
#![expect(
    clippy::print_stdout,
    reason = "a developer's tool talks to a terminal"
)]

mod bench;
mod deny;
mod fuzz;
mod generate;
mod manual;
mod package;
mod pictures;
mod provenance;
mod simulate;
mod test;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgGroup, Command};

fn cli() -> Command {
    Command::new("xtask")
        .about("Generates, packages, and sets up and runs every test")
        .subcommand_required(true)
        .subcommands(benchmarks())
        .subcommand(
            Command::new("deny")
                .about("Checks dependencies: duplicates, licences, sources, and advisories where they can be had")
                .arg(
                    Arg::new("advisories")
                        .long("advisories")
                        .action(ArgAction::SetTrue)
                        .help("Fail if the advisories cannot be had, as for a release"),
                ),
        )
        .subcommand(fuzz_command())
        .subcommand(
            Command::new("generate")
                .about("Writes what is derived from code: task.json inputs, docs, report schema")
                .arg(
                    Arg::new("check")
                        .long("check")
                        .action(ArgAction::SetTrue)
                        .help("Only compare"),
                ),
        )
        .subcommand(
            Command::new("manual")
                .about("Writes the man pages and the completions of shells below a folder")
                .arg(
                    Arg::new("folder")
                        .default_value("target/manual")
                        .value_parser(clap::value_parser!(std::path::PathBuf))
                        .help("The folder; its folders man and completions are written again"),
                ),
        )
        .subcommand(package_command())
        .subcommand(
            Command::new("pictures")
                .about("Draws docs/pictures: the page of a run, and the drill at a terminal"),
        )
        .subcommand(provenance_command())
        .subcommand(simulate_command())
        .subcommand(
            Command::new("test")
                .about("Installs what the tests need and runs every rung")
                .arg(
                    Arg::new("filter")
                        .num_args(0..)
                        .trailing_var_arg(true)
                        .help("Only rungs whose name contains one of these"),
                ),
        )
}

/// Returns the commands that measure, and write what they measured.
fn benchmarks() -> [Command; 9] {
    [
            Command::new("bench-field")
                .about("Judges rollouts from the field beside kubectl, and writes docs/field-cases.md")
                .arg(measured()),
            Command::new("bench-lint")
                .about("Judges 10,000 manifests beside other linters, compares what they find, and writes docs/lint-benchmark.md"),
            Command::new("bench-observe")
                .about("Counts what one observation costs a session, and compares it with what is recorded")
                .arg(
                    Arg::new("record")
                        .long("record")
                        .action(ArgAction::SetTrue)
                        .help("Records it in tests/observe/recorded.json"),
                ),
            Command::new("bench-prediction")
                .about("Measures what lint --live predicts before each update, and writes it into docs/benchmarks.md")
                .arg(measured()),
            Command::new("bench-rollback")
                .about("Rolls back beside kubectl rollout undo, and writes docs/rollback-cases.md"),
            Command::new("bench-scale")
                .about("Follows up to 1,000 workloads at once beside kubedog and kubectl, and writes docs/scale.md")
                .arg(measured())
                .arg(Arg::new("name").help("Only cases whose name contains this; then nothing is written")),
            Command::new("bench-start")
                .about("Measures a fresh job beside the Azure CLI, kubelogin and kubectl, and writes docs/start.md"),
            Command::new("bench-traffic")
                .about("Follows updates to the users, beside kubectl, Helm and kubedog, and writes docs/traffic.md")
                .arg(measured()),
            Command::new("bench-verdict")
                .about(
                    "Measures the time to cause and to verdict beside kubectl's, and writes docs/benchmarks.md",
                )
                .arg(Arg::new("name").help(
                    "Only scenarios whose name or sentence contains this; then nothing is written",
                )),
    ]
}

/// Returns the argument of a file that was measured before.
fn measured() -> Arg {
    Arg::new("measured")
        .long("measured")
        .value_name("FILE")
        .value_parser(clap::value_parser!(std::path::PathBuf))
        .help("Only writes the page of what was measured before (ROLLGUARD_BENCH_FILE)")
}

/// Returns the file that was measured before.
fn measured_in(m: &clap::ArgMatches) -> Option<&std::path::Path> {
    m.get_one::<std::path::PathBuf>("measured")
        .map(std::path::PathBuf::as_path)
}

fn package_command() -> Command {
    Command::new("package")
        .about("Builds the binaries, packs the extension with tfx and runs what was packed")
        .arg(
            Arg::new("platform").num_args(0..).help(
                "Only these platforms, such as linux-x64 [default: all that can be built here]",
            ),
        )
        .arg(
            Arg::new("quick")
                .long("quick")
                .action(ArgAction::SetTrue)
                .help("Optimizes linux-x64 only: for a package that is tested and not shipped"),
        )
        .arg(
            Arg::new("only-build")
                .long("only-build")
                .action(ArgAction::SetTrue)
                .help("Builds into task/bin and packs nothing: another machine does"),
        )
        .arg(
            Arg::new("staged")
                .long("staged")
                .action(ArgAction::SetTrue)
                .conflicts_with("only-build")
                .help("Builds nothing and packs what is in task/bin"),
        )
        .arg(
            Arg::new("overlay")
                .long("overlay")
                .default_value("dev")
                .value_parser(["dev", "release"]),
        )
}

fn provenance_command() -> Command {
    let key = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("FILE")
            .value_parser(clap::value_parser!(std::path::PathBuf))
            .help(help)
    };
    Command::new("provenance")
        .about("Signs or verifies the provenance of dist/SHA256SUMS in a run of Azure Pipelines")
        .arg(key(
            "key",
            "Signs with this private key: PEM, PKCS#8, P-256",
        ))
        .arg(key("verify", "Verifies with this public key in PEM"))
        .group(
            ArgGroup::new("which")
                .args(["key", "verify"])
                .required(true),
        )
}

fn provenance(m: &clap::ArgMatches) -> Result<()> {
    let file = |name| m.get_one::<std::path::PathBuf>(name);
    match (file("key"), file("verify")) {
        (Some(key), _) => provenance::sign(key),
        (None, Some(key)) => provenance::verify(key),
        (None, None) => Ok(()),
    }
}

fn package(m: &clap::ArgMatches) -> Result<()> {
    let platforms: Vec<String> = m
        .get_many("platform")
        .unwrap_or_default()
        .cloned()
        .collect();
    let steps = if m.get_flag("only-build") {
        package::Steps::Build
    } else if m.get_flag("staged") {
        package::Steps::Pack
    } else {
        package::Steps::All
    };
    package::run(&package::Wanted {
        overlay: m.get_one::<String>("overlay").map_or("dev", String::as_str),
        platforms: &platforms,
        quick: m.get_flag("quick"),
        steps,
    })
}

fn simulate_command() -> Command {
    let number = |name: &'static str, default: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .default_value(default)
            .value_parser(clap::value_parser!(u64))
    };
    Command::new("simulate")
        .about("Plays thousands of drawn rollouts on the embedded cluster, and tells those that are not judged right")
        .arg(number("cases", "10000").help("How many are played"))
        .arg(number("seed", "0").help("The seed of the first"))
}

fn fuzz_command() -> Command {
    Command::new("fuzz")
        .about("Runs the fuzz targets over their kept inputs and on from there")
        .arg(Arg::new("target").num_args(0..).help("Only these targets"))
        .arg(
            Arg::new("seconds")
                .long("seconds")
                .value_name("N")
                .value_parser(clap::value_parser!(u64).range(1..))
                .help("How long each target runs [default: 10]"),
        )
        .arg(
            Arg::new("runs")
                .long("runs")
                .value_name("N")
                .conflicts_with("seconds")
                .value_parser(clap::value_parser!(u64).range(1..))
                .help(
                    "How many inputs each target runs, however long that takes: 1000000 at night",
                ),
        )
}

fn main() -> Result<()> {
    match cli().get_matches().subcommand() {
        Some(("bench-field", m)) => bench::fields(measured_in(m)),
        Some(("bench-lint", _)) => bench::lints(),
        Some(("bench-observe", m)) => bench::observed(m.get_flag("record")),
        Some(("bench-prediction", m)) => bench::predictions(measured_in(m)),
        Some(("bench-rollback", _)) => bench::rollbacks(),
        Some(("bench-scale", m)) => bench::scale(
            m.get_one::<String>("name").map(String::as_str),
            measured_in(m),
        ),
        Some(("bench-start", _)) => bench::starts(),
        Some(("bench-traffic", m)) => bench::traffic(measured_in(m)),
        Some(("bench-verdict", m)) => {
            bench::verdicts(m.get_one::<String>("name").map(String::as_str))
        }
        Some(("deny", m)) => deny::run(m.get_flag("advisories")),
        Some(("fuzz", m)) => fuzz::run(
            &m.get_many("target")
                .unwrap_or_default()
                .cloned()
                .collect::<Vec<String>>(),
            match (m.get_one("runs"), m.get_one("seconds")) {
                (Some(runs), _) => fuzz::Until::Runs(*runs),
                (None, seconds) => {
                    fuzz::Until::Seconds(seconds.copied().unwrap_or(fuzz::DEFAULT_SECONDS))
                }
            },
        ),
        Some(("generate", m)) => generate::run(m.get_flag("check")),
        Some(("manual", m)) => m
            .get_one::<std::path::PathBuf>("folder")
            .map_or(Ok(()), |folder| manual::write(folder)),
        Some(("package", m)) => package(m),
        Some(("pictures", _)) => pictures::run(),
        Some(("provenance", m)) => provenance(m),
        Some(("simulate", m)) => simulate::run(m),
        Some(("test", m)) => test::run(
            &m.get_many("filter")
                .unwrap_or_default()
                .cloned()
                .collect::<Vec<String>>(),
        ),
        Some(_) | None => Ok(()),
    }
}
