//! Classifies the errors of a watcher, and counts the pauses between attempts.

use std::time::Duration;

use kube::runtime::watcher;
use rollguard_core::observation::Blindness;
use tokio::time::Instant;

use crate::error::Cause;
use crate::patience::{jittered, nth_pause};

/// A second error within this time is reported.
const HICCUP: Duration = Duration::from_secs(5);
/// The pauses between attempts while blind, and before a list in place of a watch that fails; each is
/// lengthened by up to a quarter.
///
/// The longest is short enough that an outage of 25 s is over, and seen to be over, within the blind
/// limit of 30 s. One list every few seconds is as good as a watch: what was listed is a fresh look.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
];
/// After this time without an error the polls begin with the shortest pause again.
const CALM: Duration = Duration::from_secs(30);
/// The pause while forbidden: a role binding does not come within seconds.
const FORBIDDEN_PAUSE: Duration = Duration::from_secs(30);

/// How to recover from an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Poll the same watcher again: it resumes where it was.
    Resume,
    /// Wait, then list again without a report: a list that fails is reported.
    Relist(Duration),
    /// Report that the resource cannot be seen, wait, then list again.
    Blind(Blindness, Duration),
}

/// Counts the errors of one resource.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    last: Option<Instant>,
    blind: usize,
    polls: usize,
}

impl Backoff {
    /// Resets the pauses while blind: the resource was listed.
    pub(super) const fn listed(&mut self) {
        self.blind = 0;
    }

    /// Resets all pauses: a watch brought something.
    pub(super) const fn watched(&mut self) {
        self.blind = 0;
        self.polls = 0;
    }

    /// Classifies an error.
    pub(super) fn judge(&mut self, error: watcher::Error) -> Recovery {
        let now = Instant::now();
        let last = self.last.replace(now);
        let within = |time| last.is_some_and(|last| now.duration_since(last) < time);
        if !within(CALM) {
            self.polls = 0;
        }
        if let Some(hiccup) = hiccup(&error).filter(|_| !within(HICCUP) && self.blind == 0) {
            return hiccup;
        }
        let of_list = matches!(error, watcher::Error::InitialListFailed(_));
        let cause = cause_of(error);
        // What was not heard of a watch that stalled may be old: that is reported.
        if of_list || matches!(cause, Cause::Silence(_)) {
            return self.blinded(cause.blindness());
        }
        match cause.blindness() {
            why @ (Blindness::Forbidden { .. } | Blindness::Unauthorized { .. }) => {
                self.blinded(why)
            }
            Blindness::Disconnected { .. } => {
                let pause = jittered(nth_pause(&PAUSES, self.polls));
                self.polls += 1;
                Recovery::Relist(pause)
            }
        }
    }

    /// Counts a list that did not end in time.
    pub(super) fn silence(&mut self, limit: Duration) -> Recovery {
        self.blinded(Cause::Silence(limit).blindness())
    }

    fn blinded(&mut self, why: Blindness) -> Recovery {
        let pause = if matches!(why, Blindness::Forbidden { .. }) {
            FORBIDDEN_PAUSE
        } else {
            jittered(nth_pause(&PAUSES, self.blind))
        };
        self.blind += 1;
        Recovery::Blind(why, pause)
    }
}

/// Returns how to recover silently from an error that happens once.
///
/// A stream that broke is resumed; a version that is too old (410) or an object that cannot be read
/// asks for a new list. A refused list is always reported; where a watch is refused the resource is
/// listed again and again.
fn hiccup(error: &watcher::Error) -> Option<Recovery> {
    let expired = |error: &kube::Error| matches!(error, kube::Error::Api(it) if it.code == 410);
    match error {
        watcher::Error::WatchFailed(kube::Error::SerdeError(_) | kube::Error::Api(_))
        | watcher::Error::WatchError(_)
        | watcher::Error::NoResourceVersion => Some(Recovery::Relist(Duration::ZERO)),
        watcher::Error::WatchFailed(_) => Some(Recovery::Resume),
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => {
            expired(error).then_some(Recovery::Relist(Duration::ZERO))
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
            Recovery::Resume | Recovery::Relist(_) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_stream_is_resumed_once_and_then_listed() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.judge(broken()), Recovery::Resume);
        let Recovery::Relist(pause) = backoff.judge(broken()) else {
            panic!("{backoff:?}");
        };
        assert!(is_about(pause, PAUSES[0]), "{pause:?}");
    }

    fn is_about(pause: Duration, wanted: Duration) -> bool {
        pause >= wanted && pause <= wanted * 5 / 4
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_is_refused_for_ever_is_polled_for() {
        for code in [405, 410, 500] {
            let mut backoff = Backoff::default();
            let mut polls = Vec::new();
            for _ in 0..6 {
                let refused = watcher::Error::WatchStartFailed(api(code));
                match backoff.judge(refused) {
                    // Once at once where the version was too old.
                    Recovery::Relist(Duration::ZERO) => {}
                    Recovery::Relist(pause) => {
                        polls.push(pause);
                        tokio::time::advance(pause).await;
                    }
                    other @ (Recovery::Resume | Recovery::Blind(..)) => {
                        panic!("{code}: {other:?}")
                    }
                }
                backoff.listed();
            }
            assert!(polls.len() >= 5, "{code}: {polls:?}");
            for (poll, pause) in polls.iter().enumerate() {
                let wanted = nth_pause(&PAUSES, poll);
                assert!(is_about(*pause, wanted), "{code}: {polls:?}");
            }
            let list = backoff.judge(watcher::Error::InitialListFailed(api(code)));
            let told = matches!(list, Recovery::Blind(Blindness::Disconnected { .. }, _));
            assert!(told, "{code}: {list:?}");
        }
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
            let next = Backoff::default().judge(error);
            assert_eq!(next, Recovery::Relist(Duration::ZERO));
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
        for _ in 0..2 {
            for seconds in [1, 2, 3, 3, 3] {
                let next = backoff.judge(watcher::Error::InitialListFailed(api(500)));
                let wanted = Duration::from_secs(seconds);
                assert!(is_about(pause(&next).unwrap(), wanted), "{next:?}");
            }
            backoff.listed();
        }
    }
}
