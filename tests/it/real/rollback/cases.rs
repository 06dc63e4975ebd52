//! The table, one family in each file.

mod approval;
mod faults;
mod many;
mod preflight;
mod races;
mod sets;
mod target;

use super::case::Case;
use super::case::Step::{self, Deploy, Fails, IsGood, Settles};
use super::workload_version::{bad, good};

/// All families, in the order of the page.
pub(super) const FAMILIES: &[&[Case]] = &[
    target::CASES,
    approval::CASES,
    races::CASES,
    faults::CASES,
    preflight::CASES,
    sets::CASES,
    many::CASES,
];

/// v1 is found good, v2 does not start.
const GOOD_THEN_BAD: &[Step] = &[
    Deploy(good("v1")),
    Settles,
    IsGood,
    Deploy(bad("v2")),
    Fails("v2"),
];

/// A merge patch: no pod of two versions at once.
const RECREATE: &str = "spec: { strategy: { type: Recreate, rollingUpdate: null } }";
