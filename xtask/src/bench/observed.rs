//! The cost of one observation in a session: instructions by callgrind, allocations by the program itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::generate::root;
use crate::test;

const VALGRIND: &[test::Package] = &[("valgrind", &["/usr/bin/valgrind"])];
/// The shape that the others are compared with.
const SMALL: &str = "10 pods";
/// The shapes of `rollguard-observe`.
const SHAPES: [&str; 4] = [
    SMALL,
    "1,000 pods",
    "10,000 pods",
    "5,000 pods of one workload",
];
/// Each shape is followed for so many events, and once more for as many again: the difference is the cost of the events
/// without that of the lists before.
const EVENTS: u32 = 400;
/// How much worse a ratio may become before it is no accident.
const MORE: f64 = 1.2;

/// The cost of one event, on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Cost {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    instructions: Option<f64>,
    allocations: f64,
    bytes: f64,
    kept_for_a_pod: f64,
}

/// The memory that the program tells of.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Memory {
    allocations: f64,
    bytes: f64,
    kept_for_a_pod: f64,
}

type Costs = BTreeMap<String, Cost>;

/// Counts what one observation costs, prints it, and compares the ratios with the recorded ones, or records them.
///
/// # Errors
/// When it cannot be counted, or an event costs more than recorded, in proportion to one in a small namespace.
pub(crate) fn observed(record: bool) -> Result<()> {
    test::install(VALGRIND)?;
    let program = super::release_build_of("rollguard-observe", "rollguard-observe")?;
    let mut costs = Costs::new();
    for shape in SHAPES {
        costs.insert(shape.to_owned(), cost(&program, shape)?);
    }
    println!("{}", table(&costs));
    let file = root().join("tests/observe/recorded.json");
    if record {
        let text = serde_json::to_string_pretty(&costs).context("failed to write the costs")?;
        return fs::write(&file, text + "\n").context("failed to record the costs");
    }
    let recorded: Costs = super::read(&file)?;
    for shape in SHAPES {
        let (now, before) = (ratio(&costs, shape)?, ratio(&recorded, shape)?);
        ensure!(
            now <= before * MORE,
            "an event among {shape} takes {now:.2} times the instructions of one among {SMALL}; recorded are {before:.2}"
        );
    }
    Ok(())
}

/// How many times the instructions of the first shape an event of this one takes.
fn ratio(costs: &Costs, shape: &str) -> Result<f64> {
    let of = |name: &str| {
        let cost = costs.get(name).and_then(|it| it.instructions);
        cost.with_context(|| {
            format!("the instructions of {name} are not recorded: --record does it")
        })
    };
    Ok(of(shape)? / of(SMALL)?)
}

fn cost(program: &Path, shape: &str) -> Result<Cost> {
    let (few, _) = counted(program, shape, EVENTS)?;
    let (many, memory) = counted(program, shape, 2 * EVENTS)?;
    Ok(Cost {
        instructions: Some(((many - few) / f64::from(EVENTS)).round()),
        allocations: memory.allocations.round(),
        bytes: memory.bytes.round(),
        kept_for_a_pod: memory.kept_for_a_pod.round(),
    })
}

/// Runs the program under callgrind; returns its instructions, and what it says of its memory.
fn counted(program: &Path, shape: &str, events: u32) -> Result<(f64, Memory)> {
    let profile: PathBuf = root().join("target/callgrind.out");
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .args([shape, &events.to_string()])
        .output()
        .context("failed to run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{shape}: {said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = collected.with_context(|| format!("callgrind counted nothing: {said}"))?;
    let count: f64 = count
        .trim()
        .parse()
        .context("callgrind's count is no number")?;
    let memory =
        serde_json::from_slice(&output.stdout).context("failed to understand the program")?;
    Ok((count, memory))
}

fn table(costs: &Costs) -> String {
    let mut table = "| namespace | instructions for an event | allocations | bytes allocated | bytes kept for a pod |\n\
                     | --- | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for shape in SHAPES {
        if let Some(it) = costs.get(shape) {
            let _ = writeln!(
                table,
                "| {shape} | {:.0} | {:.0} | {:.0} | {:.0} |",
                it.instructions.unwrap_or_default(),
                it.allocations,
                it.bytes,
                it.kept_for_a_pod
            );
        }
    }
    table
}
