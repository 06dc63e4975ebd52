//! Keeps the log readable while counts change many times a second.

use std::time::Duration;

use jiff::Timestamp;

use crate::duration::elapsed;

/// So many lines are let through at once.
const BURST: u32 = 5;
/// After a burst, one line is let through in this time.
const EVERY: Duration = Duration::from_secs(5);

/// Lets a few lines through at once, then one every few seconds.
#[derive(Debug, Clone)]
pub(super) struct Damper {
    left: u32,
    counted_at: Timestamp,
}

impl Damper {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            left: BURST,
            counted_at: now,
        }
    }

    /// Returns whether a line may be shown now, and counts it.
    pub(super) fn lets_through(&mut self, now: Timestamp) -> bool {
        let periods = elapsed(self.counted_at, now).as_secs() / EVERY.as_secs();
        let more = u32::try_from(periods).unwrap_or(u32::MAX);
        if more > 0 || self.left == BURST {
            self.left = self.left.saturating_add(more).min(BURST);
            self.counted_at = now;
        }
        let passes = self.left > 0;
        self.left = self.left.saturating_sub(1);
        passes
    }
}
