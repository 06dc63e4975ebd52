//! Which requests are sent again: reads, and not for long.
//!
//! kube's own default repeats every verb up to 15 times (kube-client 5.0 `client/retry.rs`), a
//! patch with an unknown outcome included, and waits for as long as `Retry-After` says.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use rollguard_core::duration::Human;
use rollguard_core::policy::BLIND_LIMIT;
use rollguard_network::Listener;
use tokio::time::{Sleep, sleep};
use tower::retry::Policy;

use crate::error::Cause;
use crate::http::Once;
use crate::login::BoxError;
use crate::patience::{jittered, nth_pause};
use crate::request::retry_after;

/// The pauses before a read is sent again after 429, 503 or 504, unless the server asks for a longer one.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];
/// The longest wait that the server may ask for: with three of them, a read ends within its 30 s
/// (`request::READ_LIMIT`).
const LONGEST_ASKED: Duration = Duration::from_secs(5);

/// Repeats reads, unless they are marked as sent once. Watches have a back-off of their own, too.
#[derive(Clone)]
pub(super) struct ReadsOnly {
    server: String,
    listener: Listener,
    failures: usize,
}

impl ReadsOnly {
    /// `server` names the API server in what the listener hears.
    pub(super) fn new(server: String, listener: Listener) -> Self {
        Self {
            server,
            listener,
            failures: 0,
        }
    }

    /// Says why a read failed, if it may be repeated: here, or by the one who asked (`patience`).
    fn tell(&self, request: &Request<Body>, why: &str) {
        // The session speaks of its watches.
        let query = request.uri().query().unwrap_or_default();
        if query.split('&').any(|it| it.starts_with("watch=")) {
            return;
        }
        let (server, limit) = (&self.server, Human(BLIND_LIMIT));
        self.listener
            .repeated(&format!("{server}: {why} (reads are repeated for {limit})"));
    }
}

impl<B> Policy<Request<Body>, Response<B>, BoxError> for ReadsOnly {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<B>, BoxError>,
    ) -> Option<Self::Future> {
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                if let Some(why) = Cause::passing(error.as_ref()) {
                    self.tell(request, &why);
                }
                return None;
            }
        };
        let status = response.status();
        if !(status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()) {
            return None;
        }
        let asked = retry_after(response.headers());
        let asks = asked.map_or_else(String::new, |it| {
            format!(", and asks to wait {}", Human(it))
        });
        self.tell(request, &format!("answered {status}{asks}"));
        let again = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        if !again || self.failures == PAUSES.len() {
            return None;
        }
        let own = jittered(nth_pause(&PAUSES, self.failures));
        self.failures += 1;
        Some(sleep(own.max(asked.unwrap_or_default().min(LONGEST_ASKED))))
    }

    /// Only what was cloned can be sent again.
    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let once = request.extensions().get::<Once>().is_some();
        if request.method() == Method::GET && !once {
            super::bearer::copy(request)
        } else {
            None
        }
    }
}
