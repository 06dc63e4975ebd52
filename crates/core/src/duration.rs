//! Parses and renders durations such as `90s`, `1m30s` and `4m12s`.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A bare number, which could mean seconds or minutes.
    #[error("`{0}` has no unit; write `{0}s` or `{0}m`")]
    NoUnit(String),
    /// Not a duration at all.
    #[error("`{0}` is not a duration; write for example `90s`, `5m` or `1m30s`")]
    NotADuration(String),
    /// Zero or less.
    #[error("`{0}` is not longer than zero; write for example `90s` or `5m`")]
    NotPositive(String),
    /// Longer than a day, hence a mistake.
    #[error("`{0}` is longer than a day; write at most `24h`")]
    TooLong(String),
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a duration such as `90s`, `5m` or `1h30m`: longer than zero, at most a day.
///
/// # Errors
/// When the text has no unit, is no duration, or is out of range.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(DurationError::NoUnit(text.to_owned()));
    }
    let signed: SignedDuration = text
        .parse()
        .map_err(|_| DurationError::NotADuration(text.to_owned()))?;
    let duration = Duration::try_from(signed)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| DurationError::NotPositive(text.to_owned()))?;
    if duration > DAY {
        return Err(DurationError::TooLong(text.to_owned()));
    }
    Ok(duration)
}

/// Renders a duration as `4m12s`, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Human(pub Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match (hours, minutes) {
            (0, 0) => write!(f, "{rest}s"),
            (0, _) if rest == 0 => write!(f, "{minutes}m"),
            (0, _) => write!(f, "{minutes}m{rest}s"),
            (_, 0) => write!(f, "{hours}h"),
            _ => write!(f, "{hours}h{minutes}m"),
        }
    }
}

/// Returns the time from `since` to `now`; zero if `since` is in the future.
#[must_use]
pub fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// Returns `at` plus `by`; the latest timestamp on overflow.
#[must_use]
pub fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_units() {
        let rows = [
            ("90s", 90),
            ("5m", 300),
            ("1m30s", 90),
            ("1h", 3600),
            (" 2m ", 120),
            ("24h", 86_400),
        ];
        for (text, seconds) in rows {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn wrong_durations_say_what_to_write() {
        let rows = [
            ("60", "`60` has no unit; write `60s` or `60m`"),
            (
                "soon",
                "`soon` is not a duration; write for example `90s`, `5m` or `1m30s`",
            ),
            (
                "",
                "`` is not a duration; write for example `90s`, `5m` or `1m30s`",
            ),
            (
                "0s",
                "`0s` is not longer than zero; write for example `90s` or `5m`",
            ),
            (
                "-5m",
                "`-5m` is not longer than zero; write for example `90s` or `5m`",
            ),
            ("25h", "`25h` is longer than a day; write at most `24h`"),
        ];
        for (text, says) in rows {
            assert_eq!(parse(text).unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn durations_are_shown_as_people_say_them() {
        let rows = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (252, "4m12s"),
            (3600, "1h"),
            (5400, "1h30m"),
        ];
        for (seconds, shown) in rows {
            assert_eq!(Human(Duration::from_secs(seconds)).to_string(), shown);
        }
    }
}
