//! What a watcher's error means, and how to go on.

use std::time::Duration;

use kube::runtime::watcher;
use rollguard_core::observation::Blindness;
use tokio::time::Instant;

use crate::error::Cause;

/// A second trouble within this time is more than a hiccup.
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

/// How to go on after an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Poll the same watcher again: it resumes where it was.
    Resume,
    /// List anew, at once; nobody needs to know.
    Relist,
    /// Tell that nothing is seen, wait, then list anew.
    Blind(Blindness, Duration),
}

/// Counts troubles of one resource.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    last: Option<Instant>,
    blind: usize,
}

impl Troubles {
    /// The resource is in sight.
    pub(super) const fn clear(&mut self) {
        self.blind = 0;
    }

    /// Judges an error.
    pub(super) fn judge(&mut self, error: watcher::Error) -> Next {
        let now = Instant::now();
        let last = self.last.replace(now);
        let again = last.is_some_and(|last| now.duration_since(last) < HICCUP);
        let hiccup = hiccup(&error).filter(|_| !again && self.blind == 0);
        hiccup.unwrap_or_else(|| self.blinded(cause_of(error).blindness()))
    }

    /// The list did not come to an end.
    pub(super) fn silence(&mut self, limit: Duration) -> Next {
        self.blinded(Cause::Silence(limit).blindness())
    }

    fn blinded(&mut self, why: Blindness) -> Next {
        let pause = if matches!(why, Blindness::Forbidden { .. }) {
            FORBIDDEN_PAUSE
        } else {
            let longest = PAUSES.last().copied().unwrap_or_default();
            PAUSES.get(self.blind).copied().unwrap_or(longest)
        };
        self.blind += 1;
        Next::Blind(why, pause)
    }
}

/// What is no blindness if it happens once: a stream that broke is resumed, a version that is too
/// old (410) or an object that cannot be read asks for a new list. A refused list or watch is
/// never a hiccup.
fn hiccup(error: &watcher::Error) -> Option<Next> {
    let expired = |error: &kube::Error| matches!(error, kube::Error::Api(it) if it.code == 410);
    match error {
        watcher::Error::WatchFailed(kube::Error::SerdeError(_) | kube::Error::Api(_))
        | watcher::Error::WatchError(_)
        | watcher::Error::NoResourceVersion => Some(Next::Relist),
        watcher::Error::WatchFailed(_) => Some(Next::Resume),
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => {
            expired(error).then_some(Next::Relist)
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

    fn pause(next: &Next) -> Option<Duration> {
        match next {
            Next::Blind(_, pause) => Some(*pause),
            Next::Resume | Next::Relist => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_stream_is_resumed_once_and_then_told() {
        let mut troubles = Troubles::default();
        assert_eq!(troubles.judge(broken()), Next::Resume);
        assert!(matches!(
            troubles.judge(broken()),
            Next::Blind(Blindness::Disconnected { .. }, _)
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn streams_that_break_now_and_then_are_resumed_each_time() {
        let mut troubles = Troubles::default();
        for _ in 0..3 {
            assert_eq!(troubles.judge(broken()), Next::Resume);
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
            assert_eq!(Troubles::default().judge(error), Next::Relist);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_at_once_and_not_asked_about_often() {
        for error in [
            watcher::Error::InitialListFailed(api(403)),
            watcher::Error::WatchStartFailed(api(403)),
        ] {
            let next = Troubles::default().judge(error);
            assert!(
                matches!(&next, Next::Blind(Blindness::Forbidden { .. }, _)),
                "{next:?}"
            );
            assert_eq!(pause(&next), Some(FORBIDDEN_PAUSE));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_grow_to_five_seconds_and_begin_anew_after_sight() {
        let mut troubles = Troubles::default();
        let mut pauses = || -> Vec<u128> {
            let judged =
                (0..6).map(|_| troubles.judge(watcher::Error::InitialListFailed(api(500))));
            let found = judged
                .filter_map(|it| pause(&it))
                .map(|it| it.as_millis())
                .collect();
            troubles.clear();
            found
        };
        let expected = [500, 1000, 2000, 4000, 5000, 5000];
        assert_eq!(pauses(), expected);
        assert_eq!(pauses(), expected);
    }
}
