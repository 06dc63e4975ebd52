//! Reads outside the watches: one that fails for a reason that passes is repeated.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use rollguard_core::policy::BLIND_LIMIT;
use tokio::time::Instant;

use crate::error::Cause;

/// The pauses before a read is repeated; the last one stays.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];

/// Reads, and reads again while the failure is one that may pass, for as long as a watch may be out
/// of sight: an API server that is replaced resets connections and answers with errors for some
/// seconds, and a gateway before it does so with pages of its own.
pub(crate) async fn patiently<T, F>(mut read: impl FnMut() -> F) -> Result<T, Cause>
where
    F: Future<Output = Result<T, Cause>>,
{
    let begun = Instant::now();
    let mut failures = 0;
    loop {
        let cause = match read().await {
            Err(cause) if cause.may_pass() => cause,
            settled => return settled,
        };
        let pause = jittered(nth_pause(&PAUSES, failures));
        if begun.elapsed() + pause > BLIND_LIMIT {
            return Err(cause);
        }
        failures += 1;
        tokio::time::sleep(pause).await;
    }
}

/// The pause before the next try after so many earlier failures.
pub(crate) fn own_pause(failures: u32) -> Duration {
    let failures = usize::try_from(failures).unwrap_or(usize::MAX);
    jittered(nth_pause(&PAUSES, failures))
}

/// The pause after so many failures; the longest one stays.
pub(crate) fn nth_pause(pauses: &[Duration], failures: usize) -> Duration {
    let longest = pauses.last().copied().unwrap_or_default();
    pauses.get(failures).copied().unwrap_or(longest)
}

/// A pause, longer by up to a quarter: jobs that lost the same API server do not all come back at once.
pub(crate) fn jittered(pause: Duration) -> Duration {
    // The standard library's only source of randomness; no secret depends on it.
    let random = RandomState::new().hash_one(0_u8);
    pause + pause / 4 * u32::from(random.to_le_bytes()[0]) / 256
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::OwnStatus;

    fn network() -> Cause {
        Cause::Network("connection reset".to_owned())
    }

    fn answer(code: u16, reason: &str, about: &str) -> Cause {
        let own = OwnStatus {
            reason: reason.to_owned(),
            about: about.to_owned(),
        };
        let own = (!reason.is_empty()).then(|| Box::new(own));
        Cause::Answer {
            code,
            message: "m".to_owned(),
            own,
        }
    }

    /// How often it is read when the first reads fail so, and whether the last one succeeds.
    async fn reads(failing: u32, failure: impl Fn() -> Cause) -> (u32, bool) {
        let count = Cell::new(0);
        let read = patiently(|| {
            count.set(count.get() + 1);
            let failed = (count.get() <= failing).then(&failure);
            async move { failed.map_or(Ok(()), Err) }
        });
        let succeeded = read.await.is_ok();
        (count.get(), succeeded)
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_read_again_and_what_will_not_is_told_at_once() {
        type Row = (&'static str, fn() -> Cause, bool);
        let rows: [Row; 15] = [
            ("a reset", network, true),
            ("a name", || Cause::Name("not known".to_owned()), true),
            ("silence", || Cause::Silence(Duration::from_secs(1)), true),
            ("a cut answer", || Cause::Malformed("EOF".to_owned()), true),
            ("overload", || answer(429, "TooManyRequests", ""), true),
            ("a failure", || answer(500, "InternalError", ""), true),
            ("a gateway's 502", || answer(502, "", ""), true),
            ("a gateway's 404", || answer(404, "", ""), true),
            (
                "a resource not served yet",
                || answer(404, "NotFound", ""),
                true,
            ),
            ("no such object", || answer(404, "NotFound", "web"), false),
            ("no permission", || answer(403, "Forbidden", ""), false),
            ("no credentials", || answer(401, "Unauthorized", ""), false),
            ("a bad selector", || answer(400, "BadRequest", ""), false),
            ("an expired page", || answer(410, "Expired", ""), true),
            (
                "a wrong certificate",
                || Cause::Tls("unknown".to_owned()),
                false,
            ),
        ];
        for (says, failure, again) in rows {
            let expected = if again { (2, true) } else { (1, false) };
            assert_eq!(reads(1, failure).await, expected, "{says}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_blind_limit_the_last_failure_is_told() {
        let begun = Instant::now();
        let (count, succeeded) = reads(u32::MAX, network).await;
        assert!(!succeeded);
        let took = begun.elapsed();
        assert!(
            took <= BLIND_LIMIT && took + PAUSES[3] * 5 / 4 >= BLIND_LIMIT,
            "{took:?}"
        );
        assert!((6..=9).contains(&count), "{count}");
    }

    #[test]
    fn a_pause_is_lengthened_by_a_quarter_at_most() {
        let pause = Duration::from_secs(4);
        for _ in 0..100 {
            let longer = jittered(pause);
            assert!(longer >= pause && longer <= pause * 5 / 4, "{longer:?}");
        }
    }
}
