//! The session's time: the API server's, carried on by tokio's clock.

use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;
use rollguard_core::duration::{after, elapsed};
use tokio::time::Instant;

/// A clock that started at a known time and runs with tokio's, hence virtual under
/// `tokio::time::pause`.
///
/// It is started with the API server's time, so that "now" compares with the timestamps inside the
/// objects. The `Date` header that this comes from has whole seconds: the clock is up to one second
/// late, which makes verdicts later, never earlier.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows `origin` now.
    #[must_use]
    pub fn starting_at(origin: Timestamp) -> Self {
        Self {
            origin,
            started: Instant::now(),
        }
    }

    /// Returns what it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        after(self.origin, self.started.elapsed())
    }

    /// Waits until it shows `at`; returns at once if it already does.
    pub async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(elapsed(self.now(), at)).await;
    }
}

/// Returns the time in a `Date` header (RFC 9110, section 5.6.7), whole seconds.
pub(crate) fn server_time(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_with_tokios_time() {
        let clock = Clock::starting_at(at("2026-01-01T00:00:00Z"));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now(), at("2026-01-01T00:00:01.5Z"));
    }

    #[tokio::test(start_paused = true)]
    async fn sleeping_ends_at_the_time_or_at_once_when_it_is_past() {
        let clock = Clock::starting_at(at("2026-01-01T00:00:00Z"));
        clock.sleep_until(at("2026-01-01T00:01:00Z")).await;
        assert_eq!(clock.now(), at("2026-01-01T00:01:00Z"));
        clock.sleep_until(at("2025-01-01T00:00:00Z")).await;
        assert!(clock.now() < at("2026-01-01T00:01:01Z"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_time_is_no_overflow() {
        let clock = Clock::starting_at(at("2026-01-01T00:00:00Z"));
        let never = clock.sleep_until(Timestamp::MAX);
        let first = tokio::time::timeout(Duration::from_secs(3600), never).await;
        assert!(first.is_err());
    }
}
