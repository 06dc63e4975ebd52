//! Writes the kept inputs that are derived from the recorded rollouts: `corpus/trace/seed-*` and
//! `corpus/observations/seed-*`. Run it when the format of traces changes:
//! `cargo run -p rollguard-fuzz --example seed`.

use std::fs;
use std::io;
use std::path::Path;

use rollguard_core::observation::Observation;
use rollguard_core::trace::{self, Trace};
use rollguard_fuzz::Target;

/// The largest trace that is kept: mutating anything longer rarely hits what matters.
const LIMIT: usize = 8 * 1024;
/// Which rollouts are kept as texts, one per family of causes.
const KEPT: [&str; 8] = [
    "agent-node-lost",
    "config-key-missing",
    "crash-in-init",
    "db-broken-stays",
    "image-tag-missing",
    "policy-denies",
    "readiness-blips",
    "unschedulable",
];
/// As many rollouts as `src/world.rs` knows.
const ROLLOUTS: u8 = 13;

fn main() -> io::Result<()> {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces");
    for name in KEPT {
        let text = fs::read_to_string(traces.join(format!("{name}.jsonl")))?;
        let trace = Trace::parse(&text).map_err(io::Error::other)?;
        write("trace", name, shortened(&trace)?.as_bytes())?;
    }
    for rollout in 0..ROLLOUTS {
        let programs: [(&str, &[u8]); 4] = [
            ("whole", &[rollout, 0, 31, 0, 31, 0, 31]),
            ("silence", &[rollout, 0, 14, 4, 9]),
            (
                "falsified",
                &[
                    rollout, 0, 8, 1, 1, 40, 0, 5, 9, 0, 8, 1, 0, 90, 0, 8, 0, 31,
                ],
            ),
            (
                "mixed",
                &[
                    rollout,
                    0,
                    9,
                    6,
                    2,
                    4,
                    0,
                    7,
                    0,
                    2,
                    5,
                    rollout + 1,
                    0,
                    0,
                    9,
                    2,
                    250,
                    0,
                    31,
                ],
            ),
        ];
        for (says, program) in programs {
            write("observations", &format!("{says}-{rollout}"), program)?;
        }
    }
    Ok(())
}

/// The header, what is small enough, and each kind of observation at most a few times in a row.
fn shortened(trace: &Trace) -> io::Result<String> {
    let mut text = trace::line(&trace.header)?;
    let every = trace.observations.len().div_ceil(6).max(1);
    let apart = |(index, _): &(usize, &Observation)| index % every == 0 || *index < 3;
    for (_, observation) in trace.observations.iter().enumerate().filter(apart) {
        let line = trace::line(observation)?;
        if text.len() + line.len() <= LIMIT {
            text.push_str(&line);
        }
    }
    Ok(text)
}

fn write(target: &str, name: &str, data: &[u8]) -> io::Result<()> {
    let target = Target::named(target).ok_or_else(|| io::Error::other("no such target"))?;
    fs::create_dir_all(target.corpus())?;
    fs::write(target.corpus().join(format!("seed-{name}")), data)
}
