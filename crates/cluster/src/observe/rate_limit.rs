//! Limits the rate of watch requests, and detects watches that stalled: kube's watcher does neither.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Request;
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;
use tower::service_fn;

use crate::error::Silence;
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

/// After how long the API server must have ended a watch: when it was asked to, and some more.
const LONGEST_WATCH: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 3);

/// Wraps a client for the watch of one resource.
///
/// A watch that outlived the time at which the server should have ended it had stalled: kube's watcher
/// gives it up (`next_with_idle_timeout`) and resumes it as if nothing had been missed. Here that
/// resumption fails, so that the resource counts as lost and is listed again.
pub(super) fn rate_limited(client: &Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let client = client.clone();
    let begun = Arc::new(Mutex::new(None));
    let send = service_fn(move |request: Request<Body>| {
        let client = client.clone();
        let turn = turn(&begun, is_watch(&request));
        async move {
            if let Some(at) = turn? {
                tokio::time::sleep_until(at).await;
            }
            client.send(request).await.map_err(BoxError::from)
        }
    });
    Client::new(send, namespace)
}

fn is_watch(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true")
}

/// Returns when the request may be sent: a list at once, and it starts a new count.
fn turn(begun: &Mutex<Option<Instant>>, watch: bool) -> Result<Option<Instant>, Silence> {
    let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
    let last = begun.take();
    if !watch {
        return Ok(None);
    }
    let now = Instant::now();
    let at = match last {
        Some(last) if now.duration_since(last) > LONGEST_WATCH => {
            return Err(Silence(LONGEST_WATCH));
        }
        Some(last) => now.max(last + BETWEEN_WATCHES),
        None => now,
    };
    *begun = Some(at);
    Ok(Some(at))
}
