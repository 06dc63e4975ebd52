//! The back-off of syncs that failed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::store::Key;

/// Doubled from here up to there (client-go `util/workqueue/default_rate_limiters.go`).
const FIRST: Duration = Duration::from_millis(5);
const LAST: Duration = Duration::from_secs(1000);

/// How often in a row the sync of an object failed.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<Key, u32>);

impl Retries {
    /// One more failure. Returns when to try again.
    pub(super) fn failed(&mut self, key: &Key, now: Timestamp) -> Timestamp {
        let times = self.0.entry(key.clone()).or_default();
        let delay = FIRST * 2_u32.saturating_pow(*times);
        *times = (*times + 1).min(20);
        later(now, delay.min(LAST))
    }

    /// It succeeded, or is gone.
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }
}
