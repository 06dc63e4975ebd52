//! Classifies the errors of a watcher, and counts the pauses between attempts.

use std::time::Duration;

use kube::runtime::watcher;
use rollguard_core::observation::Blindness;
use tokio::time::Instant;

use crate::error::Cause;

/// A second error within this time is reported.
const HICCUP: Duration = Duration::from_secs(5);
/// The pauses between attempts while blind, without jitter: one client has no herd to scatter.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];
/// The pause while forbidden: a role binding does not come within seconds.
const FORBIDDEN_PAUSE: Duration = Duration::from_secs(30);

/// How to recover from an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Poll the same watcher again: it resumes where it was.
    Resume,
    /// List again, at once and without a report.
    Relist,
    /// Report that the resource cannot be seen, wait, then list again.
    Blind(Blindness, Duration),
}

/// Counts the errors of one resource.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    last: Option<Instant>,
    blind: usize,
}

impl Backoff {
    /// Resets the pauses: the resource was listed or watched.
    pub(super) const fn clear(&mut self) {
        self.blind = 0;
    }

    /// Classifies an error.
    pub(super) fn judge(&mut self, error: watcher::Error) -> Recovery {
        let now = Instant::now();
        let last = self.last.replace(now);
        let again = last.is_some_and(|last| now.duration_since(last) < HICCUP);
        let hiccup = hiccup(&error).filter(|_| !again && self.blind == 0);
        hiccup.unwrap_or_else(|| self.blinded(cause_of(error).blindness()))
    }

    /// Counts a list that did not end in time.
    pub(super) fn silence(&mut self, limit: Duration) -> Recovery {
        self.blinded(Cause::Silence(limit).blindness())
    }

    fn blinded(&mut self, why: Blindness) -> Recovery {
        let pause = if matches!(why, Blindness::Forbidden { .. }) {
            FORBIDDEN_PAUSE
        } else {
            let longest = PAUSES.last().copied().unwrap_or_default();
            PAUSES.get(self.blind).copied().unwrap_or(longest)
        };
        self.blind += 1;
        Recovery::Blind(why, pause)
    }
}

/// Returns how to recover silently from an error that happens once.
///
/// A stream that broke is resumed; a version that is too old (410) or an object that cannot be read
/// asks for a new list. A refused list or watch is always reported.
fn hiccup(error: &watcher::Error) -> Option<Recovery> {
    let expired = |error: &kube::Error| matches!(error, kube::Error::Api(it) if it.code == 410);
    match error {
        watcher::Error::WatchFailed(kube::Error::SerdeError(_) | kube::Error::Api(_))
        | watcher::Error::WatchError(_)
        | watcher::Error::NoResourceVersion => Some(Recovery::Relist),
        watcher::Error::WatchFailed(_) => Some(Recovery::Resume),
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => {
            expired(error).then_some(Recovery::Relist)
        }
    }
}

fn cause_of(error: watcher::Error) -> Cause {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error.into(),
        watcher::Error::WatchError(status) => (*status).into(),
        watcher::Error::NoResourceVersion => {
            Cause::Malformed("an object without resourceVersion".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn api(code: u16) -> kube::Error {
        kube::Error::Api(Status::failure("m", "").with_code(code).boxed())
    }

    fn broken() -> watcher::Error {
        watcher::Error::WatchFailed(kube::Error::ReadEvents(std::io::Error::other("reset")))
    }

    fn pause(next: &Recovery) -> Option<Duration> {
        match next {
            Recovery::Blind(_, pause) => Some(*pause),
            Recovery::Resume | Recovery::Relist => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_stream_is_resumed_once_and_then_told() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.judge(broken()), Recovery::Resume);
        assert!(matches!(
            backoff.judge(broken()),
            Recovery::Blind(Blindness::Disconnected { .. }, _)
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn streams_that_break_now_and_then_are_resumed_each_time() {
        let mut backoff = Backoff::default();
        for _ in 0..3 {
            assert_eq!(backoff.judge(broken()), Recovery::Resume);
            tokio::time::advance(HICCUP).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_version_is_listed_anew_without_a_word() {
        let errors = [
            watcher::Error::WatchError(
                Status::failure("too old", "Expired").with_code(410).boxed(),
            ),
            watcher::Error::InitialListFailed(api(410)),
            watcher::Error::WatchStartFailed(api(410)),
        ];
        for error in errors {
            assert_eq!(Backoff::default().judge(error), Recovery::Relist);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_at_once_and_not_asked_about_often() {
        for error in [
            watcher::Error::InitialListFailed(api(403)),
            watcher::Error::WatchStartFailed(api(403)),
        ] {
            let next = Backoff::default().judge(error);
            assert!(
                matches!(&next, Recovery::Blind(Blindness::Forbidden { .. }, _)),
                "{next:?}"
            );
            assert_eq!(pause(&next), Some(FORBIDDEN_PAUSE));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_grow_to_five_seconds_and_begin_anew_after_sight() {
        let mut backoff = Backoff::default();
        let mut pauses = || -> Vec<u128> {
            let judged = (0..6).map(|_| backoff.judge(watcher::Error::InitialListFailed(api(500))));
            let found = judged
                .filter_map(|it| pause(&it))
                .map(|it| it.as_millis())
                .collect();
            backoff.clear();
            found
        };
        let expected = [500, 1000, 2000, 4000, 5000, 5000];
        assert_eq!(pauses(), expected);
        assert_eq!(pauses(), expected);
    }
}
