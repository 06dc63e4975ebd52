//! What kube's watcher does not see of its own watches: that they are begun in a rush, and that
//! they ended by nobody's word.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Request;
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;
use tower::service_fn;

use super::WATCH_SECONDS;
use crate::error::Silence;
use crate::login::BoxError;

/// The least time between the beginnings of two watches of one resource. kube's watcher resumes a
/// watch that ended cleanly at once (kube-runtime 5.0 `watcher.rs`, `State::Watching`); behind a
/// gateway that ends every watch it would never pause.
const BETWEEN_WATCHES: Duration = Duration::from_millis(500);

/// After how long the API server must have ended a watch: when it was asked to, and some more.
const LONGEST_WATCH: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 3);

/// The same client, for one resource.
///
/// A watch that outlived the time at which the server was to end it had stalled: kube's watcher
/// gave it up (`next_with_idle_timeout`) and would now go on as if nothing had been missed. The
/// attempt to go on fails instead, so that the resource counts as lost and is listed anew.
pub(super) fn paced(client: &Client) -> Client {
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

/// When the request may be sent; a list at any time, and it begins a new count.
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
