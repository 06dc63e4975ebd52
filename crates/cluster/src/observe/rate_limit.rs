//! Limits the rate of watch requests, and detects watches that stalled: kube's watcher does neither.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;
use tower::service_fn;

use crate::error::Silence;
use crate::http::Once;
use crate::login::BoxError;

/// After how long the API server is asked to end a watch; kube then resumes it where it was. A
/// watch that stalled is given up 5 s after its last word (kube-runtime 5.0 `watcher.rs`,
/// `WATCH_IDLE_TIMEOUT_MARGIN`). With kube's default of 290 s a verdict could rest on a view that
/// is minutes old; four watches of 10 s cost the server less than one request every 2 s.
pub(super) const WATCH_SECONDS: u32 = 10;

/// The least time between the starts of two watches of one resource. kube's watcher resumes a
/// watch that ended cleanly at once (kube-runtime 5.0 `watcher.rs`, `State::Watching`); behind a
/// gateway that ends every watch it would never pause.
const BETWEEN_WATCHES: Duration = Duration::from_millis(500);

/// The least time between two requests for one resource while they fail; one more page of a list is
/// no request of its own. A list may succeed and the watch after it be refused for ever: without a
/// limit that is as fast as the server answers.
const BETWEEN_FAILURES: Duration = Duration::from_secs(1);

/// After how long the API server must have ended a watch: when it was asked to, and some more.
const LONGEST_WATCH: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 3);

/// Wraps a client for the watch of one resource.
///
/// A watch that outlived the time at which the server should have ended it had stalled: kube's watcher
/// gives it up (`next_with_idle_timeout`) and resumes it as if nothing had been missed. Here that
/// resumption fails, so that the resource counts as lost and is listed again.
///
/// Nor may watches end one after the other without a word: an API server sends each at least a bookmark before it
/// ends it, so that after three of them the resource is compared with a list. `bookmarks`: whether it sends them for
/// this resource; where it does not, only watches that end before their time count.
pub(super) fn rate_limited(client: &Client, bookmarks: bool) -> Client {
    let namespace = client.default_namespace().to_owned();
    let client = client.clone();
    let rate = Arc::new(Mutex::new(Rate {
        bookmarks,
        ..Rate::default()
    }));
    let send = service_fn(move |mut request: Request<Body>| {
        let client = client.clone();
        let rate = Arc::clone(&rate);
        // The repetitions of the client would not keep to the rate.
        request.extensions_mut().insert(Once);
        let kind = Kind::of(&request);
        let turn = locked(&rate).turn(kind);
        async move {
            tokio::time::sleep_until(turn?).await;
            let answer = client.send(request).await.map_err(BoxError::from);
            let succeeded = answer.as_ref().is_ok_and(|it| it.status().is_success());
            locked(&rate).answered(kind, succeeded);
            answer.map(|answer| {
                answer.map(|body| {
                    body.map_frame(move |frame| {
                        // Each event is a line; a part of one says nothing.
                        if frame.data_ref().is_some_and(|it| it.contains(&b'\n')) {
                            locked(&rate).said = true;
                        }
                        frame
                    })
                })
            })
        }
    });
    Client::new(send, namespace)
}

fn locked(rate: &Mutex<Rate>) -> MutexGuard<'_, Rate> {
    rate.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    /// One more page of a list.
    Page,
    Watch,
}

impl Kind {
    fn of(request: &Request<Body>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let mut pairs = query.split('&');
        if pairs.clone().any(|pair| pair == "watch=true") {
            Self::Watch
        } else if pairs.any(|pair| pair.starts_with("continue=")) {
            Self::Page
        } else {
            Self::List
        }
    }
}

/// The requests for one resource, and their results.
#[derive(Debug, Default)]
struct Rate {
    /// When the newest request was sent.
    sent: Option<Instant>,
    /// When the newest watch was started, unless a list came after it.
    watched: Option<Instant>,
    /// Whether requests fail; a watch that starts ends that.
    failing: bool,
    /// Whether the API server sends bookmarks for the resource.
    bookmarks: bool,
    /// Whether anything came since the newest watch was started.
    said: bool,
    /// How many watches have ended without a word since the last list.
    silent: u32,
}

/// So many watches may end without a word.
const SILENT_WATCHES: u32 = 3;

/// A watch that lasted this long was not ended before its time.
const WHOLE_WATCH: Duration = Duration::from_secs(WATCH_SECONDS as u64 - 1);

/// Watches that bring nothing, not even a bookmark; travels through kube as a boxed error.
#[derive(Debug, thiserror::Error)]
#[error("{SILENT_WATCHES} watches ended without a word")]
struct Wordless;

impl Rate {
    /// Returns when a request may be sent. A list starts a new count of watches.
    fn turn(&mut self, kind: Kind) -> Result<Instant, BoxError> {
        let now = Instant::now();
        let watched = self.watched.take();
        if kind == Kind::Page {
            return Ok(now);
        }
        let spaced = self.sent.filter(|_| self.failing);
        let mut at = spaced.map_or(now, |sent| now.max(sent + BETWEEN_FAILURES));
        if kind == Kind::Watch {
            if let Some(last) = watched {
                let lasted = now.duration_since(last);
                if lasted > LONGEST_WATCH {
                    return Err(Silence(LONGEST_WATCH).into());
                }
                self.note_end(lasted);
                if self.silent >= SILENT_WATCHES {
                    self.silent = 0;
                    return Err(Wordless.into());
                }
                at = at.max(last + BETWEEN_WATCHES);
            }
            self.watched = Some(at);
            self.said = false;
        } else {
            self.silent = 0;
        }
        self.sent = Some(at);
        Ok(at)
    }

    /// Counts the end of a watch that lasted so long.
    fn note_end(&mut self, lasted: Duration) {
        if self.said {
            self.silent = 0;
        } else if self.bookmarks || lasted < WHOLE_WATCH {
            self.silent += 1;
        }
    }

    /// A list that succeeds does not show that a watch does.
    fn answered(&mut self, kind: Kind, succeeded: bool) {
        self.failing = !succeeded || (self.failing && kind != Kind::Watch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether the fourth watch in a row is refused, and the resource listed, where the first three end so.
    async fn is_compared(bookmarks: bool, seconds: u64, says: bool) -> bool {
        let mut rate = Rate {
            bookmarks,
            ..Rate::default()
        };
        rate.turn(Kind::List).unwrap();
        for _ in 0..SILENT_WATCHES {
            rate.turn(Kind::Watch).unwrap();
            rate.said = says;
            tokio::time::advance(Duration::from_secs(seconds)).await;
        }
        rate.turn(Kind::Watch).is_err_and(|it| it.is::<Wordless>())
    }

    #[tokio::test(start_paused = true)]
    async fn watches_that_end_without_a_word_are_compared_with_a_list() {
        let rows = [
            ("not even a bookmark", true, 10, false, true),
            ("a bookmark", true, 10, true, false),
            ("no bookmarks are sent", false, 10, false, false),
            ("ended before their time", false, 2, false, true),
            ("ended early, with an event", false, 2, true, false),
        ];
        for (says, bookmarks, seconds, said, compared) in rows {
            let found = is_compared(bookmarks, seconds, said).await;
            assert_eq!(found, compared, "{says}");
        }
    }
}
