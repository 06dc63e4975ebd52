//! The sandbox's clock: an origin that the caller names, and tokio's time since.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::time::Instant;

/// Time of the embedded cluster. It stands and jumps with tokio's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows `origin` now.
    pub(crate) fn starting_at(origin: Timestamp) -> Self {
        Self {
            origin,
            started: Instant::now(),
        }
    }

    /// Returns what the clock shows now.
    pub(crate) fn now(&self) -> Timestamp {
        later(self.origin, self.started.elapsed())
    }

    /// How long it is until the clock shows `at`; zero when it already did.
    pub(crate) fn until(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.now())).unwrap_or(Duration::ZERO)
    }
}

/// A time some time later, saturating at the end of what a timestamp can hold.
pub(crate) fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// As `metav1.Time` is written: whole seconds.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// As `metav1.MicroTime` is written: six digits after the second.
pub(crate) fn micros(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// As the `Date` header of HTTP is written (RFC 9110, 5.6.7).
pub(crate) fn http_date(at: Timestamp) -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_moves_with_paused_time() {
        let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(seconds(clock.now()), "2026-01-01T00:02:00Z");
    }

    #[test]
    fn times_are_written_as_the_api_writes_them() {
        let at: Timestamp = "2026-01-02T03:04:05.678901234Z".parse().unwrap();
        assert_eq!(seconds(at), "2026-01-02T03:04:05Z");
        assert_eq!(micros(at), "2026-01-02T03:04:05.678901Z");
        assert_eq!(http_date(at), "Fri, 02 Jan 2026 03:04:05 GMT");
    }
}
