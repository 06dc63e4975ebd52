//! An event in a large namespace takes no more memory than recorded, in proportion to one in a small
//! namespace. `cargo xtask bench-observe` does the same with instructions, and records both.

use std::collections::BTreeMap;

use rollguard_observe::{run, shape};
use serde::Deserialize;

const SMALL: &str = "10 pods";
/// How much worse a ratio may become before it is no accident.
const MORE: f64 = 1.2;
const EVENTS: usize = 400;

#[derive(Deserialize)]
struct Recorded {
    allocations: f64,
    kept_for_a_pod: f64,
}

#[test]
fn an_event_costs_what_it_touches() {
    let recorded: BTreeMap<String, Recorded> =
        serde_json::from_str(include_str!("../recorded.json")).unwrap();
    let measured = |name: &str| run(shape(name).unwrap(), EVENTS);
    let small = measured(SMALL);
    for name in ["1,000 pods", "10,000 pods"] {
        let now = measured(name).allocations / small.allocations;
        let before = recorded[name].allocations / recorded[SMALL].allocations;
        assert!(
            now <= before * MORE,
            "{name}: {now:.2} times the allocations of {SMALL}; recorded are {before:.2}"
        );
    }
}

#[test]
fn a_pod_keeps_no_more_memory_than_recorded() {
    let recorded: BTreeMap<String, Recorded> =
        serde_json::from_str(include_str!("../recorded.json")).unwrap();
    let name = "1,000 pods";
    let now = run(shape(name).unwrap(), 4).kept_for_a_pod;
    let before = recorded[name].kept_for_a_pod;
    assert!(
        now <= before * MORE,
        "{now:.0} bytes for a pod with its share of all else; recorded are {before:.0}"
    );
}
