//! The time that a server asks to wait.

use std::time::Duration;

/// The longest wait that is believed: a larger value is a mistake of the server.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3), compared with the answer's own
/// `Date`, because the clock of this machine may be wrong.
///
/// At most [`LONGEST_WAIT`]; `None` for what is neither, and for a date without a `Date` beside it.
#[must_use]
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time, too.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(date?.trim()).ok()?;
    // One that has passed asks for no wait.
    let wait = until.duration_since(now).unwrap_or_default();
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "Thu, 01 Jan 2026 10:00:00 GMT";

    #[test]
    fn seconds_and_dates_are_read_and_absurd_ones_are_capped() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let rows = [
            ("seconds", "17", Some(NOW), seconds(17)),
            ("seconds need no date", "17", None, seconds(17)),
            ("space around them", " 1 ", None, seconds(1)),
            ("none", "0", None, seconds(0)),
            (
                "a date",
                "Thu, 01 Jan 2026 10:00:30 GMT",
                Some(NOW),
                seconds(30),
            ),
            (
                "a date that has passed",
                "Thu, 01 Jan 2026 09:00:00 GMT",
                Some(NOW),
                seconds(0),
            ),
            (
                "a date without one beside it",
                "Thu, 01 Jan 2026 10:00:30 GMT",
                None,
                None,
            ),
            (
                "a date beside nonsense",
                "Thu, 01 Jan 2026 10:00:30 GMT",
                Some("soon"),
                None,
            ),
            ("a week", "604800", None, Some(LONGEST_WAIT)),
            (
                "more than fits",
                "99999999999999999999999",
                None,
                Some(LONGEST_WAIT),
            ),
            (
                "the end of time",
                "Fri, 31 Dec 9999 23:59:59 GMT",
                Some(NOW),
                Some(LONGEST_WAIT),
            ),
            ("a negative number", "-5", Some(NOW), None),
            ("a fraction", "1.5", Some(NOW), None),
            ("words", "soon", Some(NOW), None),
            ("nothing", "", Some(NOW), None),
        ];
        for (says, value, date, expected) in rows {
            assert_eq!(retry_after(value, date), expected, "{says}");
        }
    }
}
