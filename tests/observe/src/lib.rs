//! The cost of one observation in a session, by the number of pods.
//!
//! The work of an event must follow from what it touches, not from the size of the session: a namespace
//! of 10,000 pods changes thousands of times a minute.

mod namespace;

use allocation_counter::measure;
use rollguard_core::policy::Policy;
use rollguard_core::session::Session;
use rollguard_core::testing::start;
use serde::{Deserialize, Serialize};

pub use namespace::Shape;

/// The sizes that are compared. The ratio of each to the first is what is recorded.
pub const SHAPES: [(&str, Shape); 4] = [
    ("10 pods", Shape::new(1, 10)),
    ("1,000 pods", Shape::new(100, 10)),
    ("10,000 pods", Shape::new(1_000, 10)),
    ("5,000 pods of one workload", Shape::new(1, 5_000)),
];

/// How many events are made at least.
const MADE: usize = 800;

/// Returns the shape of this name.
#[must_use]
pub fn shape(name: &str) -> Option<Shape> {
    let named = SHAPES.into_iter().find(|it| it.0 == name);
    named.map(|it| it.1)
}

/// The memory that a session takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// How often memory was allocated for one event, on average.
    pub allocations: f64,
    /// How many bytes were allocated for one event, on average.
    pub bytes: f64,
    /// How many bytes are kept for each pod, its share of all other objects included.
    pub kept_for_a_pod: f64,
}

/// Follows a namespace in the middle of its rollouts for so many events, and returns the memory that it took.
#[must_use]
pub fn run(shape: Shape, events: usize) -> Memory {
    let mut session = Session::new(shape.references(), Policy::default(), start());
    let listed = measure(|| {
        for observation in shape.listed() {
            let _ = session.observe(observation);
        }
    });
    let count = float(events);
    // As many are made for every run, so that two runs differ in what is observed only.
    let made = shape.events(MADE.max(events));
    let observed = measure(|| {
        for observation in made.into_iter().take(events) {
            let step = session.observe(observation);
            debug_assert!(!step.verdict.is_terminal(), "{:?}", step.verdict);
        }
    });
    Memory {
        allocations: f64_of(observed.count_total) / count,
        bytes: f64_of(observed.bytes_total) / count,
        kept_for_a_pod: f64_of(listed.bytes_current.unsigned_abs()) / float(shape.pods()),
    }
}

fn float(count: usize) -> f64 {
    f64_of(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Of a count far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
fn f64_of(count: u64) -> f64 {
    count as f64
}
