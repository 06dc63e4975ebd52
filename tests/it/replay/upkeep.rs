//! The limits of a trace's content.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Failed, Trial};

use crate::recordings::recordings;
use crate::traces::{folder, text};

/// The largest trace that is kept.
const LIMIT: usize = 256 * 1024;
/// Folders of a machine that no one else has.
const PRIVATE_PATHS: [&str; 4] = ["/home/", "/root/", "/tmp/", "/var/lib/"];

/// A law of all traces.
type Rule = fn() -> Result<()>;

/// One trial per rule.
pub(crate) fn trials() -> [Trial; 3] {
    let rules: [(&str, Rule); 3] = [
        (
            "every trace has its scenario or its case",
            every_trace_has_its_scenario,
        ),
        (
            "no trace names a place on a machine",
            no_trace_names_a_place,
        ),
        ("every trace is small", every_trace_is_small),
    ];
    rules.map(|(says, rule)| {
        Trial::test(says, move || {
            rule().map_err(|error| Failed::from(format!("{error:#}")))
        })
    })
}

fn every_trace_has_its_scenario() -> Result<()> {
    let expected: BTreeSet<String> = recordings()?
        .iter()
        .map(|it| it.name().to_owned())
        .collect();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "jsonl")
            && let Some(name) = path.file_stem()
        {
            found.insert(name.to_string_lossy().into_owned());
        }
    }
    ensure!(found == expected, "{found:?} instead of {expected:?}");
    Ok(())
}

fn no_trace_names_a_place() -> Result<()> {
    for recording in recordings()? {
        let text = text(recording.name())?;
        for path in PRIVATE_PATHS {
            ensure!(!text.contains(path), "{} has `{path}`", recording.name());
        }
        for address in addresses(&text) {
            let address: std::net::Ipv4Addr = address.parse().context("not an address")?;
            ensure!(
                address.is_loopback() || address.is_private(),
                "{} has {address}",
                recording.name()
            );
        }
    }
    Ok(())
}

/// Returns what looks like an IPv4 address.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|word| word.trim_matches('.'))
        .filter(|word| word.split('.').count() == 4)
}

fn every_trace_is_small() -> Result<()> {
    for recording in recordings()? {
        let size = text(recording.name())?.len();
        ensure!(size <= LIMIT, "{}: {size} bytes", recording.name());
    }
    Ok(())
}
